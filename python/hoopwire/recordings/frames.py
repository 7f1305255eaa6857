"""The frames of a recording, one Struct a kind; docs/recording-format.md, "Frames".

A payload is a MessagePack array, its fields in this order. A later version of the format may append
fields: they are passed over. Text that came from a client or a target is bytes: it may be in any encoding.
"""

import msgspec

Octets = bytes
"""The type, in Structs that have a field `bytes`."""


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    """Base of all frames."""


class SessionStart(_Frame, frozen=True, array_like=True):
    """A session was admitted: who, to what, under which grant."""

    session: str
    grant: str
    issuer: str
    principal: str
    principal_name: str
    principal_kind: str
    target: str
    database: str
    actions: tuple[str, ...]
    policy: str
    policy_hash: str
    task: str
    peer: str
    application_name: str
    node: str


class SessionContinued(_Frame, frozen=True, array_like=True):
    """At the head of a segment for each session that is open."""

    session: str
    grant: str


class SessionEnd(_Frame, frozen=True, array_like=True):
    """The session is over. After a crash (`closed_by = "crash"`) the numbers count its last segment."""

    closed_by: str
    reason: str
    sqlstate: str
    statements: int
    rows: int
    bytes_in: int
    bytes_out: int


class Statement(_Frame, frozen=True, array_like=True):
    """A statement as sent, and what was decided about it."""

    no: int
    via: str
    """`simple`, `parse`, `function_call`."""
    name: bytes
    text: bytes
    types: tuple[int, ...]
    """Declared parameter type OIDs."""
    allow: bool
    reason: bytes
    """The policy that allowed it, or the code of the denial."""


class Parameter(_Frame, frozen=True, array_like=True):
    """One value of a Bind; `value` is its beginning if it is shorter than `length`."""

    oid: int
    format: int
    """0 text, 1 binary."""
    value: bytes | None
    length: int


class Bind(_Frame, frozen=True, array_like=True):
    """Parameters for statement `no` (0 if not known)."""

    no: int
    portal: bytes
    name: bytes
    parameters: tuple[Parameter, ...]
    bytes: int


class Execute(_Frame, frozen=True, array_like=True):
    """A portal is run; `max_rows` 0 is no limit."""

    portal: bytes
    no: int
    max_rows: int


class Request(_Frame, frozen=True, array_like=True):
    """A small message: Describe, Close, Sync, Flush, CopyDone, CopyFail; `kind` is its type byte."""

    kind: int
    name: bytes
    bytes: int


class Input(_Frame, frozen=True, array_like=True):
    """Bytes forwarded to the target, kept by their BLAKE3 digest."""

    bytes: int
    digest: Octets


class Result(_Frame, frozen=True, array_like=True):
    """A span of the bytes delivered to the principal. The spans are disjoint, in order, and together all."""

    no: int
    """The statement's number, 0 if the bytes belong to none."""
    rows: int
    bytes: int
    digest: Octets
    """BLAKE3 of exactly these bytes."""
    tag: Octets
    last: bool
    sqlstate: Octets


class Rows(_Frame, frozen=True, array_like=True):
    """The delivered bytes of the Result before, with `record = "full"`."""

    content: bytes


class Report(_Frame, frozen=True, array_like=True):
    """An error or a notice."""

    severity: str
    sqlstate: str
    message: bytes


class Decision(_Frame, frozen=True, array_like=True):
    """A decision that belongs to no statement."""

    action: str
    allow: bool
    reason: str
    policy: str


class GrantChanged(_Frame, frozen=True, array_like=True):
    """The session's grant was replaced."""

    grant: str
    reason: str


class Cancel(_Frame, frozen=True, array_like=True):
    """A CancelRequest for this session."""

    allow: bool
    peer: str


class ChannelOpen(_Frame, frozen=True, array_like=True):
    """ssh: a channel is opened. Channels have numbers of their own in a recording, from 1."""

    channel: int
    name: bytes
    """The kind of channel, as sent: `session`, `direct-tcpip`, ..."""
    about: bytes
    """The destination of a forward, or empty."""
    allow: bool
    reason: str
    """The policy that allowed it, or the code of the denial."""


class ChannelRequest(_Frame, frozen=True, array_like=True):
    """ssh: a request on a channel, or for the connection (channel 0)."""

    channel: int
    name: bytes
    """`exec`, `shell`, `pty-req`, `exit-status`, ..."""
    about: bytes
    """The command, the terminal and its size, the exit status; may be empty."""
    allow: bool
    reason: str


class ChannelData(_Frame, frozen=True, array_like=True):
    """ssh: bytes of a channel, whole. Stream 0 is the channel's own, 1 is stderr."""

    channel: int
    stream: int
    content: bytes


class ChannelFlow(_Frame, frozen=True, array_like=True):
    """ssh: bytes of a channel, kept by their BLAKE3 digest."""

    channel: int
    stream: int
    bytes: int
    digest: Octets


class Typed(_Frame, frozen=True, array_like=True):
    """ssh: bytes typed at a terminal. They may be a password: only their number is kept."""

    channel: int
    bytes: int


class ChannelAnswer(_Frame, frozen=True, array_like=True):
    """ssh: an answer to an open or a request, or an end of a channel."""

    channel: int
    what: str
    """`open`, `open_failure`, `success`, `failure`, `eof`, `close`, or an sftp request: `sftp-close`."""
    about: bytes


class Unknown(_Frame, frozen=True, array_like=True):
    """A kind of a later version of the format."""


Frame = (
    SessionStart
    | SessionContinued
    | SessionEnd
    | Statement
    | Bind
    | Execute
    | Request
    | Input
    | Result
    | Rows
    | Report
    | Decision
    | GrantChanged
    | Cancel
    | ChannelOpen
    | ChannelRequest
    | ChannelData
    | ChannelFlow
    | Typed
    | ChannelAnswer
    | Unknown
)

KINDS: dict[int, tuple[str, type[Frame]]] = {
    1: ("session_start", SessionStart),
    2: ("session_continued", SessionContinued),
    3: ("session_end", SessionEnd),
    4: ("statement", Statement),
    5: ("bind", Bind),
    6: ("execute", Execute),
    7: ("request", Request),
    8: ("input", Input),
    9: ("result", Result),
    10: ("rows", Rows),
    11: ("report", Report),
    12: ("decision", Decision),
    13: ("grant_changed", GrantChanged),
    14: ("cancel", Cancel),
    64: ("channel_open", ChannelOpen),
    65: ("channel_request", ChannelRequest),
    66: ("channel_data", ChannelData),
    67: ("channel_flow", ChannelFlow),
    68: ("typed", Typed),
    69: ("channel_answer", ChannelAnswer),
}
"""Number in the frame header to word and Struct."""

DIRECTIONS = {0: "gateway", 1: "upstream", 2: "downstream"}
