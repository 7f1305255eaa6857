"""The locks in force, in memory: asked about a principal before anything is given to it.

Rules: a lock counts from the moment it is here, before it is written; it is taken out only after its lifting
is written. A lock with an end holds until both clocks say that it is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from hoopwire.access import issuer_name
from hoopwire.audit import AuditEvent, Kind
from hoopwire.control.clock import Clock
from hoopwire.model.identity import Principal
from hoopwire.model.lock import Lock
from hoopwire.model.settings import Settings
from hoopwire.store import Change, LocksLifted, PrincipalLocked


@dataclass(frozen=True)
class _Held:
    lock: Lock
    deadline_ns: int | None


class Locks:
    """The locks that nobody has lifted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, _Held] = {}

    def add(self, lock: Lock) -> None:
        """From now on it holds."""
        deadline = None
        if lock.until is not None:
            deadline = self._clock.monotonic_ns() + int((lock.until - self._clock.wall()) * 1e9)
        self._held.setdefault(lock.id, _Held(lock, deadline))

    def remove(self, ids: Sequence[str]) -> None:
        """They are lifted."""
        for id in ids:
            self._held.pop(id, None)

    def restore(self, changes: Sequence[Change]) -> None:
        """What the store does not know of yet, in order."""
        for change in changes:
            if isinstance(change, PrincipalLocked):
                self.add(change.lock)
            elif isinstance(change, LocksLifted):
                self.remove(change.ids)

    def all(self) -> list[Lock]:
        """Newest first."""
        return sorted((held.lock for held in self._held.values()), key=lambda lock: lock.id, reverse=True)

    def on(self, principal: Principal, settings: Settings) -> Lock | None:
        """A lock that holds this principal."""
        if not self._held:
            return None
        issuer = issuer_name(principal, settings)
        return next((held.lock for held in self._held.values() if held.lock.names(principal, issuer)), None)

    def over(self) -> list[Lock]:
        """Those whose time is over by both clocks: moving one of them opens nothing early."""
        now, monotonic = self._clock.wall(), self._clock.monotonic_ns()
        return [
            held.lock
            for held in self._held.values()
            if held.lock.until is not None
            and held.deadline_ns is not None
            and now >= held.lock.until
            and monotonic >= held.deadline_ns
        ]


def lock_event(kind: Kind, at: float, lock: Lock, *, by: str, reason: str) -> AuditEvent:
    """An event about a lock and whom it names."""
    key, _, id = lock.principal.partition(":")
    event = AuditEvent(
        kind=kind,
        at=at,
        principal=lock.principal,
        code=lock.id,
        expires_at=lock.until or 0,
        by=by,
        reason=reason,
    )
    who = {
        "iss": " ".join(lock.issuers),
        "cid": id if key == "cid" else "",
        "uid": id if key == "uid" else "",
    }
    return msgspec.structs.replace(event, **who)
