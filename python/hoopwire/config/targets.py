"""Checks of `[targets.NAME]`: what stands behind the gateway and how it is reached."""

import re

from hoopwire.config.issuers import is_loopback
from hoopwire.config.positions import Key
from hoopwire.config.problem import Report, quoted
from hoopwire.config.sources import check_sources, is_host
from hoopwire.config.ssh import check_ssh_target
from hoopwire.config.ssh_blocks import check_block
from hoopwire.model.settings import CredentialSettings, PostgresTarget, TargetSettings
from hoopwire.model.ssh.hosts import is_pattern
from hoopwire.model.ssh.settings import SshTarget

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_POSTGRES_NAME_BYTES = 63
"""NAMEDATALEN - 1 (PostgreSQL, "Identifiers and Key Words")."""

SOURCES = ("file", "env", "command", "certificate", "trust")


def check_targets(targets: dict[str, TargetSettings | None], report: Report) -> None:
    """Each target alone."""
    for name, target in targets.items():
        key: Key = ("targets", name)
        if isinstance(target, SshTarget) and is_pattern(name):
            check_block(key, name, target, targets, report)
            continue
        if not _NAME.fullmatch(name):
            # Clients type it as dbname, where `/` sets off the database, and in ssh's user name before a `+`.
            report.add(
                key, "a name is 1 to 63 letters, digits, `_`, `.` or `-`, with a letter or digit first"
            )
        if target is None:
            continue
        if not is_host(target.host):
            report.add((*key, "host"), f"{quoted(target.host)} is neither a host name nor an IP address")
        if not 1 <= target.port <= 65535:
            report.add((*key, "port"), "must be from 1 to 65535")
        if isinstance(target, PostgresTarget):
            _check_postgres(key, target, report)
        else:
            if target.names:
                report.add((*key, "names"), 'is for a block of many hosts, such as [targets."web*"]')
            check_ssh_target(key, target, report)


def _check_postgres(key: Key, target: PostgresTarget, report: Report) -> None:
    _check_databases((*key, "databases"), target.databases, report)
    if not target.user or len(target.user.encode()) > _POSTGRES_NAME_BYTES:
        report.add((*key, "user"), f"must have 1 to {_POSTGRES_NAME_BYTES} bytes")
    if target.server_name is not None and not is_host(target.server_name):
        report.add(
            (*key, "server_name"), f"{quoted(target.server_name)} is neither a host name nor an IP address"
        )
    if target.tls == "verify-full":
        if target.ca is None:
            report.add((*key, "ca"), "required with verify-full: the CA that signed the target's certificate")
    else:
        _check_without_tls(key, target, report)
    _check_search_path((*key, "search_path"), target.search_path, report)
    _check_credential((*key, "credential"), target.credential, report)


def _check_databases(key: Key, databases: tuple[str, ...], report: Report) -> None:
    if not databases:
        report.add(key, "name at least one database; the first is what the bare target name opens")
    for index, database in enumerate(databases):
        if not database or len(database.encode()) > _POSTGRES_NAME_BYTES:
            report.add((*key, index), f"a database name has 1 to {_POSTGRES_NAME_BYTES} bytes")
        if "/" in database or database == "*":
            report.add(
                (*key, index), "`/` and `*` have a meaning in policies; they cannot be in a database name"
            )
        if database in databases[:index]:
            report.add((*key, index), f"{quoted(database)} is listed twice")


def _check_search_path(key: Key, schemas: tuple[str, ...], report: Report) -> None:
    for index, schema in enumerate(schemas):
        if schema.startswith("$"):
            report.add((*key, index), "name each schema: `$user` would be another one for another role")
        elif schema.startswith("pg_"):
            report.add(
                (*key, index), f"{quoted(schema)} is PostgreSQL's own and is searched anyway, or must not be"
            )
        elif not schema or "*" in schema or len(schema.encode()) > _POSTGRES_NAME_BYTES:
            report.add((*key, index), f"a schema name has 1 to {_POSTGRES_NAME_BYTES} bytes and no `*`")
        elif schema in schemas[:index]:
            report.add((*key, index), f"{quoted(schema)} is listed twice")


def _check_without_tls(key: Key, target: PostgresTarget, report: Report) -> None:
    if not is_loopback(target.host):
        report.add(
            (*key, "tls"),
            "may be `disable` for 127.0.0.1, ::1 and localhost only: password and rows would travel in clear",
        )
    if target.ca is not None:
        report.add((*key, "ca"), 'has no effect with tls = "disable"')
    if target.server_name is not None:
        report.add((*key, "server_name"), 'has no effect with tls = "disable"')
    if target.credential.certificate is not None:
        report.add((*key, "credential", "certificate"), "a client certificate needs TLS")


def _check_credential(key: Key, credential: CredentialSettings, report: Report) -> None:
    check_sources(key, credential, SOURCES, report)
    if (credential.certificate is None) != (credential.key is None):
        report.add(key, "`certificate` and `key` go together")
