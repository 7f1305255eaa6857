"""The key cache on a mock clock: when it fetches, what it keeps, what it drops."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from hoopwire.demo.issuer import DevIssuer
from hoopwire.identity import JwksCache, TokenRefused
from hoopwire.identity.keys.keyset import PublicKey
from hoopwire.model.settings import IssuerSettings

Lookup = Callable[..., Awaitable[PublicKey]]
UNKNOWN = ("unknown_kid", "key_not_known_yet")


@pytest.fixture
def lookup(keys: JwksCache, issuer: DevIssuer) -> Lookup:
    async def key(kid: str | None = None) -> PublicKey:
        return await keys.key(issuer.issuer, kid or issuer.signing_key.kid, "RS256")

    return key


async def code_of(waiting: Awaitable[Any]) -> str:
    with pytest.raises(TokenRefused) as caught:
        await waiting
    return caught.value.code


async def test_one_fetch_serves_many_logins(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer
) -> None:
    for _ in range(50):
        await lookup()
    assert issuer.fetches == 1


async def test_parallel_first_logins_share_one_fetch(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer
) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(lookup)
    assert issuer.fetches == 1


async def test_storm_of_unknown_kids_makes_at_most_one_fetch_in_ten_seconds(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer
) -> None:
    """Anybody may send tokens with made-up kids; each must not become a request at the issuer."""
    await lookup()
    started, before = trio.current_time(), issuer.fetches
    for number in range(3000):
        assert await code_of(lookup(f"made-up-{number}")) in UNKNOWN
        await trio.sleep(0.2)
    tens = (trio.current_time() - started) / 10
    assert issuer.fetches - before <= tens + 1
    assert issuer.discoveries <= issuer.fetches


async def test_storm_in_parallel(autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer) -> None:
    await lookup()
    await trio.sleep(61)
    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(code_of, lookup(f"made-up-{number}"))
    assert issuer.fetches == 2


async def test_rotated_key_is_found_at_once(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer
) -> None:
    await lookup()
    await trio.sleep(61)
    issuer.rotate()
    await lookup()
    assert issuer.fetches == 2


async def test_second_rotation_within_ten_seconds_waits_for_them(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer
) -> None:
    await lookup()
    issuer.rotate()
    assert await code_of(lookup()) == "key_not_known_yet"
    await trio.sleep(10)
    await lookup()


async def test_a_made_up_kid_just_before_a_rotation_keeps_nobody_out_for_a_minute(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer
) -> None:
    """One unknown kid by a stranger burned the minute's fetch (R21): good tokens were refused."""
    await lookup()
    await trio.sleep(61)
    assert await code_of(lookup("made-up")) == "unknown_kid"
    issuer.rotate()
    refused = 0
    while True:
        await trio.sleep(1)
        assert await code_of(lookup("made-up-too")) in UNKNOWN
        try:
            await lookup()
            break
        except TokenRefused:
            refused += 1
    assert refused < 10
    assert issuer.fetches == 3


async def test_an_issuer_that_fails_is_asked_seldom_whatever_kid(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer
) -> None:
    """R21's kin: a stranger must not make the gateway ask an issuer that is down again and again."""
    await lookup()
    issuer.fail_jwks(503)
    await trio.sleep(61)
    before = issuer.discoveries
    asked = []
    for number in range(240):
        assert await code_of(lookup(f"made-up-{number}")) == "key_not_known_yet"
        asked.append(issuer.discoveries - before)
        await trio.sleep(1)
    assert asked[0] == 1
    assert asked[59] <= 4
    assert asked[-1] <= 4 + 3


async def test_keys_are_kept_fresh_without_a_login(
    autojump_clock: MockClock, keys: JwksCache, issuer: DevIssuer
) -> None:
    """Until somebody logged in nobody knew that the keys could not be fetched (R13)."""
    assert keys.stale() == (issuer.issuer,)
    await keys.keep_fresh(issuer.issuer)
    assert keys.stale() == ()
    assert keys.statistics()[issuer.issuer].usable
    issuer.fail_jwks(503)
    for _ in range(20):
        for stale in keys.stale():
            await keys.keep_fresh(stale)
        await trio.sleep(60)
    found = keys.statistics()[issuer.issuer]
    assert "503" in found.last_error
    assert found.usable
    assert found.failures <= 6


async def freshened(keys: JwksCache) -> None:
    """As `control.health` does every two seconds."""
    for issuer in keys.stale():
        await keys.keep_fresh(issuer)


async def test_vanished_key_is_dropped_at_refresh(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer, keys: JwksCache
) -> None:
    """An emergency rotation takes a stolen key away: it must not live on in the cache."""
    old = issuer.signing_key.kid
    await lookup()
    issuer.rotate(keep_old=False)
    await trio.sleep(15 * 60)
    await freshened(keys)
    assert await code_of(lookup(old)) in UNKNOWN


async def test_vanished_key_is_dropped_though_nobody_keeps_the_set_fresh(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer
) -> None:
    """Should the task that fetches behind the scenes be gone: a login does it, a minute later."""
    old = issuer.signing_key.kid
    await lookup()
    issuer.rotate(keep_old=False)
    await trio.sleep(16 * 60)
    assert await code_of(lookup(old)) == "unknown_kid"


async def test_fresh_for_a_quarter_of_an_hour_at_most(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer, keys: JwksCache
) -> None:
    """Okta sends a max-age of up to 44 days."""
    issuer.max_age_s = 44 * 24 * 3600
    await lookup()
    await trio.sleep(15 * 60 - 1)
    await freshened(keys)
    assert issuer.fetches == 1
    await trio.sleep(1)
    await freshened(keys)
    assert issuer.fetches == 2


