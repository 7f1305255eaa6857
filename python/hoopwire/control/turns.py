"""Lets the others have their turn: a loop over thousands of things must not hold the one thread."""

import time

import trio

_TURN_S = 0.005


class Turn:
    """One loop's; `rest` now and then lets other tasks run."""

    def __init__(self) -> None:
        self._until = time.perf_counter() + _TURN_S

    async def rest(self) -> None:
        """Let the others run, if this loop has held them up for some milliseconds."""
        if time.perf_counter() >= self._until:
            await trio.lowlevel.checkpoint()
            self._until = time.perf_counter() + _TURN_S
