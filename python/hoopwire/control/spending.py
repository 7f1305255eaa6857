"""Writes what grants have used of their budgets to the store, and ends grants that are used up.

Rules: what was used is never lowered; what cannot be written waits here and is tried again. A grant that is
used up admits nobody from the moment this file hears of it. Its live sessions are left alone: the engine
refuses what they ask for, with words of its own.
"""

import logging

import msgspec
import trio

from hoopwire.audit import grant_event
from hoopwire.control import texts
from hoopwire.control.parts import Parts
from hoopwire.control.revocation import grant_ended
from hoopwire.model.grant import Budgets, Grant, Used
from hoopwire.model.spending import budget_use, most_used, used_of, used_up
from hoopwire.model.statistics import SessionBudget
from hoopwire.store import GrantsUsed, StoreUnavailable

_log = logging.getLogger("hoopwire.spending")
_LOOK_S = 2.0
"""Of live sessions; what a crash can give back is what was used in this time (docs/threat-model.md)."""
_PAUSE_S = 0.05
"""Between two writes: one synced commit a session would let short sessions set the pace of the gateway."""
_RETRY_S = 1.0


class Spending:
    """`take` what a session tells, `look` at those that live, `run` to keep it all."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._waiting: dict[str, Used] = {}
        """By grant: not in the store yet."""
        self._kept: dict[str, Used] = {}
        """By grant with sessions: in the store."""
        self._wake = trio.Event()
        self._failing = False

    def of(self, grant: Grant) -> Used:
        """What `grant` has used, as far as the store or a session has told."""
        known = most_used(grant.used, self._kept.get(grant.id, Used()))
        return most_used(known, self._waiting.get(grant.id, Used()))

    def take(self, grant: Grant, budget: SessionBudget) -> None:
        """A session of `grant` tells what the grant has used by now."""
        known = self.of(grant)
        used = most_used(known, used_of(budget))
        if used != known:
            self._waiting[grant.id] = used
            self._wake.set()
        self._end_if_used_up(grant, budget)

    def check(self, grant: Grant) -> None:
        """Before a session enters: an earlier run or a policy with smaller budgets may have left nothing."""
        self._end_if_used_up(grant, budget_use(grant.budgets, self.of(grant)))

    def look(self) -> None:
        """Ask the engine about the sessions that live under budgets."""
        table = self._parts.table
        if all(grant.budgets == Budgets() for grant in table.grants()):
            return
        for live in self._parts.engine.sessions():
            if (seat := table.seat(live.session)) is not None:
                self.take(seat.grant, live.budget)

    async def run(self) -> None:
        """Look every two seconds, write what is new at once, until cancelled."""
        look_at = 0.0
        while True:
            with trio.move_on_at(look_at):
                await self._wake.wait()
            self._wake = trio.Event()
            if trio.current_time() >= look_at:
                self.look()
                look_at = trio.current_time() + _LOOK_S
            await trio.sleep(_PAUSE_S if await self._write() else _RETRY_S)

    async def flush(self) -> None:
        """Write what waits, at the end of a run."""
        with trio.CancelScope(shield=True):
            if not await self._write() and self._waiting:
                # With what else the store does not take: it is journaled, and the next start writes it.
                self._parts.keeping.add(GrantsUsed(used=self._waiting))

    def _end_if_used_up(self, grant: Grant, budget: SessionBudget) -> None:
        name = used_up(budget)
        if name is None or self._parts.table.is_over(grant.id):
            return
        now = self._parts.clock.wall()
        used, limit = getattr(budget, name)
        counts = f"{used:.1f} s of {limit:g} s" if name == "wall_time_s" else f"{used} of {limit}"
        what = name.removesuffix("_s")
        reason = f"the budget {what} is used up: {counts}"
        ended = msgspec.structs.replace(
            grant, state="exhausted", ended_at=now, ended_by="budget", ended_reason=reason
        )
        self._parts.table.exhaust(grant, texts.used_up(ended))
        event = grant_event("grant.exhausted", now, grant, by="budget", code=f"budget_{what}", reason=reason)
        self._parts.keeping.add(grant_ended(grant, "exhausted", event), event)

    async def _write(self) -> bool:
        try:
            await self._keep()
        except StoreUnavailable as error:
            if not self._failing:
                _log.error("what grants have used cannot be written, it will be tried again: %s", error)
            self._failing = True
            return False
        if self._failing:
            _log.warning("what grants have used is written again")
        self._failing = False
        return True

    async def _keep(self) -> None:
        parts = self._parts
        if waiting := dict(self._waiting):
            await parts.store.apply(GrantsUsed(used=waiting))
            self._kept.update(waiting)
            for id, used in waiting.items():
                if self._waiting.get(id) is used:
                    del self._waiting[id]
        for id in [id for id in self._kept if not parts.table.has_seats(id)]:
            del self._kept[id]
