"""Custody's roles at a real server: more privileges than granted, a password in a log, a role left behind."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import trio

from hoopwire.custody import Made, RoleFailed, Roles
from hoopwire.custody.postgres import making
from hoopwire.demo.postgres import ThrowAwayPostgres, run_psql
from hoopwire.model.commands import Lease
from hoopwire.model.postgres.role import RoleGrant, role_name
from hoopwire.model.settings import PostgresTarget
from hoopwire.store import ulid
from support.roles import (
    EphemeralRole,
    ephemeral_role,
    prepare_roles,
    rights,
    role_lease,
    role_target,
)

READ = {"allow": [{"verbs": ["select"], "objects": [["public", "*"]]}], "read_only": True}
WRITE = {
    "allow": [
        {"verbs": ["select", "insert"], "objects": [["public", "*"]], "except": [["public", "customers"]]},
        {"verbs": ["call"], "objects": [["pg_catalog", "nextval"]]},
    ],
    "deny": [{"verbs": ["select"], "objects": [["*", "revenue"]]}],
}
SETUP = """
CREATE SCHEMA app; CREATE TABLE app.notes (id serial PRIMARY KEY, note text);
CREATE SEQUENCE app.lonely;
CREATE FUNCTION app.secret() RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION app.secret() FROM PUBLIC;
CREATE FUNCTION app.secret(int[]) RETURNS int LANGUAGE sql AS 'SELECT 2';
REVOKE EXECUTE ON FUNCTION app.secret(int[]) FROM PUBLIC;
CREATE PROCEDURE app.work(inout n int) LANGUAGE sql AS 'SELECT 3';
REVOKE EXECUTE ON PROCEDURE app.work(int) FROM PUBLIC;
CREATE TABLE app."Odd "" Name" (id int);
"""

PRIVILEGES = """
SELECT c.relkind::text || ' ' || n.nspname || '.' || c.relname || ' ' || p
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) p
WHERE c.relkind IN ('r','v','m','p','f') AND has_table_privilege('{role}', c.oid, p)
UNION ALL
SELECT 'S ' || n.nspname || '.' || c.relname || ' ' || p
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(ARRAY['SELECT','USAGE','UPDATE']) p
WHERE c.relkind = 'S' AND has_sequence_privilege('{role}', c.oid, p)
UNION ALL
SELECT 'n ' || n.nspname || ' ' || p FROM pg_namespace n CROSS JOIN unnest(ARRAY['USAGE','CREATE']) p
WHERE has_schema_privilege('{role}', n.oid, p)
UNION ALL
SELECT 'p ' || p.oid::regprocedure FROM pg_proc p WHERE has_function_privilege('{role}', p.oid, 'EXECUTE')
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ThrowAwayPostgres]:
    """A server of this file's own, which logs every statement."""
    with ThrowAwayPostgres(settings={"log_statement": "'all'", "log_min_duration_statement": "0"}) as pg:
        prepare_roles(pg)
        assert pg.psql("CREATE ROLE nobody_at_all", database="orders").ok
        assert pg.psql("SET ROLE app;" + SETUP, database="orders").ok
        yield pg
        assert pg.psql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'hw!_%' ESCAPE '!'").out == ""


def privileges(pg: ThrowAwayPostgres, role: str, database: str = "orders") -> set[str]:
    """What the role may do that a role with nothing may not."""

    def all_of(name: str) -> set[str]:
        done = pg.psql(PRIVILEGES.format(role=name), database=database)
        assert done.ok, done
        return set(done.out.split("\n"))

    return all_of(role) - all_of("nobody_at_all")


def exists(pg: ThrowAwayPostgres, role: str) -> bool:
    return pg.psql(f"SELECT count(*) FROM pg_roles WHERE rolname = '{role}'").out == "1"


def role_grant(written: dict[str, Any] = READ, **changes: Any) -> RoleGrant:
    now = time.time()
    base = RoleGrant(
        node="gw",
        grant="g_" + ulid(now),
        databases=("orders", "analytics"),
        valid_until=now + 600,
        max_sessions=4,
        rights=rights(written),
    )
    return msgspec.structs.replace(base, **changes)


