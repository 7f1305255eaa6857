"""Reads PEM files, and locks the state directory so that only one gateway uses it."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class StartError(Exception):
    """The gateway cannot start, or a reload cannot be taken; the text says what to do."""


def read_pem(path: str, what: str) -> str:
    """A PEM file as text. StartError if it can't be read."""
    try:
        return Path(path).read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not PEM text"
        raise StartError(f"cannot read {what} {path}: {reason}") from None


class StateDirectory:
    """The directory of the store and the key, 0700, held by one gateway at a time.

    One, because what was just revoked is remembered in the process until the store has it.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(f"cannot use the state directory {path}: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise StartError(f"another gateway is running with the state directory {path}") from None

    @property
    def database(self) -> Path:
        """The SQLite store."""
        return self.path / "hoopwire.sqlite"

    @property
    def journal(self) -> Path:
        """What the store could not take yet."""
        return self.path / "hoopwire.journal"

    @property
    def secret_key(self) -> Path:
        """The key of the secret hashes."""
        return self.path / "secret.key"

    def close(self) -> None:
        """Let another gateway have it."""
        with suppress(OSError):
            os.close(self._lock)
