"""A service manager was told nothing: it took a start for done, and a loop that stood still for a life."""

import os
import socket

import pytest
import trio

from hoopwire.control.notify import Notifier


@pytest.fixture
def heard(tmp_path):
    """A datagram socket as systemd has it, and what came to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = str(tmp_path / "notify")
        manager.bind(path)
        manager.setblocking(False)

        def read() -> list[str]:
            found = []
            while True:
                try:
                    found.append(manager.recv(4096).decode())
                except BlockingIOError:
                    return found

        read.path = path
        yield read


async def test_a_gateway_says_that_it_is_ready_and_that_it_stops(make_house, start, heard, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", heard.path)
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    told: list[str] = []
    async with start(make_house()) as house:
        assert "NOTIFY_SOCKET" not in os.environ, "a program that gives a secret must not speak for us"
        await house.settle(lambda: told.extend(heard()) or told.count("WATCHDOG=1") >= 3)
        [ready] = [text for text in told if text.startswith("READY=1\n")]
        assert "STATUS=answers on 127.0.0.1:" in ready
        assert f"MAINPID={os.getpid()}" in ready
        assert not [text for text in told if "STOPPING" in text]
        house.running.stop()
        await house.settle(lambda: told.extend(heard()) or any("STOPPING=1" in text for text in told))


async def test_the_watchdog_hears_nothing_of_a_loop_that_stands_still(heard, autojump_clock):
    """Twice in each interval, by the loop itself: it is the loop that is watched."""
    manager = Notifier({"NOTIFY_SOCKET": heard.path, "WATCHDOG_USEC": "30000000"})
    with trio.move_on_after(100):
        await manager.keep_watched()
    assert heard() == ["WATCHDOG=1"] * 7
    manager.close()
    manager.status("after the end")
    assert heard() == []


@pytest.mark.parametrize(
    "environment",
    [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}, {"WATCHDOG_USEC": "1"}],
)
async def test_without_a_manager_nothing_is_told(environment, autojump_clock):
    manager = Notifier(environment)
    manager.ready("x")
    manager.stopping()
    with trio.move_on_after(1) as slept:
        await manager.keep_watched()
    assert slept.cancelled_caught


async def test_another_processs_watchdog_is_not_ours(heard, autojump_clock):
    manager = Notifier(
        {"NOTIFY_SOCKET": heard.path, "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid() + 1)}
    )
    with trio.move_on_after(10):
        await manager.keep_watched()
    assert heard() == []


async def test_a_manager_that_does_not_read_or_is_gone_holds_nothing_up(heard, tmp_path, caplog):
    manager = Notifier({"NOTIFY_SOCKET": heard.path})
    for number in range(10_000):
        manager.status(f"line {number}\nand\tmore")
    assert heard()[0] == "STATUS=line 0 and more"
    gone = Notifier({"NOTIFY_SOCKET": str(tmp_path / "none")})
    gone.ready("x")
    gone.status("y")
    assert len([record for record in caplog.records if "NOTIFY_SOCKET" in record.message]) == 1


async def test_an_abstract_socket_is_found(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        name = f"hoopwire-test-{os.getpid()}"
        listening.bind("\0" + name)
        listening.settimeout(60)
        Notifier({"NOTIFY_SOCKET": "@" + name}).status("here")
        assert listening.recv(100) == b"STATUS=here"
