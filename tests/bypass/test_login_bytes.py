"""Hostile bytes before a session exists. Each row was a defect somewhere; a row is never removed."""

import contextlib
import socket
import ssl
import struct
import threading
import time

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from support.frontend import (
    GSSENC_REQUEST,
    PROTOCOL_3_0,
    PROTOCOL_3_2,
    SSL_REQUEST,
    Frontend,
    Message,
    message,
    query,
    startup_packet,
    trusting,
)

PLAIN = {"user": "agent", "database": "orders"}
ASKS_PASSWORD = Message(b"R", struct.pack("!i", 3))


@pytest.fixture(scope="module")
def guarded(pg, issuer):
    """A gateway with short deadlines, so that slow peers are seen off within the test."""
    limits = {"tls_handshake": "3s", "startup": "3s", "unadmitted_per_address": 200}
    policies = [
        {
            "name": "agents",
            "groups": [GROUP],
            "targets": ["orders"],
            "actions": ["query"],
            "max_sessions": 200,
        },
        {"name": "readers", "groups": ["readers"], "targets": ["orders"], "actions": ["read-only"]},
    ]
    settings = {"limits": limits, "policies": policies}
    with RunningGateway(pg, issuer.issuer, settings=settings) as running:
        yield running
        assert "panic" not in running.log.lower(), running.log[-4000:]


def _works(gateway: RunningGateway, token: str) -> None:
    with Frontend(gateway.host, gateway.port) as other:
        other.login(token, ca=gateway.ca)
        assert other.rows("select 'works'") == [("works",)]


def _errors(content: bytes) -> "list[Message]":
    """The ErrorResponses at the front of what came before the close."""
    found = []
    while len(content) >= 5 and content[:1] in b"NER":
        size = 1 + struct.unpack("!i", content[1:5])[0]
        if content[:1] == b"E":
            found.append(Message(b"E", content[5:size]))
        content = content[size:]
    return found


def test_stuffed_after_ssl_request(guarded, agent):
    """Plaintext stuffed behind an SSLRequest was taken as if it had come inside TLS (CVE-2021-23214)."""
    for stuffing in (startup_packet(PLAIN), query("select 1"), b"\0", SSL_REQUEST):
        with Frontend(guarded.host, guarded.port) as attacker:
            attacker.send(SSL_REQUEST + stuffing)
            answer = attacker.rest()
            assert b"S" not in answer[:1] or len(answer) == 1
            assert ASKS_PASSWORD.body not in answer
            errors = _errors(answer.removeprefix(b"S"))
            assert all(error.fields["S"] == "FATAL" for error in errors)
    _works(guarded, agent())


def test_stuffed_behind_the_ssl_request_by_a_man_in_the_middle(guarded, agent):
    """The same, with a true client finishing the handshake behind it: it must fail."""
    with Frontend(guarded.host, guarded.port) as attacker:
        attacker.send(SSL_REQUEST + startup_packet({"user": "mallory", "database": "secrets"}))
        if attacker.socket.recv(1) == b"S":
            with pytest.raises((ssl.SSLError, OSError)):
                attacker.wrap(trusting(guarded.ca))


def test_gssenc_then_ssl_then_startup(guarded, agent):
    """GSSENCRequest is refused with `N` and SSL may follow; a thousand of them looped for ever."""
    with Frontend(guarded.host, guarded.port) as client:
        client.send(GSSENC_REQUEST)
        assert client.socket.recv(1) == b"N"
        client.login(agent(), ca=guarded.ca)
        assert client.rows("select 1") == [("1",)]
    with Frontend(guarded.host, guarded.port) as attacker:
        with contextlib.suppress(OSError):
            for _ in range(1000):
                attacker.send(GSSENC_REQUEST)
        assert len(attacker.rest()) < 1000


def test_ssl_request_inside_tls(guarded):
    """A second SSLRequest inside TLS was answered with another handshake."""
    with Frontend(guarded.host, guarded.port) as attacker:
        attacker.start_tls(guarded.ca)
        attacker.send(SSL_REQUEST)
        answer = attacker.rest()
        assert answer[:1] != b"S"


