"""A client with a terminal: typed at, resized, read from."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from support.ssh_peers.task import COLUMNS, ROWS, Typed

PATIENCE_S = 120.0


class Terminal:
    """A program on a pseudo-terminal of ours, or a driver that is told by lines of JSON (`driven`)."""

    def __init__(self, words: list[str], variables: Mapping[str, str], folder: Path, *, driven: bool) -> None:
        self._driven = driven
        self.shown = b""
        if driven:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(variables),
                cwd=folder,
            )
            assert self._process.stdout is not None
            self._fd = self._process.stdout.fileno()
            return
        self._fd, inner = pty.openpty()
        self._size(ROWS, COLUMNS)

        def lead() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            words, stdin=inner, stdout=inner, stderr=inner, env=dict(variables), cwd=folder, preexec_fn=lead
        )
        os.close(inner)

    def _size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _tell(self, typed: Typed) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(typed) + b"\n")
        self._process.stdin.flush()

    def type(self, text: str) -> None:
        """At the keyboard."""
        if self._driven:
            self._tell(Typed(text=text))
        else:
            os.write(self._fd, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        """The window is this large now."""
        if self._driven:
            self._tell(Typed(rows=rows, columns=columns))
        else:
            self._size(rows, columns)

    def until(self, text: bytes, *, within_s: float = PATIENCE_S) -> bool:
        """Whether this was shown within the time; AssertionError if the program ended before."""
        end = time.monotonic() + within_s
        while text not in self.shown:
            if time.monotonic() > end:
                return False
            if select.select([self._fd], [], [], 0.05)[0]:
                assert self._read(), self.shown
        return True

    def code(self) -> int:
        """The exit code, once all was read; nothing more is typed."""
        if self._driven:
            assert self._process.stdin is not None
            self._process.stdin.close()
        while self._read():
            pass
        return self._process.wait(PATIENCE_S)

    def _read(self) -> bool:
        try:
            more = os.read(self._fd, 65536)
        except OSError:
            return False
        self.shown += more
        return bool(more)

    def close(self) -> None:
        """Ends it, however it stands."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._driven:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdout.close()
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        else:
            os.close(self._fd)
