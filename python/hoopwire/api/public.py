"""The public API: exchanges an access token for a grant, shows its OpenAPI document, says whether we live.

No operator's verb is here.

Rules: the body is capped before it is parsed; a token is taken from the Authorization header only; an answer
that holds a secret is never stored by anyone (`no-store`).
"""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import msgspec
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ExceptionHandler

from hoopwire.access import AccessRequest, parse_database
from hoopwire.api import problems
from hoopwire.api.openapi import openapi_document
from hoopwire.audit import AuditEvent, identity_event, vouched_event
from hoopwire.control import texts
from hoopwire.control.certifying import SshPlace, bind, certify, ssh_place
from hoopwire.control.minting import SECRET_PREFIX, redeem_token
from hoopwire.control.parts import Denied, Parts
from hoopwire.control.places import found_at
from hoopwire.control.whoami import whoami
from hoopwire.model.api import GrantIssued, GrantRequest, SshView, grant_view
from hoopwire.model.grant import Grant
from hoopwire.model.settings import Settings
from hoopwire.model.ssh.keys import KeyFault, PublicKey, read_public_key

BODY_LIMIT_BYTES = 64 * 1024
_BODY_S = 20.0
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)")
_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|h)?")
_UNIT_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def public_app(parts: Parts) -> Starlette:
    """The application of everybody's listener."""
    document = msgspec.json.encode(openapi_document())

    async def mint(request: Request) -> Response:
        return await _mint(parts, request)

    async def me(request: Request) -> Response:
        return await _me(parts, request)

    async def ssh(request: Request) -> Response:
        place = ssh_place(parts, request.url.hostname)
        if place is None:
            raise HTTPException(404)
        view = SshView(names=place.names, port=place.port, known_hosts=place.known_hosts)
        return Response(msgspec.json.encode(view), media_type="application/json")

    async def openapi(request: Request) -> Response:
        return Response(document, media_type="application/json")

    async def healthz(request: Request) -> Response:
        draining = parts.table.draining
        body = {"status": "draining" if draining else "ok"}
        return Response(msgspec.json.encode(body), 503 if draining else 200, media_type="application/json")

    async def readyz(request: Request) -> Response:
        # Names only: details are for operators.
        causes = [cause.cause for cause in parts.health.causes()]
        body = {"status": "not ready" if causes else "ready", "causes": causes}
        return Response(msgspec.json.encode(body), 503 if causes else 200, media_type="application/json")

    return application(
        [
            Route("/v1/grants", mint, methods=["POST"]),
            Route("/v1/me", me, methods=["GET"]),
            Route("/v1/ssh", ssh, methods=["GET"]),
            Route("/openapi.json", openapi, methods=["GET"]),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
        ],
        {HTTPException: http_error, Exception: server_error},
    )


def application(routes: list[Route], handlers: Mapping[Any, ExceptionHandler]) -> Starlette:
    """Exactly these paths: one with a slash more is not redirected to where the Host header says."""
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


async def http_error(request: Request, error: Exception) -> Response:
    """404 and 405 as problems; the latter with Allow."""
    assert isinstance(error, HTTPException)
    hint = "GET /openapi.json lists what there is." if error.status_code == 404 else ""
    return problems.plain(error.status_code, hint, error.headers)


async def server_error(request: Request, error: Exception) -> Response:
    """A bug of ours: the log has the reason, the answer has none."""
    return problems.problem(500, "internal_error", "the gateway failed", hint="Tell its operators.")


async def read_body(request: Request) -> bytes:
    """The whole body. HTTPException 413 past the limit, whatever Content-Length said; 408 if it drips."""
    if int(request.headers.get("content-length", "0")) > BODY_LIMIT_BYTES:
        raise HTTPException(413)  # before anybody is asked to send it
    body = bytearray()
    with trio.move_on_after(_BODY_S):
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_LIMIT_BYTES:
                raise HTTPException(413)
        return bytes(body)
    raise HTTPException(408)


async def _mint(parts: Parts, request: Request) -> Response:
    peer = f"{request.client.host}:{request.client.port}" if request.client else ""
    token = _bearer(request)
    if isinstance(token, Response):
        return token
    try:
        asked = msgspec.json.decode(await read_body(request), type=GrantRequest)
        wish, key = _wish(asked, parts.current.settings), _key(asked)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        hint = "GET /openapi.json describes the body."
        return problems.problem(
            400, "body_invalid", "the body is not a grant request", detail=str(error), hint=hint
        )
    if parts.table.draining:
        return problems.problem(503, "draining", "the gateway is stopping", hint="Try again in a moment.")
    try:
        if key is not None:
            binding = bind(parts, key, asked.source_addresses)
            wish = msgspec.structs.replace(wish, protocol="ssh", ssh=binding)
        grant, secret = await _redeem(parts, token, wish, peer, asked.renews or None)
        certificate = ""
        if key is not None:
            await parts.prepare(grant)
            certificate = certify(parts, key, grant)
    except Denied as denied:
        _record(parts, denied, peer)
        denial = texts.with_contact(denied.denial, parts.current.settings.gateway.contact)
        return problems.of_denial(denial, authenticated=denied.identity is not None)
    asked_at = request.url.hostname
    place = ssh_place(parts, asked_at) if grant.protocol == "ssh" else None
    issued = GrantIssued(
        grant=grant_view(grant, grant.used),
        secret=secret,
        connect=_connect(parts, grant, place, asked_at),
        certificate=certificate,
        known_hosts=() if place is None else place.known_hosts,
    )
    return Response(
        msgspec.json.encode(issued), 201, media_type="application/json", headers={"cache-control": "no-store"}
    )


