"""Locks on principals: I1, H14. A compromised agent was back with a new token as soon as it was revoked."""

from contextlib import ExitStack

import httpx
import msgspec
import pytest
import trio
from tests.unit.control.conftest import ISSUER
from tests.unit.control.test_keeping import held, mint, no_journal

from hoopwire.access import AccessRequest
from hoopwire.control.locking import lift, lock_out
from hoopwire.control.minting import redeem_token
from hoopwire.control.parts import Denied
from hoopwire.control.revocation import cut_overdue
from hoopwire.model.identity import Principal
from hoopwire.model.settings import IssuerSettings

AGENT = "cid:0oaAgent"


def lock(house, key=AGENT, issuer="", for_s=None, reason="leaked its token"):
    return lock_out(house.parts, key, issuer, for_s=for_s, by="operator:eve", reason=reason)


def operators(house):
    transport = httpx.AsyncHTTPTransport(uds=house.running.admin_socket)
    return httpx.AsyncClient(transport=transport, base_url="http://admin", timeout=30)


def become(house, token, **changes):
    """Another principal behind the token."""
    identity = house.tokens.known[token]
    principal = msgspec.structs.replace(identity.principal, **changes)
    house.tokens.known[token] = msgspec.structs.replace(identity, principal=principal)


def assert_locked(refusal):
    assert (refusal.fault, refusal.reason) == ("not_authorized", "principal_locked")
    assert "locked by the operators of this gateway, do not retry" in refusal.message
    assert refusal.detail == "code: principal_locked"
    said = refusal.message + refusal.detail + refusal.hint
    assert "leaked" not in said, "why is the operators' matter"
    assert "token and" not in said
    assert "gain" not in said, "nothing invites to try again"


async def test_a_new_token_opened_again_at_once(house):
    """I1: revoked, and back with the next token; psql's text even told it to."""
    await house.connect(house.token("T1"), "s_1")
    _, seats = lock(house)
    assert house.engine.live == frozenset()
    assert [seat.session for seat in seats] == ["s_1"]
    words = house.engine.revoked["s_1"]
    assert words.fault == "ended"
    assert "do not retry" in words.message
    for word in ("T1", "T2"):
        await house.connect(house.token(word), f"s_{word}")
        assert_locked(house.engine.refused[f"s_{word}"])


async def test_every_way_in_is_shut(house):
    """H14: token, grant secret, explicit mint, renewal; each denial says by whom and why, to operators."""
    grant, secret = await mint(house, "T1")
    lock(house)
    await house.connect(secret, "s_1")
    assert_locked(house.engine.refused["s_1"])
    for fields in ({}, {"renews": grant.id}):
        with pytest.raises(Denied) as denied:
            await mint(house, "T2", **fields)
        assert denied.value.denial.code == "principal_locked"
    [event] = house.audited("session.denied")
    assert event["code"] == "principal_locked"
    assert event["cid"] == "0oaAgent"
    assert "operator:eve: leaked its token" in event["reason"]


async def test_over_http_it_is_a_403_that_does_not_invite(house):
    lock(house)
    context = __import__("ssl").create_default_context(cafile=house.settings.listen.tls.certificate)
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        answer = await client.post(
            f"https://{house.running.control}/v1/grants",
            json={"target": "orders"},
            headers={"authorization": f"Bearer {house.token('T1')}"},
        )
    assert answer.status_code == 403
    problem = answer.json()
    assert problem["code"] == "principal_locked"
    assert "do not retry" in problem["title"]
    [event] = house.audited("grant.denied")
    assert "operator:eve" in event["reason"]


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        (AGENT, {}),
        ("cid:0OAAGENT", {}),
        ("cid:0oaagent", {"cid": "0OAagent"}),
        (AGENT, {"kind": "user", "uid": "00u1"}),
        ("uid:00u1", {"kind": "user", "uid": "00u1"}),
        ("uid:00U1", {"kind": "user", "uid": "00u1", "cid": "0oaOther"}),
        ("cid:0oaFirst", {"cid": "0oaLast", "actors": ("0oaMiddle", "0oaFirst")}),
        ("uid:0oaFirst", {"cid": "0oaLast", "actors": ("0oaMiddle", "0oaFirst")}),
        ("cid:0oafirst", {"kind": "user", "uid": "00u1", "cid": "x", "actors": ("0oaFIRST",)}),
        ("cid:weird%20id", {"cid": "weird%20id"}),
    ],
)
async def test_whom_a_lock_holds(house, key, changes):
    """A user who comes through the locked client, a token exchanged by it, another spelling."""
    become(house, house.token("T1"), **changes)
    lock(house, key)
    await house.connect("T1", "s_1")
    assert_locked(house.engine.refused["s_1"])


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("cid:0oaAgen", {}),
        ("cid:0oaAgent2", {}),
        ("uid:0oaAgent", {}),
        ("cid:*", {}),
        ("cid:00u1", {"kind": "user", "uid": "00u1"}),
        ("cid:name of 0oaAgent", {}),
        ("cid:weird id", {"cid": "weird%20id"}),
    ],
)
async def test_whom_it_does_not_hold(house, key, changes):
    """Someone else must not be shut out by it: a prefix, a name, the other kind of key."""
    become(house, house.token("T1"), **changes)
    lock(house, key)
    await house.connect("T1", "s_1")
    assert "s_1" in house.engine.admitted


