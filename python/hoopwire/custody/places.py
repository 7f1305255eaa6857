"""Limits what is under way at each target: those that wait for a silent one take nothing from the others."""

from collections.abc import Hashable

import trio

_IDLE_MAX = 1024


class PlaceLimiters:
    """`of(place)` lets `most` at once work at that place.

    Hosts of a block are places, too: when there are many, idle ones are forgotten.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limiters: dict[Hashable, trio.CapacityLimiter] = {}

    def of(self, place: Hashable) -> trio.CapacityLimiter:
        """The limiter of this place, to be entered before the next await."""
        if place not in self._limiters and len(self._limiters) >= _IDLE_MAX:
            self._limiters = {place: one for place, one in self._limiters.items() if _is_in_use(one)}
        return self._limiters.setdefault(place, trio.CapacityLimiter(self._most))


def _is_in_use(limiter: trio.CapacityLimiter) -> bool:
    return limiter.borrowed_tokens > 0 or limiter.statistics().tasks_waiting > 0
