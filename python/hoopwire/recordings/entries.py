"""From the bytes that the engine's reader yields to frames with their session, time and place."""

import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from hoopwire.recordings.frames import DIRECTIONS, KINDS, Frame, SessionContinued, SessionStart, Unknown

_MOST_BYTES = (4 << 30) + (128 << 20)
"""The largest `recording.segment`, and what a turn may add to it."""

Reader = Callable[[str], Iterator[bytes]]
"""Path of a segment file to its frames; raises ValueError where a block does not hold."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of a recording, and where it stands."""

    sequence: int
    """Of the stream, from 1."""
    at: float
    """Unix seconds."""
    number: int
    """The session's number in its stream."""
    session: str
    """`s_` + ULID; empty if no frame of the segment said it."""
    kind: str
    """`statement`, `result`, ...; `unknown` for a kind of a later version."""
    direction: str
    """`gateway`, `upstream`, `downstream`."""
    frame: Frame


class _Item(msgspec.Struct, frozen=True, array_like=True):
    sequence: int
    unix_us: int
    number: int
    kind: int
    direction: int
    flags: int
    payload: msgspec.Raw


_item = msgspec.msgpack.Decoder(_Item)
_payloads = {kind: msgspec.msgpack.Decoder(struct) for kind, (_, struct) in KINDS.items()}


def decode_entries(items: Iterable[bytes]) -> Iterator[Entry]:
    """Frames of one segment. ValueError (`msgspec.DecodeError`) where an item is none."""
    sessions: dict[int, str] = {}
    for raw in items:
        item = _item.decode(raw)
        word = KINDS[item.kind][0] if item.kind in KINDS else "unknown"
        frame = _payloads[item.kind].decode(item.payload) if item.kind in KINDS else Unknown()
        if isinstance(frame, SessionStart | SessionContinued):
            sessions[item.number] = frame.session
        yield Entry(
            sequence=item.sequence,
            at=item.unix_us / 1_000_000,
            number=item.number,
            session=sessions.get(item.number, ""),
            kind=word,
            direction=DIRECTIONS.get(item.direction, "unknown"),
            frame=frame,
        )


def segment_files(path: Path) -> list[Path]:
    """The segment files at or below `path`, stream by stream, each in its order."""
    if path.is_file():
        return [path]
    found = [
        *path.glob("*.hwr"),
        *path.glob("*.open"),
        *path.glob("s[0-9]*/*.hwr"),
        *path.glob("s[0-9]*/*.open"),
    ]
    return sorted(found, key=_place)


def odd_files(path: Path) -> list[tuple[Path, str]]:
    """What is named like a segment and is none: what it is instead. To open one might wait for ever."""
    found = []
    for file in {path, *segment_files(path)}:
        try:
            mode = file.stat().st_mode
        except OSError as error:
            found.append((file, error.strerror or "not there"))
            continue
        if not stat.S_ISREG(mode) and not (file == path and stat.S_ISDIR(mode)):
            found.append((file, "it is no regular file"))
    return sorted(found)


def _too_large(file: Path) -> str:
    return f"it is larger than any segment: {size}" if (size := file.stat().st_size) > _MOST_BYTES else ""


def older_than(segment: Path) -> list[Path]:
    """The sealed segments of the same stream that come before this one, oldest first."""
    files = [file for file in segment_files(segment.parent) if file.suffix == ".hwr"]
    return [file for file in files if 0 <= _number(file.stem) < _number(segment.stem)]


def _place(path: Path) -> tuple[int, str, int, str]:
    stream = path.parent.name.removeprefix("s")
    return (int(stream) if stream.isdecimal() else -1, path.parent.name, _number(path.stem), path.suffix)


def _number(stem: str) -> int:
    return int(stem) if stem.isdecimal() else -1


def read_directory(
    path: Path, read: Reader, on_fault: Callable[[ValueError], None] | None = None
) -> Iterator[Entry]:
    """Every frame at or below `path`, stream by stream.

    A block that does not hold is told to `on_fault` and passed over; without `on_fault` ValueError is
    raised. A segment that is sealed or released meanwhile is looked for under its new name, else passed over.
    """
    odd = dict(odd_files(path))
    for file in segment_files(path):
        if file.exists() and (what := odd.get(file) or _too_large(file)):
            fault = ValueError(f"{file} is passed over: {what}")
            if on_fault is None:
                raise fault
            on_fault(fault)
            continue
        yield from decode_entries(_items(file, read, on_fault))


def _items(file: Path, read: Reader, on_fault: Callable[[ValueError], None] | None) -> Iterator[bytes]:
    sealed = file.with_suffix(".hwr")
    if not file.exists() and sealed.exists():
        file = sealed
    try:
        items = read(str(file))
    except ValueError as error:
        if on_fault is None:
            raise
        on_fault(error)
        return
    while True:
        try:
            yield next(items)
        except StopIteration:
            return
        except ValueError as error:
            if on_fault is None:
                raise
            on_fault(error)
