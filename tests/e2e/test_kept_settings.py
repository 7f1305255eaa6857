"""What ALTER ROLE and ALTER DATABASE have set, where it may be a secret or cannot be looked at."""

import subprocess
from collections.abc import Iterator

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.postgres import ThrowAwayPostgres, postgres_program, run_psql

POLICY = {"name": "reading", "groups": [GROUP], "targets": ["orders"], "actions": ["read-only"]}
SECRET = "vault-4h8k-jwt"
QUESTIONS = (
    "select setconfig from pg_db_role_setting",
    "select a.* from pg_catalog.pg_roles a",
    "select useconfig from pg_user",
)


@pytest.fixture
def server() -> Iterator[ThrowAwayPostgres]:
    """A server whose settings each test changes before its gateway starts."""
    with ThrowAwayPostgres() as pg:
        yield pg


def test_a_secret_of_another_database_is_closed(server, issuer, needs_tool, direct):
    r"""H6: `pg_dump -Fc`, -C, `\drds` and stars show what ALTER DATABASE set: refused where one may be
    a secret, with the rule that opens it. pg_db_role_setting has the rows of all databases.
    """
    needs_tool("pg_dump", server)
    assert server.psql(f"alter database postgres set app.jwt_secret = '{SECRET}'").ok
    straight = run_psql(QUESTIONS[0], dsn=server.dsn(user="app"), password=server.password())
    assert SECRET in straight.out
    with RunningGateway(server, issuer.issuer, settings={"policies": [POLICY]}) as gateway:
        cid = issuer.client(groups=[GROUP], ttl_s=3600).cid
        route = type(direct)(
            "gateway", gateway.host, gateway.port, "agent", gateway.ca, lambda: issuer.token(cid)
        )
        for arguments in (["-Fc"], ["-Ft"], ["-C"]):
            done = subprocess.run(
                [postgres_program("pg_dump"), *arguments, "-d", route.dsn()],
                env=route.environment(),
                capture_output=True,
                timeout=180,
                check=False,
            )
            assert done.returncode != 0
            assert b"select on pg_catalog.pg_db_role_setting" in done.stderr
            assert SECRET.encode() not in done.stdout
        for text in (*QUESTIONS, r"\drds"):
            refused = run_psql("", dsn=route.dsn(), password=route.credential(), stdin=f"{text}\n")
            assert "code: relation_not_granted" in refused.err
            assert "name the other columns one by one" in refused.err


def test_settings_that_the_user_may_not_look_at_close_no_session(server, issuer, direct):
    """H6: where pg_db_role_setting was taken from PUBLIC, the gateway's question must not fail: it would let
    nobody in.
    """
    done = server.psql("revoke select on pg_catalog.pg_db_role_setting from public", database="orders")
    assert done.ok
    refused = run_psql(QUESTIONS[0], dsn=server.dsn(user="app"), password=server.password())
    assert "permission denied" in refused.err
    with RunningGateway(server, issuer.issuer, settings={"policies": [POLICY]}) as gateway:
        cid = issuer.client(groups=[GROUP], ttl_s=3600).cid
        route = type(direct)(
            "gateway", gateway.host, gateway.port, "agent", gateway.ca, lambda: issuer.token(cid)
        )
        rows = run_psql("select count(*) from customers", dsn=route.dsn(), password=route.credential())
        assert rows.ok, rows.err
        for text in QUESTIONS:
            closed = run_psql(text, dsn=route.dsn(), password=route.credential())
            assert "code: relation_not_granted" in closed.err
