"""The life of a grant's role: one that outlives its grant, stays wide, or is replaced by the fixed user."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import trio

from hoopwire.control.revocation import revoke_grant
from hoopwire.custody import RoleFailed
from hoopwire.model.settings import BudgetSettings, Settings
from hoopwire.model.units import Seconds

ACTIONS = ("select on public.*", "insert on public.notes")


def with_policy(settings: Settings, **changes: Any) -> Settings:
    """The settings with another first policy."""
    first = msgspec.structs.replace(settings.policies[0], **changes)
    return msgspec.structs.replace(settings, policies=(first, *settings.policies[1:]))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The target `orders` runs sessions under roles of their own."""
    targets = settings.targets | {
        "orders": msgspec.structs.replace(settings.targets["orders"], role="ephemeral")
    }
    settings = msgspec.structs.replace(settings, targets=targets)
    return with_policy(settings, actions=ACTIONS)


async def admitted(house: Any, session: str = "s_1", word: str = "T1") -> str:
    """Connect; the id of the grant."""
    await house.connect(house.token(word), session)
    return house.engine.admitted[session][0].id  # type: ignore[no-any-return]


async def test_a_session_runs_as_the_role(house):
    """Not as the target's user, whose privileges are everybody's together."""
    grant = await admitted(house)
    _, lease = house.engine.admitted["s_1"]
    assert (lease.user, lease.password) == ("hw_" + grant[2:].lower(), "role-secret")
    role = house.desk.made[grant]
    assert role.node == house.settings.gateway.node
    assert role.databases == ("orders", "analytics")
    assert role.valid_until == house.engine.admitted["s_1"][0].expires_at
    assert role.max_sessions == 3
    assert role.rights == house.engine.admitted["s_1"][0].rights.rules
    [event] = house.audited("role.made")
    assert (event["role"], event["grant"], event["database"]) == (role.name, grant, "orders")
    assert "secret" not in house.audit.getvalue().decode()


async def test_no_role_no_session(house):
    """A fallback to the fixed user would give all of its privileges exactly when something is wrong."""
    house.desk.error = RoleFailed("42501: permission denied to create role")
    await house.connect(house.token("T1"), "s_1")
    refused = house.engine.refused["s_1"]
    assert (refused.fault, refused.reason) == ("target_unreachable", "role_not_made")
    assert "CREATEROLE" not in refused.message + refused.detail + refused.hint
    assert "42501" not in refused.message + refused.detail + refused.hint
    [event] = house.audited("session.denied")
    assert (event["code"], "42501" in event["reason"]) == ("role_not_made", True)
    assert house.leases == 0


async def test_query_says_nothing_to_make_a_role_from(house):
    """`query` on such a target would have to be a role with every privilege."""
    house.settings = with_policy(house.settings, actions=("query",))
    await house.running.reload()
    await house.connect(house.token("T1"), "s_1")
    assert house.engine.refused["s_1"].reason == "role_needs_exact_grants"
    assert house.desk.made == {}


async def test_revoked_then_dropped_after_its_sessions(house):
    """A role that is dropped first leaves sessions to fail with the target's words instead of ours."""
    grant = await admitted(house)
    await revoke_grant(house.parts, grant, by="operator", reason="")
    assert ("drop", grant) not in house.desk.calls
    await house.settle(lambda: house.audited("role.dropped"))
    assert house.desk.made == {}
    assert house.engine.live == frozenset()
    [event] = house.audited("role.dropped")
    assert (event["role"], event["grant"]) == ("hw_" + grant[2:].lower(), grant)


async def test_expired_then_dropped(house):
    """By the monotonic clock, too: setting the wall clock back keeps no role."""
    grant = await admitted(house)
    house.engine.hang_up("s_1")
    house.wall.monotonic += int(61e9)
    await house.settle(lambda: house.desk.made == {})
    assert ("drop", grant) in house.desk.calls


async def test_a_role_of_a_used_up_grant_stays_for_its_live_sessions(house):
    """Dropped at once, it cut what the last statements of the budget still had to deliver."""
    house.settings = with_policy(house.settings, budgets=BudgetSettings(rows=10))
    await house.running.reload()
    grant = await admitted(house)
    house.engine.spend("s_1", rows=(10, 10))
    await house.settle(lambda: house.audited("grant.exhausted"))
    await trio.sleep(1.3)
    assert grant in house.desk.made
    assert "s_1" in house.engine.live
    house.engine.hang_up("s_1")
    await house.settle(lambda: house.audited("role.dropped"))


