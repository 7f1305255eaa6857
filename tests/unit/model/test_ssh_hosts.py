"""Blocks for many hosts: which names there are, and that no name leads anywhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoopwire.model.ssh.hosts import HostTarget, fills, found, may_meet
from hoopwire.model.ssh.settings import SshTarget

OTHER = SshTarget(protocol="ssh", host="10.0.0.1", logins=("root",), host_keys=("ssh-ed25519 AAAA",))


def block(host: str = "web*.internal", names: tuple[str, ...] = (), **fields: str) -> SshTarget:
    return SshTarget(protocol="ssh", host=host, logins=("deploy",), host_ca="/ca", names=names, **fields)


TARGETS = {"web*": block(), "web-old": OTHER, "*-db": block("*.db.internal", ("a-db", "b-db"))}


def test_a_host_is_its_block_with_the_name_filled_in() -> None:
    host = found(TARGETS, "web7")
    assert isinstance(host, HostTarget)
    assert (host.host, host.host_name, host.block, host.names) == ("web7.internal", None, "web*", ())
    assert (host.logins, host.host_ca) == (("deploy",), "/ca")
    named = found({"web*": block(host_name="web*.corp.example")}, "web-7a")
    assert isinstance(named, HostTarget)
    assert (named.host, named.host_name) == ("web-7a.internal", "web-7a.corp.example")


def test_a_closed_list_is_closed() -> None:
    host = found(TARGETS, "a-db")
    assert isinstance(host, HostTarget)
    assert host.host == "a.db.internal"
    assert found(TARGETS, "c-db") is None


def test_a_target_of_that_name_comes_before_the_block() -> None:
    assert found(TARGETS, "web-old") is OTHER


@pytest.mark.parametrize(
    "name",
    [
        "web*",
        "web",
        "web.internal",
        "web1.evil.example",
        "web1.internal",
        "web1.",
        ".web1",
        "web..",
        "web/../x",
        "web1/deploy",
        "web1\\x",
        "web1:2222",
        "web1@evil",
        "web1%eth0",
        "web1#",
        "web1?",
        "WEB1",
        "Web1",
        "web1 ",
        " web1",
        "web1\n",
        "web1\0",
        "web1\t",
        "web_1",
        "web1-",
        "-web1",
        "webé",
        "web\u0131",
        "web\uff11",
        "web\u3002evil",
        "web\u2024evil",
        "web\u200b1",
        "web\u0661",
        "xn--web-1",
        "localhost",
        "127.0.0.1",
        "0",
        "::1",
        "[::1]",
        "..",
        "",
        "web" + "1" * 61,
    ],
)
def test_nobody_reaches_elsewhere(name: str) -> None:
    """Dots, slashes, upper case, a trailing dot, IDN, digits of other scripts, loopback, `..`."""
    assert found(TARGETS, name) is None


@given(st.text(max_size=70) | st.from_regex(r"web[ -~]{0,20}", fullmatch=True))
def test_whatever_is_typed_the_host_is_one_label_below_the_domain(name: str) -> None:
    host = found({"web*": block()}, name)
    if host is not None:
        assert isinstance(host, HostTarget)
        assert host.host == f"{name}.internal"
        assert host.host.count(".") == 1
        assert host.host.isascii()
        assert host.host == host.host.lower()
        assert set(host.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


LABELS = st.from_regex(r"[a-c0-1-]{1,4}", fullmatch=True)
PATTERNS = st.tuples(st.text("ab-", max_size=2), st.text("ab-", max_size=2)).map("*".join)


@given(PATTERNS, PATTERNS, LABELS)
def test_blocks_that_share_a_name_are_said_to_meet(one: str, other: str, name: str) -> None:
    if fills(one, name) is not None and fills(other, name) is not None:
        assert may_meet(one, other)
