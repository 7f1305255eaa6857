"""Counts connections that were refused before anybody logged in, and writes down only so many one by one.

A balancer that looks whether the port is open, or a scanner, must not fill the audit: of each address the
first of an hour are events of their own; the others are one event with their count, when the hour is over.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from hoopwire.audit import AuditEvent
from hoopwire.model.events import ConnectionRefused

_SINGLY = 5
_EVERY_S = 3600.0
_ADDRESSES = 4096
OTHERS = "others"


@dataclass
class _Seen:
    until: float
    singly: int = 0
    counted: int = 0
    phases: dict[str, int] = field(default_factory=dict)


class Refusals:
    """`record` writes an audit event. Times are of a monotonic clock, in seconds."""

    def __init__(self, record: Callable[[AuditEvent], None], now: Callable[[], float]) -> None:
        self._record = record
        self._now = now
        self._seen: dict[str, _Seen] = {}

    def take(self, event: ConnectionRefused) -> None:
        """Write it down, or count it."""
        address = event.peer.rpartition(":")[0]
        if address not in self._seen and len(self._seen) >= _ADDRESSES:
            address = OTHERS
        seen = self._seen.get(address)
        if seen is None:
            seen = self._seen[address] = _Seen(until=self._now() + _EVERY_S)
        if seen.singly < _SINGLY:
            seen.singly += 1
            self._record(
                AuditEvent(
                    kind="connection.refused",
                    at=event.at,
                    peer=event.peer,
                    code=event.phase,
                    reason=event.reason,
                )
            )
            return
        seen.counted += 1
        seen.phases[event.phase] = seen.phases.get(event.phase, 0) + 1

    def write(self, at: float, *, is_last: bool = False) -> None:
        """Write down what was counted of addresses whose hour is over; at the end of a run, of all."""
        now = self._now()
        for address, seen in list(self._seen.items()):
            if not is_last and now < seen.until:
                continue
            del self._seen[address]
            if seen.counted:
                phases = ", ".join(
                    f"{count} in phase {phase}" for phase, count in sorted(seen.phases.items())
                )
                reason = f"{seen.counted} more, of {seen.counted + seen.singly} within the hour: {phases}"
                self._record(
                    AuditEvent(
                        kind="connection.refused", at=at, peer=address, count=seen.counted, reason=reason
                    )
                )
