"""Where audit lines go besides the store: a stream or a file.

Rule: nothing here waits. Behind a pipe may be a reader that has stopped, and whoever writes here is the one
thread that admits, revokes and locks: a line for which there is no room now is an OSError.
"""

import errno
import os
from contextlib import suppress
from typing import BinaryIO, Protocol

from hoopwire.audit.unwaiting import Unwaiting


class Sink(Protocol):
    """Takes whole lines in order."""

    def write(self, line: bytes) -> None:
        """Append one line; the newline is added here. OSError if it can't."""
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

    def close(self) -> None:
        """Release our own way to the stream."""
        if self._out is not None:
            self._out.close()


class FileSink:
    """A file, 0600, opened for appending: a line is one write, so that several writers never mix."""

    def __init__(self, path: str) -> None:
        # Of a FIFO: without a reader the start would wait here, and each line for one that has stopped.
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            self._fd = os.open(path, flags, 0o600)
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise OSError(errno.ENXIO, "it is a pipe, and nobody reads it yet") from None
            raise
        self._torn = False

    def write(self, line: bytes) -> None:
        """See `Sink.write`."""
        whole = (b"\n" if self._torn else b"") + line + b"\n"
        written = os.write(self._fd, whole)
        if written < len(whole):
            # There is no room: the next line must not be taken for the end of this one.
            self._torn = True
            raise OSError(errno.ENOSPC, "only a part of the line was written")
        self._torn = False

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
