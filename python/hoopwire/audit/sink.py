"""Where audit lines go besides the store: a stream or a file.

Rule: nothing here waits. Behind a pipe may be a reader that has stopped, and whoever writes here is the one
thread that admits, revokes and locks: a line for which there is no room now is an OSError.
"""

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, Protocol

from hoopwire.audit.unwaiting import Unwaiting

_LOOK_S = 1.0
"""How often a line looks whether its file was renamed."""


class Sink(Protocol):
    """Takes whole lines in order."""

    def write(self, line: bytes) -> None:
        """Append one line; the newline is added here. OSError if it can't."""
        ...

    def reopen(self) -> None:
        """Go on in the file that has the name now, where there is one. OSError if it can't."""
        ...

    def close(self) -> None:
        """Release what was opened here."""
        ...


class StreamSink:
    """An open binary stream, usually `sys.stderr.buffer`; not closed here."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._out: Unwaiting | None = None
        with suppress(OSError, ValueError):  # a stream in memory has none
            self._out = Unwaiting(stream.fileno())
        self._torn = False

    def write(self, line: bytes) -> None:
        """See `Sink.write`."""
        whole = (b"\n" if self._torn else b"") + line + b"\n"
        if self._out is None:
            self._stream.write(whole)
            self._stream.flush()
            return
        written = self._out.write(whole)
        if written < len(whole):
            self._torn = self._torn or written > 0
            raise BlockingIOError(errno.EAGAIN, "nobody reads it")
        self._torn = False

    def reopen(self) -> None:
        """A stream has no name."""

    def close(self) -> None:
        """Release our own way to the stream."""
        if self._out is not None:
            self._out.close()


class FileSink:
    """A file, 0600, opened for appending: a line is one write, so that several writers never mix.

    Once a file of another name has it (logrotate), the next line goes to a new one of the old name.
    """

    def __init__(self, path: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._now = now
        self._fd = _opened(path)
        self._look_at = now() + _LOOK_S
        self._torn = False

    def write(self, line: bytes) -> None:
        """See `Sink.write`."""
        if self._now() >= self._look_at:
            self.reopen()
        whole = (b"\n" if self._torn else b"") + line + b"\n"
        written = os.write(self._fd, whole)
        if written < len(whole):
            # There is no room: the next line must not be taken for the end of this one.
            self._torn = True
            raise OSError(errno.ENOSPC, "only a part of the line was written")
        self._torn = False

    def reopen(self) -> None:
        """Go on in the file that has the name now. OSError if it can't be made; then the old one is kept."""
        self._look_at = self._now() + _LOOK_S
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self._path), os.fstat(self._fd)):
                return
        new = _opened(self._path)
        os.close(self._fd)
        self._fd, self._torn = new, False

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def _opened(path: str) -> int:
    # Of a FIFO: without a reader the start would wait here, and each line for one that has stopped.
    flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "it is a pipe, and nobody reads it yet") from None
        raise
