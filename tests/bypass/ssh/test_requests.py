"""What a scripted client asks for on a connection that is up: out of order, and under odd names."""

import struct
from collections.abc import Callable, Iterator

import pytest

from support.ssh_ground import SECRET
from support.ssh_raw import (
    CLOSE,
    EOF,
    OPEN,
    Channel,
    Raw,
    string,
    u32,
)

from .conftest import GOOD, Line, Siege, bad

TERMINAL = string("xterm") + struct.pack("!IIII", 80, 24, 0, 0) + string(b"\0")
X11 = b"\0" + string("MIT-MAGIC-COOKIE-1") + string("00" * 16) + u32(0)


@pytest.fixture(scope="module")
def line(siege: Siege) -> Iterator[Line]:
    """One connection for all that do not end it."""
    with Line(siege, "runner") as line:
        yield line


@pytest.fixture
def raw(unharmed: Siege, line: Line) -> Raw:
    """Of somebody with commands and nothing else."""
    return line.up()


# What begins a program where none is granted.

PROGRAMS: dict[str, tuple[str, bytes]] = {
    "a shell": ("shell", b""),
    "a shell with a payload": ("shell", string("touch @marker@")),
}
SUBSYSTEMS = {
    "sftp under a grant for commands": "sftp",
    "letters of another case": "SFTP",
    "a command behind the name": "sftp; touch @marker@",
    "a NUL behind the name": "sftp\0x",
    "the server's own program": "internal-sftp",
    "a path": "/usr/lib/openssh/sftp-server",
    "a path upwards": "../../bin/sh",
    "an empty name": "",
    "another one that the target has": SECRET,
    "netconf": "netconf",
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_shell_where_there_are_only_commands(unharmed: Siege, raw: Raw, kind: str) -> None:
    name, payload = PROGRAMS[kind]
    mark = unharmed.log_bytes
    channel = raw.open()
    channel.ask(name, payload)
    channel.put(bad(unharmed) + b"\nexit\n")
    channel.rest()
    if raw.ended is None:
        assert (channel.status, channel.out) == (126, b"")
        assert "code: shell_not_granted" in channel.err.decode()
    assert "shell" not in unharmed.heard(mark)


@pytest.mark.parametrize("kind", SUBSYSTEMS)
def test_a_subsystem_that_is_not_granted(unharmed: Siege, raw: Raw, kind: str) -> None:
    mark = unharmed.log_bytes
    channel = raw.open()
    assert not channel.answer("subsystem", string(unharmed.ground.text(SUBSYSTEMS[kind])))
    assert raw.run(GOOD).out == b"hello"
    assert channel.out == b""
    assert "subsystem" not in unharmed.heard(mark)


# The order of requests on one channel.


def exec_twice(siege: Siege, channel: Channel) -> bool:
    channel.execute("cat " + siege.ground.text("@open@/a.txt"))
    return channel.answer("exec", string(bad(siege)))


def the_same_twice(siege: Siege, channel: Channel) -> bool:
    channel.execute(GOOD)
    return channel.answer("exec", string(GOOD))


def shell_after_exec(_siege: Siege, channel: Channel) -> bool:
    channel.execute(GOOD)
    return channel.answer("shell")


def subsystem_after_exec(_siege: Siege, channel: Channel) -> bool:
    channel.execute(GOOD)
    return channel.answer("subsystem", string("sftp"))


def variable_after_exec(_siege: Siege, channel: Channel) -> bool:
    channel.execute(GOOD)
    return channel.answer("env", string("LANG") + string("C"))


def terminal_after_exec(_siege: Siege, channel: Channel) -> bool:
    channel.execute(GOOD)
    return channel.answer("pty-req", TERMINAL)


def terminal_before_exec(_siege: Siege, channel: Channel) -> bool:
    return channel.answer("pty-req", TERMINAL)


def exec_without_an_answer(siege: Siege, channel: Channel) -> bool:
    channel.execute(GOOD)
    channel.execute(bad(siege), reply=False)
    return False


LATE: dict[str, tuple[Callable[[Siege, Channel], bool], list[str]]] = {
    "a second command, which is not granted": (exec_twice, ["exec"]),
    "the same command a second time": (the_same_twice, ["exec"]),
    "a shell after a command": (shell_after_exec, ["exec"]),
    "a subsystem after a command": (subsystem_after_exec, ["exec"]),
    "a variable after the command": (variable_after_exec, ["exec"]),
    "a terminal after the command": (terminal_after_exec, ["exec"]),
    "a terminal before the command": (terminal_before_exec, []),
    "a second command without an answer": (exec_without_an_answer, ["exec"]),
}


@pytest.mark.parametrize("kind", LATE)
def test_a_request_out_of_order(unharmed: Siege, raw: Raw, kind: str) -> None:
    """A channel has one program, and what it starts with is settled when it starts."""
    attempt, reaches = LATE[kind]
    mark = unharmed.log_bytes
    channel = raw.open()
    first = len(channel.answers)
    attempt(unharmed, channel)
    if reaches:
        channel.rest()
        assert channel.answers[first] is True
        assert channel.status == 0
    assert not any(channel.answers[first + len(reaches) :])
    raw.fence()
    asked = [name for name in unharmed.heard(mark) if name not in ("session", "keepalive@openssh.com")]
    assert asked == reaches


REFUSED: dict[str, tuple[str, bytes]] = {
    "a granted command": ("exec", string(GOOD)),
    "another command": ("exec", string("id")),
    "a shell": ("shell", b""),
    "a subsystem": ("subsystem", string("sftp")),
    "a variable": ("env", string("LANG") + string("C")),
    "a terminal": ("pty-req", TERMINAL),
    "a signal": ("signal", string("TERM")),
    "a new size": ("window-change", struct.pack("!IIII", 80, 24, 0, 0)),
    "agent forwarding": ("auth-agent-req@openssh.com", b""),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_request_on_a_channel_whose_command_was_refused(unharmed: Siege, raw: Raw, kind: str) -> None:
    """In one go, before the refusal is read: the channel is over for the target, too."""
    name, payload = REFUSED[kind]
    mark = unharmed.log_bytes
    channel = raw.open()
    channel.execute(bad(unharmed))
    channel.ask(name, payload)
    channel.ask(name, payload, reply=False)
    channel.put(b"x" * 1000, eof=True)
    channel.rest()
    raw.fence()
    assert raw.ended is None
    assert channel.answers[0] is True
    assert not any(channel.answers[1:])
    assert (channel.status, channel.out) == (126, b"")
    assert unharmed.heard(mark) == ["session"]


def test_a_channel_number_that_was_refused_is_used_again(unharmed: Siege, raw: Raw) -> None:
    """The next channel under the same number is decided by itself."""
    mark = unharmed.log_bytes
    for command in (bad(unharmed), GOOD, bad(unharmed)):
        channel = Channel(raw, 7)
        raw.channels[7] = channel
        raw.send(OPEN, string("session") + u32(7) + u32(2**20) + u32(2**15))
        raw.until(lambda: channel.theirs is not None)  # noqa: B023
        channel.execute(command)
        channel.rest()
        assert channel.status == (0 if command == GOOD else 126)
    assert unharmed.heard(mark).count("exec") == 1


def test_a_channel_beside_one_that_was_refused_and_is_not_closed_from_here(unharmed: Siege, raw: Raw) -> None:
    """The bug: the target was told the refused channel's end and gave its number to the next channel, while
    the client had still to say CLOSE; "the target broke the protocol" ended all that ran on the connection.
    """
    first = raw.open()
    first.execute(bad(unharmed))
    raw.until(lambda: first.is_closed)
    second = raw.open()
    assert raw.ended is None
    first.put(b"input that was under way")
    second.execute("less " + unharmed.ground.text("@open@/a.txt"))
    first.send(CLOSE)
    second.send(EOF)
    assert second.rest().out == b"one 1\ntwo 2\nthree 3\n"


# Requests whose names no grant for commands has.

ODD: dict[str, tuple[str, bytes]] = {
    "agent forwarding": ("auth-agent-req@openssh.com", b""),
    "agent forwarding by its new name": ("agent-req", b""),
    "X11": ("x11-req", X11),
    "the exit status of what runs": ("exit-status", u32(0)),
    "the signal that ended it": ("exit-signal", string("TERM") + b"\0" + string("") + string("")),
    "flow control": ("xon-xoff", b"\1"),
    "a name that nobody knows": ("exec@hoopwire.example", string("touch @marker@")),
    "letters of another case": ("EXEC", string("touch @marker@")),
    "a blank behind the name": ("exec ", string("touch @marker@")),
    "a NUL behind the name": ("exec\0", string("touch @marker@")),
    "a shell by another name": ("shell@openssh.com", b""),
    "a very long name": ("x" * 10_000, b""),
    "no name": ("", b""),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_request_that_no_grant_of_commands_has(unharmed: Siege, raw: Raw, kind: str) -> None:
    name, payload = ODD[kind]
    mark = unharmed.log_bytes
    channel = raw.open()
    assert not channel.answer(name, payload)
    if raw.ended is None:
        channel.ask(name, payload, reply=False)
        channel.execute(GOOD)
        assert channel.rest().out == b"hello"
    assert not set(unharmed.heard(mark)) - {"session", "exec"}


# Opens.

LOCAL = string("127.0.0.1") + u32(22) + string("127.0.0.1") + u32(4711)
OPENS: dict[str, tuple[str, bytes]] = {
    "x11": ("x11", string("127.0.0.1") + u32(6010)),
    "the agent": ("auth-agent@openssh.com", b""),
    "the agent by its new name": ("agent-connect", b""),
    "a connection that came to nobody": ("forwarded-tcpip", LOCAL),
    "a connection that came to no socket": ("forwarded-streamlocal@openssh.com", string("/x") + string("")),
    "a tunnel, layer 3": ("tun@openssh.com", u32(1) + u32(0x7FFFFFFF)),
    "a tunnel, layer 2": ("tun@openssh.com", u32(2) + u32(0)),
    "a name that nobody knows": ("shell@hoopwire.example", b""),
    "letters of another case": ("SESSION", b""),
    "a NUL behind the name": ("session\0", b""),
    "no name": ("", b""),
    "a very long name": ("x" * 10_000, b""),
}


@pytest.mark.parametrize("kind", OPENS)
def test_an_open_of_another_kind(unharmed: Siege, raw: Raw, kind: str) -> None:
    name, payload = OPENS[kind]
    mark = unharmed.log_bytes
    channel = raw.open(name, payload)
    assert channel.theirs is None
    if raw.ended is None:
        assert channel.refused
        assert raw.run(GOOD).out == b"hello"
    assert not set(unharmed.heard(mark)) - {"session", "exec"}


@pytest.mark.parametrize("kind", OPENS)
def test_an_open_of_another_kind_under_a_grant_with_a_shell(unharmed: Siege, kind: str) -> None:
    name, payload = OPENS[kind]
    with unharmed.raw("shell") as raw:
        mark = unharmed.log_bytes
        assert raw.open(name, payload).theirs is None
        assert not unharmed.heard(mark)


GLOBALS: dict[str, bytes] = {
    "tcpip-forward": string("127.0.0.1") + u32(0),
    "cancel-tcpip-forward": string("127.0.0.1") + u32(22),
    "hostkeys-00@openssh.com": string("x"),
    "hostkeys-prove-00@openssh.com": string("x"),
    "tun@openssh.com": u32(1) + u32(0),
    "elevation": b"\1",
    "exec": string("touch @marker@"),
    "session": b"",
    "": b"",
}


@pytest.mark.parametrize("grant", ["runner", "shell"])
def test_a_request_for_the_connection(unharmed: Siege, grant: str) -> None:
    """None of them is for the target: its connection is the gateway's."""
    with unharmed.raw(grant) as raw:
        mark = unharmed.log_bytes
        listen = unharmed.ground.folder / "listen.sock"
        sockets = {f"{word}streamlocal-forward@openssh.com": string(str(listen)) for word in ("", "cancel-")}
        for name, payload in (GLOBALS | sockets).items():
            raw.ask(name, payload, reply=False)
            assert not raw.answer(name, payload), name
            assert raw.ended is None, name
        assert raw.run(GOOD).out == b"hello"
        assert not set(unharmed.heard(mark)) - {"session", "exec"}
        assert not listen.exists()


def test_a_session_after_no_more_sessions(unharmed: Siege) -> None:
    with unharmed.raw("runner") as raw:
        mark = unharmed.log_bytes
        raw.ask("no-more-sessions@openssh.com", reply=False)
        assert raw.open().refused
        assert unharmed.heard(mark).count("session") == 0