class Desk:
    """Custody's `Roles` in front of the server, and a count of what it asked for."""

    def __init__(self, pg: ThrowAwayPostgres) -> None:
        self.pg = pg
        self.target = role_target(pg)
        self.leases = 0
        self.roles = self.restarted()

    def restarted(self) -> Roles:
        """What a gateway knows after a crash: nothing."""
        self.roles = Roles(self.lend)
        return self.roles

    async def lend(self, target: PostgresTarget, database: str) -> Lease:
        await trio.lowlevel.checkpoint()
        self.leases += 1
        return role_lease(self.pg, target)

    async def session(self, role: RoleGrant, database: str = "orders", sql: str = "SELECT 1") -> str:
        """Lend the role and run a statement by it; its output, or its error."""
        lent = await self.roles.lend_role(self.target, database, role.grant, lambda: role)
        dsn = self.pg.dsn(user=lent.lease.user, database=database)
        done = await trio.to_thread.run_sync(lambda: run_psql(sql, dsn=dsn, password=lent.lease.password))
        return done.out if done.ok else done.err


@pytest.fixture
def desk(server: ThrowAwayPostgres) -> Desk:
    return Desk(server)


def test_exactly_these_privileges(server: ThrowAwayPostgres) -> None:
    """Every relation, sequence, schema and function of the database is asked for every privilege."""
    with ephemeral_role(server, READ) as role:
        tables = {f"r public.{name} SELECT" for name in ("customers", "items", "orders")}
        assert privileges(server, role.name) == {*tables, "v public.revenue SELECT"}
        assert role.psql("SELECT count(*) FROM orders").out == "1000"
        write = "SET default_transaction_read_only = off; UPDATE orders SET status = 'new'"
        assert "permission denied" in role.psql("", stdin=write).err
        assert role.psql("SHOW default_transaction_read_only").out == "on"
    with ephemeral_role(server, WRITE) as role:
        assert privileges(server, role.name) == {
            f"{kind} public.{name} {verb}"
            for kind, name, verb in (
                ("r", "orders", "SELECT"),
                ("r", "orders", "INSERT"),
                ("r", "items", "SELECT"),
                ("r", "items", "INSERT"),
                ("v", "revenue", "INSERT"),
            )
        }
        assert role.psql("SHOW default_transaction_read_only").out == "off"
        assert "permission denied" in role.psql("SELECT * FROM revenue").err


def test_functions_sequences_and_odd_names(server: ThrowAwayPostgres) -> None:
    """Overloads, procedures with INOUT arguments, a serial's sequence, a quote in a name."""
    written = {
        "allow": [
            {"verbs": ["insert", "select"], "objects": [["app", "notes"], ["app", 'Odd " Name']]},
            {"verbs": ["call"], "objects": [["app", "secret"], ["app", "w*"], ["pg_catalog", "nextval"]]},
        ],
        "search_path": ["app", "public"],
    }
    with ephemeral_role(server, written) as role:
        assert privileges(server, role.name) == {
            "n app USAGE",
            "p app.secret()",
            "p app.secret(integer[])",
            "p app.work(integer)",
            "r app.notes SELECT",
            "r app.notes INSERT",
            'r app.Odd " Name SELECT',
            'r app.Odd " Name INSERT',
            "S app.notes_id_seq USAGE",
        }
        assert role.psql("INSERT INTO notes (note) VALUES ('x') RETURNING id").out.isdigit()
        assert role.psql("SELECT secret() + secret('{1}')").out == "3"
        assert "permission denied" in role.psql("SELECT nextval('lonely')").err


def test_attributes_of_the_role(server: ThrowAwayPostgres) -> None:
    """A role that may make roles, or is a member of one, is more than its grant."""
    with ephemeral_role(server, READ, ttl_s=300, max_sessions=3) as role:
        asked = (
            "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,"
            f" rolinherit, rolconnlimit FROM pg_roles WHERE rolname = '{role.name}'"
        )
        assert server.psql(asked).out == "t|f|f|f|f|f|f|3"
        member = f"SELECT count(*) FROM pg_auth_members WHERE member = '{role.name}'::regrole"
        assert server.psql(member).out == "0"
        left = "SELECT extract(epoch FROM rolvaliduntil - now())::int FROM pg_roles"
        assert 290 <= int(server.psql(f"{left} WHERE rolname = '{role.name}'").out) <= 300
        for attempt in ("CREATE ROLE x", "SET ROLE app", "CREATE DATABASE x", "CREATE TABLE t (i int)"):
            assert not role.psql(attempt).ok, attempt


def test_after_its_time_nobody_logs_in(server: ThrowAwayPostgres) -> None:
    """A role that a dead gateway left behind."""
    with ephemeral_role(server, READ, ttl_s=-1) as role:
        assert "password authentication failed" in role.psql("SELECT 1").err


