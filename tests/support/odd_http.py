"""Odd HTTP for the gateway's listeners: requests by hand, with what should come; and seeded random ones.

A `Door` is a way in: the TLS port or the operators' socket. Blocking sockets, one timeout for all.
"""

import random
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import h11

from hoopwire.demo.gateway import RunningGateway

_TIMEOUT_S = 30.0
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Door:
    """A listener. `good` answers GET with 200; `takes` is a path that takes a POST with a body."""

    name: str
    good: str
    takes: str
    host: str
    port: int
    """0: a Unix socket, whose path is `host`."""
    tls: ssl.SSLContext | None

    def plain(self, source: str = "127.0.0.1") -> socket.socket:
        """A connection without TLS."""
        if self.port == 0:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.host)  # waits where the queue is full, which it does not with a timeout
            sock.settimeout(_TIMEOUT_S)
            return sock
        return socket.create_connection((self.host, self.port), _TIMEOUT_S, source_address=(source, 0))

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """A connection that is ready for HTTP."""
        sock = self.plain(source)
        return sock if self.tls is None else self.tls.wrap_socket(sock, server_hostname=self.host)

    def status(self, source: str = "127.0.0.1") -> int:
        """Of an ordinary request."""
        with self.connect(source) as sock:
            sock.sendall(f"GET {self.good} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n".encode())
            return answers(sock)[0]


def doors(gateway: RunningGateway) -> dict[str, Door]:
    """Both of a running gateway."""
    context = ssl.create_default_context(cafile=str(gateway.ca))
    control = gateway.host, gateway.control_port, context
    socket_path = str(gateway.settings["listen"]["admin_socket"])
    return {
        "control": Door("control", "/healthz", "/v1/grants", *control),
        "admin": Door("admin", "/v1/statistics", "/v1/grants/g_none/revoke", socket_path, 0, None),
    }


def answers(sock: socket.socket, most: int = 1, method: str = "GET") -> list[int]:
    """Status codes of what comes, at most so many; fewer if the gateway closes. ValueError: no HTTP."""
    found: list[int] = []
    try:
        reader = _Reader(sock, method)
        while len(found) < most and (status := reader.status()) is not None:
            found.append(status)
    except h11.RemoteProtocolError as error:
        raise ValueError(str(error)) from None
    except OSError:
        pass  # reset: what came before it counts
    return found


class _Reader:
    """Reads answers with h11, which has to be told of a request first."""

    def __init__(self, sock: socket.socket, method: str) -> None:
        self._sock = sock
        self._method = method
        self._rest = b""

    def status(self) -> int | None:
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method=self._method, target="/", headers=[("host", "gateway")]))
        client.send(h11.EndOfMessage())
        if self._rest:
            client.receive_data(self._rest)
        status = None
        while True:
            event = client.next_event()
            if event is h11.NEED_DATA:
                data = self._sock.recv(65536)
                if not data and status is None and not client.trailing_data[0]:
                    return None
                client.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.EndOfMessage):
                self._rest = client.trailing_data[0]
                return status
            elif isinstance(event, h11.ConnectionClosed):
                return status


