"""Takes each event of the engine and does what follows: admits, frees a seat, records an audit event."""

import logging

import trio

from hoopwire.audit import AuditEvent, Kind, grant_event
from hoopwire.control.admission import Admission
from hoopwire.control.checkpoints import CheckpointFile
from hoopwire.control.parts import Parts
from hoopwire.control.refusals import Refusals
from hoopwire.control.spending import Spending
from hoopwire.control.supervise import Supervisor
from hoopwire.model import events
from hoopwire.model.events import Event

_log = logging.getLogger("hoopwire.engine")


class Dispatch:
    """Takes events in order; never awaits, so that no event waits for another's admission."""

    def __init__(
        self,
        parts: Parts,
        admission: Admission,
        spending: Spending,
        checkpoints: CheckpointFile | None,
        admissions: Supervisor,
    ) -> None:
        self._parts = parts
        self._admission = admission
        self._spending = spending
        self._checkpoints = checkpoints
        self._admissions = admissions
        self.drained = trio.Event()
        self.refusals = Refusals(parts.trail.record, lambda: parts.clock.monotonic_ns() / 1e9)
        self._told: set[tuple[str, str, str, str, str]] = set()

    def take(self, event: Event) -> None:
        """Act on one event."""
        match event:
            case events.GrantNeeded():
                self._admissions.once("admission", self._admission.begin(event))
            case events.Answered():
                self._admission.answered(event)
            case events.SessionStarted():
                self._started(event)
            case events.Unmatched():
                self._unmatched(event)
            case events.SessionEnded():
                self._ended(event)
            case events.ConnectionRefused():
                self.refusals.take(event)
            case events.Checkpoint(line=line):
                if self._checkpoints is not None:
                    self._checkpoints.append(line)
            case events.SegmentSealed(path=path):
                _log.info("segment sealed: %s", path)
            case events.RecordingFailed(stream=stream, error=error):
                _log.error("recording stream %d failed; its sessions were ended: %s", stream, error)
                self._record("recording.failed", count=stream, reason=error)
                self._parts.health.stream(stream, error)
            case events.RecordingResumed(stream=stream):
                _log.warning("recording stream %d can be written again", stream)
                self._record("recording.resumed", count=stream)
                self._parts.health.stream(stream, None)
            case events.Recovered():
                self._recovered(event)
            case events.Panicked(session=session, message=message):
                _log.critical("bug: session %s panicked: %s", session, message)
                self._record("bug", session=session, reason=message)
            case events.Drained():
                self.drained.set()

    def take_last(self, event: Event) -> None:
        """Act on an event that came while everything closes: nobody is admitted any more."""
        if not isinstance(event, events.GrantNeeded):
            self.take(event)

    def _started(self, event: events.SessionStarted) -> None:
        self._parts.perform(self._parts.table.started(event.session))
        self._parts.unstarted.started(event.session)
        seat = self._parts.table.seat(event.session)
        if seat is not None:
            audit = grant_event(
                "session.started",
                event.at,
                seat.grant,
                session=event.session,
                database=event.database,
                peer=event.peer,
            )
            self._parts.trail.record(audit)

    def _unmatched(self, event: events.Unmatched) -> None:
        """Say each thing once for each policy, as it is, and database: mostly a slip of the pen."""
        seat = self._parts.table.seat(event.session)
        if seat is None:
            return
        grant = seat.grant
        place = (grant.policy, grant.policy_hash, grant.target, seat.database)
        news = [text for text in event.unmatched if (*place, text) not in self._told]
        if not news:
            return
        self._told.update((*place, text) for text in news)
        listed = ", ".join(news)
        _log.warning(
            "policy %s: what matches nothing in %s/%s: %s", grant.policy, grant.target, seat.database, listed
        )
        audit = grant_event(
            "policy.unmatched",
            event.at,
            grant,
            session=event.session,
            database=seat.database,
            reason=listed,
        )
        self._parts.trail.record(audit)

    def _ended(self, event: events.SessionEnded) -> None:
        if event.session in self._admission:
            # Gone while we were deciding: that task gives its seat back itself.
            self._admission.abandon(event.session)
            self._record("connection.refused", at=event.at, session=event.session, reason=event.reason)
            return
        seat = self._parts.table.leave(event.session)
        self._parts.unstarted.ended(event.session)
        if seat is None:
            return
        self._spending.take(seat.grant, event.budget)
        audit = grant_event(
            "session.ended",
            event.at,
            seat.grant,
            session=event.session,
            database=seat.database,
            peer=seat.peer,
            by=event.closed_by,
            reason=event.reason,
            code=event.code,
            statements=event.statements,
            rows=event.rows,
            bytes_in=event.bytes_in,
            bytes_out=event.bytes_out,
        )
        self._parts.trail.record(audit)

    def _recovered(self, event: events.Recovered) -> None:
        _log.warning(
            "recovered %s: %d sessions were open, %d bytes dropped",
            event.path,
            len(event.sessions),
            event.dropped_bytes,
        )
        self._record(
            "recording.recovered", count=event.dropped_bytes, code=event.path, reason=" ".join(event.sessions)
        )

    def _record(
        self,
        kind: Kind,
        *,
        at: float | None = None,
        session: str = "",
        code: str = "",
        reason: str = "",
        count: int = 0,
    ) -> None:
        when = self._parts.clock.wall() if at is None else at
        self._parts.trail.record(
            AuditEvent(kind=kind, at=when, session=session, code=code, reason=reason, count=count)
        )
