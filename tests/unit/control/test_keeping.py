"""A revocation is never forgotten, whatever the store does: R1, R2 and what is of their kind.

The store is real SQLite; it is held by another connection, or fails where a test says so. Nothing here waits
for time: what must come "at once" is looked at before the store answers.
"""

import sqlite3
from contextlib import ExitStack, contextmanager

import msgspec
import pytest
import trio

from hoopwire.access import AccessRequest
from hoopwire.control import keeping
from hoopwire.control.minting import redeem_secret, redeem_token
from hoopwire.control.parts import Denied
from hoopwire.control.revocation import revoke_grant, revoke_grants, sweep
from hoopwire.model.grant import Used
from hoopwire.model.settings import BudgetSettings
from hoopwire.model.units import Seconds
from hoopwire.store import StoreUnavailable


@contextmanager
def held(house):
    """Another process has the store: nothing can be written, reading goes on."""
    other = sqlite3.connect(house.state / "hoopwire.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def no_journal(house, monkeypatch):
    """The journal cannot be written either."""

    async def broken(changes):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(house.parts.keeping._journal, "append", broken)
        yield


async def live(house, token="T1", session="s_1", **fields):
    await house.connect(house.token(token, **fields), session)
    return house.engine.admitted[session][0].id


async def mint(house, word, **fields):
    wish, token = AccessRequest(target="orders"), house.token(word)
    return await redeem_token(house.parts, token, wish, mint="explicit", channel="http", peer="", **fields)


async def stored(house, grant):
    return await house.parts.store.grant(grant)


async def until_kept(house):
    await house.settle(lambda: len(house.parts.keeping) == 0)


async def test_a_revocation_while_the_store_is_held_outlives_the_process(make_house, start):
    """R1: the session was cut, the grant stayed active; after a restart its token logged in."""
    house, holding = make_house(), ExitStack()
    tokens = house.tokens
    with holding:
        async with start(house):
            grant = await live(house)
            holding.enter_context(held(house))
            revoked = await revoke_grant(house.parts, grant, by="operator:eve", reason="leaked")
            assert (revoked.state, revoked.ended_by) == ("revoked", "operator:eve")
            assert house.engine.live == frozenset()
            assert (await stored(house, grant)).state == "active"
            assert house.parts.keeping.where(("end", grant)) == "journal"
        house = make_house()
        house.tokens = tokens
        async with start(house):
            assert house.parts.keeping.end_of(grant) is not None, "pending still, and known"
            await house.connect("T1", "s_2")
            assert "was revoked" in house.engine.refused["s_2"].detail
    house = make_house()
    house.tokens = tokens
    async with start(house):
        after = await stored(house, grant)
        assert (after.state, after.ended_by, after.ended_reason) == ("revoked", "operator:eve", "leaked")
        await house.connect("T1", "s_3")
        assert "was revoked" in house.engine.refused["s_3"].detail
        rows = await house.parts.store.audit(grant=grant)
        assert [row.kind for row in rows].count("grant.revoked") == 1
        assert len(house.parts.keeping) == 0
        assert house.parts.keeping._journal.is_empty


async def test_it_is_said_once_that_it_is_late_and_once_that_it_is_kept(house, caplog):
    """R1: no audit event, no error line."""
    grant = await live(house)
    with held(house):
        await revoke_grant(house.parts, grant, by="operator", reason="r")
        [revoked] = house.audited("grant.revoked")
        [late] = house.audited("store.not_kept")
        assert (revoked["grant"], late["grant"], late["code"]) == (grant, grant, "journal")
        assert "locked" in late["reason"] or "did not answer" in late["reason"]
        assert any(grant in record.message for record in caplog.records if record.levelname == "ERROR")
    await until_kept(house)
    [kept] = house.audited("store.kept_late")
    assert kept["grant"] == grant
    assert len(house.audited("grant.revoked")) == 1
    assert (await stored(house, grant)).state == "revoked"


async def test_where_nothing_can_be_written_it_counts_and_is_tried_again(house, monkeypatch):
    """R1: the operator heard that it is done; now that it is cut and kept nowhere."""
    grant = await live(house)
    with held(house), no_journal(house, monkeypatch):
        [answer] = await revoke_grants(house.parts, [grant], by="operator", reason="")
        assert (answer.where, answer.grant.state) == ("memory", "revoked")
        [late] = house.audited("store.not_kept")
        assert late["code"] == "memory"
        await house.connect("T1", "s_2")
        assert "was revoked" in house.engine.refused["s_2"].detail
    await until_kept(house)
    assert (await stored(house, grant)).state == "revoked"
    assert house.audited("store.kept_late")


async def test_a_reload_cuts_all_before_the_store_is_asked(house):
    """R2: six grants of a policy were cut after 0.2, 6.7, 19, 32, 44 and 56 s, one store write each."""
    for number in range(8):
        await live(house, f"T{number}", f"s_{number}", cid=f"0oa{number}")
    first, *others = house.settings.policies
    changed = msgspec.structs.replace(first, groups=("nobody",))
    house.settings = msgspec.structs.replace(house.settings, policies=(changed, *others))
    asked = []
    apply = house.parts.store.apply

    async def seen(change):
        asked.append(house.engine.live)
        return await apply(change)

    house.parts.store.apply = seen
    with held(house):
        reloaded = await house.running.reload()
        assert reloaded.cut == 8
        assert len(house.parts.keeping) == 8
    assert asked, "the store was asked"
    assert set(asked) == {frozenset()}, "nobody lived on while it was asked"
    await until_kept(house)
    assert {grant.state for grant in await house.parts.store.grants()} == {"revoked"}


async def test_a_grant_that_cannot_be_decided_again_is_cut_and_holds_up_no_other(house, monkeypatch):
    """R2: one bug in the midst of a reload left the grants behind it as they were."""
    import hoopwire.control.revocation as revocation

    for number in range(3):
        await live(house, f"T{number}", f"s_{number}", cid=f"0oa{number}")
    real = revocation.regrant

    def buggy(grant, settings, now):
        if grant.principal.cid == "0oa1":
            raise ValueError("bug")
        return real(grant, settings, now)

    monkeypatch.setattr(revocation, "regrant", buggy)
    first, *others = house.settings.policies
    changed = msgspec.structs.replace(first, ttl=Seconds(30))
    house.settings = msgspec.structs.replace(house.settings, policies=(changed, *others))
    await house.running.reload()
    assert house.engine.live == {"s_0", "s_2"}
    assert set(house.engine.regranted) == {"s_0", "s_2"}


async def test_a_stop_does_not_wait_behind_a_store_that_is_held(make_house, start):
    """R2: SIGTERM waited for one store write after the other."""
    house = make_house()
    with ExitStack() as holding, trio.fail_after(60):
        async with start(house):
            grants = [await live(house, f"T{n}", f"s_{n}", cid=f"0oa{n}") for n in range(6)]
            holding.enter_context(held(house))
            house.parts.store._patience_s = 10_000.0
            await revoke_grants(house.parts, grants, by="operator", reason="")
            # A login, the audit and the sweep wait by now, for hours if nobody told them to hurry.
            house.engine.connect(house.token("T9"), session="s_9")
    house = make_house()
    async with start(house):
        for grant in grants:
            assert (await stored(house, grant)).state == "revoked"


async def test_a_closed_store_forgets_nothing(house):
    """A store that is gone for good: the journal has it."""
    grant = await live(house)
    await house.parts.store.close()  # In its turn: another thread may be within the database.
    [answer] = await revoke_grants(house.parts, [grant], by="operator", reason="")
    assert (answer.where, answer.is_known, answer.grant.id) == ("journal", True, grant)
    assert house.engine.live == frozenset()


async def test_a_store_whose_file_was_replaced_takes_nothing(make_house, start):
    """What was written went into an unlinked file: acknowledged, and gone with the process."""
    house = make_house()
    async with start(house):
        grant = await live(house)
        path = house.state / "hoopwire.sqlite"
        path.rename(path.with_suffix(".aside"))
        [answer] = await revoke_grants(house.parts, [grant], by="operator", reason="")
        assert answer.where == "journal"
        path.with_suffix(".aside").rename(path)
        await until_kept(house)
        assert (await stored(house, grant)).state == "revoked"


async def test_a_slow_store_is_not_waited_for(house, monkeypatch):
    """A disk that hangs: the journal, elsewhere or not, is asked after a second."""
    grant = await live(house)

    async def hanging(change):
        await trio.sleep_forever()

    monkeypatch.setattr(house.parts.store, "apply", hanging)
    monkeypatch.setattr(keeping, "_ANSWER_S", 0.01)
    [answer] = await revoke_grants(house.parts, [grant], by="operator", reason="")
    assert answer.where == "journal"
    assert house.engine.live == frozenset()


async def test_a_grant_of_which_nobody_can_say_anything_is_refused_all_the_same(house, monkeypatch):
    """It has no session, and the store cannot be read: the command failed, and the next login passed."""
    token = house.token("T1")
    await house.connect(token, "s_1")
    grant = house.engine.admitted["s_1"][0].id
    house.engine.hang_up("s_1")
    await house.settle(lambda: len(house.parts.table) == 0)

    async def broken(*_, **__):
        raise StoreUnavailable("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(house.parts.store, "grant", broken)
        patch.setattr(house.parts.store, "apply", broken)
        [answer] = await revoke_grants(house.parts, [grant], by="operator", reason="")
        assert (answer.is_known, answer.grant, answer.where) == (True, None, "journal")
    await house.connect(token, "s_2")
    assert "was revoked" in house.engine.refused["s_2"].detail + house.engine.refused["s_2"].message
    await until_kept(house)
    assert (await stored(house, grant)).state == "revoked"


async def test_revoking_what_there_is_none_of(house):
    unknown, typo = "g_" + "0" * 26, "g_nope"
    answers = await revoke_grants(house.parts, [unknown, typo], by="operator", reason="")
    assert [answer.is_known for answer in answers] == [False, False]
    assert len(house.parts.keeping) == 0


async def test_revoking_twice_the_first_counts(house):
    grant = await live(house)
    with held(house):
        await revoke_grant(house.parts, grant, by="operator:a", reason="first")
        again = await revoke_grant(house.parts, grant, by="operator:b", reason="second")
        assert (again.ended_by, again.ended_reason) == ("operator:a", "first")
    await until_kept(house)
    after = await stored(house, grant)
    assert (after.ended_by, after.ended_reason) == ("operator:a", "first")
    assert len(house.audited("grant.revoked")) == 1


async def test_many_at_once_are_cut_before_any_is_looked_up(house, monkeypatch):
    """The second of two was cut after the first had been written; a typo among them ended nothing at all."""
    grants = [await live(house, f"T{n}", f"s_{n}", cid=f"0oa{n}") for n in range(3)]
    seen = []
    read = house.parts.store.grant

    async def reading(id):
        seen.append(house.engine.live)
        return await read(id)

    monkeypatch.setattr(house.parts.store, "grant", reading)
    answers = await revoke_grants(house.parts, ["g_nope", *grants], by="operator", reason="")
    assert seen[0] == frozenset()
    assert [answer.is_known for answer in answers] == [False, True, True, True]


@pytest.mark.parametrize("mint", ["implicit", "explicit"])
async def test_a_pending_revocation_is_not_turned_into_an_expiry(house, mint):
    """until_exp: after an expiry the token buys again, after a revocation never; the sweep came first."""
    token = house.token("T1", groups=("lab",))
    await house.connect(token, "s_1")
    grant = house.engine.admitted["s_1"][0].id
    with held(house):
        await revoke_grant(house.parts, grant, by="operator", reason="")
        house.wall.pass_time(61)
        house.parts.store.hurry()
        with pytest.raises(StoreUnavailable):
            await house.parts.store.append_audit([])
        await house.connect(token, "s_2")
        assert house.engine.refused["s_2"].reason == "token_spent"
    house.parts.store._patience_s = 5.0
    await sweep(house.parts)
    await until_kept(house)
    assert (await stored(house, grant)).state == "revoked"
    house.wall.pass_time(300)
    await sweep(house.parts)
    await house.connect(token, "s_3")
    assert house.engine.refused["s_3"].reason == "token_spent"


async def test_the_memory_of_a_pending_end_is_not_forgotten_with_its_time(house):
    """A wall clock ahead and back again: the store had nothing, and the table had forgotten."""
    grant = await live(house)
    with held(house):
        await revoke_grant(house.parts, grant, by="operator", reason="")
        house.wall.now += 10_000
        house.parts.store.hurry()
        await sweep(house.parts)
        house.wall.now -= 10_000
        assert house.parts.table.is_ended(grant)
        await house.connect("T1", "s_2")
        assert "s_2" in house.engine.refused


async def test_a_wall_clock_that_jumps_ahead_and_back_frees_no_spent_token(house):
    """The ledger was pruned by the wall clock alone: two days ahead and back, and each token bought again."""
    grant = await live(house)
    await revoke_grant(house.parts, grant, by="operator", reason="")
    house.wall.now += 30 * 86_400
    await house.parts.store.prune_ledger(house.clock.least_wall())
    house.wall.now -= 30 * 86_400
    await house.connect("T1", "s_2")
    assert house.engine.refused["s_2"].reason == "token_spent"


async def test_a_renewal_of_a_grant_whose_revocation_is_pending_is_refused(house):
    """The store still calls it active, and a renewal asked the store alone."""
    grant, secret = await mint(house, "T1")
    with held(house):
        await revoke_grant(house.parts, grant.id, by="operator", reason="")
        with pytest.raises(Denied) as denied:
            await mint(house, "T2", renews=grant.id)
        assert denied.value.denial.code == "grant_revoked"
        with pytest.raises(Denied) as denied:
            await redeem_secret(house.parts, secret)
        assert denied.value.denial.code == "grant_over"


async def test_a_narrowed_grant_does_not_widen_while_the_store_has_the_wide_one(make_house, start):
    """Narrowed by a reload, not written, and the policy wide again: the store's grant was the wide one."""
    house, holding = make_house(), ExitStack()
    with holding:
        async with start(house):
            minted, secret = await mint(house, "T1")
            grant = minted.id
            await house.connect(secret, "s_1")
            wide = house.settings
            first, *others = wide.policies
            narrow = msgspec.structs.replace(first, targets=("orders",))
            holding.enter_context(held(house))
            house.settings = msgspec.structs.replace(wide, policies=(narrow, *others))
            await house.running.reload()
            house.settings = wide
            await house.running.reload()
            assert (await stored(house, grant)).databases == ("orders", "analytics")
            await house.connect(secret, "s_2", database="orders/analytics")
            assert "s_2" in house.engine.refused
    house = make_house()
    async with start(house):
        assert (await stored(house, grant)).databases == ("orders",)


async def test_what_was_used_is_kept_when_the_last_write_fails(make_house, start):
    """At a clean stop while the store was held, what had been used was lost: the budget came again."""
    house = make_house()
    first, *others = house.settings.policies
    limited = msgspec.structs.replace(first, budgets=BudgetSettings(rows=10))
    house.settings = msgspec.structs.replace(house.settings, policies=(limited, *others))
    settings = house.settings
    with ExitStack() as holding:
        async with start(house):
            grant = await live(house)
            holding.enter_context(held(house))
            house.engine.spend("s_1", rows=(7, 10))
    house = make_house()
    house.settings = settings
    async with start(house):
        assert (await stored(house, grant)).used == Used(rows=7)


async def test_overdue_sessions_are_cut_whatever_the_store_does(house):
    """The sweep asked the store first, and cut nobody while that failed."""
    await live(house)
    house.wall.pass_time(63)
    with held(house):
        house.parts.store.hurry()
        with pytest.raises(StoreUnavailable):
            await sweep(house.parts)
        assert house.engine.live == frozenset()


async def test_reading_goes_on_while_the_store_is_held(house):
    """Who waited for another process held the one thread: nothing was read behind it for five seconds."""
    await live(house)
    with held(house):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.parts.store.append_audit, [])
            await trio.sleep(0.1)
            assert len(await house.parts.store.grants()) == 1
            nursery.cancel_scope.cancel()


async def test_one_change_that_the_store_never_takes_holds_up_no_other(house, monkeypatch):
    grants = [await live(house, f"T{n}", f"s_{n}", cid=f"0oa{n}") for n in range(3)]
    apply = house.parts.store.apply

    async def picky(change):
        if getattr(change, "id", "") == grants[0]:
            raise StoreUnavailable("constraint failed")
        return await apply(change)

    monkeypatch.setattr(house.parts.store, "apply", picky)
    await revoke_grants(house.parts, grants, by="operator", reason="")
    await house.settle(lambda: len(house.parts.keeping) == 1)
    assert [(await stored(house, grant)).state for grant in grants] == ["active", "revoked", "revoked"]
    assert house.parts.keeping.where(("end", grants[0])) == "journal"


async def test_a_session_that_waits_for_its_credential_ends_at_once(house):
    """It was counted as ended only when custody answered; it is told now, and counted."""
    house.lease_gate = trio.Event()
    house.engine.connect(house.token("T1"), session="s_1")
    await house.settle(lambda: house.parts.table.seat("s_1"))
    [grant] = await house.parts.store.grants()
    [answer] = await revoke_grants(house.parts, [grant.id], by="operator", reason="")
    assert [seat.session for seat in answer.seats] == ["s_1"]
    await house.answered("s_1")
    assert not house.lease_gate.is_set()
    assert house.engine.refused["s_1"].fault == "not_authorized"
    assert answer.seats[0].gone.is_set()
