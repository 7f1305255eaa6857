"""A program on a terminal: what it shows, and what is typed to it."""

import os
import pty
import select
import time
from collections.abc import Sequence
from pathlib import Path

PATIENCE_S = 600.0


class Terminal:
    """Starts it at once. What was shown up to `until`'s find is forgotten."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ["PS1"] = "$ "
            os.execvp(command[0], list(command))

    def type(self, text: bytes) -> None:
        """At the keyboard."""
        os.write(self.fd, text)

    def until(self, *any_of: bytes) -> bytes:
        """All that was shown, once one of these was."""
        end = time.monotonic() + PATIENCE_S
        while not any(each in self._seen for each in any_of):
            assert time.monotonic() < end, self._seen
            assert self._read(), self._seen
        shown, self._seen = self._seen, b""
        return shown

    def rest(self) -> bytes:
        """All that is shown up to the end."""
        while self._read():
            pass
        return self._seen

    def _read(self) -> bool:
        select.select([self.fd], [], [], PATIENCE_S)
        try:
            more = os.read(self.fd, 65536)
        except OSError:
            return False
        self._seen += more
        return bool(more)

    def code(self) -> int:
        """How it has ended."""
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """End it, if it still runs."""
        os.close(self.fd)
        if self.pid:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
