"""Answers the engine when a client logs in: gives it a grant and a lease, or a refusal.

Rule: the last look (policy of now, time, the grant's end, the seat) and `engine.admit` have no await between
them. Whatever changes before that is seen; whatever changes after finds a live session to end.
"""

import logging
from collections.abc import Awaitable, Callable

import msgspec
import trio

from hoopwire.access import (
    AccessRequest,
    looks_like_credential,
    open_database,
    parse_database,
    parse_ssh_user,
    parse_user,
    regrant,
    without_task,
)
from hoopwire.audit import AuditEvent, grant_event, identity_event, vouched_event
from hoopwire.control import texts
from hoopwire.control.certifying import allowed_of
from hoopwire.control.device_login import DeviceLogins
from hoopwire.control.locking import check_lock
from hoopwire.control.minting import SECRET_PREFIX, redeem_certificate, redeem_secret, redeem_token
from hoopwire.control.parts import Denied, Parts
from hoopwire.control.role_keeper import RoleKeeper
from hoopwire.control.spending import Spending
from hoopwire.custody import LeaseFailed, PlaceLimiters
from hoopwire.model.commands import Lease
from hoopwire.model.denial import Denial
from hoopwire.model.events import Answered, GrantNeeded
from hoopwire.model.grant import Grant
from hoopwire.model.settings import Settings
from hoopwire.model.ssh.login import LoginGrant
from hoopwire.model.ssh.settings import SshTarget

_log = logging.getLogger("hoopwire.admission")
_AT_ONCE = 64


