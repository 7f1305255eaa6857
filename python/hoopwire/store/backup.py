"""Copies what a gateway must not forget, and puts it back: store, journal, secret key.

The journal is copied before the store: what it held is in one of the two, whatever happens meanwhile.
"""

import os
import shutil
import sqlite3
import time
from pathlib import Path

from hoopwire.store.interface import StoreError
from hoopwire.store.migrate import migrations

DATABASE = "hoopwire.sqlite"
JOURNAL = "hoopwire.journal"
SECRET_KEY = "secret.key"  # noqa: S105 - a file's name
_TRIES = 50


def back_up(state: Path, to: Path) -> None:
    """Copy the state directory's files to a new directory, also while the gateway runs. StoreError."""
    part = to.with_name(to.name + ".part")
    if to.exists() or part.exists():
        raise StoreError(f"{to if to.exists() else part} exists: a backup goes to a new directory")
    if not (state / DATABASE).exists():
        raise StoreError(f"{state} holds no store")
    try:
        part.mkdir(mode=0o700, parents=True)
        try:
            _write(part / JOURNAL, _settled(state / JOURNAL))
            _write(part / SECRET_KEY, (state / SECRET_KEY).read_bytes())
            _copy_database(state / DATABASE, part / DATABASE)
            _synced(part)
            part.rename(to)
            _synced(to.parent)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the backup failed: {error}") from error


def restore(backup: Path, state: Path) -> Path | None:
    """Put a backup in place of the state directory's files, which nobody may use meanwhile.

    What was there is moved aside; where to, or None. StoreError, and nothing changed, if the backup is not
    whole.
    """
    try:
        for name in (DATABASE, SECRET_KEY, JOURNAL):
            if not (backup / name).is_file():
                raise StoreError(f"{backup} is no backup: it has no {name}")
        _check(backup / DATABASE)
        part = state / "restoring"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        for name in (DATABASE, SECRET_KEY, JOURNAL):
            _write(part / name, (backup / name).read_bytes())
        _synced(part)
        old = [path for path in state.iterdir() if path.is_file() and path.name != "lock"]
        aside = state / time.strftime("before-restore-%Y%m%dT%H%M%SZ", time.gmtime()) if old else None
        if aside is not None:
            aside.mkdir(mode=0o700)
            for path in old:
                path.rename(aside / path.name)
        for path in part.iterdir():
            path.rename(state / path.name)
        part.rmdir()
        _synced(state)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the backup could not be restored: {error}") from error
    return aside


def _copy_database(source: Path, to: Path) -> None:
    _write(to, b"")
    copying = sqlite3.connect(to)
    try:
        reading = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=5)
        try:
            reading.backup(copying)
        finally:
            reading.close()
        copying.execute("PRAGMA journal_mode = DELETE")
        copying.execute("PRAGMA synchronous = FULL")
    finally:
        copying.close()
    _check(to)


def _check(database: Path) -> None:
    """StoreError unless it is whole and of a version that this hoopwire knows."""
    checking = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
    try:
        [(said,)] = checking.execute("PRAGMA integrity_check(1)").fetchall()
        if said != "ok":
            raise StoreError(f"{database} is damaged: {said}")
        applied = {number for (number,) in checking.execute("SELECT number FROM migrations")}
        if newer := applied - {number for number, _, _ in migrations()}:
            raise StoreError(f"{database} was written by a newer hoopwire (migration {max(newer)})")
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{database} is no store: {error}") from error
    finally:
        checking.close()


def _settled(journal: Path) -> bytes:
    """The journal as it was between two writes."""
    if not journal.exists():
        return b""
    before = journal.read_bytes()
    for _ in range(_TRIES):
        time.sleep(0.01)
        if (now := journal.read_bytes()) == before:
            return now
        before = now
    raise StoreError("the journal changes all the time: try again")


def _write(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _synced(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
