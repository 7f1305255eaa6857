"""What every store can do. SQLite is the first; a shared PostgreSQL will be the second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from hoopwire.model.grant import Grant, GrantState, Used


class StoreError(Exception):
    """A store that cannot be used as configured; the text says what to do."""


class StoreUnavailable(StoreError):
    """An operation failed or could not be made durable: nothing may be admitted on it."""


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One audit event as the store keeps it."""

    at: float
    """Unix seconds."""
    kind: str
    grant: str = ""
    session: str = ""
    body: str
    """The whole event, one JSON object."""


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

    async def grants(self, *, state: GrantState | None = None, limit: int = 1000) -> list[Grant]:
        """Newest first."""
        ...

    async def end_grant(
        self,
        id: str,
        *,
        state: GrantState,
        by: str,
        reason: str,
        at: float,
        audit: Sequence[AuditRow] = (),
    ) -> bool:
        """Leave `active` for a final state. False, and nothing written, if the grant is unknown or ended."""
        ...

    async def narrow_grant(self, grant: Grant, *, audit: Sequence[AuditRow] = ()) -> bool:
        """Replace what an active grant opens (a reload shrank it). False if it is unknown or ended."""
        ...

    async def keep_used(self, used: Mapping[str, Used]) -> None:
        """Keep what grants (by id) have used of their budgets, all or none. Of each count the larger stays.

        Ended grants too. An id that the store does not know is left out.
        """
        ...

    async def expire_grants(self, now: float) -> list[Grant]:
        """Mark active grants whose time is over; the grants marked now."""
        ...

    async def prune_ledger(self, now: float) -> int:
        """Forget tokens that expired long enough ago that no clock error revives them; how many."""
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