def test_plaintext_startup_is_refused_before_any_auth_request(guarded, agent):
    """A password was asked for in clear: the refusal must come before any authentication request."""
    with Frontend(guarded.host, guarded.port) as client:
        client.send(startup_packet(PLAIN) + message(b"p", agent().encode() + b"\0"))
        answer = client.rest()
    assert answer[:1] == b"E"
    (error,) = _errors(answer)
    assert error.fields["S"] == "FATAL"
    assert error.sqlstate.startswith("28")
    assert "sslmode" in error.fields["M"] + error.fields.get("H", "") + error.fields.get("D", "")


def test_direct_tls(guarded, agent):
    """Direct TLS needs ALPN `postgresql` (cross-protocol attacks): without or with another it is refused."""
    for protocols in (None, ["http/1.1"], ["h2", "http/1.1"]):
        context = trusting(guarded.ca)
        if protocols is not None:
            context.set_alpn_protocols(protocols)
        with Frontend(guarded.host, guarded.port) as attacker:
            with contextlib.suppress(ssl.SSLError, OSError):
                attacker.wrap(context)
                attacker.send(startup_packet(PLAIN))
            with contextlib.suppress(ssl.SSLError, OSError):
                assert ASKS_PASSWORD.body not in attacker.rest()
    context = trusting(guarded.ca)
    context.set_alpn_protocols(["postgresql"])
    with Frontend(guarded.host, guarded.port) as client:
        client.wrap(context)
        client.send(startup_packet(PLAIN))
        assert client.read() == ASKS_PASSWORD
        client.send(message(b"p", agent().encode() + b"\0"))
        assert client.until(b"Z")[-1].kind == b"Z"


FIRST_PACKETS = {
    "length 0": struct.pack("!i", 0) + b"x" * 64,
    "length -1": struct.pack("!i", -1) + b"x" * 64,
    "length 3": struct.pack("!i", 3) + b"x" * 64,
    "length 4": struct.pack("!i", 4) + b"x" * 64,
    "length 2^31-1": struct.pack("!i", 2**31 - 1) + b"x" * 64,
    "4 GiB": b"\xff\xff\xff\xff" + b"x" * 64,
    "10,001 bytes": struct.pack("!ii", 10_005, PROTOCOL_3_0) + b"a" * 9_997,
    "protocol 2": struct.pack("!ii", 296, 2 << 16) + bytes(288),
    "protocol 4": startup_packet(PLAIN, protocol=4 << 16),
    "no terminator": struct.pack("!ii", 12, PROTOCOL_3_0) + b"user",
    "name without value": struct.pack("!ii", 13, PROTOCOL_3_0) + b"user\0",
    "bytes behind the end": struct.pack("!ii", 9 + 11 + 3, PROTOCOL_3_0) + b"user\0agent\0\0" + b"zz",
    "not UTF-8": struct.pack("!ii", 8 + 10 + 1, PROTOCOL_3_0) + b"user\0\xff\xfe\xfd\xfc\0\0",
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.9\r\n",
    "cancel without a key": struct.pack("!iii", 12, 80877102, 1),
    "cancel with a huge key": struct.pack("!iii", 12 + 300, 80877102, 1) + b"k" * 300,
    "garbage": bytes(range(128, 256)) * 4,
}


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "inside TLS"])
@pytest.mark.parametrize("name", FIRST_PACKETS)
def test_first_packet(guarded, agent, name, tls):
    """Malformed first packets crashed or hung servers: the answer is an error or a close."""
    with Frontend(guarded.host, guarded.port) as attacker:
        if tls:
            attacker.start_tls(guarded.ca)
        attacker.send(FIRST_PACKETS[name])
        answer = attacker.rest()
    assert ASKS_PASSWORD.body not in answer
    for error in _errors(answer):
        assert error.fields["S"] == "FATAL"
        assert error.sqlstate
    _works(guarded, agent())


STARTUPS = {
    "search_path": {"search_path": "evil,public"},
    "role": {"role": "postgres"},
    "session_authorization": {"session_authorization": "postgres"},
    "search_path in options": {"options": "-c search_path=evil"},
    "role in options": {"options": "-c role=postgres"},
    "role in options, long form": {"options": "--role=postgres"},
    "role in options, quoted": {"options": "-c\\ role=postgres -crole=postgres"},
    "session_authorization in options": {"options": "-c session_authorization=postgres"},
    "capitals": {"SEARCH_PATH": "evil"},
    "replication": {"replication": "true"},
    "replication by database": {"replication": "database"},
    "replication as a number": {"replication": "1"},
    "standard_conforming_strings": {"standard_conforming_strings": "off"},
    "client_encoding whose second byte can be a backslash": {"client_encoding": "SJIS"},
    "an extension's setting": {"session_preload_libraries": "evil"},
}