async def test_the_same_client_id_at_another_issuer(make_house, start):
    """Without --issuer a lock is meant everywhere; with it, the same id elsewhere is someone else."""
    house = make_house()
    other = "https://other.example.test/oauth2/default"
    issuers = {**house.settings.issuers, "other": IssuerSettings(issuer=(other, other + "2"))}
    house.settings = msgspec.structs.replace(house.settings, issuers=issuers)
    async with start(house):
        become(house, house.token("T1"), issuer=other)
        become(house, house.token("T2"), issuer=other + "2")
        made, _ = lock(house, issuer="other")
        for token, is_held in (("T1", True), ("T2", True), (house.token("T3"), False)):
            await house.connect(token, f"s_{token}")
            assert (f"s_{token}" in house.engine.refused) is is_held
        renamed = {"okta": house.settings.issuers["okta"], "renamed": issuers["other"]}
        house.settings = msgspec.structs.replace(house.settings, issuers=renamed)
        await house.running.reload()
        await house.connect(house.token("T4"), "s_4")
        become(house, house.token("T5"), issuer=other)
        await house.connect("T5", "s_5")
        assert "s_4" in house.engine.admitted
        assert_locked(house.engine.refused["s_5"])
        await lift(house.parts, [made], by="operator", reason="")
        lock(house)
        for word, changes in (("T6", {"issuer": other}), ("T7", {})):
            become(house, house.token(word), **changes)
            await house.connect(word, f"s_{word}")
            assert_locked(house.engine.refused[f"s_{word}"])


@pytest.mark.parametrize("gate", ["verify", "lease", "login"])
async def test_a_lock_that_comes_in_the_midst_of_an_admission(house, gate):
    """It looked before the lock and came up after it."""
    if gate == "verify":
        house.tokens.gate = trio.Event()
    elif gate == "lease":
        house.lease_gate = trio.Event()
    else:
        house.engine.login_succeeds = False
    house.engine.connect(house.token("T1"), session="s_1")
    if gate == "verify":
        await trio.testing.wait_all_tasks_blocked()
    else:
        await house.settle(lambda: house.parts.table.seat("s_1"))
    if gate == "login":
        await house.settle(lambda: "s_1" in house.engine.admitted)
    lock(house)
    if house.tokens.gate is not None:
        house.tokens.gate.set()
    if gate == "login":
        await house.settle(lambda: house.engine.live == frozenset())
    else:
        await house.answered("s_1")
        assert house.engine.admitted == {}
        assert_locked(house.engine.refused["s_1"])


async def test_a_lock_that_comes_while_a_grant_is_bought(house, monkeypatch):
    """The secret was handed out under a lock that had come during the store's write."""
    redeem = house.parts.store.redeem

    async def slow(*arguments, **fields):
        answer = await redeem(*arguments, **fields)
        lock(house)
        return answer

    monkeypatch.setattr(house.parts.store, "redeem", slow)
    with pytest.raises(Denied) as denied:
        await mint(house, "T1")
    assert denied.value.denial.code == "principal_locked"


