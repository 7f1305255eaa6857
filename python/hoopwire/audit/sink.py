"""Where audit lines go besides the store: a stream or a file."""

import errno
import os
from typing import BinaryIO, Protocol


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

    def write(self, line: bytes) -> None:
        """See `Sink.write`."""
        self._stream.write(line + b"\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing to release."""


class FileSink:
    """A file, 0600, opened for appending: a line is one write, so that several writers never mix."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._torn = False

    def write(self, line: bytes) -> None:
        """See `Sink.write`."""
        whole = (b"\n" if self._torn else b"") + line + b"\n"
        written = os.write(self._fd, whole)
        if written < len(whole):
            # The disk is full: the next line must not be taken for the end of this one.
            self._torn = True
            raise OSError(errno.ENOSPC, "only a part of the line was written")
        self._torn = False

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
