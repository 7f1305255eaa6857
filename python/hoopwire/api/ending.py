"""The operators' verbs that end something: revoke, end, lock, unlock. Each answers when it is over.

Rule: what is cut is cut before anything is awaited; then it is kept; then the sessions' ends are waited for.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hoopwire.access import issuer_name
from hoopwire.api import problems
from hoopwire.api.public import read_body
from hoopwire.control.locking import lift, lock_out
from hoopwire.control.parts import Parts
from hoopwire.control.revocation import Revoked, end_sessions, revoke_grants, still_there
from hoopwire.control.sessions import Seat
from hoopwire.control.spending import Spending
from hoopwire.model.api import (
    Ending,
    LockAnswer,
    Locking,
    LockView,
    RevokedView,
    grant_view,
    lock_view,
)
from hoopwire.model.grant import Grant
from hoopwire.model.lock import Lock
from hoopwire.store import PrincipalLocked, StoreUnavailable

Body = TypeVar("Body")

_KEY = re.compile(r"(cid|uid):[\x21-\x7e]{1,256}")
"""What a token's client or user id can be."""


class BodyMalformed(Exception):
    """Not what the verb takes; the text says why."""


def ending_routes(parts: Parts, spending: Spending) -> list[Route]:
    """The routes of these verbs, for the operators' API."""
    verbs = _Verbs(parts, spending)
    return [
        Route("/v1/grants/revoke", verbs.revoke, methods=["POST"]),
        Route("/v1/grants/{id}/revoke", verbs.revoke_one, methods=["POST"]),
        Route("/v1/sessions/end", verbs.end, methods=["POST"]),
        Route("/v1/sessions/{id}/end", verbs.end_one, methods=["POST"]),
        Route("/v1/principals/lock", verbs.lock, methods=["POST"]),
        Route("/v1/principals/unlock", verbs.unlock, methods=["POST"]),
        Route("/v1/principals/locks", verbs.locks, methods=["GET"]),
    ]


