"""Verifies an access token in sixteen steps: all must pass, in this order, and nowhere else.

Two programs that parse the same token would disagree some day, so nobody else in the gateway reads one.
Each step is marked below with its number. Steps 1 to 4 are `preparse.parse`; step 16, the ledger, is the
control plane's, because it is written together with the grant.
"""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Protocol, Self

import jwt
from jwt.exceptions import InvalidJTIError, InvalidSubjectError

from hoopwire.identity.device import DeviceFlow
from hoopwire.identity.groups import groups
from hoopwire.identity.issuers import check_issuers, is_org_server
from hoopwire.identity.keys.jwks import JwksCache, JwksStatistics, KeySource
from hoopwire.identity.keys.keyset import PublicKey, fits
from hoopwire.identity.refusal import refused
from hoopwire.identity.token.claims import client_id, looks_like_id_token, principal, scopes, token_id
from hoopwire.identity.token.preparse import Channel, Presented, check_times, parse
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.settings import IssuerSettings

SKEW_S: Final = 30
"""How far ahead of our clock `iat` and `nbf` may be. `exp` gets no leeway."""

_REQUIRED: Final = ["iss", "aud", "exp", "iat", "jti"]
_CLAIM_OBJECTIONS: Final = (
    jwt.InvalidAudienceError,
    jwt.InvalidIssuerError,
    InvalidJTIError,
    InvalidSubjectError,
    jwt.MissingRequiredClaimError,
)


class Watermarks(Protocol):
    """Revocation by time: a token issued at or before the watermark is refused."""

    def revoked_before(self, issuer: str, key: str, groups: tuple[str, ...]) -> float | None:
        """The latest watermark (Unix seconds) of this issuer, this principal key or one of the groups."""
        ...


class Introspection(Protocol):
    """RFC 7662, as policy asks for it: the only way to see a deactivated client before its token expires."""

    async def active(self, issuer: str, token: str) -> bool:
        """Whether the issuer still stands by the token. Raises `TokenRefused` if it cannot say."""
        ...


