"""What clients received over ssh, held against what was recorded as delivered."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from blake3 import blake3

from hoopwire.recordings import Entry
from hoopwire.recordings.frames import ChannelData, ChannelFlow, SessionStart

Streams = dict[tuple[int, int], bytes]
"""Bytes by channel (from 1, in the order of the opens) and stream (1 is stderr)."""
CLIENT_TO_TARGET = "upstream"


@dataclass
class Recorded:
    """One session: spans of bytes that were delivered, in order; their length, and content or digest."""

    spans: dict[tuple[int, int], list[tuple[int, bytes]]] = field(default_factory=lambda: defaultdict(list))
    whole: dict[tuple[int, int], bytes] = field(default_factory=lambda: defaultdict(bytes))
    """Where the bytes themselves were kept."""

    def total_bytes(self) -> int:
        """All that was delivered, by the recording."""
        return sum(length for spans in self.spans.values() for length, _ in spans)

    def assert_covers(self, received: Streams) -> None:
        """Each span of which all arrived has its digest, and nothing arrived beyond the last one."""
        for place, content in received.items():
            offset = 0
            for length, digest in self.spans[place]:
                if offset + length > len(content):
                    break
                found = blake3(content[offset : offset + length]).digest()
                assert found == digest, f"{place}: other bytes at {offset}"
                offset += length
            total = sum(length for length, _ in self.spans[place])
            assert len(content) <= total, f"{place}: {len(content) - total} bytes were not recorded"


def recorded(entries: Iterable[Entry]) -> dict[str, Recorded]:
    """Sessions by the address and port that their client came from."""
    peers: dict[str, str] = {}
    sessions: dict[str, Recorded] = defaultdict(Recorded)
    for entry in entries:
        frame = entry.frame
        if isinstance(frame, SessionStart):
            peers[entry.session] = frame.peer
        elif isinstance(frame, ChannelData | ChannelFlow) and entry.direction != CLIENT_TO_TARGET:
            session = sessions[entry.session]
            place = (frame.channel, frame.stream)
            if isinstance(frame, ChannelFlow):
                session.spans[place].append((frame.bytes, frame.digest))
            else:
                session.spans[place].append((len(frame.content), blake3(frame.content).digest()))
                session.whole[place] += frame.content
    return {peer: sessions[session] for session, peer in peers.items()}
