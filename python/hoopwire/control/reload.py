"""Gives a running gateway new settings, all of them or none, and then decides every live session again."""

import logging
from collections.abc import Callable

import msgspec
import trio

from hoopwire.access import prepare
from hoopwire.audit import AuditEvent, Kind
from hoopwire.control.engine_config import has_device
from hoopwire.control.files import StartError, read_pem
from hoopwire.control.parts import Current, Parts
from hoopwire.control.revocation import redecide
from hoopwire.control.verifiers import Verifiers
from hoopwire.model.api import Reloaded
from hoopwire.model.settings import Settings
from hoopwire.model.ssh.settings import SshSettings

_log = logging.getLogger("hoopwire.reload")


class Reload:
    """`load` reads and checks the file (in a worker thread); any exception with words refuses it."""

    def __init__(
        self,
        parts: Parts,
        load: Callable[[], Settings],
        verifiers: Verifiers,
        on_tls: Callable[[Settings], None],
    ) -> None:
        self._parts = parts
        self._load = load
        self._verifiers = verifiers
        self._on_tls = on_tls
        self._one = trio.Lock()

    async def __call__(self) -> Reloaded:
        """Take the file as it is now. StartError, and nothing changed, if it cannot be taken."""
        async with self._one:
            try:
                reloaded = await self._take()
            except StartError as error:
                _log.error("reload refused, the old settings stay: %s", error)
                self._record("gateway.reload_failed", str(error))
                raise
            except Exception as error:
                self._parts.faults.caught("reload", error)
                text = f"the gateway failed at it ({type(error).__name__}); it goes on with what it has taken"
                self._record("gateway.reload_failed", text)
                raise StartError(text) from error
            text = f"{reloaded.cut} grants cut, {reloaded.narrowed} narrowed"
            _log.info("reloaded: %s", text)
            for name in reloaded.restart_needed:
                _log.warning("%s changed in the file and counts only after a restart", name)
            self._record("gateway.reloaded", text)
            return reloaded

    async def _take(self) -> Reloaded:
        parts, old = self._parts, self._parts.current.settings
        try:
            # A volume that hangs must not keep us from stopping.
            new = await trio.to_thread.run_sync(self._load, abandon_on_cancel=True)
        except Exception as error:  # ConfigError has the words; anything else must not end the gateway either
            raise StartError(str(error)) from error
        await self._prepare(new)
        certificate = read_pem(new.listen.tls.certificate, "the certificate")
        key = read_pem(new.listen.tls.key, "the key of the certificate")
        opened = await self._verifiers.open(new)
        try:
            self._on_tls(new)
            parts.engine.set_tls(certificate, key)
        except (ValueError, OSError) as error:
            self._verifiers.discard(opened)
            raise StartError(f"the certificate or its key is unusable: {error}") from None
        parts.current = Current(new, self._verifiers.use(opened))
        cut, narrowed = await redecide(parts)
        return Reloaded(cut=cut, narrowed=narrowed, restart_needed=_fixed(old, new))

    async def _prepare(self, new: Settings) -> None:
        """Only for speed: what a bug in it leaves undone is done by who needs it."""
        grants, now = self._parts.table.grants(), self._parts.clock.wall()
        try:
            await self._parts.think(lambda: prepare(new, grants, now))
        except Exception as error:
            self._parts.faults.caught("reload", error)

    def _record(self, kind: Kind, reason: str) -> None:
        self._parts.trail.record(AuditEvent(kind=kind, at=self._parts.clock.wall(), reason=reason))


def _keys(settings: Settings) -> SshSettings | None:
    """What the keyring was opened with; which keys are revoked counts at once."""
    return settings.ssh and msgspec.structs.replace(settings.ssh, revoked_keys=())


def _fixed(old: Settings, new: Settings) -> tuple[str, ...]:
    """What the engine and the listeners were started with."""
    pairs = {
        "gateway.node": (old.gateway.node, new.gateway.node),
        "gateway.reactors": (old.gateway.reactors, new.gateway.reactors),
        "gateway.state": (old.gateway.state, new.gateway.state),
        "listen.postgres": (old.listen.postgres, new.listen.postgres),
        "listen.ssh": (old.listen.ssh, new.listen.ssh),
        "listen.control": (old.listen.control, new.listen.control),
        "listen.admin_socket": (old.listen.admin_socket, new.listen.admin_socket),
        "limits": (old.limits, new.limits),
        "recording": (old.recording, new.recording),
        "ssh": (_keys(old), _keys(new)),
        # the first that the engine asks for, or the last: off counts at once
        "issuers.*.device": (has_device(old) or not has_device(new), True),
    }
    return tuple(name for name, (before, after) in pairs.items() if before != after)
