"""Runs the gateway's tasks so that an exception in one ends no other: it is caught, logged and audited.

docs/architecture.md lists every task of the top nurseries, and what a fault in it does.
"""

import functools
import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio

from hoopwire.audit import AuditEvent, AuditTrail

_log = logging.getLogger("hoopwire.tasks")
_FIRST_S = 0.1
_MOST_S = 30.0
_CALM_S = 60.0
"""After so long without a fault the pauses begin anew."""


class Faults:
    """Where exceptions end that nobody expected."""

    def __init__(self, trail: AuditTrail, wall: Callable[[], float]) -> None:
        self._trail = trail
        self._wall = wall

    def caught(self, task: str, error: Exception) -> None:
        """Log it with its traceback; the audit event `bug` has no text of it: that may hold anything."""
        _log.critical("bug: %s failed", task, exc_info=error)
        self._trail.record(AuditEvent(kind="bug", at=self._wall(), code=task, reason=_place(error)))


def _place(error: Exception) -> str:
    first: BaseException = error
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    at = ""
    for frame, line in traceback.walk_tb(first.__traceback__):
        at = f" at {Path(frame.f_code.co_filename).name}:{line}"
    return type(first).__name__ + at


async def contained(
    caught: Callable[[Exception], None], work: Callable[..., Awaitable[Any]], *arguments: object
) -> bool:
    """Await `work`. False after a fault; only cancellation and KeyboardInterrupt come through."""
    try:
        await work(*arguments)
    except Exception as error:
        caught(error)
        return False
    except BaseExceptionGroup as group:
        faults, rest = group.split(Exception)
        if faults is not None:
            caught(faults)
        if rest is not None:
            raise rest from None
        return False
    return True


class Supervisor:
    """Starts tasks in a nursery through which no exception of theirs goes."""

    def __init__(self, nursery: trio.Nursery, faults: Faults) -> None:
        self._nursery = nursery
        self._faults = faults

    def keep(self, task: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until it returns; after a fault again, with pauses of 0.1 s to 30 s."""
        self._nursery.start_soon(self.repeat, task, work, name=task)

    def once(self, task: str, work: Callable[..., Awaitable[Any]], *arguments: object) -> None:
        """Run `work`; a fault ends it."""
        self._nursery.start_soon(self.contained, task, work, *arguments, name=task)

    async def repeat(self, task: str, work: Callable[[], Awaitable[None]]) -> None:
        """What `keep` starts."""
        pause_s = _FIRST_S
        while True:
            began = trio.current_time()
            if await self.contained(task, work):
                return
            if trio.current_time() - began >= _CALM_S:
                pause_s = _FIRST_S
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, _MOST_S)

    async def start(self, task: str, work: Callable[..., Awaitable[Any]], *arguments: object) -> Any:
        """Run `work` as `nursery.start` does: what it raises before it has started is raised here."""

        async def run(task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
            status = _Status(task_status)

            def caught(error: Exception) -> None:
                if not status.is_started:
                    raise error
                self._faults.caught(task, error)

            await contained(caught, functools.partial(work, task_status=status), *arguments)

        return await self._nursery.start(run, name=task)

    async def contained(self, task: str, work: Callable[..., Awaitable[Any]], *arguments: object) -> bool:
        """Await `work` here. False after a fault."""
        return await contained(functools.partial(self._faults.caught, task), work, *arguments)


class _Status:
    """A `trio.TaskStatus` that remembers."""

    def __init__(self, status: trio.TaskStatus[Any]) -> None:
        self._status = status
        self.is_started = False

    def started(self, value: Any = None) -> None:
        """See `trio.TaskStatus.started`."""
        self.is_started = True
        self._status.started(value)
