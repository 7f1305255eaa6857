"""Grants, ledger, secrets and audit rows, kept: the interface and its SQLite form.

Does not decide who may have a grant; it decides, in one transaction, whether a token may still buy one.
"""

from hoopwire.store.ids import ulid
from hoopwire.store.interface import (
    AuditRow,
    Joined,
    Minted,
    Redemption,
    Spent,
    Store,
    StoreError,
    StoreUnavailable,
)
from hoopwire.store.secret import SecretHasher, SecretMalformed, mint_secret, secret_grant
from hoopwire.store.sqlite import SqliteStore

__all__ = [
    "AuditRow",
    "Joined",
    "Minted",
    "Redemption",
    "SecretHasher",
    "SecretMalformed",
    "Spent",
    "SqliteStore",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "mint_secret",
    "secret_grant",
    "ulid",
]
