"""The checkpoint file holds whole lines, whatever its volume does: R5. With real volumes, files and pipes."""

import os
import resource
import signal
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from hoopwire.control.checkpoints import CheckpointFile
from hoopwire.model.events import Checkpoint

LINES = [f"line {number} " + "x" * 60 for number in range(5)]


def content(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.fixture
def most_bytes():
    """No file of this process grows beyond so many bytes, as if its volume were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


async def test_a_write_that_is_cut_short_leaves_nothing(tmp_path, most_bytes):
    """A short write was taken for success (R5): half a line, and the next one right behind it."""
    path = tmp_path / "checkpoints"
    file = CheckpointFile(str(path))
    file.append(LINES[0])
    assert await file.flush()
    file.append(LINES[1])
    most_bytes(100)
    assert not await file.flush()
    assert content(path) == LINES[:1]
    file.append(LINES[2])
    most_bytes(resource.RLIM_INFINITY)
    assert await file.flush()
    assert content(path) == LINES[:3]


@pytest.mark.parametrize("left", ["half a li", "half\nhalf a li", "\0\0\0"])
async def test_what_an_earlier_run_left_torn_stays_a_line_of_its_own(tmp_path, left):
    """After a restart the next line was glued on (R5): that it was torn was known to the process only."""
    path = tmp_path / "checkpoints"
    path.write_text(left)
    file = CheckpointFile(str(path))
    file.append(LINES[0])
    assert await file.flush()
    assert path.read_text() == f"{left}\n{LINES[0]}\n"


def fill(path: Path) -> None:
    """Until there is no room."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)


async def test_a_full_volume(tmp_path):
    """As above (R5), with a volume of 16 KiB that is full, and has room again."""
    volume = tmp_path / "volume"
    volume.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(volume)]
    if (await trio.run_process(mount, check=False, capture_stderr=True)).returncode:
        pytest.skip("no right to mount")
    try:
        path = volume / "checkpoints"
        file = CheckpointFile(str(path))
        file.append(LINES[0])
        assert await file.flush()
        fill(volume / "other")
        file.append("y" * 6000)
        assert not await file.flush()
        assert content(path) == LINES[:1]
        (volume / "other").unlink()
        assert await file.flush()
        assert content(path) == [LINES[0], "y" * 6000]
    finally:
        await trio.run_process(["umount", str(volume)])


async def test_what_is_no_file_is_refused_and_holds_nothing_up(tmp_path):
    """A FIFO that nobody reads was waited for, also at the stop (R5's kin)."""
    path = tmp_path / "checkpoints"
    os.mkfifo(path)
    file = CheckpointFile(str(path))
    file.append(LINES[0])
    with trio.fail_after(60):
        assert not await file.flush()
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert not await file.flush()
    os.close(reading)
    path.unlink()
    assert await file.flush()
    assert content(path) == LINES[:1]


async def test_a_write_that_hangs_holds_up_no_stop(house, monkeypatch):
    """The last lines were waited for without an end (R5's kin): a volume that hangs."""
    token = trio.lowlevel.current_trio_token()
    started = trio.Event()
    thread_may_end = threading.Event()

    def hanging(self, text: bytes) -> None:
        token.run_sync_soon(started.set)
        thread_may_end.wait(60)

    monkeypatch.setattr(CheckpointFile, "_write", hanging)
    monkeypatch.setattr("hoopwire.control.service._LAST_LINES_S", 0.2)
    house.engine.push(Checkpoint(stream=0, line=LINES[0]))
    with trio.fail_after(60):
        await started.wait()
        house.running.stop()
        await house.settle(lambda: house.audited("gateway.stopped"))
    thread_may_end.set()
