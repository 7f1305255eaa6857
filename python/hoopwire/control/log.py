"""Writes log lines to stderr and never waits for their reader, who must not be able to stop the gateway.

Lines that find no room are dropped and counted, and the count is said once there is room. Never a credential:
nothing here is given one.
"""

import logging
import signal
import sys
import time
from contextlib import suppress
from typing import TextIO

from hoopwire.audit import Unwaiting
from hoopwire.model.plain import is_odd

_log = logging.getLogger("hoopwire.tasks")


class _Line(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        # A line break in a name someone chose must not start a second, forged line.
        # Nor may one move the cursor of who reads the log.
        text = super().format(record)
        if text.isprintable():
            return text
        return "".join(repr(each)[1:-1] if is_odd(each) else each for each in text)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes what can be written at once."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._out: Unwaiting | None = None
        with suppress(OSError, ValueError):  # a stream in memory has none
            self._out = Unwaiting(stream.fileno())
        self._lost = 0
        self.lost_ever = 0
        self._torn = False

    def emit(self, record: logging.LogRecord) -> None:
        if self._out is None:
            super().emit(record)
            return
        try:
            said = (
                f"{self._lost} lines of this log were lost: there was no room for them\n"
                if self._lost
                else ""
            )
            line = f"{said}{self.format(record)}\n".encode(errors="backslashreplace")
            whole = (b"\n" if self._torn else b"") + line
            written = self._out.write(whole)
        except Exception:
            self._lose()
            return
        if written == len(whole):
            self._lost, self._torn = 0, False
        else:
            self._lose()
            self._torn = self._torn or written > 0

    def _lose(self) -> None:
        self._lost += 1
        self.lost_ever += 1

    def close(self) -> None:
        """See `logging.Handler.close`."""
        if self._out is not None:
            self._out.close()
            self._out = None
        super().close()


def configure(level: int = logging.INFO) -> None:
    """Log to stderr as `TIME LEVEL ROOM: text`."""
    handler = _Stderr(sys.stderr)
    handler.setFormatter(
        _Line("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # What Python itself would print goes the same way: a print waits.
    logging.captureWarnings(True)
    sys.unraisablehook = _unraisable
    # A terminal with `stty tostop` stops who writes from the background.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    # Their access and request lines hold addresses and URLs of no use to operators.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def lost() -> int:
    """Lines that this process could not write."""
    return sum(handler.lost_ever for handler in logging.getLogger().handlers if isinstance(handler, _Stderr))


def _unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    _log.critical(
        "bug: %s", unraisable.err_msg or "an exception that nobody takes", exc_info=unraisable.exc_value
    )
