"""Tells a service manager how we are (sd_notify(3)): ready, stopping, and every so often that the loop turns.

A datagram to the socket that NOTIFY_SOCKET names; nothing waits for whoever reads it.
"""

import logging
import os
import socket
from collections.abc import MutableMapping

import trio

_log = logging.getLogger("hoopwire.control")
_LEAST_S = 0.05


class Notifier:
    """Whoever started us, if he wants to hear of us."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """Takes what is for us out of the environment: programs that give secrets must not speak for us."""
        name = environment.pop("NOTIFY_SOCKET", "")
        wanted_us = environment.pop("WATCHDOG_USEC", "")
        for_process = environment.pop("WATCHDOG_PID", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._socket: socket.socket | None = None
        if name.startswith(("@", "/")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        is_ours = for_process in ("", str(os.getpid()))
        self._watched_s = int(wanted_us) / 1e6 if wanted_us.isdecimal() and is_ours else 0.0

    def ready(self, status: str) -> None:
        """Clients are answered."""
        self._tell(f"READY=1\nSTATUS={_line(status)}\nMAINPID={os.getpid()}")

    def status(self, status: str) -> None:
        """One line for people."""
        self._tell(f"STATUS={_line(status)}")

    def stopping(self) -> None:
        """The end has begun."""
        self._tell("STOPPING=1\nSTATUS=draining")

    async def keep_watched(self) -> None:
        """Twice in each interval of the watchdog: if the loop stands still, nothing comes, and we are killed.

        For ever; asleep where there is no watchdog.
        """
        if self._socket is None or self._watched_s <= 0:
            await trio.sleep_forever()
        while True:
            self._tell("WATCHDOG=1")
            await trio.sleep(max(self._watched_s / 2, _LEAST_S))

    def close(self) -> None:
        """Say no more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, text: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(text.encode(), self._address)
        except BlockingIOError:
            pass  # whoever does not read has enough of them
        except OSError as error:
            _log.warning("the service manager cannot be told (NOTIFY_SOCKET): %s", error.strerror)
            self.close()


def _line(text: str) -> str:
    return " ".join(text.split())
