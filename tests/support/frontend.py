"""A PostgreSQL frontend by hand: it sends any bytes it is told to, and keeps every byte it is sent.

For tests that a well-behaved driver cannot write: broken packets, half handshakes, byte-for-byte accounts.
Blocking sockets, one timeout for all; protocol 3.x (PostgreSQL documentation, "Message Formats").
"""

import socket
import ssl
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSSENC_REQUEST = struct.pack("!ii", 8, 80877104)
CANCEL_CODE = 80877102
PROTOCOL_3_0 = 3 << 16
PROTOCOL_3_2 = 3 << 16 | 2


class PeerClosed(ConnectionError):
    """The other side closed before a whole message came."""


@dataclass(frozen=True)
class Message:
    """One message from the backend: its type byte and its body."""

    kind: bytes
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """Fields of an ErrorResponse or NoticeResponse by their letter (`C` SQLSTATE, `M` message)."""
        parts = [part for part in self.body.split(b"\0") if part]
        return {part[:1].decode(): part[1:].decode(errors="replace") for part in parts}

    @property
    def sqlstate(self) -> str:
        """The SQLSTATE of an ErrorResponse or NoticeResponse, empty if it has none."""
        return self.fields.get("C", "")


def startup_packet(parameters: dict[str, str], *, protocol: int = PROTOCOL_3_0) -> bytes:
    """A StartupMessage."""
    body = struct.pack("!i", protocol)
    for name, value in parameters.items():
        body += name.encode() + b"\0" + value.encode() + b"\0"
    body += b"\0"
    return struct.pack("!i", len(body) + 4) + body


def cancel_request(pid: int, key: bytes) -> bytes:
    """A CancelRequest."""
    return struct.pack("!iii", 12 + len(key), CANCEL_CODE, pid) + key


def message(kind: bytes, body: bytes = b"") -> bytes:
    """A frontend message with a true length word."""
    return kind + struct.pack("!i", len(body) + 4) + body


def query(sql: str) -> bytes:
    """A Query message."""
    return message(b"Q", sql.encode() + b"\0")


def trusting(ca: Path) -> ssl.SSLContext:
    """A TLS context that trusts this authority and checks the host name."""
    return ssl.create_default_context(cafile=str(ca))


class Frontend:
    """One connection. `received` holds every byte read since `AuthenticationOk`, its own included."""

    def __init__(self, host: str, port: int, *, timeout_s: float = 60.0) -> None:
        self.host = host
        self.socket: socket.socket = socket.create_connection((host, port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.parameters: dict[str, str] = {}
        self.pid = 0
        self.key = b""
        self._buffer = bytearray()
        self._counting = False

    def send(self, content: bytes) -> None:
        """Send these bytes as they are."""
        self.socket.sendall(content)

    def start_tls(self, ca: Path) -> None:
        """SSLRequest, then a handshake. ConnectionError unless the answer is exactly `S`."""
        self.send(SSL_REQUEST)
        answer = self.socket.recv(1)
        if answer != b"S":
            raise ConnectionError(f"the answer to SSLRequest is {answer!r}")
        self.wrap(trusting(ca))

    def wrap(self, context: ssl.SSLContext) -> None:
        """A TLS handshake, at once."""
        self.socket = context.wrap_socket(self.socket, server_hostname=self.host)

    def login(
        self, password: str, *, ca: Path, protocol: int = PROTOCOL_3_0, **parameters: str
    ) -> list[Message]:
        """TLS, startup and the cleartext password; what came from AuthenticationOk to ReadyForQuery.

        ConnectionError with the server's words if it refuses.
        """
        self.start_tls(ca)
        self.send(startup_packet({"user": "agent", "database": "orders"} | parameters, protocol=protocol))
        while (asked := self.read()).kind == b"v":
            pass
        if asked.kind == b"E":
            raise ConnectionError(f"{asked.sqlstate} {asked.fields.get('M')}")
        if asked != Message(b"R", struct.pack("!i", 3)):
            raise ConnectionError(f"expected AuthenticationCleartextPassword, got {asked!r}")
        self.send(message(b"p", password.encode() + b"\0"))
        replies = self.until(b"Z")
        for reply in replies:
            if reply.kind == b"E":
                raise ConnectionError(f"{reply.sqlstate} {reply.fields.get('M')}")
            if reply.kind == b"K":
                self.pid, self.key = struct.unpack("!i", reply.body[:4])[0], reply.body[4:]
            if reply.kind == b"S":
                name, value = reply.body.split(b"\0")[:2]
                self.parameters[name.decode()] = value.decode()
        return replies

    def query(self, sql: str) -> list[Message]:
        """One simple query; every message up to ReadyForQuery."""
        self.send(query(sql))
        return self.until(b"Z")

    def rows(self, sql: str) -> list[tuple[str | None, ...]]:
        """The rows of a simple query as text. ConnectionError if it fails."""
        found: list[tuple[str | None, ...]] = []
        for reply in self.query(sql):
            if reply.kind == b"E":
                raise ConnectionError(f"{reply.sqlstate} {reply.fields.get('M')}")
            if reply.kind == b"D":
                found.append(_cells(reply.body))
        return found

    def read(self) -> Message:
        """The next message. PeerClosed at the end of the stream, TimeoutError when nothing comes."""
        self._fill(5)
        length: int = 1 + struct.unpack("!i", self._buffer[1:5])[0]
        self._fill(length)
        whole = bytes(self._buffer[:length])
        del self._buffer[:length]
        kind, body = whole[:1], whole[5:]
        if kind == b"R" and body == b"\0\0\0\0":
            self._counting = True
            self.received.clear()
        if self._counting:
            self.received += whole
        return Message(kind, body)

    def until(self, *kinds: bytes) -> list[Message]:
        """Messages up to and including the first of one of these types, or a FATAL error."""
        found: list[Message] = []
        while True:
            found.append(self.read())
            last = found[-1]
            if last.kind in kinds or (last.kind == b"E" and last.fields.get("S") in ("FATAL", "PANIC")):
                return found

    def rest(self) -> bytes:
        """All up to the end of the stream, also what is no message. TimeoutError when it stays open."""
        found = bytes(self._buffer)
        self._buffer.clear()
        while chunk := self._receive():
            found += chunk
        return found

    def unread(self) -> bytes:
        """Bytes that were received but are not yet a whole message."""
        return bytes(self._buffer)

    def close(self) -> None:
        """Close the socket without a word."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(65536)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError):
            return b""

    def _fill(self, count: int) -> None:
        """Have at least so many bytes in the buffer. What did come stays there if they never do."""
        while len(self._buffer) < count:
            chunk = self._receive()
            if not chunk:
                raise PeerClosed(f"closed with {len(self._buffer)} of {count} bytes")
            self._buffer += chunk


def _cells(body: bytes) -> tuple[str | None, ...]:
    """The cells of a DataRow in text format."""
    cells: list[str | None] = []
    offset = 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        length = struct.unpack("!i", body[offset : offset + 4])[0]
        offset += 4
        if length < 0:
            cells.append(None)
        else:
            cells.append(body[offset : offset + length].decode())
            offset += length
    return tuple(cells)
