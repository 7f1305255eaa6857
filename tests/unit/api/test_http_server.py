"""The HTTP listener by itself: deadlines, limits, what an application or a peer does to it.

Deadlines are set small here; what is asserted is what comes, not when.
"""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from hoopwire.api.http_connection import HttpLimits
from hoopwire.api.http_server import Listener
from hoopwire.api.public import application, read_body, server_error
from hoopwire.model.addresses import party

GET = b"GET / HTTP/1.1\r\nhost: g\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n"
PATIENT = {"header_s": 60.0, "idle_s": 60.0, "request_s": 60.0, "stop_s": 60.0}
"""A test names the one deadline that it is about."""


class Stage:
    """A listener on loopback with an application that a test steers."""

    def __init__(self) -> None:
        self.bugs: list[Exception] = []
        self.started = trio.Event()
        self.gate = trio.Event()
        self.stopping = trio.Event()
        self.ended = trio.Event()
        self.error: Exception | None = None
        self.listener: Listener
        self.port = 0

    async def root(self, request: Request) -> Response:
        if self.error is not None:
            raise self.error
        return Response(b"hello")

    async def body(self, request: Request) -> Response:
        return Response(await read_body(request))

    async def slow(self, request: Request) -> Response:
        self.started.set()
        await self.gate.wait()
        return Response(b"at last")

    async def stream(self, request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one"
            raise ValueError("in the midst")

        return StreamingResponse(parts())

    async def quiet(self, scope: Any, receive: Any, send: Any) -> None:
        """An application that says nothing at all."""

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def ask(self, data: bytes) -> bytes:
        """All that comes until the listener closes."""
        async with await self.connect() as stream:
            await stream.send_all(data)
            return await everything(stream)


async def everything(stream: trio.SocketStream) -> bytes:
    """What comes, to the end."""
    found = b""
    with trio.fail_after(60):
        try:
            while data := await stream.receive_some(65536):
                found += data
        except trio.BrokenResourceError:
            pass
    return found


@pytest.fixture
async def stage(request, nursery) -> AsyncIterator[Stage]:
    stage = Stage()
    limits = HttpLimits(**(PATIENT | getattr(request, "param", {})))
    app = application(
        [
            Route("/", stage.root, methods=["GET"]),
            Route("/body", stage.body, methods=["POST"]),
            Route("/slow", stage.slow, methods=["GET"]),
            Route("/stream", stage.stream, methods=["GET"]),
        ],
        {Exception: server_error},
    )
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    stage.port = sock.getsockname()[1]
    stage.listener = Listener(trio.socket.from_stdlib_socket(sock), app, stage.bugs.append, limits=limits)

    async def run() -> None:
        await stage.listener.run(stage.stopping.wait)
        stage.ended.set()

    nursery.start_soon(run)
    yield stage
    stage.stopping.set()
    with trio.fail_after(60):
        await stage.ended.wait()
    stage.listener.close()


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nhost: g\r\nx: "])
@pytest.mark.parametrize("stage", [{"header_s": 0.2}], indirect=True)
async def test_headers_that_never_end(stage, sent):
    """Slow loris: a connection that says a byte now and then was kept as long as it liked."""
    async with await stage.connect() as stream:
        if sent:
            await stream.send_all(sent)
        answer = await everything(stream)
    assert answer.startswith(b"HTTP/1.1 408 ") if sent else answer == b""


@pytest.mark.parametrize("stage", [{"header_s": 0.2}], indirect=True)
async def test_headers_byte_by_byte(stage):
    """The deadline is for all of them, not for the next byte."""
    async with await stage.connect() as stream:
        ended = trio.Event()

        async def drip() -> None:
            while not ended.is_set():
                try:
                    await stream.send_all(b"x")
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return
                await trio.sleep(0.01)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip)
            answer = await everything(stream)
            ended.set()
    assert b" 408 " in answer or answer == b""


@pytest.mark.parametrize("stage", [{"idle_s": 0.2}], indirect=True)
async def test_an_idle_connection_is_closed(stage):
    """Between two requests, without a word."""
    answer = await stage.ask(GET)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"hello")


