"""The JWT as psql's password: what it buys, how often, and what it buys no more."""

import msgspec
import pytest
import trio

from hoopwire.control.revocation import revoke_grant
from hoopwire.custody import LeaseFailed
from hoopwire.store import StoreUnavailable


async def test_a_token_buys_a_session(house):
    await house.connect(house.token("T1"), "s_1", database="orders/analytics", user="agent+ticket-7")
    grant, lease = house.engine.admitted["s_1"]
    assert (grant.target, grant.database, grant.task) == ("orders", "analytics", "ticket-7")
    assert (grant.rights.actions, grant.rights.action_texts) == (("statements",), ("read-only",))
    assert grant.rights.target_id == "orders/analytics"
    assert grant.deadline_monotonic_ns == house.wall.monotonic + 60 * 10**9
    assert lease.password == "upstream-secret"
    [stored] = await house.parts.store.grants()
    assert stored.id == grant.id
    assert stored.state == "active"
    assert stored.evidence.jti == "jti-T1"


async def test_audit_names_who_and_which_token_but_never_the_token(house):
    await house.connect(house.token("THE-TOKEN"), "s_1")
    house.engine.hang_up("s_1")
    await house.settle(lambda: house.audited("session.ended"))
    [minted], [started], [ended] = (
        house.audited(kind) for kind in ("grant.minted", "session.started", "session.ended")
    )
    for event in (minted, started, ended):
        assert event["cid"] == "0oaAgent"
        assert event["jti"] == "jti-THE-TOKEN"
        assert event["kid"] == "k1"
        assert event["session"] == "s_1"
    assert ended["by"] == "downstream"
    kept = {row.kind for row in await house.parts.store.audit(grant=minted["grant"])}
    assert "grant.minted" in kept
    assert "THE-TOKEN" not in house.audit.getvalue().decode().replace("jti-THE-TOKEN", "")


async def test_each_audit_event_names_its_gateway(house):
    """`node` was documented, and in no event (N12)."""
    await house.connect(house.token("T1"), "s_1")
    await house.connect("no token", "s_2")
    grant = house.engine.admitted["s_1"][0].id
    await revoke_grant(house.parts, grant, by="operator", reason="r")
    kinds = ("gateway.started", "grant.minted", "session.started", "session.denied", "grant.revoked")
    await house.settle(lambda: all(house.audited(kind) for kind in kinds))
    for kind in kinds:
        assert {event["node"] for event in house.audited(kind)} == {"gateway"}
    await house.parts.trail.flush()
    rows = await house.parts.store.audit()
    assert {row.kind for row in rows} >= set(kinds)
    assert {msgspec.json.decode(row.body)["node"] for row in rows} == {"gateway"}


async def test_a_refusal_names_whom_to_ask(house):
    """A HINT that led nowhere (N3): `ask the operators`, and not who they are."""
    await house.connect(house.token("T1", groups=()), "s_1")
    assert "Contact" not in house.engine.refused["s_1"].hint
    gateway = msgspec.structs.replace(house.settings.gateway, contact="#data-access, or 4711")
    house.settings = msgspec.structs.replace(house.settings, gateway=gateway)
    await house.running.reload()
    await house.connect(house.token("T2", groups=()), "s_2")
    assert house.engine.refused["s_2"].hint.endswith("Contact: #data-access, or 4711")


async def test_a_gateway_that_is_not_set_up_says_so(house):
    """An unset variable of the gateway was "Try again later" (N20)."""
    house.lease_error = LeaseFailed("environment variable PG is not set or empty", is_lasting=True)
    await house.connect(house.token("T1"), "s_1")
    refused = house.engine.refused["s_1"]
    assert "not set up right" in refused.message
    assert "does not help" in refused.hint
    assert "PG" not in refused.message + refused.hint
    [denied] = house.audited("session.denied")
    assert denied["reason"] == "environment variable PG is not set or empty"
    house.lease_error = LeaseFailed("cannot resolve db: no answer")
    await house.connect(house.token("T2"), "s_2")
    assert "Try again later" in house.engine.refused["s_2"].hint


