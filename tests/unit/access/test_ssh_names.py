"""What a client's user name says, and what certificates may say of a grant's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoopwire.access import allowed_by, own_places, parse_ssh_user, without_task
from hoopwire.model.ssh.login import Allowed
from hoopwire.model.ssh.rights import CompiledSsh


@pytest.mark.parametrize(
    ("user", "target", "login", "task"),
    [
        ("web1", "web1", None, ""),
        ("deploy@web1", "web1", "deploy", ""),
        ("web1+t-1", "web1", None, "t-1"),
        ("deploy@web1+t-1+x@y", "web1", "deploy", "t-1+x@y"),
        ("a@b@web1", "web1", "a@b", ""),
        ("@web1", "web1", "", ""),
        ("", "", None, ""),
        ("+", "", None, ""),
    ],
)
def test_a_user_name(user, target, login, task):
    assert parse_ssh_user(user) == (target, login, task)


NAMES = st.text(st.characters(exclude_characters="@+", codec="utf-8"), min_size=1)


@given(target=NAMES, login=st.none() | NAMES, task=st.text())
def test_what_was_put_together_comes_apart(target, login, task):
    name = target if login is None else f"{login}@{target}"
    user = f"{name}+{task}" if task else name
    assert parse_ssh_user(user) == (target, login, task)
    assert without_task(user) == name


def allowed(*words):
    return allowed_by(CompiledSsh(actions=words))


def test_each_word_and_nothing_besides():
    assert allowed("shell") == Allowed()
    assert allowed("shell", "pty") == Allowed(pty=True)
    assert allowed("shell", "forward 10.0.0.1:80") == Allowed(port_forwarding=True)
    assert allowed("shell", "remote-forward localhost:8080") == Allowed(port_forwarding=True)
    assert allowed("shell", "remote-forward /run/app.sock") == Allowed(port_forwarding=True)
    assert allowed("agent-forwarding", "x11") == Allowed(agent_forwarding=True, x11_forwarding=True)


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("exec uptime -p",), "uptime -p"),
        (("exec uptime -p", "pty", "env LANG"), "uptime -p"),
        (("exec uptime", "exec date"), None),
        (("exec uptime", "shell"), None),
        (("exec uptime", "sftp read /var/log"), None),
        (("exec uptime", "forward 10.0.0.1:80", "remote-forward localhost:0"), "uptime"),
        (("exec uptime", "agent-forwarding", "x11"), "uptime"),
        (("forward 10.0.0.1:80",), None),
        (("exec uptime", "subsystem netconf"), None),
        (("exec journalctl -u <name>",), None),
        (("exec cat /var/log/*",), None),
        (("exec ls * ...",), None),
        # Quoted, it is no hole; that several might be meant is enough to force none.
        (("exec echo '*'",), None),
        (("shell",), None),
        ((), None),
    ],
)
def test_only_one_literal_command_is_forced(words, command):
    """A command that is forced runs whatever is asked for: it must be the only program that is granted."""
    assert allowed(*words).command == command


NAME = "gw1"


@pytest.mark.parametrize(
    ("addresses", "target", "places"),
    [
        (("127.0.0.1:2222", "[::1]:2222"), "127.0.0.1", ("localhost:2222", "localhost:2222")),
        (("127.0.0.1:2222",), "web1.internal", ()),
        (("0.0.0.0:2222",), "web1.internal", (f"{NAME}:2222",)),
        (("[::]:2222",), "localhost", ("localhost:2222", f"{NAME}:2222")),
        (("10.0.0.5:2222", "[fd00::5]:6432"), "web1.internal", ("10.0.0.5:2222", "[fd00::5]:6432")),
        (("10.0.0.5:2222", "127.0.0.1:8443"), "10.0.0.5", ("10.0.0.5:2222", "localhost:8443")),
        (("0.0.0.0:2222",), NAME, ("localhost:2222", f"{NAME}:2222")),
    ],
)
def test_where_a_target_would_find_the_gateway(addresses, target, places):
    """A grant of loopback on the gateway's own machine led to its ports."""
    assert own_places(addresses, target, NAME) == places


def test_the_names_that_clients_are_told():
    """A grant of `*.internal` led to the gateway by the name that its own settings have."""
    names = ("gw.internal",)
    assert own_places(("10.0.0.5:2222",), "web1.internal", NAME, names) == (
        "10.0.0.5:2222",
        "gw.internal:2222",
    )
    assert "gw.internal:2222" in own_places(("0.0.0.0:2222",), "web1.internal", NAME, names)
    assert own_places(("127.0.0.1:8443",), "gw.internal", NAME, names) == ("localhost:8443",)
    others = ("GW.Internal", "2001:db8::5", "gw_1.7")
    assert own_places(("10.0.0.5:2222",), "web1.internal", NAME, others) == (
        "10.0.0.5:2222",
        "gw.internal:2222",
        "[2001:db8::5]:2222",
    )
