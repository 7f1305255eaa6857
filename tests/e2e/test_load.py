"""Many connections, short and idle ones: all come through, and nothing of them stays behind."""

import json
import os
import re
import selectors
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.postgres import postgres_program
from support.frontend import SSL_REQUEST, Frontend, message, startup_packet, trusting
from support.wait import wait_for

IDLE = 200
ROUNDS = 300


@pytest.fixture(scope="module")
def loaded(pg, issuer) -> Iterator[RunningGateway]:
    """A gateway of this module's own: its counters are nobody else's."""
    policy = {
        "name": "many",
        "groups": [GROUP],
        "targets": ["orders"],
        "actions": ["query"],
        "max_sessions": 500,
    }
    settings = {"policies": [policy], "limits": {"unadmitted_per_address": 300}}
    with RunningGateway(pg, issuer.issuer, settings=settings) as gateway:
        yield gateway
        assert "panic" not in gateway.log.lower(), gateway.log[-4000:]
        assert gateway.stop() == 0
        verified = gateway.verify()
        assert verified.ok, verified.out


def _statistics(gateway: RunningGateway) -> dict[str, Any]:
    done = gateway.hoopwire("statistics", "--json")
    assert done.ok, done.err
    engine: dict[str, Any] = json.loads(done.out)["engine"]
    return engine


def _open_files(gateway: RunningGateway) -> int:
    return len(os.listdir(f"/proc/{gateway.pid}/fd"))


def _sockets(gateway: RunningGateway) -> int:
    found = 0
    for path in Path(f"/proc/{gateway.pid}/fd").iterdir():
        try:
            found += os.readlink(path).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


def _listed(gateway: RunningGateway) -> list[dict[str, Any]]:
    done = gateway.hoopwire("sessions", "list", "--json")
    assert done.ok, done.err
    sessions: list[dict[str, Any]] = json.loads(done.out)
    return sessions


def _assert_quiet(gateway: RunningGateway, pg, open_files: int) -> None:
    """No session, no connection, no descriptor and no upstream connection is left; nothing panicked."""
    wait_for(lambda: _statistics(gateway)["connections"] == 0, "connections back to 0")
    after = _statistics(gateway)
    assert (after["sessions"], after["panics"], after["recording_failures"]) == (0, 0, 0), after
    assert _listed(gateway) == []
    # A few for the operators' API and the segments that were opened meanwhile.
    wait_for(
        lambda: _open_files(gateway) <= open_files + 4, f"{_open_files(gateway)} files, {open_files} before"
    )
    # of this gateway: another test's, killed before, may have left a statement that the target still runs
    upstream = (
        "select count(*) from pg_stat_activity where application_name like 'hoopwire/%'"
        f" and backend_start > to_timestamp({gateway.config.stat().st_mtime})"
    )
    wait_for(lambda: pg.psql(upstream).out == "0", "no connection at the target")


def _warmed_up(gateway: RunningGateway, token: str) -> int:
    """Descriptors after a first session: both reactors, the store and the API have opened theirs."""
    for _ in range(4):
        assert gateway.psql(token, "orders", "select 1").ok
    _listed(gateway)
    wait_for(lambda: _statistics(gateway)["connections"] == 0, "the first connections are gone")
    return _open_files(gateway)


