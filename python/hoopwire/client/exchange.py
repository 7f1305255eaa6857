"""One HTTP request on a connection of its own. A library with pools would take longer to load than to ask."""

import socket
from collections.abc import Mapping
from contextlib import closing

import h11

TIMEOUT_S = 30.0
_READ_BYTES = 64 * 1024
_MOST_BYTES = 256 * 1024 * 1024


class Broken(OSError):
    """What came is no HTTP answer, or more than is taken."""


class Response:
    """What came back."""

    def __init__(self, status: int, content: bytes) -> None:
        self.status = status
        self.content = content


def exchange(
    wire: socket.socket,
    host: str,
    method: str,
    path: str,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Send, and read the whole answer; `wire` is closed. OSError (also `Broken`) if there is none.

    No redirect is followed: there is none that a gateway would send.
    """
    wire.settimeout(TIMEOUT_S)
    fields = {"host": host, "accept": "application/json", "connection": "close", **(headers or {})}
    if content is not None:
        fields["content-length"] = str(len(content))
    with closing(wire):
        try:
            connection = h11.Connection(h11.CLIENT)
            request = h11.Request(method=method, target=path, headers=list(fields.items()))
            sent = connection.send(request) or b""
            if content:
                sent += connection.send(h11.Data(content)) or b""
            wire.sendall(sent + (connection.send(h11.EndOfMessage()) or b""))
            return _answer(connection, wire)
        except h11.ProtocolError as error:
            raise Broken(str(error)) from None


def _answer(connection: h11.Connection, wire: socket.socket) -> Response:
    status, body = 0, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(wire.recv(_READ_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _MOST_BYTES:
                raise Broken("the answer is too long")
        elif isinstance(event, h11.EndOfMessage):
            return Response(status, bytes(body))
        elif isinstance(event, h11.ConnectionClosed):
            raise Broken("it hung up without an answer")
