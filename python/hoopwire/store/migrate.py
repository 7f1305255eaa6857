"""Numbered SQL files to a database: each is applied once, in order, in its own transaction."""

import re
import sqlite3
from importlib import resources

from hoopwire.store.interface import StoreError

_NAME = re.compile(r"(\d{4})_[a-z_]+\.sql")


def migrations() -> list[tuple[int, str, str]]:
    """Number, file name and SQL of each shipped migration, in order."""
    found = []
    for file in resources.files("hoopwire.store").joinpath("migrations").iterdir():
        if match := _NAME.fullmatch(file.name):
            found.append((int(match[1]), file.name, file.read_text()))
    return sorted(found)


def migrate(database: sqlite3.Connection, now: float) -> None:
    """Bring the database up to date. StoreError if a newer hoopwire has written it."""
    database.execute(
        "CREATE TABLE IF NOT EXISTS migrations"
        " (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at REAL NOT NULL) STRICT"
    )
    applied = {number for (number,) in database.execute("SELECT number FROM migrations")}
    known = migrations()
    if unknown := applied - {number for number, _, _ in known}:
        raise StoreError(
            f"the store was written by a newer hoopwire (migration {max(unknown)}):"
            " start that version, or give this one another state directory"
        )
    for number, name, sql in known:
        if number in applied:
            continue
        row = f"INSERT INTO migrations VALUES ({number}, '{name}', {now!r});"  # noqa: S608 - our own file names
        try:
            database.executescript(f"BEGIN IMMEDIATE;\n{sql}\n{row}\nCOMMIT;")
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
