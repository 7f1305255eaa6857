"""A scripted client: asyncssh's transport and login, and then any packet in any order."""

import asyncio
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

DISCONNECT, GLOBAL, SUCCESS_OF_GLOBAL, FAILURE_OF_GLOBAL = 1, 80, 81, 82
OPEN, CONFIRMATION, OPEN_FAILURE, ADJUST, DATA, EXTENDED, EOF, CLOSE, REQUEST, SUCCESS, FAILURE = range(
    90, 101
)
"""RFC 4250, section 4.1.2."""
WINDOW = 2**31 - 1
PACKET = 32768
PATIENCE_S = 120.0


def u32(number: int) -> bytes:
    """A uint32."""
    return struct.pack("!I", number)


def string(text: bytes | str) -> bytes:
    """A string of RFC 4251."""
    raw = text.encode() if isinstance(text, str) else text
    return u32(len(raw)) + raw


@dataclass
class Channel:
    """One that was asked for: what came on it."""

    raw: "Raw"
    number: int
    theirs: int | None = None
    refused: str | None = None
    """The reason, if it was not opened."""
    answers: list[bool] = field(default_factory=list)
    out: bytes = b""
    err: bytes = b""
    status: int | None = None
    has_eof: bool = False
    is_closed: bool = False

    def ask(self, name: str | bytes, payload: bytes = b"", *, reply: bool = True) -> None:
        """A CHANNEL_REQUEST."""
        self.send(REQUEST, string(name) + bytes([reply]) + payload)

    def answer(self, name: str | bytes, payload: bytes = b"") -> bool:
        """The same, and what was answered. False if the connection ended instead."""
        count = len(self.answers)
        self.ask(name, payload)
        self.raw.until(lambda: len(self.answers) > count or self.is_closed)
        return self.answers[count] if len(self.answers) > count else False

    def execute(self, command: bytes | str, *, reply: bool = True) -> None:
        """Ask for a command."""
        self.ask("exec", string(command), reply=reply)

    def put(self, content: bytes, *, eof: bool = False) -> None:
        """Input."""
        self.send(DATA, string(content))
        if eof:
            self.send(EOF)

    def send(self, kind: int, payload: bytes = b"") -> None:
        """Any packet that names the channel."""
        assert self.theirs is not None, self.refused or self.raw.ended
        self.raw.send(kind, u32(self.theirs) + payload)

    def rest(self) -> "Channel":
        """Until the other side has closed it; then it is closed from here, too."""
        self.raw.until(lambda: self.is_closed)
        if self.raw.ended is None:
            self.send(CLOSE)
        return self

    def drain(self) -> bytes:
        """All that a forwarded connection brings; then it is closed from here first."""
        self.raw.until(lambda: self.has_eof or self.is_closed)
        self.send(CLOSE)
        self.raw.until(lambda: self.is_closed)
        return self.out

    def hear(self, kind: int, payload: bytes) -> None:
        """What the other side said on it."""
        if kind == CONFIRMATION:
            self.theirs = int.from_bytes(payload[:4])
        elif kind == OPEN_FAILURE:
            length = int.from_bytes(payload[4:8])
            self.refused = payload[8 : 8 + length].decode()
        elif kind == DATA:
            self.out += payload[4:]
        elif kind == EXTENDED:
            self.err += payload[8:]
        elif kind == EOF:
            self.has_eof = True
        elif kind == CLOSE:
            self.is_closed = True
        elif kind in (SUCCESS, FAILURE):
            self.answers.append(kind == SUCCESS)
        elif kind == REQUEST and payload[4:].startswith(b"exit-status"):
            self.status = int.from_bytes(payload[-4:])


