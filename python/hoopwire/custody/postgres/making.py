"""Makes, narrows and drops one role at a target. Blocking: for worker threads.

Everything about a role's beginning (the role, its comment, its privileges in one database) is one
transaction, so that a crash leaves either nothing or a role that says whose it is.
"""

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from hoopwire.custody.postgres.administer import RoleFailed, administering
from hoopwire.custody.postgres.catalogue import grants, held_objects, read_catalogue, revokes
from hoopwire.custody.postgres.privileges import expand
from hoopwire.model.commands import Lease
from hoopwire.model.postgres.role import ROLE_PREFIX, RoleGrant, role_name
from hoopwire.model.settings import PostgresTarget

LIMIT_S = 8.0
"""For what is done in one database; below the default of `limits.admission`."""

_TRIES = 5
_MEMBERSHIP_OPTIONS_SINCE = 160000
_LEAVE_S = 2.0

_ROLE = "SELECT pg_catalog.shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles WHERE rolname = %s"

Answer = TypeVar("Answer")


class RoleGone(RoleFailed):
    """A role that was made is not there: somebody else dropped it. It has to be made from the beginning."""


@dataclass(frozen=True)
class Made:
    """What was made in one database."""

    role: str
    database: str
    created: bool
    """False: the role was there, and was given a new password or new privileges."""
    privileges: int
    withheld: int
    """Privileges that the grant has, and that the administering user cannot give on."""


def new_password() -> str:
    """256 random bits: a verifier of it that someone reads in a log is of no use."""
    return secrets.token_urlsafe(32)


def marker(node: str, grant: str) -> str:
    """How the comment of a role of ours starts."""
    return f"hoopwire node={node} grant={grant} "


def make_role(
    target: PostgresTarget, lease: Lease, database: str, role: RoleGrant, password: str | None
) -> Made:
    """The role exists, and has in this database exactly the privileges of its rights.

    `password` None leaves the one it has. RoleFailed, and nothing changed, if it can't be so.
    """

    def attempt() -> Made:
        with administering(target, lease, database, LIMIT_S) as connection:
            created = _ensure_role(connection, role, password)
            granted, withheld = _give(connection, role, nothing_held=created)
        return Made(role.name, database, created, granted, withheld)

    return _again_on_conflict(attempt)


def take_privileges(target: PostgresTarget, lease: Lease, database: str, role: RoleGrant) -> None:
    """Leave the role nothing in a database that its grant no longer opens."""

    def attempt() -> None:
        with administering(target, lease, database, LIMIT_S) as connection:
            _take(connection, role.name)

    _again_on_conflict(attempt)


def drop_role(target: PostgresTarget, lease: Lease, grant: str, node: str) -> bool:
    """End its sessions, take back what it has in each database, drop it. False if there is none.

    What it owns (a `ddl` grant may have made tables) goes with it.
    """
    name = role_name(grant)

    def attempt() -> bool:
        first = target.databases[0]
        with administering(target, lease, first, LIMIT_S) as connection:
            found = connection.execute(_ROLE, (name,)).fetchone()
            if found is None:
                return False
            _check_ours(name, found[0], marker(node, grant))
            connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(name)))
            connection.commit()
            databases = _used_databases(connection, name)
            _end_sessions(connection, name)
        for database in databases:
            with administering(target, lease, database, LIMIT_S) as connection:
                connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        with administering(target, lease, first, LIMIT_S) as connection:
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
        return True

    return _again_on_conflict(attempt)


def roles_of_node(target: PostgresTarget, lease: Lease, node: str) -> set[str]:
    """The grants whose roles this gateway has made and not dropped."""
    start = f"hoopwire node={node} grant="
    query = (
        "SELECT rolname, pg_catalog.shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles"
        # Another target's user may have made roles here, too: those are not for this one to drop.
        " WHERE pg_catalog.starts_with(rolname, %s) AND pg_catalog.pg_has_role(oid, 'USAGE')"
    )
    with administering(target, lease, target.databases[0], LIMIT_S) as connection:
        rows = connection.execute(query, (ROLE_PREFIX,)).fetchall()
    found = set()
    for name, comment in rows:
        if comment is not None and comment.startswith(start):
            grant = comment.removeprefix(start).partition(" ")[0]
            # A comment copied onto another role must not have that one dropped.
            if name == role_name(grant):
                found.add(grant)
    return found


