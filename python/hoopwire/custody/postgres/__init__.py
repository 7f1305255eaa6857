"""Makes PostgreSQL roles for one grant each, and drops them when it ends."""
