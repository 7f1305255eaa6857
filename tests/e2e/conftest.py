"""Reading what was recorded, to compare it with what a client received byte by byte."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from blake3 import blake3

from hoopwire.testing.gateway import RunningGateway


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

    from hoopwire.recordings import read_directory

    def read(gateway: RunningGateway) -> dict[str, Delivered]:
        by_session: dict[str, Delivered] = defaultdict(Delivered)
        names: dict[str, str] = {}
        for frame in read_directory(Path(gateway.recordings)):
            if frame.kind == "session_start":
                names[frame.session] = frame.application_name
            elif frame.kind == "result":
                by_session[frame.session].spans.append((frame.bytes, frame.digest))
        return {name: by_session[session] for session, name in names.items()}

    return read
