"""Who waits for an issuer that hangs, and what is tried when, and said: on a mock clock."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from hoopwire.demo.issuer import DevIssuer
from hoopwire.identity import JwksCache, TokenRefused
from hoopwire.model.settings import IssuerSettings


class Way:
    """To the issuer: open, or such that nothing comes back."""

    def __init__(self, issuer: DevIssuer) -> None:
        self.issuer = issuer
        self.hangs = False
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.hangs:
            await trio.sleep_forever()

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                kept = [
                    pair for pair in message["headers"] if not self.headers or pair[0] != b"cache-control"
                ]
                message = message | {"headers": kept + self.headers}
            await send(message)

        await self.issuer.app(scope, receive, sent)


@pytest.fixture
def way(issuer: DevIssuer) -> Way:
    return Way(issuer)


@pytest.fixture
async def keys(way: Way, settings: IssuerSettings) -> AsyncIterator[JwksCache]:
    async with JwksCache({"dev": settings}, transport=httpx.ASGITransport(app=way)) as cache:
        yield cache


async def keep(keys: JwksCache) -> None:
    """As `control.health` does."""
    async with trio.open_nursery() as nursery:
        while True:
            for issuer in keys.stale():
                nursery.start_soon(keys.keep_fresh, issuer)
            await trio.sleep(2)


async def refusal(keys: JwksCache, issuer: str, kid: str) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        await keys.key(issuer, kid, "RS256")
    return caught.value


@pytest.mark.parametrize("cache_control", ["", "no-cache", "no-store", "max-age=0", "max-age=60"])
async def test_a_login_with_a_known_key_never_waits(
    autojump_clock: MockClock,
    way: Way,
    keys: JwksCache,
    issuer: DevIssuer,
    nursery: trio.Nursery,
    cache_control: str,
) -> None:
    """I10: with a good but stale set each login waited for 6 s, again each minute, while the issuer hung;
    `cache-control: no-cache` made that the rule.
    """
    if cache_control:
        way.headers = [(b"cache-control", cache_control.encode())]
    kid = issuer.signing_key.kid
    await keys.key(issuer.issuer, kid, "RS256")
    nursery.start_soon(keep, keys)
    way.hangs = True
    for _ in range(300):
        await trio.sleep(7)
        before = trio.current_time()
        await keys.key(issuer.issuer, kid, "RS256")
        assert trio.current_time() == before, "on the mock clock: not a moment"
    assert keys.statistics()[issuer.issuer].failures > 5, "it was tried all the while"
    nursery.cancel_scope.cancel()


async def test_who_lacks_a_key_waits_once_and_shares_it(
    autojump_clock: MockClock, way: Way, keys: JwksCache, issuer: DevIssuer
) -> None:
    """I10: where no usable key is there, there is nothing to do but wait; boundedly, and together."""
    way.hangs = True
    before = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(refusal, keys, issuer.issuer, issuer.signing_key.kid)
    assert trio.current_time() - before <= 8
    assert keys.statistics()[issuer.issuer].fetches == 1
    at = trio.current_time()
    assert (await refusal(keys, issuer.issuer, "any")).code == "keys_unavailable"
    assert trio.current_time() == at


async def test_a_withdrawn_key_goes_behind_the_scenes(
    autojump_clock: MockClock, keys: JwksCache, issuer: DevIssuer, nursery: trio.Nursery
) -> None:
    """What does not wait must not go on for long with what the issuer has taken back."""
    old = issuer.signing_key.kid
    await keys.key(issuer.issuer, old, "RS256")
    nursery.start_soon(keep, keys)
    issuer.rotate(keep_old=False)
    await trio.sleep(15 * 60 + 3)
    assert (await refusal(keys, issuer.issuer, old)).code == "key_not_known_yet"
    nursery.cancel_scope.cancel()


async def test_one_failed_fetch_is_tried_again_soon(
    autojump_clock: MockClock, keys: JwksCache, issuer: DevIssuer
) -> None:
    """I11: the issuer was back after a second, and for 60 everybody was refused."""
    kid = issuer.signing_key.kid
    issuer.fail_jwks(503)
    first = await refusal(keys, issuer.issuer, kid)
    assert "Try again in 5 s." in first.hint
    issuer.fail_jwks(None)
    await trio.sleep(2)
    assert "Try again in 3 s." in (await refusal(keys, issuer.issuer, kid)).hint
    await trio.sleep(3)
    await keys.key(issuer.issuer, kid, "RS256")


async def test_second_tries_are_bounded(
    autojump_clock: MockClock, keys: JwksCache, issuer: DevIssuer
) -> None:
    """I11: soon, but not again and again: an issuer that is down is not held down."""
    issuer.fail_jwks(503)
    for _ in range(600):
        refused = await refusal(keys, issuer.issuer, issuer.signing_key.kid)
        assert refused.code == "keys_unavailable"
        await trio.sleep(1)
    assert issuer.discoveries <= 4 + 600 / 60


async def test_after_a_success_a_failure_is_the_first_again(
    autojump_clock: MockClock, keys: JwksCache, issuer: DevIssuer
) -> None:
    kid = issuer.signing_key.kid
    for _ in range(3):
        issuer.fail_jwks(503)
        await trio.sleep(61)
        assert (await refusal(keys, issuer.issuer, "made-up")).hint.endswith("Try again in 5 s.")
        issuer.fail_jwks(None)
        await trio.sleep(5)
        with pytest.raises(TokenRefused):
            await keys.key(issuer.issuer, "made-up", "RS256")
        await keys.key(issuer.issuer, kid, "RS256")


async def test_a_key_rotated_just_after_a_fetch(
    autojump_clock: MockClock, keys: JwksCache, issuer: DevIssuer
) -> None:
    """I11: "Send a valid access token of a configured issuer" to whoever had one of the newest key."""
    await keys.key(issuer.issuer, issuer.signing_key.kid, "RS256")
    issuer.rotate()
    await trio.sleep(2)
    refused = await refusal(keys, issuer.issuer, issuer.signing_key.kid)
    assert refused.code == "key_not_known_yet"
    assert refused.hint.endswith("Try again in 8 s.")
    assert "they are 2 s old" in refused.internal
    await trio.sleep(8)
    await keys.key(issuer.issuer, issuer.signing_key.kid, "RS256")


async def test_a_key_that_the_issuer_does_not_have(
    autojump_clock: MockClock, keys: JwksCache, issuer: DevIssuer
) -> None:
    """Looked for just now, and not there: nothing is said, as of a forged token."""
    refused = await refusal(keys, issuer.issuer, "made-up")
    assert (refused.code, refused.hint) == ("unknown_kid", "")
