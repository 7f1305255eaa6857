"""Oracles for the lineage of masked columns: what finds its mistakes without sharing its reading of SQL.

- `tree`: PostgreSQL's own analysed tree of a statement says which columns each name means.
- `worlds`: two databases that differ in masked values only; whatever else differs in an answer is a leak.
- `statements` and its neighbours make the statements; `lane` runs them, `make masks-oracle` is its command.
"""
