"""PostgreSQL's part of custody: roles that are made for one grant and dropped with it."""
