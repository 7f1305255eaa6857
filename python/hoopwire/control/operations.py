"""What operators can do to a running gateway: each verb once, and the role it needs.

A verb returns a Struct of model/api.py; one that cannot be done raises Refused, or StoreUnavailable. How it
looks over HTTP is the affair of api/operators.py.

Rule: what is cut is cut before anything is awaited; then it is kept; then the sessions' ends are waited for.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from hoopwire import __version__
from hoopwire.control import log
from hoopwire.control.files import StartError
from hoopwire.control.locking import LocksOfGrants, lift, lock_out
from hoopwire.control.parts import Parts
from hoopwire.control.reload import Reload
from hoopwire.control.revocation import Revoked, end_sessions, revoke_grants, still_there
from hoopwire.control.spending import Spending
from hoopwire.control.turns import Turn
from hoopwire.model.api import (
    EndedList,
    EndedView,
    Ending,
    GrantList,
    GrantShown,
    GrantView,
    IssuerStatus,
    LockAnswer,
    Locking,
    LockList,
    LockView,
    Reloaded,
    RevokedList,
    RevokedView,
    SessionList,
    SessionView,
    Statistics,
    Status,
    Unlocked,
    grant_view,
    lock_view,
    rfc3339,
)
from hoopwire.model.grant import Grant, GrantState
from hoopwire.model.lock import Lock
from hoopwire.store import PrincipalLocked, StoreUnavailable

Role = Literal["viewer", "operator", "security"]
"""A viewer looks, an operator takes away, security lets in again and changes what the policies give."""

ROLES: Mapping[str, Role] = {
    "grants": "viewer",
    "grant": "viewer",
    "sessions": "viewer",
    "locks": "viewer",
    "statistics": "viewer",
    "status": "viewer",
    "revoke_grants": "operator",
    "revoke_grant": "operator",
    "end_sessions": "operator",
    "end_session": "operator",
    "lock": "operator",
    "unlock": "security",
    "reload": "security",
}
"""By verb: the role that its caller must have. A verb that is not here is nobody's."""

EVERY_ROLE: frozenset[Role] = frozenset(ROLES.values())

_MOST_GRANTS = 10_000
_KEY = re.compile(r"(cid|uid):[\x21-\x7e]{1,256}")
"""What a token's client or user id can be."""


class Refused(Exception):
    """A verb was not done. `code` is stable (docs/codes.md); the other texts say to a person what to do."""

    def __init__(self, *, code: str, title: str, detail: str = "", hint: str = "") -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.detail = detail
        self.hint = hint


def role_needed(verb: Callable[..., Any]) -> Role:
    """The role for a method of Operations. StartError if the table has none for it."""
    role = ROLES.get(verb.__name__)
    if role is None:
        raise StartError(f"the operators' verb {verb.__name__} needs no role: control/operations.py, ROLES")
    return role


