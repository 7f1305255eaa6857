"""What every store can do. SQLite is the first; a shared PostgreSQL will be the second."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from hoopwire.model.grant import Grant, GrantState
from hoopwire.model.lock import Lock
from hoopwire.store.changes import AuditRow, Change


class StoreError(Exception):
    """A store that cannot be used as configured; the text says what to do."""


class StoreUnavailable(StoreError):
    """An operation failed or could not be made durable: nothing may be admitted on it."""


@dataclass(frozen=True)
class Minted:
    """The token bought this new grant."""

    grant: Grant


@dataclass(frozen=True)
class Joined:
    """The token had bought this grant before; it lives, and a further session may use it."""

    grant: Grant


@dataclass(frozen=True)
class Spent:
    """The token bought `grant` and buys nothing more."""

    grant: Grant
    why: Literal["ended", "once", "other_target", "explicit"]


Redemption = Minted | Joined | Spent


class Store(Protocol):
    """Grants, ledger, secrets, audit rows. Every method raises StoreUnavailable when it cannot answer."""

    async def redeem(
        self, offer: Grant, *, now: float, secret_hash: bytes | None = None, audit: Sequence[AuditRow] = ()
    ) -> Redemption:
        """Spend the token `(issuer, jti)` of `offer`: one transaction for ledger, grant, secret and `audit`.

        The first use wins. Later uses are judged by the stricter of the grant's own `token_reuse` and the
        offer's. An explicit offer never joins. `audit` is written only if the answer is Minted.
        """
        ...

    async def grant(self, id: str) -> Grant | None:
        """One grant."""
        ...

    async def grant_by_secret(self, secret_hash: bytes) -> Grant | None:
        """The grant that a secret opens, in whatever state it is."""
        ...

    async def grants(
        self, *, state: GrantState | None = None, limit: int = 1000, of: tuple[str, str] | None = None
    ) -> list[Grant]:
        """Newest first; `of` an issuer string and a principal key."""
        ...

    async def apply(self, change: Change) -> bool:
        """Make one change in one transaction. False, and nothing written, if it changes nothing.

        A grant that is unknown or has ended stays as it is; so does a lock that is known or lifted.
        """
        ...

    async def expire_grants(self, now: float, *, but: Collection[str] = ()) -> list[Grant]:
        """Mark active grants whose time is over, but for these ids; the grants marked now."""
        ...

    async def locks(self, *, in_force: bool) -> list[Lock]:
        """Locks, newest first; `in_force`: those that nobody has lifted, whatever the time is."""
        ...

    async def spellings(self, key: str) -> tuple[str, ...]:
        """Principal keys that grants were made for and that are this one but for upper and lower case."""
        ...

    def hurry(self) -> None:
        """From now on wait for nobody who holds the store: the gateway stops."""
        ...

    async def probe(self, now: float) -> None:
        """Write a little, to know whether it can be."""
        ...

    async def prune_ledger(self, now: float) -> int:
        """Forget tokens that expired long enough ago that no clock error revives them; how many."""
        ...

    async def forget(self, *, audit_before: float | None, grants_before: float | None, limit: int) -> int:
        """Forget at most `limit` audit rows and as many grants that ended before these times; how many.

        None keeps all. A grant whose token is still in the ledger stays.
        """
        ...

    async def append_audit(self, rows: Sequence[AuditRow]) -> None:
        """Keep audit rows, all or none."""
        ...

    async def audit(self, *, grant: str | None = None, limit: int = 1000) -> list[AuditRow]:
        """Newest first."""
        ...

    async def close(self) -> None:
        """Release files and threads."""
        ...
