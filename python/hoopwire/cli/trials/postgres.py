"""Tries a PostgreSQL target as the gateway will: address, TLS, login to each database."""

import functools
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import closing

import trio

from hoopwire.cli.trials.catalogue import try_names
from hoopwire.cli.trials.trial import Trial, failed
from hoopwire.config.positions import Key
from hoopwire.custody import LeaseFailed, RoleFailed, lease
from hoopwire.custody.postgres.administer import administering
from hoopwire.model.commands import Lease
from hoopwire.model.settings import PostgresTarget, Settings

_LIMIT_S = 5.0
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""PostgreSQL, "Message Formats": SSLRequest."""

_TO_DO: tuple[tuple[str, str, str], ...] = (
    (
        "password authentication failed",
        "credential",
        "the user has another password, or is not there",
    ),
    (
        "no pg_hba.conf entry",
        "host",
        "let this machine in: the target's pg_hba.conf",
    ),
    (
        "pg_hba.conf rejects",
        "host",
        "let this machine in: the target's pg_hba.conf",
    ),
    ("permission denied for database", "databases", "GRANT CONNECT ON DATABASE to `user`"),
    ('database "', "databases", "make the database, or correct its name in `databases`"),
    ('role "', "user", "make the user at the target, or correct `user`; it needs LOGIN"),
    ("too many", "user", "raise the target's max_connections, or the role's CONNECTION LIMIT"),
)
"""Words of what the target says, the key at fault, what to do. The first that fits counts."""


def try_target(name: str, target: PostgresTarget, settings: Settings) -> Iterator[Trial]:
    """From the name to what policies say of its relations; it ends where nothing further can work."""
    key: Key = ("targets", name)
    try:
        lent = trio.run(functools.partial(lease, target, target.databases[0]))
    except LeaseFailed as error:
        at = "host" if "resolve" in error.internal or "address" in error.internal else "credential"
        yield failed(
            (*key, at),
            f"credential and address of {target.host}",
            error.internal,
            "put it right: nobody gets in at this target without it",
        )
        return
    reached = False
    for address, port in lent.addresses:
        trial = _reach(key, target, lent, address, port)
        reached = reached or trial.outcome == "ok"
        yield trial
    if not reached:
        return
    for index, database in enumerate(target.databases):
        yield from _login(key, index, name, target, lent, database, settings)


def _reach(key: Key, target: PostgresTarget, lent: Lease, address: str, port: int) -> Trial:
    """A TCP connection, and TLS on it."""
    tried = f"{address} port {port}" + (", TLS" if lent.tls else "")
    try:
        with closing(socket.create_connection((address, port), timeout=_LIMIT_S)) as wire:
            if not lent.tls:
                return Trial(key=(*key, "host"), tried=tried, found="answers")
            wire.sendall(_SSL_REQUEST)
            answer = wire.recv(1)
            if answer == b"N":
                return failed((*key, "tls"), tried, "has no TLS", "set ssl = on at the target")
            if answer != b"S":
                found = "is no PostgreSQL server" if answer else "hung up"
                return failed((*key, "port"), tried, found, "look at `host` and `port`")
            return _handshake(key, lent, wire, tried)
    except TimeoutError:
        to_do = "a firewall may stand between, or nothing is at this address"
        return failed((*key, "host"), tried, f"no answer in {_LIMIT_S:g} s", to_do)
    except OSError as error:
        to_do = "look at `host` and `port`, and whether the server runs and listens there"
        return failed((*key, "port"), tried, error.strerror or str(error), to_do)


def _handshake(key: Key, lent: Lease, wire: socket.socket, tried: str) -> Trial:
    try:
        context = ssl.create_default_context(cadata=lent.ca_pem)
    except ssl.SSLError:
        return failed((*key, "ca"), tried, "the CA cannot be used", "give a PEM bundle")
    try:
        with context.wrap_socket(wire, server_hostname=lent.server_name) as secured:
            return Trial(key=(*key, "host"), tried=tried, found=f"answers, {secured.version()}")
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message
        if "ostname" in reason or "IP address" in reason:
            to_do = "write the name of its certificate as `server_name`"
            return failed(
                (*key, "server_name"), tried, f"its certificate is for another name: {reason}", to_do
            )
        if "expired" in reason:
            return failed((*key, "ca"), tried, f"its certificate: {reason}", "renew it at the target")
        to_do = "give the CA that signed the target's certificate as `ca`"
        return failed((*key, "ca"), tried, f"its certificate: {reason}", to_do)
    except ssl.SSLError as error:
        # Without a client certificate a server that wants one may say so only now.
        return failed((*key, "tls"), tried, f"TLS: {error.reason}", "the target's log has more")


def _login(
    key: Key, index: int, name: str, target: PostgresTarget, lent: Lease, database: str, settings: Settings
) -> Iterator[Trial]:
    tried = f"login as {target.user} to {database}"
    try:
        with administering(target, lent, database, _LIMIT_S, application="hoopwire check") as connection:
            version = connection.info.parameter_status("server_version")
            yield Trial(key=(*key, "databases", index), tried=tried, found=f"PostgreSQL {version}")
            if target.role == "ephemeral" and index == 0:
                yield _may_make_roles(key, target, connection.execute(_ROLE).fetchone())
            yield from try_names(name, target, database, settings, connection)
    except RoleFailed as error:
        for words, field, to_do in _TO_DO:
            if words in error.internal:
                at: Key = (*key, field, index) if field == "databases" else (*key, field)
                yield failed(at, tried, error.internal, to_do)
                return
        yield failed(key, tried, error.internal, "the target's log has more")


_ROLE = "SELECT rolsuper OR rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user"


def _may_make_roles(key: Key, target: PostgresTarget, row: tuple[object, ...] | None) -> Trial:
    tried = f"may {target.user} make roles"
    if row is not None and row[0]:
        return Trial(key=(*key, "role"), tried=tried, found="yes")
    return failed((*key, "role"), tried, "no", f"ALTER ROLE {target.user} CREATEROLE")
