"""SIGHUP and SIGTERM, as an init system sends them."""

import os
import signal
import threading

import pytest
import trio

from hoopwire.audit import StreamSink
from hoopwire.control.service import serve


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


async def test_sigterm_drains(signalled):
    await signalled.connect(signalled.token("T1"), "s_1")
    os.kill(os.getpid(), signal.SIGTERM)
    with trio.fail_after(60):
        await signalled.ended.wait()
    assert signalled.engine.draining_s == 2.0
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
