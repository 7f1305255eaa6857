"""A dev issuer without sockets, a wall clock that a test moves, and a verifier on both."""

from collections.abc import AsyncIterator

import httpx
import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.issuer_tokens import SigningKey
from hoopwire.identity import JwksCache, Verifier
from hoopwire.model.settings import IssuerSettings

AUDIENCE = "hoopwire-dev"


class WallClock:
    """`time.time` for a test."""

    def __init__(self) -> None:
        self.time = 1_790_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def wall() -> WallClock:
    return WallClock()


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    """Making an RSA key is slow; one serves all tests that don't rotate."""
    return SigningKey()


@pytest.fixture
def issuer(wall: WallClock, signing_key: SigningKey) -> DevIssuer:
    made = DevIssuer("http://127.0.0.1:9", audience=AUDIENCE, now=wall, signing_key=signing_key)
    made.client("0oaAgent", groups=["analysts"], scopes=["database"])
    return made


@pytest.fixture
def settings(issuer: DevIssuer) -> IssuerSettings:
    return IssuerSettings(issuer=issuer.issuer, dev=True)


@pytest.fixture
async def keys(issuer: DevIssuer, settings: IssuerSettings) -> AsyncIterator[JwksCache]:
    async with JwksCache({"dev": settings}, transport=httpx.ASGITransport(app=issuer.app)) as cache:
        yield cache


@pytest.fixture
def verifier(keys: JwksCache, settings: IssuerSettings, wall: WallClock) -> Verifier:
    return Verifier({"dev": settings}, AUDIENCE, keys=keys, now=wall)
