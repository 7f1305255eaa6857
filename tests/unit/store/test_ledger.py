"""The ledger: which token bought which grant. Real SQLite, on disk."""

import msgspec
import pytest
import trio

from hoopwire.model.grant import Grant
from hoopwire.model.identity import Evidence, Principal
from hoopwire.store import (
    AuditRow,
    GrantEnded,
    GrantNarrowed,
    Joined,
    Minted,
    Spent,
    SqliteStore,
    StoreUnavailable,
    ulid,
)

NOW = 1_800_000_000.0


@pytest.fixture
async def store(tmp_path):
    store = await SqliteStore.open(tmp_path / "hoopwire.sqlite", NOW)
    yield store
    await store.close()


def offer(
    jti="j1", *, target="orders", reuse="window", mint="implicit", cid="0oaA", ttl=60.0, at=NOW
) -> Grant:
    return Grant(
        id="g_" + ulid(at),
        principal=Principal(issuer="https://id/", kind="service", cid=cid),
        evidence=Evidence(jti=jti, kid="k", iat=int(NOW), exp=int(NOW) + 3600),
        mint=mint,
        target=target,
        upstream_user="u",
        databases=("orders",),
        actions=("query",),
        policy="p",
        policy_hash="h",
        token_reuse=reuse,
        minted_at=at,
        expires_at=at + ttl,
    )


async def redeem(store, grant, now=NOW, **fields):
    return await store.redeem(grant, now=now, **fields)


async def test_first_use_mints_and_keeps_grant_ledger_and_audit_together(store):
    row = AuditRow(at=NOW, kind="grant.minted", body="{}")
    first = offer()
    assert await redeem(store, first, audit=[row]) == Minted(first)
    assert await store.grant(first.id) == first
    assert await store.audit() == [row]


@pytest.mark.parametrize(
    ("reuse", "winners", "grants"), [("once", 1, 1), ("window", 20, 1), ("until_exp", 20, 1)]
)
async def test_twenty_parallel_first_uses(store, reuse, winners, grants):
    """A check and then an insert let two connections each buy a grant with one token."""
    results = []

    async def use():
        results.append(await redeem(store, offer(reuse=reuse)))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(use)
    assert sum(isinstance(result, Minted) for result in results) == 1
    assert sum(isinstance(result, Minted | Joined) for result in results) == winners
    assert len(await store.grants()) == grants
    assert len({result.grant.id for result in results}) == 1


async def test_two_processes_race_for_the_first_use(store, tmp_path):
    """The unique index decides, not a lock inside one process."""
    other = await SqliteStore.open(tmp_path / "hoopwire.sqlite", NOW)
    results = []

    async def use(which):
        results.append(await redeem(which, offer(reuse="once")))

    async with trio.open_nursery() as nursery:
        for which in (store, other) * 8:
            nursery.start_soon(use, which)
    await other.close()
    assert sum(isinstance(result, Minted) for result in results) == 1


@pytest.mark.parametrize("reuse", ["once", "window"])
async def test_after_the_grants_end_the_token_is_spent(store, reuse):
    first = offer(reuse=reuse)
    await redeem(store, first)
    again = await redeem(store, offer(reuse=reuse, at=NOW + 60), now=NOW + 60)
    assert isinstance(again, Spent)
    assert (again.grant.id, again.grant.state, again.why) == (first.id, "expired", "ended")
    assert again.grant.ended_at == first.expires_at
    stored = await store.grant(first.id)
    assert stored.state == "expired"


async def test_a_moment_before_the_end_it_joins(store):
    first = offer()
    await redeem(store, first)
    assert await redeem(store, offer(), now=NOW + 59.999) == Joined(first)


async def test_the_stricter_mode_counts(store):
    """A policy edited from `window` to `once`, or back, must not loosen what was bought."""
    await redeem(store, offer("a", reuse="once"))
    assert isinstance(await redeem(store, offer("a", reuse="until_exp")), Spent)
    await redeem(store, offer("b", reuse="until_exp"))
    assert isinstance(await redeem(store, offer("b", reuse="once")), Spent)


async def test_until_exp_buys_again_only_after_expiry(store):
    first = offer(reuse="until_exp")
    await redeem(store, first)
    second = offer(reuse="until_exp", at=NOW + 61)
    assert await redeem(store, second, now=NOW + 61) == Minted(second)
    await store.apply(
        GrantEnded(id=second.id, state="revoked", by="operator", reason="", at=NOW + 62, expires_at=0.0)
    )
    assert isinstance(await redeem(store, offer(reuse="until_exp"), now=NOW + 63), Spent)