async def test_a_role_without_sessions_stays_while_its_grant_lives(house):
    """A pool that closes and opens connections would make and drop a role each time."""
    grant = await admitted(house)
    house.engine.hang_up("s_1")
    await trio.sleep(1.3)
    assert grant in house.desk.made
    await admitted(house, "s_2")
    assert len(house.audited("role.made")) == 1


async def test_a_drop_that_fails_is_tried_again(house):
    """The target was away for a moment, and the role stayed for ever."""
    grant = await admitted(house)
    house.desk.error = RoleFailed("could not connect")
    await revoke_grant(house.parts, grant, by="operator", reason="")
    await house.settle(lambda: len(house.audited("role.drop_failed")) >= 2)
    house.desk.error = None
    await house.settle(lambda: house.desk.made == {}, seconds=10)
    assert house.audited("role.drop_failed")[0]["reason"] == "could not connect"


async def test_what_only_somebody_can_mend_is_said_once(house):
    """R24: a view of another owner depended on what the role owned, and the log said so for ever."""
    grant = await admitted(house)
    house.desk.error = RoleFailed("2BP01: view public.v depends on table app.t", is_lasting=True)
    await revoke_grant(house.parts, grant, by="operator", reason="")
    drops = ("drop", grant)
    await house.settle(lambda: house.desk.calls.count(drops) >= 3)
    assert [event["reason"] for event in house.audited("role.drop_failed")] == [str(house.desk.error)]
    # another reason is another thing to mend
    house.desk.error = RoleFailed("2BP01: view public.w depends on table app.t", is_lasting=True)
    await house.settle(lambda: len(house.audited("role.drop_failed")) == 2)
    house.desk.error = None
    await house.settle(lambda: house.desk.made == {})
    assert len(house.audited("role.dropped")) == 1


async def test_a_narrower_policy_narrows_the_role(house):
    """The engine holds less than before, and the belt still has all."""
    grant = await admitted(house)
    house.settings = with_policy(house.settings, actions=ACTIONS[:1])
    await house.running.reload()
    wide = house.desk.made[grant]
    await house.settle(lambda: house.desk.made[grant] != wide)
    verbs = {verb for rule in house.desk.made[grant].rights.allow for verb in rule.verbs}
    assert verbs == {"select"}
    assert house.engine.live == {"s_1"}


async def test_a_policy_that_is_gone_drops_the_role(house):
    """Also when no session was there at the reload, so that nothing had to be cut."""
    await admitted(house)
    house.engine.hang_up("s_1")
    await house.settle(lambda: len(house.parts.table) == 0)
    house.settings = with_policy(house.settings, groups=("others",))
    await house.running.reload()
    await house.settle(lambda: house.desk.made == {})


async def test_a_reload_while_the_role_is_made_makes_the_narrower_one(house):
    """The role was wanted under the old policy, and made after the new one came."""
    house.desk.gate = trio.Event()
    house.engine.connect(house.token("T1"), session="s_1")
    await house.settle(lambda: any(what == "lend" for what, _ in house.desk.calls))
    house.settings = with_policy(house.settings, actions=ACTIONS[:1], ttl=Seconds(30))
    await house.running.reload()
    house.desk.gate.set()
    await house.answered("s_1")
    grant, _ = house.engine.admitted["s_1"]
    assert house.desk.made[grant.id].rights == grant.rights.rules
    assert house.desk.made[grant.id].valid_until == grant.expires_at


async def test_what_an_earlier_run_left(make_house: Callable[[], Any], start: Any) -> None:
    """A crash: one grant lives on, the others ended meanwhile or were never known."""
    before = make_house()
    async with start(before):
        lives = await admitted(before, "s_1", "T1")
        ended = await admitted(before, "s_2", "T2")
        await revoke_grant(before.parts, ended, by="operator", reason="")
    after = make_house()
    after.wall, after.clock = before.wall, before.clock
    after.desk.left_over = {lives, ended, "g_01UNKNOWN"}
    async with start(after):
        await after.settle(lambda: after.desk.left_over == {lives})
        await trio.sleep(1.2)
        assert after.desk.left_over == {lives}
        assert {event["grant"] for event in after.audited("role.dropped")} == {ended, "g_01UNKNOWN"}


async def test_a_target_that_is_away_at_the_start(make_house: Callable[[], Any], start: Any) -> None:
    """It must hold up neither the start nor the sessions of other targets, and be asked again."""
    house = make_house()
    house.desk.error = RoleFailed("no answer")
    async with start(house):
        await house.connect(house.token("B1", groups=("books",)), "s_1", database="billing")
        assert "s_1" in house.engine.admitted
        await house.settle(lambda: house.desk.calls.count(("recover", "")) >= 2)
