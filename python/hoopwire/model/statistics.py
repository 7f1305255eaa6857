"""The engine's counters, and those of each live session, as they were when it was asked."""

import msgspec


class SessionBudget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Used and limit of each budget that the grant has."""

    rows: tuple[int, int] | None = None
    bytes: tuple[int, int] | None = None
    statements: tuple[int, int] | None = None
    wall_time_s: tuple[float, float] | None = None


class LiveSession(msgspec.Struct, frozen=True, kw_only=True):
    """One live session. Times are Unix seconds."""

    session: str
    grant: str
    principal: str
    target: str
    database: str
    peer: str
    started_at: float
    expires_at: float
    statements: int
    rows: int
    bytes_in: int
    bytes_out: int
    budget: SessionBudget = SessionBudget()
    """Of the session's grant, over all its sessions."""


class EngineStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since start."""

    connections: int
    """Open now, admitted or not."""
    sessions: int
    """Live now."""
    accepted: int
    refused: int
    panics: int
    recording_failures: int
    recorded_bytes: int
