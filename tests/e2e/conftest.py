"""Reading what was recorded, to compare it with what a client received byte by byte."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from blake3 import blake3

from hoopwire.control.engine import read_frames
from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.postgres import ThrowAwayPostgres, program_version
from hoopwire.recordings import read_directory
from hoopwire.recordings.frames import Result, SessionStart


@dataclass
class Delivered:
    """One session as recorded: the spans of bytes that were delivered, in order."""

    spans: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def total_bytes(self) -> int:
        """All that the recording says was delivered."""
        return sum(length for length, _ in self.spans)

    def assert_covers(self, received: bytes) -> None:
        """Each span whose bytes all arrived has their digest, and nothing arrived beyond the last span."""
        offset = 0
        for length, digest in self.spans:
            if offset + length > len(received):
                break
            assert blake3(received[offset : offset + length]).digest() == digest, f"other bytes at {offset}"
            offset += length
        assert len(received) <= self.total_bytes, (
            f"{len(received) - self.total_bytes} bytes were delivered and not recorded"
        )


@pytest.fixture
def delivered() -> Callable[[RunningGateway], dict[str, Delivered]]:
    """Recorded sessions by the application name that their client gave itself."""

    def read(gateway: RunningGateway) -> dict[str, Delivered]:
        by_session: dict[str, Delivered] = defaultdict(Delivered)
        names: dict[str, str] = {}
        for entry in read_directory(gateway.recordings, read_frames):
            if isinstance(entry.frame, SessionStart):
                names[entry.session] = entry.frame.application_name
            elif isinstance(entry.frame, Result):
                by_session[entry.session].spans.append((entry.frame.bytes, bytes(entry.frame.digest)))
        return {name: by_session[session] for session, name in names.items()}

    return read


@pytest.fixture
def needs_tool() -> Callable[[str, ThrowAwayPostgres], None]:
    """Skip where a tool is older than the server: pg_dump and its like refuse to speak with such a one."""

    def check(name: str, server: ThrowAwayPostgres) -> None:
        if (version := program_version(name)) < server.version:
            pytest.skip(f"{name} is of PostgreSQL {version}, the server of {server.version}")

    return check
