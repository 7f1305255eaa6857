"""Decides when the database role of a grant is made, narrowed and dropped; custody does it.

Nothing tells this file that a grant has ended: it looks, once a second, at every grant that may have a role
(level, not edge). So it does not matter which way a grant ended, whether the target could be reached then, or
whether it was this process that made the role.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import trio

from hoopwire.access import regrant
from hoopwire.audit import AuditEvent, Kind, grant_event
from hoopwire.control import texts
from hoopwire.control.parts import Denied, Parts
from hoopwire.custody import LeaseFailed, Lent, Made, RoleFailed
from hoopwire.model.commands import Lease
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant
from hoopwire.model.postgres.rights import CompiledPostgres
from hoopwire.model.postgres.role import RoleGrant, role_name
from hoopwire.model.settings import PostgresTarget, Settings
from hoopwire.store import StoreUnavailable

_log = logging.getLogger("hoopwire.roles")
_LOOK_S = 1.0
_CUT_S = 5.0
"""How long a role waits for the last session of its grant to be reported as ended."""
_LEAVE_S = 2.0
"""How long a stop waits for what is under way at targets."""
_STOP_S = 3.0
"""How long it takes then for the roles that are there."""
_LEAST_S = 0.5
"""So long, whatever else has taken its time."""
_RETRY_S = 1.0
_RETRY_MOST_S = 60.0


class RoleDesk(Protocol):
    """`custody.Roles`, as this room uses it."""

    def grants(self) -> set[str]: ...

    async def lend_role(
        self, target: PostgresTarget, database: str, grant: str, wanted: Callable[[], RoleGrant]
    ) -> Lent: ...

    async def narrow(self, wanted: RoleGrant) -> list[Made]: ...

    async def drop(self, grant: str) -> list[str]: ...

    async def recover(self, target: PostgresTarget, node: str) -> set[str]: ...

    def end_by(self, moment: float) -> None: ...


class _Pace:
    """When to try again what failed: after 1 s, 2 s, ... 60 s. One try at a time."""

    def __init__(self) -> None:
        self.busy = False
        self._due = 0.0
        self._wait_s = _RETRY_S

    def is_due(self) -> bool:
        return not self.busy and trio.current_time() >= self._due

    def failed(self) -> None:
        self._due = trio.current_time() + self._wait_s
        self._wait_s = min(self._wait_s * 2, _RETRY_MOST_S)

    def worked(self) -> None:
        self._due, self._wait_s = 0.0, _RETRY_S


@dataclass
class _Kept:
    """One grant that may have a role. `grant` None: the store knows none of that id."""

    grant: Grant | None
    deadline_ns: int
    decided_by: Settings | None
    """The settings that the role's privileges are known to fit, in every database."""
    pace: _Pace
    over_since: float | None = None
    told: str = ""
    """Why it cannot be dropped, if no other try helps: said once, and again when it is something else."""