class _Running:
    """An admission under way."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.is_answered, self.is_over = trio.Event(), trio.Event()
        self.answer = ""
        """Of the principal, to what it was asked."""


class Admission:
    """Each admission is one task with a deadline. So many at once may wait for one target.

    Those that wait for an issuer share one fetch of its keys (`identity`), and hold nothing that others need.
    """

    def __init__(self, parts: Parts, roles: RoleKeeper, spending: Spending) -> None:
        self._parts = parts
        self._roles = roles
        self._spending = spending
        self._lending = PlaceLimiters(_AT_ONCE)
        self._running: dict[str, _Running] = {}
        self._devices = DeviceLogins(parts)

    def __contains__(self, session: str) -> bool:
        return session in self._running

    def abandon(self, session: str) -> bool:
        """The principal went away: stop working for it. False if nothing was under way."""
        running = self._running.get(session)
        if running is not None:
            running.scope.cancel()
        return running is not None

    def answered(self, event: Answered) -> None:
        """The principal has answered what it was asked, or nobody waits for us any more."""
        running = self._running.get(event.session)
        if running is None:
            return
        if event.withdrawn:
            running.scope.cancel()
        else:
            running.answer = event.answer
            running.is_answered.set()

    def begin(self, event: GrantNeeded) -> Callable[[], Awaitable[None]]:
        """A task that answers the engine for this session, whatever happens.

        From now on the session may be abandoned, or answer: what the engine tells next may be just that.
        """
        before, running = self._running.get(event.session), _Running()
        self._running[event.session] = running

        async def admit() -> None:
            try:
                with running.scope:
                    if before is not None:
                        # What it was asked, it has withdrawn: one after the other, as they share a seat.
                        await before.is_over.wait()
                    await self._answer(event, running)
            finally:
                running.is_over.set()
                if self._running.get(event.session) is running:
                    del self._running[event.session]

        return admit

    async def _answer(self, event: GrantNeeded, running: "_Running") -> None:
        admitted, limit_s = False, float(self._parts.current.settings.limits.admission)
        try:
            if event.prompt:
                event = await self._interview(event, limit_s, running)
            with trio.fail_after(limit_s):
                admitted = await self._decide(event)
        except Denied as denied:
            self._refuse(event, denied)
        except trio.TooSlowError:
            self._refuse(event, Denied(texts.admission_late(limit_s)))
        except Exception as error:  # a bug must end in a refusal, not in a waiting client
            self._parts.faults.caught("admission", error)
            self._refuse(event, Denied(texts.admission_failed(type(error).__name__)))
        finally:
            if not admitted:
                self._parts.table.leave(event.session)
                self._parts.unstarted.ended(event.session)

    async def _interview(self, event: GrantNeeded, limit_s: float, running: "_Running") -> GrantNeeded:
        """The event with what the principal typed, or with the token that the issuer has given for it."""
        devices, (asked, _) = self._devices, _asked(event, self._parts.current.settings)
        if any(map(looks_like_credential, _names(event))):
            raise Denied(texts.credential_misplaced())
        # Who is gone again uses up nothing.
        await trio.lowlevel.checkpoint()
        with devices.place(event.peer) as has_place:
            with trio.fail_after(limit_s):
                question = await devices.ask(asked[0], has_place)
            if not self._parts.engine.prompt(event.session, question.prompt):
                raise Denied(texts.device_over())  # to nobody: it is gone
            with trio.move_on_at(question.until):
                await running.is_answered.wait()
            if running.answer.startswith(SECRET_PREFIX):
                return msgspec.structs.replace(event, credential=running.answer, prompt=False)
            token = await devices.token(question)
        return msgspec.structs.replace(event, credential=token)

    async def _decide(self, event: GrantNeeded) -> bool:
        parts, settings = self._parts, self._parts.current.settings
        asked, task = _asked(event, settings)
        if any(map(looks_like_credential, (event.database, *_names(event)))):
            raise Denied(texts.credential_misplaced())
        unnamed = event.replication and asked == ("replication", None) and settings.target(asked[0]) is None
        if unnamed and not event.credential.startswith(SECRET_PREFIX):
            raise Denied(texts.replication_unnamed())
        granted = await self._grant(event, asked, task)
        if unnamed:
            asked = granted.target, None
        await parts.prepare(granted)
        grant, opened = self._look(event, granted, asked)
        seat = parts.table.enter(event.session, grant, opened, event.peer)
        if isinstance(seat, Denial):
            raise Denied(seat, grant=grant)
        lease = None
        with seat.lending:
            while True:
                current = parts.current
                await parts.prepare(granted)
                lease = await self._lease(grant, opened, lambda: self._look(event, granted, asked)[0])
                if parts.current is current:
                    break
        grant, opened_now = self._look(event, granted, asked)
        if opened_now != opened:
            raise Denied(texts.database_withdrawn(grant, opened), grant=grant)
        if (denial := parts.table.permit(event.session, grant)) is not None:
            raise Denied(denial, grant=grant)
        if lease is None:
            raise Denied(texts.admission_failed("the lease was given up"), grant=grant)
        return parts.engine.admit(event.session, parts.compiled(grant, opened), lease)

    async def _grant(self, event: GrantNeeded, asked: tuple[str, str | None], task: str) -> Grant:
        if not event.credential:
            raise Denied(texts.password_empty())
        if event.proved:
            name = without_task(event.user)
            return await redeem_certificate(self._parts, event.credential, user_name=name, peer=event.peer)
        if event.credential.startswith(SECRET_PREFIX):
            return await redeem_secret(self._parts, event.credential)
        if event.protocol == "ssh" and not event.prompt:
            is_token = looks_like_credential(event.credential)
            raise Denied(texts.token_at_ssh() if is_token else texts.password_unknown())
        grant, _ = await redeem_token(
            self._parts,
            event.credential,
            AccessRequest(target=asked[0], database=asked[1], task=task, protocol=event.protocol),
            mint="implicit",
            channel="ssh" if event.prompt else "native",
            peer=event.peer,
            session=event.session,
            check=self._devices.check if event.prompt else lambda identity: None,
        )
        return grant

    def _look(self, event: GrantNeeded, granted: Grant, asked: tuple[str, str | None]) -> tuple[Grant, str]:
        """What `granted` is worth under the settings and the clock of now, and the database it opens here."""
        parts = self._parts
        if parts.clock.is_over(granted):
            raise Denied(texts.grant_over(granted), grant=granted)
        check_lock(parts, granted.principal, grant=granted)
        grant = regrant(granted, parts.current.settings, parts.clock.wall())
        if isinstance(grant, Denial):
            raise Denied(grant, grant=granted)
        self._spending.check(grant)
        database = open_database(grant, *asked, parts.current.settings, protocol=event.protocol)
        if isinstance(database, Denial):
            raise Denied(database, grant=grant)
        if event.replication and "replication" not in grant.actions:
            raise Denied(texts.replication_not_granted(grant), grant=grant)
        return grant, database

    async def _lease(self, grant: Grant, database: str, look: Callable[[], Grant]) -> Lease:
        target = self._parts.current.settings.target(grant.target)
        if target is None:
            raise Denied(texts.admission_failed("the target is gone"), grant=grant)
        limiter = self._lending.of(grant.target)
        try:
            async with limiter:
                if isinstance(target, SshTarget):
                    return await self._parts.lend_login(target, self._login(look(), database))
                if target.role == "ephemeral":
                    return await self._roles.lend(target, database, grant, look)
                return await self._parts.lend(target, database)
        except LeaseFailed as failed:
            _log.error("no lease for target %s: %s", grant.target, failed.internal)
            raise Denied(texts.lease_failed(failed), grant=grant) from None

    def _login(self, grant: Grant, login: str) -> LoginGrant:
        return LoginGrant(
            grant=grant.id,
            login=login,
            expires_at=grant.expires_at,
            allowed=allowed_of(self._parts, grant),
        )

    def _refuse(self, event: GrantNeeded, denied: Denied) -> None:
        try:
            self._say(event, denied)
        except Exception as error:
            self._parts.faults.caught("refusal", error)
            plain = texts.refusal(texts.admission_failed(type(error).__name__))
            self._parts.engine.refuse(event.session, plain)

    def _say(self, event: GrantNeeded, denied: Denied) -> None:
        denial = texts.with_contact(denied.denial, self._parts.current.settings.gateway.contact)
        self._parts.engine.refuse(event.session, texts.refusal(denial))
        at = self._parts.clock.wall()
        (target, database), _ = _asked(event, self._parts.current.settings)
        asked = {"target": target[:128], "database": (database or "")[:128]}
        if denied.grant is not None:
            audit = grant_event("session.denied", at, denied.grant, **asked)
        elif denied.identity is not None:
            audit = identity_event("session.denied", at, denied.identity, **asked)
        elif denied.vouched is not None:
            audit = vouched_event("session.denied", at, denied.vouched)
        else:
            # Nobody vouches for what was asked.
            audit = AuditEvent(kind="session.denied", at=at)
        audit = msgspec.structs.replace(
            audit,
            session=event.session,
            peer=event.peer,
            channel="ssh" if event.prompt else "native",
            code=denial.code,
            reason=denial.internal or denial.message,
        )
        self._parts.trail.record(audit)


def _asked(event: GrantNeeded, settings: Settings) -> tuple[tuple[str, str | None], str]:
    """Target and database (login) that the client names, and its task."""
    if event.protocol == "ssh":
        target, login, task = parse_ssh_user(event.user)
        return (target, login), task
    return parse_database(event.database, settings.targets), parse_user(event.user)


def _names(event: GrantNeeded) -> tuple[str, ...]:
    """What of the user name is logged, recorded and told back."""
    return (event.user if event.protocol == "ssh" else parse_user(event.user),)
