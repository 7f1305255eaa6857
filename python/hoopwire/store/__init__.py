"""Grants, ledger, secrets, locks and audit rows, kept: the interface, its SQLite form, the journal beside it.

Does not decide who may have a grant; it decides, in one transaction, whether a token may still buy one.
"""

from hoopwire.store.changes import (
    AuditRow,
    Change,
    GrantEnded,
    GrantNarrowed,
    GrantsUsed,
    LocksLifted,
    PrincipalLocked,
)
from hoopwire.store.ids import ulid
from hoopwire.store.interface import (
    Joined,
    Minted,
    Redemption,
    Spent,
    Store,
    StoreError,
    StoreUnavailable,
)
from hoopwire.store.journal import Journal
from hoopwire.store.secret import SecretHasher, SecretMalformed, mint_secret, secret_grant
from hoopwire.store.sqlite import SqliteStore

__all__ = [
    "AuditRow",
    "Change",
    "GrantEnded",
    "GrantNarrowed",
    "GrantsUsed",
    "Joined",
    "Journal",
    "LocksLifted",
    "Minted",
    "PrincipalLocked",
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
