"""Odd HTTP at both listeners while a session lives: H16, the process that one request without a token killed.

After whatever was thrown: the process lives, the session answers, an ordinary request is answered, and no
exception ended where only bugs end (no audit event `bug`).
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from support.frontend import Frontend
from support.odd_http import Door, answers, client_hello, doors, mutated, oddities, reset, throw
from support.wait import audit_events

SEEDS = 300


class House:
    """A gateway, a session in it, and its doors."""

    def __init__(self, gateway: RunningGateway, session: Frontend) -> None:
        self.gateway = gateway
        self.session = session
        self.doors = doors(gateway)
        self.bugs = 0

    def check(self) -> None:
        """All that was there is there."""
        assert self.gateway._process is not None
        assert self.gateway._process.poll() is None, self.gateway.log[-4000:]
        assert [each.body[-1:] for each in self.session.query("select 7") if each.kind == b"D"] == [b"7"]
        assert {name: door.status() for name, door in self.doors.items()} == {"control": 200, "admin": 200}
        bugs = audit_events(self.gateway, "bug")[self.bugs :]
        self.bugs += len(bugs)
        assert bugs == [], self.gateway.log[-6000:]


@pytest.fixture(scope="module")
def house(pg, issuer) -> Iterator[House]:
    with RunningGateway(pg, issuer.issuer) as gateway:
        session = Frontend(gateway.host, gateway.port)
        session.login(issuer.token(issuer.client(groups=[GROUP], ttl_s=3600).cid), ca=gateway.ca)
        with session:
            yield House(gateway, session)


@pytest.fixture(params=["control", "admin"])
def door(request, house) -> Door:
    return house.doors[request.param]


def test_a_websocket_that_is_refused_and_one_byte_more(house, door):
    """H16: no token, `GET` with the headers of a WebSocket upgrade, a byte behind: the whole gateway exited,
    every session with it. On the operators' socket, too.
    """
    headers = (
        f"GET {door.good} HTTP/1.1\r\nhost: g\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    for _ in range(2):
        with door.connect() as sock:
            sock.sendall(headers.encode() + b"x")
            assert answers(sock) == [400]
            with suppress(OSError):
                sock.sendall(b"x")
                sock.sendall(b"\x81\x80abcd")
            assert answers(sock) == []
    house.check()


def test_oddities_by_hand(house, door):
    """H16, I18: each is answered as it should be, or closed; none is taken for something else."""
    wrong = []
    for odd in oddities(door):
        with door.connect() as sock:
            with suppress(OSError):  # refused before it had all of it
                sock.sendall(odd.sent)
            if odd.half_closes:
                if door.tls is not None:
                    continue  # TLS of the standard library cannot say it without closing
                sock.shutdown(socket.SHUT_WR)
            # One more than expected: after the last answer there is nothing but the end, or silence.
            found = tuple(answers(sock, most=max(1, len(odd.statuses)), method=odd.method))
            if found != odd.statuses:
                wrong.append((odd.name, odd.statuses, found))
    assert wrong == []
    house.check()


def test_what_is_refused_is_closed(house):
    """I18: a connection whose framing is in doubt stayed open: what came next on it was the next request."""
    door = house.doors["admin"]
    for odd in oddities(door):
        if not odd.statuses or odd.statuses[-1] not in (400, 431, 501, 505) or "body" in odd.name:
            continue
        with door.connect() as sock:
            with suppress(OSError):
                sock.sendall(odd.sent + f"GET {door.good} HTTP/1.1\r\nhost: gateway\r\n\r\n".encode())
                sock.shutdown(socket.SHUT_WR)
            found = answers(sock, most=len(odd.statuses) + 1, method=odd.method)
            assert 200 not in found[len(odd.statuses) - 1 :], odd.name
    house.check()


def test_a_method_that_is_not_allowed_is_told_which_are(house, door):
    """I18: 405 came without Allow (RFC 9110 section 15.5.6)."""
    with door.connect() as sock:
        sock.sendall(f"DELETE {door.good} HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n".encode())
        answer = sock.makefile("rb").read()
    [allowed] = [line for line in answer.lower().split(b"\r\n") if line.startswith(b"allow:")]
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert {each.strip() for each in allowed[6:].split(b",")} == {b"get", b"head"}


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_a_client_that_goes_away_at_each_byte(house, door, how):
    """H16: on the operators' socket a client that went away in the midst of a body ended the gateway in 6 of
    150 tries.
    """
    bodies = (
        b'content-length: 17\r\n\r\n{"reason": "why"}',
        b'transfer-encoding: chunked\r\n\r\n11\r\n{"reason": "why"}\r\n0\r\n\r\n',
    )
    for body in bodies:
        whole = f"POST {door.takes} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer a.b.c\r\n".encode() + body
        for cut in range(0, len(whole) + 1, 1 if door.tls is None else 3):
            sock = door.connect()
            sock.sendall(whole[:cut])
            if how == "reset":
                reset(sock)
            else:
                sock.close()
    house.check()


def test_a_client_that_goes_away_while_it_is_answered(house, door):
    """A write to a connection that is reset is an error of that connection."""
    for count in range(1, 30):
        sock = door.connect()
        with suppress(OSError):
            sock.sendall(f"GET {door.good} HTTP/1.1\r\nhost: g\r\n\r\n".encode() * count)
        reset(sock)
    house.check()


def test_a_body_after_100_continue(house, door):
    """The neighbour of a body that nobody reads: asked for, it is taken; refused, it is not asked for."""
    head = f"POST {door.takes} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer a.b.c\r\nexpect: 100-continue\r\n"
    with door.connect() as sock:
        sock.sendall(f"{head}content-length: 2\r\n\r\n".encode())
        assert sock.recv(65536).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"{}")
        assert answers(sock) == [400 if door.name == "control" else 404]
    with door.connect() as sock:
        sock.sendall(f"{head}content-length: 99999999\r\n\r\n".encode())
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")
    house.check()


@pytest.mark.parametrize("batch", range(4))
def test_random_requests(house, door, batch):
    """Seeded: a case is repeated by its number (`make fuzz` goes on from there)."""
    sources = [odd.sent for odd in oddities(door)]
    for seed in range(batch * SEEDS // 4, (batch + 1) * SEEDS // 4):
        throw(door, mutated(seed, sources), seed)
    house.check()


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x16",
        b"\x16\x03\x01",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\xff\xff" + b"\0" * 70000,
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"\x17\x03\x03\x00\x10" + b"x" * 16,
        b"\x14\x03\x03\x00\x01\x01",
        b"\x80\x2e\x01\x03\x01" + b"\0" * 44,
        b"\0" * 4096,
        b"\xff" * 4096,
        b"GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    ],
    ids=lambda garbage: repr(garbage[:12]),
)
@pytest.mark.parametrize("how", ["fin", "reset", "wait"])
def test_no_tls_on_the_tls_port(house, garbage, how):
    """A handshake that fails in whatever way ends that connection."""
    door = house.doors["control"]
    sock = door.plain()
    with suppress(OSError):
        sock.sendall(garbage)
    if how == "wait" and len(garbage) > 4096:
        with suppress(OSError):
            assert sock.recv(1) != b"H"
    if how == "reset":
        reset(sock)
    else:
        sock.close()
    house.check()


def test_plain_http_on_the_tls_port_is_told_so(house):
    """It was closed without a word."""
    with house.doors["control"].plain() as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n")
        assert b"This port is HTTPS" in sock.makefile("rb").read()


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_a_handshake_that_is_cut_or_changed_at_each_byte(house, how):
    """Half handshakes, and ones with a byte turned: names, lengths, extensions, versions."""
    door = house.doors["control"]
    hello = client_hello("localhost")
    variants = [hello[:at] for at in range(0, len(hello), 11)]
    variants += [hello[:at] + bytes([hello[at] ^ 0xFF]) + hello[at + 1 :] for at in range(0, len(hello), 7)]
    for variant in variants:
        sock = door.plain()
        with suppress(OSError):
            sock.sendall(variant)
        if how == "reset":
            reset(sock)
        else:
            sock.close()
    house.check()


@pytest.mark.parametrize(
    "name", ["a", "A.EXAMPLE", "x" * 63, ".".join(["y" * 60] * 4), "127.0.0.1", "xn--", "a_b", "-", "a..b"]
)
def test_odd_server_names(house, name):
    """The name that a client asks for by SNI decides nothing."""
    door = house.doors["control"]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # Some of these the client itself will not ask for.
    with suppress(ValueError), context.wrap_socket(door.plain(), server_hostname=name) as sock:
        sock.sendall(f"GET {door.good} HTTP/1.1\r\nhost: g\r\n\r\n".encode())
        assert answers(sock) == [200]
    hello = client_hello("localhost").replace(b"localhost", b"local\0\xff/\n")
    with door.plain() as sock:
        sock.sendall(hello)
    house.check()


def test_alpn_and_versions(house):
    """HTTP/2 is not agreed on, and not spoken by prior knowledge either (I18). Old TLS is refused."""
    door = house.doors["control"]
    for offered, spoken in (
        (["h2"], None),
        (["h2", "http/1.1"], "http/1.1"),
        (["http/1.0", "x" * 200], None),
    ):
        context = ssl.create_default_context(cafile=str(house.gateway.ca))
        context.set_alpn_protocols(offered)
        with context.wrap_socket(door.plain(), server_hostname=door.host) as sock:
            assert sock.selected_alpn_protocol() == spoken
            sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
            assert answers(sock) == [505]
    house.check()


def test_silent_connections_keep_nobody_out(house):
    """I17: 260 silent connections at the control port took the descriptors of logins and sessions. One
    address has half of the places at most, and all of them are an eighth of the descriptors.
    """
    door = house.doors["control"]
    silent = []
    try:
        for _ in range(300):
            silent.append(door.plain())
        assert door.status(source="127.0.0.2") == 200
        assert [each.kind for each in house.session.query("select 1")][:1] == [b"T"]
    finally:
        for sock in silent:
            sock.close()
