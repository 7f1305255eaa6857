"""Cancelling works with the right key, while the result streams too, and with no other key."""

import signal
import struct
import subprocess
import threading
import time

import psycopg
import pytest

from hoopwire.demo.postgres import postgres_program
from support.frontend import PROTOCOL_3_2, Frontend, cancel_request, query

SLEEP = "select pg_sleep(600)"


def _wait_until_running(direct, text: str) -> None:
    deadline = time.monotonic() + 60
    running = f"state = 'active' and query like '{text}%' and pid <> pg_backend_pid()"
    asked = f"select count(*) from pg_stat_activity where {running}"
    while direct.psql(asked).out == "0":
        assert time.monotonic() < deadline, "the statement never started"
        time.sleep(0.05)


def test_ctrl_c_in_psql(route, direct):
    """Ctrl-C in psql ends the statement, long before it would have ended by itself."""
    process = subprocess.Popen(
        [postgres_program("psql"), "-XAtq", "-d", route.dsn(), "-c", SLEEP],
        env=route.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_until_running(direct, SLEEP)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "canceling statement due to user request" in err
    assert process.returncode == 1


def test_psycopg_cancel(route, direct):
    """libpq's PQcancel from another thread."""
    with psycopg.connect(route.dsn(), password=route.credential(), autocommit=True) as connection:
        canceller = threading.Thread(target=lambda: (_wait_until_running(direct, SLEEP), connection.cancel()))
        canceller.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(SLEEP)
        canceller.join()
        assert connection.execute("select 1").fetchone() == (1,)


def _cancel(gateway, pid: int, key: bytes, *, tls: bool = True) -> bytes:
    """Send a CancelRequest on a connection of its own; what came back before the close."""
    with Frontend(gateway.host, gateway.port) as other:
        if tls:
            other.start_tls(gateway.ca)
        other.send(cancel_request(pid, key))
        return other.rest()


@pytest.mark.parametrize("protocol", [None, PROTOCOL_3_2])
def test_cancel_while_the_result_streams(gateway, agent, protocol):
    """A cancel reaches the target although the client reads nothing at that moment."""
    with Frontend(gateway.host, gateway.port, timeout_s=60) as frontend:
        version = {} if protocol is None else {"protocol": protocol}
        frontend.login(agent(), ca=gateway.ca, **version)
        assert len(frontend.key) == (4 if protocol is None else 32)
        frontend.send(query("select repeat('c', 8192) from generate_series(1, 1000000)"))
        frontend.until(b"D")
        assert _cancel(gateway, frontend.pid, frontend.key) == b""
        replies = frontend.until(b"Z")
        assert [reply.sqlstate for reply in replies if reply.kind == b"E"] == ["57014"]
        assert frontend.rows("select 'alive'") == [("alive",)]


def test_other_keys_cancel_nothing(gateway, agent):
    """A guessed key, a key off by one bit, another session's key with this pid: silence, and nothing stops.

    The same answer in each case: a wrong key must not be told apart from a right one.
    """
    with (
        Frontend(gateway.host, gateway.port) as victim,
        Frontend(gateway.host, gateway.port) as other,
    ):
        victim.login(agent(), ca=gateway.ca)
        other.login(agent(), ca=gateway.ca)
        victim.send(query("select pg_sleep(3), 'slept'"))
        flipped = bytes([victim.key[0] ^ 1]) + victim.key[1:]
        for pid, key in (
            (victim.pid, b"\0\0\0\0"),
            (victim.pid, flipped),
            (victim.pid, other.key),
            (other.pid, victim.key),
            (victim.pid, victim.key + b"\0"),
            (victim.pid, b"k" * 256),
            (0, struct.pack("!i", -1)),
        ):
            assert _cancel(gateway, pid, key) == b""
        replies = victim.until(b"Z")
        assert [reply.kind for reply in replies] == [b"T", b"D", b"C", b"Z"]


def test_cancel_outside_tls_does_nothing_with_a_wrong_key(gateway, agent, direct):
    """libpq before 17 sends CancelRequest in clear: the right key works there, a wrong one does nothing."""
    with Frontend(gateway.host, gateway.port) as frontend:
        frontend.login(agent(), ca=gateway.ca)
        frontend.send(query(SLEEP))
        _wait_until_running(direct, SLEEP)
        assert _cancel(gateway, frontend.pid, bytes(4), tls=False) == b""
        assert _cancel(gateway, frontend.pid, frontend.key, tls=False) == b""
        replies = frontend.until(b"Z")
        assert [reply.sqlstate for reply in replies if reply.kind == b"E"] == ["57014"]


def test_the_process_id_is_the_servers(route):
    """O15: PQbackendPID was a number of the gateway; tests of drivers and listeners compare it."""
    with psycopg.connect(route.dsn(), password=route.credential(), autocommit=True) as connection:
        assert connection.execute("select pg_backend_pid()").fetchone() == (connection.info.backend_pid,)
        connection.execute("listen own")
        connection.execute("notify own")
        told = list(connection.notifies(timeout=60, stop_after=1))
        assert [each.pid for each in told] == [connection.info.backend_pid]


def test_to_end_oneself_ends_nobody_else(gateway, agent):
    """H15: the process id that a client was told was another session's, which died for it."""
    with (
        Frontend(gateway.host, gateway.port) as own,
        Frontend(gateway.host, gateway.port) as other,
        Frontend(gateway.host, gateway.port) as third,
    ):
        for frontend in (own, other, third):
            frontend.login(agent(), ca=gateway.ca)
        own.send(query(f"select pg_terminate_backend({own.pid})"))
        assert own.until(b"E")[-1].sqlstate == "57P01"
        for frontend in (other, third):
            assert frontend.rows("select pg_backend_pid()") == [(str(frontend.pid),)]
        other.send(query(f"select pg_cancel_backend({other.pid}), pg_sleep(20)"))
        assert other.until(b"Z")[-2].sqlstate == "57014"


def test_cancel_key_is_dead_after_the_session(gateway, agent):
    """A key from an ended session cancels nobody, not even a session that got its place."""
    with Frontend(gateway.host, gateway.port) as first:
        first.login(agent(), ca=gateway.ca)
        pid, key = first.pid, first.key
    with Frontend(gateway.host, gateway.port) as second:
        second.login(agent(), ca=gateway.ca)
        second.send(query("select pg_sleep(2), 'slept'"))
        assert _cancel(gateway, pid, key) == b""
        assert [reply.kind for reply in second.until(b"Z")] == [b"T", b"D", b"C", b"Z"]
