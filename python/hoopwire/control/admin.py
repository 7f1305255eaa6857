"""The operators' API, on a Unix socket that only the gateway's own account may open.

It is another application on another listener: no path, header or method of the public API leads here.
"""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hoopwire import __version__
from hoopwire.control import problems
from hoopwire.control.api import application, http_error, read_body, server_error
from hoopwire.control.files import StartError
from hoopwire.control.parts import Parts
from hoopwire.control.revocation import end_session, revoke_grant
from hoopwire.control.spending import Spending
from hoopwire.control.wire import Ending, GrantView, Reloaded, SessionView, grant_view, rfc3339
from hoopwire.model.grant import Grant, GrantState
from hoopwire.store import StoreUnavailable

_LIMIT = 10_000
_STATES: tuple[GrantState, ...] = ("active", "exhausted", "expired", "revoked")


class BodyMalformed(Exception):
    """Not what the verb takes; the text says why."""


def admin_app(parts: Parts, reload: Callable[[], Awaitable[Reloaded]], spending: Spending) -> Starlette:
    """`reload` reads the config file again; StartError if it is refused."""

    def view(grant: Grant) -> GrantView:
        return grant_view(grant, spending.of(grant))

    async def grants(request: Request) -> Response:
        wanted = request.query_params.get("state")
        state = next((known for known in _STATES if known == wanted), None)
        if wanted is not None and state is None:
            return problems.problem(
                400, "state_unknown", "no such state", hint=f"One of: {', '.join(_STATES)}."
            )
        spending.look()
        return _json(
            {"grants": [view(grant) for grant in await parts.store.grants(state=state, limit=_LIMIT)]}
        )

    async def one_grant(request: Request) -> Response:
        id = request.path_params["id"]
        spending.look()
        grant = await parts.store.grant(id)
        if grant is None:
            return problems.problem(
                404, "grant_unknown", "no such grant", hint="hoopwire grants list shows them."
            )
        live = [view for view in session_views(parts) if view.grant == id]
        return _json({"grant": view(grant), "sessions": live})

    async def revoke(request: Request) -> Response:
        by, reason = await _ending(request)
        grant = await revoke_grant(parts, request.path_params["id"], by=by, reason=reason)
        if grant is None:
            return problems.problem(
                404, "grant_unknown", "no such grant", hint="hoopwire grants list shows them."
            )
        return _json({"grant": view(grant)})

    async def sessions(request: Request) -> Response:
        return _json({"sessions": session_views(parts)})

    async def end(request: Request) -> Response:
        by, reason = await _ending(request)
        if not end_session(parts, request.path_params["id"], by=by, reason=reason):
            return problems.problem(
                404, "session_unknown", "no such session", hint="hoopwire sessions list shows them."
            )
        return _json({"session": request.path_params["id"], "ended": True})

    async def reload_config(request: Request) -> Response:
        return _json(await reload())

    async def statistics(request: Request) -> Response:
        return _json(
            {"version": __version__, "draining": parts.table.draining, "engine": parts.engine.statistics()}
        )

    return application(
        [
            Route("/v1/grants", grants, methods=["GET"]),
            Route("/v1/grants/{id}", one_grant, methods=["GET"]),
            Route("/v1/grants/{id}/revoke", revoke, methods=["POST"]),
            Route("/v1/sessions", sessions, methods=["GET"]),
            Route("/v1/sessions/{id}/end", end, methods=["POST"]),
            Route("/v1/reload", reload_config, methods=["POST"]),
            Route("/v1/statistics", statistics, methods=["GET"]),
        ],
        {
            HTTPException: http_error,
            StartError: _reload_refused,
            StoreUnavailable: _store_unavailable,
            BodyMalformed: _body_invalid,
            Exception: server_error,
        },
    )


def session_views(parts: Parts) -> list[SessionView]:
    """Live sessions: the engine's counters and the table's names."""
    views = []
    for live in parts.engine.sessions():
        seat = parts.table.seat(live.session)
        views.append(
            SessionView(
                name=seat.grant.principal.name if seat is not None else "",
                expires=rfc3339(live.expires_at),
                **msgspec.structs.asdict(live),
            )
        )
    return views


async def _ending(request: Request) -> tuple[str, str]:
    """Who and why. The name is the operator's own word: the socket's mode is what makes an operator."""
    body = await read_body(request)
    try:
        ending = msgspec.json.decode(body, type=Ending) if body else Ending()
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BodyMalformed(str(error)) from None
    return f"operator:{ending.operator}" if ending.operator else "operator", ending.reason


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


async def _reload_refused(request: Request, error: Exception) -> Response:
    return problems.problem(
        422, "reload_refused", "the new settings were refused; the old ones stay", detail=str(error)
    )


async def _store_unavailable(request: Request, error: Exception) -> Response:
    return problems.problem(
        503,
        "store_unavailable",
        "the store failed; live sessions named in this request were ended all the same",
        detail=str(error),
    )


async def _body_invalid(request: Request, error: Exception) -> Response:
    return problems.problem(400, "body_invalid", "the body is malformed", detail=str(error))
