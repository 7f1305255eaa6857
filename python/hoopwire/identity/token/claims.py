"""Makes a `Principal` of verified claims, in Okta's words or in RFC 9068's, never in a mixture of both.

Okta custom authorization servers say `cid` and `scp` (array); agent-to-agent tokens and RFC 9068 say
`client_id` and `scope` (string). A token with both and two values means two things, so it is refused.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from hoopwire.identity.refusal import TokenRefused, claim_refused
from hoopwire.model.identity import Principal, PrincipalKind, Vouched
from hoopwire.model.settings import IssuerSettings

MAX_ACTORS: Final = 8
_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
_JTI: Final = re.compile(r"[\x21-\x7e]{1,256}")
_FORM: Final = "a text of 1 to 256 ASCII characters without blanks"
_MAX_NAME: Final = 256
_T = TypeVar("_T")
_ID_TOKEN_CLAIMS: Final = ("nonce", "at_hash", "c_hash", "s_hash")


def client_id(claims: Mapping[str, Any], settings: IssuerSettings) -> str | None:
    """`cid` or `client_id`, of Keycloak `client_id` or `azp`; none if neither is there."""
    if settings.kind == "keycloak":
        return _one_of(claims, "client_id", "azp", _ID)
    return _one_of(claims, "cid", "client_id", _ID)


def token_id(claims: Mapping[str, Any]) -> str:
    """`jti`. The ledger needs it, so a token without one is refused."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        if "jti" not in claims:
            raise claim_refused("the token has no claim jti, by which it is known again")
        raise claim_refused(f"the token's claim jti is not {_FORM}")
    return jti


def scopes(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """`scp` (array) or `scope` (string, space separated); empty if neither is there."""
    found: list[tuple[str, ...]] = []
    if "scp" in claims:
        listed = claims["scp"]
        if not isinstance(listed, list) or not all(isinstance(scope, str) and scope for scope in listed):
            raise claim_refused("the token's claim scp is not an array of texts")
        found.append(tuple(listed))
    if "scope" in claims:
        text = claims["scope"]
        if not isinstance(text, str):
            raise claim_refused("the token's claim scope is not a text")
        found.append(tuple(text.split()))
    if len(found) == 2 and set(found[0]) != set(found[1]):
        raise claim_refused("the token's claims scp and scope differ")
    return found[0] if found else ()


def looks_like_id_token(claims: Mapping[str, Any]) -> bool:
    """OpenID Connect Core 2: claims only an ID token has, or an audience that is the client itself."""
    if any(name in claims for name in _ID_TOKEN_CLAIMS) or claims.get("typ") == "ID":  # Keycloak's word
        return True
    audience = claims.get("aud")
    return isinstance(audience, str) and audience in (
        claims.get("cid"),
        claims.get("client_id"),
        claims.get("azp"),
    )


def principal(claims: Mapping[str, Any], cid: str, settings: IssuerSettings) -> Principal:
    """Agents by `cid`, people by `uid`. `sub` is display only for Okta: administrators can remap it."""
    issuer: str = claims["iss"]
    uid = _user_id(claims, cid, settings)
    kind: PrincipalKind = "user" if uid is not None else "ai_agent" if cid in settings.agents else "service"
    return Principal(issuer=issuer, kind=kind, cid=cid, uid=uid, name=_name(claims), actors=_actors(claims))


def vouched(claims: Mapping[str, Any], kid: str, settings: IssuerSettings) -> Vouched:
    """Whose token this is, as far as its claims can be read; one that can't be spoils no other."""

    def readable(read: Callable[[], _T], otherwise: _T) -> _T:
        try:
            return read()
        except TokenRefused:
            return otherwise

    cid = readable(lambda: client_id(claims, settings), None) or ""
    return Vouched(
        iss=claims["iss"],
        kid=kid,
        cid=cid,
        uid=readable(lambda: _user_id(claims, cid, settings), None) or "",
        jti=readable(lambda: token_id(claims), ""),
        act=readable(lambda: _actors(claims), ()),
    )


def _user_id(claims: Mapping[str, Any], cid: str, settings: IssuerSettings) -> str | None:
    """Okta: `uid`, absent when no user is bound. Elsewhere: `sub`, unless that is the client (RFC 9068)."""
    name = "uid" if settings.kind == "okta" else "sub"
    if name not in claims or (name == "sub" and claims[name] == cid):
        return None
    if settings.kind == "keycloak" and is_service_account(claims, cid):
        return None
    uid = claims[name]
    if not isinstance(uid, str) or not _ID.fullmatch(uid):
        raise claim_refused(f"the token's claim {name} is not {_FORM}")
    return uid


def is_service_account(claims: Mapping[str, Any], cid: str) -> bool:
    """Of Keycloak, where a client's own `sub` is the UUID of a user that was made for it.

    Its session alone has the note that `client_id` comes from, and that user's name is the client's; user
    names are unique, so that no other can take it.
    """
    return (
        claims.get("client_id") == cid
        and claims.get("preferred_username") == f"service-account-{cid}".lower()
    )


def _name(claims: Mapping[str, Any]) -> str:
    sub = claims.get("sub", "")
    if not isinstance(sub, str):
        raise claim_refused("the token's claim sub is not a text")
    return "".join(letter if letter.isprintable() else "?" for letter in sub[:_MAX_NAME])


def _actors(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The `act` chain (RFC 8693, 4.1): the current actor first, each one's predecessor inside it."""
    actors: list[str] = []
    holder: Mapping[str, Any] = claims
    while "act" in holder:
        if len(actors) == MAX_ACTORS:
            raise claim_refused(f"the token's claim act names more than {MAX_ACTORS} actors")
        holder = holder["act"]
        if not isinstance(holder, dict):
            raise claim_refused("the token's claim act is not an object")
        actor = _one_of(holder, "cid", "client_id", _ID) or holder.get("sub")
        if not isinstance(actor, str) or not _ID.fullmatch(actor):
            raise claim_refused("the token's claim act has an actor without client_id or sub")
        actors.append(actor)
    return tuple(actors)


def _one_of(claims: Mapping[str, Any], first: str, second: str, form: re.Pattern[str]) -> str | None:
    values = []
    for name in (first, second):
        value = claims.get(name)
        if name in claims and (not isinstance(value, str) or not form.fullmatch(value)):
            raise claim_refused(f"the token's claim {name} is not {_FORM}")
        values += [value] if name in claims else []
    if len(values) == 2 and values[0] != values[1]:
        raise claim_refused(f"the token's claims {first} and {second} differ")
    return values[0] if values else None
