"""The only door to the data plane: Structs here, bytes there.

Commands are plain calls that enqueue; events come in batches behind one file descriptor. Nothing else in
hoopwire imports `hoopwire._engine`.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol as Surface

import msgspec

from hoopwire.model.commands import CompiledGrant, EngineConfig, EngineListener, Lease, Prompt, Refusal
from hoopwire.model.events import Event
from hoopwire.model.explained import ExplainedAction, ExplainedStatement
from hoopwire.model.grant import Protocol
from hoopwire.model.statistics import EngineStatistics, LiveSession

_log = logging.getLogger("hoopwire.engine")


class RawEngine(Surface):
    """The surface of `hoopwire._engine.Engine`; `support.engine.ScriptedEngine` has it too."""

    def fileno(self) -> int: ...
    def addresses(self) -> list[str]: ...
    def drain_events(self) -> bytes: ...
    def admit(self, session: str, grant: bytes, lease: bytes) -> bool: ...
    def prompt(self, session: str, prompt: bytes) -> bool: ...
    def refuse(self, session: str, refusal: bytes) -> bool: ...
    def revoke(self, session: str, refusal: bytes) -> bool: ...
    def regrant(self, session: str, grant: bytes) -> bool: ...
    def set_tls(self, certificate_pem: str, key_pem: str) -> None: ...
    def drain(self, deadline_s: float) -> None: ...
    def stop(self) -> None: ...
    def sessions(self) -> bytes: ...
    def statistics(self) -> bytes: ...


EngineFactory = Callable[[bytes], RawEngine]


def native_engine(config: bytes) -> RawEngine:
    """The Rust engine. ImportError where it was not built; ValueError or OSError if it can't start."""
    from hoopwire._engine import Engine

    return Engine(config)


def verify_recordings(path: str, public_key_pem: str, checkpoints: str | None) -> bytes:
    """See `_engine.pyi`. ImportError where the engine was not built."""
    from hoopwire._engine import verify_recordings as verify

    return verify(path, public_key_pem, checkpoints)


def read_frames(path: str) -> Iterator[bytes]:
    """See `_engine.pyi`. ImportError where the engine was not built."""
    from hoopwire._engine import read_frames as read

    return read(path)


def release_segment(path: str) -> bool:
    """See `_engine.pyi`. ImportError where the engine was not built."""
    from hoopwire._engine import release_segment as release

    return release(path)


def explain_sql(grant: CompiledGrant, sql: str) -> tuple[ExplainedStatement, ...]:
    """Each statement's decision under the grant. ImportError where the engine was not built."""
    from hoopwire._engine import explain

    answer = explain(msgspec.msgpack.encode(grant), sql)
    return msgspec.msgpack.decode(answer, type=tuple[ExplainedStatement, ...])


def explain_action(grant: CompiledGrant, action: str) -> ExplainedAction:
    """The decision on an action of ssh. ImportError where the engine was not built; ValueError if none."""
    from hoopwire._engine import explain_action as explain

    answer = explain(msgspec.msgpack.encode(grant), action.encode())
    return msgspec.msgpack.decode(answer, type=ExplainedAction)


class DataPlane:
    """Typed commands and events over a `RawEngine`."""

    def __init__(self, raw: RawEngine, listeners: tuple[EngineListener, ...]) -> None:
        self._raw = raw
        self._listeners = listeners
        self._encode = msgspec.msgpack.Encoder().encode
        self._events = msgspec.msgpack.Decoder(Event)
        self._batch = msgspec.msgpack.Decoder(list[msgspec.Raw])
        self._stopped = False

    @classmethod
    def open(cls, config: EngineConfig, factory: EngineFactory = native_engine) -> "DataPlane":
        """Bind, start the reactors, recover the recordings of a crashed run."""
        return cls(factory(msgspec.msgpack.encode(config)), config.listen)

    async def batches(self) -> AsyncIterator[list[Event]]:
        """Events in the engine's order, as they come, for ever."""
        # Commands that read recordings by this file have no loop, and do not wait for one.
        import trio

        while True:
            await trio.lowlevel.wait_readable(self._raw.fileno())
            yield self.drain_events()

    def drain_events(self) -> list[Event]:
        """What waits now. An event this version cannot read is logged and left out, the rest goes on."""
        events: list[Event] = []
        for raw in self._batch.decode(self._raw.drain_events()):
            try:
                events.append(self._events.decode(raw))
            except msgspec.MsgspecError as error:
                _log.error("the engine sent an event that cannot be read: %s", error)
        return events

    @property
    def addresses(self) -> list[str]:
        """Bound `HOST:PORT`, in the order of the config."""
        return self._raw.addresses()

    def addresses_of(self, protocol: Protocol) -> tuple[str, ...]:
        """Bound `HOST:PORT` of this protocol's listeners."""
        bound = zip(self._listeners, self.addresses, strict=True)
        return tuple(address for listener, address in bound if listener.protocol == protocol)

    def admit(self, session: str, grant: CompiledGrant, lease: Lease) -> bool:
        """Admit a waiting session; False if it is gone."""
        return self._raw.admit(session, self._encode(grant), self._encode(lease))

    def prompt(self, session: str, prompt: Prompt) -> bool:
        """Ask the principal of a session that waits for it; `Answered` follows. False if it is gone."""
        return self._raw.prompt(session, self._encode(prompt))

    def refuse(self, session: str, refusal: Refusal) -> bool:
        """Refuse a waiting session; False if it is gone."""
        return self._raw.refuse(session, self._encode(refusal))

    def revoke(self, session: str, refusal: Refusal) -> bool:
        """End a live session; False if it is gone."""
        return self._raw.revoke(session, self._encode(refusal))

    def regrant(self, session: str, grant: CompiledGrant) -> bool:
        """Replace a live session's grant; False if it is gone."""
        return self._raw.regrant(session, self._encode(grant))

    def set_tls(self, certificate_pem: str, key_pem: str) -> None:
        """New connections use this certificate. ValueError if the pair is unusable."""
        self._raw.set_tls(certificate_pem, key_pem)

    def drain(self, deadline_s: float) -> None:
        """Stop accepting and let busy sessions finish; the event `Drained` follows."""
        self._raw.drain(deadline_s)

    async def stop(self) -> None:
        """End everything and seal the recording; joins threads, hence off the trio thread. Once is enough."""
        if self._stopped:
            return
        self._stopped = True
        import trio

        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._raw.stop)

    def sessions(self) -> list[LiveSession]:
        """Live sessions and their counters."""
        return msgspec.msgpack.decode(self._raw.sessions(), type=list[LiveSession])

    def statistics(self) -> EngineStatistics:
        """Counters since start."""
        return msgspec.msgpack.decode(self._raw.statistics(), type=EngineStatistics)