class Verifier:
    """The relying party. Use it as an async context manager, which owns the HTTP client of its key cache.

    Raises ValueError for issuers that `check_issuers` objects to.
    """

    def __init__(
        self,
        issuers: Mapping[str, IssuerSettings],
        audience: str,
        *,
        keys: KeySource | None = None,
        watermarks: Watermarks | None = None,
        introspection: Introspection | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        problems = check_issuers(issuers)
        if not audience:
            problems.append("gateway.audience is empty.")
        if problems:
            raise ValueError(" ".join(problems))
        self._issuers = issuers
        self._by_issuer = {issuer: settings for settings in issuers.values() for issuer in settings.issuers}
        self._audience = audience
        self._own_cache: JwksCache | None = None
        if keys is None:
            keys = self._own_cache = JwksCache(issuers)
        self._keys = keys
        self.device = DeviceFlow(issuers)
        """How people log in with a browser, where an issuer has that."""
        self._watermarks = watermarks
        self._introspection = introspection
        self._now = now

    async def __aenter__(self) -> Self:
        if self._own_cache is not None:
            await self._own_cache.__aenter__()
        await self.device.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.device.__aexit__(kind, error, trace)
        if self._own_cache is not None:
            await self._own_cache.__aexit__(kind, error, trace)

    def stale(self) -> tuple[str, ...]:
        """Issuers whose keys are to be fetched, before a login has to."""
        return () if self._own_cache is None else self._own_cache.stale()

    async def keep_fresh(self, issuer: str) -> None:
        """Fetch them, if they still are."""
        if self._own_cache is not None:
            await self._own_cache.keep_fresh(issuer)

    def issuers(self) -> Mapping[str, JwksStatistics]:
        """What is known of each issuer's keys."""
        return {} if self._own_cache is None else self._own_cache.statistics()

    async def verify(self, token: str, *, channel: Channel) -> Identity:
        """Who this token is, after every check. Raises `TokenRefused`.

        `channel` is `native` (a database password, 8 KiB), `http` (a bearer token, 16 KiB) or `ssh`
        (what the issuer gave the gateway itself, 16 KiB). Touches the network only for a configured issuer,
        and seldom (`identity.keys.jwks`).
        """
        presented = parse(token, channel)  # 1 size, 2 segments, 3 header, 4 typ
        settings = self._select_issuer(presented)  # 5 iss, and alg against that issuer's own list
        key = await self._keys.key(presented.issuer, presented.kid, presented.algorithm)  # 6 key
        objection = _verify_signature(token, key, presented, self._audience)  # 7 signature
        claims = presented.claims
        check_times(claims)  # 8 payload
        self._check_clock(claims)  # 9 exp, iat, nbf
        self._check_audience(claims)  # 10 aud
        cid = _check_is_access_token(claims)  # 11 an access token
        granted = _check_scope(claims, settings)  # 12 scope
        _check_possession(claims)  # 13 cnf
        if objection is not None:
            raise refused("claims_refused", f"PyJWT objects: {objection}")
        who = principal(claims, cid, settings)
        evidence = Evidence(
            jti=token_id(claims),
            kid=presented.kid,
            iat=claims["iat"],
            exp=claims["exp"],
            scopes=granted,
            groups=groups(claims, granted, who.key, settings.groups),
            groups_source=settings.groups.source,
            groups_as_of=int(self._now()) if settings.groups.source == "static" else claims["iat"],
        )
        self._check_watermarks(who, evidence)  # 14 revocation
        if self._introspection is not None and not await self._introspection.active(presented.issuer, token):
            raise refused("inactive", f"{presented.issuer} says the token is not active")  # 15 introspection
        return Identity(principal=who, evidence=evidence)

    def _select_issuer(self, presented: Presented) -> IssuerSettings:
        """Step 5: byte-exact, and an unknown issuer costs no network."""
        settings = self._by_issuer.get(presented.issuer)
        if settings is None:
            shown = presented.issuer[:256]
            if is_org_server(presented.issuer, self._issuers):
                raise refused("org_server_token", f"iss {shown!r} is an Okta org authorization server")
            raise refused("unknown_issuer", f"iss {shown!r} is not configured")
        if presented.algorithm not in settings.algorithms:
            raise refused(
                "algorithm_refused", f"alg {presented.algorithm} is not in the list of {presented.issuer}"
            )
        return settings

    def _check_clock(self, claims: Mapping[str, Any]) -> None:
        """Step 9. `exp` has no leeway; `iat` and `nbf` may be ahead by the skew."""
        now = self._now()
        if claims["exp"] <= now:
            raise refused("expired", f"exp {claims['exp']} is {now - claims['exp']:.0f} s ago")
        for name in ("iat", "nbf"):
            if claims.get(name, 0) > now + SKEW_S:
                raise refused(
                    "not_yet_valid", f"{name} is {claims[name] - now:.0f} s ahead of the gateway's clock"
                )

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        """Step 10: one string, exactly ours. An ID token fails here first, and is named for what it is."""
        audience = claims.get("aud")
        if isinstance(audience, str) and audience == self._audience:
            return
        if looks_like_id_token(claims):
            raise refused("id_token", "an ID token: nonce, at_hash, or aud is the client itself")
        shown = repr(audience)[:256] if isinstance(audience, str) else f"a {type(audience).__name__}"
        raise refused("wrong_audience", f"aud is {shown}, not {self._audience!r}", audience=self._audience)

    def _check_watermarks(self, who: Principal, evidence: Evidence) -> None:
        """Step 14. `iat` is in whole seconds: a token of the watermark's own second counts as before it."""
        if self._watermarks is None:
            return
        watermark = self._watermarks.revoked_before(who.issuer, who.key, evidence.groups)
        if watermark is not None and evidence.iat <= watermark:
            raise refused(
                "revoked", f"{who.key} of {who.issuer}: everything up to {watermark:.0f} is revoked"
            )


def _verify_signature(token: str, key: PublicKey, presented: Presented, audience: str) -> str | None:
    """Step 7, over the original bytes. Returns PyJWT's objection to the claims, for after our own checks.

    A bare public key and one explicit algorithm: nothing in the token chooses how it is verified. The claims
    are checked again below, in our order and with our clock; PyJWT's own answer is kept as a second opinion.
    """
    if not fits(key, presented.algorithm):
        raise refused("key_unfit", f"the key does not fit {presented.algorithm}")
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[presented.algorithm],
            issuer=presented.issuer,
            audience=audience,
            options={
                "require": _REQUIRED,
                "strict_aud": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except _CLAIM_OBJECTIONS as objection:
        # PyJWT looks at claims only after the signature held. Were that to change: refused below in any case.
        return type(objection).__name__
    except jwt.PyJWTError as error:
        raise refused("bad_signature", f"signature: {type(error).__name__}") from None
    if claims != presented.claims:
        raise refused("malformed", "payload: PyJWT reads it differently")
    return None


def _check_is_access_token(claims: Mapping[str, Any]) -> str:
    """Step 11. Returns the client id."""
    cid = client_id(claims)
    if looks_like_id_token(claims):
        raise refused("id_token", "an ID token: nonce, at_hash, or aud is the client itself")
    if cid is None:
        raise refused("not_an_access_token", "neither cid nor client_id")
    return cid


def _check_scope(claims: Mapping[str, Any], settings: IssuerSettings) -> tuple[str, ...]:
    """Step 12. Returns the scopes."""
    granted = scopes(claims)
    if settings.required_scope and settings.required_scope not in granted:
        raise refused(
            "scope_missing", f"scope {settings.required_scope!r} missing", scope=settings.required_scope
        )
    return granted


def _check_possession(claims: Mapping[str, Any]) -> None:
    """Step 13. A bound token without its proof is a stolen one; no door of the gateway takes a proof yet."""
    if "cnf" in claims:
        raise refused("possession_required", "cnf is present, and no proof of possession came with the token")
