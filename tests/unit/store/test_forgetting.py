"""Tables that grow are bounded, and what a gateway must not forget can be copied: R16, I21."""

import sqlite3
import stat
import threading

import pytest
import trio

from hoopwire.model.grant import Grant, Used
from hoopwire.model.identity import Evidence, Principal
from hoopwire.store import (
    AuditRow,
    GrantEnded,
    GrantsUsed,
    Journal,
    Minted,
    SecretHasher,
    Spent,
    SqliteStore,
    StoreError,
    ulid,
)
from hoopwire.store.backup import back_up, restore

NOW = 1_800_000_000.0
DAY = 86_400.0


@pytest.fixture
async def store(tmp_path):
    store = await SqliteStore.open(tmp_path / "hoopwire.sqlite", NOW)
    yield store
    await store.close()


def offer(jti="j1", *, at=NOW, ttl=60.0) -> Grant:
    return Grant(
        id="g_" + ulid(at),
        principal=Principal(issuer="https://id/", kind="service", cid="0oaA"),
        evidence=Evidence(jti=jti, kid="k", iat=int(at), exp=int(at) + 3600),
        mint="implicit",
        target="orders",
        upstream_user="u",
        databases=("orders",),
        actions=("query",),
        policy="p",
        policy_hash="h",
        token_reuse="once",
        minted_at=at,
        expires_at=at + ttl,
    )


def ended(grant: Grant, at: float) -> GrantEnded:
    return GrantEnded(id=grant.id, state="revoked", by="b", reason="r", at=at, expires_at=grant.expires_at)


