"""Starts the gateway, runs its tasks until it is told to stop, drains and closes it.

Start: settings, state directory, store, what the journal has for it, engine, listeners, then events. Stop:
drain (new sessions are refused, busy ones may finish), then the engine stops and seals, then what grants have
used and the audit trail are written, then the store closes.
"""

import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from hoopwire import __version__
from hoopwire.access import prepare
from hoopwire.audit import AuditEvent, AuditTrail, Sink
from hoopwire.control import retention, texts
from hoopwire.control.admission import Admission
from hoopwire.control.checkpoints import CheckpointFile
from hoopwire.control.clock import Clock
from hoopwire.control.dispatch import Dispatch
from hoopwire.control.engine import DataPlane, EngineFactory, native_engine
from hoopwire.control.engine_config import engine_config
from hoopwire.control.files import StartError, StateDirectory
from hoopwire.control.health import Health, HealthWatch
from hoopwire.control.keeping import Keeping, audit_row
from hoopwire.control.leaving import Leave
from hoopwire.control.listeners import Listener, MakeListeners
from hoopwire.control.locks import Locks
from hoopwire.control.notify import Notifier
from hoopwire.control.operations import Operations
from hoopwire.control.parts import Current, Lend, LendLogin, Parts
from hoopwire.control.reload import Reload
from hoopwire.control.revocation import cut_overdue, sweep
from hoopwire.control.role_keeper import RoleDesk, RoleKeeper
from hoopwire.control.sessions import SessionTable
from hoopwire.control.spending import Spending
from hoopwire.control.supervise import Faults, Supervisor
from hoopwire.control.verifiers import VerifierFactory, Verifiers
from hoopwire.custody import Roles
from hoopwire.custody.ssh import Keyring, KeyringFailed, TargetsAuthority, open_keyring
from hoopwire.model.commands import Lease
from hoopwire.model.settings import Settings
from hoopwire.model.ssh.login import LoginGrant
from hoopwire.model.ssh.settings import SshTarget
from hoopwire.store import Change, Journal, SecretHasher, SqliteStore, StoreError

_log = logging.getLogger("hoopwire")
_SWEEP_S = 1.0
_PRUNE_S = 3600.0
_LAST_LINES_S = 5.0


@dataclass(frozen=True)
class Rooms:
    """What the service takes from the other rooms, so that a test can give others."""

    load: Callable[[Path], Settings]
    verifier: VerifierFactory
    lend: Lend
    lend_login: Callable[[SshTarget, LoginGrant, TargetsAuthority | None, float], Awaitable[Lease]]
    listeners: MakeListeners
    engine: EngineFactory = native_engine
    roles: Callable[[Lend], RoleDesk] = Roles


@dataclass(frozen=True)
class Running:
    """A gateway that answers."""

    postgres: tuple[str, ...]
    """Bound `HOST:PORT` of each listener."""
    ssh: tuple[str, ...]
    """The same for SSH."""
    control: str | None
    """Bound `HOST:PORT` of the control API."""
    admin_socket: str
    parts: Parts
    reload: Reload
    stop: Callable[[], None]
    """Drain and end, as SIGTERM does."""


