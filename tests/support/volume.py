"""A recording volume that is small enough to be filled up."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

VOLUME_MB = 24


@contextmanager
def small_volume(mount: Path) -> Iterator[Path]:
    """A file system of its own of `VOLUME_MB`. Skips the test without the right to mount one."""
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={VOLUME_MB}m", "tmpfs", str(mount)],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"needs the right to mount a tmpfs (root): {made.stderr.decode().strip()}")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


def fill(volume: Path) -> Path:
    """Takes all the room there is; the file that has it."""
    filler = volume / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
    return filler
