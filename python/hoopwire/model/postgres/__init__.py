"""PostgreSQL's part of the model: what a grant opens there, and how a policy writes it."""
