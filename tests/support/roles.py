"""The belt alone: a role made for some rights, straight at a throw-away PostgreSQL, with no gateway between.

with ephemeral_role(pg, {"allow": [{"verbs": ["select"], "objects": [["public", "*"]]}]}) as role:
    print(role.psql("delete from orders").err)
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hoopwire.custody import Made
from hoopwire.custody.postgres import making
from hoopwire.demo.postgres import Outcome, ThrowAwayPostgres, run_psql
from hoopwire.model.commands import Lease
from hoopwire.model.postgres.rights import CompiledRules
from hoopwire.model.postgres.role import RoleGrant
from hoopwire.model.settings import CredentialSettings, PostgresTarget
from hoopwire.store import ulid

ADMIN = "role_maker"
"""May make roles, is no superuser, and owns what `app` owns: see `prepare_roles`."""

NOTHING = {"allow": (), "deny": (), "words": (), "search_path": ("public",), "read_only": False}


@dataclass(frozen=True)
class EphemeralRole:
    """A role at the target that can log in now."""

    name: str
    password: str = field(repr=False)
    dsn: str
    """libpq connection string without the password."""
    made: Made

    def psql(self, sql: str, **options: Any) -> Outcome:
        """Run SQL as the role."""
        return run_psql(sql, dsn=self.dsn, password=self.password, **options)


def rights(written: Mapping[str, Any]) -> CompiledRules:
    """Rights from a map as in the seam to the engine; what is left out is empty."""
    return msgspec.convert({**NOTHING, **written}, CompiledRules)


def prepare_roles(pg: ThrowAwayPostgres) -> None:
    """Make `role_maker` at the server, with the password of `app`."""
    made = pg.psql(f"CREATE ROLE {ADMIN} LOGIN CREATEROLE PASSWORD '{pg.password()}' IN ROLE app")
    if not made.ok and "already exists" not in made.err:
        raise RuntimeError(made.err)


def role_target(pg: ThrowAwayPostgres, *databases: str, user: str = ADMIN) -> PostgresTarget:
    """The server as a target with `role = "ephemeral"`."""
    return PostgresTarget(
        host=pg.host,
        port=pg.port,
        databases=databases or ("orders", "analytics"),
        user=user,
        credential=CredentialSettings(trust=True),
        ca=str(pg.ca),
        role="ephemeral",
    )


def role_lease(pg: ThrowAwayPostgres, target: PostgresTarget) -> Lease:
    """What custody would lend for the target."""
    return Lease(
        addresses=((pg.host, pg.port),),
        tls=True,
        server_name=pg.host,
        ca_pem=pg.ca.read_text(),
        user=target.user,
        database=target.databases[0],
        password=pg.password(target.user if target.user == "postgres" else "app"),
    )


@contextmanager
def ephemeral_role(
    pg: ThrowAwayPostgres,
    written: Mapping[str, Any],
    *,
    database: str = "orders",
    ttl_s: float = 600.0,
    max_sessions: int = 16,
    node: str = "belt",
) -> Iterator[EphemeralRole]:
    """A role with exactly these rights in one database; dropped when the block ends."""
    prepare_roles(pg)
    target = role_target(pg, database)
    lease, password, now = role_lease(pg, target), making.new_password(), time.time()
    role = RoleGrant(
        node=node,
        grant="g_" + ulid(now),
        databases=(database,),
        valid_until=now + ttl_s,
        max_sessions=max_sessions,
        rights=rights(written),
    )
    made = making.make_role(target, lease, database, role, password)
    try:
        yield EphemeralRole(role.name, password, pg.dsn(user=role.name, database=database), made)
    finally:
        making.drop_role(target, lease, role.grant, node)