async def test_it_outlives_restart_and_reload_and_is_lifted_for_good(make_house, start):
    house = make_house()
    async with start(house):
        lock(house)
        await house.parts.keeping.keep()
        await house.running.reload()
        await house.connect(house.token("T1"), "s_1")
        assert_locked(house.engine.refused["s_1"])
        assert len(house.audited("principal.locked")) == 1
    house = make_house()
    async with start(house):
        await house.connect(house.token("T2"), "s_2")
        assert_locked(house.engine.refused["s_2"])
        [held_lock] = house.parts.locks.all()
        assert (held_lock.by, held_lock.reason) == ("operator:eve", "leaked its token")
        assert await lift(house.parts, [held_lock], by="operator:joe", reason="rotated") == "store"
        await house.connect(house.token("T3"), "s_3")
        assert "s_3" in house.engine.admitted
        [event] = house.audited("principal.unlocked")
        assert (event["by"], event["reason"], event["cid"]) == ("operator:joe", "rotated", "0oaAgent")
    house = make_house()
    async with start(house):
        await house.connect(house.token("T4"), "s_4")
        assert "s_4" in house.engine.admitted
        [past] = await house.parts.store.locks(in_force=False)
        assert past.lifted_by == "operator:joe"


async def test_a_lock_while_the_store_is_held_outlives_the_process(make_house, start):
    with ExitStack() as holding:
        house = make_house()
        async with start(house):
            holding.enter_context(held(house))
            lock(house)
            await house.parts.keeping.keep()
        house = make_house()
        async with start(house):
            await house.connect(house.token("T1"), "s_1")
            assert_locked(house.engine.refused["s_1"])
            holding.close()
            await house.settle(lambda: len(house.parts.keeping) == 0, seconds=10)
            assert len(await house.parts.store.locks(in_force=True)) == 1


async def test_a_lift_is_not_tried_before_its_lock(house):
    """A lock that the store did not take went behind its own lifting, which then found nothing to lift: after
    a restart the principal was locked again.
    """
    made, _ = lock(house)
    with held(house):
        await house.parts.keeping.keep()
        await lift(house.parts, [made], by="operator", reason="")
        assert house.parts.locks.all() == []
        for tries in range(3):
            assert len(house.parts.keeping) == 2, tries
            await house.parts.keeping.keep()
            changes = [type(waiting.change).__name__ for waiting in house.parts.keeping._waiting.values()]
            assert changes == ["PrincipalLocked", "LocksLifted"]
    await house.settle(lambda: len(house.parts.keeping) == 0, seconds=10)
    assert await house.parts.store.locks(in_force=True) == []
    [past] = await house.parts.store.locks(in_force=False)
    assert past.lifted_by == "operator"


async def test_what_could_not_be_lifted_for_good_is_not_lifted(house, monkeypatch):
    """Fail closed: an unlocking that a restart would forget, or that comes later by itself, is none."""
    made, _ = lock(house)
    await house.parts.keeping.keep()
    with held(house), no_journal(house, monkeypatch):
        async with operators(house) as admin:
            answer = await admin.post("/v1/principals/unlock", json={"principal": AGENT})
        assert answer.status_code == 503
        assert "the lock stays" in answer.json()["title"]
        await house.connect(house.token("T1"), "s_1")
        assert_locked(house.engine.refused["s_1"])
    await house.parts.keeping.keep()
    assert house.parts.locks.all() == [made]
    assert [lock.id for lock in await house.parts.store.locks(in_force=True)] == [made.id]
    assert house.audited("principal.unlocked") == []


async def test_it_ends_by_itself_by_both_clocks_and_not_by_one(house):
    """Setting the clock ahead must not open what is locked for two hours."""
    lock(house, for_s=7200)
    house.wall.now += 7300
    cut_overdue(house.parts)
    assert len(house.parts.locks.all()) == 1
    house.wall.now -= 7300
    house.wall.monotonic += 7300 * 10**9
    cut_overdue(house.parts)
    assert len(house.parts.locks.all()) == 1
    house.wall.now += 7300
    cut_overdue(house.parts)
    await house.parts.keeping.keep()
    assert house.parts.locks.all() == []
    [event] = house.audited("principal.unlocked")
    assert event["by"] == "time"
    assert await house.parts.store.locks(in_force=True) == []
    await house.connect(house.token("T1"), "s_1")
    assert "s_1" in house.engine.admitted


