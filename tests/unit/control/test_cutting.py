"""What ends sessions from our side: operators, time, policies; and the races between that and admission."""

import msgspec
import pytest
import trio

from hoopwire.control.files import StartError
from hoopwire.control.revocation import end_sessions, revoke_grant, sweep
from hoopwire.model.units import Seconds
from hoopwire.store import StoreUnavailable


async def test_revoking_a_grant_ends_its_sessions_and_its_token(house):
    token = house.token("T1")
    await house.connect(token, "s_1")
    await house.connect(token, "s_2")
    grant = house.engine.admitted["s_1"][0].id
    revoked = await revoke_grant(house.parts, grant, by="operator", reason="left the team")
    assert revoked.state == "revoked"
    assert house.engine.live == frozenset()
    words = house.engine.revoked["s_1"]
    assert (words.fault, words.closed_by) == ("ended", "operator")
    assert grant in words.message
    assert "left the team" in words.detail
    await house.connect(token, "s_3")
    assert "was revoked" in house.engine.refused["s_3"].detail


async def test_revoking_while_admitting_leaves_no_live_session(house):
    """The grant was revoked between the ledger and the lease; the session then came up all the same."""
    house.lease_gate = trio.Event()
    house.engine.connect(house.token("T1"), session="s_1")
    await house.settle(lambda: house.parts.table.seat("s_1"))
    [grant] = await house.parts.store.grants()
    await revoke_grant(house.parts, grant.id, by="operator", reason="")
    house.lease_gate.set()
    await house.answered("s_1")
    assert house.engine.admitted == {}
    assert house.engine.refused["s_1"].fault == "not_authorized"


async def test_revoking_while_the_token_is_verified_leaves_no_live_session(house):
    """A pool's second connection waits for the issuer's keys while its grant is revoked."""
    token = house.token("T1")
    await house.connect(token, "s_1")
    house.tokens.gate = trio.Event()
    house.engine.connect(token, session="s_2")
    grant = house.engine.admitted["s_1"][0].id
    await revoke_grant(house.parts, grant, by="operator", reason="")
    house.tokens.gate.set()
    await house.answered("s_2")
    assert "s_2" in house.engine.refused
    assert house.engine.live == frozenset()


async def test_revoking_during_the_upstream_login_ends_the_session(house):
    """The engine was told to admit but had not logged in upstream when the revocation came."""
    house.engine.login_succeeds = False
    await house.connect(house.token("T1"), "s_1")
    grant = house.engine.admitted["s_1"][0].id
    await revoke_grant(house.parts, grant, by="operator", reason="")
    assert house.engine.live == frozenset()


async def test_a_session_that_starts_after_its_end_is_ended_again(house, monkeypatch):
    """An engine that says "gone" to a revoke, and starts the session after all, must hear it twice."""
    house.engine.login_succeeds = False
    await house.connect(house.token("T1"), "s_1")
    real = house.engine.revoke
    monkeypatch.setattr(house.engine, "revoke", lambda session, refusal: False)
    await revoke_grant(house.parts, house.engine.admitted["s_1"][0].id, by="operator", reason="")
    monkeypatch.setattr(house.engine, "revoke", real)
    house.engine.started("s_1")
    await house.settle(lambda: house.engine.live == frozenset())


async def test_a_store_that_fails_delays_no_cut(house, monkeypatch):
    await house.connect(house.token("T1"), "s_1")

    async def broken(*_, **__):
        raise StoreUnavailable("disk I/O error")

    monkeypatch.setattr(house.parts.store, "apply", broken)
    await revoke_grant(house.parts, house.engine.admitted["s_1"][0].id, by="operator", reason="")
    assert house.engine.live == frozenset()
    monkeypatch.undo()
    await house.connect("T1", "s_2")
    assert "s_2" in house.engine.refused


async def test_a_store_that_cannot_even_be_read_delays_no_cut(house, monkeypatch):
    await house.connect(house.token("T1"), "s_1")

    async def broken(*_, **__):
        raise StoreUnavailable("disk I/O error")

    monkeypatch.setattr(house.parts.store, "grant", broken)
    await revoke_grant(house.parts, house.engine.admitted["s_1"][0].id, by="operator", reason="")
    assert house.engine.live == frozenset()


async def test_ending_one_session_leaves_its_grant(house):
    token = house.token("T1")
    await house.connect(token, "s_1")
    assert end_sessions(house.parts, ["s_1"], by="operator", reason="too long")
    assert house.engine.revoked["s_1"].fault == "ended"
    await house.connect(token, "s_2")
    assert "s_2" in house.engine.admitted
    assert not end_sessions(house.parts, ["s_nope"], by="operator", reason="")


async def test_the_sweep_writes_expiry_down_and_cuts_what_the_engine_left(house):
    await house.connect(house.token("T1"), "s_1")
    house.wall.pass_time(60)
    await sweep(house.parts)
    [grant] = await house.parts.store.grants()
    assert (grant.state, grant.ended_by, grant.ended_at) == ("expired", "time", grant.expires_at)
    house.wall.pass_time(3)
    await sweep(house.parts)
    assert house.engine.revoked["s_1"].fault == "ended"
    assert [event["grant"] for event in house.audited("grant.expired")] == [grant.id]


async def test_the_sweep_believes_the_monotonic_clock_when_the_wall_went_back(house):
    await house.connect(house.token("T1"), "s_1")
    house.wall.now -= 3600
    house.wall.monotonic += 61 * 10**9
    await sweep(house.parts)
    [grant] = await house.parts.store.grants()
    assert grant.state == "expired"


def with_policy(settings, **changes):
    first, *others = settings.policies
    return msgspec.structs.replace(settings, policies=(msgspec.structs.replace(first, **changes), *others))