async def test_another_target_and_another_principal_do_not_join(store):
    await redeem(store, offer())
    assert (await redeem(store, offer(target="billing"))).why == "other_target"
    assert isinstance(await redeem(store, offer(cid="0oaB")), Spent)


async def test_the_same_jti_of_two_issuers_are_two_tokens(store):
    await redeem(store, offer())
    other = msgspec.structs.replace(
        offer(), principal=Principal(issuer="https://other/", kind="service", cid="0oaA")
    )
    assert isinstance(await redeem(store, other), Minted)


async def test_a_token_without_jti_buys_nothing(store):
    """An empty jti would make all such tokens one token."""
    with pytest.raises(StoreUnavailable):
        await redeem(store, offer(""))
    assert await store.grants() == []


async def test_an_explicit_offer_never_joins(store):
    await redeem(store, offer())
    assert (await redeem(store, offer(mint="explicit"))).why == "explicit"


async def test_a_failing_audit_row_keeps_nothing_of_the_mint(store):
    """Half a mint is a spent token without a grant, or a grant that nobody wrote down."""
    bad = AuditRow(at="not a time", kind="grant.minted", body="{}")  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        await redeem(store, offer(), secret_hash=b"x" * 32, audit=[bad])
    assert await store.grants() == []
    assert await store.grant_by_secret(b"x" * 32) is None
    assert isinstance(await redeem(store, offer()), Minted)


async def test_a_final_state_is_never_left(store):
    first = offer()
    await redeem(store, first)
    assert await store.apply(
        GrantEnded(id=first.id, state="revoked", by="operator", reason="r", at=NOW + 1, expires_at=0.0)
    )
    assert not await store.apply(
        GrantEnded(id=first.id, state="expired", by="time", reason="", at=NOW + 2, expires_at=0.0)
    )
    assert not await store.apply(GrantNarrowed(grant=first))
    assert await store.expire_grants(NOW + 3600) == []
    stored = await store.grant(first.id)
    assert (stored.state, stored.ended_by, stored.ended_at) == ("revoked", "operator", NOW + 1)
    with pytest.raises(StoreUnavailable, match="has ended"):
        await store._run(
            lambda: store._database.execute("UPDATE grants SET state = 'active', ended_at = NULL")
        )


async def test_audit_rows_are_never_changed(store):
    await store.append_audit([AuditRow(at=NOW, kind="k", body="{}")])
    with pytest.raises(StoreUnavailable, match="never changed"):
        await store._run(lambda: store._database.execute("UPDATE audit SET body = ''"))


async def test_narrowing_never_lengthens(store):
    first = offer()
    await redeem(store, first)
    narrowed = msgspec.structs.replace(first, actions=(), expires_at=NOW + 30)
    assert await store.apply(GrantNarrowed(grant=narrowed))
    assert (await store.grant(first.id)).expires_at == NOW + 30
    assert [grant.id for grant in await store.expire_grants(NOW + 30)] == [first.id]


async def test_ledger_rows_outlive_their_token(store):
    """Pruned too early, and a clock set back lets the token buy again."""
    await redeem(store, offer())
    assert await store.prune_ledger(NOW + 3600 + 86_400) == 0
    assert isinstance(await redeem(store, offer(), now=NOW + 3600), Spent)
    assert await store.prune_ledger(NOW + 3600 + 86_401) == 1


async def test_secrets_find_their_grant(store):
    first = offer(mint="explicit")
    await redeem(store, first, secret_hash=b"h" * 32)
    assert await store.grant_by_secret(b"h" * 32) == first
    assert await store.grant_by_secret(b"i" * 32) is None


async def test_grants_are_listed_newest_first_by_state(store):
    for number in range(3):
        await redeem(store, offer(f"j{number}", at=NOW + number))
    newest = (await store.grants())[0]
    assert newest.evidence.jti == "j2"
    await store.apply(
        GrantEnded(id=newest.id, state="revoked", by="operator", reason="", at=NOW + 9, expires_at=0.0)
    )
    assert [grant.id for grant in await store.grants(state="revoked")] == [newest.id]
    assert len(await store.grants(limit=1)) == 1
