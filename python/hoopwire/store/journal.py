"""What the store could not take, in a file beside it, until it can.

A file of room that was written beforehand, so that a full volume does not matter: entries, a NUL, and what is
left of the room. An entry is one write and one line: CRC-32 in hex, a blank, the JSON array of its changes.
It is there once the write is synced; one that was cut off by a crash had not been acknowledged.
"""

import logging
import os
import re
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import trio

from hoopwire.store.changes import Change
from hoopwire.store.interface import StoreError

_log = logging.getLogger("hoopwire.store")
_ROOM_BYTES = 256 * 1024
_CUT_OFF = re.compile(rb"[0-9a-f]{0,8}|[0-9a-f]{8} (\[[^\n]*)?")
"""How an entry begins that was not written to its end."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Change]).decode


class Journal:
    """Made by `open`. One writer: the state directory is locked."""

    def __init__(self, path: Path, fd: int, content: bytes) -> None:
        self._path = path
        self._fd = fd
        self._content = content
        self._one = trio.CapacityLimiter(1)

    @classmethod
    async def open(cls, path: Path) -> tuple["Journal", list[Change]]:
        """The journal (made, 0600, if it is not there), and what an earlier run left in it. StoreError."""

        def read() -> tuple["Journal", list[Change]]:
            fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                raw = _whole(fd)
                content, changes = _read(path, raw)
                if raw[len(content) :].strip(b"\0"):
                    # What a crash cut off must not stand where the next entry ends.
                    _write(fd, len(content), b"\0" * (len(raw) - len(content)))
                _reserve(path, fd)
            except BaseException:
                os.close(fd)
                raise
            return cls(path, fd, content), changes

        try:
            return await trio.to_thread.run_sync(read)
        except OSError as error:
            raise StoreError(f"cannot open the journal {path}: {error.strerror}") from error

    @property
    def is_empty(self) -> bool:
        """The store has everything."""
        return not self._content

    async def append(self, changes: Sequence[Change]) -> None:
        """Keep changes: on disk when it returns. OSError, and nothing of them kept, if it can't."""
        body = _encode(list(changes))
        entry = b"%08x %b\n" % (zlib.crc32(body), body)

        def write() -> None:
            if self._is_elsewhere():
                self._make_anew()
            try:
                _write(self._fd, len(self._content), entry + b"\0")
            except OSError:
                with suppress(OSError):
                    os.pwrite(self._fd, b"\0", len(self._content))
                raise
            self._content += entry

        await trio.to_thread.run_sync(write, limiter=self._one)

    async def clear(self) -> None:
        """The store has it all. OSError if the entries could not be taken out: they stay, and do no harm."""
        if self.is_empty:
            return

        def wipe() -> None:
            if not self._is_elsewhere():
                _write(self._fd, 0, b"\0")
                _write(self._fd, 0, b"\0" * len(self._content))
            self._content = b""

        await trio.to_thread.run_sync(wipe, limiter=self._one)

    def close(self) -> None:
        """Close the file; what is in it is for the next start."""
        os.close(self._fd)

    def _is_elsewhere(self) -> bool:
        """Somebody removed or replaced the file: what is written into it would be lost."""
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return True
        return not os.path.samestat(there, os.fstat(self._fd))

    def _make_anew(self) -> None:
        _log.error("the journal %s was removed or replaced; it is written anew", self._path)
        fd = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _reserve(self._path, fd)
            _write(fd, 0, self._content)
        except BaseException:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd = fd


def _whole(fd: int) -> bytes:
    size, parts = os.fstat(fd).st_size, []
    offset = 0
    while offset < size and (part := os.pread(fd, size - offset, offset)):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)


def _read(path: Path, raw: bytes) -> tuple[bytes, list[Change]]:
    """The whole entries, and their changes."""
    entries = raw.partition(b"\0")[0].splitlines(keepends=True)
    changes: list[Change] = []
    for number, entry in enumerate(entries, 1):
        checksum, _, body = entry.removesuffix(b"\n").partition(b" ")
        if entry.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(body):
            try:
                changes += _decode(body)
                continue
            except msgspec.MsgspecError as error:
                raise StoreError(
                    f"the journal {path} was written by another hoopwire (entry {number}: {error}):"
                    " start that version once"
                ) from None
        # The room held zeros: what a crash cut off has one of them before its newline.
        if number < len(entries) or not _CUT_OFF.fullmatch(entry):
            raise StoreError(
                f"the journal {path} is damaged (entry {number}). It holds revocations and locks that the"
                " store does not have: move it away, start, and revoke or lock again what should be"
            )
        _log.warning("the journal %s ends in an entry that was cut off; it had not been acknowledged", path)
        entries.pop()
    return b"".join(entries), changes


def _reserve(path: Path, fd: int) -> None:
    """Take room now, so that there is some when the volume is full."""
    size = os.fstat(fd).st_size
    try:
        _write(fd, size, b"\0" * (_ROOM_BYTES - size))
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        _log.error("no room could be reserved for the journal %s: %s", path, error.strerror)


def _write(fd: int, offset: int, content: bytes) -> None:
    """All of it, synced. On OSError what stands at `offset` is undefined; the next write goes there again."""
    view = memoryview(content)
    while view:
        written = os.pwrite(fd, view, offset)
        offset, view = offset + written, view[written:]
    os.fsync(fd)
