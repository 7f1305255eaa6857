"""What grants have used of their budgets, kept in the store. Real SQLite, on disk."""

import sqlite3

import msgspec
import pytest
from tests.unit.store.test_ledger import NOW, offer, redeem

from hoopwire.model.grant import Budgets, Used
from hoopwire.store import GrantEnded, GrantNarrowed, GrantsUsed, SqliteStore, StoreUnavailable

SOME = Used(rows=10, bytes=1000, statements=3, wall_time_s=1.5)


@pytest.fixture
async def store(tmp_path):
    store = await SqliteStore.open(tmp_path / "hoopwire.sqlite", NOW)
    yield store
    await store.close()


async def test_what_was_used_was_forgotten_when_the_store_was_opened_again(tmp_path):
    store = await SqliteStore.open(tmp_path / "s.sqlite", NOW)
    grant = offer()
    await redeem(store, grant, secret_hash=b"h" * 32)
    assert (await store.grant(grant.id)).used == Used()
    await store.apply(GrantsUsed(used={grant.id: SOME}))
    await store.close()
    store = await SqliteStore.open(tmp_path / "s.sqlite", NOW)
    assert (await store.grant(grant.id)).used == SOME
    assert (await store.grant_by_secret(b"h" * 32)).used == SOME
    assert [listed.used for listed in await store.grants()] == [SOME]
    # a token that joins its grant again must not find it unused either
    joined = await redeem(store, offer())
    assert joined.grant.used == SOME
    await store.close()


async def test_it_is_never_lowered(store):
    """Two counts may come in any order, and one of a grant that is read again starts at an older one."""
    grant = offer()
    await redeem(store, grant)
    await store.apply(GrantsUsed(used={grant.id: SOME}))
    await store.apply(GrantsUsed(used={grant.id: Used(rows=2, bytes=2000)}))
    assert (await store.grant(grant.id)).used == msgspec.structs.replace(SOME, bytes=2000)
    with pytest.raises(sqlite3.IntegrityError, match="stays used"):
        store._database.execute("UPDATE used SET rows = 0")


async def test_a_grant_that_has_ended_still_learns_what_its_last_session_used(store):
    """The grant's row is never changed after its end, and the session's end comes behind it."""
    grant = offer()
    await redeem(store, grant)
    await store.apply(
        GrantEnded(id=grant.id, state="exhausted", by="budget", reason="used up", at=NOW + 1, expires_at=0.0)
    )
    await store.apply(GrantsUsed(used={grant.id: SOME}))
    ended = await store.grant(grant.id)
    assert (ended.state, ended.used) == ("exhausted", SOME)
    assert [one.id for one in await store.grants(state="exhausted")] == [grant.id]


async def test_one_grant_that_is_not_known_loses_no_other(store):
    grant = offer()
    await redeem(store, grant)
    await store.apply(GrantsUsed(used={"g_unknown": SOME, grant.id: SOME}))
    assert (await store.grant(grant.id)).used == SOME


async def test_what_the_grant_says_of_itself_does_not_count(store):
    """The grant is kept whole, as it was made or narrowed; what was used then is old."""
    grant = offer()
    await redeem(store, grant)
    await store.apply(GrantsUsed(used={grant.id: SOME}))
    await store.apply(
        GrantNarrowed(grant=msgspec.structs.replace(grant, budgets=Budgets(rows=20), used=Used(rows=99)))
    )
    narrowed = await store.grant(grant.id)
    assert (narrowed.budgets.rows, narrowed.used) == (20, SOME)


async def test_a_store_that_cannot_be_written_says_so(store, tmp_path):
    grant = offer()
    await redeem(store, grant)
    store._database.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(tmp_path / "hoopwire.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await store.apply(GrantsUsed(used={grant.id: SOME}))
    other.execute("ROLLBACK")
    await store.apply(GrantsUsed(used={grant.id: SOME}))
    assert (await store.grant(grant.id)).used == SOME
    other.close()
