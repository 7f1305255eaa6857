"""Reads HTTP/1.0 and 1.1 requests from one connection, one by one, and has an ASGI application answer them.

Rules of this file: h11 reads and writes the bytes, nothing else does. A client cannot upgrade to another
protocol. A request that can be read in two ways is refused. Every wait has a deadline. After anything odd we
close.
"""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import h11
import trio
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message

from hoopwire.api import problems
from hoopwire.api.http_target import TargetMalformed, path_and_query

_READ_BYTES = 16 * 1024
_METHODS = "GET, HEAD, POST"
_SPOKEN = (b"1.0", b"1.1")


@dataclass(frozen=True)
class HttpLimits:
    """What a peer may cost."""

    connections: int = 64
    """At once on one listener."""
    per_address: int = 64
    """At once from one address (IPv6: from one /64)."""
    handshake_s: float = 10.0
    header_s: float = 10.0
    """From the first byte of a request to the end of its headers."""
    idle_s: float = 5.0
    """Between two requests."""
    request_s: float = 60.0
    """From the end of the headers to the end of the answer."""
    linger_s: float = 1.0
    """For what a client still sends while it is told that nobody listens."""
    stop_s: float = 5.0
    """At a stop, for requests under way."""
    header_bytes: int = 32 * 1024
    headers: int = 100
    unread_bytes: int = 64 * 1024
    """Of a body that nobody wanted, read and thrown away so that the answer arrives."""


class Gone(OSError):
    """The client has gone, or what it sends has stopped being HTTP."""


