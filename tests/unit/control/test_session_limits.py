"""Sessions of one principal at one target, whatever grants they are under: `limits.sessions` of a policy."""

from typing import Any

import msgspec
import pytest

from hoopwire.model.settings import PolicyLimitSettings

replace = msgspec.structs.replace


@pytest.fixture
def settings(settings: Any) -> Any:
    """Two sessions of a reader at a target; `all` as they were."""
    policies = tuple(
        replace(policy, limits=PolicyLimitSettings(sessions=2)) if policy.name == "readers" else policy
        for policy in settings.policies
    )
    return replace(settings, policies=policies)


async def test_a_second_token_bought_as_many_sessions_again(house):
    """`max_sessions` is of one grant, and each token buys another one."""
    for number in (1, 2):
        await house.connect(house.token(f"T{number}"), f"s_{number}")
        assert f"s_{number}" in house.engine.admitted
    assert len({grant.id for grant, _ in house.engine.admitted.values()}) == 2
    await house.connect(house.token("T3"), "s_3", database="orders/analytics")
    refusal = house.engine.refused["s_3"]
    assert (refusal.fault, refusal.reason) == ("too_many", "principal_sessions_exceeded")
    assert refusal.message == "you may have 2 sessions at a time at target orders"
    assert refusal.detail == "2 are live: s_1, s_2 (policy readers, limits.sessions)."
    assert "pool" in refusal.hint
    [denied] = house.audited("session.denied")
    assert (denied["code"], denied["reason"]) == (
        "principal_sessions_exceeded",
        "2 of 2 sessions of cid:0oaAgent at orders",
    )


async def test_another_principal_has_its_own(house):
    for number in (1, 2):
        await house.connect(house.token(f"T{number}"), f"s_{number}")
    await house.connect(house.token("T3", cid="0oaOther"), "s_3")
    assert "s_3" in house.engine.admitted


async def test_a_place_is_free_again_when_its_session_is_over(house):
    """Also that of one that never came about, and not before the session is gone."""
    for number in (1, 2):
        await house.connect(house.token(f"T{number}"), f"s_{number}")
    house.engine.hang_up("s_1")
    await house.settle(lambda: house.parts.table.seat("s_1") is None)
    house.lease_error = RuntimeError("no lease")
    await house.connect(house.token("T3"), "s_3")
    assert "s_3" in house.engine.refused
    house.lease_error = None
    await house.connect(house.token("T4"), "s_4")
    assert "s_4" in house.engine.admitted
    await house.connect(house.token("T5"), "s_5")
    assert house.engine.refused["s_5"].reason == "principal_sessions_exceeded"


async def test_a_reload_counts_those_that_live_and_ends_none(house):
    for number in (1, 2):
        await house.connect(house.token(f"T{number}"), f"s_{number}")
    policies = tuple(
        replace(policy, limits=PolicyLimitSettings(sessions=1)) if policy.name == "readers" else policy
        for policy in house.settings.policies
    )
    house.settings = replace(house.settings, policies=policies)
    await house.running.reload()
    assert [seat.phase for seat in house.parts.table.seats()] == ["live", "live"]
    house.engine.hang_up("s_1")
    await house.settle(lambda: house.parts.table.seat("s_1") is None)
    await house.connect(house.token("T3"), "s_3")
    assert house.engine.refused["s_3"].detail.startswith("1 is live: s_2 ")