async def test_a_token_is_not_used_up_by_a_session_that_never_was(house):
    """`Try again`, then `already used` (N8): the target was down when a token for one connection came."""
    token = house.token("T1", groups=("once",))
    house.lease_error = LeaseFailed("cannot resolve db")
    await house.connect(token, "s_1")
    assert "Try again" in house.engine.refused["s_1"].hint
    house.lease_error = None
    house.engine.login_succeeds = False
    await house.connect(token, "s_2")
    house.engine.hang_up("s_2")
    await house.settle(lambda: house.parts.table.seat("s_2") is None)
    house.engine.login_succeeds = True
    await house.connect(token, "s_3")
    assert "s_3" in house.engine.admitted
    await house.settle(lambda: house.audited("session.started"))
    # That was it.
    for number, gone in ((4, False), (5, True)):
        if gone:
            house.engine.hang_up("s_3")
            await house.settle(lambda: house.parts.table.seat("s_3") is None)
        await house.connect(token, f"s_{number}")
        assert "already" in house.engine.refused[f"s_{number}"].message
    assert len(await house.parts.store.grants()) == 1


async def test_two_at_once_are_never_two_sessions_of_one_token(house):
    """N8's kin: while the first is on its way, the second is refused; a revoked one stays revoked."""
    token = house.token("T1", groups=("once",))
    house.lease_gate = trio.Event()
    house.engine.connect(token, session="s_1")
    await house.settle(lambda: house.leases)
    await house.connect(token, "s_2")
    assert "already" in house.engine.refused["s_2"].message
    house.lease_error = LeaseFailed("gone")
    house.lease_gate.set()
    await house.answered("s_1")
    house.lease_error = None
    [grant] = await house.parts.store.grants()
    await revoke_grant(house.parts, grant.id, by="operator", reason="r")
    await house.connect(token, "s_3")
    assert "s_3" in house.engine.refused


async def test_pools_work_more_connections_join_the_same_grant(house):
    token = house.token("T1")
    for number in range(3):
        await house.connect(token, f"s_{number}")
    assert len({grant.id for grant, _ in house.engine.admitted.values()}) == 1
    assert len({grant.deadline_monotonic_ns for grant, _ in house.engine.admitted.values()}) == 1
    await house.connect(token, "s_3")
    assert house.engine.refused["s_3"].fault == "too_many"
    house.engine.hang_up("s_0")
    await house.settle(lambda: house.parts.table.seat("s_0") is None)
    await house.connect(token, "s_4")
    assert "s_4" in house.engine.admitted


async def test_parallel_first_uses_buy_one_grant(house):
    """Two connections of a pool at once must not buy two grants, each with its own session limit."""
    house.tokens.gate = trio.Event()
    token = house.token("T1")
    house.engine.connect(token, session="s_1")
    house.engine.connect(token, session="s_2")
    house.tokens.gate.set()
    await house.answered("s_1")
    await house.answered("s_2")
    assert len(house.engine.admitted) == 2
    assert len(await house.parts.store.grants()) == 1


async def test_parallel_first_uses_under_once_admit_one(house):
    """`once` means once: a race must not make it twice."""
    house.tokens.gate = trio.Event()
    token = house.token("T1", groups=("once",))
    for number in range(5):
        house.engine.connect(token, session=f"s_{number}")
    house.tokens.gate.set()
    for number in range(5):
        await house.answered(f"s_{number}")
    assert len(house.engine.admitted) == 1
    assert {refusal.fault for refusal in house.engine.refused.values()} == {"not_authorized"}


@pytest.mark.parametrize("group", ["data", "once"])
async def test_the_same_token_after_the_ttl_is_refused_and_told_which_grant_and_when(house, group):
    """The issuer still honours the token; what it bought is over."""
    token = house.token("T1", groups=(group,))
    await house.connect(token, "s_1")
    grant = house.engine.admitted["s_1"][0]
    house.engine.hang_up("s_1")
    house.wall.pass_time(grant.expires_at - house.wall.now)
    await house.connect(token, "s_2")
    refusal = house.engine.refused["s_2"]
    assert refusal.fault == "not_authorized"
    assert grant.id in refusal.detail
    assert "expired at 20" in refusal.detail
    assert "new access token" in refusal.hint