class Connection:
    """`run` answers requests until one of the sides has had enough; `stop` lets the one under way end."""

    def __init__(
        self,
        app: ASGIApp,
        stream: trio.abc.Stream,
        limits: HttpLimits,
        *,
        scheme: str,
        client: tuple[str, int] | None,
        on_bug: Callable[[Exception], None],
    ) -> None:
        self._app = app
        self._stream = stream
        self._limits = limits
        self._scheme = scheme
        self._client = client
        self._on_bug = on_bug
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.header_bytes)
        self._waiting: trio.CancelScope | None = None
        self._stopping = False
        self._is_head = False
        self._start: Message | None = None
        self._malformed: h11.RemoteProtocolError | None = None

    def stop(self) -> None:
        """Take no further request."""
        self._stopping = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def run(self) -> None:
        """See above. Gone, if the client went away."""
        wait_s = self._limits.header_s
        while not self._stopping:
            request = await self._next_request(wait_s)
            if request is None:
                return
            if isinstance(request, Response):
                await self._refuse(request)
                return
            with trio.move_on_after(self._limits.request_s) as limit:
                await self._answer(request)
            if limit.cancelled_caught:
                late = problems.problem(503, "request_late", "this took too long", hint="Try again.")
                await self._refuse(late)
                return
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                await self._linger()
                return
            self._http.start_next_cycle()
            wait_s = self._limits.idle_s

    async def _next_request(self, wait_s: float) -> h11.Request | Response | None:
        """A request, a refusal of what should have been one, or None if nothing more comes."""
        self._is_head = False
        begun = bool(self._http.trailing_data[0])
        with trio.CancelScope() as self._waiting:
            self._waiting.deadline = trio.current_time() + (self._limits.header_s if begun else wait_s)
            while True:
                try:
                    event = self._http.next_event()
                except h11.RemoteProtocolError as error:
                    return _of_error(error)
                if isinstance(event, h11.Request):
                    return event
                if event is not h11.NEED_DATA:
                    return None
                self._http.receive_data(await self._read())
                if not begun:
                    begun = True
                    self._waiting.deadline = trio.current_time() + self._limits.header_s
        return problems.plain(408) if begun and not self._stopping else None

    async def _answer(self, request: h11.Request) -> None:
        self._is_head = request.method == b"HEAD"
        refusal = _refusal(request, self._limits)
        if refusal is not None:
            await self._refuse(refusal)
            return
        try:
            path, query = path_and_query(request.target)
        except TargetMalformed as error:
            await self._refuse(problems.problem(400, "path_malformed", "no usable path", detail=str(error)))
            return
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": request.http_version.decode(),
            "method": request.method.decode(),
            "scheme": self._scheme,
            "path": path,
            "raw_path": request.target,
            "query_string": query,
            "root_path": "",
            "headers": list(request.headers),
            "client": self._client,
            "server": None,
        }
        self._start = None
        try:
            await self._app(scope, self._receive, self._send)
        except (Gone, ClientDisconnect):
            if self._malformed is None:
                raise Gone from None
            await self._refuse(_of_error(self._malformed))
        except Exception as error:
            # The application has answered already, if it could.
            self._on_bug(error)

    async def _receive(self) -> Message:
        """ASGI's `receive`."""
        if self._http.their_state is not h11.SEND_BODY:
            await trio.sleep_forever()
        if self._http.they_are_waiting_for_100_continue:
            await self._write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                self._malformed = error
                return {"type": "http.disconnect"}
            if isinstance(event, h11.Data):
                return {"type": "http.request", "body": bytes(event.data), "more_body": True}
            if isinstance(event, h11.EndOfMessage):
                return {"type": "http.request", "body": b"", "more_body": False}
            self._http.receive_data(await self._read())

    async def _send(self, message: Message) -> None:
        """ASGI's `send`. The head goes out together with the first part of the body."""
        if self._malformed is not None:
            raise Gone
        if message["type"] == "http.response.start":
            self._start = message
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        out = b""
        if self._start is not None:
            start, self._start = self._start, None
            close = not self._is_read_up() or self._stopping
            out = self._head(start["status"], start["headers"], close=close)
        out += self._body(body) if body else b""
        if not more:
            out += self._http.send(h11.EndOfMessage()) or b""
        await self._write(out)

    def _head(self, status: int, headers: Any, *, close: bool) -> bytes:
        sent = [*headers, (b"date", formatdate(usegmt=True).encode())]
        if close:
            sent.append((b"connection", b"close"))
        return self._http.send(h11.Response(status_code=status, headers=sent)) or b""

    def _body(self, body: bytes) -> bytes:
        # An answer to HEAD says how long it would have been.
        return b"" if self._is_head else self._http.send(h11.Data(data=body)) or b""

    def _is_read_up(self) -> bool:
        """Read of the request's body what has arrived already. True if that was all."""
        try:
            while self._http.their_state is h11.SEND_BODY:
                if self._http.next_event() is h11.NEED_DATA:
                    return False
        except h11.RemoteProtocolError:
            return False
        return self._http.their_state is not h11.ERROR

    async def _refuse(self, response: Response) -> None:
        """Answer without the application, if nothing was answered yet; the caller closes."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        head = self._head(response.status_code, response.raw_headers, close=True)
        body = self._body(bytes(response.body))
        end = self._http.send(h11.EndOfMessage()) or b""
        with trio.move_on_after(self._limits.linger_s):
            await self._write(head + body + end)
            await self._linger()

    async def _linger(self) -> None:
        """Read on for a moment: closing on top of unread bytes would take the answer away from the client."""
        left = self._limits.unread_bytes
        with trio.move_on_after(self._limits.linger_s):
            while left > 0 and (data := await self._read()):
                left -= len(data)

    async def _read(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(_READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise Gone from None

    async def _write(self, data: bytes | None) -> None:
        try:
            if data:
                await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise Gone from None


def _refusal(request: h11.Request, limits: HttpLimits) -> Response | None:
    """What is no request of ours, whatever its path."""
    names = [name for name, _ in request.headers]
    if request.http_version not in _SPOKEN:
        hint = "Send HTTP/1.1. Over TLS, ALPN offers nothing else."
        return problems.problem(505, "http_version", "only HTTP/1.1 is spoken here", hint=hint)
    if len(names) > limits.headers:
        return problems.plain(431)
    if b"transfer-encoding" in names and (b"content-length" in names or request.http_version == b"1.0"):
        # Whoever stands in front of us may have read another request out of it (RFC 9112 section 6.1).
        hint = "Send one of Content-Length and Transfer-Encoding, the latter in HTTP/1.1 only."
        return problems.problem(400, "framing_ambiguous", "the length of the body is said twice", hint=hint)
    if b"upgrade" in names:
        hint = "Send the same request without the Upgrade header."
        return problems.problem(400, "upgrade_refused", "there is no other protocol here", hint=hint)
    if request.method == b"CONNECT":
        return problems.plain(405, headers={"allow": _METHODS})
    if request.method == b"OPTIONS" and request.target == b"*":
        return Response(status_code=204, headers={"allow": _METHODS})
    return None


def _of_error(error: h11.RemoteProtocolError) -> Response:
    """The answer to what h11 could not read. Its text may repeat what was sent: it stays here."""
    if error.error_status_hint == 431:
        return problems.plain(431)
    if error.error_status_hint == 501:
        return problems.plain(501, "The only transfer coding is chunked.")
    return problems.problem(400, "http_malformed", "this is not HTTP/1.1", hint="RFC 9112 says what is.")
