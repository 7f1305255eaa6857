"""A scripted engine: the surface of `hoopwire._engine.Engine`, with a test in place of the network.

A test says what a principal does (`connect`, `finish`) and reads what the control plane told the engine
(`admitted`, `refused`, `revoked`, `regranted`). It checks commands as the real one does: unknown bytes raise.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from hoopwire.identity import looks_like_certificate
from hoopwire.model.commands import CompiledGrant, EngineConfig, Lease, Prompt, Refusal
from hoopwire.model.events import Answered, Drained, Event, GrantNeeded, SessionEnded, SessionStarted
from hoopwire.model.grant import Protocol
from hoopwire.model.statistics import EngineStatistics, LiveSession, SessionBudget


def _decode(raw: bytes, kind: Any) -> Any:
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


class ScriptedEngine:
    """Takes the bytes of an `EngineConfig`, as the real engine does."""

    def __init__(self, config: bytes, *, wall: Callable[[], float] = time.time) -> None:
        self.config: EngineConfig = _decode(config, EngineConfig)
        self.admitted: dict[str, tuple[CompiledGrant, Lease]] = {}
        self.prompted: dict[str, Prompt] = {}
        self.refused: dict[str, Refusal] = {}
        self.revoked: dict[str, Refusal] = {}
        self.regranted: dict[str, list[CompiledGrant]] = {}
        self.tls: tuple[str, str] = (self.config.tls_certificate_pem, self.config.tls_key_pem)
        self.draining_s: float | None = None
        self.stopped = False
        self.login_succeeds = True
        """When false, an admitted session stays at its upstream login until `started` is called."""
        self._waiting: dict[str, GrantNeeded] = {}
        self._live: dict[str, LiveSession] = {}
        self._admitted_only: dict[str, GrantNeeded] = {}
        self._events: list[Event] = []
        self._wall = wall
        self._accepted = 0
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    # What a test does.

    def push(self, event: Event) -> None:
        """Queue any event."""
        self._events.append(event)
        os.eventfd_write(self._wake, 1)

    def connect(
        self,
        credential: str,
        *,
        session: str,
        database: str = "orders",
        user: str = "agent",
        peer: str = "127.0.0.1:50000",
        replication: bool = False,
        protocol: Protocol = "postgres",
        proved: bool = False,
        prompt: bool = False,
    ) -> None:
        """A principal sent its startup packet and password inside TLS; of SSH see `ssh`."""
        self._accepted += 1
        needed = GrantNeeded(
            session=session,
            peer=peer,
            user=user,
            database=database,
            application_name="psql",
            replication=replication,
            credential=credential,
            protocol=protocol,
            proved=proved,
            prompt=prompt,
        )
        self._waiting[session] = needed
        self.push(needed)

    def ssh(
        self, credential: str, user: str, *, session: str, peer: str = "127.0.0.1:50000", typed: bool = False
    ) -> None:
        """A client said this user name over SSH, and a password, or proved to hold a certificate's key.

        With `typed` a certificate was sent as the password: nothing is proved.
        """
        proved = looks_like_certificate(credential) and not typed
        self.connect(
            credential, session=session, user=user, database="", peer=peer, protocol="ssh", proved=proved
        )

    def ask(self, user: str, *, session: str, peer: str = "127.0.0.1:50000") -> None:
        """A client asks for keyboard-interactive, and the control plane is to say what it is asked."""
        assert self.config.protocols.ssh is not None
        assert self.config.protocols.ssh.prompts
        self.connect("", session=session, user=user, database="", peer=peer, protocol="ssh", prompt=True)

    def answer(self, session: str, answer: str = "") -> None:
        """What was typed at the prompt; mostly it is only Enter."""
        assert session in self.prompted
        self.push(Answered(session=session, answer=answer, withdrawn=False))

    def withdraw(self, session: str) -> None:
        """The client goes another way, in the same connection."""
        self._waiting.pop(session)
        self.push(Answered(session=session, answer="", withdrawn=True))

    def hang_up(self, session: str) -> None:
        """The principal goes away, admitted or not."""
        if self._waiting.pop(session, None) is not None:
            self.push(self._ended(session, "", "downstream", "closed before admission", ""))
        else:
            self._finish(session, "downstream", "terminate", "")

    def started(self, session: str) -> None:
        """The upstream login of an admitted session is done."""
        needed = self._admitted_only.pop(session)
        grant, lease = self.admitted[session]
        at = self._wall()
        self._live[session] = LiveSession(
            session=session,
            grant=grant.id,
            principal=grant.principal,
            target=grant.target,
            database=lease.database,
            peer=needed.peer,
            started_at=at,
            expires_at=grant.expires_at,
            statements=0,
            rows=0,
            bytes_in=0,
            bytes_out=0,
        )
        self.push(
            SessionStarted(
                session=session,
                grant=grant.id,
                target=grant.target,
                database=lease.database,
                peer=needed.peer,
                at=at,
            )
        )

    def spend(self, session: str, **budget: tuple[float, float]) -> None:
        """The session's grant has used this much: used and limit of each budget."""
        spent = msgspec.convert(budget, SessionBudget)
        self._live[session] = msgspec.structs.replace(self._live[session], budget=spent)

    def cut(self, session: str) -> None:
        """The engine's own deadline passes."""
        self._finish(session, "gateway", "the grant expired", "57P01")

    @property
    def live(self) -> frozenset[str]:
        """Sessions admitted and not ended, logged in upstream or not."""
        return frozenset(self._live) | frozenset(self._admitted_only)

    # What the control plane calls.

    def fileno(self) -> int:
        """See `_engine.pyi`."""
        return self._wake

    def addresses(self) -> list[str]:
        """See `_engine.pyi`; port 0 becomes a made-up one."""
        return [
            address if not address.endswith(":0") else address[:-1] + str(55432 + index)
            for index, address in enumerate(listener.address for listener in self.config.listen)
        ]

    def drain_events(self) -> bytes:
        """See `_engine.pyi`."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        events, self._events = self._events, []
        return msgspec.msgpack.encode(events)

    def admit(self, session: str, grant: bytes, lease: bytes) -> bool:
        """See `_engine.pyi`."""
        decoded: tuple[CompiledGrant, Lease] = (_decode(grant, CompiledGrant), _decode(lease, Lease))
        needed = self._waiting.pop(session, None)
        if needed is None:
            return False
        self.admitted[session] = decoded
        self._admitted_only[session] = needed
        if self.login_succeeds:
            self.started(session)
        return True

    def prompt(self, session: str, prompt: bytes) -> bool:
        """See `_engine.pyi`."""
        decoded: Prompt = _decode(prompt, Prompt)
        waiting = self._waiting.get(session)
        if waiting is None:
            return False
        assert waiting.prompt
        self.prompted[session] = decoded
        return True

    def refuse(self, session: str, refusal: bytes) -> bool:
        """See `_engine.pyi`."""
        decoded: Refusal = _decode(refusal, Refusal)
        if self._waiting.pop(session, None) is None:
            return False
        self.refused[session] = decoded
        self.push(self._ended(session, "", decoded.closed_by, decoded.reason, decoded.fault))
        return True

    def revoke(self, session: str, refusal: bytes) -> bool:
        """See `_engine.pyi`."""
        decoded: Refusal = _decode(refusal, Refusal)
        if session not in self.live:
            return False
        self.revoked[session] = decoded
        self._finish(session, decoded.closed_by, decoded.reason, decoded.fault)
        return True

    def regrant(self, session: str, grant: bytes) -> bool:
        """See `_engine.pyi`."""
        decoded: CompiledGrant = _decode(grant, CompiledGrant)
        if session not in self.live:
            return False
        self.regranted.setdefault(session, []).append(decoded)
        return True

    def set_tls(self, certificate_pem: str, key_pem: str) -> None:
        """See `_engine.pyi`."""
        self.tls = (certificate_pem, key_pem)

    def drain(self, deadline_s: float) -> None:
        """See `_engine.pyi`; all sessions count as idle."""
        self.draining_s = deadline_s
        for session in sorted(self.live):
            self._finish(session, "gateway", "the gateway is stopping", "57P01")
        self.push(Drained())

    def stop(self) -> None:
        """See `_engine.pyi`."""
        self.stopped = True

    def sessions(self) -> bytes:
        """See `_engine.pyi`."""
        return msgspec.msgpack.encode(list(self._live.values()))

    def statistics(self) -> bytes:
        """See `_engine.pyi`."""
        return msgspec.msgpack.encode(
            EngineStatistics(
                connections=len(self._waiting) + len(self.live),
                sessions=len(self._live),
                accepted=self._accepted,
                refused=len(self.refused),
                panics=0,
                recording_failures=0,
                recorded_bytes=0,
            )
        )

    def _finish(self, session: str, closed_by: str, reason: str, code: str) -> None:
        if session not in self.live:
            return
        live = self._live.pop(session, None)
        self._admitted_only.pop(session, None)
        ended = self._ended(session, self.admitted[session][0].id, closed_by, reason, code)
        budget = SessionBudget() if live is None else live.budget
        self.push(msgspec.structs.replace(ended, budget=budget))

    def _ended(self, session: str, grant: str, closed_by: str, reason: str, code: str) -> SessionEnded:
        return SessionEnded(
            session=session,
            grant=grant,
            closed_by=closed_by,
            reason=reason,
            code=code,
            statements=0,
            rows=0,
            bytes_in=0,
            bytes_out=0,
            at=self._wall(),
        )
