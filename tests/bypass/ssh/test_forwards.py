"""Connections through the target, and listeners there, that no grant names; agents and screens."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hoopwire.demo.postgres import free_port
from support.ssh_ground import SECRET
from support.ssh_house import TARGET
from support.ssh_raw import Raw, string, u32

from .conftest import Line, Siege

# Spellings of this machine's loopback; those of `REACHES` lead to a listener on 127.0.0.1 or ::1 here.
REACHES = (
    "127.0.0.1",
    "localhost",
    "LOCALHOST",
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "0",
    "0.0.0.0",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:127.0.0.1",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::",
)
OTHERS = (
    "::1%lo",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "2002:7f00:1::",
    "[127.0.0.1]",
    "[::1]",
    "",
    "ip6-localhost",
    "localhost.",
    "localhost.localdomain",
    "localhost.example.com",
    "127.0.0.1.",
    " 127.0.0.1",
    "127.0.0.1 ",
    "127.0.0.1\0.example.com",
    "localhost\0.example.com",
    "127.0.0.1\n",
    "127.0.0.1%",
    "127.0.0.1/8",
    "127.0.0.1:22",
    "user@127.0.0.1",
    "http://127.0.0.1",
    "\uff11\uff12\uff17.0.0.1",
    "127\u30020\u30020\u30021",
    "app.internal\0",
    "*",
    "*.example.com",
    "10.0.0.0/8",
    "/",
    "../door.sock",
    "x" * 7_000,
)
GRANTS = ("forwarder", "runner", "shell")


@pytest.fixture(scope="module", params=GRANTS)
def line(siege: Siege, request: pytest.FixtureRequest) -> Iterator[Line]:
    """One connection for each grant: suffixes and networks, none at all, a shell."""
    with Line(siege, request.param) as line:
        yield line


def refused(siege: Siege, raw: Raw, host: str, port: int) -> str:
    """Why there is no such channel."""
    mark = siege.log_bytes
    channel = raw.connect(host, port)
    assert channel.theirs is None, "it is open"
    assert "direct-tcpip" not in siege.heard(mark)
    if raw.ended is not None:
        return raw.ended
    assert channel.refused is not None
    return channel.refused


@pytest.mark.parametrize("host", [*REACHES, *OTHERS], ids=lambda each: repr(each)[:40])
def test_loopback_in_another_spelling(unharmed: Siege, line: Line, host: str) -> None:
    raw = line.up()
    for port in (unharmed.tcp.port, unharmed.tcp6.port):
        assert "code: forward_not_granted" in refused(unharmed, raw, host, port)


def test_a_spelling_that_could_not_have_reached_anything(siege: Siege, straight: Raw) -> None:
    """The target itself takes each of them."""
    try:
        for host in REACHES:
            shown = b""
            for port in (siege.tcp.port, siege.tcp6.port):
                channel = straight.connect(host, port)
                if channel.theirs is not None:
                    shown += channel.drain()
            assert SECRET.encode() in shown, host
    finally:
        siege.tcp.reached = siege.tcp6.reached = 0


@pytest.mark.parametrize("port", [0, 65536, 65536 + 443, 2**32 - 1])
def test_a_port_that_is_none(unharmed: Siege, port: int) -> None:
    """A target that keeps 16 bits of it would connect elsewhere."""
    with unharmed.raw("forwarder") as raw:
        assert "code: forward_not_granted" in refused(unharmed, raw, "app.internal", port)


def places(siege: Siege) -> dict[str, int]:
    """Where the gateway and its neighbours listen."""
    gateway = siege.house.gateway
    return {
        "ssh": siege.house.port,
        "postgres": gateway.port,
        "control": gateway.control_port,
        "target": siege.house.server.port,
    }


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "::ffff:127.0.0.1", "0"])
@pytest.mark.parametrize("place", ["ssh", "postgres", "control", "target"])
def test_a_forward_to_the_gateway_itself(unharmed: Siege, line: Line, place: str, host: str) -> None:
    reason = refused(unharmed, line.up(), host, places(unharmed)[place])
    assert "code: forward_not_granted" in reason


@pytest.mark.parametrize("place", ["ssh", "postgres", "control"])
def test_a_forward_to_the_gateway_under_a_grant_of_loopback(unharmed: Siege, place: str) -> None:
    """No pattern leads to an address that the gateway itself listens on."""
    with unharmed.raw("loopback") as raw:
        assert "code: forward_not_granted" in refused(unharmed, raw, "127.0.0.1", places(unharmed)[place])


METADATA = ("169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "fe80::1", "fe80::1%lo", "2852039166")


@pytest.mark.parametrize("host", METADATA)
def test_a_link_local_address(unharmed: Siege, line: Line, host: str) -> None:
    assert "code: forward_not_granted" in refused(unharmed, line.up(), host, 80)


def socket_paths(siege: Siege) -> dict[str, str]:
    """Sockets that are there, and the granted one in other spellings."""
    door, granted = siege.path.place.strip("'"), siege.ground.text("@ground@/app.sock")
    return {
        "one that listens": door,
        "the gateway's own": siege.house.gateway.settings["listen"]["admin_socket"],
        "by a way upwards": f"{granted}/../../door.sock",
        "the granted one's folder": str(Path(granted).parent),
        "one beside it": granted + "2",
        "with a NUL": f"{granted}\0",
        "with a NUL before": f"{door}\0{granted}",
        "abstract": "\0" + granted,
        "relative": "app.sock",
        "empty": "",
        "of the agent": os.environ.get("SSH_AUTH_SOCK", "/run/agent.sock"),
        "of docker": "/var/run/docker.sock",
    }


def test_a_socket_that_is_not_granted(unharmed: Siege, line: Line) -> None:
    raw = line.up()
    for kind, path in socket_paths(unharmed).items():
        mark = unharmed.log_bytes
        channel = raw.open("direct-streamlocal@openssh.com", string(path) + string("") + u32(0))
        assert channel.theirs is None, kind
        assert "code: forward_not_granted" in (channel.refused or ""), kind
        assert not unharmed.heard(mark), kind


def test_a_socket_that_could_not_have_been_reached(siege: Siege, straight: Raw) -> None:
    path = siege.path.place.strip("'")
    channel = straight.open("direct-streamlocal@openssh.com", string(path) + string("") + u32(0))
    try:
        assert SECRET.encode() in channel.drain()
    finally:
        siege.path.reached = 0


# Stock clients.

FORWARDS: dict[str, Callable[[Siege, int], tuple[str, ...]]] = {
    "-R to loopback": lambda _, port: ("-R", f"{port}:127.0.0.1:22"),
    "-R to every address": lambda _, port: ("-R", f"*:{port}:127.0.0.1:22"),
    "-R to any port": lambda *_: ("-R", "0:127.0.0.1:22"),
    "-R as a SOCKS proxy": lambda _, port: ("-R", str(port)),
    "-R to a socket": lambda siege, _: ("-R", siege.ground.text("@ground@/r.sock:127.0.0.1:22")),
}


@pytest.mark.parametrize("kind", FORWARDS)
@pytest.mark.parametrize("grant", ["forwarder", "shell"])
def test_a_listener_at_the_target(unharmed: Siege, grant: str, kind: str) -> None:
    agent = unharmed.agent(grant)
    mark = unharmed.log_bytes
    port = free_port()
    options = ("-v", "-N", "-o", "ExitOnForwardFailure=yes", *FORWARDS[kind](unharmed, port))
    done = agent.run(*agent.command(*options, TARGET))
    assert done.returncode == 255
    assert b"remote port forwarding failed" in done.stderr or b"Could not request" in done.stderr, done.stderr
    # a failure has no words: `ssh -v` shows them
    said = done.stderr.partition(b"Remote: hoopwire: ")[2]
    assert b"does not allow listening on" in said
    assert b"code: forward_not_granted" in said
    assert not unharmed.heard(mark)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_connection_by_stdio(unharmed: Siege) -> None:
    agent = unharmed.agent("shell")
    done = agent.run(*agent.command("-W", f"127.0.0.1:{unharmed.tcp.port}", TARGET))
    assert (done.returncode, done.stdout) == (255, b"")
    assert b"code: forward_not_granted" in done.stderr


@contextmanager
def master(siege: Siege, grant: str, *options: str) -> Iterator[None]:
    """A connection of a stock client in the background."""
    agent = siege.agent(grant)
    control = ("-S", f"ctl-{grant}")
    done = agent.run(*agent.command("-f", "-N", "-M", *control, *options, TARGET))
    assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        agent.run(*agent.command(*control, "-O", "exit", TARGET))


def test_a_connection_by_a_local_listener(unharmed: Siege) -> None:
    port = free_port()
    with (
        master(unharmed, "shell", "-L", f"{port}:127.0.0.1:{unharmed.tcp.port}"),
        socket.create_connection(("127.0.0.1", port)) as caller,
    ):
        assert caller.recv(100) == b""


@pytest.mark.parametrize("address", [b"\1\x7f\0\0\1", b"\3\x09localhost", b"\3\x05127.1"])
def test_a_connection_by_a_socks_proxy(unharmed: Siege, address: bytes) -> None:
    port = free_port()
    with (
        master(unharmed, "shell", "-D", str(port)),
        socket.create_connection(("127.0.0.1", port)) as caller,
    ):
        caller.sendall(b"\5\1\0")
        assert caller.recv(2) == b"\5\0"
        caller.sendall(b"\5\1\0" + address + unharmed.tcp.port.to_bytes(2))
        shown = b""
        while more := caller.recv(4096):
            shown += more
        assert SECRET.encode() not in shown


def test_a_forwarded_agent(unharmed: Siege, tmp_path: Path) -> None:
    """Refused, and the session goes on: there is nothing behind the variable."""
    agent = unharmed.agent("shell")
    place = tmp_path / "agent.sock"
    mark = unharmed.log_bytes
    keeper = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert keeper.stdout is not None
        keeper.stdout.readline()
        done = agent.ssh('echo "<$SSH_AUTH_SOCK>"', options=("-A", "-o", f"IdentityAgent={place}"))
    finally:
        keeper.terminate()
        keeper.wait()
    assert (done.returncode, done.stdout) == (0, b"<>\n")
    assert "auth-agent-req@openssh.com" not in unharmed.heard(mark)


def test_a_forwarded_screen(unharmed: Siege) -> None:
    with unharmed.raw("shell") as raw:
        mark = unharmed.log_bytes
        channel = raw.open()
        payload = b"\0" + string("MIT-MAGIC-COOKIE-1") + string("00" * 16) + u32(0)
        assert not channel.answer("x11-req", payload)
        channel.execute('echo "<$DISPLAY>"')
        assert channel.rest().out == b"<>\n"
        assert "x11-req" not in unharmed.heard(mark)
