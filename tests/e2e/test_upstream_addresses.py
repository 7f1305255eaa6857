"""A target with several addresses: they are tried in order, and a cancel goes where the session is.

A host name with several addresses needs a name server; here the lease names the addresses, as custody would
after resolving, and the engine is driven without the service.
"""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from hoopwire.control.engine import DataPlane
from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.postgres import ThrowAwayPostgres, free_port
from hoopwire.model.commands import (
    CompiledGrant,
    EngineConfig,
    EngineLimits,
    EngineListener,
    EngineRecording,
    Lease,
)
from hoopwire.model.events import GrantNeeded, SessionEnded
from hoopwire.model.postgres.rights import CompiledPostgres
from support.frontend import Frontend, cancel_request, query
from support.wait import wait_for

LIMITS = EngineLimits(
    connections=100,
    connections_per_address=100,
    unadmitted_per_address=100,
    tls_handshake_s=10,
    startup_s=10,
    admission_s=10,
    upstream_login_s=6,
    statement_bytes=1 << 20,
)


class Operated:
    """An engine whose admissions are answered on the spot with leases for these addresses."""

    def __init__(self, engine: DataPlane, pg: ThrowAwayPostgres) -> None:
        self.addresses: tuple[tuple[str, int], ...] = ()
        self.ended: list[SessionEnded] = []
        self._engine = engine
        self._pg = pg
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @property
    def port(self) -> int:
        return int(self._engine.addresses[0].rpartition(":")[2])

    def __enter__(self) -> "Operated":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(0.01):
            for event in self._engine.drain_events():
                if isinstance(event, GrantNeeded):
                    assert self._engine.admit(event.session, self._grant(), self._lease())
                elif isinstance(event, SessionEnded):
                    self.ended.append(event)

    def _grant(self) -> CompiledGrant:
        now = time.time()
        return CompiledGrant(
            id="g_01JTESTTESTTESTTESTTESTTE",
            issuer="https://issuer.example",
            principal="cid:test",
            principal_name="test",
            principal_kind="service",
            target="orders",
            database="orders",
            rights=CompiledPostgres(actions=("query",), target_id="orders/orders"),
            policy="test",
            policy_hash="0",
            minted_at=now,
            expires_at=now + 300,
            expires_text="later",
            deadline_monotonic_ns=time.monotonic_ns() + 300 * 10**9,
            notice_s=0,
        )

    def _lease(self) -> Lease:
        return Lease(
            addresses=self.addresses,
            tls=True,
            server_name="localhost",
            ca_pem=self._pg.ca.read_text(),
            user="app",
            database="orders",
            password=self._pg.password(),
        )


@pytest.fixture
def operated(pg, tmp_path) -> Iterator[tuple[Operated, Path]]:
    """The engine alone, with keys and a certificate as a gateway has them."""
    keys = RunningGateway(pg, "http://127.0.0.1:1/oauth2/dev", directory=tmp_path)
    config = EngineConfig(
        listen=(EngineListener(address="127.0.0.1:0", protocol="postgres"),),
        reactors=1,
        tls_certificate_pem=(tmp_path / "gateway.crt").read_text(),
        tls_key_pem=(tmp_path / "gateway.key").read_text(),
        limits=LIMITS,
        recording=EngineRecording(
            directory=str(tmp_path / "recordings"),
            node="test",
            signing_key_pem=(tmp_path / "recording.key").read_text(),
            synced=False,
            segment_bytes=1 << 22,
            seal_after_s=60,
            checkpoint_every_s=60,
            floor_bytes=0,
        ),
    )
    engine = DataPlane.open(config)
    try:
        with Operated(engine, pg) as running:
            yield running, keys.ca
    finally:
        trio.run(engine.stop)
    assert keys.verify().ok


def _session(running: Operated, ca: Path) -> Frontend:
    frontend = Frontend("127.0.0.1", running.port)
    frontend.login("anything", ca=ca)
    return frontend


@pytest.mark.parametrize("dead", [1, 3])
def test_the_next_address_is_tried(operated, pg, dead):
    """Addresses that refuse are passed over, whatever their number; the certificate is checked as ever."""
    running, ca = operated
    running.addresses = (*(("127.0.0.2", free_port()) for _ in range(dead)), (pg.host, pg.port))
    for _ in range(3):
        with _session(running, ca) as frontend:
            assert frontend.rows("select current_user") == [("app",)]


def test_the_first_that_answers_is_taken(operated, pg):
    """An address behind one that answers is never tried, even if the first fails later."""
    running, ca = operated
    running.addresses = ((pg.host, pg.port), ("127.0.0.2", free_port()))
    with _session(running, ca) as frontend:
        assert frontend.rows("select 1") == [("1",)]


def test_none_answers(operated):
    """All refuse: an error of the target's class at once, with the last address's reason for the operator."""
    running, ca = operated
    running.addresses = tuple(("127.0.0.2", free_port()) for _ in range(3))
    with pytest.raises(ConnectionError, match=r"^08006 ") as refused:
        _session(running, ca)
    assert "127.0.0.2" not in str(refused.value)
    (ended,) = wait_for(lambda: running.ended, "the end of the session")
    assert (ended.closed_by, ended.code) == ("upstream", "08006")
    assert "refused" in ended.reason


def test_cancel_takes_the_same_way(operated, pg):
    """A cancel passes over the dead addresses as the session did, and stops the statement."""
    running, ca = operated
    running.addresses = (("127.0.0.2", free_port()), (pg.host, pg.port))
    with _session(running, ca) as frontend:
        frontend.send(query("select pg_sleep(30), 'several addresses'"))
        active = (
            "select count(*) from pg_stat_activity where state = 'active' and query like '%''several addr%'"
        )
        # The asking statement counts itself.
        wait_for(lambda: pg.psql(active).out == "2", "the statement runs")
        with Frontend("127.0.0.1", running.port) as other:
            other.start_tls(ca)
            other.send(cancel_request(frontend.pid, frontend.key))
            assert other.rest() == b""
        replies = frontend.until(b"Z")
        assert [reply.sqlstate for reply in replies if reply.kind == b"E"] == ["57014"]


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """An address that swallows connects: a listener whose queue is full."""
    with socket.create_server(("127.0.0.2", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield address
        for filler in fillers:
            filler.close()


def test_a_silent_address_uses_up_the_time_of_the_others(operated, pg, silent):
    """An address that swallows the connect used up the whole login deadline; the next was never tried."""
    running, ca = operated
    running.addresses = (silent, (pg.host, pg.port))
    with _session(running, ca) as frontend:
        assert frontend.rows("select current_user") == [("app",)]


def test_a_silent_address_alone_has_the_whole_time(operated, silent):
    """With nowhere else to go the deadline of the login counts."""
    running, ca = operated
    running.addresses = (silent,)
    with pytest.raises(ConnectionError, match=r"^08006 "):
        _session(running, ca)
    (ended,) = wait_for(lambda: running.ended, "the end of the session")
    assert "deadline of phase upstream_login" in ended.reason
