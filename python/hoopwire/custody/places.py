"""Limits the threads at each target: those that wait for a silent one take none from the others."""

from collections.abc import Hashable

import trio


class PlaceLimiters:
    """`of(place)` lets `most` at once work at that place. Places are those of the config file: not many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._limiters: dict[Hashable, trio.CapacityLimiter] = {}

    def of(self, place: Hashable) -> trio.CapacityLimiter:
        """The limiter of this place."""
        return self._limiters.setdefault(place, trio.CapacityLimiter(self._most))
