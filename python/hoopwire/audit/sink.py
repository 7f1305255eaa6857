"""Where audit lines go besides the store: a stream or a file."""

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

    def write(self, line: bytes) -> None:
        """See `Sink.write`."""
        os.write(self._fd, line + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