def _ensure_role(connection: psycopg.Connection[Any], role: RoleGrant, password: str | None) -> bool:
    name = sql.Identifier(role.name)
    until = datetime.fromtimestamp(role.valid_until, UTC).isoformat()
    options = sql.SQL("LOGIN CONNECTION LIMIT {} VALID UNTIL {}").format(
        sql.Literal(role.max_sessions), sql.Literal(until)
    )
    if password is not None:
        # The verifier is made here: the target's logs and pg_stat_activity see this statement.
        verifier = connection.pgconn.encrypt_password(
            password.encode(), role.name.encode(), algorithm=b"scram-sha-256"
        )
        options += sql.SQL(" PASSWORD {}").format(sql.Literal(verifier.decode()))
    found = connection.execute(_ROLE, (role.name,)).fetchone()
    ours = marker(role.node, role.grant)
    if found is None and password is None:
        raise RoleGone(f"role {role.name} was dropped by somebody else")
    if found is None:
        refused = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT"
        connection.execute(sql.SQL("CREATE ROLE {} {} {}").format(name, sql.SQL(refused), options))
        _join(connection, role.name)
    else:
        _check_ours(role.name, found[0], ours)
        connection.execute(sql.SQL("ALTER ROLE {} {}").format(name, options))
    connection.execute(
        sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(f"{ours}expires={until}"))
    )
    path = sql.SQL(", ").join(sql.Literal(schema) for schema in role.rights.search_path or ("",))
    connection.execute(sql.SQL("ALTER ROLE {} SET search_path TO {}").format(name, path))
    read_only = sql.SQL("on" if role.rights.read_only else "off")
    connection.execute(
        sql.SQL("ALTER ROLE {} SET default_transaction_read_only TO {}").format(name, read_only)
    )
    return found is None


def _join(connection: psycopg.Connection[Any], name: str) -> None:
    """Who drops what a role owns, and ends its sessions, must be a member of it (superusers need not)."""
    is_superuser = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
    found = connection.execute(is_superuser).fetchone()
    if found is None or found[0]:
        return
    options = ""
    if connection.info.server_version >= _MEMBERSHIP_OPTIONS_SINCE:
        options = "WITH INHERIT TRUE, SET FALSE"
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER {}").format(sql.Identifier(name), sql.SQL(options)))


def _give(connection: psycopg.Connection[Any], role: RoleGrant, *, nothing_held: bool) -> tuple[int, int]:
    if not nothing_held:
        _take(connection, role.name)
    calls = any("call" in rule.verbs for rule in role.rights.allow)
    expansion = expand(role.rights, read_catalogue(connection, routines=calls))
    for statement in grants(expansion.granted, role.name):
        connection.execute(statement)
    return len(expansion.granted), len(expansion.withheld)


def _take(connection: psycopg.Connection[Any], name: str) -> None:
    """Revoke what it holds, not what it owns. To the server, a revoke that does nothing is only a warning."""
    for statement in revokes(held_objects(connection, name), name):
        connection.execute(statement)
    left = held_objects(connection, name)
    if left:
        raise RoleFailed(
            f"role {name} keeps privileges on {left[0].schema}.{left[0].name}: granted by others"
        )


def _check_ours(name: str, comment: str | None, ours: str) -> None:
    if comment is None or not comment.startswith(ours):
        raise RoleFailed(f"role {name} is there and was not made by this gateway for this grant")


def _used_databases(connection: psycopg.Connection[Any], name: str) -> list[str]:
    """Where something depends on the role, whatever the configuration says; shared objects count as here."""
    query = """
        SELECT DISTINCT coalesce(d.datname, current_database())::text
        FROM pg_catalog.pg_shdepend s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid
        WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
          AND s.refobjid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %s)
          AND (d.oid IS NOT NULL OR s.dbid = 0)"""
    return [row[0] for row in connection.execute(query, (name,)).fetchall()]


def _end_sessions(connection: psycopg.Connection[Any], name: str) -> None:
    """Cut what is left of its sessions, so that none holds a lock on what is to be dropped."""
    query = (
        "SELECT count(pg_catalog.pg_terminate_backend(pid))"
        " FROM pg_catalog.pg_stat_activity WHERE usename = %s"
    )
    deadline = time.monotonic() + _LEAVE_S
    while (found := connection.execute(query, (name,)).fetchone()) and found[0]:
        connection.commit()
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _again_on_conflict(attempt: Callable[[], Answer]) -> Answer:
    """GRANTs of two gateways on one object collide in the catalogue; the later one has to start over."""
    for number in range(_TRIES):
        try:
            return attempt()
        except RoleFailed as failed:
            if number + 1 == _TRIES or not failed.is_conflict:
                raise
            time.sleep(random.uniform(0.01, 0.1) * (number + 1))  # noqa: S311 - spreads retries only
    raise AssertionError
