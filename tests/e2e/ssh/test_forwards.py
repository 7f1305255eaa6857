"""What comes back from the target: `-R` to ports and sockets, `-A`, `-X`, each as straight to it."""

import hashlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hoopwire.demo.postgres import free_port
from hoopwire.recordings import frames
from support.ssh import write_key
from support.ssh_ground import SECRET, door
from support.ssh_house import TARGET, Agent, needs
from support.wait import wait_for

from .conftest import Routes

ROADS = ("through", "straight")
BIG = os.urandom(3 * 1024 * 1024)
READ = "import socket;s=socket.create_connection(({host!r},{port}));print(s.makefile().read())"
READ_SOCKET = "import socket;s=socket.socket(socket.AF_UNIX);s.connect({path!r});print(s.makefile().read())"
ROUND_TRIP = """
import hashlib, socket, sys, threading
content = sys.stdin.buffer.read()
to = socket.create_connection(("127.0.0.1", {port}))
threading.Thread(target=lambda: (to.sendall(content), to.shutdown(socket.SHUT_WR))).start()
print(hashlib.sha256(to.makefile("rb").read()).hexdigest())
"""
SCREEN = """
import os, re, socket, subprocess
host, number = re.fullmatch("(.*):([0-9]+)[.0-9]*", os.environ["DISPLAY"]).groups()
listed = subprocess.check_output(["xauth", "list", os.environ["DISPLAY"]], text=True).split()
name, cookie = listed[1].encode(), bytes.fromhex(listed[2])
to = socket.create_connection((host, 6000 + int(number)))
hello = b"l\\0" + (11).to_bytes(2, "little") + bytes(2)
hello += len(name).to_bytes(2, "little") + len(cookie).to_bytes(2, "little") + bytes(2)
to.sendall(hello + name + bytes(-len(name) % 4) + cookie + bytes(-len(cookie) % 4))
print(to.recv(100))
"""


@pytest.fixture(params=ROADS)
def lender(request: pytest.FixtureRequest, routes: Routes) -> Agent:
    """Somebody who may do all of this; through the gateway, and at the target itself."""
    return routes.straight if request.param == "straight" else routes.agent("lender")


def python(script: str) -> str:
    """A command for the target."""
    return f'python3 -c "{script}"'


@contextmanager
def master(agent: Agent, *options: str) -> Iterator[str]:
    """A connection of its own in the background: the name of its socket."""
    name = "ctl-forwards"
    # else it goes there before its forwards are up
    waits = ("-o", "ExitOnForwardFailure=yes")
    done = agent.run(*agent.command("-f", "-N", "-M", "-S", name, *waits, *options, TARGET))
    assert done.returncode == 0, done.stderr
    try:
        yield name
    finally:
        agent.run(*agent.command("-S", name, "-O", "exit", TARGET))


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_port_of_the_target_leads_to_the_client(lender: Agent) -> None:
    port = free_port()
    with door(("127.0.0.1", 0)) as service:
        script = python(READ.format(host="127.0.0.1", port=port))
        done = lender.ssh(script, options=("-R", f"{port}:127.0.0.1:{service.port}"))
        assert (done.returncode, done.stdout.strip()) == (0, SECRET.encode()), done.stderr
        assert service.reached == 1
    wait_for(lambda: not is_open(port), "the end of the listener")


def test_bytes_are_the_same_both_ways_over_it(lender: Agent) -> None:
    """And half of the connection may close before the other."""
    port = free_port()
    with echo() as service:
        script = lender.folder / "round_trip.py"
        script.write_text(ROUND_TRIP.format(port=port))
        options = ("-R", f"{port}:127.0.0.1:{service}", "-o", "RekeyLimit=1M")
        done = lender.ssh(f"python3 {script}", stdin=BIG, options=options)
    assert done.stdout.strip().decode() == hashlib.sha256(BIG).hexdigest(), done.stderr


