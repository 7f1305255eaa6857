"""Keeps the issuers' signing keys: fetches them seldom, keeps them if a fetch fails, drops withdrawn ones.

The rules, for each issuer string by itself:
1. Keys come from discovery's `jwks_uri` only, and that must share the issuer's origin.
2. At most one fetch in 60 seconds, whatever is asked for; concurrent askers share it. Two exceptions, so
   that nobody is kept out for a minute: a good set that lacks a kid is fetched again after 10 seconds, and a
   failed fetch is tried again after 5, 15, 30 and from then on 60.
3. A set is fresh for min(its max-age, 15 min). A stale one is fetched behind the scenes (`keep_fresh`): who
   comes with a key that it has does not wait for that, only who comes with another or finds no set at all.
4. A failed fetch keeps the last good set; a set older than 24 hours is not used any more.
5. A successful fetch replaces the set: a key that is gone from it is gone here.

Never `PyJWKClient`: it blocks the event loop.
"""

import re
from collections.abc import Mapping
from math import ceil
from types import TracebackType
from typing import Final, Protocol, Self

import httpx
import msgspec
import trio

from hoopwire.identity.keys.discovery import discover, own_url
from hoopwire.identity.keys.fetch import FetchFailed, IssuerClient, fetch_json, make_client
from hoopwire.identity.keys.keyset import KeySet, PublicKey, read_key_set
from hoopwire.identity.refusal import refused
from hoopwire.model.settings import IssuerSettings

FETCH_EVERY_S: Final = 60.0
RETRY_S: Final = (5.0, 15.0, 30.0, FETCH_EVERY_S)
"""After the first failure in a row, the second, and so on."""
KEPT_S: Final = 60.0
"""So long a stale set waits for `keep_fresh`; then a login fetches it."""
UNKNOWN_EVERY_S: Final = 10.0
FRESH_AT_MOST_S: Final = 15 * 60.0
HARD_STOP_S: Final = 24 * 3600.0
REFRESH_S: Final = 8.0
"""Discovery and keys together; well below the time a login may take."""

_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,10})", re.IGNORECASE)


class KeySource(Protocol):
    """Where verification keys come from."""

    async def key(self, issuer: str, kid: str, algorithm: str) -> PublicKey:
        """The issuer's key with this id, fit for the algorithm. Raises `TokenRefused`."""
        ...


class JwksStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Of one issuer. `age_s` is the age of the set in use, none if there never was one."""

    fetches: int
    failures: int
    keys: int
    usable: bool
    """Tokens are verified with them."""
    age_s: float | None
    last_error: str
    """Of the last fetch; empty if it worked."""


class _Entry:
    """What is known of one issuer string. Times are `trio.current_time()`."""

    def __init__(self, issuer: str, settings: IssuerSettings) -> None:
        self.issuer = issuer
        self.settings = settings
        self.lock = trio.Lock()
        self.key_set: KeySet | None = None
        self.loaded_at = 0.0
        self.fresh_until = 0.0
        self.tried_at: float | None = None
        self.fetches = 0
        self.failures = 0
        self.failed_in_a_row = 0
        self.last_error = ""

    @property
    def trust(self) -> tuple[object, ...]:
        """All by which its keys are found and believed. What else changes in its settings drops no key."""
        settings = self.settings
        return settings.kind, settings.dev, settings.ca, settings.addresses, settings.proxy

    def go_on_from(self, known: "_Entry") -> None:
        """As if this one had fetched all that the other has."""
        self.key_set, self.loaded_at, self.fresh_until = known.key_set, known.loaded_at, known.fresh_until
        self.tried_at, self.last_error = known.tried_at, known.last_error
        self.fetches, self.failures = known.fetches, known.failures
        self.failed_in_a_row = known.failed_in_a_row

    def usable(self) -> KeySet | None:
        """The set, unless it is past the hard stop."""
        if self.key_set is None or trio.current_time() - self.loaded_at > HARD_STOP_S:
            return None
        return self.key_set

    def next_fetch_s(self, kid: str | None = None) -> float:
        """How long no fetch may begin, for this key id or for freshness; 0 or less: it may now."""
        if self.tried_at is None:
            return 0.0
        if self.failed_in_a_row:
            every_s = RETRY_S[min(self.failed_in_a_row, len(RETRY_S)) - 1]
        else:
            every_s = UNKNOWN_EVERY_S if kid is not None and self.lacks(kid) else FETCH_EVERY_S
        return self.tried_at + every_s - trio.current_time()

    def may_fetch(self, kid: str | None = None) -> bool:
        return self.next_fetch_s(kid) <= 0

    def lacks(self, kid: str) -> bool:
        key_set = self.usable()
        return key_set is None or not (key_set.knows(kid) or kid in key_set.weak)

    def is_stale(self) -> bool:
        return self.usable() is None or trio.current_time() >= self.fresh_until

    def wants_fetch(self, kid: str) -> bool:
        """A login has to wait for one: it lacks the key, or nobody keeps the set fresh."""
        is_left = self.tried_at is None or self.tried_at < self.fresh_until
        return self.lacks(kid) or (is_left and trio.current_time() >= self.fresh_until + KEPT_S)


class JwksCache:
    """`KeySource` over HTTPS. Use it as an async context manager, which owns the HTTP clients.

    `transport` replaces the network, for tests that run on a mock clock.
    """

    def __init__(
        self, issuers: Mapping[str, IssuerSettings], *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._entries = {
            issuer: _Entry(issuer, settings) for settings in issuers.values() for issuer in settings.issuers
        }
        self._transport = transport
        self._clients: dict[str, IssuerClient] = {}
        """By issuer string: the connections of one that is silent are not missing at another."""

    async def __aenter__(self) -> Self:
        for issuer, entry in self._entries.items():
            settings = entry.settings
            self._clients[issuer] = make_client(
                settings.ca, self._transport, addresses=settings.addresses, proxy=settings.proxy
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 2):
            for client in self._clients.values():
                await client.aclose()
        self._clients.clear()

    async def key(self, issuer: str, kid: str, algorithm: str) -> PublicKey:
        """See `KeySource.key`. Waits for at most one fetch, and for none with a key that is there."""
        entry = self._entries[issuer]
        fetches = entry.fetches
        if entry.wants_fetch(kid) and entry.may_fetch(kid):
            async with entry.lock:
                # Whoever had the lock before may have fetched already.
                if entry.wants_fetch(kid) and entry.may_fetch(kid):
                    await self._refresh(entry)
        elif entry.wants_fetch(kid) and entry.lock.locked():
            async with entry.lock:
                pass  # a fetch is under way: its outcome is ours
        key_set = entry.usable()
        again = f"{max(1, ceil(entry.next_fetch_s(kid)))} s"
        if key_set is None:
            why = f"no keys of {issuer}: {entry.last_error or 'none fetched yet'}"
            raise refused("keys_unavailable", why, again=again)
        if not key_set.knows(kid) and kid in key_set.weak:
            raise refused(
                "key_weak", f"key {kid!r} of {issuer} is {key_set.weak[kid]}", problem=key_set.weak[kid]
            )
        if not key_set.knows(kid) and (entry.last_error or entry.fetches == fetches):
            why = entry.last_error or f"they are {trio.current_time() - entry.loaded_at:.0f} s old"
            raise refused("key_not_known_yet", f"no key {kid!r} of {issuer}; {why}", again=again)
        if not key_set.knows(kid):
            raise refused("unknown_kid", f"no key {kid!r} of {issuer}")
        key = key_set.find(kid, algorithm)
        if key is None:
            raise refused("key_unfit", f"key {kid!r} of {issuer} does not fit {algorithm}")
        return key

    def stale(self) -> tuple[str, ...]:
        """Issuers whose keys are to be fetched, and may be."""
        return tuple(
            issuer for issuer, entry in self._entries.items() if entry.is_stale() and entry.may_fetch()
        )

    async def keep_fresh(self, issuer: str) -> None:
        """Fetch an issuer's keys, if they are stale and may be fetched."""
        entry = self._entries[issuer]
        async with entry.lock:
            if issuer in self._clients and entry.is_stale() and entry.may_fetch():
                await self._refresh(entry)

    def adopt(self, before: "JwksCache") -> None:
        """Go on with the keys that `before` has of issuers that are trusted as they were."""
        for issuer, entry in self._entries.items():
            known = before._entries.get(issuer)
            if known is not None and known.key_set is not None and known.trust == entry.trust:
                entry.go_on_from(known)

    def statistics(self) -> Mapping[str, JwksStatistics]:
        """By issuer string."""
        now = trio.current_time()
        return {
            issuer: JwksStatistics(
                fetches=entry.fetches,
                failures=entry.failures,
                keys=len(entry.key_set.keys) if entry.key_set else 0,
                usable=entry.usable() is not None,
                age_s=now - entry.loaded_at if entry.key_set else None,
                last_error=entry.last_error,
            )
            for issuer, entry in self._entries.items()
        }

    async def _refresh(self, entry: _Entry) -> None:
        entry.tried_at = trio.current_time()
        try:
            # Shielded: otherwise a peer that hangs up could burn the one fetch of this minute, over and over.
            with trio.CancelScope(shield=True), trio.fail_after(REFRESH_S):
                key_set, max_age_s = await self._fetch(entry)
        except (FetchFailed, ValueError, httpx.InvalidURL, trio.TooSlowError) as error:
            entry.fetches += 1
            entry.failures += 1
            entry.failed_in_a_row += 1
            # From its end: one that hung has had its time.
            entry.tried_at = trio.current_time()
            entry.last_error = str(error) or f"no keys within {REFRESH_S:.0f} s"
            return
        entry.fetches += 1
        entry.failed_in_a_row = 0
        now = trio.current_time()
        entry.key_set, entry.loaded_at, entry.last_error = key_set, now, ""
        entry.fresh_until = now + min(max_age_s, FRESH_AT_MOST_S)

    async def _fetch(self, entry: _Entry) -> tuple[KeySet, float]:
        client = self._clients[entry.issuer]
        jwks_uri = own_url(await discover(client, entry.issuer, entry.settings), "jwks_uri", entry.issuer)
        document, headers = await fetch_json(client, jwks_uri, dev=entry.settings.dev)
        return read_key_set(document), _max_age_s(headers)


def _max_age_s(headers: httpx.Headers) -> float:
    control = headers.get("cache-control", "")
    if "no-store" in control.lower() or "no-cache" in control.lower():
        return 0.0
    found = _MAX_AGE.search(control)
    return float(found.group(1)) if found else FRESH_AT_MOST_S
