"""`Parts`: what a running gateway has open (store, engine, sessions), handed to the files of this room."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import trio

from hoopwire.access import compile_grant
from hoopwire.audit import AuditTrail
from hoopwire.control import texts
from hoopwire.control.clock import Clock
from hoopwire.control.engine import DataPlane
from hoopwire.control.keeping import Keeping
from hoopwire.control.locks import Locks
from hoopwire.control.sessions import Effect, Regrant, Revoke, SessionTable
from hoopwire.control.supervise import Faults
from hoopwire.custody.ssh import Keyring
from hoopwire.model.commands import CompiledGrant, Lease
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant
from hoopwire.model.identity import Identity
from hoopwire.model.settings import PostgresTarget, Settings
from hoopwire.model.ssh.login import LoginGrant
from hoopwire.model.ssh.settings import SshTarget
from hoopwire.store import SecretHasher, Store

_log = logging.getLogger("hoopwire.control")

_REDEEM_AT_ONCE = 64

Lend = Callable[[PostgresTarget, str], Awaitable[Lease]]
"""`custody.lease`: target and database to a credential for one session."""
LendLogin = Callable[[SshTarget, LoginGrant], Awaitable[Lease]]
"""The same at an SSH target: certified for what the session may do."""


class TokenVerifier(Protocol):
    """`identity.Verifier`, as this room uses it."""

    async def verify(self, token: str, *, channel: str) -> Identity: ...


@dataclass(frozen=True)
class Current:
    """What a reload replaces, whole: whoever decides holds one of these and sees no half of two."""

    settings: Settings
    verifier: TokenVerifier


class Denied(Exception):
    """Carries a Denial up to who must say it, with what is known about who asked."""

    def __init__(
        self, denial: Denial, *, identity: Identity | None = None, grant: Grant | None = None
    ) -> None:
        super().__init__(denial.code)
        self.denial = denial
        self.identity = identity
        self.grant = grant


@dataclass
class Parts:
    """See above. Only `current` changes, and only in `reload`."""

    clock: Clock
    store: Store
    hasher: SecretHasher
    trail: AuditTrail
    keeping: Keeping
    locks: Locks
    table: SessionTable
    engine: DataPlane
    lend: Lend
    lend_login: LendLogin
    keyring: Keyring | None
    """The gateway's keys for SSH; none if the settings have none."""
    current: Current
    faults: Faults
    redeeming: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(_REDEEM_AT_ONCE))
    """For the store's part of a login: a storm of them must not stand before what operators write."""

    def compiled(self, grant: Grant, database: str) -> CompiledGrant:
        """`grant` for the engine, with the deadline that no change of the wall clock moves away."""
        compiled = compile_grant(
            grant,
            database,
            now=self.clock.wall(),
            monotonic_ns=self.clock.monotonic_ns(),
            notice_s=float(self.current.settings.gateway.expiry_notice),
            mask_key=self.hasher.mask_key(grant.target) if grant.masks else b"",
        )
        deadline = min(compiled.deadline_monotonic_ns, self.clock.deadline_ns(grant))
        return msgspec.structs.replace(compiled, deadline_monotonic_ns=deadline)

    def perform(self, effects: Sequence[Effect]) -> None:
        """Carry out what the session table answered. Sessions that are gone meanwhile are no fault."""
        for effect in effects:
            match effect:
                case Revoke(session, refusal):
                    self.engine.revoke(session, refusal)
                case Regrant(session, grant, database):
                    try:
                        self.engine.regrant(session, self.compiled(grant, database))
                    except ValueError as error:
                        # A session that cannot be narrowed must not go on as it was.
                        _log.error("session %s could not be given its narrower grant: %s", session, error)
                        self.engine.revoke(session, texts.regrant_failed(grant))
