"""The gateway's two clocks: wall time for texts and tokens, monotonic time for deadlines.

A grant's deadline on the monotonic clock is fixed when the gateway first sees the grant and only ever comes
nearer: setting the wall clock back extends nothing.
"""

import time
from collections.abc import Callable

from hoopwire.model.grant import Grant


class Clock:
    """`wall` in Unix seconds; `monotonic_ns` is CLOCK_MONOTONIC, as the engine reads it."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.wall = wall
        self.monotonic_ns = monotonic_ns
        self._deadlines: dict[str, int] = {}
        self._began = wall(), monotonic_ns()

    def least_wall(self) -> float:
        """Unix seconds, never later than the time that has really passed since the start.

        For what cannot be undone: a wall clock that jumps ahead and back must not have made us forget.
        """
        wall, monotonic = self._began
        return min(self.wall(), wall + (self.monotonic_ns() - monotonic) / 1e9)

    def deadline_ns(self, grant: Grant) -> int:
        """When `grant` ends on the monotonic clock."""
        left_ns = int((grant.expires_at - self.wall()) * 1e9)
        deadline = self.monotonic_ns() + left_ns
        known = self._deadlines.get(grant.id)
        if known is None or deadline < known:
            self._deadlines[grant.id] = known = deadline
        return known

    def is_over(self, grant: Grant) -> bool:
        """By either clock. No leeway."""
        return self.wall() >= grant.expires_at or self.monotonic_ns() >= self.deadline_ns(grant)

    def overdue(self) -> list[str]:
        """Grants whose monotonic deadline has passed and that were not forgotten yet."""
        now = self.monotonic_ns()
        return [id for id, deadline in self._deadlines.items() if deadline <= now]

    def forget(self, grant_id: str) -> None:
        """The store knows that this grant has ended."""
        self._deadlines.pop(grant_id, None)
