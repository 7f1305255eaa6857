"""The gateway's life under real sessions: it drains, is cut short, reloads, and leaves whole recordings."""

import json
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hoopwire.demo.certificates import Authority
from hoopwire.demo.gateway import RunningGateway
from support.frontend import Frontend, Message, query, trusting
from support.wait import audit_events, wait_for, wait_for_audit


def _logged_in(gateway: RunningGateway, token: str, *, ca: Path | None = None) -> Frontend:
    frontend = Frontend(gateway.host, gateway.port)
    frontend.login(token, ca=ca or gateway.ca)
    return frontend


def _start_sleep(frontend: Frontend, pg, seconds: str) -> str:
    """Send a sleep and wait until the target runs it; the statement's text."""
    sql = f"select pg_sleep({seconds}), '{os.urandom(4).hex()}'"
    frontend.send(query(sql))
    wait_for(lambda: _running(pg, sql), f"the target runs {sql}")
    return sql


@contextmanager
def _held_up(pg) -> Iterator[tuple[str, Callable[[], None]]]:
    """A statement that runs until the call that comes with it lets it go on, however long that takes."""
    key = int.from_bytes(os.urandom(4))
    with psycopg.connect(pg.socket_dsn("orders"), autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(%s)", (key,))
        yield f"select pg_advisory_xact_lock({key}), 'held up'", holder.close


def _running(pg, sql: str) -> bool:
    quoted = sql.replace("'", "''")
    asked = f"select count(*) from pg_stat_activity where state = 'active' and query = '{quoted}'"
    return pg.psql(asked).out == "1"


def _verified(gateway: RunningGateway) -> dict[str, Any]:
    arguments = ("recordings", "verify", str(gateway.recordings), "--key", str(gateway.public_key))
    done = gateway.hoopwire(*arguments, "--checkpoints", str(gateway.checkpoints), "--json", config=False)
    assert done.ok, done
    report: dict[str, Any] = json.loads(done.out)
    return report


def _assert_complete(gateway: RunningGateway) -> None:
    """Verified with the checkpoints, and every segment is sealed."""
    report = _verified(gateway)
    assert (report["ok"], report["complete"]) == (True, True), report["findings"]
    assert sum(stream["frames"] for stream in report["streams"]) > 0
    assert "panic" not in gateway.log.lower(), gateway.log[-4000:]


def _assert_ended(last: Message) -> None:
    assert last.kind == b"E", last
    assert (last.fields["S"], last.sqlstate) == ("FATAL", "57P01"), last.fields
    assert last.fields["H"]


def _refuses_connections(gateway: RunningGateway) -> bool:
    try:
        socket.create_connection((gateway.host, gateway.port), 1.0).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.fixture
def own(pg, issuer, request):
    """A gateway of the test's own, with its settings if it has some."""
    with RunningGateway(pg, issuer.issuer, settings=getattr(request, "param", None)) as gateway:
        yield gateway


def test_sigterm_drains(own, agent, pg):
    """Idle sessions end at once with a hint, busy ones after their statement or transaction; exit code 0."""
    with (
        _logged_in(own, agent()) as idle,
        _logged_in(own, agent()) as busy,
        _logged_in(own, agent()) as in_transaction,
        _held_up(pg) as (sql, let_go),
    ):
        idle.query("select 1")
        in_transaction.query("begin; create temp table kept (n int)")
        busy.send(query(sql))
        wait_for(lambda: _running(pg, sql), "the statement runs")
        os.kill(own.pid, signal.SIGTERM)
        _assert_ended(idle.until(b"E")[-1])
        assert idle.rest() == b""
        wait_for(lambda: _refuses_connections(own), "the listener closes")
        let_go()
        finished = busy.until(b"Z")
        assert [reply.kind for reply in finished] == [b"T", b"D", b"C", b"Z"]
        _assert_ended(busy.until(b"E")[-1])
        assert busy.rest() == b""
        assert in_transaction.rows("insert into kept values (1) returning n") == [("1",)]
        committed = in_transaction.query("commit")
        assert [reply.kind for reply in committed] == [b"C", b"Z"]
        _assert_ended(in_transaction.until(b"E")[-1])
        assert in_transaction.rest() == b""
    assert own.wait() == 0
    _assert_complete(own)


def test_drain_ends_a_pipeline_at_its_end(own, agent, pg):
    """What was sent before the drain is answered whole, also a second statement that waits its turn."""
    with (
        _logged_in(own, agent()) as busy,
        _logged_in(own, agent()) as idle,
        _held_up(pg) as (sql, let_go),
    ):
        busy.send(query(sql) + query("select 'second'"))
        wait_for(lambda: _running(pg, sql), "the first statement runs")
        os.kill(own.pid, signal.SIGTERM)
        # The drain has begun.
        _assert_ended(idle.until(b"E")[-1])
        let_go()
        assert [reply.kind for reply in busy.until(b"Z")] == [b"T", b"D", b"C", b"Z"]
        second = busy.until(b"Z")
        assert [reply.kind for reply in second] == [b"T", b"D", b"C", b"Z"]
        assert b"second" in second[1].body
        _assert_ended(busy.until(b"E")[-1])
    assert own.wait() == 0
    _assert_complete(own)


@pytest.mark.parametrize("own", [{"gateway": {"drain": "1s"}}], indirect=True)
def test_drain_deadline_cuts(own, agent, pg):
    """At the deadline a statement that goes on is cancelled, here and at the target; still an orderly end.

    The bug: the gateway left before its cancel request was out, and the statement ran on at the target.
    """
    with _logged_in(own, agent()) as busy:
        sql = _start_sleep(busy, pg, "600")
        os.kill(own.pid, signal.SIGTERM)
        _assert_ended(busy.until(b"E")[-1])
    assert own.wait() == 0
    wait_for(lambda: not _running(pg, sql), "the target stops the statement")
    _assert_complete(own)


def test_second_sigterm_cuts(own, agent, pg):
    """A second SIGTERM ends all sessions at once, and nothing is lost by it.

    The bugs: statements ran on at the target, the last checkpoints and audit events were not written.
    """
    with _logged_in(own, agent()) as idle, _logged_in(own, agent()) as busy:
        sql = _start_sleep(busy, pg, "600")
        os.kill(own.pid, signal.SIGTERM)
        _assert_ended(idle.until(b"E")[-1])
        os.kill(own.pid, signal.SIGTERM)
        _assert_ended(busy.until(b"E")[-1])
    assert own.wait() == 130
    wait_for(lambda: not _running(pg, sql), "the target stops the statement")
    assert len(audit_events(own, "session.ended", code="57P01")) == 2
    assert audit_events(own, "gateway.stopped")
    _assert_complete(own)


def test_restart_takes_the_same_port(own, agent):
    """Stop and start again: same port, same grants' store, and the recordings go on where they were."""
    for _ in range(2):
        assert own.psql(agent(), "orders", "select 1").out == "1"
        assert own.stop() == 0
        own.start()
    assert own.psql(agent(), "orders", "select 1").out == "1"
    assert own.stop() == 0
    _assert_complete(own)


def _trusts(gateway: RunningGateway, ca: Path) -> bool:
    with Frontend(gateway.host, gateway.port) as probe:
        try:
            probe.start_tls(ca)
        except ssl.SSLCertVerificationError:
            return False
    return True


def _control_trusts(gateway: RunningGateway, ca: Path) -> bool:
    with socket.create_connection((gateway.host, gateway.control_port), 5) as raw:
        try:
            trusting(ca).wrap_socket(raw, server_hostname=gateway.host).close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_new_certificate_on_sighup(own, agent):
    """New connections see the new certificate, on both listeners; sessions that are open go on."""
    authority = Authority("the authority after the rotation")
    rotated = own.directory / "rotated-ca.crt"
    rotated.write_text(authority.certificate)
    with _logged_in(own, agent()) as before:
        assert not _trusts(own, rotated)
        authority.server().write(own.directory, "gateway")
        assert _trusts(own, own.ca), "a file that changed counts only after SIGHUP"
        own.reload()
        wait_for(lambda: _trusts(own, rotated), "the new certificate")
        assert not _trusts(own, own.ca)
        assert _control_trusts(own, rotated)
        assert before.rows("select 'still here'") == [("still here",)]
        with _logged_in(own, agent(), ca=rotated) as after:
            assert after.rows("select 1") == [("1",)]
        # A certificate without its key: nothing changes.
        (own.directory / "gateway.crt").write_text(Authority("another").certificate)
        own.reload()
        wait_for_audit(own, "gateway.reload_failed")
        assert _trusts(own, rotated)
        assert before.rows("select 'still here'") == [("still here",)]


@pytest.mark.parametrize("own", [{"recording": {"durability": "synced"}}], indirect=True)
def test_synced(own, agent):
    """With `synced` everything works as with `written`, and verifies."""
    with _logged_in(own, agent()) as frontend:
        for number in range(50):
            assert frontend.rows(f"select {number}") == [(str(number),)]
        big = frontend.rows("select repeat('x', 100000) from generate_series(1, 20)")
        assert len(big) == 20
    assert own.stop() == 0
    _assert_complete(own)
