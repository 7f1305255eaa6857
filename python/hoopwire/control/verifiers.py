"""Opens and closes token verifiers, each in a task of its own.

One that a reload has replaced stays open for as long as an admission that uses it may last.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import trio

from hoopwire.control.files import StartError
from hoopwire.control.parts import TokenVerifier
from hoopwire.control.supervise import Supervisor
from hoopwire.model.settings import IssuerSettings, Settings

VerifierFactory = Callable[[Mapping[str, IssuerSettings], str], AbstractAsyncContextManager[Any]]


class Opened:
    """An open verifier, and what it was made for."""

    def __init__(self, verifier: TokenVerifier, made_for: tuple[Any, str], done: trio.Event) -> None:
        self.verifier = verifier
        self.made_for = made_for
        self.done = done


class Verifiers:
    """`make(issuers, audience)` gives an `identity.Verifier`; `tasks` owns the open ones."""

    def __init__(self, make: VerifierFactory, tasks: Supervisor) -> None:
        self._make = make
        self._tasks = tasks
        self._in_use: Opened | None = None

    async def open(self, settings: Settings) -> Opened:
        """The verifier for these settings: the one in use, with its cached keys, where nothing of it changed.

        StartError if the issuers cannot be used together. Give the answer to `use` or to `discard`.
        """
        made_for = (settings.issuers, settings.gateway.audience)
        if self._in_use is not None and self._in_use.made_for == made_for:
            return self._in_use
        done = trio.Event()
        linger_s = float(settings.limits.admission)
        try:
            verifier = self._make(settings.issuers, settings.gateway.audience)
            opened = await self._tasks.start("token verifier", _hold, verifier, done, linger_s)
        except (ValueError, OSError) as error:
            # OSError: a CA file that is gone since it was checked, or holds no certificate.
            raise StartError(f"the issuers cannot be used: {error}") from None
        return Opened(opened, made_for, done)

    def use(self, opened: Opened) -> TokenVerifier:
        """From now on this one; the one before closes once its last admission is over."""
        before, self._in_use = self._in_use, opened
        if before is not None and before is not opened:
            # Its issuers may be down just now: who could log in a moment ago still can.
            opened.verifier.adopt(before.verifier)
            before.done.set()
        return opened.verifier

    def discard(self, opened: Opened) -> None:
        """The settings were refused after all."""
        if opened is not self._in_use:
            opened.done.set()


async def _hold(
    verifier: AbstractAsyncContextManager[Any],
    done: trio.Event,
    linger_s: float,
    task_status: trio.TaskStatus[TokenVerifier] = trio.TASK_STATUS_IGNORED,
) -> None:
    async with verifier as opened:
        task_status.started(opened)
        await done.wait()
        # Admissions that hold it are over by then: they have that deadline themselves.
        await trio.sleep(linger_s)
