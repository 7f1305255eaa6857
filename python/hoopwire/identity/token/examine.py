"""Looks at a token for an operator: each check by itself, also those behind one that fails.

Nothing here lets anybody in: `verify` does, by the same checks in the same order.
"""

import time
from collections.abc import Mapping
from typing import Literal

import msgspec

from hoopwire.identity.keys.jwks import KeySource
from hoopwire.identity.refusal import TokenRefused
from hoopwire.identity.token.checks import CHECKS, Reading
from hoopwire.identity.token.claims import is_service_account
from hoopwire.identity.token.preparse import SIZE_CAP_BYTES, Presented, parse
from hoopwire.identity.token.verify import select_issuer, verify_signature
from hoopwire.model.identity import Identity
from hoopwire.model.settings import IssuerSettings

Outcome = Literal["passed", "failed", "unknown"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check, and what it found. No text holds the token or a part of it."""

    name: str
    outcome: Outcome
    """`unknown`: it could not be looked at."""
    found: str
    code: str = ""
    """With which `verify` would refuse it."""
    hint: str = ""
    """What its principal would be told to do."""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """All checks, and whose the token is, by its own words where the signature could not be looked at."""

    checks: tuple[Check, ...]
    identity: Identity | None

    @property
    def first_failed(self) -> Check | None:
        """For which it would be refused."""
        return next((check for check in self.checks if check.outcome == "failed"), None)


async def examine(
    token: str,
    issuers: Mapping[str, IssuerSettings],
    audience: str,
    *,
    keys: KeySource | None,
    now: float | None = None,
) -> Examination:
    """Look at `token` by each check. `keys` none: the network is left alone, so is the signature."""
    checks: list[Check] = []
    try:
        presented = parse(token, "http")
        checks.append(_passed("form", _form(token, presented)))
        settings = select_issuer(presented, issuers)
    except TokenRefused as refusal:
        checks.append(_failed("issuer" if checks else "form", refusal))
        return Examination(checks=tuple(checks), identity=None)
    name = next(name for name, each in issuers.items() if each is settings)
    checks.append(_passed("issuer", f"[issuers.{name}] {presented.issuer}"))
    checks.append(await _signature(token, presented, audience, keys))
    reading = Reading(presented, settings, audience, time.time() if now is None else now)
    is_missing: set[str] = set()
    for check, look in CHECKS:
        lacks = sorted(is_missing & _NEEDS.get(check, set()))
        if lacks:
            checks.append(Check(name=check, outcome="unknown", found=f"needs: {', '.join(lacks)}"))
            is_missing.add(check)
            continue
        try:
            look(reading)
        except TokenRefused as refusal:
            checks.append(_failed(check, refusal))
            is_missing.add(check)
        else:
            checks.append(_passed(check, _found(check, reading)))
    return Examination(checks=tuple(checks), identity=reading.identity)


_NEEDS = {"clock": {"times"}, "identity": {"times", "client", "scope"}}
"""What a check takes from others. A missing scope is told, and ends what could be said of who it is."""


async def _signature(token: str, presented: Presented, audience: str, keys: KeySource | None) -> Check:
    if keys is None:
        words = f"not looked at, nor whether its issuer has the key {presented.kid}: --online does"
        return Check(name="signature", outcome="unknown", found=words)
    try:
        key = await keys.key(presented.issuer, presented.kid, presented.algorithm)
        verify_signature(token, key, presented, audience)
    except TokenRefused as refusal:
        return _failed("signature", refusal)
    return _passed("signature", f"by key {presented.kid} of its issuer")


def _form(token: str, presented: Presented) -> str:
    cap = SIZE_CAP_BYTES["native"]
    size = f"{len(token)} bytes" + (f", too large for a password ({cap})" if len(token) > cap else "")
    return f"a signed JWT ({presented.algorithm}) of {size}"


def _found(check: str, reading: Reading) -> str:
    claims = reading.claims
    match check:
        case "times":
            return f"it lives for {claims['exp'] - claims['iat']} s"
        case "clock":
            return f"{claims['exp'] - reading.now:.0f} s are left"
        case "audience":
            return reading.audience
        case "client":
            return f"an access token of client {reading.cid}"
        case "scope":
            return " ".join(reading.scopes or ()) or "none, and none is required"
        case "possession":
            return "a bearer token, bound to no key"
    who = reading.identity
    if who is None:
        return ""
    evidence = who.evidence
    groups = ", ".join(evidence.groups) or f"none: {evidence.groups_lack}"
    words = f"{who.principal.key}, a {who.principal.kind}; groups (from {evidence.groups_source}): {groups}"
    if reading.settings.kind == "oidc" and is_service_account(claims, who.principal.cid):
        words += '; it is a Keycloak service account: with kind = "keycloak" it is known by its client id'
    return words


def _passed(name: str, found: str) -> Check:
    return Check(name=name, outcome="passed", found=found)


def _failed(name: str, refusal: TokenRefused) -> Check:
    return Check(name=name, outcome="failed", found=refusal.internal, code=refusal.code, hint=refusal.hint)
