"""SIGHUP and SIGTERM, as an init system sends them."""

import os
import signal
import subprocess
import sys
import threading

import pytest
import trio

from hoopwire.audit import FileSink, StreamSink
from hoopwire.control.service import serve
from hoopwire.model.events import RecordingResumed


@pytest.fixture
async def signalled(make_house, nursery):
    """A gateway that listens to signals."""
    house = make_house()
    house.ended = trio.Event()

    async def run(task_status):
        await serve(
            house.path,
            house.rooms(),
            sink=StreamSink(house.audit),
            clock=house.clock,
            task_status=task_status,
        )
        house.ended.set()

    house.running = await nursery.start(run)
    return house


async def test_sighup_reloads_and_a_bad_file_changes_nothing(signalled):
    good = signalled.settings
    signalled.settings = ValueError("bad file")
    os.kill(os.getpid(), signal.SIGHUP)
    await signalled.settle(lambda: signalled.audited("gateway.reload_failed"))
    signalled.settings = good
    os.kill(os.getpid(), signal.SIGHUP)
    await signalled.settle(lambda: signalled.audited("gateway.reloaded"))
    os.kill(os.getpid(), signal.SIGTERM)
    with trio.fail_after(60):
        await signalled.ended.wait()


async def test_a_sighup_while_it_starts_is_taken_when_it_has_started(make_house, nursery, monkeypatch):
    """The gateway died of a SIGHUP that came too early (R17)."""
    house, reading, release = make_house(), trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()
    load = house.load

    def slow(path):
        token.run_sync_soon(reading.set)
        assert release.wait(60)
        return load(path)

    monkeypatch.setattr(house, "load", slow)

    async def run(task_status):
        await serve(
            house.path,
            house.rooms(),
            sink=StreamSink(house.audit),
            clock=house.clock,
            task_status=task_status,
        )

    async def start():
        house.running = await nursery.start(run)

    nursery.start_soon(start)
    with trio.fail_after(60):
        await reading.wait()
    os.kill(os.getpid(), signal.SIGHUP)
    release.set()
    await house.settle(lambda: house.audited("gateway.reloaded"))
    os.kill(os.getpid(), signal.SIGTERM)
    await house.settle(lambda: house.audited("gateway.stopped"))


def test_a_sighup_before_anything_was_read_is_ignored():
    """The gateway died of a SIGHUP (R17) that came while Python still imported."""
    program = (
        "import os, signal, hoopwire.cli as cli\n"
        "def build(words):\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    raise SystemExit(7)\n"
        "cli.build_parser = build\n"
        "cli.main(['serve'])\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=120).returncode == 7


async def test_sighup_opens_the_audit_file_again(signalled, tmp_path):
    """After logrotate had renamed it, the audit went on in the old file (R14)."""
    path = tmp_path / "audit"
    sink = FileSink(str(path), now=lambda: 0.0)
    signalled.parts.trail._sink = sink
    signalled.engine.push(RecordingResumed(stream=1))
    await signalled.settle(path.read_text)
    path.rename(tmp_path / "audit.1")
    os.kill(os.getpid(), signal.SIGHUP)
    await signalled.settle(lambda: path.exists() and "gateway.reloaded" in path.read_text())
    assert "gateway.reloaded" not in (tmp_path / "audit.1").read_text()
    os.kill(os.getpid(), signal.SIGTERM)
    with trio.fail_after(60):
        await signalled.ended.wait()


async def test_sigterm_drains(signalled):
    await signalled.connect(signalled.token("T1"), "s_1")
    os.kill(os.getpid(), signal.SIGTERM)
    with trio.fail_after(60):
        await signalled.ended.wait()
    assert signalled.engine.draining_s == pytest.approx(2.0 * 2 / 3)
    assert signalled.engine.stopped
    [ended] = signalled.audited("session.ended")
    assert ended["session"] == "s_1"


async def test_a_reload_that_hangs_keeps_nobody_from_stopping(signalled):
    """H19: the file lies on a volume that is silent; SIGTERM waited behind the SIGHUP for ever."""
    reading, release = trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()
    settings = signalled.settings

    class Hanging(type(signalled)):
        @property
        def settings(self):
            token.run_sync_soon(reading.set)
            release.wait(60)
            return settings

    signalled.__class__ = Hanging
    os.kill(os.getpid(), signal.SIGHUP)
    try:
        with trio.fail_after(60):
            await reading.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await signalled.ended.wait()
        assert not release.is_set()
    finally:
        release.set()
