"""Connects to a target as its configured user, to make and drop roles. Blocking: for worker threads.

Every connection has an end: connecting has a timeout for each address, and after `limit_s` a timer's thread
shuts the socket, whatever the target does or does not answer.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from hoopwire.model.commands import Lease
from hoopwire.model.settings import PostgresTarget

_CONNECT_S = 4
_DEPENDING = 10


class RoleFailed(Exception):
    """A role could not be made, changed or dropped. `internal` is for the log and holds no secret."""

    def __init__(self, internal: str, *, is_conflict: bool = False, is_lasting: bool = False) -> None:
        super().__init__(internal)
        self.internal = internal
        self.is_conflict = is_conflict
        """Somebody else changed the same thing at the same time: worth another try."""
        self.is_lasting = is_lasting
        """No other try helps: somebody has to put something right at the target, and `internal` says what."""


@contextmanager
def administering(
    target: PostgresTarget,
    lease: Lease,
    database: str,
    limit_s: float,
    *,
    application: str = "hoopwire roles",
) -> Iterator[psycopg.Connection[Any]]:
    """Connect under the name of `application`; the block is one transaction.

    RoleFailed, with the target's words, for whatever goes wrong.
    """
    try:
        connection = _connect(target, lease, database, application)
        try:
            with _cut_after(connection, limit_s):
                # Nothing that a principal may have made can be meant by a name in our statements.
                connection.execute("SELECT pg_catalog.set_config('search_path', '', false)")
                limit_ms = str(max(1, int(limit_s * 1000)))
                connection.execute(
                    "SELECT pg_catalog.set_config('statement_timeout', %s, false)", (limit_ms,)
                )
                yield connection
                connection.commit()
        finally:
            with suppress(psycopg.Error):
                connection.close()
    except psycopg.errors.DependentObjectsStillExist as error:
        raise RoleFailed(_depends(error), is_lasting=True) from None
    except psycopg.Error as error:
        raise RoleFailed(said(error), is_conflict=_is_conflict(error)) from None


def said(error: psycopg.Error) -> str:
    """One line of what the target (or libpq) said. Our statements hold no password, only verifiers."""
    primary = error.diag.message_primary
    text = f"{error.sqlstate}: {primary}" if primary else str(error)
    return " ".join(text.split())[:500]


def _depends(error: psycopg.Error) -> str:
    """What others have made of what the role owns: PostgreSQL's DETAIL has a line each."""
    lines = (error.diag.message_detail or said(error)).splitlines()
    shown = "; ".join(" ".join(line.split()) for line in lines[:_DEPENDING])
    more = f"; and {len(lines) - _DEPENDING} more" if len(lines) > _DEPENDING else ""
    to_do = "drop that, or ALTER ... OWNER TO another what the role owns; the role cannot log in any more"
    return (
        f"{error.sqlstate}: {shown[:1000]}{more}. Others have made something of what the role owns: {to_do}"
    )


def _is_conflict(error: psycopg.Error) -> bool:
    """Serialisation, deadlock, the same role twice, an object dropped meanwhile, a catalogue row changed."""
    if error.sqlstate in ("40001", "40P01", "42710", "23505", "42P01", "42883", "3F000"):
        return True
    return error.sqlstate == "XX000" and "concurrently" in (error.diag.message_primary or "")


def _connect(
    target: PostgresTarget, lease: Lease, database: str, application: str
) -> psycopg.Connection[Any]:
    """The first address that answers."""
    last: psycopg.Error | None = None
    for address, port in lease.addresses:
        try:
            parameters = _parameters(target, lease, address, port, database)
            return psycopg.connect(**parameters, application_name=application)
        except psycopg.OperationalError as error:
            last = error
    raise RoleFailed(said(last) if last is not None else "the target has no address")


def _parameters(
    target: PostgresTarget, lease: Lease, address: str, port: int, database: str
) -> dict[str, Any]:
    """Written out, so that no PG* variable of the gateway's environment means another place or user."""
    credential = target.credential
    return {
        "host": lease.server_name,
        "hostaddr": address,
        "port": port,
        "dbname": database,
        "user": lease.user,
        "password": lease.password,
        "passfile": "/dev/null",
        "sslmode": "verify-full" if lease.tls else "disable",
        "sslrootcert": target.ca or "",
        "sslcert": credential.certificate or "",
        "sslkey": credential.key or "",
        "sslcrl": "",
        "sslcrldir": "",
        "gssencmode": "disable",
        "target_session_attrs": "any",
        "options": "",
        "client_encoding": "UTF8",
        "connect_timeout": _CONNECT_S,
        # A pooler in between must not be asked to keep statements.
        "prepare_threshold": None,
    }


@contextmanager
def _cut_after(connection: psycopg.Connection[Any], limit_s: float) -> Iterator[None]:
    # A descriptor of our own: the connection's may be closed and used again by something else meanwhile.
    with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as wire:

        def cut() -> None:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(limit_s, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
