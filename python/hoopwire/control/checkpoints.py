"""Writes the recording's signed checkpoints to their file, and syncs each before it writes the next."""

import errno
import logging
import os
import stat
from contextlib import suppress

import trio

_log = logging.getLogger("hoopwire.recording")


class CheckpointFile:
    """Appends lines in order. A failure is logged and the line kept for the next try: it is evidence."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._waiting: list[str] = []
        self._wake = trio.Event()
        self._one = trio.CapacityLimiter(1)

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
                self._write,
                "".join(f"{line.rstrip()}\n" for line in lines).encode(),
                limiter=self._one,
                abandon_on_cancel=True,
            )
        except OSError as error:
            _log.error("checkpoints cannot be written to %s: %s", self._path, error)
            return False
        del self._waiting[: len(lines)]
        return True

    def _write(self, text: bytes) -> None:
        """All of it or nothing; where a part can't be taken back, the next line stands by itself."""
        # A FIFO would be waited for, here and at the stop.
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(self._path, flags, 0o600)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "it is no regular file")
            if found.st_size and self._is_torn():
                text = b"\n" + text
            written = 0
            try:
                written = os.write(fd, text)
                if written < len(text):
                    raise OSError(errno.ENOSPC, "there is no room for all of it")
                os.fsync(fd)
            except OSError:
                if os.fstat(fd).st_size == found.st_size + written:  # nobody else writes to it
                    with suppress(OSError):  # a file that can only be appended to
                        os.ftruncate(fd, found.st_size)
                raise
        finally:
            os.close(fd)

    def _is_torn(self) -> bool:
        """The file ends in the midst of a line, of this run or of one before; also if nobody can say."""
        try:
            with open(self._path, "rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
        except OSError:
            return True
