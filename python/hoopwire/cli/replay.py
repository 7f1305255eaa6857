"""`hoopwire recordings replay | export`: a recorded terminal, on this one or as a file."""

import argparse
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hoopwire.cli.exits import OK, USAGE, CommandFailed
from hoopwire.cli.output import clean
from hoopwire.recordings.asciicast import asciicast
from hoopwire.recordings.harmless import Harmless
from hoopwire.recordings.terminal import Resize, Terminal

SEEK_S = 5.0
"""How far an arrow key goes."""
_SANE = (
    b"\x1b[0m\x1b[?1049l\x1b[?25h\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l"
    b"\x1b[?1l\x1b>\x1b[r\r\n"
)
"""Attributes, screen, cursor, paste and mouse modes, keypad, scrolling region as a shell wants them."""
_CLEAR = b"\x1b[0m\x1b[r\x1b[2J\x1b[H"


def choose(terminals: list[Terminal], channel: int | None, session: str) -> Terminal:
    """The terminal of that channel, or the only one."""
    if not terminals:
        text = f"session {clean(session)} had no terminal; hoopwire recordings show tells what it did"
        raise CommandFailed(text)
    numbers = ", ".join(str(each.channel) for each in terminals)
    if channel is None and len(terminals) > 1:
        text = f"session {clean(session)} had several terminals: name one with --channel ({numbers})"
        raise CommandFailed(text, USAGE)
    for each in terminals:
        if channel is None or each.channel == channel:
            return each
    raise CommandFailed(f"channel {channel} had no terminal; those with one: {numbers}", USAGE)


def export(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Write the terminal's output as `--format` says, to `--output` or standard output."""
    if arguments.format == "raw":
        content = b"".join(each.event for each in terminal.moments if isinstance(each.event, bytes))
    else:
        content = b"\n".join(asciicast(terminal, f"hoopwire {arguments.session}")) + b"\n"
    if arguments.output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return OK
    try:
        Path(arguments.output).write_bytes(content)
    except OSError as error:
        raise CommandFailed(f"cannot write {clean(arguments.output)}: {error.strerror}", USAGE) from None
    return OK


class Player:
    """Plays a terminal on this one. Keys: space pauses, arrows seek, q ends."""

    def __init__(self, terminal: Terminal, speed: float, idle_limit: float | None) -> None:
        self._terminal = terminal
        self._speed = speed
        self._idle_limit = idle_limit
        self._next = 0
        self._at = 0.0
        self._is_paused = False
        self._filter = Harmless()

    def play(self) -> int:
        """Until the end, or q."""
        columns, rows = os.get_terminal_size() if sys.stdout.isatty() else (0, 0)
        if sys.stdout.isatty() and (columns < self._terminal.columns or rows < self._terminal.rows):
            recorded = f"{self._terminal.columns}x{self._terminal.rows}"
            print(f"hoopwire: recorded at {recorded}; this terminal is smaller", file=sys.stderr)
        with _keys() as keyboard:
            try:
                while self._next < len(self._terminal.moments) and self._step(keyboard):
                    pass
            finally:
                if sys.stdout.isatty():
                    _write(_SANE)
        return OK

    def _step(self, keyboard: int | None) -> bool:
        """The next moment, or the next key. False when it is to end."""
        moment = self._terminal.moments[self._next]
        wait = moment.at - self._at
        if self._idle_limit is not None and wait > self._idle_limit:
            self._at = moment.at - self._idle_limit
            wait = self._idle_limit
        began = time.monotonic()
        key = _key(keyboard, None if self._is_paused else max(0.0, wait) / self._speed)
        if key is None:
            self._at = moment.at
            self._show(moment.event)
            self._next += 1
            return True
        if not self._is_paused:
            self._at += min((time.monotonic() - began) * self._speed, max(0.0, wait))
        match key:
            case b"q" | b"\x03" | b"\x04":
                return False
            case b" ":
                self._is_paused = not self._is_paused
            case b"\x1b[C":
                self.seek(self._at + SEEK_S)
            case b"\x1b[D":
                self.seek(self._at - SEEK_S)
            case _:
                pass
        return True

    def seek(self, at: float) -> None:
        """Show what the terminal showed at that second: all of it again, at once, if it lies behind."""
        at = min(max(0.0, at), self._terminal.seconds)
        if at < self._at:
            self._next, self._filter = 0, Harmless()
            _write(_CLEAR)
        while self._next < len(self._terminal.moments) and self._terminal.moments[self._next].at <= at:
            self._show(self._terminal.moments[self._next].event)
            self._next += 1
        self._at = at

    def _show(self, event: bytes | Resize) -> None:
        # this terminal keeps its size: what was resized then is drawn anew by what follows
        if isinstance(event, bytes):
            _write(self._filter.feed(event))


def _write(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _key(keyboard: int | None, wait: float | None) -> bytes | None:
    """A key within `wait` seconds (for ever if None), or None."""
    if keyboard is None:
        time.sleep(wait or 0.0)
        return None
    ready, _, _ = select.select([keyboard], [], [], wait)
    return os.read(keyboard, 16) if ready else None


@contextmanager
def _keys() -> Iterator[int | None]:
    """The keyboard, key by key, if there is one; as it was afterwards."""
    if not sys.stdin.isatty():
        yield None
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    try:
        yield keyboard
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