class RoleKeeper:
    """`lend` for admissions, `run` beside them."""

    def __init__(self, parts: Parts, desk: RoleDesk) -> None:
        self._parts = parts
        self._desk = desk
        self._kept: dict[str, _Kept] = {}
        self._recovery: dict[tuple[str, int, str], _Pace] = {}
        self._recovered: set[tuple[str, int, str]] = set()

    async def lend(
        self, target: PostgresTarget, database: str, grant: Grant, look: Callable[[], Grant]
    ) -> Lease:
        """A lease on the role of `grant`, made or narrowed first if need be. Denied, LeaseFailed.

        `look` is the grant under the settings and the clock of the moment in which the role is made. There is
        no way from here to the target's own user: what has no role has no session.
        """

        def wanted() -> RoleGrant:
            now = look()
            if database not in now.databases:
                raise Denied(texts.database_withdrawn(now, database), grant=now)
            if (role := self._role(now)) is None:
                raise Denied(texts.role_needs_exact_grants(now), grant=now)
            kept = self._keep(now)
            # `decided_by` stays: other databases may have to be narrowed yet.
            kept.grant, kept.over_since = now, None
            return role

        try:
            lent = await self._desk.lend_role(target, database, grant.id, wanted)
        except RoleFailed as failed:
            _log.error("no role for %s at target %s: %s", grant.id, grant.target, failed.internal)
            raise Denied(texts.role_not_made(failed.internal), grant=grant) from None
        if lent.made is not None:
            self._record_made(grant, lent.made)
        return lent.lease

    async def run(self) -> None:
        """Look at all roles until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                for target in self._parts.current.settings.targets.values():
                    if isinstance(target, PostgresTarget):
                        self._look_for_left_over(target, nursery)
                for id in sorted(self._desk.grants()):
                    try:
                        await self._look_at(id, nursery)
                    except StoreUnavailable as error:
                        _log.error("the role of %s cannot be looked at: %s", id, error)
                    except Exception as error:  # of one role: the others come after it in each round
                        self._parts.faults.caught("roles", error)
                await trio.sleep(_LOOK_S)

    def hurry(self) -> None:
        """The gateway stops: what is under way at a target is waited for a moment, and no longer."""
        self._desk.end_by(trio.current_time() + _LEAVE_S)

    async def drop_all(self, until: float) -> None:
        """At a clean stop, when no session is left: make nobody wait for the next start.

        What cannot be dropped within seconds, or `until` then (`trio.current_time()`), is left to that.
        """
        left_s = min(_STOP_S, max(until - trio.current_time(), _LEAST_S))

        async def drop(id: str) -> None:
            kept = self._kept.get(id) or self._adopt(id, None)
            try:
                await self._drop(id, kept)
            except (RoleFailed, LeaseFailed) as error:
                self._kept_on(id, kept, error.internal, False)
            except Exception as error:
                self._parts.faults.caught("roles", error)

        self._desk.end_by(trio.current_time() + left_s)
        with trio.move_on_after(left_s, shield=True) as limit:
            async with trio.open_nursery() as nursery:
                for id in sorted(self._desk.grants()):
                    nursery.start_soon(drop, id)
        if limit.cancelled_caught or self._desk.grants():
            _log.error("roles are left for the next start: %s", " ".join(sorted(self._desk.grants())))

    def _look_for_left_over(self, target: PostgresTarget, nursery: trio.Nursery) -> None:
        """Once for each server: adopts roles left by an earlier run, so that the sweep handles them."""
        place = (target.host, target.port, target.user)
        if target.role != "ephemeral" or place in self._recovered:
            return
        pace = self._recovery.setdefault(place, _Pace())

        async def recover() -> None:
            found = await self._desk.recover(target, self._parts.current.settings.gateway.node)
            self._recovered.add(place)
            if found:
                _log.warning("found %d roles of an earlier run at %s:%d", len(found), *place[:2])

        def failed(why: str, _: bool) -> None:
            _log.error("cannot look for roles of an earlier run at %s:%d: %s", *place[:2], why)

        self._try(pace, nursery, recover, failed)

    async def _look_at(self, id: str, nursery: trio.Nursery) -> None:
        kept = self._kept.get(id)
        if kept is None:
            # Made by an earlier run, or again by a session that came while it was dropped.
            kept = self._adopt(id, await self._parts.store.grant(id))
        if self._is_over(id, kept):
            now = trio.current_time()
            kept.over_since = now if kept.over_since is None else kept.over_since
            if not self._parts.table.has_seats(id) or now - kept.over_since > _CUT_S:
                self._try(
                    kept.pace,
                    nursery,
                    lambda: self._drop(id, kept),
                    lambda why, lasts: self._kept_on(id, kept, why, lasts),
                )
        elif kept.grant is not None and kept.decided_by is not self._parts.current.settings:
            self._try(
                kept.pace,
                nursery,
                lambda: self._narrow(kept),
                lambda why, _: _log.error("the role of %s could not be narrowed: %s", id, why),
            )

    def _is_over(self, id: str, kept: _Kept) -> bool:
        """By the store when it was adopted, by either clock, by an operator, or by the policies of now."""
        parts, grant = self._parts, kept.grant
        if grant is None or grant.state != "active" or kept.over_since is not None:
            return True
        if parts.clock.wall() >= grant.expires_at or parts.clock.monotonic_ns() >= kept.deadline_ns:
            return True
        if parts.table.is_ended(id):
            return True
        if kept.decided_by is parts.current.settings:
            return False
        return isinstance(regrant(grant, parts.current.settings, parts.clock.wall()), Denial)

    async def _narrow(self, kept: _Kept) -> None:
        settings = self._parts.current.settings
        assert kept.grant is not None
        now = regrant(kept.grant, settings, self._parts.clock.wall())
        if isinstance(now, Denial):
            return
        role = self._role(now)
        if role is None:
            # Under `query` there is nothing that a role could be made from.
            kept.over_since = trio.current_time()
            return
        for made in await self._desk.narrow(role):
            self._record_made(now, made)
        kept.grant, kept.decided_by = now, settings

    async def _drop(self, id: str, kept: _Kept) -> None:
        for name in await self._desk.drop(id):
            self._record("role.dropped", id, kept.grant, role=name)
        if self._kept.get(id) is kept:
            del self._kept[id]

    def _kept_on(self, id: str, kept: _Kept, why: str, lasts: bool) -> None:
        if lasts and why == kept.told:
            return
        kept.told = why if lasts else ""
        _log.error("the role of %s could not be dropped, it will be tried again: %s", id, why)
        self._record("role.drop_failed", id, kept.grant, role=role_name(id), reason=why)

    def _try(
        self,
        pace: _Pace,
        nursery: trio.Nursery,
        work: Callable[[], Awaitable[None]],
        failed: Callable[[str, bool], None],
    ) -> None:
        """Start the work, unless it runs or failed just now. One target that is away holds up no other."""

        async def once() -> None:
            try:
                await work()
                pace.worked()
            except (RoleFailed, LeaseFailed) as error:
                pace.failed()
                failed(error.internal, isinstance(error, RoleFailed) and error.is_lasting)
            except Exception as error:  # one role's bug must not leave all the others behind
                pace.failed()
                self._parts.faults.caught("roles", error)
                failed(type(error).__name__, False)
            finally:
                pace.busy = False

        if pace.is_due():
            pace.busy = True
            nursery.start_soon(once)

    def _keep(self, grant: Grant) -> _Kept:
        kept = self._kept.get(grant.id)
        return self._adopt(grant.id, grant) if kept is None else kept

    def _adopt(self, id: str, grant: Grant | None) -> _Kept:
        deadline = 0 if grant is None else self._parts.clock.deadline_ns(grant)
        kept = self._kept[id] = _Kept(grant, deadline, None, _Pace())
        return kept

    def _role(self, grant: Grant) -> RoleGrant | None:
        compiled = self._parts.compiled(grant, grant.databases[0]).rights
        rights = compiled.rules if isinstance(compiled, CompiledPostgres) else None
        if rights is None:
            return None
        return RoleGrant(
            node=self._parts.current.settings.gateway.node,
            grant=grant.id,
            databases=grant.databases,
            valid_until=grant.expires_at,
            max_sessions=grant.max_sessions,
            rights=rights,
        )

    def _record_made(self, grant: Grant, made: Made) -> None:
        what = "made" if made.created else "made anew"
        reason = f"{what}: {made.privileges} privileges"
        if made.withheld:
            reason += f"; {made.withheld} more cannot be given by the target's user"
            _log.warning("role %s in %s: %s", made.role, made.database, reason)
        self._record(
            "role.made",
            grant.id,
            grant,
            role=made.role,
            database=made.database,
            count=made.privileges,
            reason=reason,
        )

    def _record(self, kind: Kind, id: str, grant: Grant | None, **fields: object) -> None:
        at = self._parts.clock.wall()
        if grant is None:
            event = AuditEvent(kind=kind, at=at, grant=id, **fields)  # type: ignore[arg-type]
        else:
            event = grant_event(kind, at, grant, **fields)
        self._parts.trail.record(event)