async def test_shorter_max_age_is_honoured(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer, keys: JwksCache
) -> None:
    issuer.max_age_s = 120
    await lookup()
    await trio.sleep(119)
    await freshened(keys)
    assert issuer.fetches == 1
    await trio.sleep(1)
    await freshened(keys)
    assert issuer.fetches == 2


async def test_max_age_of_zero_is_still_one_fetch_a_minute(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer, keys: JwksCache
) -> None:
    issuer.max_age_s = 0
    for _ in range(600):
        await freshened(keys)
        await lookup()
        await trio.sleep(1)
    assert issuer.fetches <= 11


@pytest.mark.parametrize("status", [500, 404, 302, 204])
async def test_failing_fetch_does_not_empty_the_cache(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer, status: int
) -> None:
    await lookup()
    issuer.fail_jwks(status)
    for _ in range(23):
        await trio.sleep(3600)
        await lookup()


@pytest.mark.parametrize("published", [[], [{"kty": "oct", "k": "c2VjcmV0", "kid": "x"}], "keys", None])
async def test_useless_answer_does_not_empty_the_cache(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer, published: Any
) -> None:
    await lookup()
    issuer.published = published
    await trio.sleep(3600)
    await lookup()


async def test_hard_stop_after_a_day_without_a_fetch(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer, keys: JwksCache
) -> None:
    await lookup()
    issuer.fail_jwks(503)
    await trio.sleep(24 * 3600 + 1)
    assert await code_of(lookup()) == "keys_unavailable"
    assert "503" in keys.statistics()[issuer.issuer].last_error
    issuer.fail_jwks(None)
    await trio.sleep(60)
    await lookup()


async def test_issuer_that_was_never_reached(
    autojump_clock: MockClock, lookup: Lookup, issuer: DevIssuer
) -> None:
    issuer.fail_jwks(500)
    for _ in range(10):
        assert await code_of(lookup()) == "keys_unavailable"
    assert issuer.discoveries == 1
    issuer.fail_jwks(None)
    await trio.sleep(60)
    await lookup()


async def test_peer_that_hangs_up_does_not_burn_the_fetch_of_the_minute(
    autojump_clock: MockClock, issuer: DevIssuer, settings: IssuerSettings
) -> None:
    """Whoever sends a bad token first and disconnects could cancel the fetch, minute after minute."""

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await trio.sleep(2)
        await issuer.app(scope, receive, send)

    async with JwksCache({"dev": settings}, transport=httpx.ASGITransport(app=slow)) as keys:
        with trio.move_on_after(1) as gone:
            assert await code_of(keys.key(issuer.issuer, "made-up", "RS256")) == "unknown_kid"
        assert gone.cancel_called
        await keys.key(issuer.issuer, issuer.signing_key.kid, "RS256")
    assert issuer.fetches == 1


async def test_issuer_that_trickles_is_cut_off(
    autojump_clock: MockClock, issuer: DevIssuer, settings: IssuerSettings
) -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        await trio.sleep_forever()

    async with JwksCache({"dev": settings}, transport=httpx.ASGITransport(app=never)) as keys:
        started = trio.current_time()
        assert await code_of(keys.key(issuer.issuer, "any", "RS256")) == "keys_unavailable"
        assert trio.current_time() - started < 10


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://127.0.0.1:9/oauth2/dev-other"},
        {"issuer": "http://127.0.0.1:9/oauth2/dev-hoopwire/"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "http://127.0.0.1:10/oauth2/dev-hoopwire/v1/keys"},
        {"jwks_uri": "https://127.0.0.1:9/oauth2/dev-hoopwire/v1/keys"},
        {"jwks_uri": "http://127.0.0.1:9@evil.example/keys"},
        {"jwks_uri": "http://u@127.0.0.1:9/oauth2/dev-hoopwire/v1/keys"},
        {"jwks_uri": "//127.0.0.1:9/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://["},
    ],
)
async def test_discovery_that_leads_elsewhere(
    autojump_clock: MockClock, issuer: DevIssuer, settings: IssuerSettings, change: dict[str, Any]
) -> None:
    """Mix-up: metadata of another issuer, or keys from another place."""
    metadata = {"issuer": issuer.issuer, "jwks_uri": f"{issuer.issuer}/v1/keys"} | change

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        body = metadata if ".well-known" in request.url.path else {"keys": issuer.published}
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(body).encode()))

    asked: list[str] = []
    async with JwksCache({"dev": settings}, transport=httpx.MockTransport(answer)) as keys:
        assert await code_of(keys.key(issuer.issuer, issuer.signing_key.kid, "RS256")) == "keys_unavailable"
    assert len(asked) == 1, "nothing but discovery may be asked"


@pytest.mark.parametrize("kind", ["okta", "oidc"])
async def test_either_discovery_document_will_do(
    autojump_clock: MockClock, issuer: DevIssuer, kind: Any
) -> None:
    """The kind's own document is asked for first; where it is missing, the other one."""
    first = {"okta": "oauth-authorization-server", "oidc": "openid-configuration"}[kind]

    async def without_first(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith(first):
            scope = scope | {"path": "/missing"}
        await issuer.app(scope, receive, send)

    settings = IssuerSettings(issuer=issuer.issuer, dev=True, kind=kind)
    async with JwksCache({"dev": settings}, transport=httpx.ASGITransport(app=without_first)) as keys:
        await keys.key(issuer.issuer, issuer.signing_key.kid, "RS256")
