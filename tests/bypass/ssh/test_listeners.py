"""Listeners at the target under a grant that has some: other places, others' ones, too many."""

import socket
from collections.abc import Callable

import pytest

from hoopwire.demo.postgres import free_port
from support.ssh import shown
from support.ssh_raw import CLOSE, CONFIRMATION, DATA, OPEN, OPEN_FAILURE, Raw, string, u32
from support.wait import wait_for

from .conftest import GOOD, Siege

LISTEN, UNLISTEN = "tcpip-forward", "cancel-tcpip-forward"
SOCKET, NO_SOCKET = "streamlocal-forward@openssh.com", "cancel-streamlocal-forward@openssh.com"
MOST = 16


def at(host: str | bytes, port: int) -> bytes:
    """An address as these requests have it."""
    return string(host) + u32(port)


def is_open(port: int) -> bool:
    """Somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def somebody_came(raw: Raw) -> tuple[int, bytes]:
    """The target's number of a channel that it opens, and what it says of it."""
    raw.until(lambda: any(kind == OPEN for kind, _ in raw.asked))
    payload = next(payload for kind, payload in raw.asked if kind == OPEN)
    raw.asked.clear()
    length = int.from_bytes(payload[:4])
    return int.from_bytes(payload[4 + length : 8 + length]), payload[16 + length :]


PLACES: dict[str, Callable[[Siege], tuple[str, bytes]]] = {
    "every address": lambda _: (LISTEN, at("", free_port())),
    "every address by a star": lambda _: (LISTEN, at("*", free_port())),
    "every address of IPv4": lambda _: (LISTEN, at("0.0.0.0", free_port())),
    "every address of IPv6": lambda _: (LISTEN, at("::", free_port())),
    "another address": lambda _: (LISTEN, at("127.0.0.2", free_port())),
    "loopback in another spelling": lambda _: (LISTEN, at("127.1", free_port())),
    "loopback as a number": lambda _: (LISTEN, at("2130706433", free_port())),
    "loopback with a NUL": lambda _: (LISTEN, at("localhost\0", free_port())),
    "a port beyond all": lambda _: (LISTEN, at("localhost", 65_536 + free_port())),
    "a name of 64 KiB": lambda _: (LISTEN, at("x" * 65_536, free_port())),
    "another socket": lambda siege: (SOCKET, string(siege.ground.text("@up@/in.sock2"))),
    "a socket by a way upwards": lambda siege: (SOCKET, string(siege.ground.text("@up@/../in.sock"))),
    "a socket over a file": lambda siege: (SOCKET, string(siege.ground.text("@up@/kept.txt"))),
    "a socket over a secret": lambda siege: (SOCKET, string(siege.ground.text("@secret@"))),
    "a socket with a NUL": lambda siege: (SOCKET, string(siege.ground.text("@up@/x\0") + "/in.sock")),
    "an abstract socket": lambda siege: (SOCKET, string("\0" + siege.ground.text("@up@/in.sock"))),
    "a relative socket": lambda _: (SOCKET, string("in.sock")),
    "a socket of 64 KiB": lambda _: (SOCKET, string("/" + "x" * 65_536)),
}


@pytest.mark.parametrize("kind", PLACES)
def test_a_place_that_is_not_granted(unharmed: Siege, kind: str) -> None:
    with unharmed.raw("listener") as raw:
        mark = unharmed.log_bytes
        name, payload = PLACES[kind](unharmed)
        raw.ask(name, payload, reply=False)
        assert not raw.answer(name, payload)
        assert raw.run(GOOD).out == b"hello"
        assert not set(unharmed.heard(mark)) - {"session", "exec"}


def test_another_s_listener_is_not_cancelled(unharmed: Siege) -> None:
    """Neither by a session of the same grant, nor of another."""
    port = free_port()
    with unharmed.raw("listener") as owner:
        assert owner.answer(LISTEN, at("localhost", port))
        for grant in ("listener", "other-listener", "shell"):
            with unharmed.raw(grant) as other:
                mark = unharmed.log_bytes
                for host in ("localhost", "127.0.0.1", ""):
                    other.ask(UNLISTEN, at(host, port), reply=False)
                    assert not other.answer(UNLISTEN, at(host, port))
                assert not unharmed.heard(mark)
        with socket.create_connection(("127.0.0.1", port)) as caller:
            number, where = somebody_came(owner)
            assert where.startswith(at("localhost", port))
            owner.send(CONFIRMATION, u32(number) + u32(3) + u32(1 << 20) + u32(1 << 15))
            owner.send(DATA, u32(number) + string("to the owner"))
            assert caller.recv(100) == b"to the owner"
            owner.send(CLOSE, u32(number))
    wait_for(lambda: not is_open(port), "the end of the listener")