AS_BY_SET = {
    "search_path",
    "search_path in options",
    "capitals",
    "standard_conforming_strings",
    "client_encoding whose second byte can be a backslash",
}
"""What SET may do, too, where statements are not read."""


@pytest.mark.parametrize("name", STARTUPS)
def test_startup_parameter(guarded, agent, issuer, name):
    """Settings smuggled in through the startup packet changed what the session may do."""
    tokens = [issuer.token(issuer.client(groups=["readers"], ttl_s=600).cid)]
    if name not in AS_BY_SET:
        tokens.append(agent())
    for token in tokens:
        refused = pytest.raises(ConnectionError, match=r"^(42501|28000|0A000|22023|08P01|42704) ")
        with Frontend(guarded.host, guarded.port) as attacker, refused:
            attacker.login(token, ca=guarded.ca, **STARTUPS[name])


def test_a_parameter_that_comes_twice(guarded, agent):
    """`database` given twice: the check read the first, the server the last."""
    body = struct.pack("!i", PROTOCOL_3_0) + b"user\0agent\0database\0orders\0database\0secrets\0\0"
    with Frontend(guarded.host, guarded.port) as attacker:
        attacker.start_tls(guarded.ca)
        attacker.send(struct.pack("!i", len(body) + 4) + body)
        reply = attacker.read()
    assert reply.kind == b"E"
    assert reply.fields["S"] == "FATAL"


def test_newer_protocol_is_negotiated(guarded, agent):
    """Protocol 3.9 with an unknown option is answered with NegotiateProtocolVersion, as a server would."""
    with Frontend(guarded.host, guarded.port) as client:
        client.start_tls(guarded.ca)
        client.send(startup_packet(PLAIN | {"_pq_.moon_phase": "full"}, protocol=3 << 16 | 9))
        negotiated = client.read()
        assert negotiated.kind == b"v"
        assert struct.unpack("!i", negotiated.body[:4])[0] in (2, PROTOCOL_3_2)
        assert b"_pq_.moon_phase\0" in negotiated.body
        assert client.read() == ASKS_PASSWORD


PASSWORDS = {
    "length -1": b"p" + struct.pack("!i", -1),
    "length 3": b"p" + struct.pack("!i", 3) + b"abc",
    "length 2^31-1": b"p" + struct.pack("!i", 2**31 - 1) + b"a" * 1000,
    "4 GiB": b"p\xff\xff\xff\xff",
    "no NUL": message(b"p", b"token"),
    "NUL inside": message(b"p", b"to\0ken\0"),
    "empty": message(b"p", b"\0"),
    "no body": message(b"p"),
    "1 MB": message(b"p", b"a" * (1 << 20) + b"\0"),
    "not UTF-8": message(b"p", b"\xff\xfe\xfd\0"),
    "a query instead": query("select 1"),
    "terminate instead": message(b"X"),
    "SASL instead": message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", -1)),
}


@pytest.mark.parametrize("name", PASSWORDS)
def test_password_message(guarded, agent, name):
    """A malformed answer to the password request ends the connection without a session."""
    with Frontend(guarded.host, guarded.port) as attacker:
        attacker.start_tls(guarded.ca)
        attacker.send(startup_packet(PLAIN))
        assert attacker.read() == ASKS_PASSWORD
        with contextlib.suppress(OSError):
            attacker.send(PASSWORDS[name])
        answer = attacker.rest()
    assert b"R\0\0\0\x08\0\0\0\0" not in answer
    assert all(error.fields["S"] == "FATAL" for error in _errors(answer))
    _works(guarded, agent())


def test_a_query_before_the_answer_about_the_password(guarded, agent):
    """A query sent along with a bad password ran before the refusal."""
    with Frontend(guarded.host, guarded.port) as attacker:
        attacker.start_tls(guarded.ca)
        attacker.send(startup_packet(PLAIN) + message(b"p", b"wrong\0") + query("select 1"))
        assert attacker.read() == ASKS_PASSWORD
        refusal = attacker.read()
        assert refusal.kind == b"E"
        assert attacker.rest() == b""


