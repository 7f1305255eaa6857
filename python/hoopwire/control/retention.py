"""Forgets audit rows and ended grants that are older than the settings keep them, a few at a time."""

import logging

import trio

from hoopwire.control.parts import Parts
from hoopwire.store import StoreUnavailable

_log = logging.getLogger("hoopwire.store")
_EVERY_S = 3600.0
_AT_ONCE = 500
_PAUSE_S = 0.1
"""Between two batches: others want the store, too."""


async def run(parts: Parts) -> None:
    """Look each hour, until cancelled."""
    while True:
        try:
            await forget(parts)
        except StoreUnavailable as error:
            _log.error("old audit rows and grants could not be forgotten, it will be tried again: %s", error)
        await trio.sleep(_EVERY_S)


async def forget(parts: Parts) -> int:
    """Forget what is too old now; how many rows and grants. By the clock that is behind. StoreUnavailable."""
    forgotten = 0
    while True:
        kept, now = parts.current.settings.gateway, parts.clock.least_wall()
        count = await parts.store.forget(
            audit_before=now - kept.keep_audit if kept.keep_audit else None,
            grants_before=now - kept.keep_grants if kept.keep_grants else None,
            limit=_AT_ONCE,
        )
        forgotten += count
        if not count:
            break
        await trio.sleep(_PAUSE_S)
    if forgotten:
        _log.info("%d audit rows and grants were old enough to be forgotten", forgotten)
    return forgotten
