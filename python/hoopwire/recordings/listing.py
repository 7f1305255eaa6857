"""The table of recorded sessions, derived from frames each time: an index that is kept could lie."""

from collections.abc import Iterable

import msgspec

from hoopwire.recordings import frames
from hoopwire.recordings.entries import Entry


class RecordedSession(msgspec.Struct, kw_only=True):
    """One session as its frames tell it. Times are Unix seconds."""

    session: str
    grant: str = ""
    principal: str = ""
    principal_name: str = ""
    target: str = ""
    database: str = ""
    peer: str = ""
    started_at: float | None = None
    """None if the segment of its start is not here."""
    last_at: float
    ended: bool = False
    closed_by: str = ""
    reason: str = ""
    sqlstate: str = ""
    statements: int = 0
    denied: int = 0
    rows: int = 0
    bytes_out: int = 0


def list_sessions(entries: Iterable[Entry]) -> list[RecordedSession]:
    """The sessions in the order of their first frame's time. Counts come from the frames that are here."""
    sessions: dict[str, RecordedSession] = {}
    first_at: dict[str, float] = {}
    for entry in entries:
        if not entry.session:
            continue
        row = sessions.setdefault(entry.session, RecordedSession(session=entry.session, last_at=entry.at))
        first_at[entry.session] = min(first_at.get(entry.session, entry.at), entry.at)
        row.last_at = max(row.last_at, entry.at)
        _take_in(row, entry)
    return sorted(sessions.values(), key=lambda row: (first_at[row.session], row.session))


def _take_in(row: RecordedSession, entry: Entry) -> None:
    frame = entry.frame
    match frame:
        case frames.SessionStart():
            row.started_at = entry.at
            row.grant = frame.grant
            row.principal = frame.principal
            row.principal_name = frame.principal_name
            row.target = frame.target
            row.database = frame.database
            row.peer = frame.peer
        case frames.SessionContinued() | frames.GrantChanged():
            row.grant = frame.grant
        case frames.Statement():
            row.statements += 1
            row.denied += not frame.allow
        case frames.Result():
            row.rows += frame.rows
            row.bytes_out += frame.bytes
        case frames.SessionEnd():
            row.ended = True
            row.closed_by = frame.closed_by
            row.reason = frame.reason
            row.sqlstate = frame.sqlstate