class Operations:
    """The verbs. Whoever calls one has looked at its role."""

    def __init__(self, parts: Parts, reload: Reload, spending: Spending) -> None:
        self._parts = parts
        self._reload = reload
        self._spending = spending

    async def grants(self, state: GrantState | None) -> GrantList:
        """Grants of a state, or all, newest first: what the store knows, and what it does not know yet."""
        parts = self._parts
        self._spending.look()
        stored = await parts.store.grants(state=state, limit=_MOST_GRANTS)
        found, turn = {}, Turn()
        for each in stored:
            await turn.rest()
            found[each.id] = self._grant(each)
        for end in parts.keeping.ends():
            if end.id not in found and (grant := await parts.store.grant(end.id)) is not None:
                found[end.id] = self._grant(grant)
        wanted = [grant for grant in found.values() if state in (None, grant.state)]
        return GrantList(grants=tuple(sorted(wanted, key=lambda grant: grant.id, reverse=True)))

    async def grant(self, id: str) -> GrantShown:
        """One grant and its live sessions."""
        self._spending.look()
        grant = await self._parts.store.grant(id)
        if grant is None:
            raise _grant_unknown()
        live = tuple(session for session in await self._sessions() if session.grant == id)
        return GrantShown(grant=self._grant(grant), sessions=live)

    async def revoke_grants(self, ids: Sequence[str], asked: Ending) -> RevokedList:
        """End grants and their sessions, and lock their principals if `asked.lock` says so."""
        parts, by = self._parts, _by(asked.operator)
        locks = LocksOfGrants(parts, for_s=asked.for_s, by=by, reason=asked.reason)
        if asked.lock:
            locks.lock(seat.grant for id in ids for seat in parts.table.seats_of(id))
        answers = await revoke_grants(parts, ids, by=by, reason=asked.reason)
        if asked.lock:
            locks.lock(answer.grant for answer in answers if answer.grant is not None)
            await parts.keeping.keep()
        await still_there([*locks.seats, *(seat for answer in answers for seat in answer.seats)])
        return RevokedList(grants=tuple(self._revoked(answer, locks) for answer in answers))

    async def revoke_grant(self, id: str, asked: Ending) -> RevokedView:
        """The same for one grant; refused if there is none of that id."""
        [answer] = (await self.revoke_grants((id,), asked)).grants
        if not answer.found:
            raise _grant_unknown()
        return answer

    async def sessions(self) -> SessionList:
        """Live sessions."""
        return SessionList(sessions=tuple(await self._sessions()))

    async def end_sessions(self, ids: Sequence[str], asked: Ending) -> EndedList:
        """End sessions; their grants live on."""
        seats = end_sessions(self._parts, ids, by=_by(asked.operator), reason=asked.reason)
        left = await still_there(seats)
        found = {seat.session for seat in seats}
        return EndedList(
            sessions=tuple(
                EndedView(session=id, found=id in found, ended=id in found and id not in left)
                for id in dict.fromkeys(ids)
            )
        )

    async def end_session(self, id: str, asked: Ending) -> EndedView:
        """The same for one session; refused if there is none of that id."""
        [answer] = (await self.end_sessions((id,), asked)).sessions
        if not answer.found:
            raise Refused(
                code="session_unknown", title="no such session", hint="hoopwire sessions list shows them."
            )
        return answer

    async def lock(self, asked: Locking) -> LockAnswer:
        """Shut a principal out: its sessions end, and nothing it has or asks for opens any."""
        parts, issuer = self._parts, self._issuer(asked)
        lock, seats = lock_out(
            parts,
            asked.principal,
            issuer,
            for_s=asked.for_s,
            by=_by(asked.operator),
            reason=asked.reason,
        )
        await parts.keeping.keep()
        try:
            similar = await parts.store.spellings(asked.principal)
        except StoreUnavailable:
            similar = None
        left = await still_there(seats)
        return LockAnswer(
            lock=self._lock(lock),
            ended=len(seats) - len(left),
            left=tuple(left),
            seen=None if similar is None else bool(similar) or self._is_configured(asked.principal),
            similar=tuple(key for key in similar or () if key != asked.principal),
        )

    async def unlock(self, asked: Locking) -> Unlocked:
        """Let a principal in again: lift its locks, or those at one issuer."""
        issuer = self._issuer(asked)
        principal = asked.principal.casefold()
        named = [lock for lock in self._parts.locks.all() if lock.principal.casefold() == principal]
        found = [lock for lock in named if not asked.issuer or lock.issuer == issuer]
        if not found:
            other = ", ".join(sorted({lock.issuer or "every issuer" for lock in named}))
            raise Refused(
                code="lock_unknown",
                title="no such lock",
                detail=f"It is locked at: {other}." if named else "",
                hint="hoopwire principals list shows them.",
            )
        where = await lift(self._parts, found, by=_by(asked.operator), reason=asked.reason)
        if where == "memory":
            raise Refused(
                code="store_unavailable",
                title="the lock stays: that it is lifted can be kept neither in the store nor in the journal",
                hint="The gateway's log has the reason. Try again when there is room.",
            )
        return Unlocked(lifted=tuple(lock_view(lock, where) for lock in found))

    async def locks(self, lifted: bool) -> LockList:
        """Locks in force; with `lifted`, those that were lifted, too."""
        held = [self._lock(lock) for lock in self._parts.locks.all()]
        if not lifted:
            return LockList(locks=tuple(held))
        known = {lock.id for lock in held}
        past = [lock_view(lock, "store") for lock in await self._parts.store.locks(in_force=False)]
        return LockList(locks=(*held, *(lock for lock in past if lock.id not in known)))

    async def reload(self) -> Reloaded:
        """Read the config file again: all of it is taken, or nothing."""
        try:
            return await self._reload()
        except StartError as error:
            raise Refused(
                code="reload_refused",
                title="the new settings were refused; the old ones stay",
                detail=str(error),
            ) from error

    async def status(self) -> Status:
        """Whether anybody can be admitted, and if not, why."""
        parts = self._parts
        causes = parts.health.causes()
        return Status(
            version=__version__,
            ready=not causes,
            causes=causes,
            issuers=tuple(
                IssuerStatus(
                    issuer=issuer,
                    usable=keys.usable,
                    keys=keys.keys,
                    age_s=keys.age_s,
                    failures=keys.failures,
                    last_error=keys.last_error,
                )
                for issuer, keys in parts.current.verifier.issuers().items()
            ),
            sessions=len(parts.table),
            pending=len(parts.keeping),
            log_lost=log.lost(),
            audit_unwritten=parts.trail.unwritten,
        )

    async def statistics(self) -> Statistics:
        """Counters since start."""
        parts = self._parts
        return Statistics(
            version=__version__,
            draining=parts.table.draining,
            pending=len(parts.keeping),
            locks=len(parts.locks.all()),
            log_lost=log.lost(),
            audit_unwritten=parts.trail.unwritten,
            engine=parts.engine.statistics(),
        )

    def _grant(self, grant: Grant) -> GrantView:
        now = self._parts.keeping.overlay(grant)
        return grant_view(now, self._spending.of(now), pending=self._parts.keeping.is_pending(now.id))

    async def _sessions(self) -> list[SessionView]:
        """The engine's counters, and the names that the table knows."""
        views, turn = [], Turn()
        for live in self._parts.engine.sessions():
            await turn.rest()
            seat = self._parts.table.seat(live.session)
            views.append(
                SessionView(
                    name=seat.grant.principal.name if seat is not None else "",
                    expires=rfc3339(live.expires_at),
                    **msgspec.structs.asdict(live),
                )
            )
        return views

    def _revoked(self, answer: Revoked, locks: LocksOfGrants) -> RevokedView:
        grant, parts = answer.grant, self._parts
        lock = locks.of(grant)
        seats = {seat.session: seat for seat in (*answer.seats, *locks.seats_of(lock))}
        left = tuple(id for id, seat in seats.items() if not seat.gone.is_set())
        pending = parts.keeping.is_pending(answer.id)
        return RevokedView(
            id=answer.id,
            found=answer.is_known,
            grant=None if grant is None else grant_view(grant, self._spending.of(grant), pending=pending),
            ended=len(seats) - len(left),
            left=left,
            kept=answer.where,
            lock=None if lock is None else self._lock(lock),
        )

    def _lock(self, lock: Lock) -> LockView:
        return lock_view(lock, self._parts.keeping.where(PrincipalLocked(lock=lock).key))

    def _issuer(self, asked: Locking) -> str:
        """The name of the issuer that is meant, empty for all. Refused if key or issuer can't be right."""
        if not _KEY.fullmatch(asked.principal):
            raise Refused(
                code="principal_malformed",
                title="no principal key",
                detail=f"It is {asked.principal[:300]!r}.",
                hint="Write cid:CLIENT_ID or uid:USER_ID, as hoopwire grants show has it.",
            )
        issuers = self._parts.current.settings.issuers
        for name, issuer in issuers.items():
            if asked.issuer in (name, *issuer.issuers):
                return name
        known_lock = any(lock.issuer == asked.issuer for lock in self._parts.locks.all())
        if not asked.issuer or known_lock:
            return asked.issuer
        raise Refused(
            code="issuer_unknown",
            title="no such issuer is configured",
            hint=f"One of: {', '.join(issuers)}; or leave it out to mean all of them.",
        )

    def _is_configured(self, principal: str) -> bool:
        """The config file names this principal."""
        settings = self._parts.current.settings
        named = {key for policy in settings.policies for key in policy.principals}
        for issuer in settings.issuers.values():
            named.update(issuer.groups.members, (f"cid:{agent}" for agent in issuer.agents))
        return principal.casefold() in {key.casefold() for key in named}


def _grant_unknown() -> Refused:
    return Refused(code="grant_unknown", title="no such grant", hint="hoopwire grants list shows them.")


def _by(operator: str) -> str:
    """The name is the operator's own word: the socket's mode is what makes an operator."""
    return f"operator:{operator}" if operator else "operator"