async def _me(parts: Parts, request: Request) -> Response:
    credential = _bearer(request, secret_too=True)
    if isinstance(credential, Response):
        return credential
    limit_s = float(parts.current.settings.limits.admission)
    try:
        with trio.fail_after(limit_s):
            view = await whoami(parts, credential)
    except trio.TooSlowError:
        return problems.of_denial(texts.admission_late(limit_s), authenticated=False)
    except Denied as denied:
        # Else it would be the place to try out stolen and guessed ones unseen.
        _record(parts, denied, f"{request.client.host}:{request.client.port}" if request.client else "")
        denial = texts.with_contact(denied.denial, parts.current.settings.gateway.contact)
        known = denied.identity is not None or denied.grant is not None
        return problems.of_denial(denial, authenticated=known)
    return Response(
        msgspec.json.encode(view), media_type="application/json", headers={"cache-control": "no-store"}
    )


async def _redeem(
    parts: Parts, token: str, wish: AccessRequest, peer: str, renews: str | None
) -> tuple[Grant, str]:
    limit_s = float(parts.current.settings.limits.admission)
    try:
        with trio.fail_after(limit_s):
            return await redeem_token(
                parts, token, wish, mint="explicit", channel="http", peer=peer, renews=renews
            )
    except trio.TooSlowError:
        raise Denied(texts.admission_late(limit_s)) from None


def _bearer(request: Request, *, secret_too: bool = False) -> str | Response:
    headers = request.headers.getlist("authorization")
    if not headers:
        return problems.unauthorized(
            "token_missing", "no access token", hint="Send it as Authorization: Bearer TOKEN."
        )
    match = _BEARER.fullmatch(headers[0]) if len(headers) == 1 else None
    if match is None:
        return problems.unauthorized(
            "token_malformed",
            "the Authorization header holds no bearer token",
            hint="Send exactly one: Authorization: Bearer TOKEN (RFC 6750).",
        )
    if match[1].startswith(SECRET_PREFIX) and not secret_too:
        return problems.unauthorized(
            "token_malformed",
            "a grant secret cannot buy a grant",
            hint="Send an access token of your issuer.",
        )
    return match[1]


def _wish(asked: GrantRequest, settings: Settings) -> AccessRequest:
    target, database = parse_database(asked.target, settings.targets)
    return AccessRequest(
        target=target,
        database=database,
        actions=asked.actions,
        ttl=_seconds(asked.ttl),
        task=asked.task,
        purpose=asked.purpose,
    )


def _seconds(ttl: float | str | None) -> float | None:
    if not isinstance(ttl, str):
        return ttl
    match = _DURATION.fullmatch(ttl.strip())
    if match is None:
        raise ValueError("`ttl` is seconds, or a duration such as 90s, 10m or 1h - at `$.ttl`")
    return float(match[1]) * _UNIT_S[match[2] or "s"]


def _key(asked: GrantRequest) -> PublicKey | None:
    """The key to be certified. ValueError if it or an address is none."""
    for address in asked.source_addresses:
        try:
            ip_network(address)
        except ValueError as error:
            raise ValueError(f"{error} - at `$.source_addresses`") from None
    if not asked.ssh_public_key:
        if asked.source_addresses:
            raise ValueError("needs `ssh_public_key` - at `$.source_addresses`")
        return None
    try:
        return read_public_key(asked.ssh_public_key.encode())
    except KeyFault as fault:
        raise ValueError(f"{fault} - at `$.ssh_public_key`") from None


def _connect(parts: Parts, grant: Grant, place: SshPlace | None, asked_at: str | None) -> str:
    """A command line that opens the grant. None for a target that nothing listens for."""
    settings = parts.current.settings
    target, part = settings.target(grant.target), grant.databases[0]
    if target is None:
        return ""
    if target.protocol == "ssh":
        if place is None:
            return ""
        name = grant.target if part == target.parts[0] else f"{part}@{grant.target}"
        port = "" if place.port == 22 else f"-p {place.port} "
        return f"ssh {port}{name}@{place.names[0]}"
    address = (parts.engine.addresses_of("postgres") or ("",))[0]
    host, bound = found_at(address, settings, asked_at)
    name = grant.target if part == target.parts[0] else f"{grant.target}/{part}"
    return f'psql "host={host} port={bound} dbname={name} user=agent sslmode=verify-full"'


def _record(parts: Parts, denied: Denied, peer: str) -> None:
    at = parts.clock.wall()
    if denied.identity is not None:
        event = identity_event("grant.denied", at, denied.identity)
    elif denied.vouched is not None:
        event = vouched_event("grant.denied", at, denied.vouched)
    else:
        event = AuditEvent(kind="grant.denied", at=at)
    parts.trail.record(
        msgspec.structs.replace(
            event,
            peer=peer,
            channel="http",
            grant=denied.grant.id if denied.grant is not None else "",
            code=denied.denial.code,
            reason=denied.denial.internal or denied.denial.message,
        )
    )
