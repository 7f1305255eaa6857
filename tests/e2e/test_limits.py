"""Limits of a policy with real clients: silent sessions, transactions left open, sessions of one principal.

A limit of two seconds is only ever waited for: nothing fails because the machine is slow.
"""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres, client_environment
from support.frontend import Frontend
from support.wait import wait_for, wait_for_audit

LIMITS: dict[str, dict[str, Any]] = {
    "short": {"idle": "2s"},
    "in-transaction": {"idle_in_transaction": "2s"},
    "two": {"sessions": 2},
    "reloaded": {},
}


def _policies(**changed: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "groups": [name], "targets": ["orders"], "actions": ["query"], "limits": limits}
        for name, limits in (LIMITS | changed).items()
    ]


@pytest.fixture(scope="module")
def own(pg: ThrowAwayPostgres, issuer: DevIssuer) -> Iterator[RunningGateway]:
    with RunningGateway(pg, issuer.issuer, settings={"policies": _policies()}) as running:
        yield running
        assert "panic" not in running.log.lower(), running.log[-4000:]


@pytest.fixture(scope="module")
def token(issuer: DevIssuer) -> Callable[[str], str]:
    """A new token of a principal of its own, by the name of its policy."""
    return lambda name: issuer.token(issuer.client(groups=[name], ttl_s=3600).cid)


def connect(own: RunningGateway, token: str) -> "psycopg.Connection[Any]":
    return psycopg.connect(own.dsn(), password=token, autocommit=True)


def direct(pg: ThrowAwayPostgres) -> "psycopg.Connection[Any]":
    """Straight to the target, as the user that the gateway has there."""
    return psycopg.connect(pg.dsn(), password=pg.password(), autocommit=True)


@contextmanager
def quiet_psql(own: RunningGateway, token: str) -> Iterator["subprocess.Popen[str]"]:
    """psql that has said `ready`, and says nothing until it is told to."""
    with subprocess.Popen(
        ["psql", "-XqAt", "-v", "VERBOSITY=verbose", "-d", own.dsn()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=client_environment(PGPASSWORD=token),
    ) as psql:
        assert psql.stdin is not None
        assert psql.stdout is not None
        try:
            print("select 'ready';", file=psql.stdin, flush=True)
            assert psql.stdout.readline() == "ready\n"
            yield psql
        finally:
            psql.kill()


def test_a_silent_psql_is_told_why(own: RunningGateway, token: Callable[[str], str]) -> None:
    with quiet_psql(own, token("short")) as psql:
        ended = wait_for_audit(own, "session.ended", policy="short")
        _, said = psql.communicate("select 1;\n", timeout=120)
    assert (ended["reason"], ended["code"], ended["by"]) == ("idle", "57P05", "gateway")
    assert "FATAL:  57P05: the session was idle for longer than 2 s" in said
    assert "policy short, limits.idle" in said
    assert "HINT:  Connect again: grant g_" in said


def test_a_statement_that_runs_longer_is_no_silence(own: RunningGateway, token: Callable[[str], str]) -> None:
    with closing(connect(own, token("short"))) as session:
        assert session.execute("select 'slept' from pg_sleep(5)").fetchone() == ("slept",)


def test_a_transaction_left_open_frees_its_locks(
    own: RunningGateway, token: Callable[[str], str], pg: ThrowAwayPostgres
) -> None:
    """Somebody else waits for them, at the target itself."""
    with direct(pg) as target:
        target.execute("create table if not exists left_open (n int)")
        target.execute("insert into left_open values (1)")
    got: list[tuple[int]] = []

    def wait() -> None:
        with direct(pg) as target:
            got.extend(target.execute("update left_open set n = n + 10 returning n").fetchall())

    with closing(connect(own, token("in-transaction"))) as session:
        session.execute("begin")
        session.execute("update left_open set n = 2")
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(120)
        assert got, "the lock is still held"
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout) as caught:
            session.execute("commit")
    assert "idle in a transaction for longer than 2 s" in str(caught.value)
    assert got == [(11,)], "the open transaction was not rolled back"


def test_outside_of_a_transaction_that_limit_is_none(
    own: RunningGateway, token: Callable[[str], str]
) -> None:
    with closing(connect(own, token("in-transaction"))) as session:
        session.execute("begin")
        session.execute("commit")
        time.sleep(5)
        assert session.execute("select 1").fetchone() == (1,)


def test_a_place_is_free_when_its_session_ends_or_its_client_is_killed(
    own: RunningGateway, token: Callable[[str], str], issuer: DevIssuer
) -> None:
    """Each token buys a grant of its own: they are counted together."""
    cid = issuer.client(groups=["two"], ttl_s=3600).cid
    first = connect(own, issuer.token(cid))
    with quiet_psql(own, issuer.token(cid)) as second:
        with pytest.raises(psycopg.OperationalError) as caught:
            connect(own, issuer.token(cid))
        said = str(caught.value)
        assert "you may have 2 sessions at a time at target orders" in said
        assert "2 are live: s_" in said
        assert "limits.sessions" in said
        denied = wait_for_audit(own, "session.denied", code="principal_sessions_exceeded")
        assert denied["policy"] == "two"
        with closing(connect(own, token("two"))) as other:
            assert other.execute("select 1").fetchone() == (1,), "another principal"
        first.close()
        third = wait_for(lambda: _in(own, issuer.token(cid)), "a session in the place of the one that ended")
        with pytest.raises(psycopg.OperationalError):
            connect(own, issuer.token(cid))
        second.send_signal(signal.SIGKILL)
        fourth = wait_for(lambda: _in(own, issuer.token(cid)), "a session in the place of the killed one")
    third.close()
    fourth.close()


def test_the_refusal_has_its_sqlstate(own: RunningGateway, issuer: DevIssuer) -> None:
    cid = issuer.client(groups=["two"], ttl_s=3600).cid
    with (
        closing(connect(own, issuer.token(cid))),
        closing(connect(own, issuer.token(cid))),
        Frontend(own.host, own.port) as third,
        pytest.raises(ConnectionError, match=r"^53300 you may have 2 sessions at a time at target orders"),
    ):
        third.login(issuer.token(cid), ca=own.ca)
    wait_for_audit(own, "session.denied", code="principal_sessions_exceeded")


def _in(own: RunningGateway, token: str) -> "psycopg.Connection[Any] | None":
    try:
        return connect(own, token)
    except psycopg.OperationalError:
        return None


def test_a_reload_ends_who_is_silent_for_too_long_now(
    own: RunningGateway, token: Callable[[str], str]
) -> None:
    with closing(connect(own, token("reloaded"))) as session, closing(connect(own, token("two"))) as other:
        own.configure({"policies": _policies(reloaded={"idle": "1s"})})
        own.reload()
        ended = wait_for_audit(own, "session.ended", policy="reloaded")
        assert (ended["reason"], ended["code"]) == ("idle", "57P05")
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")
        assert other.execute("select 1").fetchone() == (1,)


def test_who_asks_is_told_the_limits(own: RunningGateway, token: Callable[[str], str]) -> None:
    grant = own.mint(token("short"), target="orders").json()["grant"]
    assert grant["limits"] == {"idle_s": 2.0, "idle_in_transaction_s": None, "sessions": None}
    assert "limits   idle 2 s" in own.hoopwire("grants", "show", grant["id"]).out
    explained = own.hoopwire("check", "--as", "cid:x", "--groups", "two", "--target", "orders").out
    assert "limits     2 sessions of the principal at the target" in explained
