"""What grants have used: kept over restarts, and the end of a grant that is used up."""

import msgspec
import pytest
import trio

from hoopwire.control import spending as module
from hoopwire.control.revocation import revoke_grant, sweep
from hoopwire.model.grant import Used
from hoopwire.model.settings import BudgetSettings
from hoopwire.store import StoreUnavailable


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Looks and retries without the waiting."""
    monkeypatch.setattr(module, "_LOOK_S", 0.02)
    monkeypatch.setattr(module, "_RETRY_S", 0.02)
    monkeypatch.setattr(module, "_PAUSE_S", 0.0)


@pytest.fixture
def settings(settings):
    """The first policy, which is for group `data`, gives ten rows."""
    return replaced(settings, 10)


def replaced(settings, rows):
    """The settings with another budget."""
    first, *others = settings.policies
    changed = msgspec.structs.replace(first, budgets=BudgetSettings(rows=rows))
    return msgspec.structs.replace(settings, policies=(changed, *others))


async def stored(house, session):
    """The grant of a session, as the store has it."""
    return await house.parts.store.grant(house.engine.admitted[session][0].id)


async def until(house, session, done):
    """Wait for the stored grant to be as it should."""
    with trio.fail_after(60):
        while not done(grant := await stored(house, session)):  # noqa: ASYNC110 - any condition of a test
            await trio.sleep(0.005)
    return grant


async def test_a_restart_filled_the_budgets_up_again(make_house, start):
    """Only the engine's memory knew what was used: ten rows of ten, and after a restart ten more."""
    first = make_house()
    async with start(first) as house:
        token = house.token("T1")
        await house.connect(token, "s_1")
        assert house.engine.admitted["s_1"][0].used == Used()
        house.engine.spend("s_1", rows=(7, 10))
    # The stop itself wrote it: no look had to come by.
    second = make_house()
    second.tokens = first.tokens
    async with start(second) as house:
        await house.connect(token, "s_2")
        assert house.engine.admitted["s_2"][0].used == Used(rows=7)
        house.engine.hang_up("s_2")


async def test_a_live_session_is_looked_at(house):
    await house.connect(house.token("T1"), "s_1")
    house.engine.spend("s_1", rows=(3, 10))
    await until(house, "s_1", lambda grant: grant.used.rows == 3)
    house.engine.spend("s_1", rows=(4, 10))
    await until(house, "s_1", lambda grant: grant.used.rows == 4)


async def test_a_session_that_was_never_looked_at_tells_at_its_end(house, monkeypatch):
    """A session of milliseconds used all there is, and no look saw it."""
    monkeypatch.setattr(house.engine, "sessions", lambda: msgspec.msgpack.encode([]))
    token = house.token("T1")
    await house.connect(token, "s_1")
    house.engine.spend("s_1", rows=(10, 10))
    house.engine.hang_up("s_1")
    await house.connect(token, "s_2")
    grant = await until(house, "s_1", lambda grant: grant.state == "exhausted")
    assert (grant.used.rows, grant.ended_by) == (10, "budget")
    assert grant.ended_reason == "the budget rows is used up: 10 of 10"
    assert "s_2" in house.engine.refused


async def test_a_used_up_grant_admits_nobody_and_cuts_nobody(house):
    """A grant with nothing left stayed active, and let in sessions that could do nothing."""
    token = house.token("T1")
    await house.connect(token, "s_1")
    await house.connect(token, "s_2")
    house.engine.spend("s_1", rows=(10, 10))
    grant = await until(house, "s_1", lambda grant: grant.state == "exhausted")
    assert house.engine.live == {"s_1", "s_2"}
    await house.connect(token, "s_3")
    refusal = house.engine.refused["s_3"]
    assert refusal.fault == "not_authorized"
    assert "was used up at" in refusal.detail
    [event] = house.audited("grant.exhausted")
    assert (event["grant"], event["by"], event["code"]) == (grant.id, "budget", "budget_rows")
    kinds = [row.kind for row in await house.parts.store.audit(grant=grant.id)]
    assert kinds.count("grant.exhausted") == 1
    # what is left of it can still be cut, and the final state stays
    await revoke_grant(house.parts, grant.id, by="operator", reason="")
    assert house.engine.live == frozenset()
    assert (await stored(house, "s_1")).state == "exhausted"


