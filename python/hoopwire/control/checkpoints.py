"""Writes the recording's signed checkpoints to their file, and syncs each before it writes the next."""

import errno
import logging
import os

import trio

_log = logging.getLogger("hoopwire.recording")


class CheckpointFile:
    """Appends lines in order. A failure is logged and the line kept for the next try: it is evidence."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._waiting: list[str] = []
        self._wake = trio.Event()
        self._one = trio.CapacityLimiter(1)
        self._torn = False

    def append(self, line: str) -> None:
        """Queue one line."""
        self._waiting.append(line)
        self._wake.set()

    async def run(self, *, retry_s: float = 5.0) -> None:
        """Write until cancelled."""
        while True:
            while self._waiting:
                if not await self.flush():
                    await trio.sleep(retry_s)
            await self._wake.wait()
            self._wake = trio.Event()

    async def flush(self) -> bool:
        """Write what waits. False if it could not be made durable."""
        lines = list(self._waiting)
        if not lines:
            return True
        try:
            await trio.to_thread.run_sync(
                self._write, "".join(f"{line.rstrip()}\n" for line in lines).encode(), limiter=self._one
            )
        except OSError as error:
            _log.error("checkpoints cannot be written to %s: %s", self._path, error)
            return False
        del self._waiting[: len(lines)]
        return True

    def _write(self, text: bytes) -> None:
        fd = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if self._torn:
                text = b"\n" + text
            written = os.write(fd, text)
            self._torn = written < len(text)
            if self._torn:
                raise OSError(errno.ENOSPC, "only a part was written")
            os.fsync(fd)
        finally:
            os.close(fd)