class TestForgetting:
    async def test_old_grants_go_with_all_that_belongs_to_them(self, store):
        """Grants, secrets, what was used, audit rows: never deleted (R16)."""
        old, young, live = (offer(jti, at=NOW + days * DAY) for jti, days in (("a", 0), ("b", 50), ("c", 95)))
        for grant in (old, young, live):
            await store.redeem(grant, now=grant.minted_at, secret_hash=grant.id.encode().ljust(32, b"0")[:32])
            await store.append_audit([AuditRow(at=grant.minted_at, kind="k", grant=grant.id, body="{}")])
        await store.apply(GrantsUsed(used={old.id: Used(rows=1), young.id: Used(rows=2)}))
        await store.apply(ended(old, NOW + 1))
        await store.apply(ended(young, NOW + 50 * DAY + 1))
        now = NOW + 95 * DAY
        before = {"audit_before": now - 90 * DAY, "grants_before": now - 90 * DAY, "limit": 10}
        assert await store.forget(**before) == 1, "the token is still in the ledger"
        await store.prune_ledger(now)
        assert await store.forget(**before) == 1
        assert await store.forget(**before) == 0
        assert {grant.id for grant in await store.grants()} == {young.id, live.id}
        assert [row.grant for row in await store.audit()] == [live.id, young.id]
        tables = ("grants", "secrets", "used")
        counts = [store._database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
        assert counts == [2, 2, 1]
        assert store._database.execute("PRAGMA foreign_key_check").fetchall() == []

    async def test_a_few_at_a_time(self, store):
        """So that who logs in does not wait for a year's rows (R16)."""
        await store.append_audit([AuditRow(at=NOW, kind="k", body="{}")] * 25)
        forgotten = [await store.forget(audit_before=NOW + 1, grants_before=None, limit=10) for _ in range(4)]
        assert forgotten == [10, 10, 5, 0]

    async def test_a_grant_whose_token_could_buy_again_is_kept(self, store):
        """Forgotten with its ledger row it would be bought twice (R16's kin)."""
        grant = offer()
        await store.redeem(grant, now=NOW)
        await store.apply(ended(grant, NOW))
        await store.forget(audit_before=None, grants_before=NOW + DAY, limit=10)
        assert isinstance(await store.redeem(offer(), now=NOW + 1), Spent)

    async def test_none_keeps_all(self, store):
        await store.append_audit([AuditRow(at=NOW, kind="k", body="{}")])
        assert await store.forget(audit_before=None, grants_before=None, limit=10) == 0


class TestBackup:
    """No backup command (R16)."""

    @pytest.fixture
    async def state(self, tmp_path):
        """A state directory with one grant."""
        state = tmp_path / "state"
        state.mkdir(mode=0o700)
        SecretHasher.open(state / "secret.key")
        store = await SqliteStore.open(state / "hoopwire.sqlite", NOW)
        journal, _ = await Journal.open(state / "hoopwire.journal")
        grant = offer()
        await store.redeem(grant, now=NOW)
        await journal.append([ended(grant, NOW)])
        yield state
        journal.close()
        await store.close()

    async def test_there_and_back(self, state, tmp_path):
        backup, other = tmp_path / "backup", tmp_path / "other"
        await trio.to_thread.run_sync(back_up, state, backup)
        assert stat.S_IMODE(backup.stat().st_mode) == 0o700
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in backup.iterdir()} == dict.fromkeys(
            ("hoopwire.sqlite", "hoopwire.journal", "secret.key"), 384
        )
        other.mkdir()
        assert restore(backup, other) is None
        store = await SqliteStore.open(other / "hoopwire.sqlite", NOW)
        journal, left = await Journal.open(other / "hoopwire.journal")
        [grant] = await store.grants()
        assert [change.id for change in left] == [grant.id]
        journal.close()
        await store.close()

    async def test_while_it_is_written(self, state, tmp_path):
        """Each backup holds a state that was (R16): every grant of it has its ledger row."""
        done = threading.Event()

        def write() -> None:
            async def mint() -> None:
                store = await SqliteStore.open(state / "hoopwire.sqlite", NOW)
                number = 0
                while not done.is_set() or number < 20:
                    number += 1
                    assert isinstance(await store.redeem(offer(f"w{number}"), now=NOW), Minted)
                await store.close()

            trio.run(mint)

        thread = threading.Thread(target=write)
        thread.start()
        for number in range(3):
            await trio.to_thread.run_sync(back_up, state, tmp_path / f"backup{number}")
        done.set()
        await trio.to_thread.run_sync(thread.join)
        for number in range(3):
            copied = sqlite3.connect(tmp_path / f"backup{number}/hoopwire.sqlite")
            grants, bought = (
                copied.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("grants", "ledger")
            )
            assert grants == bought
            copied.close()

    async def test_what_was_there_is_moved_aside(self, state, tmp_path):
        await trio.to_thread.run_sync(back_up, state, tmp_path / "backup")
        aside = restore(tmp_path / "backup", state)
        assert aside is not None
        assert (aside / "hoopwire.sqlite").exists()
        assert not (state / "restoring").exists()
        # The write-ahead log of the old one must not be taken for the new one's.
        assert not (state / "hoopwire.sqlite-wal").exists()

    @pytest.mark.parametrize("name", ["hoopwire.sqlite", "secret.key", "hoopwire.journal"])
    async def test_one_that_is_not_whole_is_refused_and_changes_nothing(self, state, tmp_path, name):
        backup = tmp_path / "backup"
        await trio.to_thread.run_sync(back_up, state, backup)
        before = {path.name: path.stat().st_ino for path in state.iterdir()}
        (backup / name).unlink()
        with pytest.raises(StoreError, match="is no backup"):
            restore(backup, state)
        assert {path.name: path.stat().st_ino for path in state.iterdir()} == before

    async def test_a_damaged_one_is_refused(self, state, tmp_path):
        backup = tmp_path / "backup"
        await trio.to_thread.run_sync(back_up, state, backup)
        content = bytearray((backup / "hoopwire.sqlite").read_bytes())
        content[4096:12288] = b"x" * 8192
        (backup / "hoopwire.sqlite").write_bytes(content)
        with pytest.raises(StoreError):
            restore(backup, state)

    async def test_nothing_is_overwritten_and_a_failure_leaves_nothing(self, state, tmp_path):
        (tmp_path / "there").mkdir()
        with pytest.raises(StoreError, match="goes to a new directory"):
            back_up(state, tmp_path / "there")
        (state / "secret.key").unlink()
        with pytest.raises(StoreError, match="the backup failed"):
            back_up(state, tmp_path / "new")
        assert [path.name for path in tmp_path.iterdir() if "new" in path.name] == []
