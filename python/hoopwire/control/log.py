"""Writes log lines to stderr and never waits for their reader, who must not be able to stop the gateway.

Lines that find no room are dropped and counted, and the count is said once there is room. Never a credential:
nothing here is given one.
"""

import logging
import sys
import time
from contextlib import suppress
from typing import TextIO

from hoopwire.audit import write_now


class _Line(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        # A line break in a name someone chose must not start a second, forged line.
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes what can be written at once."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._fd: int | None = None
        with suppress(OSError, ValueError):  # a stream in memory has none
            self._fd = stream.fileno()
        self._lost = 0
        self._torn = False

    def emit(self, record: logging.LogRecord) -> None:
        if self._fd is None:
            super().emit(record)
            return
        try:
            said = f"{self._lost} lines of this log were lost: nobody read them\n" if self._lost else ""
            line = f"{said}{self.format(record)}\n".encode(errors="backslashreplace")
            whole = (b"\n" if self._torn else b"") + line
            written = write_now(self._fd, whole)
        except Exception:
            self._lost += 1
            return
        if written == len(whole):
            self._lost, self._torn = 0, False
        else:
            self._lost += 1
            self._torn = self._torn or written > 0


def configure(level: int = logging.INFO) -> None:
    """Log to stderr as `TIME LEVEL ROOM: text`."""
    handler = _Stderr(sys.stderr)
    handler.setFormatter(
        _Line("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Their access and request lines hold addresses and URLs of no use to operators.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
