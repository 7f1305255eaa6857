"""What a client is asked to do, and how clients in other processes are told so.

A library becomes a program: its driver is started with one JSON argument (`Task`). `exec` and `terminal`
are as `ssh` does them: the command's streams are the driver's own, and so is its exit code. A driver's
terminal takes lines of JSON on standard input: `{"text": "..."}` is typed, `{"rows": 40, "columns": 100}`
is the window's new size.
"""

from pathlib import Path
from typing import Literal

import msgspec

By = Literal["key", "certificate", "password", "keyboard-interactive"]
ROWS, COLUMNS = 24, 80
"""Of a terminal when it opens."""
REKEY_BYTES = 1 << 20


class Login(msgspec.Struct, frozen=True):
    """Where to, as whom."""

    port: int
    user: str
    by: By
    folder: Path
    """With `known_hosts`, `id`, `id.pub`, `id.ppk`, `certificate.pub` (where there is one) and `secret`."""

    @property
    def known_hosts(self) -> Path:
        """The server's key, pinned."""
        return self.folder / "known_hosts"

    @property
    def key(self) -> Path:
        """Private key."""
        return self.folder / "id"

    @property
    def certificate(self) -> Path:
        """Of the gateway's CA."""
        return self.folder / "certificate.pub"

    @property
    def secret(self) -> str:
        """A grant's secret."""
        return (self.folder / "secret").read_text()


class Task(msgspec.Struct, frozen=True):
    """One thing to do in a connection of its own."""

    do: Literal["exec", "terminal", "put", "get", "refused"]
    login: Login
    command: str = ""
    local: str = ""
    remote: str = ""
    rekey: bool = False
    """New keys in the middle, of the client's own accord, as often as it can."""

    def text(self) -> str:
        """For a driver's command line."""
        return msgspec.json.encode(self, enc_hook=str).decode()


class Typed(msgspec.Struct):
    """A line that a driver's terminal takes."""

    text: str = ""
    rows: int = 0
    columns: int = 0


def read_task(text: str) -> Task:
    """A driver's argument."""
    return msgspec.json.decode(text, type=Task, dec_hook=lambda kind, value: kind(value))


def read_typed(line: bytes | str) -> Typed:
    """A line of a driver's standard input."""
    return msgspec.json.decode(line, type=Typed)