@contextmanager
def echo() -> Iterator[int]:
    """A service that gives back what it gets: its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as caller:
                while more := caller.recv(65536):
                    caller.sendall(more)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


def test_many_connections_to_one_port(lender: Agent) -> None:
    port = free_port()
    with door(("127.0.0.1", 0)) as service, master(lender, "-R", f"{port}:127.0.0.1:{service.port}"):
        callers = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        for caller in callers:
            with caller:
                assert caller.makefile().read().strip() == SECRET
        assert service.reached == 40


def test_nobody_answers_at_the_client(lender: Agent) -> None:
    port = free_port()
    with (
        master(lender, "-R", f"{port}:127.0.0.1:{free_port()}"),
        socket.create_connection(("127.0.0.1", port)) as caller,
    ):
        assert caller.recv(100) == b""


@pytest.mark.parametrize("chosen", [True, False], ids=["port 0", "a fixed port"])
def test_a_listener_begins_and_is_cancelled_in_a_connection_that_is_up(lender: Agent, chosen: bool) -> None:
    asked = 0 if chosen else free_port()
    with door(("127.0.0.1", 0)) as service, master(lender) as name:
        for _ in range(2):
            forward = ("-S", name, "-R", f"{asked}:127.0.0.1:{service.port}")
            done = lender.run(*lender.command("-O", "forward", *forward, TARGET))
            assert done.returncode == 0, done.stderr
            port = int(done.stdout) if chosen else asked
            with socket.create_connection(("127.0.0.1", port)) as caller:
                assert caller.makefile().read().strip() == SECRET
            done = lender.run(*lender.command("-O", "cancel", *forward, TARGET))
            assert done.returncode == 0, done.stderr
            wait_for(lambda at=port: not is_open(at), "the end of the listener")  # type: ignore[misc]


def test_a_port_that_is_taken(lender: Agent) -> None:
    with door(("127.0.0.1", 0)) as taken:
        # `localhost` would be ::1, too, where it is free
        forward = ("-R", f"127.0.0.1:{taken.port}:127.0.0.1:9")
        done = lender.ssh("echo on", options=("-o", "LogLevel=INFO", *forward))
        assert (done.returncode, done.stdout) == (0, b"on\n")
        assert b"remote port forwarding failed" in done.stderr
        done = lender.ssh("echo on", options=(*forward, "-o", "ExitOnForwardFailure=yes"))
        assert (done.returncode, done.stdout) == (255, b"")


def test_a_proxy_at_the_target(lender: Agent) -> None:
    """`-R PORT` alone: the client says where each connection goes."""
    port = free_port()
    with (
        door(("127.0.0.1", 0)) as service,
        master(lender, "-R", str(port)),
        socket.create_connection(("127.0.0.1", port)) as caller,
    ):
        caller.sendall(b"\5\1\0")
        assert caller.recv(2) == b"\5\0"
        caller.sendall(b"\5\1\0\1\x7f\0\0\1" + service.port.to_bytes(2))
        shown = b""
        while more := caller.recv(4096):
            shown += more
        assert SECRET.encode() in shown


def test_a_socket_of_the_target_leads_to_the_client(lender: Agent, routes: Routes) -> None:
    path = routes.inbox / "in.sock"
    with door(("127.0.0.1", 0)) as service:
        script = python(READ_SOCKET.format(path=str(path)))
        done = lender.ssh(script, options=("-R", f"{path}:127.0.0.1:{service.port}"))
        assert (done.returncode, done.stdout.strip()) == (0, SECRET.encode()), done.stderr
        assert service.reached == 1


@contextmanager
def keys(folder: Path, *names: str) -> Iterator[Path]:
    """An ssh-agent with keys of these names: its socket."""
    folder.mkdir(exist_ok=True)
    place = folder / "agent.sock"
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        for name in names:
            write_key(folder / name)
            added = ["ssh-add", "-q", str(folder / name)]
            subprocess.run(added, env=os.environ | {"SSH_AUTH_SOCK": str(place)}, check=True)
        yield place
    finally:
        process.terminate()
        process.wait()


def lent(place: Path) -> tuple[str, ...]:
    """Options of ssh: it asks for an agent only where it has one itself."""
    return ("-A", "-o", f"IdentityAgent={place}")


def test_an_agent_is_lent(lender: Agent, tmp_path: Path) -> None:
    with keys(tmp_path / "agent", "one", "two") as place:
        listed = subprocess.run(
            ["ssh-add", "-l"], capture_output=True, env=os.environ | {"SSH_AUTH_SOCK": str(place)}, check=True
        )
        done = lender.ssh("ssh-add -l", options=lent(place))
        assert (done.returncode, done.stdout) == (0, listed.stdout), done.stderr
        assert listed.stdout.count(b"ED25519") == 2
        # it signs, too
        done = lender.ssh(f"ssh-add -T {tmp_path}/agent/one.pub", options=lent(place))
        assert done.returncode == 0, done.stderr
        done = lender.ssh("ssh-add -l", options=("-o", f"IdentityAgent={place}"))
        assert done.returncode == 2


def test_an_agent_is_lent_to_each_session_of_a_connection(lender: Agent, tmp_path: Path) -> None:
    with keys(tmp_path / "agent", "one") as place, master(lender, *lent(place)) as name:
        for _ in range(3):
            done = lender.ssh("ssh-add -l", options=("-S", name, *lent(place)))
            assert (done.returncode, done.stdout.count(b"ED25519")) == (0, 1), done.stderr


@pytest.mark.skipif(needs("xauth") is None, reason="xauth is not installed")
def test_a_screen_is_lent(lender: Agent, tmp_path: Path) -> None:
    """To a connection, and to each session of one. The screen is one of ours."""
    script = tmp_path / "screen.py"
    script.write_text(SCREEN)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heard: list[bytes] = []

        def serve() -> None:
            for _ in range(3):
                with listener.accept()[0] as caller:
                    heard.append(caller.recv(1000))
                    caller.sendall(b"no screen here")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        lender.variables["DISPLAY"] = f"127.0.0.1:{listener.getsockname()[1] - 6000}"
        try:
            with master(lender, "-Y") as name:
                for options in (("-Y",), ("-S", name, "-Y"), ("-S", name, "-Y")):
                    done = lender.ssh(f"python3 {script}", options=options)
                    assert (done.returncode, done.stdout) == (0, b"b'no screen here'\n"), done.stderr
        finally:
            del lender.variables["DISPLAY"]
        thread.join()
    assert heard[0][12:30] == b"MIT-MAGIC-COOKIE-1"


def test_what_came_back_is_in_the_recording(routes: Routes) -> None:
    agent = routes.agent("lender")
    before = {each.session for each in routes.house.entries()}
    port = free_port()
    with door(("127.0.0.1", 0)) as service:
        script = python(READ.format(host="127.0.0.1", port=port))
        agent.ssh(script, options=("-R", f"{port}:127.0.0.1:{service.port}"))
    # Of two reactors' streams the new session's may stand before others.
    entries = [each.frame for each in routes.house.entries() if each.session not in before]
    asked = [each for each in entries if isinstance(each, frames.ChannelRequest) and not each.channel]
    assert [(each.name, each.about, each.allow) for each in asked] == [
        (b"tcpip-forward", f"localhost:{port}".encode(), True)
    ]
    opened = [each for each in entries if isinstance(each, frames.ChannelOpen)]
    came = next(each for each in opened if each.name == b"forwarded-tcpip")
    assert came.about.startswith(f"localhost:{port} from 127.0.0.1:".encode())
    assert came.allow
    bytes_back = [
        each.bytes
        for each in entries
        if isinstance(each, frames.ChannelFlow) and each.channel == came.channel
    ]
    assert sum(bytes_back) == len(SECRET) + 1
    session = next(each for each in entries if isinstance(each, frames.SessionStart)).session
    shown = routes.house.gateway.hoopwire("recordings", "show", session).out
    assert f"open forwarded-tcpip to localhost:{port} from 127.0.0.1:" in shown