async def test_reload_cuts_what_the_policy_no_longer_gives(house):
    await house.connect(house.token("T1"), "s_1")
    house.settings = with_policy(house.settings, groups=("others",))
    reloaded = await house.running.reload()
    assert (reloaded.cut, reloaded.narrowed) == (1, 0)
    assert house.engine.revoked["s_1"].fault == "ended"
    [grant] = await house.parts.store.grants()
    assert (grant.state, grant.ended_by) == ("revoked", "policy")


async def test_reload_narrows_live_sessions_and_cuts_those_in_a_lost_database(house):
    token = house.token("T1")
    await house.connect(token, "s_1", database="orders")
    await house.connect(token, "s_2", database="orders/analytics")
    house.settings = with_policy(house.settings, targets=("orders",), ttl=Seconds(30))
    reloaded = await house.running.reload()
    assert (reloaded.cut, reloaded.narrowed) == (0, 1)
    [regranted] = house.engine.regranted["s_1"]
    assert regranted.deadline_monotonic_ns == house.wall.monotonic + 30 * 10**9
    assert house.engine.live == {"s_1"}
    said = house.engine.revoked["s_2"].message
    assert "no longer opens database" in said
    assert "revoked" not in said, "the grant lives on"
    [stored] = await house.parts.store.grants()
    assert stored.databases == ("orders",)
    house.settings = with_policy(house.settings, targets=("orders/*",), ttl=Seconds(900))
    await house.running.reload()
    await house.connect(token, "s_3", database="orders/analytics")
    assert "s_3" in house.engine.refused, "a policy that grows again must not widen an old grant"


async def test_a_session_that_cannot_be_narrowed_is_ended(house, monkeypatch):
    """The engine refused the narrower grant, and the session went on under the wide one."""

    def refuse(session, grant):
        raise ValueError("malformed")

    await house.connect(house.token("T1"), "s_1")
    monkeypatch.setattr(house.engine, "regrant", refuse)
    house.settings = with_policy(house.settings, ttl=Seconds(30))
    await house.running.reload()
    assert house.engine.live == frozenset()
    assert house.engine.revoked["s_1"].fault == "ended"


async def test_one_bad_event_does_not_deafen_the_control_plane(house, monkeypatch):
    """A bug in handling one event ended the loop: no admission and no revocation was heard after it."""

    def bug(session):
        raise RuntimeError("bug")

    monkeypatch.setattr(house.parts.table, "started", bug)
    await house.connect(house.token("T1"), "s_1")
    await house.connect(house.token("T2"), "s_2")
    assert set(house.engine.admitted) == {"s_1", "s_2"}


async def test_reload_while_admitting_is_decided_by_the_new_policy(house):
    """The offer was made under the old policy; the session came up after the reload had looked at all."""
    house.lease_gate = trio.Event()
    house.engine.connect(house.token("T1"), session="s_1")
    await house.settle(lambda: house.parts.table.seat("s_1"))
    house.settings = with_policy(house.settings, groups=("others",))
    await house.running.reload()
    house.lease_gate.set()
    await house.answered("s_1")
    assert house.engine.admitted == {}


async def test_reload_while_admitting_narrows_what_is_admitted(house):
    """The seat was narrowed, and the admission then put its own older, longer grant in its place."""
    house.lease_gate = trio.Event()
    house.engine.connect(house.token("T1"), session="s_1")
    await house.settle(lambda: house.parts.table.seat("s_1"))
    house.settings = with_policy(house.settings, ttl=Seconds(30))
    await house.running.reload()
    house.lease_gate.set()
    await house.answered("s_1")
    assert house.engine.admitted["s_1"][0].deadline_monotonic_ns == house.wall.monotonic + 30 * 10**9


async def test_a_grant_that_expires_while_admitting_admits_nobody(house):
    house.lease_gate = trio.Event()
    house.engine.connect(house.token("T1"), session="s_1")
    await house.settle(lambda: house.parts.table.seat("s_1"))
    house.wall.pass_time(60)
    house.lease_gate.set()
    await house.answered("s_1")
    assert house.engine.admitted == {}


async def test_a_bad_file_keeps_the_old_settings_and_says_so(house):
    await house.connect(house.token("T1"), "s_1")
    before = house.parts.current
    house.settings = ValueError('gateway.toml:3: unknown key "taget", did you mean "target"?')
    with pytest.raises(StartError, match="did you mean"):
        await house.running.reload()
    assert house.parts.current is before
    assert house.engine.live == {"s_1"}
    [failed] = house.audited("gateway.reload_failed")
    assert "did you mean" in failed["reason"]


async def test_a_bad_certificate_keeps_the_old_settings(house, tmp_path):
    before = house.parts.current
    bad = tmp_path / "bad.crt"
    bad.write_text("not a certificate")
    tls = msgspec.structs.replace(house.settings.listen.tls, certificate=str(bad))
    listen = msgspec.structs.replace(house.settings.listen, tls=tls)
    house.settings = msgspec.structs.replace(house.settings, listen=listen)
    with pytest.raises(StartError):
        await house.running.reload()
    assert house.parts.current is before
    await house.connect(house.token("T1"), "s_1")
    assert "s_1" in house.engine.admitted


async def test_reload_names_what_needs_a_restart(house):
    gateway = msgspec.structs.replace(house.settings.gateway, node="other")
    house.settings = msgspec.structs.replace(house.settings, gateway=gateway)
    assert (await house.running.reload()).restart_needed == ("gateway.node",)


async def test_drain_refuses_newcomers(house):
    house.parts.table.draining = True
    await house.connect(house.token("T1"), "s_1")
    assert house.engine.refused["s_1"].fault == "unavailable"
