"""Verifies an access token in sixteen steps: all must pass, in this order, and nowhere else.

Two programs that parse the same token would disagree some day, so nobody else in the gateway reads one.
Each step is marked with its number. Steps 1 to 4 are `preparse.parse`, 8 to 13 `checks.CHECKS`; step 16, the
ledger, is the control plane's, because it is written together with the grant.
"""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Protocol, Self

import jwt
from jwt.exceptions import InvalidJTIError, InvalidSubjectError

from hoopwire.identity.device import DeviceFlow
from hoopwire.identity.issuers import check_issuers, is_org_server
from hoopwire.identity.keys.jwks import JwksCache, JwksStatistics, KeySource
from hoopwire.identity.keys.keyset import PublicKey, fits
from hoopwire.identity.refusal import TokenRefused, refused
from hoopwire.identity.token.checks import CHECKS, Reading
from hoopwire.identity.token.claims import vouched
from hoopwire.identity.token.preparse import Channel, Presented, parse
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.settings import IssuerSettings

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

    def adopt(self, before: object) -> None:
        """Go on with the keys of the verifier that this one replaces, where the trust in them is the same."""
        if isinstance(before, Verifier) and self._own_cache is not None and before._own_cache is not None:
            self._own_cache.adopt(before._own_cache)

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
        settings = select_issuer(presented, self._issuers)  # 5 iss, and alg against that issuer's own list
        key = await self._keys.key(presented.issuer, presented.kid, presented.algorithm)  # 6 key
        objection = verify_signature(token, key, presented, self._audience)  # 7 signature
        try:
            identity = self._believe(presented, settings, objection)
            if self._introspection is not None and not await self._introspection.active(
                presented.issuer, token
            ):
                raise refused("inactive", f"{presented.issuer} says the token is not active")  # 15
        except TokenRefused as refusal:
            refusal.vouched = vouched(presented.claims, presented.kid, settings)
            raise
        return identity

    def _believe(self, presented: Presented, settings: IssuerSettings, objection: str | None) -> Identity:
        """Steps 8 to 14: the signature holds, so that the claims are the issuer's own."""
        reading = Reading(presented, settings, self._audience, self._now())
        for _, check in CHECKS:
            check(reading)
        if objection is not None or reading.identity is None:
            raise refused("claims_refused", f"PyJWT objects: {objection}", what="PyJWT refuses its claims")
        self._check_watermarks(reading.identity.principal, reading.identity.evidence)  # 14 revocation
        return reading.identity

    def _check_watermarks(self, who: Principal, evidence: Evidence) -> None:
        """Step 14. `iat` is in whole seconds: a token of the watermark's own second counts as before it."""
        if self._watermarks is None:
            return
        watermark = self._watermarks.revoked_before(who.issuer, who.key, evidence.groups)
        if watermark is not None and evidence.iat <= watermark:
            raise refused(
                "revoked", f"{who.key} of {who.issuer}: everything up to {watermark:.0f} is revoked"
            )


def select_issuer(presented: Presented, issuers: Mapping[str, IssuerSettings]) -> IssuerSettings:
    """Step 5: byte-exact, and an unknown issuer costs no network."""
    named = (settings for settings in issuers.values() if presented.issuer in settings.issuers)
    settings = next(named, None)
    if settings is None:
        shown = presented.issuer[:256]
        if is_org_server(presented.issuer, issuers):
            raise refused("org_server_token", f"iss {shown!r} is an Okta org authorization server")
        raise refused("unknown_issuer", f"iss {shown!r} is not configured")
    if presented.algorithm not in settings.algorithms:
        raise refused(
            "algorithm_refused", f"alg {presented.algorithm} is not in the list of {presented.issuer}"
        )
    return settings


def verify_signature(token: str, key: PublicKey, presented: Presented, audience: str) -> str | None:
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
        of = f"not by key {presented.kid} of {presented.issuer}"
        raise refused("bad_signature", f"signature: {type(error).__name__}, {of}") from None
    if claims != presented.claims:
        raise refused("malformed", "payload: PyJWT reads it differently")
    return None
