"""R18: with a target that hangs a stop took `drain` and ten seconds more, and the orchestrator killed it."""

import pytest
import trio
import trio.testing

from hoopwire.control.leaving import Leave


@pytest.mark.parametrize("drain_s", [0.5, 1.0, 2.0, 10.0, 18.0, 30.0, 300.0, 3600.0])
async def test_all_is_over_within_the_drain(autojump_clock, drain_s):
    began = trio.current_time()
    leave = Leave.begin(drain_s)
    assert 0 < leave.sessions_s < drain_s
    assert drain_s - leave.sessions_s <= 6.0
    assert began + leave.sessions_s < leave.cut_by < leave.until == began + drain_s
    # whoever comes last still has a moment, and the one before him cannot take it
    await trio.sleep(leave.cut_by - began)
    assert leave.left_s(3.0) == pytest.approx(min(3.0, max(leave.until - trio.current_time(), 0.5)))
    await trio.sleep(drain_s)
    assert leave.left_s(3.0) == 0.5


async def test_a_stop_with_a_session_and_a_role_that_hang(house):
    """Nothing is waited for beyond its part: what each is told is looked at, and no time is taken."""
    await house.connect(house.token("T1"), "s_1")
    drain_s = house.settings.gateway.drain
    house.desk.gate = trio.Event()
    house.engine.drain = lambda limit_s: setattr(house.engine, "draining_s", limit_s)
    began = trio.current_time()
    house.running.stop()
    await house.settle(lambda: house.audited("gateway.stopped") and house.engine.stopped)
    assert house.engine.draining_s == pytest.approx(drain_s * 2 / 3)
    assert began < house.desk.ends_by