async def test_two_locks_on_one_principal_the_longer_holds(house):
    lock(house, for_s=60)
    lock(house, "cid:0OAagent")
    house.wall.pass_time(61)
    cut_overdue(house.parts)
    await house.connect(house.token("T1"), "s_1")
    assert_locked(house.engine.refused["s_1"])
    async with operators(house) as admin:
        answer = await admin.post("/v1/principals/unlock", json={"principal": AGENT})
        assert len(answer.json()["lifted"]) == 1
        assert (await admin.get("/v1/principals/locks")).json()["locks"] == []
        assert len((await admin.get("/v1/principals/locks", params={"all": "1"})).json()["locks"]) == 2


async def test_the_operators_verb_counts_and_warns(house):
    await house.connect(house.token("T1"), "s_1")
    async with operators(house) as admin:
        asked = {"principal": "cid:0OAAGENT", "reason": "r", "operator": "eve"}
        answer = (await admin.post("/v1/principals/lock", json=asked)).json()
        assert (answer["ended"], answer["left"], answer["seen"]) == (1, [], True)
        assert answer["similar"] == ["cid:0oaAgent"]
        assert answer["lock"]["kept"] == "store"
        unseen = (await admin.post("/v1/principals/lock", json={**asked, "principal": "cid:typo"})).json()
        assert (unseen["seen"], unseen["similar"], unseen["ended"]) == (False, [], 0)


@pytest.mark.parametrize(
    "asked",
    [
        {"principal": "0oaAgent"},
        {"principal": "cid:"},
        {"principal": " cid:0oaAgent"},
        {"principal": "cid:0oa Agent"},
        {"principal": "CID:0oaAgent"},
        {"principal": "cid:0oaAgent\n"},
        {"principal": "cid:0oaÄgent"},
        {"principal": AGENT, "issuer": "nobody"},
        {"principal": AGENT, "for_s": 0},
        {"principal": AGENT, "for_s": -1},
        {"principal": AGENT, "unknown": 1},
        {},
    ],
)
async def test_what_is_no_lock_is_refused_and_locks_nobody(house, asked):
    async with operators(house) as admin:
        answer = await admin.post("/v1/principals/lock", json=asked)
    assert answer.status_code == 400
    assert house.parts.locks.all() == []


async def test_unlocking_at_one_issuer_leaves_the_lock_of_all(house):
    lock(house)
    async with operators(house) as admin:
        answer = await admin.post("/v1/principals/unlock", json={"principal": AGENT, "issuer": "okta"})
        assert answer.status_code == 404
        assert "every issuer" in answer.json()["detail"]
        by_string = await admin.post("/v1/principals/lock", json={"principal": "cid:x", "issuer": ISSUER})
        assert by_string.json()["lock"]["issuer"] == "okta"


@pytest.mark.parametrize("seated", [True, False])
async def test_revoke_with_lock_does_both(house, seated):
    """I1: revoke offers the lock."""
    grant, secret = await mint(house, "T1")
    if seated:
        await house.connect(secret, "s_1")
    async with operators(house) as admin:
        asked = {"grants": [grant.id], "lock": True, "for_s": 7200, "reason": "r"}
        [answer] = (await admin.post("/v1/grants/revoke", json=asked)).json()["grants"]
    assert (answer["grant"]["state"], answer["kept"]) == ("revoked", "store")
    assert answer["ended"] == (1 if seated else 0)
    assert (answer["lock"]["principal"], answer["lock"]["issuer"]) == (AGENT, "okta")
    assert answer["lock"]["until"] == house.wall.now + 7200
    await house.connect(house.token("T2"), "s_2")
    assert_locked(house.engine.refused["s_2"])


