"""The journal: what the store could not take, on disk, whatever the volume does."""

import os
import stat

import pytest
import trio

from hoopwire.model.grant import Used
from hoopwire.model.lock import Lock
from hoopwire.store import (
    GrantEnded,
    GrantsUsed,
    Journal,
    LocksLifted,
    PrincipalLocked,
    StoreError,
)

END = GrantEnded(id="g_1", state="revoked", by="operator", reason="r", at=1.0, expires_at=2.0)
LOCK = PrincipalLocked(lock=Lock(id="l_1", principal="cid:a", at=1.0, by="operator", reason="r"))
OTHERS = [
    LOCK,
    LocksLifted(ids=("l_1",), at=2.0, by="operator", reason=""),
    GrantsUsed(used={"g_1": Used(rows=3)}),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "hoopwire.journal"


async def reopened(path):
    journal, changes = await Journal.open(path)
    journal.close()
    return changes


async def test_what_was_appended_is_there_for_the_next_run(path):
    """R1: a revocation lived in the process alone while the store could not write."""
    journal, left_over = await Journal.open(path)
    assert (left_over, journal.is_empty) == ([], True)
    await journal.append([END])
    await journal.append(OTHERS)
    assert not journal.is_empty
    journal.close()
    assert await reopened(path) == [END, *OTHERS]
    assert await reopened(path) == [END, *OTHERS], "reading takes nothing out"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_its_room_is_taken_beforehand(path):
    """R1: on a full volume a file cannot grow; what is written stays within what there was."""
    journal, _ = await Journal.open(path)
    before = path.stat()
    for _ in range(200):
        await journal.append([END])
    after = path.stat()
    assert (after.st_size, after.st_blocks) == (before.st_size, before.st_blocks)
    await journal.clear()
    assert path.stat().st_blocks == before.st_blocks
    journal.close()


async def test_what_is_cleared_is_gone_and_does_not_come_back_behind_shorter_entries(path):
    journal, _ = await Journal.open(path)
    await journal.append([END, *OTHERS])
    await journal.clear()
    assert journal.is_empty
    await journal.append([LOCK])
    journal.close()
    assert await reopened(path) == [LOCK]


@pytest.mark.parametrize("cut", range(1, 60, 7))
async def test_an_entry_that_a_crash_cut_off_had_not_been_acknowledged(path, cut):
    journal, _ = await Journal.open(path)
    await journal.append([END])
    whole = path.read_bytes().partition(b"\0")[0]
    await journal.append([LOCK])
    journal.close()
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.write(content[: len(whole) + cut] + bytes(len(content) - len(whole) - cut))
    assert await reopened(path) == [END]
    journal, _ = await Journal.open(path)
    await journal.append(OTHERS)
    journal.close()
    assert await reopened(path) == [END, *OTHERS]


@pytest.mark.parametrize("at", [0, 5, 12, 40])
async def test_damage_before_the_last_entry_starts_no_gateway(path, at):
    """A start that skipped it would let a revoked token in."""
    journal, _ = await Journal.open(path)
    await journal.append([END])
    await journal.append([LOCK])
    journal.close()
    content = bytearray(path.read_bytes())
    content[at] ^= 0x01
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        await Journal.open(path)


@pytest.mark.parametrize("entries", [1, 2])
@pytest.mark.parametrize("at", ["checksum", "body", "all"])
async def test_damage_of_the_last_entry_is_not_taken_for_a_crash(path, entries, at):
    """One byte was flipped in the only entry, a revocation: the gateway said that it had not been
    acknowledged, started, and let the principal in.
    """
    journal, _ = await Journal.open(path)
    await journal.append([LOCK])
    if entries == 2:
        await journal.append([END])
    journal.close()
    raw = bytearray(path.read_bytes())
    start, end = len(raw.partition(b"\n")[0]) + 1 if entries == 2 else 0, raw.index(b"\0")
    if at == "all":
        raw[start:end] = b"\xa5" * (end - start)
    else:
        raw[start + (3 if at == "checksum" else 40)] ^= 1
    path.write_bytes(raw)
    with pytest.raises(StoreError, match="is damaged"):
        await reopened(path)


async def test_an_entry_that_failed_is_not_there_afterwards(path, monkeypatch):
    """The write was done, its sync failed: it had been said that it is not kept."""
    journal, _ = await Journal.open(path)
    await journal.append([END])

    def broken(fd):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="Input"):
            await journal.append([LOCK])
    assert await reopened(path) == [END]
    await journal.append(OTHERS)
    journal.close()
    assert await reopened(path) == [END, *OTHERS]


@pytest.mark.parametrize("how", ["removed", "replaced"])
async def test_a_journal_that_somebody_took_away_is_written_anew(path, how):
    """What went on into an unlinked file was gone with the process."""
    journal, _ = await Journal.open(path)
    await journal.append([END])
    path.unlink()
    if how == "replaced":
        path.write_bytes(b"")
    await journal.append([LOCK])
    journal.close()
    assert await reopened(path) == [END, LOCK]


async def test_it_grows_when_its_room_is_over(path):
    journal, _ = await Journal.open(path)
    many = [END] * 500
    for _ in range(8):
        await journal.append(many)
    journal.close()
    assert len(await reopened(path)) == 4000


async def test_of_a_newer_hoopwire_nothing_is_skipped(path):
    import zlib

    body = b'[{"change":"SomethingNew"}]'
    path.write_bytes(b"%08x %b\n" % (zlib.crc32(body), body))
    with pytest.raises(StoreError, match="another hoopwire"):
        await Journal.open(path)


async def test_appends_at_once_are_all_kept(path):
    journal, _ = await Journal.open(path)
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(journal.append, [END])
    journal.close()
    assert await reopened(path) == [END] * 20
