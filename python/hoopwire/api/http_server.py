"""An HTTP listener: accepts connections, up to its limits, and lets no connection's fault reach another.

The only nursery here is the listener's own, and nothing but a cancellation runs through it: whatever a
connection raises ends in `_contained`.
"""

import errno
import logging
import os
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio
from starlette.types import ASGIApp

from hoopwire.api.http_connection import Connection, Gone, HttpLimits
from hoopwire.control.supervise import contained
from hoopwire.model.addresses import party

_log = logging.getLogger("hoopwire.http")
_PAUSE_S = 0.1
_SAY_EVERY_S = 10.0
_TLS_ONLY = (
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 21\r\n\r\nThis port is HTTPS.\r\n"
)

Peer = tuple[str, int] | None
"""Address and port; None for a Unix socket, whose peers are all the same account."""


class Listener:
    """`run` serves an application on a listening socket until `stopping` returns; `caught` hears of bugs."""

    def __init__(
        self,
        sock: trio.socket.SocketType,
        app: ASGIApp,
        caught: Callable[[Exception], None],
        *,
        tls: ssl.SSLContext | None = None,
        path: str | None = None,
        limits: HttpLimits | None = None,
    ) -> None:
        self._sock = sock
        self._app = app
        self._caught = caught
        self._tls = tls
        self._path = path
        self._limits = limits or HttpLimits()
        self._open: dict[Connection, None] = {}
        self._stopping = False
        self._count = 0
        self._of_address: Counter[bytes] = Counter()
        self._turned_away = 0
        self._said_at = float("-inf")

    async def run(self, stopping: Callable[[], Awaitable[None]]) -> None:
        """Serve; at the end, requests under way are answered, idle connections are closed."""
        async with trio.open_nursery() as nursery:
            accepting = trio.CancelScope()
            nursery.start_soon(self._accept, nursery, accepting)
            await stopping()
            accepting.cancel()
            self._stopping = True
            for connection in list(self._open):
                connection.stop()
            nursery.cancel_scope.deadline = trio.current_time() + self._limits.stop_s

    def close(self) -> None:
        """Accept no more; the file of a Unix socket goes away."""
        self._sock.close()
        if self._path is not None:
            with suppress(OSError):
                os.unlink(self._path)

    async def _accept(self, nursery: trio.Nursery, accepting: trio.CancelScope) -> None:
        with accepting:
            while True:
                try:
                    sock, address = await self._sock.accept()
                except OSError as error:
                    if error.errno != errno.ECONNABORTED:  # that one has gone meanwhile
                        self._say("no connection can be accepted: %s", error)
                        await trio.sleep(_PAUSE_S)
                    continue
                peer = (str(address[0]), int(address[1])) if isinstance(address, tuple) else None
                if self._has_room(peer):
                    self._enter(peer)
                    nursery.start_soon(self._contained, sock, peer)
                else:
                    sock.close()

    async def _contained(self, sock: trio.socket.SocketType, peer: Peer) -> None:
        """One connection, to its end. Nothing but a cancellation comes out of here."""
        try:
            await contained(self._caught, self._serve, sock, peer)
        finally:
            sock.close()
            self._leave(peer)

    async def _serve(self, sock: trio.socket.SocketType, peer: Peer) -> None:
        try:
            transport = trio.SocketStream(sock)
        except OSError:
            return  # reset since it was accepted
        stream: trio.abc.Stream = transport
        if self._tls is not None:
            secured = trio.SSLStream(transport, self._tls, server_side=True, https_compatible=True)
            if not await self._handshake(secured) or self._stopping:
                return
            stream = secured
        scheme = "http" if self._tls is None else "https"
        connection = Connection(
            self._app, stream, self._limits, scheme=scheme, client=peer, on_bug=self._caught
        )
        self._open[connection] = None
        try:
            with suppress(Gone):
                await connection.run()
        finally:
            del self._open[connection]
            with trio.move_on_after(self._limits.linger_s), suppress(trio.BrokenResourceError):
                await stream.aclose()

    async def _handshake(self, stream: "trio.SSLStream[trio.SocketStream]") -> bool:
        with trio.move_on_after(self._limits.handshake_s):
            try:
                await stream.do_handshake()
                return True
            except trio.BrokenResourceError as broken:
                if isinstance(broken.__cause__, ssl.SSLError) and broken.__cause__.reason == "HTTP_REQUEST":
                    with suppress(trio.BrokenResourceError):
                        await stream.transport_stream.send_all(_TLS_ONLY)
        return False

    def _has_room(self, peer: Peer) -> bool:
        limits = self._limits
        if self._count >= limits.connections:
            self._turned_away += 1
            self._say("turned away %d connections: %d are open", self._turned_away, self._count)
            return False
        if peer is not None and self._of_address[party(peer[0])] >= limits.per_address:
            self._turned_away += 1
            text = "turned away %d connections, the last of %s, which has %d open"
            self._say(text, self._turned_away, peer[0], limits.per_address)
            return False
        return True

    def _enter(self, peer: Peer) -> None:
        self._count += 1
        if peer is not None:
            self._of_address[party(peer[0])] += 1

    def _leave(self, peer: Peer) -> None:
        self._count -= 1
        if peer is not None:
            network = party(peer[0])
            self._of_address[network] -= 1
            if not self._of_address[network]:
                del self._of_address[network]

    def _say(self, text: str, *arguments: object) -> None:
        """To the log, now and then: a flood must not fill it."""
        if trio.current_time() - self._said_at >= _SAY_EVERY_S:
            self._said_at = trio.current_time()
            _log.warning(text, *arguments)
