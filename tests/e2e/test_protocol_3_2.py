"""Protocol versions: 3.2 with its long cancel keys; what is newer or unknown is negotiated, as by the server.

PostgreSQL documentation, "Message Formats": StartupMessage, NegotiateProtocolVersion, BackendKeyData.
"""

import struct

import pytest

from support.frontend import (
    PROTOCOL_3_0,
    PROTOCOL_3_2,
    Frontend,
    Message,
    cancel_request,
    message,
    query,
    startup_packet,
)
from support.wait import wait_for

PROTOCOL_3_1 = 3 << 16 | 1
PROTOCOL_3_9 = 3 << 16 | 9
GREASE = 3 << 16 | 9999
"""What libpq 19 sends to see that servers negotiate."""


def _negotiated(minor: int, *options: str) -> Message:
    names = b"".join(name.encode() + b"\0" for name in options)
    return Message(b"v", struct.pack("!hhi", 3, minor, len(options)) + names)


def _open(frontend: Frontend, gateway, token: str, protocol: int, **options: str) -> list[Message]:
    """Log in; what came before the password was asked for."""
    frontend.start_tls(gateway.ca)
    parameters = {"user": "agent", "database": "orders"} | options
    frontend.send(startup_packet(parameters, protocol=protocol))
    before = frontend.until(b"R")
    assert before.pop() == Message(b"R", struct.pack("!i", 3))
    frontend.send(message(b"p", token.encode() + b"\0"))
    for reply in frontend.until(b"Z"):
        assert reply.kind != b"E", reply.fields
        if reply.kind == b"K":
            frontend.pid, frontend.key = struct.unpack("!i", reply.body[:4])[0], reply.body[4:]
    return before


@pytest.mark.parametrize(
    ("protocol", "options", "answer", "key_bytes"),
    [
        (PROTOCOL_3_0, (), [], 4),
        (PROTOCOL_3_1, (), [], 4),
        (PROTOCOL_3_2, (), [], 32),
        (PROTOCOL_3_9, (), [_negotiated(2)], 32),
        (GREASE, (), [_negotiated(2)], 32),
        (PROTOCOL_3_0, ("_pq_.x",), [_negotiated(0, "_pq_.x")], 4),
        (PROTOCOL_3_2, ("_pq_.x",), [_negotiated(2, "_pq_.x")], 32),
        (PROTOCOL_3_9, ("_pq_.x", "_pq_.test"), [_negotiated(2, "_pq_.x", "_pq_.test")], 32),
    ],
)
def test_versions(gateway, agent, protocol, options, answer, key_bytes):
    """The answer to each version and option, the length of its cancel key, and the session works."""
    with Frontend(gateway.host, gateway.port) as frontend:
        sent = dict.fromkeys(options, "on")
        assert _open(frontend, gateway, agent(), protocol, **sent) == answer
        assert len(frontend.key) == key_bytes
        assert frontend.rows("select 'works'") == [("works",)]


@pytest.mark.parametrize("version", [2 << 16, 4 << 16, 3 << 15, 0])
def test_other_major_versions(gateway, version):
    """A major version other than 3 is refused by its number, before any password."""
    with Frontend(gateway.host, gateway.port) as frontend:
        frontend.start_tls(gateway.ca)
        frontend.send(startup_packet({"user": "agent", "database": "orders"}, protocol=version))
        refusal = frontend.read()
        assert refusal.fields["S"] == "FATAL"
        assert f"{version >> 16}.{version & 0xFFFF}" in refusal.fields["M"]
        assert frontend.rest() == b""


@pytest.mark.parametrize("protocol", [PROTOCOL_3_0, PROTOCOL_3_1, PROTOCOL_3_2, PROTOCOL_3_9])
def test_cancel(gateway, agent, pg, protocol):
    """The key cancels, in its whole length only: its first four bytes alone, as of 3.0, do nothing."""
    with Frontend(gateway.host, gateway.port, timeout_s=40) as frontend:
        _open(frontend, gateway, agent(), protocol)
        sql = f"select pg_sleep(30), '{frontend.key.hex()}'"
        frontend.send(query(sql))
        running = "select count(*) from pg_stat_activity where state = 'active' and query like '%{}%'"
        asked = running.format(frontend.key.hex())
        # The asking statement counts itself.
        wait_for(lambda: pg.psql(asked).out == "2", "the statement runs")
        if protocol == PROTOCOL_3_2:
            # Few wrong keys: an address that guesses twenty times in a minute is not heard any more.
            _cancel(gateway, frontend.pid, frontend.key[:4])
            _cancel(gateway, frontend.pid, frontend.key[:4] + bytes(28))
            frontend.socket.settimeout(0.5)
            with pytest.raises(TimeoutError):
                frontend.read()
            frontend.socket.settimeout(40)
        _cancel(gateway, frontend.pid, frontend.key)
        replies = frontend.until(b"Z")
        assert [reply.sqlstate for reply in replies if reply.kind == b"E"] == ["57014"]
        assert frontend.rows("select 'alive'") == [("alive",)]


def test_keys_are_all_different(gateway, agent):
    """No two sessions share a key or a process id; a 3.2 key has no constant part."""
    pids, keys = set(), []
    for _ in range(6):
        with Frontend(gateway.host, gateway.port) as frontend:
            frontend.login(agent(), ca=gateway.ca, protocol=PROTOCOL_3_2)
            pids.add(frontend.pid)
            keys.append(frontend.key)
    assert len(pids) == len(keys)
    for offset in range(0, 32, 4):
        assert len({key[offset : offset + 4] for key in keys}) == len(keys)


def _cancel(gateway, pid: int, key: bytes) -> None:
    with Frontend(gateway.host, gateway.port) as other:
        other.start_tls(gateway.ca)
        other.send(cancel_request(pid, key))
        assert other.rest() == b""
