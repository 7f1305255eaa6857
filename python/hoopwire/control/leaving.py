"""Divides the time of a clean stop: `gateway.drain` is all of it, for who waits with a watch in his hand."""

from dataclasses import dataclass

import trio

_AFTER_S = 6.0
"""For what comes behind the sessions: cutting them, the last events, roles at targets, checkpoints."""
_AFTER_PART = 1 / 3
"""Of a short drain not more than this part."""
_LEAST_S = 0.5


@dataclass(frozen=True)
class Leave:
    """When what is to be over. Moments are `trio.current_time()`."""

    sessions_s: float
    """Busy sessions may go on so long."""
    cut_by: float
    """Then they are cut, and the engine has said so; one whose target hangs is waited for no longer."""
    until: float
    """All is over: an orchestrator that waits a second more kills nothing."""

    @classmethod
    def begin(cls, drain_s: float) -> "Leave":
        """Now."""
        now, after_s = trio.current_time(), min(_AFTER_S, drain_s * _AFTER_PART)
        sessions_s = drain_s - after_s
        return cls(sessions_s, now + sessions_s + after_s / 3, now + drain_s)

    def left_s(self, most_s: float) -> float:
        """At most so long, and never nothing: a volume that works takes no time."""
        return min(most_s, max(self.until - trio.current_time(), _LEAST_S))
