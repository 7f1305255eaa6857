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
from hoopwire.api import problems
from hoopwire.api.ending import BodyMalformed, ending_routes, grant_unknown
from hoopwire.api.public import application, http_error, server_error
from hoopwire.control.files import StartError
from hoopwire.control.parts import Parts
from hoopwire.control.spending import Spending
from hoopwire.model.api import GrantView, Reloaded, SessionView, grant_view, rfc3339
from hoopwire.model.grant import Grant, GrantState
from hoopwire.store import StoreUnavailable

_LIMIT = 10_000
_STATES: tuple[GrantState, ...] = ("active", "exhausted", "expired", "revoked")


def admin_app(parts: Parts, reload: Callable[[], Awaitable[Reloaded]], spending: Spending) -> Starlette:
    """`reload` reads the config file again; StartError if it is refused."""

    def view(grant: Grant) -> GrantView:
        now = parts.keeping.overlay(grant)
        return grant_view(now, spending.of(now), pending=parts.keeping.is_pending(now.id))

    async def views(state: GrantState | None) -> list[GrantView]:
        """Those of a state, by what the store knows and what it does not know yet."""
        found = {grant.id: view(grant) for grant in await parts.store.grants(state=state, limit=_LIMIT)}
        for end in parts.keeping.ends():
            if end.id not in found and (grant := await parts.store.grant(end.id)) is not None:
                found[end.id] = view(grant)
        wanted = [grant for grant in found.values() if state in (None, grant.state)]
        return sorted(wanted, key=lambda grant: grant.id, reverse=True)

    async def grants(request: Request) -> Response:
        wanted = request.query_params.get("state")
        state = next((known for known in _STATES if known == wanted), None)
        if wanted is not None and state is None:
            return problems.problem(
                400, "state_unknown", "no such state", hint=f"One of: {', '.join(_STATES)}."
            )
        spending.look()
        return _json({"grants": await views(state)})

    async def one_grant(request: Request) -> Response:
        id = request.path_params["id"]
        spending.look()
        grant = await parts.store.grant(id)
        if grant is None:
            return grant_unknown()
        live = [view for view in session_views(parts) if view.grant == id]
        return _json({"grant": view(grant), "sessions": live})

    async def sessions(request: Request) -> Response:
        return _json({"sessions": session_views(parts)})

    async def reload_config(request: Request) -> Response:
        return _json(await reload())

    async def statistics(request: Request) -> Response:
        return _json(
            {
                "version": __version__,
                "draining": parts.table.draining,
                "pending": len(parts.keeping),
                "locks": len(parts.locks.all()),
                "engine": parts.engine.statistics(),
            }
        )

    return application(
        [
            Route("/v1/grants", grants, methods=["GET"]),
            Route("/v1/grants/{id}", one_grant, methods=["GET"]),
            Route("/v1/sessions", sessions, methods=["GET"]),
            Route("/v1/reload", reload_config, methods=["POST"]),
            Route("/v1/statistics", statistics, methods=["GET"]),
            *ending_routes(parts, spending),
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
        "the store failed",
        detail=str(error),
    )


async def _body_invalid(request: Request, error: Exception) -> Response:
    return problems.problem(400, "body_invalid", "the body is malformed", detail=str(error))
