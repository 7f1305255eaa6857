"""Readers of the audit and of the log that stop: a pipe that is full stood still the one thread that admits,
revokes, locks and obeys SIGTERM. 300 requests with a bad token were enough to fill it."""

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway, hoopwire_command
from support.frontend import Frontend
from support.wait import wait_for


@contextmanager
def stopped_reader(fd: int) -> Iterator[None]:
    """Open until the end, and reads nothing; its pipe holds one page."""
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096)
    try:
        yield
    finally:
        os.close(fd)


def fill(gateway: RunningGateway) -> None:
    """More events and log lines than the pipe holds."""
    for _ in range(40):
        assert gateway.mint("no.token.this", target="orders").status_code == 401


def uses(gateway: RunningGateway, issuer, session) -> None:
    """What must go on: admission, a lock that cuts, a refusal, an unlock."""
    cid = issuer.client(groups=[GROUP], ttl_s=3600).cid
    with session(gateway, issuer.token(cid)) as open_session:
        assert open_session.rows("select 1") == [("1",)]
        locked = gateway.hoopwire("principals", "lock", f"cid:{cid}", "--reason", "leaked")
        assert locked.ok, locked.err
        assert "1 session has ended" in locked.out
    assert "principal_locked" in gateway.psql(issuer.token(cid), "orders", "select 1").err
    assert gateway.hoopwire("principals", "unlock", f"cid:{cid}").ok
    assert gateway.psql(issuer.token(cid), "orders", "select 1").out == "1"


@pytest.fixture
def session():
    """A session by hand."""

    def open_one(gateway: RunningGateway, token: str) -> Frontend:
        frontend = Frontend(gateway.host, gateway.port)
        frontend.login(token, ca=gateway.ca)
        return frontend

    return open_one


def test_an_audit_fifo_that_nobody_reads_any_more(pg, issuer, session, tmp_path: Path) -> None:
    """`--audit FIFO`: the reader is there, and has stopped."""
    fifo = tmp_path / "audit"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    audit = ("--audit", str(fifo))
    with stopped_reader(reading), RunningGateway(pg, issuer.issuer, arguments=audit) as gateway:
        fill(gateway)
        assert "an audit line could not be written" in gateway.log
        uses(gateway, issuer, session)
        assert gateway.stop() == 0


def test_an_audit_fifo_without_a_reader_is_refused_at_the_start(pg, issuer, tmp_path: Path) -> None:
    """The start waited in `open` for a reader, for ever and without a word."""
    fifo = tmp_path / "audit"
    os.mkfifo(fifo)
    gateway = RunningGateway(pg, issuer.issuer, directory=tmp_path / "gateway")
    refused = gateway.hoopwire("serve", "--audit", str(fifo))
    assert refused.code != 0
    assert "it is a pipe, and nobody reads it yet" in refused.err


def test_a_stderr_that_nobody_reads_any_more(pg, issuer, session, tmp_path: Path) -> None:
    """`hoopwire serve 2>&1 | less`: log and audit in one pipe."""
    gateway = RunningGateway(pg, issuer.issuer, directory=tmp_path / "gateway")
    reading, writing = os.pipe()
    with stopped_reader(reading):
        command = hoopwire_command("serve", "--config", str(gateway.config))
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing) as process:
            os.close(writing)
            try:
                wait_for(gateway._answers, "the gateway answers", timeout_s=60)
                fill(gateway)
                uses(gateway, issuer, session)
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
            finally:
                process.kill()