def test_idle_connections_do_not_block_a_login(guarded, agent):
    """Idle TCP connections held up the accept loop: others log in meanwhile, the idle are seen off."""
    idle = [socket.create_connection((guarded.host, guarded.port), 10) for _ in range(100)]
    try:
        _works(guarded, agent())
        for connection in idle:
            connection.settimeout(60)
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(1000):
                    pass
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.parametrize(
    "part", ["half a first packet", "after S", "half a ClientHello", "after TLS", "before password"]
)
def test_slow_peer(guarded, agent, part):
    """A handshake that stops half way held a thread for ever: each phase has a deadline."""
    slow = Frontend(guarded.host, guarded.port)
    with slow:
        if part == "half a first packet":
            slow.send(SSL_REQUEST[:5])
        elif part == "after S":
            slow.send(SSL_REQUEST)
            assert slow.socket.recv(1) == b"S"
        elif part == "half a ClientHello":
            slow.send(SSL_REQUEST)
            assert slow.socket.recv(1) == b"S"
            outgoing = ssl.MemoryBIO()
            hello = trusting(guarded.ca).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=guarded.host)
            with contextlib.suppress(ssl.SSLWantReadError):
                hello.do_handshake()
            slow.send(outgoing.read()[:100])
        else:
            slow.start_tls(guarded.ca)
            if part == "before password":
                slow.send(startup_packet(PLAIN))
                assert slow.read() == ASKS_PASSWORD
        _works(guarded, agent())
        slow.rest()


def test_a_byte_at_a_time(guarded, agent):
    """One byte a packet, through the whole login: a correct client, only slow."""
    with Frontend(guarded.host, guarded.port) as client:
        for byte in SSL_REQUEST:
            client.send(bytes([byte]))
        assert client.socket.recv(1) == b"S"
        client.wrap(trusting(guarded.ca))
        for byte in startup_packet(PLAIN):
            client.send(bytes([byte]))
        assert client.read() == ASKS_PASSWORD
        for byte in message(b"p", agent().encode() + b"\0"):
            client.send(bytes([byte]))
        assert client.until(b"Z")[-1].kind == b"Z"
        for byte in query("select 'slowly'"):
            client.send(bytes([byte]))
        assert [reply.kind for reply in client.until(b"Z")] == [b"T", b"D", b"C", b"Z"]


def test_limit_of_unadmitted_connections(pg, issuer, agent):
    """One address opened connections without end: past its limit it is turned away."""
    settings = {"limits": {"unadmitted_per_address": 8, "startup": "5s", "tls_handshake": "5s"}}
    with RunningGateway(pg, issuer.issuer, settings=settings) as gateway:
        with Frontend(gateway.host, gateway.port) as session:
            session.login(agent(), ca=gateway.ca)
            flood = [socket.create_connection((gateway.host, gateway.port), 10) for _ in range(40)]
            closed = 0
            for connection in flood:
                connection.settimeout(0.2)
                with contextlib.suppress(TimeoutError):
                    try:
                        closed += connection.recv(1000)[:1] in (b"", b"E")
                    except ConnectionResetError:
                        closed += 1
            assert closed >= 30
            assert session.rows("select 'still here'") == [("still here",)]
            for connection in flood:
                connection.close()
        deadline = time.monotonic() + 60
        while True:
            try:
                _works(gateway, agent())
                break
            except (ConnectionError, OSError):
                assert time.monotonic() < deadline
                time.sleep(0.2)


def test_many_broken_handshakes_at_once(guarded, agent):
    """A storm of connections that break off at random points leaves the gateway as it was."""

    def storm(seed: int) -> None:
        for n in range(40):
            with contextlib.suppress(OSError), Frontend(guarded.host, guarded.port) as attacker:
                attacker.send(SSL_REQUEST)
                if (n + seed) % 3 == 0:
                    attacker.send(b"\x16\x03\x01" + bytes(range(n)))
                elif (n + seed) % 3 == 1:
                    attacker.socket.recv(1)
                    attacker.wrap(trusting(guarded.ca))

    threads = [threading.Thread(target=storm, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _works(guarded, agent())