async def test_who_is_being_admitted_while_the_grant_is_used_up_is_refused(house):
    token = house.token("T1")
    await house.connect(token, "s_1")
    house.lease_gate = trio.Event()
    house.engine.connect(token, session="s_2")
    await house.settle(lambda: house.parts.table.seat("s_2"))
    house.engine.spend("s_1", rows=(10, 10))
    await until(house, "s_1", lambda grant: grant.state == "exhausted")
    house.lease_gate.set()
    await house.answered("s_2")
    refusal = house.engine.refused["s_2"]
    assert "was used up at" in refusal.message
    assert refusal.detail == "The budget rows is used up: 10 of 10."
    assert "s_1" in house.engine.live


async def test_a_store_that_fails_loses_nothing_and_lets_nobody_in(house, monkeypatch, caplog):
    """Whatever the store does, this process knows what was used, and writes it when it can."""
    token = house.token("T1")
    await house.connect(token, "s_1")
    store = house.parts.store
    keep, tries = store.apply, []

    async def broken(used):
        tries.append(used)
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(store, "apply", broken)
    house.engine.spend("s_1", rows=(10, 10))
    await house.settle(lambda: len(tries) > 3)
    await house.connect(token, "s_2")
    assert "was used up at" in house.engine.refused["s_2"].detail
    assert (await stored(house, "s_1")).used == Used()
    monkeypatch.setattr(store, "apply", keep)
    grant = await until(house, "s_1", lambda grant: grant.state == "exhausted")
    assert grant.used.rows == 10
    said = [record.message for record in caplog.records if record.name == "hoopwire.spending"]
    assert len(said) == 2
    assert "disk full" in said[0]
    assert "written again" in said[1]


async def test_smaller_budgets_of_a_reload_end_a_grant_that_has_used_more(house):
    """Nothing lives under it, so that no session is there to tell."""
    token = house.token("T1")
    await house.connect(token, "s_1")
    house.engine.spend("s_1", rows=(7, 10))
    house.engine.hang_up("s_1")
    await until(house, "s_1", lambda grant: grant.used.rows == 7)
    house.settings = replaced(house.settings, 5)
    await house.running.reload()
    await house.connect(token, "s_2")
    assert "was used up at" in house.engine.refused["s_2"].message
    grant = await until(house, "s_1", lambda grant: grant.state == "exhausted")
    assert grant.ended_reason == "the budget rows is used up: 7 of 5"
    # final: more of it later helps new grants only
    house.settings = replaced(house.settings, 50)
    await house.running.reload()
    await house.connect(token, "s_3")
    assert "was used up at" in house.engine.refused["s_3"].detail


async def test_a_reload_that_raises_budgets_leaves_live_grants_as_they_are(house):
    await house.connect(house.token("T1"), "s_1")
    house.settings = replaced(house.settings, 50)
    await house.running.reload()
    assert (await stored(house, "s_1")).budgets.rows == 10
    assert {grant.budgets.rows for grant in house.engine.regranted["s_1"]} == {10}


async def test_without_budgets_nothing_is_kept(house, monkeypatch):
    calls = []
    sessions = house.engine.sessions
    monkeypatch.setattr(house.engine, "sessions", lambda: calls.append(1) or sessions())
    await house.connect(house.token("T1", groups=("lab",)), "s_1")
    await trio.sleep(0.1)
    house.engine.hang_up("s_1")
    await trio.sleep(0.05)
    assert calls == []
    assert house.parts.store._database.execute("SELECT count(*) FROM used").fetchone() == (0,)


async def test_time_ends_a_used_up_grant_no_second_time(house):
    await house.connect(house.token("T1"), "s_1")
    house.engine.spend("s_1", rows=(10, 10))
    grant = await until(house, "s_1", lambda grant: grant.state == "exhausted")
    house.wall.pass_time(200)
    await sweep(house.parts)
    assert (await stored(house, "s_1")).state == "exhausted"
    assert house.audited("grant.expired") == []
    assert grant.ended_at < house.wall.now
