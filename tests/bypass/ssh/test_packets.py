"""Packets that break the protocol: the connection is over, and the target has heard nothing of them."""

from collections.abc import Callable

import pytest

from support.ssh_raw import (
    ADJUST,
    CLOSE,
    CONFIRMATION,
    DATA,
    EOF,
    EXTENDED,
    FAILURE,
    OPEN,
    REQUEST,
    SUCCESS,
    SUCCESS_OF_GLOBAL,
    Raw,
    string,
    u32,
)

from .conftest import GOOD, Siege, bad


def data_before_exec(siege: Siege, raw: Raw) -> None:
    channel = raw.open()
    channel.put(bad(siege) + b"\n")
    channel.execute("cat " + siege.ground.text("@open@/a.txt"))


def data_behind_a_refused_subsystem(siege: Siege, raw: Raw) -> None:
    channel = raw.open()
    channel.ask("subsystem", string("sftp"))
    channel.put(u32(5) + b"\1" + u32(3))


def data_after_eof_and_close(siege: Siege, raw: Raw) -> None:
    channel = raw.open()
    channel.execute("less " + siege.ground.text("@open@/a.txt"))
    channel.send(EOF)
    channel.send(CLOSE)
    channel.put(b"!" + bad(siege) + b"\n")


def errors_from_a_client(siege: Siege, raw: Raw) -> None:
    channel = raw.open()
    channel.execute("bash " + siege.ground.text("@open@/hello.sh"))
    channel.send(EXTENDED, u32(1) + string(bad(siege)))


def a_channel_that_is_not_open(siege: Siege, raw: Raw) -> None:
    raw.send(REQUEST, u32(99) + string("exec") + b"\1" + string(bad(siege)))


def data_for_a_channel_that_is_not_open(siege: Siege, raw: Raw) -> None:
    raw.send(DATA, u32(4_000_000_000) + string(bad(siege)))


def a_confirmation_that_nobody_waits_for(_siege: Siege, raw: Raw) -> None:
    raw.send(CONFIRMATION, u32(0) + u32(0) + u32(2**20) + u32(2**15))


def an_answer_that_nobody_waits_for(_siege: Siege, raw: Raw) -> None:
    raw.send(SUCCESS_OF_GLOBAL)


def an_answer_on_a_channel(_siege: Siege, raw: Raw) -> None:
    raw.open().send(SUCCESS)


def a_refusal_on_a_channel(_siege: Siege, raw: Raw) -> None:
    raw.open().send(FAILURE)


def a_number_in_use(siege: Siege, raw: Raw) -> None:
    raw.open()
    raw.send(OPEN, string("session") + u32(0) + u32(2**20) + u32(2**15))


def a_window_past_its_end(_siege: Siege, raw: Raw) -> None:
    channel = raw.open()
    channel.send(ADJUST, u32(2**32 - 1))
    channel.send(ADJUST, u32(2**32 - 1))


def a_command_cut_off(siege: Siege, raw: Raw) -> None:
    raw.open().send(REQUEST, string("exec") + b"\1" + u32(1000) + bad(siege))


def a_command_with_a_tail(siege: Siege, raw: Raw) -> None:
    raw.open().send(REQUEST, string("exec") + b"\1" + string(GOOD) + string(bad(siege)))


def success_of_a_login_by_the_client(_siege: Siege, raw: Raw) -> None:
    raw.send(52)


BROKEN = (
    data_before_exec,
    data_behind_a_refused_subsystem,
    data_after_eof_and_close,
    errors_from_a_client,
    a_channel_that_is_not_open,
    data_for_a_channel_that_is_not_open,
    a_confirmation_that_nobody_waits_for,
    an_answer_that_nobody_waits_for,
    an_answer_on_a_channel,
    a_refusal_on_a_channel,
    a_number_in_use,
    a_window_past_its_end,
    a_command_cut_off,
    a_command_with_a_tail,
    success_of_a_login_by_the_client,
)


@pytest.mark.parametrize("attempt", BROKEN, ids=lambda each: each.__name__)
def test_a_packet_that_breaks_the_protocol(unharmed: Siege, attempt: Callable[[Siege, Raw], None]) -> None:
    with unharmed.raw("runner") as raw:
        mark = unharmed.log_bytes
        attempt(unharmed, raw)
        raw.until(lambda: False)
        assert raw.ended is not None
        assert "protocol error" in raw.ended
        assert not set(unharmed.heard(mark)) - {"session", "exec"}


IGNORED: dict[str, tuple[int, bytes]] = {
    "a login again (RFC 4252, 5.1: ignored)": (
        50,
        string("web2") + string("ssh-connection") + string("none"),
    ),
    "a kind of packet that is not there (RFC 4253, 11.4: UNIMPLEMENTED)": (120, string("exec")),
    "a PING that was not offered": (192, string("exec")),
}


@pytest.mark.parametrize("kind", IGNORED)
def test_a_packet_that_changes_nothing(unharmed: Siege, kind: str) -> None:
    with unharmed.raw("runner") as raw:
        mark = unharmed.log_bytes
        raw.send(*IGNORED[kind])
        assert raw.run(GOOD).out == b"hello"
        assert not set(unharmed.heard(mark)) - {"session", "exec"}