def reset(sock: socket.socket) -> None:
    """Close with RST instead of FIN."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    # Not a TLS close: that would say goodbye first.
    descriptor = sock.detach()
    socket.close(descriptor)


@dataclass(frozen=True)
class Odd:
    """One oddity: what is sent, and the status codes that come, in order."""

    name: str
    sent: bytes
    statuses: tuple[int, ...]
    method: str = "GET"
    half_closes: bool = False
    """The client says that nothing more comes, where the transport can say it."""


def oddities(door: Door) -> Iterator[Odd]:
    """Requests by hand."""
    good, takes = door.good, door.takes
    host = "host: gateway\r\n"
    websocket = (
        "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )

    def get(headers: str = "", *, path: str = good, version: str = "1.1", method: str = "GET") -> str:
        return f"{method} {path} HTTP/{version}\r\n{host}{headers}\r\n"

    def post(headers: str, body: str = "", *, version: str = "1.1", path: str = takes) -> str:
        return f"POST {path} HTTP/{version}\r\n{host}{headers}\r\n{body}"

    def odd(
        name: str,
        sent: str | bytes,
        *statuses: int,
        method: str = "GET",
        half_closes: bool = False,
    ) -> Odd:
        raw = sent.encode("latin-1") if isinstance(sent, str) else sent
        return Odd(name, raw, statuses, method, half_closes)

    # Without a token the control API answers 401 before it reads a body; the operators' socket has no tokens.
    taken = 401 if door.name == "control" else 404
    bad_body = 401 if door.name == "control" else 400
    # Other protocols.
    yield odd("websocket", get(websocket), 400)
    yield odd("websocket and a byte", get(websocket) + "x", 400)
    yield odd("websocket and frames", get(websocket).encode() + b"\x81\x85abcdefghi\x88\x80abcd" * 50, 400)
    yield odd("websocket on an unknown path", get(websocket, path="/nothing"), 400)
    yield odd("websocket by POST", post(websocket + "content-length: 2\r\n", "{}"), 400)
    yield odd("websocket of HTTP/1.0", get(websocket, version="1.0"), 400)
    h2c = (
        "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
    )
    yield odd("h2c", get(h2c), 400)
    yield odd("h2c with a preface", get(h2c).encode() + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS, 400)
    yield odd("h2c and websocket", get(h2c + websocket), 400)
    yield odd("upgrade to what nobody knows", get("upgrade: gopher/9\r\nconnection: upgrade\r\n"), 400)
    yield odd("upgrade without connection", get("upgrade: websocket\r\n"), 400)
    yield odd("empty upgrade", get("upgrade:\r\n"), 400)
    yield odd("HTTP/2 by prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS, 505)
    yield odd("HTTP/2 preface alone", b"PRI * HTTP/2.0\r\n\r\n", 505)
    yield odd("HTTP/2 with frames of garbage", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 4000, 505)
    yield odd("HTTP/2 as a version", get(version="2.0"), 505)
    yield odd("HTTP/3", get(version="3.0"), 505)
    yield odd("HTTP/0.9", f"GET {good}\r\n\r\n", 400)
    yield odd("HTTP/1.0 without a host", f"GET {good} HTTP/1.0\r\n\r\n", 200)
    yield odd("HTTP/1.0 keep-alive, twice", get("connection: keep-alive\r\n", version="1.0") * 2, 200)
    yield odd("HTTP/1.2", get(version="1.2"), 505)
    yield odd("HTTP/11.1", get(version="11.1"), 400)
    yield odd("lower case http", f"GET {good} http/1.1\r\n{host}\r\n", 400)
    yield odd("PostgreSQL's SSLRequest", b"\x00\x00\x00\x08\x04\xd2\x16\x2f", 400)
    yield odd("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400)
    yield odd("an empty line first", "\r\n" + get(), 400)
    yield odd("nothing", b"", half_closes=True)
    # Framing.
    yield odd("CL and TE", post("content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"), 400)
    smuggled = "0\r\n\r\n" + get()
    yield odd(
        "CL, TE and a request behind",
        post("transfer-encoding: chunked\r\ncontent-length: 4\r\n", smuggled),
        400,
    )
    yield odd(
        "CL and TE on GET", get("content-length: 0\r\ntransfer-encoding: chunked\r\n") + "0\r\n\r\n", 400
    )
    yield odd("TE of HTTP/1.0", post("transfer-encoding: chunked\r\n", "0\r\n\r\n", version="1.0"), 400)
    yield odd("two CLs", post("content-length: 2\r\ncontent-length: 3\r\n", "{}}"), 400)
    yield odd("two CLs in one", post("content-length: 2, 3\r\n", "{}}"), 400)
    yield odd("the same CL twice", post("content-length: 2\r\ncontent-length: 2\r\n", "{}"), taken)
    for length in ("-1", "+2", "0x2", "2 ", "1e1", " ", "\u00b2", "9" * 21):
        expected = taken if length == "2 " else 400
        yield odd(f"CL {length!r}", post(f"content-length: {length}\r\n", "{}"), expected)
    yield odd("CL of 100 MB", post("content-length: 104857600\r\n", "{"), 401 if taken == 401 else 413)
    yield odd("CL of 20 digits", post(f"content-length: {'9' * 20}\r\n", "{"), 401 if taken == 401 else 413)
    yield odd(
        "TE twice", post("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"), 501
    )
    for coding in ("gzip, chunked", "chunked, chunked", "identity", "xchunked", "gzip", '"chunked"'):
        yield odd(f"TE {coding}", post(f"transfer-encoding: {coding}\r\n", "0\r\n\r\n"), 501)
    yield odd("TE in capitals", post("Transfer-Encoding: CHUNKED\r\n", "2\r\n{}\r\n0\r\n\r\n"), taken)
    yield odd("TE behind a space", post("transfer-encoding : chunked\r\n", "0\r\n\r\n"), 400)
    yield odd("TE behind a tab", post("transfer-encoding:\tchunked\r\n", "2\r\n{}\r\n0\r\n\r\n"), taken)
    yield odd("TE with a vertical tab", post("transfer-encoding: \x0bchunked\r\n", "0\r\n\r\n"), 400)
    chunked = "transfer-encoding: chunked\r\n"
    for name, body in (
        ("no number", "x\r\n{}\r\n0\r\n\r\n"),
        ("a negative size", "-2\r\n{}\r\n0\r\n\r\n"),
        ("a size of 21 digits", "f" * 21 + "\r\n{}\r\n"),
        ("a size with 0x", "0x2\r\n{}\r\n0\r\n\r\n"),
        ("no end", "2\r\n{}xx0\r\n\r\n"),
        ("an extension without end", "2;" + "e" * 70000),
    ):
        # On the control port the token is missed before the body is read.
        yield odd(
            f"chunks with {name}",
            post(chunked, body),
            *((401,) if taken == 401 else (431,) if "without end" in name else (400,)),
        )
    bare = (401,) if taken == 401 else (400,)
    yield odd("chunks with a bare LF", post(chunked, "2\n{}\n0\n\n"), *bare, half_closes=True)
    yield odd("a chunk extension", post(chunked, '2;a="b";c\r\n{}\r\n0\r\n\r\n'), taken)
    yield odd("trailers", post(chunked, "2\r\n{}\r\n0\r\nx: y\r\n\r\n"), taken)
    yield odd(
        "a trailer that says a length", post(chunked, "2\r\n{}\r\n0\r\ncontent-length: 99\r\n\r\n"), taken
    )
    yield odd(
        "a chunk of 2**60 bytes",
        post(chunked, "fffffffffffffff\r\n{}"),
        *((401,) if taken == 401 else (400,)),
        half_closes=True,
    )
    yield odd("half a body", post("content-length: 50\r\n", '{"reason":'), bad_body, half_closes=True)
    yield odd("a body on GET", get("content-length: 2\r\n") + "{}" + get("connection: close\r\n"), 200, 200)
    # Headers.
    yield odd("no headers", f"GET {good} HTTP/1.1\r\n\r\n", 400)
    yield odd("two hosts", get("host: other\r\n"), 400)
    yield odd("an empty host", f"GET {good} HTTP/1.1\r\nhost:\r\n\r\n", 200)
    yield odd("a host with a slash", f"GET {good} HTTP/1.1\r\nhost: a/b@c\r\n\r\n", 200)
    yield odd("a header of 100 KB", get(f"x: {'y' * 100_000}\r\n"), 431)
    yield odd("a path of 100 KB", get(path="/" + "y" * 100_000), 431)
    yield odd("5,000 headers", get("x: y\r\n" * 5_000), 431)
    yield odd("101 headers", get("x: y\r\n" * 100), 431)
    yield odd("headers without end", "GET / HTTP/1.1\r\n" + "x: y\r\n" * 20_000, 431)
    yield odd("a header without a colon", get("nonsense\r\n"), 400)
    yield odd("a header without a name", get(": x\r\n"), 400)
    yield odd("a space before the colon", get("x : y\r\n"), 400)
    yield odd("a folded header", get("x: a\r\n b\r\n"), 200)
    yield odd("a fold first", f"GET {good} HTTP/1.1\r\n x: y\r\n{host}\r\n", 400)
    yield odd("NUL in a value", get("x: a\0b\r\n"), 400)
    yield odd("NUL in a name", get("x\0y: z\r\n"), 400)
    yield odd("a bare CR in a value", get("x: a\rb\r\n"), 400)
    yield odd("bytes above 127 in a value", get("x: \xff\xfe\r\n"), 200)
    yield odd("bytes above 127 in a name", get("\xff: y\r\n"), 400)
    yield odd("bytes above 127 in the path", get(path="/\xff"), 400)
    yield odd("a bare LF at each line", get().replace("\r\n", "\n"), 200)
    yield odd("an odd Expect", get("expect: the-spanish-inquisition\r\n"), 200)
    yield odd("100-continue on GET", get("expect: 100-continue\r\n"), 200)
    yield odd(
        "an authorization of controls",
        post("authorization: Bearer \xff\xff\r\ncontent-length: 2\r\n", "{}"),
        taken,
    )
    yield odd(
        "two authorizations", post("authorization: Bearer a\r\n" * 2 + "content-length: 2\r\n", "{}"), taken
    )
    yield odd("connection: close, keep-alive", get("connection: close, keep-alive\r\n") * 2, 200)
    yield odd("connection names a header", get("connection: host, content-length\r\n"), 200)
    # Methods and targets.
    yield odd(
        "HEAD", get(method="HEAD") + get("connection: close\r\n", method="HEAD"), 200, 200, method="HEAD"
    )
    yield odd("OPTIONS *", get(path="*", method="OPTIONS"), 204)
    yield odd("OPTIONS", get(method="OPTIONS"), 405)
    yield odd("GET *", get(path="*"), 400)
    yield odd("CONNECT", f"CONNECT example.test:443 HTTP/1.1\r\n{host}\r\n", 405)
    yield odd("CONNECT with a path", get(method="CONNECT"), 405)
    yield odd("TRACE", get(method="TRACE"), 405)
    yield odd("an unknown method", get(method="FROBNICATE"), 405)
    yield odd("a lower-case method", get(method="get"), 405)
    yield odd("a method of 30 KB", get(method="A" * 30_000), 405)
    yield odd("a method with a slash", get(method="G/T"), 400)
    yield odd("absolute form", get(path=f"https://elsewhere.test{good}"), 200)
    yield odd("absolute form without a path", get(path="http://elsewhere.test"), 404)
    yield odd("absolute form of another scheme", get(path="gopher://elsewhere.test/"), 400)
    yield odd("authority form", get(path="elsewhere.test:443"), 400)
    yield odd("a path without a slash", get(path="healthz"), 400)
    yield odd("a slash more in front", get(path=f"/{good}"), 404)
    yield odd("a slash more behind", get(path=f"{good}/"), 404)
    yield odd("dots", get(path=f"/x/..{good}"), 404)
    yield odd("encoded dots", get(path=f"/x/%2e%2e{good}"), 404)
    yield odd("an encoded slash", get(path=good.replace("/", "/%2f", 1)), 400)
    yield odd("an encoded backslash", get(path=f"/x%5c..{good}"), 400)
    yield odd("dots and a semicolon", get(path=f"/x/..;{good}"), 404)
    yield odd("an encoded NUL", get(path=f"{good}%00"), 400)
    yield odd("an encoded line break", get(path=f"{good}%0d%0ax:%20y"), 400)
    yield odd("half an escape", get(path=f"{good}%4"), 400)
    yield odd("an escape that is none", get(path=f"{good}%zz"), 400)
    yield odd("an overlong escape", get(path="/%c0%af" + good), 400)
    yield odd("a surrogate", get(path="/%ed%a0%80"), 400)
    yield odd("an escaped letter", get(path=good.replace("s", "%73").replace("h", "%68")), 200)
    yield odd("a fragment", get(path=f"{good}#x"), 400)
    yield odd("a query of oddities", get(path=f"{good}?a=%zz&&=&b=%00%ff&{'c=d&' * 500}"), 200)
    yield odd("two spaces", f"GET  {good} HTTP/1.1\r\n{host}\r\n", 400)
    yield odd("another space at the end", f"GET {good} HTTP/1.1 \r\n{host}\r\n", 400)
    # Several.
    yield odd("five at once", get() * 4 + get("connection: close\r\n"), 200, 200, 200, 200, 200)
    yield odd("a good one, then garbage", get() + "\0\0\0\0\r\n\r\n", 200, 400)
    yield odd("a good one, then HTTP/2", get().encode() + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 200, 505)
    yield odd("a good one, then a websocket", get() + get(websocket) + "x", 200, 400)
    # Bodies.
    token = "authorization: Bearer a.b.c\r\n"
    for name, content, admin in (
        ("empty", b"", 404),
        ("invalid UTF-8", b'{"reason": "\xff\xfe"}', 400),
        ("a NUL", b'{"reason": "\0"}', 400),
        ("an escaped NUL", b'{"reason": "\\u0000"}', 404),
        ("a lone surrogate", b'{"reason": "\\ud800"}', 400),
        ("10,000 brackets", b"[" * 10_000, 400),
        ("10,000 objects", b'{"a":' * 10_000, 400),
        ("10,000 brackets in a field nobody knows", b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400),
        ("an integer of 40,000 digits", b'{"reason": ' + b"9" * 40_000 + b"}", 400),
        ("1e999", b'{"reason": 1e999}', 400),
        ("NaN", b"NaN", 400),
        ("a list", b"[]", 400),
        ("null", b"null", 400),
        ("a byte order mark", b"\xef\xbb\xbf{}", 400),
        ("the same name twice", b'{"reason": "a", "reason": "b"}', 404),
        ("a form", b"reason=a", 400),
        ("65,537 bytes", b" " * 65_537, 413),
    ):
        head = f"{token}content-type: text/plain\r\ncontent-length: {len(content)}\r\n"
        # On the control port none of them is a request for a grant.
        control = 413 if admin == 413 else 400
        yield odd(
            f"a body: {name}", post(head).encode() + content, admin if door.name == "admin" else control
        )


_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"

_PIECES = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b"\xff",
    b"%",
    b"/",
    b"chunked",
    b"Upgrade: websocket\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 7\r\n",
    b"Content-Length: 0\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Connection: upgrade\r\n",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"HEAD ",
    b"OPTIONS * HTTP/1.1\r\n",
    b"\r\n\r\n",
    b"{}",
    b"\x16\x03\x01",
    b"A" * 5000,
)


def mutated(seed: int, sources: list[bytes]) -> bytes:
    """A request changed in some places: cut, doubled, spliced with another, sprinkled."""
    chance = random.Random(seed)
    data = bytearray(chance.choice(sources)[:20_000])
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(data))
        match chance.randrange(5):
            case 0:
                data[at:at] = chance.choice(_PIECES)
            case 1:
                del data[at : at + chance.randint(1, 40)]
            case 2:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 3:
                data[at:at] = data[max(0, at - chance.randint(1, 200)) : at]
            case _:
                other = chance.choice(sources)[:20_000]
                data[at:] = other[chance.randint(0, len(other)) :]
    return bytes(data)


def throw(door: Door, data: bytes, seed: int) -> None:
    """Send it whole or in pieces, and leave: with FIN, with RST, or after an answer."""
    chance = random.Random(seed)
    try:
        sock = door.connect()
    except OSError:
        return
    try:
        cuts = sorted(chance.randint(0, len(data)) for _ in range(chance.randint(0, 3)))
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            sock.sendall(data[start:end])
        if chance.randrange(3) == 0:
            sock.settimeout(0.2)
            with suppress(OSError):
                sock.recv(4096)
    except OSError:
        pass
    finally:
        if chance.randrange(2):
            reset(sock)
        else:
            sock.close()


def client_hello(host: str) -> bytes:
    """The first flight of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=host).do_handshake()
    return outgoing.read()
