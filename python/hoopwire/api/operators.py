"""How the operators' verbs look over HTTP: paths, parameters, bodies. control/operations.py does them.

It is another application on another listener: no request to the public API can reach it.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar, TypeVarTuple

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hoopwire.api import problems
from hoopwire.api.public import application, http_error, read_body, server_error
from hoopwire.control.operations import Operations, Refused, Role, role_needed
from hoopwire.model.api import Ending, Locking
from hoopwire.model.grant import GrantState
from hoopwire.store import StoreUnavailable

Body = TypeVar("Body")
Arguments = TypeVarTuple("Arguments")

_STATES: tuple[GrantState, ...] = ("active", "exhausted", "expired", "revoked")


def operators_app(operations: Operations, roles: Collection[Role]) -> Starlette:
    """For callers who have these roles: what needs another is not there. StartError if a verb needs none."""

    def route(
        method: str,
        path: str,
        verb: Callable[[Operations, *Arguments], Awaitable[msgspec.Struct]],
        read: Callable[[Request], Awaitable[tuple[*Arguments]]],
    ) -> list[Route]:
        """`read` makes the verb's arguments of a request; what the verb returns is the answer's JSON."""

        async def answer(request: Request) -> Response:
            result = await verb(operations, *await read(request))
            return Response(msgspec.json.encode(result), media_type="application/json")

        return [Route(path, answer, methods=[method])] if role_needed(verb) in roles else []

    return application(
        [
            *route("GET", "/v1/grants", Operations.grants, _state),
            *route("GET", "/v1/grants/{id}", Operations.grant, _id),
            *route("GET", "/v1/sessions", Operations.sessions, _nothing),
            *route("POST", "/v1/reload", Operations.reload, _nothing),
            *route("GET", "/v1/statistics", Operations.statistics, _nothing),
            *route("GET", "/v1/status", Operations.status, _nothing),
            *route("POST", "/v1/grants/revoke", Operations.revoke_grants, _grants_to_revoke),
            *route("POST", "/v1/grants/{id}/revoke", Operations.revoke_grant, _one_to_end),
            *route("POST", "/v1/sessions/end", Operations.end_sessions, _sessions_to_end),
            *route("POST", "/v1/sessions/{id}/end", Operations.end_session, _one_to_end),
            *route("POST", "/v1/principals/lock", Operations.lock, _locking),
            *route("POST", "/v1/principals/unlock", Operations.unlock, _locking),
            *route("GET", "/v1/principals/locks", Operations.locks, _with_lifted),
        ],
        {
            HTTPException: http_error,
            Refused: _refused,
            StoreUnavailable: _store_unavailable,
            Exception: server_error,
        },
    )


async def _nothing(request: Request) -> tuple[()]:
    return ()


async def _id(request: Request) -> tuple[str]:
    return (request.path_params["id"],)


async def _state(request: Request) -> tuple[GrantState | None]:
    wanted = request.query_params.get("state")
    state = next((known for known in _STATES if known == wanted), None)
    if wanted is not None and state is None:
        raise Refused(code="state_unknown", title="no such state", hint=f"One of: {', '.join(_STATES)}.")
    return (state,)


async def _with_lifted(request: Request) -> tuple[bool]:
    return (request.query_params.get("all") is not None,)


async def _grants_to_revoke(request: Request) -> tuple[tuple[str, ...], Ending]:
    asked = await _body(request, Ending)
    return asked.grants, asked


async def _sessions_to_end(request: Request) -> tuple[tuple[str, ...], Ending]:
    asked = await _body(request, Ending, Ending())
    return asked.sessions, asked


async def _one_to_end(request: Request) -> tuple[str, Ending]:
    return request.path_params["id"], await _body(request, Ending, Ending())


async def _locking(request: Request) -> tuple[Locking]:
    return (await _body(request, Locking),)


async def _body(request: Request, kind: type[Body], nothing: Body | None = None) -> Body:
    """The request's body, or `nothing` where it is empty. Refused if it is not of this kind."""
    body = await read_body(request)
    if not body and nothing is not None:
        return nothing
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refused(code="body_invalid", title="the body is malformed", detail=str(error)) from None


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return problems.of_refused(error)


async def _store_unavailable(request: Request, error: Exception) -> Response:
    return problems.problem(503, "store_unavailable", "the store failed", detail=str(error))
