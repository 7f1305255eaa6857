"""Tries the issuers as the gateway will: discovery, its keys, and whether one of them fits."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import httpx
import trio

from hoopwire.cli.trials.trial import Trial, failed, warned
from hoopwire.config.positions import Key
from hoopwire.identity.keys.fetch import FetchFailed, IssuerClient, NotThere, fetch_json, make_client
from hoopwire.identity.keys.jwks import JwksCache
from hoopwire.model.settings import IssuerSettings

_CLOCK_S = 30
_TO_DO = (
    ("cannot be resolved", "look at the host's name and at this machine's DNS"),
    (
        "private address",
        "the gateway asks issuers at public addresses only",
    ),
    ("not loopback", "a dev issuer is on this machine"),
    ("certificate", "give the CA of the issuer's certificate as `ca`, or have the certificate renewed"),
    ("discovery names another issuer", "write `issuer` exactly as the discovery document has it"),
    ("HTTP 404", "the path is wrong; Okta's is https://DOMAIN/oauth2/ID"),
    ("jwks_uri", "the issuer's keys must be at the issuer's own origin"),
    (
        "cannot connect",
        "a firewall may stand between: the gateway connects without a proxy",
    ),
    ("no whole answer", "a firewall may stand between: the gateway connects without a proxy"),
)


def try_issuer(name: str, settings: IssuerSettings) -> Iterator[Trial]:
    """Each of its issuer strings."""
    for index, issuer in enumerate(settings.issuers):
        key: Key = ("issuers", name, "issuer")
        if not isinstance(settings.issuer, str):
            key = (*key, index)
        yield from trio.run(_try, key, issuer, settings)


async def _try(key: Key, issuer: str, settings: IssuerSettings) -> list[Trial]:
    tried = f"discovery and keys of {issuer}"
    try:
        cache = JwksCache({"tried": settings})
        async with cache:
            await cache.keep_fresh(issuer)
    except OSError as error:
        return [failed((*key[:2], "ca"), tried, f"cannot be used: {error}", "give a PEM bundle")]
    found = cache.statistics()[issuer]
    if not found.usable:
        to_do = next((to_do for words, to_do in _TO_DO if words in found.last_error), "try its URL with curl")
        return [failed(key, tried, found.last_error, to_do)]
    if not found.keys:
        return [failed(key, tried, "no key that tokens can be signed with", "look at its signing keys")]
    return [Trial(key=key, tried=tried, found=f"keys: {found.keys}"), *await _clock(key, issuer, settings)]


async def _clock(key: Key, issuer: str, settings: IssuerSettings) -> list[Trial]:
    """Its clock by ours: a token is not valid before its time, nor after."""
    try:
        async with make_client(settings.ca, addresses=settings.addresses, proxy=settings.proxy) as client:
            headers = await _headers(client, issuer, settings)
            ahead_s = time.time() - parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (FetchFailed, ValueError, TypeError):
        return []
    tried = f"clock beside {httpx.URL(issuer).host}'s"
    if abs(ahead_s) <= _CLOCK_S:
        return [Trial(key=key, tried=tried, found=f"within {_CLOCK_S} s")]
    found = f"this machine's is {abs(ahead_s):.0f} s {'ahead' if ahead_s > 0 else 'behind'}"
    return [warned(key, tried, found, "set it by NTP: tokens are refused as expired, or as not valid yet")]


async def _headers(client: IssuerClient, issuer: str, settings: IssuerSettings) -> httpx.Headers:
    base = issuer.rstrip("/") + "/.well-known/"
    try:
        return (await fetch_json(client, base + "openid-configuration", dev=settings.dev))[1]
    except NotThere:
        return (await fetch_json(client, base + "oauth-authorization-server", dev=settings.dev))[1]