def test_the_password_is_in_no_log(server: ThrowAwayPostgres) -> None:
    """The server logs every statement here; CREATE ROLE ... PASSWORD would tell whoever reads it."""
    with ephemeral_role(server, READ) as role:
        assert role.psql("SELECT 1").ok
        log = server.log
        assert f'CREATE ROLE "{role.name}"' in log
        assert "PASSWORD 'SCRAM-SHA-256$" in log
        assert role.password not in log


def test_what_it_made_goes_with_it(server: ThrowAwayPostgres) -> None:
    """DROP ROLE alone fails on a role that owns something; what it owned must not pass to the gateway's user,
    with whose rights its views and functions would then run."""
    written = {"allow": [{"verbs": ["ddl", "select", "insert"], "objects": [["public", "*"]]}]}
    with ephemeral_role(server, written) as role:
        made = role.psql("CREATE TABLE made_here (i int); SELECT lo_create(0) > 0")
        assert made.ok, made
        assert privileges(server, role.name) >= {"n public CREATE"}
    assert not exists(server, role.name)
    assert server.psql("SELECT to_regclass('public.made_here') IS NULL", database="orders").out == "t"


def test_a_session_that_stays_is_ended(server: ThrowAwayPostgres) -> None:
    """It would hold locks on what is dropped, and go on by what it has open."""
    with ephemeral_role(server, READ) as role:
        lines: list[str] = []

        def stay() -> None:
            lines.append(role.psql("BEGIN; LOCK TABLE orders IN ACCESS SHARE MODE; SELECT pg_sleep(60)").err)

        thread = threading.Thread(target=stay)
        thread.start()
        running = (
            f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{role.name}' AND wait_event = 'PgSleep'"
        )
        while server.psql(running).out != "1":
            time.sleep(0.05)
    thread.join(10)
    assert "terminating connection due to administrator command" in lines[0]
    assert not exists(server, role.name)


async def test_two_first_sessions_make_it_once(desk: Desk) -> None:
    """The second would give it another password while the first logs in."""
    role, made = role_grant(), []

    async def one() -> None:
        lent = await desk.roles.lend_role(desk.target, "orders", role.grant, lambda: role)
        made.append((lent.made is not None, lent.lease.password))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(one)
    assert sum(was_made for was_made, _ in made) == 1
    assert len({password for _, password in made}) == 1
    assert await desk.session(role) == "1"
    assert await desk.roles.drop(role.grant) == [role.name]
    assert not exists(desk.pg, role.name)


async def test_many_grants_at_once(desk: Desk) -> None:
    """GRANTs on the same tables by two connections fail with `tuple concurrently updated`."""
    roles, other = [role_grant() for _ in range(6)], Desk(desk.pg)

    async def one(which: Desk, role: RoleGrant) -> None:
        assert await which.session(role) == "1"

    async with trio.open_nursery() as nursery:
        for number, role in enumerate(roles):
            nursery.start_soon(one, (desk, other)[number % 2], role)
    async with trio.open_nursery() as nursery:
        for number, role in enumerate(roles):
            nursery.start_soon((desk, other)[number % 2].roles.drop, role.grant)


async def test_two_databases(desk: Desk) -> None:
    """Privileges are kept in each database: one that was forgotten keeps the role from being dropped."""
    role = role_grant()
    assert await desk.session(role, "orders", "SELECT count(*) FROM orders") == "1000"
    assert await desk.session(role, "analytics", "SELECT count(*) FROM daily_visits") == "90"
    assert desk.roles.grants() == {role.grant}
    assert await desk.roles.drop(role.grant) == [role.name]
    assert desk.roles.grants() == set()
    assert not exists(desk.pg, role.name)


async def test_narrowing_takes_privileges_from_live_sessions(desk: Desk) -> None:
    """A policy that shrank, and a role that still has what it had."""
    role = role_grant(WRITE)
    await desk.session(role)
    await desk.session(role, "analytics")
    password = (await desk.roles.lend_role(desk.target, "orders", role.grant, lambda: role)).lease.password
    narrower = msgspec.structs.replace(role, rights=rights(READ), databases=("orders",), max_sessions=1)
    assert len(await desk.roles.narrow(narrower)) == 1
    tables = {f"r public.{name} SELECT" for name in ("customers", "items", "orders")}
    assert privileges(desk.pg, role.name) == {*tables, "v public.revenue SELECT"}
    assert privileges(desk.pg, role.name, "analytics") == set()
    again = await desk.roles.lend_role(desk.target, "orders", role.grant, lambda: narrower)
    assert (again.made, again.lease.password) == (None, password)
    await desk.roles.drop(role.grant)


