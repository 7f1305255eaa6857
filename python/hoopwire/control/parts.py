"""`Parts`: what a running gateway has open (store, engine, sessions), handed to the files of this room."""

import logging
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeVar

import msgspec
import trio

from hoopwire.access import compile_grant, is_long, own_places, prepare_grant
from hoopwire.audit import AuditTrail
from hoopwire.control import texts
from hoopwire.control.clock import Clock
from hoopwire.control.engine import DataPlane
from hoopwire.control.keeping import Keeping
from hoopwire.control.locks import Locks
from hoopwire.control.sessions import Effect, Regrant, Revoke, SessionTable
from hoopwire.control.supervise import Faults
from hoopwire.control.unstarted import Unstarted
from hoopwire.custody.ssh import Keyring
from hoopwire.identity import DeviceCode, Wait
from hoopwire.model.api import Cause
from hoopwire.model.commands import CompiledGrant, Lease
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant
from hoopwire.model.identity import Identity, Vouched
from hoopwire.model.settings import PostgresTarget, Settings
from hoopwire.model.ssh.login import LoginGrant
from hoopwire.model.ssh.settings import SshTarget
from hoopwire.store import SecretHasher, Store

_log = logging.getLogger("hoopwire.control")

_REDEEM_AT_ONCE = 64
_T = TypeVar("_T")

Lend = Callable[[PostgresTarget, str], Awaitable[Lease]]
"""`custody.lease`: target and database to a credential for one session."""
LendLogin = Callable[[SshTarget, LoginGrant], Awaitable[Lease]]
"""The same at an SSH target: certified for what the session may do."""


class IssuerKeys(Protocol):
    """What is known of an issuer's keys: `identity`'s statistics, as this room uses them."""

    @property
    def fetches(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def keys(self) -> int: ...
    @property
    def usable(self) -> bool: ...
    @property
    def age_s(self) -> float | None: ...
    @property
    def last_error(self) -> str: ...


class HealthTold(Protocol):
    """`control.health.Health`, as the others use it."""

    def causes(self) -> tuple[Cause, ...]: ...
    def started(self) -> None: ...
    def tell(self, cause: str, detail: str | None) -> None: ...
    def stream(self, stream: int, error: str | None) -> None: ...


class BrowserLogins(Protocol):
    """`identity.DeviceFlow`, as this room uses it."""

    async def begin(self, secret: str) -> DeviceCode: ...

    async def poll(self, code: DeviceCode, secret: str) -> str | Wait: ...


class TokenVerifier(Protocol):
    """`identity.Verifier`, as this room uses it."""

    @property
    def device(self) -> BrowserLogins: ...

    async def verify(self, token: str, *, channel: str) -> Identity: ...

    def stale(self) -> Sequence[str]: ...

    async def keep_fresh(self, issuer: str) -> None: ...

    def adopt(self, before: object) -> None: ...

    def issuers(self) -> Mapping[str, IssuerKeys]: ...


@dataclass(frozen=True)
class Current:
    """What a reload replaces, whole: whoever decides holds one of these and sees no half of two."""

    settings: Settings
    verifier: TokenVerifier

    @cached_property
    def is_long(self) -> bool:
        """Some policy is so long that a login by it is decided in a thread."""
        return any(map(is_long, self.settings.policies))


class Denied(Exception):
    """Carries a Denial up to who must say it, with what is known about who asked."""

    def __init__(
        self,
        denial: Denial,
        *,
        identity: Identity | None = None,
        vouched: Vouched | None = None,
        grant: Grant | None = None,
    ) -> None:
        super().__init__(denial.code)
        self.denial = denial
        self.identity = identity
        self.vouched = vouched
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
    health: HealthTold
    redeeming: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(_REDEEM_AT_ONCE))
    """For the store's part of a login: a storm of them must not stand before what operators write."""

    unstarted: Unstarted = field(default_factory=Unstarted)
    thinking: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(2))
    """For decisions that take long. They wait for nothing."""

    async def think(self, decide: Callable[[], _T]) -> _T:
        """Decide by long policies: in a thread, so that whoever else is to be let in or cut does not wait."""
        return await trio.to_thread.run_sync(decide, limiter=self.thinking, abandon_on_cancel=True)

    async def prepare(self, grant: Grant) -> None:
        """Make `regrant` and `compiled` quick for this grant under the settings of now, if they are not."""
        settings, now = self.current.settings, self.clock.wall()
        if self.current.is_long or is_long(grant):
            await self.think(lambda: prepare_grant(grant, settings, now))

    def compiled(self, grant: Grant, database: str) -> CompiledGrant:
        """`grant` for the engine, with the deadline that no change of the wall clock moves away."""
        compiled = compile_grant(
            grant,
            database,
            now=self.clock.wall(),
            monotonic_ns=self.clock.monotonic_ns(),
            notice_s=float(self.current.settings.gateway.expiry_notice),
            mask_key=self.hasher.mask_key(grant.target) if grant.masks else b"",
            own=self._own_places(grant.target),
        )
        deadline = min(compiled.deadline_monotonic_ns, self.clock.deadline_ns(grant))
        return msgspec.structs.replace(compiled, deadline_monotonic_ns=deadline)

    def _own_places(self, name: str) -> tuple[str, ...]:
        settings = self.current.settings
        target = settings.target(name)
        if not isinstance(target, SshTarget):
            return ()
        control = () if settings.listen.control is None else (settings.listen.control,)
        public = settings.listen.public_host
        names = (() if public is None else (public,)) + (() if settings.ssh is None else settings.ssh.names)
        return own_places((*self.engine.addresses, *control), target.host, socket.gethostname(), names)

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
