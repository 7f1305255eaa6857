"""Listeners at targets and by clients that others wrote: who comes there reaches the client."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres, free_port, plain_environment
from support.ssh_ground import SECRET, Door, door
from support.ssh_peers import asyncssh_client
from support.ssh_peers.matrix import Ring, ring
from support.ssh_peers.targets import targets
from support.ssh_peers.task import Login
from support.wait import wait_for

TARGETS = {each.slug: each for each in targets()}
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def place(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ring]:
    here = [each for each in TARGETS.values() if each.version]
    with ring(pg, issuer, tmp_path_factory.mktemp("listeners") / "ring", here) as running:
        yield running


def login(place: Ring, target: str) -> Login:
    if TARGETS[target].version is None:
        pytest.skip(f"{TARGETS[target].name} is not here; it comes with {TARGETS[target].missing}")
    return place.through(TARGETS[target], "certificate", "lender")


def comes_to(port: int, service: Door) -> None:
    """Somebody at the target reaches the service beside the client."""
    before = service.reached
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as caller:
        assert caller.makefile().read().strip() == SECRET
    assert service.reached == before + 1


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_over(port: int) -> bool:
    """Nobody is served there any more. dropbear goes on listening, also without a gateway."""
    with socket.socket() as caller:
        caller.settimeout(PATIENCE_S)
        return caller.connect_ex(("127.0.0.1", port)) != 0 or caller.recv(100) == b""


def words(as_whom: Login, *more: str) -> list[str]:
    """OpenSSH's client."""
    options = {
        "UserKnownHostsFile": as_whom.known_hosts,
        "GlobalKnownHostsFile": "none",
        "IdentityFile": as_whom.key,
        "CertificateFile": as_whom.certificate,
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
        "ExitOnForwardFailure": "yes",
        "ControlPath": as_whom.folder / "ctl",
    }
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", *given, "-p", str(as_whom.port), *more, f"{as_whom.user}@127.0.0.1"]


def run(command: list[str], **variables: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=plain_environment() | variables,
        check=False,
    )


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_listens_for_openssh(place: Ring, target: str) -> None:
    """At a port that is asked for, at one that it chooses, until it is cancelled."""
    as_whom = login(place, target)
    port = free_port()
    with door(("127.0.0.1", 0)) as service:
        to = f"127.0.0.1:{service.port}"
        done = run(words(as_whom, "-f", "-N", "-M", "-R", f"{port}:{to}"))
        assert done.returncode == 0, done.stderr
        try:
            comes_to(port, service)
            comes_to(port, service)
            chosen = run(words(as_whom, "-O", "forward", "-R", f"0:{to}"))
            assert chosen.returncode == 0, chosen.stderr
            comes_to(int(chosen.stdout), service)
            cancelled = run(words(as_whom, "-O", "cancel", "-R", f"{port}:{to}"))
            assert cancelled.returncode == 0, cancelled.stderr
            wait_for(lambda: is_over(port), "the end of the listener")
            comes_to(int(chosen.stdout), service)
        finally:
            run(words(as_whom, "-O", "exit"))


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_borrows_the_agent_of_openssh(place: Ring, target: str) -> None:
    as_whom = login(place, target)
    with agent(as_whom) as at:
        listed = run(["ssh-add", "-l"], SSH_AUTH_SOCK=at)
        done = run([*words(as_whom, "-A", "-o", f"IdentityAgent={at}"), "ssh-add -l"])
        assert (done.returncode, done.stdout) == (0, listed.stdout), done.stderr
        assert b"ED25519" in listed.stdout


@contextmanager
def agent(as_whom: Login) -> Iterator[str]:
    """One with the login's own key: its socket."""
    at = as_whom.folder / "agent.sock"
    command = ["ssh-agent", "-D", "-a", str(at)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        assert run(["ssh-add", "-q", str(as_whom.key)], SSH_AUTH_SOCK=str(at)).returncode == 0
        yield str(at)
    finally:
        process.terminate()
        process.wait()
        at.unlink(missing_ok=True)


def test_asyncssh_has_the_target_listen(place: Ring) -> None:
    as_whom = login(place, "openssh")
    port = free_port()

    async def both(service: Door) -> None:
        async with await asyncssh_client.connect(as_whom) as connection:
            for asked in (port, 0):
                listener = await connection.forward_remote_port("localhost", asked, "127.0.0.1", service.port)
                at = listener.get_port()
                assert at == asked or not asked
                await asyncio.to_thread(comes_to, at, service)
                listener.close()
                await listener.wait_closed()
                await asyncio.to_thread(wait_for, lambda at=at: not is_open(at), "the end of the listener")

    with door(("127.0.0.1", 0)) as service:
        asyncio.run(both(service))


def test_paramiko_has_the_target_listen(place: Ring) -> None:
    pytest.importorskip("paramiko")
    from support.ssh_peers import paramiko_client

    transport = paramiko_client.connect(login(place, "openssh"))
    try:
        for asked in (free_port(), 0):
            at = transport.request_port_forward("localhost", asked)
            assert at == asked or not asked
            with socket.create_connection(("127.0.0.1", at), PATIENCE_S) as caller:
                channel = transport.accept(PATIENCE_S)
                assert channel is not None
                channel.sendall(b"from the client")
                channel.close()
                assert caller.makefile().read() == "from the client"
            transport.cancel_port_forward("localhost", at)
            wait_for(lambda at=at: not is_open(at), "the end of the listener")  # type: ignore[misc]
    finally:
        transport.close()