def test_a_listener_under_another_name_is_not_cancelled(unharmed: Siege) -> None:
    port = free_port()
    with unharmed.raw("listener") as raw:
        assert raw.answer(LISTEN, at("localhost", port))
        mark = unharmed.log_bytes
        for host, other in [
            ("127.0.0.1", port),
            ("LOCALHOST", port),
            ("localhost", 0),
            ("localhost", port + 1),
        ]:
            assert not raw.answer(UNLISTEN, at(host, other))
        assert not raw.answer(NO_SOCKET, string(unharmed.ground.text("@up@/in.sock")))
        assert not unharmed.heard(mark)
        assert is_open(port)
        assert raw.answer(UNLISTEN, at("localhost", port))
        assert not raw.answer(UNLISTEN, at("localhost", port))


def test_more_listeners_than_there_may_be(unharmed: Siege) -> None:
    with unharmed.raw("listener") as raw:
        mark = unharmed.log_bytes
        answers = [raw.answer(LISTEN, at("localhost", 0)) for _ in range(MOST + 5)]
        assert answers == [True] * MOST + [False] * 5
        assert unharmed.heard(mark).count(LISTEN) == MOST


def test_many_at_once_before_the_first_answer(unharmed: Siege) -> None:
    """They are counted when they are asked for."""
    with unharmed.raw("listener") as raw:
        mark = unharmed.log_bytes
        for _ in range(100):
            raw.ask(LISTEN, at("localhost", 0))
        raw.until(lambda: len(raw.globals) == 100)
        assert raw.globals.count(True) == MOST
        assert unharmed.heard(mark).count(LISTEN) == MOST


def test_a_port_without_a_number_that_anybody_hears(unharmed: Siege) -> None:
    with unharmed.raw("listener") as raw:
        mark = unharmed.log_bytes
        raw.ask(LISTEN, at("localhost", 0), reply=False)
        raw.fence()
        assert not unharmed.heard(mark)


def test_the_same_place_twice(unharmed: Siege) -> None:
    port = free_port()
    with unharmed.raw("listener") as raw:
        mark = unharmed.log_bytes
        assert raw.answer(LISTEN, at("localhost", port))
        assert not raw.answer(LISTEN, at("localhost", port))
        assert unharmed.heard(mark).count(LISTEN) == 1


def test_the_direction_that_is_not_granted(unharmed: Siege) -> None:
    """The target's certificate permits both: the gateway does not."""
    with unharmed.raw("listener") as raw:
        assert raw.answer(LISTEN, at("localhost", 0))
        for host, port in (("127.0.0.1", unharmed.tcp.port), ("localhost", 1), ("127.0.0.1", 3)):
            refused = raw.connect(host, port).refused
            assert refused is not None
            assert "code: forward_not_granted" in refused


def test_channels_that_only_a_target_opens(unharmed: Siege) -> None:
    """Also where it listens."""
    port = free_port()
    with unharmed.raw("listener") as raw:
        assert raw.answer(LISTEN, at("localhost", port))
        mark = unharmed.log_bytes
        origin = at("127.0.0.1", 4711)
        for name, payload in {
            "forwarded-tcpip": at("localhost", port) + origin,
            "forwarded-streamlocal@openssh.com": string(unharmed.ground.text("@up@/in.sock")) + string(""),
            "auth-agent@openssh.com": b"",
            "x11": origin,
        }.items():
            assert raw.open(name, payload).theirs is None, name
        assert not unharmed.heard(mark)


@pytest.mark.parametrize("kind", [CONFIRMATION, OPEN_FAILURE])
def test_an_answer_to_an_open_of_nobody(unharmed: Siege, kind: int) -> None:
    with unharmed.raw("listener") as raw:
        assert raw.answer(LISTEN, at("localhost", 0))
        fields = (
            u32(5) + u32(6) + u32(1) + u32(1) if kind == CONFIRMATION else u32(5) + u32(1) + string("") * 2
        )
        raw.send(kind, fields)
        raw.until(lambda: raw.ended is not None)
        assert "nobody asked" in (raw.ended or "")


def test_a_listener_does_not_outlive_its_session(unharmed: Siege) -> None:
    port = free_port()
    with unharmed.raw("listener") as raw:
        assert raw.answer(LISTEN, at("localhost", port))
        assert is_open(port)
    wait_for(lambda: not is_open(port), "the end of the listener")


def test_a_listener_ends_with_the_grant(unharmed: Siege) -> None:
    port = free_port()
    agent = unharmed.house.admitted("revoked-listener", "listener")
    options = ("-f", "-N", "-M", "-S", "ctl", "-o", "ExitOnForwardFailure=yes", "-R", f"{port}:127.0.0.1:9")
    done = agent.run(*agent.command(*options, "web1"))
    assert done.returncode == 0, done.stderr
    assert is_open(port)
    grant = shown(agent.certificate.read_text(), agent.folder)["Key ID"][0].strip('"')
    revoked = unharmed.house.gateway.hoopwire("grants", "revoke", grant, "--reason", "over")
    assert revoked.ok, revoked.err
    wait_for(lambda: not is_open(port), "the end of the listener")