@pytest.mark.parametrize("stage", [{"request_s": 0.3}], indirect=True)
async def test_a_request_that_takes_too_long(stage):
    """The application waits for something that never comes."""
    answer = await stage.ask(b"GET /slow HTTP/1.1\r\nhost: g\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert stage.bugs == []


@pytest.mark.parametrize("stage", [{"request_s": 0.3}], indirect=True)
async def test_a_body_that_never_ends(stage):
    answer = await stage.ask(b"POST /body HTTP/1.1\r\nhost: g\r\ncontent-length: 9\r\n\r\nhalf")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert stage.bugs == []


@pytest.mark.parametrize("stage", [{"connections": 3, "per_address": 3}], indirect=True)
async def test_too_many_connections(stage):
    """The fourth is turned away at once; when one of the three is gone there is room again."""
    open_ones = [await stage.connect() for _ in range(3)]
    await trio.testing.wait_all_tasks_blocked()
    assert await stage.ask(LAST) == b""
    for stream in open_ones:
        await stream.aclose()
    with trio.fail_after(60):
        while b"hello" not in await stage.ask(LAST):  # noqa: ASYNC110
            await trio.sleep(0.01)
    assert stage.bugs == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
async def test_who_counts_as_one_address(one, other, same):
    """A host has all addresses of its /64."""
    assert (party(one) == party(other)) is same


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError(), MemoryError(), ExceptionGroup("g", [OSError()])]
)
async def test_a_bug_of_the_application(stage, error):
    """500, told to the log, and the connection of the next client is none the worse."""
    stage.error = error
    assert (await stage.ask(LAST)).startswith(b"HTTP/1.1 500 ")
    assert stage.bugs == [error]
    stage.error = None
    assert (await stage.ask(LAST)).endswith(b"hello")


async def test_a_bug_in_the_midst_of_an_answer(stage):
    """It cannot be said any more: the connection is cut, so that nobody takes the half for the whole."""
    answer = await stage.ask(b"GET /stream HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert not answer.endswith(b"0\r\n\r\n")
    [bug] = stage.bugs
    assert isinstance(bug, ValueError | ExceptionGroup)


async def test_an_application_that_says_nothing(stage):
    stage.listener._app = stage.quiet
    assert await stage.ask(GET) == b""


async def test_a_stop_lets_requests_end_and_idle_connections_go(stage):
    """What is under way is answered, and told that the connection ends."""
    idle, busy = await stage.connect(), await stage.connect()
    await idle.send_all(GET)
    assert (await idle.receive_some(65536)).startswith(b"HTTP/1.1 200 ")
    await busy.send_all(b"GET /slow HTTP/1.1\r\nhost: g\r\n\r\n")
    await stage.started.wait()
    stage.stopping.set()
    assert await everything(idle) == b""
    stage.gate.set()
    answer = await everything(busy)
    assert answer.endswith(b"at last")
    assert b"connection: close" in answer.lower()
    await idle.aclose()
    await busy.aclose()


@pytest.mark.parametrize("stage", [{"stop_s": 0.3}], indirect=True)
async def test_a_stop_waits_for_nobody_for_ever(stage):
    """A request that does not end is cut."""
    busy = await stage.connect()
    await busy.send_all(b"GET /slow HTTP/1.1\r\nhost: g\r\n\r\n")
    await stage.started.wait()
    stage.stopping.set()
    with trio.fail_after(60):
        await stage.ended.wait()
    await busy.aclose()


async def test_the_answer_arrives_though_the_body_was_not_read(stage):
    """Closing on top of unread bytes resets the connection, and the client never sees why."""
    body = b"x" * 200_000
    answer = await stage.ask(
        b"POST /body HTTP/1.1\r\nhost: g\r\ncontent-length: 200000\r\n\r\n" + body[:30_000]
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_an_error_of_accept_ends_nothing(stage, monkeypatch):
    """Out of descriptors, or a client that left before it was taken."""
    sock, errors = (
        stage.listener._sock,
        [OSError(24, "EMFILE"), OSError(103, "ECONNABORTED"), OSError(12, "ENOMEM")],
    )

    class Failing:
        async def accept(self) -> Any:
            if errors:
                await trio.lowlevel.checkpoint()
                raise errors.pop()
            return await sock.accept()

        def close(self) -> None:
            sock.close()

    # The accept that waits takes one more; the next ones are ours.
    stage.listener._sock = Failing()
    for _ in range(2):
        assert (await stage.ask(LAST)).endswith(b"hello")
    assert errors == []
    assert stage.bugs == []