class _Verbs:
    def __init__(self, parts: Parts, spending: Spending) -> None:
        self._parts = parts
        self._spending = spending

    async def revoke(self, request: Request) -> Response:
        asked = await _read(request, Ending)
        return _json({"grants": await self._revoke(asked.grants, asked)})

    async def revoke_one(self, request: Request) -> Response:
        [answer] = await self._revoke((request.path_params["id"],), await _read(request, Ending, Ending()))
        return _json(answer) if answer.found else grant_unknown()

    async def end(self, request: Request) -> Response:
        asked = await _read(request, Ending, Ending())
        return _json({"sessions": await self._end(asked.sessions, asked)})

    async def end_one(self, request: Request) -> Response:
        [answer] = await self._end((request.path_params["id"],), await _read(request, Ending, Ending()))
        if answer["found"]:
            return _json(answer)
        return problems.problem(
            404, "session_unknown", "no such session", hint="hoopwire sessions list shows them."
        )

    async def lock(self, request: Request) -> Response:
        asked = await _read(request, Locking)
        issuer = self._issuer(asked)
        if isinstance(issuer, Response):
            return issuer
        by = _by(asked.operator)
        lock, seats = lock_out(
            self._parts, asked.principal, issuer, for_s=asked.for_s, by=by, reason=asked.reason
        )
        await self._parts.keeping.keep()
        try:
            similar = await self._parts.store.spellings(asked.principal)
        except StoreUnavailable:
            similar = None
        left = await still_there(seats)
        return _json(
            LockAnswer(
                lock=self._view(lock),
                ended=len(seats) - len(left),
                left=tuple(left),
                seen=None if similar is None else bool(similar) or self._is_configured(asked.principal),
                similar=tuple(key for key in similar or () if key != asked.principal),
            )
        )

    async def unlock(self, request: Request) -> Response:
        asked = await _read(request, Locking)
        issuer = self._issuer(asked)
        if isinstance(issuer, Response):
            return issuer
        named = [
            lock
            for lock in self._parts.locks.all()
            if lock.principal.casefold() == asked.principal.casefold()
        ]
        found = [lock for lock in named if not asked.issuer or lock.issuer == issuer]
        if not found:
            other = ", ".join(sorted({lock.issuer or "every issuer" for lock in named}))
            return problems.problem(
                404,
                "lock_unknown",
                "no such lock",
                detail=f"It is locked at: {other}." if named else "",
                hint="hoopwire principals list shows them.",
            )
        where = await lift(self._parts, found, by=_by(asked.operator), reason=asked.reason)
        if where == "memory":
            return problems.problem(
                503,
                "store_unavailable",
                "the lock stays: that it is lifted can be kept neither in the store nor in the journal",
                hint="The gateway's log has the reason. Try again when there is room.",
            )
        return _json({"lifted": [lock_view(lock, where) for lock in found]})

    async def locks(self, request: Request) -> Response:
        held = [self._view(lock) for lock in self._parts.locks.all()]
        if request.query_params.get("all") is None:
            return _json({"locks": held})
        known = {lock.id for lock in held}
        past = [lock_view(lock, "store") for lock in await self._parts.store.locks(in_force=False)]
        return _json({"locks": held + [lock for lock in past if lock.id not in known]})

    async def _revoke(self, ids: Sequence[str], asked: Ending) -> list[RevokedView]:
        parts, by = self._parts, _by(asked.operator)
        locking = _Locking(parts, asked, by)
        if asked.lock:
            locking.lock(seat.grant for id in ids for seat in parts.table.seats_of(id))
        answers = await revoke_grants(parts, ids, by=by, reason=asked.reason)
        if asked.lock:
            locking.lock(answer.grant for answer in answers if answer.grant is not None)
            await parts.keeping.keep()
        await still_there([*locking.seats, *(seat for answer in answers for seat in answer.seats)])
        return [self._revoked(answer, locking) for answer in answers]

    def _revoked(self, answer: Revoked, locking: "_Locking") -> RevokedView:
        grant, parts = answer.grant, self._parts
        lock = locking.of(grant)
        seats = {seat.session: seat for seat in (*answer.seats, *locking.seats_of(lock))}
        left = tuple(id for id, seat in seats.items() if not seat.gone.is_set())
        pending = parts.keeping.is_pending(answer.id)
        return RevokedView(
            id=answer.id,
            found=answer.is_known,
            grant=None if grant is None else grant_view(grant, self._spending.of(grant), pending=pending),
            ended=len(seats) - len(left),
            left=left,
            kept=answer.where,
            lock=None if lock is None else self._view(lock),
        )

    async def _end(self, ids: Sequence[str], asked: Ending) -> list[dict[str, object]]:
        seats = end_sessions(self._parts, ids, by=_by(asked.operator), reason=asked.reason)
        left = await still_there(seats)
        found = {seat.session for seat in seats}
        return [
            {"session": id, "found": id in found, "ended": id in found and id not in left}
            for id in dict.fromkeys(ids)
        ]

    def _view(self, lock: Lock) -> LockView:
        return lock_view(lock, self._parts.keeping.where(PrincipalLocked(lock=lock).key))

    def _issuer(self, asked: Locking) -> str | Response:
        """The name of the issuer that is meant; or what is wrong with the request."""
        if not _KEY.fullmatch(asked.principal):
            return problems.problem(
                400,
                "principal_malformed",
                "no principal key",
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
        return problems.problem(
            400,
            "issuer_unknown",
            "no such issuer is configured",
            hint=f"One of: {', '.join(issuers)}; or leave it out to mean all of them.",
        )

    def _is_configured(self, principal: str) -> bool:
        settings = self._parts.current.settings
        named = {key for policy in settings.policies for key in policy.principals}
        for issuer in settings.issuers.values():
            named.update(issuer.groups.members, (f"cid:{agent}" for agent in issuer.agents))
        return principal.casefold() in {key.casefold() for key in named}


class _Locking:
    """Locks that come with a revocation: one for each principal."""

    def __init__(self, parts: Parts, asked: Ending, by: str) -> None:
        self._parts = parts
        self._asked = asked
        self._by = by
        self._made: dict[tuple[str, str], tuple[Lock, list[Seat]]] = {}

    @property
    def seats(self) -> list[Seat]:
        """Sessions that the locks ended."""
        return [seat for _, seats in self._made.values() for seat in seats]

    def lock(self, grants: Iterable[Grant]) -> None:
        """Lock the principals of these grants, at the issuers that vouch for them."""
        for grant in grants:
            key, issuer = self._who(grant)
            if (key, issuer) not in self._made:
                self._made[key, issuer] = lock_out(
                    self._parts, key, issuer, for_s=self._asked.for_s, by=self._by, reason=self._asked.reason
                )

    def of(self, grant: Grant | None) -> Lock | None:
        """The lock on the principal of the grant."""
        made = None if grant is None else self._made.get(self._who(grant))
        return None if made is None else made[0]

    def seats_of(self, lock: Lock | None) -> list[Seat]:
        """Sessions that this lock ended."""
        return [seat for made, seats in self._made.values() for seat in seats if made is lock]

    def _who(self, grant: Grant) -> tuple[str, str]:
        """An issuer that is configured no more: every issuer is the safe reading."""
        principal = grant.principal
        return principal.key, issuer_name(principal, self._parts.current.settings) or ""


def grant_unknown() -> Response:
    """No grant of that id."""
    return problems.problem(404, "grant_unknown", "no such grant", hint="hoopwire grants list shows them.")


async def _read(request: Request, kind: type[Body], nothing: Body | None = None) -> Body:
    """The request's body, or `nothing` where it is empty. BodyMalformed if it is not of this kind."""
    body = await read_body(request)
    if not body and nothing is not None:
        return nothing
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BodyMalformed(str(error)) from None


def _by(operator: str) -> str:
    """The name is the operator's own word: the socket's mode is what makes an operator."""
    return f"operator:{operator}" if operator else "operator"


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
