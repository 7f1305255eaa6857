from typing import final

__all__ = [
    "Engine",
    "Frames",
    "explain",
    "explain_action",
    "read_frames",
    "release_segment",
    "verify_recordings",
]

@final
class Engine:
    """The data plane's running object. Every call only enqueues or copies; none blocks on the network."""

    def __new__(cls, config: bytes) -> Engine: ...
    def fileno(self) -> int:
        """Readable when events wait; give it to `trio.lowlevel.wait_readable`."""
    def addresses(self) -> list[str]:
        """Bound `HOST:PORT` of each listener, in the order of `EngineConfig.listen`."""
    def drain_events(self) -> bytes:
        """All waiting events: a MessagePack array of maps (`hoopwire.model.events`). Also after `stop`."""
    def admit(self, session: str, grant: bytes, lease: bytes) -> bool:
        """Admit a waiting session. False if it is gone. ValueError if the bytes are malformed."""
    def prompt(self, session: str, prompt: bytes) -> bool:
        """Ask the principal of a session that waits for a prompt. False if it is gone."""
    def refuse(self, session: str, refusal: bytes) -> bool:
        """Refuse a waiting session."""
    def revoke(self, session: str, refusal: bytes) -> bool:
        """End a session, logged in upstream or not yet: upstream cancel, then FATAL with these words."""
    def regrant(self, session: str, grant: bytes) -> bool:
        """Replace the grant of a live session; it is decided again at once."""
    def set_tls(self, certificate_pem: str, key_pem: str) -> None:
        """New connections use this certificate."""
    def drain(self, deadline_s: float) -> None:
        """Stop accepting; idle sessions end now, busy ones when idle or after `deadline_s`; then Drained."""
    def stop(self) -> None:
        """End everything, seal the segments, join the threads. Releases the GIL."""
    def sessions(self) -> bytes:
        """Live sessions and their counters: a MessagePack array of maps (`hoopwire.model.statistics`)."""
    def statistics(self) -> bytes:
        """Counters of the engine: a MessagePack map."""

@final
class Frames:
    """The frames of one segment, in order: MessagePack arrays (`hoopwire.recordings.frames`)."""

    def __iter__(self) -> Frames: ...
    def __next__(self) -> bytes:
        """ValueError where a block does not hold; the next call goes on behind it."""

def explain(grant: bytes, sql: str) -> bytes:
    """What a compiled grant says to a text, without a target: a MessagePack array of maps, one a statement.

    Field names and shapes are those of `hoopwire.model.explained`. ValueError if the grant is malformed.
    """

def explain_action(grant: bytes, action: bytes) -> bytes:
    """What a compiled grant on an ssh target says to one action: `exec uptime`, `sftp read /etc/hosts`.

    A MessagePack map (`hoopwire.model.explained`). ValueError if the grant or the action is malformed.
    """

def read_frames(path: str) -> Frames:
    """Frames of one segment file. ValueError if it cannot be read or is no segment."""

def verify_recordings(path: str, public_key_pem: str, checkpoints: str | None = None) -> bytes:
    """Verify what lies at or below `path`; `checkpoints` is the text of a file of checkpoints, one a line.

    A MessagePack map (`hoopwire.recordings.report`). ValueError if nothing is there or the key is none.
    """

def release_segment(path: str) -> bool:
    """Give up a sealed segment that is archived elsewhere; True if its file will be used again.

    ValueError if refused.
    """