async def test_a_privilege_given_by_others_stops_the_narrowing(desk: Desk) -> None:
    """A REVOKE of what someone else granted is only a warning: the role would stay wide, unseen."""
    role = role_grant()
    await desk.session(role)
    assert desk.pg.psql(
        "CREATE ROLE other; GRANT SELECT ON orders TO other WITH GRANT OPTION; SET ROLE other;"
        f"GRANT SELECT ON orders TO {role.name}",
        database="orders",
    ).ok
    try:
        with pytest.raises(RoleFailed, match="granted by others"):
            await desk.roles.narrow(msgspec.structs.replace(role, rights=rights({})))
    finally:
        assert desk.pg.psql("REVOKE ALL ON orders FROM other CASCADE; DROP ROLE other", database="orders").ok
        await desk.roles.drop(role.grant)


async def test_after_a_crash_the_next_start_finds_its_roles_only(desk: Desk) -> None:
    """A crashed gateway left two; a third is another gateway's, a fourth has a copied comment."""
    mine, over, foreign = role_grant(), role_grant(WRITE), role_grant(node="gw.other")
    for role in (mine, over, foreign):
        await desk.session(role, "analytics" if role is over else "orders")
    copied = making.marker("gw", over.grant)
    assert desk.pg.psql(f"CREATE ROLE hw_copied; COMMENT ON ROLE hw_copied IS '{copied}'").ok
    desk.restarted()
    assert await desk.roles.recover(desk.target, "gw") == {mine.grant, over.grant}
    await desk.roles.drop(over.grant)
    assert not exists(desk.pg, over.name)
    assert await desk.session(mine, sql="SELECT count(*) FROM orders") == "1000", "a new password"
    await desk.roles.drop(mine.grant)
    assert exists(desk.pg, foreign.name)
    assert desk.pg.psql("DROP ROLE hw_copied").ok
    desk.restarted()
    assert await desk.roles.recover(desk.target, "gw.other") == {foreign.grant}
    await desk.roles.drop(foreign.grant)


async def test_someone_elses_role_is_not_taken_over(desk: Desk) -> None:
    """A role of that name that we did not make would be given our password, and dropped."""
    role = role_grant()
    assert desk.pg.psql(f"CREATE ROLE {role.name}").ok
    with pytest.raises(RoleFailed, match="not made by this gateway"):
        await desk.session(role)
    with pytest.raises(RoleFailed, match="not made by this gateway"):
        await desk.roles.drop(role.grant)
    assert desk.pg.psql(f"DROP ROLE {role.name}").ok


async def test_a_user_that_may_not_make_roles(desk: Desk) -> None:
    """Never the fixed user instead: the session is to be refused."""
    desk.target = role_target(desk.pg, user="app")
    with pytest.raises(RoleFailed, match="42501: permission denied to create role") as caught:
        await desk.session(role_grant())
    assert desk.pg.password("app") not in caught.value.internal


async def test_a_target_that_answers_nothing(desk: Desk) -> None:
    """A silent target must not hold a thread, and with it every other role, for ever."""
    silent = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = silent[0].socket.getsockname()[1]
    target = msgspec.structs.replace(desk.target, port=port)

    async def lend(target: PostgresTarget, database: str) -> Lease:
        await trio.lowlevel.checkpoint()
        return msgspec.structs.replace(role_lease(desk.pg, target), addresses=(("127.0.0.1", port),))

    role, started = role_grant(), trio.current_time()
    with pytest.raises(RoleFailed):
        await Roles(lend).lend_role(target, "orders", role.grant, lambda: role)
    assert trio.current_time() - started < 10


async def test_a_target_that_stops_in_the_middle(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logged in, and then silence: no timeout of the target's own ends that."""
    monkeypatch.setattr(making, "LIMIT_S", 1.0)

    async def forward(client: trio.SocketStream) -> None:
        upstream = await trio.open_tcp_stream(desk.pg.host, desk.pg.port)

        async def copy(source: trio.SocketStream, sink: trio.SocketStream, limit: float) -> None:
            async for piece in source:
                limit -= len(piece)
                if limit < 0:
                    await trio.sleep_forever()
                await sink.send_all(piece)

        async with trio.open_nursery() as copies:
            copies.start_soon(copy, client, upstream, float("inf"))
            # Enough for TLS and the login, not for the catalogue.
            copies.start_soon(copy, upstream, client, 8000)

    async def lend(target: PostgresTarget, database: str) -> Lease:
        await trio.lowlevel.checkpoint()
        place = ("127.0.0.1", int(listeners[0].socket.getsockname()[1]))
        return msgspec.structs.replace(role_lease(desk.pg, target), addresses=(place,))

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    role = role_grant()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, forward, listeners)
        started = trio.current_time()
        with pytest.raises(RoleFailed):
            await Roles(lend).lend_role(desk.target, "orders", role.grant, lambda: role)
        assert 0.9 < trio.current_time() - started < 4
        nursery.cancel_scope.cancel()
    assert not exists(desk.pg, role.name)


