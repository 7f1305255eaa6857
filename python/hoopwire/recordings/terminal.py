"""A recorded terminal: what one channel of an ssh session showed, when, at which size."""

from collections.abc import Iterable, Iterator
from typing import TypeGuard

import msgspec

from hoopwire.recordings import frames
from hoopwire.recordings.entries import Entry

_SIZE_DEFAULT = (80, 24)


class Resize(msgspec.Struct, frozen=True, kw_only=True):
    """The terminal has this many columns and rows from now on."""

    columns: int
    rows: int


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the terminal showed, `at` seconds after it began."""

    at: float
    event: bytes | Resize
    """Output as it was delivered, or a new size."""


class Terminal(msgspec.Struct, frozen=True, kw_only=True):
    """One channel with a terminal, from its first frame on."""

    channel: int
    term: str
    """`xterm-256color`, as the client named it."""
    columns: int
    rows: int
    started_at: float
    """Unix seconds."""
    moments: tuple[Moment, ...]

    @property
    def seconds(self) -> float:
        """How long it went on."""
        return self.moments[-1].at if self.moments else 0.0


def read_terminals(entries: Iterable[Entry], session: str) -> list[Terminal]:
    """Each channel of the session that had a terminal, in order."""
    begun: dict[int, tuple[float, str, int, int]] = {}
    moments: dict[int, list[Moment]] = {}
    for entry in entries:
        if entry.session != session:
            continue
        frame = entry.frame
        if isinstance(frame, frames.ChannelRequest) and frame.name == b"pty-req" and frame.allow:
            term, columns, rows = _terminal(frame.about)
            begun.setdefault(frame.channel, (entry.at, term, columns, rows))
            moments.setdefault(frame.channel, [])
            continue
        for channel, event in _events(entry, begun):
            started_at = begun[channel][0]
            moments[channel].append(Moment(at=max(0.0, entry.at - started_at), event=event))
    return [
        Terminal(
            channel=channel,
            term=term,
            columns=columns,
            rows=rows,
            started_at=started_at,
            moments=tuple(moments[channel]),
        )
        for channel, (started_at, term, columns, rows) in begun.items()
    ]


def _events(
    entry: Entry, begun: dict[int, tuple[float, str, int, int]]
) -> Iterator[tuple[int, bytes | Resize]]:
    frame = entry.frame
    if isinstance(frame, frames.ChannelData) and entry.direction != "upstream" and frame.channel in begun:
        yield frame.channel, frame.content
    elif _is_resize(frame) and frame.channel in begun:
        columns, rows = _size(frame.about)
        yield frame.channel, Resize(columns=columns, rows=rows)


def _is_resize(frame: frames.Frame) -> TypeGuard[frames.ChannelRequest]:
    return isinstance(frame, frames.ChannelRequest) and frame.name == b"window-change" and frame.allow


def _terminal(about: bytes) -> tuple[str, int, int]:
    """`xterm-256color 80x24`, as the core writes it."""
    term, _, size = about.decode("utf-8", "replace").rpartition(" ")
    return (term, *_size(size.encode()))


def _size(about: bytes) -> tuple[int, int]:
    columns, _, rows = about.decode("ascii", "replace").partition("x")
    if columns.isdecimal() and rows.isdecimal() and int(columns) and int(rows):
        return int(columns), int(rows)
    return _SIZE_DEFAULT