async def test_revoke_answers_when_the_sessions_have_ended(house, monkeypatch):
    """It answered when the engine had been told; the session was still there."""
    await house.connect(house.token("T1"), "s_1")
    grant = house.engine.admitted["s_1"][0].id
    revoke, answers = house.engine.revoke, []
    monkeypatch.setattr(house.engine, "revoke", lambda session, refusal: True)

    async def ask():
        async with operators(house) as admin:
            answers.append((await admin.post("/v1/grants/revoke", json={"grants": [grant]})).json())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await house.settle(lambda: house.parts.table.is_ended(grant))
        await house.settle(lambda: len(house.parts.keeping) == 0)
        assert answers == []
        monkeypatch.setattr(house.engine, "revoke", revoke)
        house.engine.cut("s_1")
    [answer] = answers[0]["grants"]
    assert (answer["ended"], answer["left"]) == (1, [])


async def test_it_names_what_has_not_ended(house, monkeypatch):
    import hoopwire.control.operations as operations
    import hoopwire.control.revocation as revocation

    async def no_patience(seats, **_):
        return await revocation.still_there(seats, limit_s=0.01)

    monkeypatch.setattr(operations, "still_there", no_patience)
    await house.connect(house.token("T1"), "s_1")
    grant = house.engine.admitted["s_1"][0].id
    monkeypatch.setattr(house.engine, "revoke", lambda session, refusal: True)
    async with operators(house) as admin:
        [answer] = (await admin.post("/v1/grants/revoke", json={"grants": [grant]})).json()["grants"]
        assert (answer["ended"], answer["left"]) == (0, ["s_1"])
        [ended] = (await admin.post("/v1/sessions/end", json={"sessions": ["s_1"]})).json()["sessions"]
        assert ended == {"session": "s_1", "found": True, "ended": False}
        locked = (await admin.post("/v1/principals/lock", json={"principal": AGENT, "reason": "r"})).json()
        assert locked["left"] == ["s_1"]


async def test_pending_ones_are_shown(house):
    await house.connect(house.token("T1"), "s_1")
    grant = house.engine.admitted["s_1"][0].id
    async with operators(house) as admin:
        with held(house):
            [answer] = (await admin.post("/v1/grants/revoke", json={"grants": [grant]})).json()["grants"]
            assert (answer["kept"], answer["grant"]["pending"]) == ("journal", True)
            for state, found in (("revoked", [grant]), ("active", []), (None, [grant])):
                params = {} if state is None else {"state": state}
                rows = (await admin.get("/v1/grants", params=params)).json()["grants"]
                assert [(row["id"], row["state"], row["pending"]) for row in rows] == [
                    (id, "revoked", True) for id in found
                ]
            shown = (await admin.get(f"/v1/grants/{grant}")).json()["grant"]
            assert (shown["state"], shown["pending"]) == ("revoked", True)
            assert (await admin.get("/v1/statistics")).json()["pending"] == 1
        await house.settle(lambda: len(house.parts.keeping) == 0, seconds=10)
        shown = (await admin.get(f"/v1/grants/{grant}")).json()["grant"]
        assert (shown["state"], shown["pending"]) == ("revoked", False)


async def test_a_token_is_checked_even_if_the_policies_give_nothing(house):
    """The lock is told, not that no policy matches: who is locked learns nothing of what there is."""
    lock(house)
    with pytest.raises(Denied) as denied:
        await redeem_token(
            house.parts,
            house.token("T1", groups=()),
            AccessRequest(target="nowhere"),
            mint="explicit",
            channel="http",
            peer="",
        )
    assert denied.value.denial.code == "principal_locked"


def test_the_keys_of_a_principal():
    user = Principal(issuer=ISSUER, kind="user", cid="C", uid="U", actors=("A", "B"))
    assert user.keys == {"cid:c", "uid:u", "cid:a", "uid:a", "cid:b", "uid:b"}
    assert Principal(issuer=ISSUER, kind="user", cid="", uid="U").keys == {"uid:u"}


@pytest.mark.parametrize("key", ["cid:", "cid", "", "cid:" + "x" * 5000])
async def test_a_key_of_the_wrong_length_is_told_what_a_key_is(house, key):
    """`principals lock cid:` heard of the length of a `str` at `$.principal`."""
    async with operators(house) as admin:
        answer = await admin.post("/v1/principals/lock", json={"principal": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "principal_malformed")
    assert "cid:CLIENT_ID" in answer.json()["hint"]
    assert len(answer.content) < 1000
