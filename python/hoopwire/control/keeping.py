"""Writes what was revoked, narrowed or locked in memory to the store, and never forgets one of these changes.

Rules: whoever makes such a change has carried it out in memory before it comes here. It is written to the
store; while the store cannot be written, to the journal beside it; and it is tried again until the store has
it. Until then `overlay` shows what the store does not know yet. At a start the journal is read first.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import trio

from hoopwire.audit import AuditEvent, AuditTrail, Kind
from hoopwire.control.clock import Clock
from hoopwire.model.api import Where
from hoopwire.model.grant import Grant
from hoopwire.store import (
    AuditRow,
    Change,
    GrantEnded,
    GrantNarrowed,
    Journal,
    LocksLifted,
    PrincipalLocked,
    Store,
    StoreUnavailable,
)

_log = logging.getLogger("hoopwire.store")
_ANSWER_S = 1.0
"""How long the store may take for one change before the journal is asked."""
_RETRY_S = 1.0
_SAY_AGAIN_S = 60.0


@dataclass
class _Waiting:
    change: Change
    event: AuditEvent | None
    where: Where = "memory"
    is_told: bool = False
    """It was said that the store does not have it."""


class Keeping:
    """`add` what happened, `keep` to have it written now, `run` to have it written at last."""

    def __init__(self, store: Store, journal: Journal, trail: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._trail = trail
        self._clock = clock
        self._waiting: dict[tuple[str, str], _Waiting] = {}
        self._one = trio.Lock()
        self._wake = trio.Event()
        self._say_at = 0.0

    def restore(self, changes: Sequence[Change]) -> None:
        """What an earlier run left in the journal."""
        for change in changes:
            self._waiting[change.key] = _Waiting(change, None, "journal", is_told=True)
            self._wake.set()

    def add(self, change: Change, event: AuditEvent | None = None) -> None:
        """A change that happened. `event` goes to the sink once it is written, or known not to be."""
        if isinstance(change, GrantEnded) and change.key in self._waiting:
            # The first end counts, as in the store.
            return
        if event is not None:
            event = self._trail.named(event)
            change = msgspec.structs.replace(change, audit=(audit_row(event),))
        self._waiting[change.key] = _Waiting(change, event)
        self._wake.set()

    def withdraw(self, change: Change) -> None:
        """A change that could be kept nowhere, and shall not be."""
        self._waiting.pop(change.key, None)

    def __len__(self) -> int:
        return len(self._waiting)

    def ends(self) -> list[GrantEnded]:
        """Ends of grants that the store does not know of."""
        changes = (waiting.change for waiting in self._waiting.values())
        return [change for change in changes if isinstance(change, GrantEnded)]

    def end_of(self, grant: str) -> GrantEnded | None:
        """The end of this grant, if the store does not know of it."""
        waiting = self._waiting.get(("end", grant))
        return waiting.change if waiting is not None and isinstance(waiting.change, GrantEnded) else None

    def bought_by(self, issuer: str, jti: str) -> GrantEnded | None:
        """The end, not in the store yet, of a grant that this token bought."""
        return next((end for end in self.ends() if jti and (end.issuer, end.jti) == (issuer, jti)), None)

    def overlay(self, grant: Grant) -> Grant:
        """A grant as the store gave it, with what the store does not know yet."""
        waiting = self._waiting.get(("narrow", grant.id))
        if waiting is not None and isinstance(waiting.change, GrantNarrowed) and grant.state == "active":
            grant = msgspec.structs.replace(waiting.change.grant, used=grant.used)
        end = self.end_of(grant.id)
        if end is None or grant.state != "active":
            return grant
        return msgspec.structs.replace(
            grant, state=end.state, ended_at=end.at, ended_by=end.by, ended_reason=end.reason
        )

    def is_pending(self, grant: str) -> bool:
        """The store does not know yet what became of the grant."""
        return ("end", grant) in self._waiting or ("narrow", grant) in self._waiting

    def where(self, key: tuple[str, str]) -> Where:
        """Where the change of this key is kept."""
        waiting = self._waiting.get(key)
        return "store" if waiting is None else waiting.where

    async def keep(self) -> None:
        """One try for all that waits: the store, else the journal. Never raises for either."""
        async with self._one:
            if not self._journal.is_empty:
                # What comes behind an entry must not be undone by reading the journal again.
                await self._to_journal()
            failure = await self._to_store()
            if self._waiting:
                await self._to_journal()
                self._tell(failure)
            elif not self._journal.is_empty:
                try:
                    await self._journal.clear()
                except OSError as error:
                    self._say(f"the journal could not be emptied: {error}")

    async def run(self) -> None:
        """Try until cancelled."""
        while True:
            while self._waiting or not self._journal.is_empty:
                await self.keep()
                if self._waiting or not self._journal.is_empty:
                    await trio.sleep(_RETRY_S)
            # Last, so that what waits when this is started again after a fault waits for nothing else.
            await self._wake.wait()
            self._wake = trio.Event()

    async def flush(self) -> None:
        """The last try, at the end of a run."""
        with trio.CancelScope(shield=True):
            await self.keep()
        if lost := sum(waiting.where == "memory" for waiting in self._waiting.values()):
            _log.critical(
                "%d revocations or locks are lost: neither store nor journal could be written", lost
            )

    async def _to_store(self) -> str:
        """Why something is left, or nothing."""
        for key, waiting in list(self._waiting.items()):
            failure = f"the store did not answer within {_ANSWER_S:g} s"
            changed: bool | None = None
            with trio.move_on_after(_ANSWER_S):
                try:
                    changed = await self._store.apply(waiting.change)
                except StoreUnavailable as error:
                    failure = str(error)
                except Exception as error:  # of this one: it must not stand before all others
                    _log.exception("a change could not be given to the store")
                    failure = type(error).__name__
            if changed is None:
                # To the end: should it be this one alone that the store does not take.
                for later in (key, *self._liftings_of(waiting.change)):
                    if later != key or self._waiting.get(key) is waiting:
                        self._waiting[later] = self._waiting.pop(later)
                return failure
            self._done(key, waiting, changed)
        return ""

    def _liftings_of(self, change: Change) -> list[tuple[str, str]]:
        """What lifts the lock that this change is: before the lock it would find nothing to lift."""
        if not isinstance(change, PrincipalLocked):
            return []
        return [
            key
            for key, waiting in self._waiting.items()
            if isinstance(waiting.change, LocksLifted) and change.lock.id in waiting.change.ids
        ]

    def _done(self, key: tuple[str, str], waiting: _Waiting, changed: bool) -> None:
        if self._waiting.get(key) is waiting:
            del self._waiting[key]
        if waiting.is_told:
            _log.warning("the store has now: %s", " ".join(key))
            self._record("store.kept_late", waiting, "store", "" if changed else "it had ended already")
        elif changed and waiting.event is not None:
            self._trail.mirror(waiting.event)

    async def _to_journal(self) -> None:
        new = [waiting for waiting in self._waiting.values() if waiting.where == "memory"]
        if not new:
            return
        try:
            await self._journal.append([waiting.change for waiting in new])
        except OSError as error:
            self._say(f"the journal cannot be written either: {error}")
            return
        for waiting in new:
            waiting.where = "journal"
            if waiting.is_told:
                self._record("store.not_kept", waiting, "journal", "in the journal now")

    def _tell(self, failure: str) -> None:
        places = [waiting.where for waiting in self._waiting.values()]
        self._say(
            f"{len(places)} revocations, locks or the like are not in the store yet"
            f" ({places.count('journal')} in the journal, {places.count('memory')} in memory only), it will"
            f" be tried again: {failure}"
        )
        for key, waiting in self._waiting.items():
            if not waiting.is_told:
                waiting.is_told = True
                _log.error("%s is not in the store: %s", " ".join(key), failure)
                if waiting.event is not None:
                    self._trail.mirror(waiting.event)
                self._record("store.not_kept", waiting, waiting.where, failure)

    def _say(self, text: str) -> None:
        if trio.current_time() >= self._say_at:
            _log.error("%s", text)
            self._say_at = trio.current_time() + _SAY_AGAIN_S

    def _record(self, kind: Kind, waiting: _Waiting, where: Where, reason: str) -> None:
        what, id = waiting.change.key
        about = waiting.event or AuditEvent(kind=kind, at=0, grant=id if what in ("end", "narrow") else "")
        reason = f"{what} {id}: {reason}" if reason else f"{what} {id}"
        at = self._clock.wall()
        self._trail.record(msgspec.structs.replace(about, kind=kind, at=at, code=where, reason=reason))


def audit_row(event: AuditEvent) -> AuditRow:
    """An audit event as the store keeps it."""
    return AuditRow(
        at=event.at, kind=event.kind, grant=event.grant, session=event.session, body=event.line().decode()
    )
