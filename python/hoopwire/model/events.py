"""The events that the engine sends to the control plane: decoded from MessagePack maps tagged by `type`.

Field names are the contract with `rust/engine/src/event.rs`; a test there decodes one of each here.
"""

import msgspec

from hoopwire.model.grant import Protocol
from hoopwire.model.statistics import SessionBudget


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """Base of all events."""


class GrantNeeded(_Event, frozen=True, kw_only=True):
    """Somebody said who and where; the engine waits for `admit` or `refuse`.

    PostgreSQL: a startup packet and a password inside TLS. SSH: a user name and a password, or a certificate.
    """

    session: str
    """`s_` + ULID, minted by the engine."""
    protocol: Protocol = "postgres"
    peer: str
    """`ADDRESS:PORT`."""
    user: str
    """SSH: what the client said, `web1` or `deploy@web1`, each perhaps with `+task`."""
    database: str
    """SSH: empty."""
    application_name: str
    replication: bool
    credential: str
    """The password as sent: a JWT or an `hw1_` secret. Never logged.

    SSH: a secret, or an OpenSSH certificate as its one line.
    """
    proved: bool = False
    """The credential is a certificate, and the client has proved that it has its key.

    The engine has checked its signature over the session id (RFC 4252 section 7), and nothing else. What was
    typed is not proved: a certificate is public, and whoever types one gets nothing by it.
    """
    prompt: bool = False
    """Nothing has come yet: the engine waits for `prompt`, then tells by `Answered` what came of it.

    SSH, and only with `EngineSsh.prompts`.
    """

    def __repr__(self) -> str:
        return f"GrantNeeded(session={self.session!r}, peer={self.peer!r}, database={self.database!r}, ...)"


class Answered(_Event, frozen=True, kw_only=True):
    """What came of a `prompt`; the engine waits for `admit` or `refuse`, unless the client has begun anew."""

    session: str
    answer: str
    """As typed; perhaps nothing, perhaps a secret. Never logged."""
    withdrawn: bool
    """The client goes another way: nobody waits any more. Another GrantNeeded may follow."""

    def __repr__(self) -> str:
        return f"Answered(session={self.session!r}, withdrawn={self.withdrawn!r}, ...)"


class SessionStarted(_Event, frozen=True, kw_only=True):
    """Upstream login is done; the principal got ReadyForQuery."""

    session: str
    grant: str
    target: str
    database: str
    peer: str
    at: float


class Unmatched(_Event, frozen=True, kw_only=True):
    """What of a session's grant matches nothing at the target; SessionStarted or SessionEnded follows."""

    session: str
    unmatched: tuple[str, ...]
    """`mask public.peple.email`, `deny public.x`, `allow call app.f`, `except public.y`."""
    at: float


class SessionEnded(_Event, frozen=True, kw_only=True):
    """A session that had been offered to admission is over. `grant` is empty if it was never admitted."""

    session: str
    grant: str
    closed_by: str
    """`downstream`, `upstream`, `gateway`, `operator`."""
    reason: str
    code: str
    """The protocol's own code of the fault, of PostgreSQL the SQLSTATE; empty for an ordinary end."""
    statements: int
    rows: int
    bytes_in: int
    bytes_out: int
    budget: SessionBudget = SessionBudget()
    """What the grant has used by now, over all its sessions. Empty if the session never started."""
    at: float


class ConnectionRefused(_Event, frozen=True, kw_only=True):
    """A connection that ended before admission heard of it: plaintext, malformed, too slow, limits."""

    peer: str
    phase: str
    reason: str
    at: float


class SegmentSealed(_Event, frozen=True, kw_only=True):
    """A segment was closed by a signed seal."""

    stream: int
    path: str
    sequence: int


class Checkpoint(_Event, frozen=True, kw_only=True):
    """A signed head of one stream's chain, to be kept where the gateway cannot rewrite it."""

    stream: int
    line: str
    """One line of text; `recordings verify --checkpoints` reads a file of these."""


class RecordingFailed(_Event, frozen=True, kw_only=True):
    """A stream cannot be written; its sessions were ended and none is admitted."""

    stream: int
    error: str


class RecordingResumed(_Event, frozen=True, kw_only=True):
    """The stream can be written again."""

    stream: int


class Recovered(_Event, frozen=True, kw_only=True):
    """An unsealed segment of a crashed run was replayed to its last whole block and sealed."""

    stream: int
    path: str
    sessions: tuple[str, ...]
    """Sessions that were open, now marked `closed_by = crash`."""
    dropped_bytes: int


class Panicked(_Event, frozen=True, kw_only=True):
    """A bug: a session panicked and was ended. Counted; tests fail on it."""

    session: str
    message: str


class Drained(_Event, frozen=True, kw_only=True):
    """After `drain`: the last session is over."""


Event = (
    GrantNeeded
    | Answered
    | SessionStarted
    | Unmatched
    | SessionEnded
    | ConnectionRefused
    | SegmentSealed
    | Checkpoint
    | RecordingFailed
    | RecordingResumed
    | Recovered
    | Panicked
    | Drained
)