async def serve(
    path: Path,
    rooms: Rooms,
    *,
    sink: Sink,
    clock: Clock | None = None,
    signals: bool = True,
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the gateway of a config file until it is told to stop.

    Raises StartError, or what `load` raises, if it can't.
    """
    try:
        await _run(path, rooms, sink, clock or Clock(), signals, task_status)
    except BaseExceptionGroup as group:
        fault: BaseException | None = group.subgroup(StartError)
        while isinstance(fault, BaseExceptionGroup):
            fault = fault.exceptions[0]
        if fault is None:
            raise
        raise fault from None


async def _run(
    path: Path,
    rooms: Rooms,
    sink: Sink,
    clock: Clock,
    signals: bool,
    task_status: trio.TaskStatus[Running],
) -> None:
    # From the first moment on: a SIGHUP that comes too early is taken when there is something to reload.
    with trio.open_signal_receiver(signal.SIGHUP) if signals else nullcontext() as hangups:
        await _run_with(path, rooms, sink, clock, hangups, task_status)


async def _run_with(
    path: Path,
    rooms: Rooms,
    sink: Sink,
    clock: Clock,
    hangups: AsyncIterator[int] | None,
    task_status: trio.TaskStatus[Running],
) -> None:
    manager = Notifier(os.environ)
    settings = await trio.to_thread.run_sync(rooms.load, path)
    await trio.to_thread.run_sync(prepare, settings, (), clock.wall())
    async with _opened(settings, rooms, sink, clock) as (parts, tasks):
        stopping, drained, draining = trio.Event(), trio.Event(), trio.CancelScope()
        _warn(settings)
        verifiers = Verifiers(rooms.verifier, tasks)
        parts.current = Current(settings, verifiers.use(await verifiers.open(settings)))
        listeners = rooms.listeners(settings.listen)
        reload = Reload(
            parts, lambda: rooms.load(path), verifiers, lambda new: listeners.use_pair(new.listen)
        )
        checkpoints = (
            CheckpointFile(settings.recording.checkpoints) if settings.recording.checkpoints else None
        )
        async with trio.open_nursery() as nursery:
            admissions = Supervisor(nursery, parts.faults)
            keeper = RoleKeeper(parts, rooms.roles(rooms.lend))
            spending = Spending(parts)
            dispatch = Dispatch(parts, Admission(parts, keeper, spending), spending, checkpoints, admissions)
            if checkpoints is not None:
                tasks.keep("checkpoints", checkpoints.run)
            admissions.keep("engine events", lambda: _events(parts, dispatch))
            tasks.keep("cuts", lambda: _cut(parts))
            tasks.keep("sweep", lambda: _sweep(parts))
            tasks.keep("retention", lambda: retention.run(parts))
            tasks.keep("refusals", lambda: _refusals(parts, dispatch))
            tasks.keep("roles", keeper.run)
            tasks.keep("spending", spending.run)
            tasks.keep("keeping", parts.keeping.run)
            tasks.keep("health", HealthWatch(parts).run)
            for name, listener in listeners.open(parts, Operations(parts, reload, spending)):
                tasks.once(name, _listen, tasks, name, listener, drained.wait)
            if hangups is not None:
                await tasks.start("signals", _signals, stopping, draining)
                tasks.once("hangups", _hangups, tasks, parts, reload, hangups)
            _log.info("hoopwire %s answers on %s", __version__, ", ".join(parts.engine.addresses))
            parts.trail.record(AuditEvent(kind="gateway.started", at=clock.wall(), reason=__version__))
            tasks.keep("watchdog", manager.keep_watched)
            manager.ready(f"answers on {', '.join(parts.engine.addresses)}")
            task_status.started(
                Running(
                    postgres=parts.engine.addresses_of("postgres"),
                    ssh=parts.engine.addresses_of("ssh"),
                    control=listeners.control,
                    admin_socket=settings.listen.admin_socket,
                    parts=parts,
                    reload=reload,
                    stop=stopping.set,
                )
            )
            await stopping.wait()
            manager.stopping()
            parts.store.hurry()
            leave = Leave.begin(float(parts.current.settings.gateway.drain))
            with draining:
                await tasks.contained("drain", _drain, parts, dispatch, leave)
            drained.set()
            keeper.hurry()
            nursery.cancel_scope.cancel()
        parts.trail.record(AuditEvent(kind="gateway.stopped", at=clock.wall()))
        # Each of these is tried, whatever becomes of the one before.
        await tasks.contained("engine stop", parts.engine.stop)
        await tasks.contained("last events", _last_events, parts, dispatch)
        dispatch.refusals.write(clock.wall(), is_last=True)
        await tasks.contained("spending", spending.flush)
        await tasks.contained("keeping", parts.keeping.flush)
        await tasks.contained("roles", keeper.drop_all, leave.until)
        if checkpoints is not None:
            # A volume that hangs must not keep the gateway from stopping.
            with trio.move_on_after(leave.left_s(_LAST_LINES_S), shield=True):
                await tasks.contained("checkpoints", checkpoints.flush)
        if draining.cancel_called:
            raise KeyboardInterrupt


@asynccontextmanager
async def _opened(
    settings: Settings, rooms: Rooms, sink: Sink, clock: Clock
) -> AsyncIterator[tuple[Parts, Supervisor]]:
    """Store, trail and engine, and the tasks that run beside the sessions; closed in reverse order."""
    state = StateDirectory(settings.gateway.state)
    try:
        try:
            hasher = SecretHasher.open(state.secret_key)
            store = await SqliteStore.open(state.database, clock.wall())
            locks = Locks(clock)
            for lock in await store.locks(in_force=True):
                locks.add(lock)
            journal, left_over = await Journal.open(state.journal)
        except (StoreError, OSError, ValueError) as error:
            raise StartError(str(error)) from None

        async def keep(events: Any) -> None:
            await store.append_audit([audit_row(event) for event in events])

        trail = AuditTrail(sink, keep, now=clock.wall, node=settings.gateway.node)
        table, keeping, faults = (
            SessionTable(),
            Keeping(store, journal, trail, clock),
            Faults(trail, clock.wall),
        )
        await _restore(left_over, table, locks, keeping)
        try:
            keyring = await _open_keyring(settings)
            engine = await trio.to_thread.run_sync(_start_engine, settings, keyring, rooms.engine)
            try:
                async with trio.open_nursery() as nursery:
                    tasks = Supervisor(nursery, faults)
                    tasks.keep("audit trail", trail.run)
                    nothing: Any = None
                    current = Current(settings, nothing)
                    parts = Parts(
                        clock,
                        store,
                        hasher,
                        trail,
                        keeping,
                        locks,
                        table,
                        engine,
                        rooms.lend,
                        _lend_login(rooms, keyring, clock),
                        keyring,
                        current,
                        faults,
                        Health(trail, clock),
                    )
                    yield parts, tasks
                    nursery.cancel_scope.cancel()
            finally:
                await engine.stop()
                with trio.CancelScope(shield=True):
                    await trail.flush()
        finally:
            journal.close()
            await store.close()
    finally:
        state.close()


def _lend_login(rooms: Rooms, keyring: Keyring | None, clock: Clock) -> LendLogin:
    async def lend(target: SshTarget, wanted: LoginGrant) -> Lease:
        authority = None if keyring is None else keyring.targets
        return await rooms.lend_login(target, wanted, authority, clock.wall())

    return lend


async def _restore(left_over: list[Change], table: SessionTable, locks: Locks, keeping: Keeping) -> None:
    """What an earlier run could not write counts before anybody is let in, and is written first."""
    locks.restore(left_over)
    keeping.restore(left_over)
    for end in keeping.ends():
        table.end_grant(end.id, end.expires_at, texts.ended_before(end))
    if left_over:
        _log.warning("%d revocations, locks or the like of an earlier run come first", len(keeping))
        await keeping.keep()


def _start_engine(settings: Settings, keyring: Keyring | None, factory: EngineFactory) -> DataPlane:
    try:
        return DataPlane.open(engine_config(settings, keyring), factory)
    except ImportError:
        raise StartError(
            "the engine is not built: install a hoopwire wheel, or run `make demo` in a checkout"
        ) from None
    except (ValueError, OSError) as error:
        raise StartError(f"the engine cannot start: {error}") from None


async def _open_keyring(settings: Settings) -> Keyring | None:
    if settings.ssh is None:
        return None
    try:
        return await open_keyring(settings.ssh, settings.gateway.node)
    except KeyringFailed as error:
        raise StartError(f"a key for SSH cannot be used: {error}") from None


def _warn(settings: Settings) -> None:
    """What is meant for labs is said at every start."""
    for policy in settings.policies:
        if policy.token_reuse == "until_exp":  # noqa: S105 - a mode, not a secret
            _log.warning("policy %s lets a token buy again (token_reuse = until_exp): labs only", policy.name)
    for name, issuer in settings.issuers.items():
        if issuer.dev:
            _log.warning("issuer %s is a dev issuer: whoever reaches it can be anybody", name)


async def _events(parts: Parts, dispatch: Dispatch) -> None:
    async for batch in parts.engine.batches():
        for event in batch:
            try:
                dispatch.take(event)
            except Exception as error:  # of one event: the next may be an admission
                parts.faults.caught(f"event {type(event).__name__}", error)


async def _last_events(parts: Parts, dispatch: Dispatch) -> None:
    for event in parts.engine.drain_events():
        dispatch.take_last(event)


async def _listen(
    tasks: Supervisor, name: str, listener: Listener, stopping: Callable[[], Awaitable[None]]
) -> None:
    try:
        await tasks.repeat(name, lambda: listener.run(stopping))
    finally:
        listener.close()


async def _cut(parts: Parts) -> None:
    while True:
        cut_overdue(parts)
        await trio.sleep(_SWEEP_S)


async def _refusals(parts: Parts, dispatch: Dispatch) -> None:
    while True:
        dispatch.refusals.write(parts.clock.wall())
        await trio.sleep(_SWEEP_S)


async def _sweep(parts: Parts) -> None:
    pruned_at = float("-inf")
    while True:
        try:
            await sweep(parts)
            if trio.current_time() - pruned_at >= _PRUNE_S:
                await parts.store.prune_ledger(parts.clock.least_wall())
                pruned_at = trio.current_time()
        except StoreError as error:
            _log.error("the sweep failed, it will be tried again: %s", error)
        await trio.sleep(_SWEEP_S)


async def _drain(parts: Parts, dispatch: Dispatch, leave: Leave) -> None:
    limit_s = leave.sessions_s
    _log.info("draining: %d sessions, at most %g s", len(parts.table), limit_s)
    parts.table.draining = True
    parts.health.tell("draining", "the gateway stops")
    parts.engine.drain(limit_s)
    with trio.move_on_at(leave.cut_by):
        await dispatch.drained.wait()


async def _hangups(tasks: Supervisor, parts: Parts, reload: Reload, hangups: AsyncIterator[int]) -> None:
    """SIGHUP reloads, and opens the audit's file again.

    A reload is a task of its own: while it waits for a file, the other signals count.
    """

    async def reloading() -> None:
        with suppress(StartError):
            await reload()

    async for _ in hangups:
        parts.trail.reopen()
        tasks.once("reload", reloading)


async def _signals(
    stopping: trio.Event,
    draining: trio.CancelScope,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """SIGTERM and SIGINT drain, a second one ends the sessions now, a third gives up."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
        task_status.started()
        async for _ in received:
            if not stopping.is_set():
                stopping.set()
            elif not draining.cancel_called:
                draining.cancel()
            else:
                raise KeyboardInterrupt