async def test_what_the_name_looks_like() -> None:
    assert role_name("g_01M86BJ1CQ43JEXYNM64J3PY71") == "hw_01m86bj1cq43jexynm64j3py71"


def test_the_belt_helps_the_tests(server: ThrowAwayPostgres) -> None:
    """The function that other suites attack the belt by."""
    with ephemeral_role(server, READ, database="analytics") as role:
        assert isinstance(role, EphemeralRole)
        assert role.made.created
        assert role.made.withheld == 0
        assert role.psql("SELECT count(*) FROM daily_visits").out == "90"


async def test_a_role_that_somebody_dropped_is_made_again(desk: Desk) -> None:
    """Made anew without a password, nobody could ever log in as it."""
    role = role_grant()
    await desk.session(role)
    assert desk.pg.psql(f"DROP OWNED BY {role.name}; DROP ROLE {role.name}", database="orders").ok
    with pytest.raises(RoleFailed, match="dropped by somebody else"):
        await desk.session(role, "analytics")
    assert await desk.session(role, "analytics") == "1"
    await desk.roles.drop(role.grant)


async def test_what_may_not_be_made_is_not_remembered(desk: Desk) -> None:
    """A refusal inside `wanted` comes through as it is, and there is nothing to drop later."""

    def wanted() -> RoleGrant:
        raise PermissionError

    with pytest.raises(PermissionError):
        await desk.roles.lend_role(desk.target, "orders", "g_x", wanted)
    assert desk.roles.grants() == set()


async def test_a_client_that_leaves_while_its_role_is_made(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given up on, the thread would set its password after the next session's, and make what was dropped."""
    role, scope, real, calls = role_grant(), trio.CancelScope(), making.make_role, []

    def make_role(*arguments: Any) -> Made:
        calls.append(arguments)
        trio.from_thread.run_sync(scope.cancel)
        return real(*arguments)

    monkeypatch.setattr(making, "make_role", make_role)
    with scope:
        await desk.roles.lend_role(desk.target, "orders", role.grant, lambda: role)
    assert exists(desk.pg, role.name)
    assert await desk.session(role) == "1"
    assert len(calls) == 1
    await desk.roles.drop(role.grant)


async def test_another_targets_roles_at_the_same_server(desk: Desk) -> None:
    """Two targets, two users, one server: each start looks at its own, and drops nothing of the other's."""
    role = role_grant()
    await desk.session(role)
    assert desk.pg.psql(f"CREATE ROLE other_maker LOGIN CREATEROLE PASSWORD '{desk.pg.password()}'").ok
    other = Desk(desk.pg)
    other.target = msgspec.structs.replace(other.target, user="other_maker", databases=("analytics",))
    assert await other.roles.recover(other.target, "gw") == set()
    assert await Desk(desk.pg).roles.recover(desk.target, "gw") == {role.grant}
    await desk.roles.drop(role.grant)
    assert desk.pg.psql("DROP ROLE other_maker").ok


def test_what_others_have_made_of_it_is_named_with_what_to_do(server: ThrowAwayPostgres, desk: Desk) -> None:
    """R24: the drop of a role failed for ever, and PostgreSQL's words did not say what stood in the way."""
    role = role_grant()
    assert trio.run(desk.session, role) == "1"
    assert server.psql(
        f"CREATE TABLE app.of_the_role (id int); ALTER TABLE app.of_the_role OWNER TO {role.name};"
        " CREATE VIEW app.of_another AS SELECT id FROM app.of_the_role",
        database="orders",
    ).ok
    with pytest.raises(RoleFailed) as failed:
        trio.run(desk.roles.drop, role.grant)
    assert failed.value.is_lasting
    assert "view app.of_another depends on table app.of_the_role" in failed.value.internal
    assert "drop that" in failed.value.internal
    assert server.psql(f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{role.name}'").out == "f"
    assert server.psql("DROP VIEW app.of_another", database="orders").ok
    assert trio.run(desk.roles.drop, role.grant) == [role.name]
    assert not exists(server, role.name)
