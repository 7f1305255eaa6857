"""kill -9 under load: whatever a client received is in a recording that verifies after the restart."""

import random
import struct
import subprocess
import threading
import time
from collections.abc import Callable

import pytest

from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.postgres import client_environment, postgres_program
from support.frontend import Frontend, message, query
from support.wait import wait_for_audit

ROUNDS = 20
CLIENTS = 6


class Recorder(threading.Thread):
    """A client that keeps every byte it received after its login, until the connection breaks."""

    def __init__(self, gateway: RunningGateway, token: str, name: str) -> None:
        super().__init__(daemon=True)
        self.name_sent = name
        self.received = b""
        self.logged_in = False
        self._gateway = gateway
        self._token = token
        self._random = random.Random(name)

    def run(self) -> None:
        try:
            frontend = Frontend(self._gateway.host, self._gateway.port)
        except OSError:
            return
        with frontend:
            try:
                frontend.login(self._token, ca=self._gateway.ca, application_name=self.name_sent)
                self.logged_in = True
                while True:
                    self._one(frontend)
            except OSError:
                # What came in but is not yet a whole message was received as well.
                self.received = bytes(frontend.received) + frontend.unread()

    def _one(self, frontend: Frontend) -> None:
        size, rows = self._random.choice([(1, 1), (50, 200), (20_000, 30), (300_000, 2)])
        sql = f"select repeat(md5(random()::text), {max(1, size // 32)}) from generate_series(1, {rows})"
        way = self._random.randrange(4)
        if way == 0:
            frontend.query(sql)
        elif way == 1:
            frontend.send(query("select 1") * 20)
            for _ in range(20):
                frontend.until(b"Z")
        elif way == 2:
            none = struct.pack("!h", 0)
            parse = message(b"P", b"\0" + sql.encode() + b"\0" + none)
            bind = message(b"B", b"\0\0" + none * 3)
            run = message(b"D", b"P\0") + message(b"E", b"\0" + struct.pack("!i", 0))
            frontend.send(parse + bind + run + message(b"S"))
            frontend.until(b"Z")
        else:
            frontend.query(f"copy ({sql}) to stdout")


@pytest.mark.slow
def test_kill_at_random_moments(pg, issuer, agent: Callable[[], str], delivered) -> None:
    """Twenty times: load, kill -9 somewhere, restart, verify, and compare digest by digest."""
    moments = random.Random(20261123)
    clients: list[Recorder] = []
    with RunningGateway(pg, issuer.issuer) as gateway:
        for number in range(ROUNDS):
            batch = [Recorder(gateway, agent(), f"crash-{number}-{n}") for n in range(CLIENTS)]
            pgbench = subprocess.Popen(
                [postgres_program("pgbench"), "-n", "-c", "8", "-T", "60", "-f", "-", gateway.dsn()],
                env=client_environment(PGPASSWORD=agent()),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            assert pgbench.stdin is not None
            pgbench.stdin.write(b"select count(*) from items;\n")
            pgbench.stdin.close()
            for client in batch:
                client.start()
            time.sleep(0.5 + moments.random() * 1.5)
            gateway.kill9()
            for client in batch:
                client.join(30)
                assert not client.is_alive()
            pgbench.kill()
            pgbench.wait()
            clients += batch
            gateway.start()
            verified = gateway.verify()
            assert verified.ok, verified
        recorded = delivered(gateway)
        gateway.stop()
        assert gateway.verify().ok
        assert "panic" not in gateway.log.lower()
    for client in clients:
        if client.received:
            recorded[client.name_sent].assert_covers(client.received)
    # The test means something only if clients were busy when the gateway died.
    assert sum(client.logged_in for client in clients) > ROUNDS * CLIENTS / 2
    assert sum(len(client.received) for client in clients) > 10_000_000


def test_ordinary_sessions_are_covered(pg, issuer, agent, delivered) -> None:
    """Without any crash the spans are exactly what the client received, to the byte."""
    with RunningGateway(pg, issuer.issuer) as gateway:
        with Frontend(gateway.host, gateway.port) as frontend:
            frontend.login(agent(), ca=gateway.ca, application_name="ordinary")
            frontend.query("select repeat('x', 100000) from generate_series(1, 20)")
            frontend.query("select 1/0")
            frontend.query("begin; select 1; rollback")
            frontend.query("copy (select * from items) to stdout")
            received = bytes(frontend.received)
            assert frontend.unread() == b""
        # Else a busy gateway hears of the stop first, and has one more message for a client that is gone.
        wait_for_audit(gateway, "session.ended")
        gateway.stop()
        recorded = delivered(gateway)["ordinary"]
    recorded.assert_covers(received)
    assert recorded.total_bytes == len(received)
