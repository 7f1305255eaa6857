"""A dev issuer: a simulated Okta custom authorization server on loopback, for tests and for the demo.

It answers discovery (both documents), `/v1/keys`, `/v1/token` (client credentials with client_secret_basic,
client_secret_post or private_key_jwt), `/v1/introspect`, and for people `/v1/device/authorize` and the page
`/activate`. Its keys are made for each run, its issuer
string holds `dev`, and it refuses to bind to anything but loopback: whoever reaches it can be anybody.

    async with DevIssuer.serve() as issuer:          # under trio
    with DevIssuer.run_in_thread() as issuer:        # from ordinary code
    python -m hoopwire.demo.issuer --clients FILE # as a process; its first line is the issuer string
"""

import argparse
import base64
import binascii
import hmac
import ipaddress
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_plus

import jwt
import msgspec
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from hoopwire.api.http_connection import HttpLimits
from hoopwire.api.http_server import Listener
from hoopwire.demo.issuer_device import GRANT_TYPE, DeviceCodes, DevPerson, person
from hoopwire.demo.issuer_tokens import DevClient, IssuerTokens, SigningKey

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_MAX_S: Final = 3600


class DevIssuer(IssuerTokens):
    """The issuer with its endpoints. `app` is the ASGI application, `fetches` the number of key fetches."""

    def __init__(
        self,
        base: str,
        *,
        name: str = "dev-hoopwire",
        audience: str = "hoopwire-dev",
        groups_claim: str = "groups",
        max_age_s: int = 3600,
        now: Callable[[], float] = time.time,
        signing_key: SigningKey | None = None,
    ) -> None:
        super().__init__(
            f"{base}/oauth2/{name}",
            audience=audience,
            groups_claim=groups_claim,
            now=now,
            signing_key=signing_key,
        )
        self.max_age_s = max_age_s
        self.fetches = 0
        self.discoveries = 0
        self._failing: int | None = None
        self._assertions_seen: set[str] = set()
        self.devices = DeviceCodes(lambda: self.now(), self._of_person)
        self._page = f"{base}/activate"
        at = f"/oauth2/{name}"
        self.app = Starlette(
            routes=[
                Route(f"{at}/.well-known/oauth-authorization-server", self._metadata),
                Route(f"{at}/.well-known/openid-configuration", self._metadata),
                Route(f"{at}/v1/keys", self._keys),
                Route(f"{at}/v1/token", self._token, methods=["POST"]),
                Route(f"{at}/v1/introspect", self._introspect, methods=["POST"]),
                Route(f"{at}/v1/device/authorize", self._device, methods=["POST"]),
                Route("/activate", self._activate, methods=["GET", "POST"]),
            ]
        )

    def fail_jwks(self, status: int | None) -> None:
        """Answer discovery and `/v1/keys` with this status from now on; None makes them work again."""
        self._failing = status

    @classmethod
    @asynccontextmanager
    async def serve(
        cls, *, host: str = "127.0.0.1", port: int = 0, **settings: Any
    ) -> AsyncIterator["DevIssuer"]:
        """Serve on loopback under trio while the block runs. Raises ValueError for any other address."""
        listener = _listen(host, port)
        issuer = cls(_base(listener), **settings)
        async with trio.open_nursery() as nursery:
            await nursery.start(issuer._run, listener)
            try:
                yield issuer
            finally:
                nursery.cancel_scope.cancel()

    @classmethod
    @contextmanager
    def run_in_thread(
        cls, *, host: str = "127.0.0.1", port: int = 0, **settings: Any
    ) -> Iterator["DevIssuer"]:
        """The same from ordinary code: an event loop of its own in a thread."""
        listener = _listen(host, port)
        issuer = cls(_base(listener), **settings)
        started = threading.Event()
        stop: list[Callable[[], None]] = []

        async def run() -> None:
            token = trio.lowlevel.current_trio_token()
            async with trio.open_nursery() as nursery:
                await nursery.start(issuer._run, listener)
                stop.append(lambda: token.run_sync_soon(nursery.cancel_scope.cancel))
                started.set()

        thread = threading.Thread(target=trio.run, args=(run,), name="dev-issuer", daemon=True)
        thread.start()
        if not started.wait(10):
            raise RuntimeError("the dev issuer did not start")
        try:
            yield issuer
        finally:
            stop[0]()
            thread.join(10)

    async def _run(
        self, listener: socket.socket, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED
    ) -> None:
        listener.setblocking(False)
        limits = HttpLimits(connections=1000, per_address=1000, stop_s=1.0)
        served = Listener(trio.socket.from_stdlib_socket(listener), self.app, _report, limits=limits)
        task_status.started()
        try:
            await served.run(trio.sleep_forever)
        finally:
            served.close()

    async def _metadata(self, request: Request) -> Response:
        self.discoveries += 1
        if self._failing is not None:
            return JSONResponse({"errorCode": "E0000009"}, self._failing)
        return JSONResponse(
            {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/v1/keys",
                "token_endpoint": f"{self.issuer}/v1/token",
                "introspection_endpoint": f"{self.issuer}/v1/introspect",
                "device_authorization_endpoint": f"{self.issuer}/v1/device/authorize",
                "grant_types_supported": ["client_credentials", GRANT_TYPE],
                "response_types_supported": ["token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_basic",
                    "client_secret_post",
                    "private_key_jwt",
                ],
            }
        )

    async def _keys(self, request: Request) -> Response:
        self.fetches += 1
        if self._failing is not None:
            return JSONResponse({"errorCode": "E0000009"}, self._failing)
        return JSONResponse(
            {"keys": self.published}, headers={"cache-control": f"max-age={self.max_age_s}, must-revalidate"}
        )

    async def _token(self, request: Request) -> Response:
        form = await _form(request)
        if form.get("grant_type") == GRANT_TYPE:
            client = self._device_client(request, form)
            if client is None:
                return _error(401, "invalid_client")
            status, said = self.devices.poll(form.get("device_code", ""), client.cid)
            return JSONResponse(said, status, headers={"cache-control": "no-store"})
        client = self._authenticate(request, form)
        if client is None:
            return _error(401, "invalid_client")
        if form.get("grant_type") != "client_credentials":
            return _error(400, "unsupported_grant_type")
        asked = form.get("scope", "").split()
        if not set(asked) <= set(client.scopes):
            return _error(400, "invalid_scope")
        scopes = asked or list(client.scopes)
        # `audience` is this dev issuer's own extension: at Okta each authorization server has one audience.
        token = self.token(client.cid, aud=form.get("audience") or None, scopes=scopes)
        return JSONResponse(
            {
                "token_type": "Bearer",
                "expires_in": client.ttl_s,
                "access_token": token,
                "scope": " ".join(scopes),
            },
            headers={"cache-control": "no-store"},
        )

    async def _device(self, request: Request) -> Response:
        form = await _form(request)
        client = self._device_client(request, form)
        if client is None:
            return _error(401, "invalid_client")
        asked = form.get("scope", "").split()
        if not set(asked) <= set(client.scopes):
            return _error(400, "invalid_scope")
        said = self.devices.begin(client.cid, tuple(asked), self._page)
        return JSONResponse(said, headers={"cache-control": "no-store"})

    def _device_client(self, request: Request, form: dict[str, str]) -> DevClient | None:
        """RFC 8628, 3.1: a client without a secret says who it is, and no more."""
        client = self._active(form.get("client_id", ""))
        is_public = client is not None and not client.secret and client.jwk is None
        return client if is_public else self._authenticate(request, form)

    async def _activate(self, request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse(self.devices.page(request.query_params.get("user_code", "")))
        form = await _form(request)
        code, name = form.get("user_code", ""), form.get("person", "")
        done = self.devices.confirm(code, name) if name else self.devices.deny(code)
        return HTMLResponse("<p>Done." if done else "<p>No such code.", 200 if done else 400)

    def person(self, name: str, groups: Sequence[str] = (), *, uid: str | None = None) -> DevPerson:
        """Somebody who can confirm codes; an empty `uid` makes their tokens an agent's."""
        self.devices.people[name] = made = person(name, groups, uid=uid)
        return made

    def _of_person(self, cid: str, who: DevPerson, scopes: tuple[str, ...]) -> str:
        claims: dict[str, Any] = {self.groups_claim: list(who.groups)}
        if who.uid is not None:
            claims |= {"uid": who.uid, "sub": f"{who.name}@example.com", "auth_time": int(self.now())}
        return self.token(cid, scopes=scopes or None, claims=claims)

    async def _introspect(self, request: Request) -> Response:
        form = await _form(request)
        if self._authenticate(request, form) is None:
            return _error(401, "invalid_client")
        return JSONResponse(self.introspect(self._own_claims(form.get("token", ""))))

    def _own_claims(self, token: str) -> dict[str, Any] | None:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = next(jwk for jwk in self.published if jwk["kid"] == kid)
            options: Any = {"verify_aud": False, "verify_exp": False}
            return jwt.decode(token, jwt.PyJWK(key).key, algorithms=["RS256"], options=options)
        except (jwt.PyJWTError, StopIteration):
            return None

    def _authenticate(self, request: Request, form: dict[str, str]) -> DevClient | None:
        """RFC 6749 section 2.3.1 (basic, post) and RFC 7523 section 3 (private_key_jwt)."""
        if form.get("client_assertion_type") == ASSERTION_TYPE:
            return self._by_assertion(form.get("client_assertion", ""))
        cid, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                plain = base64.b64decode(encoded, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                return None
            cid, _, secret = (unquote_plus(part) for part in plain.partition(":"))
        client = self._active(cid)
        if (
            client is None
            or not client.secret
            or not hmac.compare_digest(client.secret.encode(), secret.encode())
        ):
            return None
        return client

    def _by_assertion(self, assertion: str) -> DevClient | None:
        try:
            options: Any = {"verify_signature": False}
            claimed = jwt.decode(assertion, options=options)
            client = self._active(str(claimed.get("iss")))
            if client is None or client.jwk is None:
                return None
            verified = jwt.decode(
                assertion,
                jwt.PyJWK(client.jwk).key,
                algorithms=["RS256", "ES256"],
                audience=[self.issuer, f"{self.issuer}/v1/token"],
                issuer=client.cid,
                options={"require": ["exp", "iss", "sub", "aud"]},
            )
        except jwt.PyJWTError:
            return None
        if verified["sub"] != client.cid or verified["exp"] > self.now() + _ASSERTION_MAX_S:
            return None
        jti = verified.get("jti")
        if isinstance(jti, str):
            if jti in self._assertions_seen:
                return None
            self._assertions_seen.add(jti)
        return client

    def _active(self, cid: str) -> DevClient | None:
        return None if cid in self.deactivated else self.clients.get(cid)


class _ClientsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `--clients` reads (JSON): `{"clients": [{"cid": ..., "secret": ..., "groups": [...]}]}`."""

    clients: tuple[DevClient, ...]


async def _form(request: Request) -> dict[str, str]:
    """An urlencoded form; a parameter sent twice counts as none (RFC 6749 section 3.2)."""
    pairs = [pair.partition("=") for pair in (await request.body()).decode("utf-8", "replace").split("&")]
    names = [unquote_plus(name) for name, _, _ in pairs]
    return {
        name: unquote_plus(value)
        for name, (_, _, value) in zip(names, pairs, strict=True)
        if names.count(name) == 1
    }


def _error(status: int, code: str) -> Response:
    return JSONResponse({"error": code}, status, headers={"cache-control": "no-store"})


def _report(error: Exception) -> None:
    traceback.print_exception(error)


def _listen(host: str, port: int) -> socket.socket:
    address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    if not address.is_loopback:
        raise ValueError(f"the dev issuer binds to loopback only, not to {host}")
    listener = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((str(address), port))
    listener.listen(100)
    return listener


def _base(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _main(arguments: argparse.Namespace, clients: tuple[DevClient, ...]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with DevIssuer.serve(
            host=arguments.host,
            port=arguments.port,
            audience=arguments.audience,
            groups_claim=arguments.groups_claim,
        ) as issuer:
            issuer.clients |= {client.cid: client for client in clients}
            print(issuer.issuer, flush=True)
            async for _ in signals:
                break


def main() -> None:
    """Run as a process until SIGTERM or SIGINT; the first line of output is the issuer string."""
    parser = argparse.ArgumentParser(
        prog="python -m hoopwire.demo.issuer",
        description="A simulated Okta custom authorization server on loopback.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose (default)")
    parser.add_argument("--audience", default="hoopwire-dev", help="aud of its tokens (default %(default)s)")
    parser.add_argument(
        "--groups-claim", default="groups", help="claim with the groups (default %(default)s)"
    )
    parser.add_argument("--clients", type=Path, help='JSON file: {"clients": [{"cid": ..., "secret": ...}]}')
    arguments = parser.parse_args()
    clients: tuple[DevClient, ...] = ()
    try:
        if arguments.clients is not None:
            clients = msgspec.json.decode(arguments.clients.read_bytes(), type=_ClientsFile).clients
        trio.run(_main, arguments, clients)
    except (OSError, ValueError, msgspec.DecodeError) as error:
        sys.exit(f"dev issuer: {error}")


if __name__ == "__main__":
    main()
