"""Knows why nobody could be admitted now, and tells operators when that begins and when it is over.

    starting             it is not known yet
    draining             the gateway stops
    store_unavailable    grants and revocations cannot be written
    recording_failed     a recording stream cannot be written
    recording_no_room    its volume has less room than `recording.floor`
    recording_away       its directory is gone, cannot be written, or does not answer
    keys_unavailable     no issuer's keys can be used

What the task `health` finds is looked at every few seconds; the engine tells of streams by itself.
"""

import logging
import os
from pathlib import Path

import trio

from hoopwire.audit import AuditEvent, AuditTrail, Kind
from hoopwire.control.clock import Clock
from hoopwire.control.parts import Parts, TokenVerifier
from hoopwire.model.api import Cause
from hoopwire.store import StoreUnavailable

_log = logging.getLogger("hoopwire.health")
_LOOK_S = 2.0
_PROBE_S = 10.0
_ANSWER_S = 2.0
_SAY_AGAIN_S = 3600.0


class Health:
    """The causes of now, by name."""

    def __init__(self, trail: AuditTrail, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock
        self._causes: dict[str, str] = {}
        self._streams: dict[int, str] = {}
        self._is_starting = True

    def causes(self) -> tuple[Cause, ...]:
        """Why nobody could be admitted; empty if nothing is known to be in the way."""
        found = dict(self._causes)
        if self._is_starting:
            found["starting"] = "not everything was looked at yet"
        return tuple(Cause(cause=cause, detail=detail) for cause, detail in sorted(found.items()))

    def started(self) -> None:
        """All was looked at once."""
        self._is_starting = False

    def tell(self, cause: str, detail: str | None) -> None:
        """That a cause is there, or with None that it is not."""
        was = self._causes.get(cause)
        if detail is None:
            self._causes.pop(cause, None)
        else:
            self._causes[cause] = detail
        if cause == "draining":
            return  # what was asked for is nothing to be told of
        if detail is not None and was is None:
            _log.error("nobody can be admitted: %s: %s", cause, detail)
            self._record("gateway.not_ready", cause, detail)
        elif detail is None and was is not None:
            _log.warning("no longer in the way: %s", cause)
            self._record("gateway.ready", cause, "")

    def stream(self, stream: int, error: str | None) -> None:
        """A stream of the recording fails, or with None goes on."""
        if error is None:
            self._streams.pop(stream, None)
        else:
            self._streams[stream] = error
        listed = "; ".join(f"stream {number}: {text}" for number, text in sorted(self._streams.items()))
        self.tell("recording_failed", listed or None)

    def _record(self, kind: Kind, cause: str, detail: str) -> None:
        self._trail.record(AuditEvent(kind=kind, at=self._clock.wall(), code=cause, reason=detail))


class HealthWatch:
    """Looks at what nobody tells of by itself."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._probe_at = float("-inf")
        self._are_keys_known = False
        # As the engine was started: a reload changes nothing of it.
        self._recording_settings = parts.current.settings.recording
        self._volume = trio.CapacityLimiter(1)
        self._failing: dict[str, float] = {}
        """Issuers whose keys could not be fetched, and when that is to be said again."""

    async def run(self) -> None:
        """Look until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                verifier = self._parts.current.verifier
                for issuer in verifier.stale():
                    nursery.start_soon(self._fetch, verifier, issuer)
                await self.look()
                await trio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Look once."""
        self._issuers()
        await self._recording()
        if trio.current_time() >= self._probe_at:
            await self._store()
            self._probe_at = trio.current_time() + _PROBE_S
        if self._are_keys_known:
            self._parts.health.started()

    async def _fetch(self, verifier: TokenVerifier, issuer: str) -> None:
        """Keys that are to be fetched, so that it is known before a login needs them."""
        try:
            await verifier.keep_fresh(issuer)
        except Exception as error:
            self._parts.faults.caught("health", error)

    def _issuers(self) -> None:
        issuers = self._parts.current.verifier.issuers()
        texts = [
            f"{issuer}: {keys.last_error or 'its keys are too old'}"
            for issuer, keys in issuers.items()
            if keys.fetches and not keys.usable
        ]
        is_none = bool(issuers) and len(texts) == len(issuers)
        self._parts.health.tell("keys_unavailable", "; ".join(texts) if is_none else None)
        self._are_keys_known = not issuers or any(keys.usable for keys in issuers.values()) or is_none
        now = trio.current_time()
        for issuer, keys in issuers.items():
            if keys.last_error and now >= self._failing.get(issuer, 0.0):
                self._failing[issuer] = now + _SAY_AGAIN_S
                age = "" if keys.age_s is None else f"; those of {keys.age_s / 60:.0f} minutes ago are used"
                stop = "" if keys.usable else "; nobody is let in by it"
                _log.error("keys of %s cannot be fetched: %s%s%s", issuer, keys.last_error, age, stop)
                self._record("keys.refresh_failed", issuer, f"{keys.last_error}{age}{stop}", keys.failures)
            elif not keys.last_error and self._failing.pop(issuer, None) is not None:
                _log.warning("keys of %s are fetched again", issuer)
                self._record("keys.refreshed", issuer, "", keys.failures)
        for issuer in self._failing.keys() - issuers.keys():
            del self._failing[issuer]

    async def _recording(self) -> None:
        recording = self._recording_settings
        found: tuple[str, str] | None = ("recording_away", f"its volume does not answer in {_ANSWER_S:g} s")
        with trio.move_on_after(_ANSWER_S):
            found = await trio.to_thread.run_sync(
                _volume,
                Path(recording.directory),
                int(recording.floor),
                limiter=self._volume,
                abandon_on_cancel=True,
            )
        for cause in ("recording_away", "recording_no_room"):
            self._parts.health.tell(cause, found[1] if found is not None and found[0] == cause else None)

    async def _store(self) -> None:
        failure: str | None = f"it did not answer within {_ANSWER_S:g} s"
        with trio.move_on_after(_ANSWER_S):
            try:
                await self._parts.store.probe(self._parts.clock.wall())
                failure = None
            except StoreUnavailable as error:
                failure = str(error)
        self._parts.health.tell("store_unavailable", failure)

    def _record(self, kind: Kind, issuer: str, reason: str, count: int) -> None:
        at = self._parts.clock.wall()
        self._parts.trail.record(AuditEvent(kind=kind, at=at, iss=issuer, reason=reason, count=count))


def _volume(directory: Path, floor: int) -> tuple[str, str] | None:
    """What is wrong with the directory of the recordings."""
    try:
        room = os.statvfs(directory)
    except OSError as error:
        return "recording_away", f"{directory}: {error.strerror}"
    if room.f_flag & os.ST_RDONLY:
        return "recording_away", f"{directory}: its volume is read-only"
    free = room.f_bavail * room.f_frsize
    if free < floor:
        return "recording_no_room", f"{free // 2**20} MiB are free, recording.floor is {floor // 2**20} MiB"
    return None
