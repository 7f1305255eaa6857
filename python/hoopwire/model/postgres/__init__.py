"""The Structs of PostgreSQL's actions and obligations, and the grammar that policies write them in."""
