"""The files of the state directory: modes, survival, and what a stolen copy is worth."""

import os
import sqlite3
import stat
import sys

import pytest
import trio

from hoopwire.store import (
    SecretHasher,
    SecretMalformed,
    SqliteStore,
    StoreError,
    StoreUnavailable,
    mint_secret,
    secret_grant,
    ulid,
)
from hoopwire.store.migrate import migrations

NOW = 1_800_000_000.0


async def test_database_files_are_private_under_any_umask(tmp_path):
    before = os.umask(0)
    try:
        store = await SqliteStore.open(tmp_path / "s.sqlite", NOW)
        await store.prune_ledger(NOW)
        modes = {path.name: stat.S_IMODE(os.stat(path).st_mode) for path in os.scandir(tmp_path)}
        await store.close()
    finally:
        os.umask(before)
    assert len(modes) == 3, modes
    assert set(modes.values()) == {0o600}


async def test_every_commit_is_synced(tmp_path):
    """WAL with synchronous=NORMAL loses the last mints with the host, and their tokens buy again."""
    store = await SqliteStore.open(tmp_path / "s.sqlite", NOW)
    read = lambda name: store._database.execute(f"PRAGMA {name}").fetchone()[0]  # noqa: E731
    assert (read("journal_mode"), read("synchronous")) == ("wal", 2)
    await store.close()


async def test_what_was_committed_survives_kill_9(tmp_path):
    script = (
        "import os, sys, trio\n"
        "from pathlib import Path\n"
        "from hoopwire.store import SqliteStore, AuditRow\n"
        "async def main():\n"
        "    store = await SqliteStore.open(Path(sys.argv[1]), 1.0)\n"
        "    await store.append_audit([AuditRow(at=1.0, kind='k', body='{}')])\n"
        "    os.kill(os.getpid(), 9)\n"
        "trio.run(main)\n"
    )
    path = tmp_path / "s.sqlite"
    done = await trio.run_process([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -9
    store = await SqliteStore.open(path, NOW)
    assert len(await store.audit()) == 1
    await store.close()


async def test_migrations_run_once_and_are_numbered_without_gaps(tmp_path):
    assert [number for number, _, _ in migrations()] == list(range(1, len(migrations()) + 1))
    for _ in range(2):
        store = await SqliteStore.open(tmp_path / "s.sqlite", NOW)
        rows = store._database.execute("SELECT number FROM migrations").fetchall()
        assert len(rows) == len(migrations())
        await store.close()


async def test_a_newer_database_is_refused(tmp_path):
    store = await SqliteStore.open(tmp_path / "s.sqlite", NOW)
    store._database.execute("INSERT INTO migrations VALUES (9999, '9999_later.sql', 0)")
    await store.close()
    with pytest.raises(StoreError, match="newer hoopwire"):
        await SqliteStore.open(tmp_path / "s.sqlite", NOW)


async def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path):
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"not a database, really not" * 100)
    with pytest.raises(StoreError, match=r"s\.sqlite"):
        await SqliteStore.open(path, NOW)


async def test_a_locked_database_is_unavailable_not_a_crash(tmp_path):
    store = await SqliteStore.open(tmp_path / "s.sqlite", NOW)
    store._database.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.prune_ledger(NOW)
    other.execute("ROLLBACK")
    other.close()
    assert await store.prune_ledger(NOW) == 0
    await store.close()


def test_the_hash_key_is_made_once_and_private(tmp_path):
    path = tmp_path / "secret.key"
    first = SecretHasher.open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SecretHasher.open(path).hash("x") == first.hash("x")
    assert SecretHasher(b"k" * 32).hash("x") != first.hash("x")
    assert path.read_bytes().hex() not in repr(first)


def test_a_mask_key_is_the_same_after_a_restart_and_another_for_each_target(tmp_path):
    """Hashes that change with a restart, or that join two targets, are no masks."""
    path = tmp_path / "secret.key"
    first = SecretHasher.open(path)
    again = SecretHasher.open(path)
    assert len(first.mask_key("orders")) == 32
    assert first.mask_key("orders") == again.mask_key("orders")
    assert first.mask_key("orders") != first.mask_key("payroll")
    assert first.mask_key("orders") != SecretHasher(b"k" * 32).mask_key("orders")


def test_a_key_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "secret.key"
    SecretHasher.open(path)
    path.chmod(0o640)
    with pytest.raises(ValueError, match="chmod 600"):
        SecretHasher.open(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        SecretHasher.open(path)


def test_secrets_are_long_distinct_and_checked():
    grant = "g_" + ulid(NOW)
    secrets = {mint_secret(grant) for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert len(secret) == 79
        assert secret_grant(secret) == grant
        assert secret.replace("_", "").isalnum(), "a double click must select all of it"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s[:-1],
        lambda s: s + "A",
        lambda s: s[:40] + ("B" if s[40] != "B" else "C") + s[41:],
        lambda s: s[:-1] + ("B" if s[-1] != "B" else "C"),
        lambda s: s[:-1] + "é",
        lambda s: "hw1_",
        lambda s: "",
    ],
)
def test_a_spoiled_secret_is_told_apart_without_a_look_up(spoil):
    secret = mint_secret("g_" + ulid(NOW))
    with pytest.raises(SecretMalformed) as refused:
        secret_grant(spoil(secret))
    assert secret[10:30] not in str(refused.value)


def test_ulids_sort_by_time_and_cannot_be_guessed():
    early, late = ulid(NOW), ulid(NOW + 1)
    assert early < late
    assert len(early) == 26
    assert len({ulid(NOW) for _ in range(1000)}) == 1000
    assert ulid(0.0)[:10] == "0" * 10
