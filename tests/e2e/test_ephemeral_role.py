"""Sessions under a role made for their grant: one that has more, outlives it, or is not used at all."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from support.frontend import Frontend
from support.roles import ADMIN, prepare_roles
from support.wait import audit_events, wait_for, wait_for_audit, wait_for_audits

WRITERS = ["select on public.* except public.customers", "insert on public.orders"]
ROLES = "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE starts_with(rolname, 'hw_')"


def policy(actions: list[str]) -> dict[str, Any]:
    return {"name": "exact", "groups": [GROUP], "targets": ["orders/*"], "actions": actions, "ttl": "15m"}


@pytest.fixture(scope="module")
def server() -> Iterator[ThrowAwayPostgres]:
    """A target of this file's own, on which roles are counted; it logs every statement."""
    with ThrowAwayPostgres(settings={"log_statement": "'all'"}) as pg:
        prepare_roles(pg)
        yield pg


@pytest.fixture
def gateway(server: ThrowAwayPostgres, issuer: DevIssuer) -> Iterator[RunningGateway]:
    settings = {
        "targets": {"orders": {"user": ADMIN, "role": "ephemeral"}},
        "policies": [policy(WRITERS)],
    }
    with RunningGateway(server, issuer.issuer, settings=settings) as running:
        yield running
        assert "panic" not in running.log.lower(), running.log[-4000:]
    for role in server.psql(ROLES).out.split():
        for database in ("orders", "analytics"):
            assert server.psql(f"DROP OWNED BY {role}", database=database).ok
        assert server.psql(f"DROP ROLE {role}").ok


def may(server: ThrowAwayPostgres, role: str) -> set[str]:
    """Privileges on the tables of `public`, as the target counts them."""
    done = server.psql(
        "SELECT c.relname || ' ' || lower(p) FROM pg_class c CROSS JOIN"
        " unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE']) p"
        f" WHERE c.relnamespace = 'public'::regnamespace AND has_table_privilege('{role}', c.oid, p)"
        " AND c.relkind IN ('r', 'v')",
        database="orders",
    )
    assert done.ok, done
    return set(done.out.split("\n")) - {""}


def role_of(gateway: RunningGateway, token: str, database: str = "orders") -> str:
    done = gateway.psql(token, database, "SELECT current_user")
    assert done.ok, (done, gateway.log[-3000:])
    return done.out


def test_a_session_runs_as_its_grants_role(
    gateway: RunningGateway, server: ThrowAwayPostgres, agent: Callable[[], str]
) -> None:
    """Exactly the grant's privileges; the same role for the next session; another for another grant."""
    token = agent()
    role = role_of(gateway, token)
    [made] = wait_for_audits(gateway, "role.made", 1)
    assert (made["role"], made["database"]) == (role, "orders")
    assert role == "hw_" + made["grant"].removeprefix("g_").lower()
    assert may(server, role) == {"orders select", "orders insert", "items select", "revenue select"}
    assert gateway.psql(token, "orders", "SELECT count(*) FROM items").ok
    assert role_of(gateway, token) == role
    assert role_of(gateway, token, "orders/analytics") == role
    assert role_of(gateway, agent()) != role
    made = [event["database"] for event in wait_for_audits(gateway, "role.made", 3)]
    assert made == ["orders", "analytics", "orders"]


def test_no_secret_of_the_role_is_written_anywhere(
    gateway: RunningGateway, server: ThrowAwayPostgres, agent: Callable[[], str]
) -> None:
    """The target logs each statement: the verifier may be there, the password nowhere."""
    role = role_of(gateway, agent())
    lines = [line for line in server.log.split("\n") if role in line and "PASSWORD" in line]
    assert len(lines) == 1
    assert "PASSWORD 'SCRAM-SHA-256$" in lines[0]
    assert "SCRAM-SHA-256$" not in gateway.log


def test_revoked_then_gone(
    gateway: RunningGateway, server: ThrowAwayPostgres, agent: Callable[[], str]
) -> None:
    """The live session hears of the revocation from us; then there is no role any more."""
    token = agent()
    role = role_of(gateway, token)
    with Frontend(gateway.host, gateway.port) as live:
        live.login(token, ca=gateway.ca)
        grant = wait_for_audit(gateway, "role.made")["grant"]
        assert gateway.hoopwire("grants", "revoke", grant).ok
        wait_for_audit(gateway, "role.dropped", role=role)
    assert server.psql(ROLES).out == ""
    [ended] = wait_for_audits(gateway, "session.ended", 1, grant=grant, code="57P01")
    assert ended["by"].startswith("operator")


def test_a_policy_that_shrinks_takes_privileges_from_the_role(
    gateway: RunningGateway, server: ThrowAwayPostgres, agent: Callable[[], str]
) -> None:
    """After the reload the parser knows; the target has to, too, also in a database that nobody is in."""
    token = agent()
    role = role_of(gateway, token)
    assert role_of(gateway, token, "orders/analytics") == role
    with Frontend(gateway.host, gateway.port) as live:
        live.login(token, ca=gateway.ca)
        gateway.configure({"policies": [policy(WRITERS[:1])]})
        gateway.reload()
        reading = {"orders select", "items select", "revenue select"}
        wait_for(lambda: may(server, role) == reading, "the role is narrowed")
    assert role_of(gateway, token) == role
    made = [event["database"] for event in wait_for_audits(gateway, "role.made", 4, role=role)]
    assert made == ["orders", "analytics", "orders", "analytics"]


def test_killed_and_started_again(
    gateway: RunningGateway, server: ThrowAwayPostgres, agent: Callable[[], str]
) -> None:
    """The password died with the gateway: a grant that lives goes on with a new one, others leave no role."""
    token, other = agent(), agent()
    role, left = role_of(gateway, token), role_of(gateway, other)
    gateway.kill9()
    assert server.psql(ROLES).out == " ".join(sorted([role, left]))
    gateway.start()
    assert role_of(gateway, token) == role
    gateway.kill9()
    # To this gateway, whose state is lost, no grant is known.
    shutil.rmtree(Path(gateway.settings["gateway"]["state"]))
    gateway.start()
    wait_for(lambda: server.psql(ROLES).out == "", "the roles of the dead gateway are dropped")
    dropped = wait_for_audits(gateway, "role.dropped", 2)
    assert {event["role"] for event in dropped} == {role, left}


def test_stopped_and_started_again(
    gateway: RunningGateway, server: ThrowAwayPostgres, agent: Callable[[], str]
) -> None:
    """A gateway that was stopped in peace left its roles for the next start, which may never come."""
    token = agent()
    role = role_of(gateway, token)
    gateway.stop()
    assert server.psql(ROLES).out == ""
    gateway.start()
    assert role_of(gateway, token) == role
    assert len(audit_events(gateway, "role.dropped", role=role)) == 1


def test_no_role_no_session(
    gateway: RunningGateway, server: ThrowAwayPostgres, agent: Callable[[], str]
) -> None:
    """The fixed user would do, and must not be used."""
    assert server.psql(f"ALTER ROLE {ADMIN} NOCREATEROLE").ok
    try:
        refused = gateway.psql(agent(), "orders", "SELECT current_user")
    finally:
        assert server.psql(f"ALTER ROLE {ADMIN} CREATEROLE").ok
    assert not refused.ok
    assert "cannot make this grant's role" in refused.err
    assert "permission denied" not in refused.err
    assert (
        "permission denied to create role"
        in wait_for_audit(gateway, "session.denied", code="role_not_made")["reason"]
    )
    assert role_of(gateway, agent()).startswith("hw_")