def test_connections_in_quick_succession(loaded, agent, pg):
    """pgbench -C: a new connection for each transaction, 300 of them and more, by ten clients."""
    token = agent()
    open_files = _warmed_up(loaded, token)
    before = _statistics(loaded)["accepted"]
    done = subprocess.run(
        [
            *(postgres_program("pgbench"), "-n", "-C", "-f", "/dev/stdin", "-c", "10", "-j", "2"),
            *("-t", str(ROUNDS // 10), loaded.dsn()),
        ],
        input="select 1;\n",
        env={"PGPASSWORD": token, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    processed = re.search(r"processed: (\d+)/(\d+)", done.stdout)
    assert processed
    assert processed[1] == processed[2] == str(ROUNDS)
    assert _statistics(loaded)["accepted"] - before >= ROUNDS
    _assert_quiet(loaded, pg, open_files)


def test_idle_sessions(loaded, agent, pg):
    """200 sessions at once, each alive, listed with its counters; closed in every way they leave nothing."""
    token = agent()
    open_files = _warmed_up(loaded, token)

    def start(number: int) -> Frontend:
        frontend = Frontend(loaded.host, loaded.port, timeout_s=60)
        frontend.login(token, ca=loaded.ca, application_name=f"idle-{number}")
        return frontend

    with ThreadPoolExecutor(16) as threads:
        idle = list(threads.map(start, range(IDLE)))
    try:
        assert _statistics(loaded)["sessions"] == IDLE
        sessions = _listed(loaded)
        assert len(sessions) == IDLE
        assert len({session["session"] for session in sessions}) == IDLE
        assert len({session["grant"] for session in sessions}) == 1
        for number in (0, IDLE // 2, IDLE - 1):
            assert idle[number].rows(f"select {number}") == [(str(number),)]
        busy = [session for session in _listed(loaded) if session["statements"] == 1]
        assert len(busy) == 3
        assert all(session["rows"] == 1 for session in busy)
        assert _sockets(loaded) >= 2 * IDLE
    finally:
        for number, frontend in enumerate(idle):
            if number % 3 == 0:
                frontend.send(message(b"X"))
            elif number % 3 == 1:
                # A reset instead of an orderly end.
                at_once = struct.pack("ii", 1, 0)
                frontend.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            frontend.close()
    _assert_quiet(loaded, pg, open_files)


def test_half_open_connections(loaded, agent, pg):
    """Clients that leave in the middle of each step of the login: nothing of them is kept."""
    token = agent()
    open_files = _warmed_up(loaded, token)
    startup = startup_packet({"user": "agent", "database": "orders"})

    def leave(step: int) -> None:
        with Frontend(loaded.host, loaded.port) as frontend:
            if step == 0:
                return
            frontend.send(SSL_REQUEST)
            if step == 1:
                return
            assert frontend.socket.recv(1) == b"S"
            if step == 2:
                frontend.send(b"\x16\x03\x01\x02")
                return
            frontend.wrap(trusting(loaded.ca))
            frontend.send(startup[: len(startup) // 2] if step == 3 else startup)
            if step < 5:
                return
            frontend.read()
            password = message(b"p", token.encode() + b"\0")
            frontend.send(password[:100] if step == 5 else password)
            # The last one is gone while the gateway decides or dials.

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(leave, [step for _ in range(20) for step in range(8)]))
    _assert_quiet(loaded, pg, open_files)


def test_many_at_the_same_moment(loaded, agent, pg):
    """100 connections that begin together: the handshakes of some hold up no other, and all are let in."""
    token = agent()
    open_files = _warmed_up(loaded, token)
    together = threading.Barrier(100)
    answers: list[object] = []

    def connect() -> None:
        try:
            together.wait(30)
            with Frontend(loaded.host, loaded.port, timeout_s=60) as frontend:
                frontend.login(token, ca=loaded.ca)
                answers.append(frontend.rows("select 1"))
        except Exception as error:
            answers.append(error)

    threads = [threading.Thread(target=connect) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert answers == [[("1",)]] * 100
    _assert_quiet(loaded, pg, open_files)


def test_limit_of_one_address(pg, issuer, agent):
    """At the limit of an address the next connection hears why, and the place is free again after a close."""
    limits = {"connections_per_address": 5, "unadmitted_per_address": 5}
    with RunningGateway(pg, issuer.issuer, settings={"limits": limits}) as gateway:
        held = []
        for _ in range(5):
            frontend = Frontend(gateway.host, gateway.port)
            frontend.login(agent(), ca=gateway.ca)
            held.append(frontend)
        with Frontend(gateway.host, gateway.port) as sixth:
            refusal = sixth.read()
            assert (refusal.fields["S"], refusal.sqlstate) == ("FATAL", "53300")
            assert refusal.fields["H"]
            assert sixth.rest() == b""
        held.pop().close()

        def let_in() -> bool:
            try:
                with Frontend(gateway.host, gateway.port) as again:
                    again.login(agent(), ca=gateway.ca)
                    return again.rows("select 1") == [("1",)]
            except ConnectionError:
                return False

        wait_for(let_in, "the place of the closed session")
        for frontend in held:
            assert frontend.rows("select 'still here'") == [("still here",)]
            frontend.close()
        wait_for(lambda: _statistics(gateway)["connections"] == 0, "connections back to 0")


def test_unfinished_connections_hold_nobody_up(pg, issuer, agent):
    """Connections that say nothing fill their own limit only until their deadline; then others get in."""
    limits = {"unadmitted_per_address": 8, "startup": "2s", "tls_handshake": "2s"}
    with RunningGateway(pg, issuer.issuer, settings={"limits": limits}) as gateway:
        silent = [Frontend(gateway.host, gateway.port) for _ in range(8)]
        with selectors.DefaultSelector() as watch, Frontend(gateway.host, gateway.port) as ninth:
            watch.register(ninth.socket, selectors.EVENT_READ)
            assert watch.select(10), "no word for the ninth"
            assert ninth.read().sqlstate == "53300"
        done = wait_for(
            lambda: (found := gateway.psql(agent(), "orders", "select 'in'")).ok and found,
            "the silent ones are dropped",
        )
        assert done.out == "in"
        for frontend in silent:
            frontend.rest()
            frontend.close()
        wait_for(lambda: _statistics(gateway)["connections"] == 0, "connections back to 0")