class Raw:
    """A connection whose login is done."""

    def __init__(self, runner: "asyncio.Runner", port: int, **settings: Any) -> None:
        self._runner = runner
        self._heard: asyncio.Queue[tuple[int, int, bytes]] = asyncio.Queue()
        self.channels: dict[int, Channel] = {}
        self.globals: list[bool] = []
        self.asked: list[tuple[int, bytes]] = []
        """Global requests and opens of the other side."""
        self.ended: str | None = None
        """Why the connection is over: the words of its DISCONNECT, if there was one."""
        self._connection: Any = runner.run(self._connect(port, settings))

    async def _connect(self, port: int, settings: dict[str, Any]) -> Any:
        connection, _ = await asyncssh.create_connection(
            lambda: _Owner(self._heard),
            "127.0.0.1",
            port,
            config=None,
            known_hosts=None,
            agent_path=None,
            login_timeout=PATIENCE_S,
            **settings,
        )
        self._tap(connection)
        return connection

    def _tap(self, connection: Any) -> None:
        """From here on packets come to us."""
        usual = connection.process_packet

        def process(kind: int, sequence: int, packet: Any) -> Any:
            if kind in (GLOBAL, SUCCESS_OF_GLOBAL, FAILURE_OF_GLOBAL, OPEN):
                self._heard.put_nowait((kind, -1, packet.get_remaining_payload()))
                return True
            if kind in (CONFIRMATION, OPEN_FAILURE):
                number, payload = packet.get_uint32(), packet.get_remaining_payload()
                self._heard.put_nowait((kind, number, payload))
                return True
            if kind == DISCONNECT:
                payload = packet.get_remaining_payload()
                length = int.from_bytes(payload[4:8])
                self._heard.put_nowait((kind, -1, payload[8 : 8 + length]))
                raise asyncssh.DisconnectError(2, "ended by the other side")
            return usual(kind, sequence, packet)

        connection.process_packet = process
        connection._channels = _Every(self._heard)

    def send(self, kind: int, payload: bytes = b"") -> None:
        """Any packet."""

        async def write() -> None:
            self._connection.send_packet(kind, payload)

        self._runner.run(write())

    def until(self, done: Callable[[], bool]) -> None:
        """Hears what comes until this is so, or the connection ends."""
        while not done() and self.ended is None:
            self._next()

    def fence(self) -> None:
        """Until the other side has read all that was sent: it answers requests in their order."""
        count = len(self.globals)
        self.ask("keepalive@openssh.com")
        self.until(lambda: len(self.globals) > count)

    def ask(self, name: str | bytes, payload: bytes = b"", *, reply: bool = True) -> None:
        """A GLOBAL_REQUEST."""
        self.send(GLOBAL, string(name) + bytes([reply]) + payload)

    def answer(self, name: str | bytes, payload: bytes = b"") -> bool:
        """The same, and what was answered."""
        count = len(self.globals)
        self.ask(name, payload)
        self.until(lambda: len(self.globals) > count)
        return self.globals[count] if len(self.globals) > count else False

    def begin(self, kind: str | bytes = "session", payload: bytes = b"") -> Channel:
        """A CHANNEL_OPEN, whose answer is not awaited."""
        channel = Channel(self, len(self.channels))
        self.channels[channel.number] = channel
        self.send(OPEN, string(kind) + u32(channel.number) + u32(WINDOW) + u32(PACKET) + payload)
        return channel

    def open(self, kind: str | bytes = "session", payload: bytes = b"") -> Channel:
        """A channel, or the reason why there is none."""
        channel = self.begin(kind, payload)
        self.until(lambda: channel.theirs is not None or channel.refused is not None)
        return channel

    def run(self, command: bytes | str, stdin: bytes = b"") -> Channel:
        """A command, to its end."""
        channel = self.open()
        channel.execute(command)
        channel.raw.until(lambda: bool(channel.answers))
        if stdin and not channel.is_closed:
            channel.put(stdin)
        if not channel.is_closed and self.ended is None:
            channel.send(EOF)
        return channel.rest()

    def connect(self, host: str | bytes, port: int) -> Channel:
        """A `direct-tcpip`."""
        return self.open("direct-tcpip", string(host) + u32(port) + string("127.0.0.1") + u32(4711))

    def close(self) -> None:
        """The end."""

        async def end() -> None:
            self._connection.abort()
            await self._connection.wait_closed()

        self._runner.run(end())

    def _next(self) -> None:
        async def heard() -> tuple[int, int, bytes]:
            return await asyncio.wait_for(self._heard.get(), PATIENCE_S)

        kind, number, payload = self._runner.run(heard())
        if kind in (0, DISCONNECT):
            self.ended = self.ended or payload.decode()
        elif kind in (SUCCESS_OF_GLOBAL, FAILURE_OF_GLOBAL):
            self.globals.append(kind == SUCCESS_OF_GLOBAL)
        elif number in self.channels:
            self.channels[number].hear(kind, payload)
        else:
            self.asked.append((kind, payload))


@contextmanager
def raw_client(port: int, *, user: str, key: Path, certificate: Path | None = None) -> Iterator[Raw]:
    """Log in with a key and its certificate."""
    pair: Any = (str(key), str(certificate)) if certificate else str(key)
    with asyncio.Runner() as runner:
        raw = Raw(runner, port, username=user, client_keys=[pair])
        try:
            yield raw
        finally:
            raw.close()


class _Owner(asyncssh.SSHClient):
    """Says when the connection is gone."""

    def __init__(self, heard: "asyncio.Queue[tuple[int, int, bytes]]") -> None:
        self._heard = heard

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard.put_nowait((0, -1, str(exc or "closed").encode()))


class _Every(dict[int, Any]):
    """Every channel number leads to the one queue."""

    def __init__(self, heard: "asyncio.Queue[tuple[int, int, bytes]]") -> None:
        super().__init__()
        self._heard = heard

    def __missing__(self, number: int) -> "_Sink":
        return _Sink(self._heard, number)


class _Sink:
    """What asyncssh takes for a channel."""

    def __init__(self, heard: "asyncio.Queue[tuple[int, int, bytes]]", number: int) -> None:
        self._heard = heard
        self._number = number

    def log_received_packet(self, *_: Any) -> None:
        """Nothing is logged."""

    def process_packet(self, kind: int, _sequence: int, packet: Any) -> bool:
        """Put it where `Raw` reads."""
        self._heard.put_nowait((kind, self._number, packet.get_remaining_payload()))
        return True