async def test_until_exp_buys_again_after_expiry_but_not_after_revocation(house):
    token = house.token("T1", groups=("lab",))
    await house.connect(token, "s_1")
    house.wall.pass_time(61)
    await house.connect(token, "s_2")
    first, second = (house.engine.admitted[session][0].id for session in ("s_1", "s_2"))
    assert first != second
    await revoke_grant(house.parts, second, by="operator", reason="test")
    await house.connect(token, "s_3")
    assert "was revoked" in house.engine.refused["s_3"].detail


async def test_a_token_that_bought_one_target_does_not_open_another(house):
    token = house.token("T1", groups=("data", "books"))
    await house.connect(token, "s_1")
    await house.connect(token, "s_2", database="billing")
    assert house.engine.refused["s_2"].fault == "not_authorized"
    assert "for target orders" in house.engine.refused["s_2"].detail


async def test_an_ungranted_target_is_refused_and_nothing_is_lent(house):
    await house.connect(house.token("T1"), "s_1", database="billing")
    assert house.engine.refused["s_1"].fault == "not_authorized"
    assert house.leases == 0
    [denied] = house.audited("session.denied")
    assert denied["code"] == "target_not_granted"
    assert denied["cid"] == "0oaAgent"


async def test_an_unverified_token_gets_one_text_and_the_audit_the_reason(house):
    await house.connect("forged.token.value", "s_1")
    refusal = house.engine.refused["s_1"]
    assert refusal.message == "the access token was not accepted"
    assert "signature" not in str(refusal)
    [denied] = house.audited("session.denied")
    assert "signature" in denied["reason"]
    assert b"forged" not in house.audit.getvalue()


async def test_a_credential_in_the_wrong_field_is_not_logged(house):
    """People paste the token as the database name; it then stood in the log for all to read."""
    await house.connect(house.token("T1"), "s_1", database="eyJhbGciOiJSUzI1NiJ9.planted")
    assert "s_1" in house.engine.refused
    assert b"planted" not in house.audit.getvalue()


async def test_a_ledger_that_fails_admits_nobody(house, monkeypatch):
    async def broken(*_, **__):
        raise StoreUnavailable("disk I/O error")

    monkeypatch.setattr(house.parts.store, "redeem", broken)
    await house.connect(house.token("T1"), "s_1")
    refusal = house.engine.refused["s_1"]
    assert refusal.fault == "unavailable"
    assert "grant store" in refusal.message
    assert not house.engine.admitted


async def test_a_lease_that_fails_is_a_refusal_without_its_reason(house):
    house.lease_error = LeaseFailed("cannot read /etc/secret-place")
    await house.connect(house.token("T1"), "s_1")
    refusal = house.engine.refused["s_1"]
    assert refusal.fault == LeaseFailed.fault
    assert "secret-place" not in msgspec.json.encode(refusal).decode()
    assert house.parts.table.seat("s_1") is None


async def test_a_bug_in_another_room_still_answers_the_client(house):
    house.lease_error = KeyError("bug")
    await house.connect(house.token("T1"), "s_1")
    assert house.engine.refused["s_1"].fault == "internal"


async def test_a_wall_clock_set_back_extends_nothing(house):
    """An operator, or NTP, sets the clock back an hour: the second connection must not get an hour more."""
    token = house.token("T1", ttl=7200)
    await house.connect(token, "s_1")
    house.wall.now -= 3600
    await house.connect(token, "s_2")
    first, second = (house.engine.admitted[session][0] for session in ("s_1", "s_2"))
    assert second.deadline_monotonic_ns == first.deadline_monotonic_ns
    house.wall.monotonic += 61 * 10**9
    await house.connect(token, "s_3")
    assert house.engine.refused["s_3"].fault == "not_authorized"


async def test_replication_needs_its_action(house):
    await house.connect(house.token("T1"), "s_1", replication=True)
    assert house.engine.refused["s_1"].fault == "not_granted"


async def test_hanging_up_during_admission_gives_the_seat_back(house):
    house.lease_gate = trio.Event()
    house.engine.connect(house.token("T1"), session="s_1")
    await house.settle(lambda: house.parts.table.seat("s_1"))
    house.engine.hang_up("s_1")
    await house.settle(lambda: house.parts.table.seat("s_1") is None)
    assert not house.engine.admitted
