"""One place's silence is its own: a limiter for each; who waits for one takes nothing from another."""

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
