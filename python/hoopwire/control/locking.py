"""Locks principals out (their sessions end, their logins are refused) and lets them in again."""

from collections.abc import Iterable, Sequence

from hoopwire.access import issuer_name
from hoopwire.control import texts
from hoopwire.control.keeping import audit_row
from hoopwire.control.locks import lock_event
from hoopwire.control.parts import Denied, Parts
from hoopwire.control.sessions import Seat
from hoopwire.model.api import Where
from hoopwire.model.grant import Grant
from hoopwire.model.identity import Identity, Principal
from hoopwire.model.lock import Lock
from hoopwire.store import LocksLifted, PrincipalLocked, ulid


def check_lock(
    parts: Parts, principal: Principal, *, identity: Identity | None = None, grant: Grant | None = None
) -> None:
    """Denied if operators have locked the principal."""
    lock = parts.locks.on(principal, parts.current.settings)
    if lock is not None:
        raise Denied(texts.principal_locked(lock), identity=identity, grant=grant)


def lock_out(
    parts: Parts, principal: str, issuer: str, *, for_s: float | None, by: str, reason: str
) -> tuple[Lock, list[Seat]]:
    """Lock a principal as of now; it is up to the caller to have it kept. The sessions that it ends.

    `issuer` is the name of an `[issuers.NAME]`, or empty for every issuer.
    """
    now, settings = parts.clock.wall(), parts.current.settings
    known = settings.issuers.get(issuer)
    lock = Lock(
        id="l_" + ulid(now),
        principal=principal,
        issuer=issuer,
        issuers=() if known is None else known.issuers,
        at=now,
        until=None if for_s is None else now + for_s,
        by=by,
        reason=reason,
    )
    parts.locks.add(lock)
    found = []
    for seat in parts.table.seats():
        if lock.names(seat.grant.principal, issuer_name(seat.grant.principal, settings)):
            found.append(seat)
            parts.perform(parts.table.end_session(seat.session, texts.locked(lock)))
    event = lock_event("principal.locked", now, lock, by=by, reason=reason)
    parts.keeping.add(PrincipalLocked(lock=lock), event)
    return lock, found


async def lift(parts: Parts, locks: Sequence[Lock], *, by: str, reason: str) -> Where:
    """Lift locks. They hold on if that could be kept nowhere (`memory`)."""
    now = parts.clock.wall()
    events = [lock_event("principal.unlocked", now, lock, by=by, reason=reason) for lock in locks]
    rows = tuple(map(audit_row, events))
    change = LocksLifted(ids=tuple(lock.id for lock in locks), at=now, by=by, reason=reason, audit=rows)
    parts.keeping.add(change)
    await parts.keeping.keep()
    where = parts.keeping.where(change.key)
    if where == "memory":
        parts.keeping.withdraw(change)
        return where
    parts.locks.remove(change.ids)
    for event in events:
        parts.trail.mirror(event)
    return where


def lift_what_is_over(parts: Parts) -> None:
    """Locks whose time is over end by themselves."""
    now = parts.clock.wall()
    for lock in parts.locks.over():
        parts.locks.remove((lock.id,))
        event = lock_event("principal.unlocked", now, lock, by="time", reason="its time was over")
        parts.keeping.add(LocksLifted(ids=(lock.id,), at=now, by="time", reason="its time was over"), event)


class LocksOfGrants:
    """Locks that come with a revocation: one for each principal of the grants, at the issuer that vouches."""

    def __init__(self, parts: Parts, *, for_s: float | None, by: str, reason: str) -> None:
        self._parts = parts
        self._for_s = for_s
        self._by = by
        self._reason = reason
        self._made: dict[tuple[str, str], tuple[Lock, list[Seat]]] = {}

    @property
    def seats(self) -> list[Seat]:
        """Sessions that the locks ended."""
        return [seat for _, seats in self._made.values() for seat in seats]

    def lock(self, grants: Iterable[Grant]) -> None:
        """Lock the principals of these grants as of now, each once; the caller has it kept."""
        for grant in grants:
            key, issuer = self._who(grant)
            if (key, issuer) not in self._made:
                self._made[key, issuer] = lock_out(
                    self._parts, key, issuer, for_s=self._for_s, by=self._by, reason=self._reason
                )

    def of(self, grant: Grant | None) -> Lock | None:
        """The lock on the principal of the grant."""
        made = None if grant is None else self._made.get(self._who(grant))
        return None if made is None else made[0]

    def seats_of(self, lock: Lock | None) -> list[Seat]:
        """Sessions that this lock ended."""
        return [seat for made, seats in self._made.values() for seat in seats if made is lock]

    def _who(self, grant: Grant) -> tuple[str, str]:
        """An issuer that is configured no more: every issuer is the safe reading."""
        principal = grant.principal
        return principal.key, issuer_name(principal, self._parts.current.settings) or ""
