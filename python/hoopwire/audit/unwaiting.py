"""Writes to a descriptor of others' making, stderr mostly, without ever waiting for who reads it.

`poll` alone does not say how much fits: a terminal that has stopped reading takes a byte and holds the rest,
and another process may fill a pipe between the two. So a pipe or terminal is opened once more: that is a
description of our own, whose mode is ours to set. A socket is told with each write.
"""

import os
import select
import socket
import stat
from contextlib import suppress


class Unwaiting:
    """One descriptor; `write` says how many bytes it took. OSError where the kernel has one."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._socket: socket.socket | None = None
        self._is_ours = False
        mode = os.fstat(fd).st_mode
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(fd))
        elif stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            # Refused where the account has changed since, or nobody reads the pipe: then `poll` has to do.
            with suppress(OSError):
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                self._fd = os.open(f"/proc/self/fd/{fd}", flags)
                self._is_ours = True

    def write(self, content: bytes) -> int:
        """Write what can be written now."""
        try:
            if self._socket is not None:
                return self._socket.send(content, socket.MSG_DONTWAIT)
            if self._is_ours:
                return os.write(self._fd, content)
            return self._polled(content)
        except BlockingIOError:
            return 0

    def _polled(self, content: bytes) -> int:
        """In pieces, each of which a pipe takes whole when it takes anything."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        done = 0
        while done < len(content) and poll.poll(0):
            done += os.write(self._fd, content[done : done + select.PIPE_BUF])
        return done

    def close(self) -> None:
        """Close what was opened here; the descriptor that was given stays."""
        if self._socket is not None:
            self._socket.close()
        if self._is_ours:
            os.close(self._fd)
