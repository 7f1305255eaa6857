"""Limits of a policy with stock ssh: silent sessions, and sessions of one principal."""

import os
import pty
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres, plain_environment
from support.ssh_house import TARGET, Agent, SshHouse, ssh_house
from support.wait import wait_for, wait_for_audit, wait_for_audits

IDLE_S = 3.0


def policy(name: str, **limits: Any) -> dict[str, Any]:
    actions = ["shell", "pty", "exec sleep <int>", "exec cat", "forward 127.0.0.1:1-65535"]
    return {"name": name, "groups": [name], "targets": [TARGET], "actions": actions, "limits": limits}


@pytest.fixture(scope="module")
def house(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SshHouse]:
    policies = [policy("short", idle=f"{IDLE_S:.0f}s"), policy("one", sessions=1)]
    lines = ("ClientAliveInterval 1", "ClientAliveCountMax 1000")
    with ssh_house(pg, issuer, tmp_path_factory.mktemp("ssh"), policies, sshd_lines=lines) as running:
        yield running


@pytest.fixture(scope="module")
def short(house: SshHouse) -> Agent:
    return house.admitted("short", "short")


def ended(house: SshHouse, count: int) -> dict[str, Any]:
    return wait_for_audits(house.gateway, "session.ended", count, policy="short", reason="idle")[-1]


def test_a_shell_with_nothing_but_keepalives_is_told_and_ended(house: SshHouse, short: Agent) -> None:
    """Both ends ask each second whether the other is there: that is not somebody at work."""
    pid, terminal = pty.fork()
    if pid == 0:
        command = short.command("-tt", "-o", "ServerAliveInterval=1", TARGET)
        os.execvpe(command[0], command, plain_environment())
    shown = b""
    while True:
        try:
            some = os.read(terminal, 65536)
        except OSError:
            break
        if not some:
            break
        shown += some
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 255
    said = shown.decode(errors="replace")
    assert "hoopwire: the session was idle for longer than 3 s" in said
    assert "keepalives do not count (policy short, limits.idle)" in said
    assert "disconnect from 127.0.0.1" in said
    assert ended(house, 1)["by"] == "gateway"


def test_a_connection_without_channels_and_a_silent_command_are_idle(house: SshHouse, short: Agent) -> None:
    for words in (("-N", TARGET), (TARGET, "sleep 600")):
        done = short.run(*short.command("-o", "ServerAliveInterval=1", *words))
        assert done.returncode == 255
        assert b"the session was idle for longer than 3 s" in done.stderr
        assert b"code: idle" in done.stderr


def test_a_forward_that_carries_bytes_is_not_idle(short: Agent) -> None:
    """Unless the machine was so slow that it was: then it is tried again."""
    with echo() as port:
        for _ in range(10):
            done, longest_s = _bytes_for(short, port, 3 * IDLE_S)
            if done or longest_s < IDLE_S / 2:
                break
        assert done, f"ended although no pause was longer than {longest_s:.1f} s"


def _bytes_for(short: Agent, port: int, seconds: float) -> tuple[bool, float]:
    """A byte there and back, again and again; whether it went on so long, and the longest pause."""
    command = short.command("-W", f"127.0.0.1:{port}", TARGET)
    last = began = time.monotonic()
    longest_s = 0.0
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as ssh:
        assert ssh.stdin is not None
        assert ssh.stdout is not None
        try:
            while time.monotonic() - began < seconds:
                try:
                    ssh.stdin.write(b"x")
                except BrokenPipeError:
                    return False, longest_s
                if ssh.stdout.read(1) != b"x":
                    return False, longest_s
                now = time.monotonic()
                longest_s, last = max(longest_s, now - last), now
                time.sleep(0.1)
            return True, longest_s
        finally:
            ssh.kill()


@contextmanager
def echo() -> Iterator[int]:
    """A server that says back what it hears."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    while some := connection.recv(4096):
                        connection.sendall(some)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def test_one_session_at_a_time_until_its_client_is_killed(house: SshHouse) -> None:
    """Two certificates are two grants: they are counted together."""
    agent = house.admitted("one", "one")
    with subprocess.Popen(
        agent.command(TARGET, "cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write(b"x")
        assert first.stdout.read(1) == b"x"
        assert agent.certify("--fresh").returncode == 0
        refused = agent.ssh("sleep 0")
        assert refused.returncode == 255
        assert b"you may have 1 session at a time at target web1" in refused.stderr
        assert b"1 is live: s_" in refused.stderr
        denied = wait_for_audit(house.gateway, "session.denied", code="principal_sessions_exceeded")
        assert (denied["policy"], denied["target"]) == ("one", TARGET)
        first.send_signal(signal.SIGKILL)
        wait_for(lambda: agent.ssh("sleep 0").returncode == 0, "the place of the killed client")
    assert agent.ssh("sleep 0").returncode == 0
