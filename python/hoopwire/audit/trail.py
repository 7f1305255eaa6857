"""The audit trail: events to the sink at once, to the store in batches.

Batches, because one synced commit an event would let a flood of refused connections set the pace of the
whole gateway. Events that must be durable before something happens (a mint, a revocation) are not queued
here for the store: they are rows of that same transaction, and only `mirror`ed.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import trio

from hoopwire.audit.event import AuditEvent
from hoopwire.audit.sink import Sink

_log = logging.getLogger("hoopwire.audit")
_BATCH = 500


class AuditTrail:
    """`keep` writes a batch durably. `record` never blocks; past `capacity` waiting events, the newest are
    lost to the store, counted, and the loss itself becomes an event."""

    def __init__(
        self,
        sink: Sink,
        keep: Callable[[Sequence[AuditEvent]], Awaitable[None]],
        *,
        now: Callable[[], float],
        node: str = "",
        capacity: int = 10_000,
    ) -> None:
        self._sink = sink
        self._keep = keep
        self._now = now
        self._node = node
        self._capacity = capacity
        self._waiting: deque[AuditEvent] = deque()
        self._lost = 0
        self.unwritten = 0
        """Lines that the sink did not take; the store has them."""
        self._wake = trio.Event()

    def named(self, event: AuditEvent) -> AuditEvent:
        """The event with the name of the gateway that says it."""
        return event if event.node else msgspec.structs.replace(event, node=self._node)

    def record(self, event: AuditEvent) -> None:
        """To the sink now, to the store soon."""
        event = self.named(event)
        try:
            event.line()
        except Exception as error:  # else it would stand before all others for ever
            _log.exception("an audit event cannot be written down: %s", event.kind)
            event = AuditEvent(kind="bug", at=self._now(), code="audit", reason=type(error).__name__)
            event = self.named(event)
        self.mirror(event)
        if len(self._waiting) >= self._capacity:
            self._lost += 1
            return
        self._waiting.append(event)
        self._wake.set()

    def mirror(self, event: AuditEvent) -> None:
        """To the sink only: the store has it already."""
        try:
            self._sink.write(self.named(event).line())
        except Exception as error:  # a full disk, a pipe that nobody reads any more, a closed file
            self.unwritten += 1
            _log.error("an audit line could not be written: %s: %s", type(error).__name__, error)

    def reopen(self) -> None:
        """The sink's file may have been renamed: go on in the one that has the name now."""
        try:
            self._sink.reopen()
        except OSError as error:
            _log.error("the audit file cannot be opened again, the old one is kept: %s", error)

    async def run(self, *, pause_s: float = 0.05, retry_s: float = 1.0) -> None:
        """Keep batches until cancelled. A batch that cannot be kept is tried again, never dropped."""
        while True:
            while self._waiting or self._lost:
                if not await self._flush_once():
                    await trio.sleep(retry_s)
            await trio.sleep(pause_s)
            await self._wake.wait()
            self._wake = trio.Event()

    async def flush(self) -> None:
        """Keep what waits, at the end of a run; what the store refuses stays in the sink alone."""
        while self._waiting or self._lost:
            if not await self._flush_once():
                return

    async def _flush_once(self) -> bool:
        if self._lost:
            lost, self._lost = self._lost, 0
            event = AuditEvent(
                kind="audit.lost",
                at=self._now(),
                count=lost,
                reason="the store could not keep up; these events are in the sink only",
            )
            event = self.named(event)
            self.mirror(event)
            self._waiting.append(event)
        batch = [self._waiting[index] for index in range(min(_BATCH, len(self._waiting)))]
        try:
            await self._keep(batch)
        except Exception as error:  # a sink for people must not end the gateway
            _log.error("%d audit events could not be kept in the store: %s", len(batch), error)
            return False
        for _ in batch:
            self._waiting.popleft()
        return True
