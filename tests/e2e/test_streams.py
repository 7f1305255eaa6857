"""Big values, slow readers and both sides writing at once: constant memory, nobody stalls, no deadlock."""

import contextlib
import hashlib
import select
import ssl
import struct
import threading
import time

import pytest

from hoopwire.demo.gateway import RunningGateway
from support.frontend import Frontend, message, query, startup_packet

MB = 1 << 20


def _through(gateway: RunningGateway, token: str) -> Frontend:
    frontend = Frontend(gateway.host, gateway.port, timeout_s=120)
    frontend.login(token, ca=gateway.ca)
    return frontend


def _drain_value(frontend: Frontend, megabytes: int) -> "tuple[int, str]":
    """Read one DataRow without keeping it: its cell's length and BLAKE2 digest."""
    frontend.send(query(f"select repeat('0123456789abcdef', {megabytes} * 65536)"))
    buffer, digest, wanted, total = b"", hashlib.blake2b(), None, 0
    while wanted is None or total < wanted:
        buffer += frontend.socket.recv(1 << 16)
        while wanted is None and len(buffer) >= 5:
            size = 1 + struct.unpack("!i", buffer[1:5])[0]
            if buffer[:1] == b"D":
                if len(buffer) < 11:
                    break
                wanted = struct.unpack("!i", buffer[7:11])[0]
                buffer = buffer[11:]
            elif len(buffer) < size:
                break
            else:
                buffer = buffer[size:]
        if wanted is not None:
            piece = buffer[: wanted - total]
            digest.update(piece)
            total += len(piece)
            buffer = buffer[len(piece) :]
    while not buffer.endswith(b"Z\0\0\0\x05I"):
        buffer += frontend.socket.recv(1 << 16)
    return total, digest.hexdigest()


def _expected(megabytes: int) -> "tuple[int, str]":
    digest = hashlib.blake2b()
    block = b"0123456789abcdef" * 65536
    for _ in range(megabytes):
        digest.update(block)
    return megabytes * MB, digest.hexdigest()


@pytest.mark.parametrize("megabytes", [256, pytest.param(900, marks=pytest.mark.slow)])
def test_big_value_in_constant_memory(gateway, agent, megabytes):
    """A value far larger than any buffer passes whole; the gateway's memory does not grow with it."""
    with _through(gateway, agent()) as frontend:
        frontend.query("select 1")
        before = gateway.resident_bytes
        peak = [before]
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                peak.append(gateway.resident_bytes)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            answer = _drain_value(frontend, megabytes)
        finally:
            done.set()
            watcher.join()
    assert answer == _expected(megabytes)
    assert max(peak) - before < 64 * MB, f"grew by {(max(peak) - before) >> 20} MiB"


def test_big_value_up(gateway, agent):
    """A Bind of 256 MB streams to the target in constant memory."""
    size = 256 * MB
    block = b"x" * MB
    with _through(gateway, agent()) as frontend:
        frontend.query("select 1")
        before = gateway.resident_bytes
        frontend.send(message(b"P", b"\0select length($1::text)\0" + struct.pack("!h", 0)))
        head = b"\0\0" + struct.pack("!hhi", 0, 1, size)
        tail = struct.pack("!h", 0)
        frontend.send(b"B" + struct.pack("!i", 4 + len(head) + size + len(tail)) + head)
        for _ in range(size // MB):
            frontend.send(block)
        during = gateway.resident_bytes
        frontend.send(tail + message(b"E", b"\0" + struct.pack("!i", 0)) + message(b"S"))
        replies = frontend.until(b"Z")
    assert [reply.kind for reply in replies] == [b"1", b"2", b"D", b"C", b"Z"]
    assert str(size).encode() in replies[2].body
    assert during - before < 64 * MB, f"grew by {(during - before) >> 20} MiB"


def test_slow_reader_stalls_nobody(gateway, agent):
    """One client that stops reading in the middle of a result must not hold up the others."""
    stuck = [_through(gateway, agent()) for _ in range(4)]
    try:
        for frontend in stuck:
            frontend.send(query("select repeat('s', 65536) from generate_series(1, 600)"))
        time.sleep(0.5)
        before = gateway.resident_bytes
        for _ in range(20):
            with _through(gateway, agent()) as quick:
                assert quick.rows("select 'quick'") == [("quick",)]
        time.sleep(0.5)
        assert gateway.resident_bytes - before < 32 * MB
        for frontend in stuck:
            assert sum(reply.kind == b"D" for reply in frontend.until(b"Z")) == 600
    finally:
        for frontend in stuck:
            frontend.close()


def test_both_sides_writing(route):
    """A pipeline whose results are not read until all of it is sent: writes in both directions fill up.

    A proxy that stops reading one side for good while it cannot write the other deadlocks here. The client
    sends until nothing more goes, waits, and only then reads as well.
    """
    frontend = Frontend(route.host, route.port, timeout_s=60)
    frontend.login(route.credential(), ca=route.ca) if route.name == "gateway" else _login_direct(
        frontend, route
    )
    rounds, size = 200, 128 * 1024
    piece = b"p" * size
    bind = b"\0\0" + struct.pack("!hhi", 0, 1, size) + piece + struct.pack("!h", 0)
    one = message(b"B", bind) + message(b"E", b"\0" + struct.pack("!i", 0))
    frontend.send(message(b"P", b"\0select $1::text || 'q'\0" + struct.pack("!h", 0)))
    pending = memoryview(one * rounds + message(b"S"))
    frontend.socket.setblocking(False)
    tls, came, read_too, deadline = frontend.socket, bytearray(), False, time.monotonic() + 90
    while not came.endswith(b"Z\0\0\0\x05I"):
        assert time.monotonic() < deadline, f"deadlock: {len(pending)} bytes unsent, {len(came)} received"
        moved = False
        with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
            if pending:
                pending = pending[tls.send(pending[:65536]) :]
                moved = True
        if read_too:
            with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
                came += tls.recv(65536)
                moved = True
        if not moved:
            if not read_too:
                time.sleep(1.0)
                read_too = True
            select.select([tls], [tls] if pending else [], [], 1.0)
    frontend.close()
    assert came.count(piece + b"q") == rounds


def _login_direct(frontend: Frontend, route) -> None:
    frontend.start_tls(route.ca)
    frontend.send(startup_packet({"user": "app_trust", "database": "orders"}))
    frontend.until(b"Z")
