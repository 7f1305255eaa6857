"""The checks of a token's claims, in their order, for `verify` and for `examine`: there is one list of them.

They come once the signature is known to hold (steps 8 to 13), or in `examine` with the word that it is not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hoopwire.identity.groups import groups
from hoopwire.identity.refusal import refused
from hoopwire.identity.token.claims import client_id, looks_like_id_token, principal, scopes, token_id
from hoopwire.identity.token.preparse import Presented, check_times
from hoopwire.model.identity import Evidence, Identity
from hoopwire.model.settings import IssuerSettings

SKEW_S: Final = 30
"""How far ahead of our clock `iat` and `nbf` may be. `exp` gets no leeway."""


@dataclass
class Reading:
    """A token that is being read, and what the checks so far have made of it."""

    presented: Presented
    settings: IssuerSettings
    audience: str
    now: float
    cid: str | None = None
    scopes: tuple[str, ...] | None = None
    identity: Identity | None = None

    @property
    def claims(self) -> Mapping[str, Any]:
        """The payload."""
        return self.presented.claims


def _times(reading: Reading) -> None:
    """Step 8."""
    check_times(reading.presented.claims)


def _clock(reading: Reading) -> None:
    """Step 9. `exp` has no leeway; `iat` and `nbf` may be ahead by the skew."""
    now, claims = reading.now, reading.claims
    if claims["exp"] <= now:
        raise refused("expired", f"exp {claims['exp']} is {now - claims['exp']:.0f} s ago")
    for name in ("iat", "nbf"):
        if claims.get(name, 0) > now + SKEW_S:
            raise refused(
                "not_yet_valid", f"{name} is {claims[name] - now:.0f} s ahead of the gateway's clock"
            )


def _audience(reading: Reading) -> None:
    """Step 10: one string, exactly ours. An ID token fails here first, and is named for what it is."""
    audience = reading.claims.get("aud")
    if isinstance(audience, str) and audience == reading.audience:
        return
    if looks_like_id_token(reading.claims):
        raise refused("id_token", "an ID token: nonce, at_hash, or aud is the client itself")
    shown = repr(audience)[:256] if isinstance(audience, str) else f"a {type(audience).__name__}"
    raise refused("wrong_audience", f"aud is {shown}, not {reading.audience!r}", audience=reading.audience)


def _kind(reading: Reading) -> None:
    """Step 11: an access token, of a client."""
    cid = client_id(reading.claims, reading.settings)
    if looks_like_id_token(reading.claims):
        raise refused("id_token", "an ID token: nonce, at_hash, or aud is the client itself")
    if cid is None:
        raise refused("not_an_access_token", "it names no client (cid, client_id)")
    reading.cid = cid


def _scope(reading: Reading) -> None:
    """Step 12."""
    granted, required = scopes(reading.claims), reading.settings.required_scope
    if required and required not in granted:
        raise refused("scope_missing", f"scope {required!r} missing", scope=required)
    reading.scopes = granted


def _possession(reading: Reading) -> None:
    """Step 13. A bound token without its proof is a stolen one; no door of the gateway takes a proof yet."""
    if "cnf" in reading.claims:
        raise refused("possession_required", "cnf is present, and no proof of possession came with the token")


def _identity(reading: Reading) -> None:
    """Whose it is, and by what policies will decide."""
    claims, settings, cid, granted = reading.claims, reading.settings, reading.cid, reading.scopes
    if cid is None or granted is None:
        raise refused("claims_refused", "the client or the scopes could not be read", what="")
    who = principal(claims, cid, settings)
    found = groups(claims, granted, who.key, settings.groups)
    reading.identity = Identity(
        principal=who,
        evidence=Evidence(
            jti=token_id(claims),
            kid=reading.presented.kid,
            iat=claims["iat"],
            exp=claims["exp"],
            scopes=granted,
            groups=found.names,
            groups_source=settings.groups.source,
            groups_as_of=int(reading.now) if settings.groups.source == "static" else claims["iat"],
            groups_lack=found.lack,
        ),
    )


CHECKS: Final[tuple[tuple[str, Callable[[Reading], None]], ...]] = (
    ("times", _times),
    ("clock", _clock),
    ("audience", _audience),
    ("client", _kind),
    ("scope", _scope),
    ("possession", _possession),
    ("identity", _identity),
)
"""By name, in the order in which all must pass."""
