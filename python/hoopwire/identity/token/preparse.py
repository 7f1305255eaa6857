"""Parses the text of a token into header and claims, and refuses whatever could mean two things.

It runs before any key is looked up and before PyJWT sees the token, because on its own PyJWT takes duplicate
members, a string `exp` and any `typ`. It verifies no signature: nothing it returns may be trusted yet.

Cost is bounded by the size cap, which is checked before anything else looks at the text.
Sources: RFC 7515 (JWS), RFC 7519 (JWT), RFC 8725 (JWT best current practice), RFC 9068 (access
tokens).
"""

import base64
import binascii
import json
import math
import re
from typing import Any, Final, Literal

import msgspec

from hoopwire.identity.refusal import claim_refused, refused
from hoopwire.model.settings import ALGORITHMS

Channel = Literal["native", "http", "ssh"]

SIZE_CAP_BYTES: Final[dict[str, int]] = {"native": 8 * 1024, "http": 16 * 1024, "ssh": 16 * 1024}
MAX_LIFETIME_S: Final = 24 * 3600
MAX_DEPTH: Final = 16
"""Deep enough for an `act` chain of 8 inside the payload; JSON of this depth costs no stack."""

ASYMMETRIC: Final = frozenset(ALGORITHMS)
"""The algorithms an issuer's list may hold. `none` and HS* can never be configured."""

_SSWS: Final = re.compile(r"00[A-Za-z0-9_-]{40}")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+")
_KID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_STRINGS_AND_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
_TYPES: Final = ("JWT", "at+jwt", "application/at+jwt")
_FORBIDDEN_HEADERS: Final = ("crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc")
_MAX_DIGITS: Final = 18


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """A token's own words, not believed yet."""

    algorithm: str
    kid: str
    issuer: str
    claims: dict[str, Any]

    def __repr__(self) -> str:
        return f"Presented(algorithm={self.algorithm!r}, kid={self.kid!r}, issuer={self.issuer!r}, ...)"


def parse(token: str, channel: Channel) -> Presented:
    """Steps 1 to 4 of the verification list, and the payload's shape as far as reading `iss` needs it.

    Raises `TokenRefused`. Which algorithms the issuer itself allows is the caller's step: here only the ones
    that no issuer may allow are refused.
    """
    segments = _split(token, channel)
    header = _json_object(_base64url(segments[0], "header"), "header")
    algorithm, kid = _check_header(header)
    _check_type(header)
    _base64url(segments[2], "signature")
    claims = _json_object(_base64url(segments[1], "payload"), "payload")
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise refused("issuer_missing", "payload: iss is missing or not a string")
    return Presented(algorithm=algorithm, kid=kid, issuer=issuer, claims=claims)


def check_times(claims: dict[str, Any]) -> None:
    """Step 8: `exp` and `iat` are there, they and `nbf` are integers, the lifetime is at most 24 hours."""
    for name in ("exp", "iat", "nbf"):
        if name == "nbf" and name not in claims:
            continue
        if type(claims.get(name)) is not int:  # bool is an int to isinstance, and True is no point in time
            problem = "is not an integer" if name in claims else "is missing"
            raise claim_refused(f"the token's claim {name} {problem}")
    lifetime_s = claims["exp"] - claims["iat"]
    if lifetime_s <= 0:
        raise claim_refused("the token's claim exp is not after its iat")
    if lifetime_s > MAX_LIFETIME_S:
        raise refused("lifetime", f"lifetime of {lifetime_s} s is over {MAX_LIFETIME_S} s")


def _split(token: str, channel: Channel) -> list[str]:
    if len(token) > SIZE_CAP_BYTES[channel]:
        raise refused("too_large", f"{len(token)} characters, cap {SIZE_CAP_BYTES[channel]} for {channel}")
    if token.startswith("hw1_"):
        raise refused("grant_secret", "a grant secret where an access token belongs")
    if token[:5].upper() == "SSWS " or _SSWS.fullmatch(token):
        raise refused("ssws_token", "an Okta SSWS API token")
    if token[:7].lower() == "bearer ":
        raise refused("bearer_prefix", "the token starts with the word Bearer")
    segments = token.split(".")
    if len(segments) == 5:
        raise refused("encrypted_token", "five segments: JWE")
    if len(segments) != 3:
        raise refused("malformed", f"{len(segments)} segments instead of three")
    if segments[0] and segments[1] and not segments[2]:
        raise refused("unsigned", "the signature is empty")
    return segments


def _base64url(segment: str, name: str) -> bytes:
    """RFC 7515 section 2: no padding, no line breaks, and only the one canonical spelling of these bytes."""
    if not _SEGMENT.fullmatch(segment):
        raise refused("malformed", f"{name}: not base64url")
    try:
        raw = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise refused("malformed", f"{name}: not base64url") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != segment.encode("ascii"):
        raise refused("malformed", f"{name}: stray bits at the end of base64url")
    return raw


def _json_object(raw: bytes, name: str) -> dict[str, Any]:
    """An object with unique names, bounded depth, finite numbers and whole Unicode: one reading only."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise refused("malformed", f"{name}: not UTF-8") from None
    _check_depth(text, name)
    try:
        parsed = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_bounded_int,
            parse_float=_finite_float,
            parse_constant=_no_constant,
        )
        # An escaped lone surrogate parses, but cannot be written to a log or a database later.
        json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except _NotStrict as error:
        raise refused("malformed", f"{name}: {error}") from None
    except (ValueError, RecursionError):
        raise refused("malformed", f"{name}: not JSON") from None
    if not isinstance(parsed, dict):
        raise refused("malformed", f"{name}: not an object")
    return parsed


def _check_depth(text: str, name: str) -> None:
    depth = 0
    for match in _STRINGS_AND_BRACKETS.finditer(text):
        symbol = text[match.start()]
        if symbol in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise refused("malformed", f"{name}: nested deeper than {MAX_DEPTH}")
        elif symbol in "]}":
            depth -= 1


class _NotStrict(Exception):
    """Valid to a lenient JSON reader, but not to us."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotStrict("a member name occurs twice")
    return members


def _bounded_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise _NotStrict("a number has too many digits")
    return int(digits)


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _NotStrict("a number is not finite")
    return number


def _no_constant(constant: str) -> Any:
    raise _NotStrict(f"{constant} is not JSON")


def _check_header(header: dict[str, Any]) -> tuple[str, str]:
    """Step 3. Returns the algorithm and the key id."""
    algorithm = header.get("alg")
    if not isinstance(algorithm, str):
        raise refused("malformed", "header: alg is missing or not a string")
    if algorithm not in ASYMMETRIC:
        raise refused("algorithm_refused", f"header: alg {algorithm[:32]!r} is never accepted")
    for name in _FORBIDDEN_HEADERS:
        if name in header:
            raise refused("header_refused", f"header: {name} is present", name=name)
    kid = header.get("kid")
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise refused("kid_refused", "header: kid is missing or not of the allowed form")
    return algorithm, kid


def _check_type(header: dict[str, Any]) -> None:
    """Step 4. Okta documents no `typ`, so RFC 9068's cannot be required; other kinds are refused by name."""
    if "typ" not in header:
        return
    declared = header["typ"]
    if isinstance(declared, str) and declared in _TYPES:
        return
    shown = declared[:64] if isinstance(declared, str) else type(declared).__name__
    if declared in ("oauth-id-jag+jwt", "application/oauth-id-jag+jwt"):
        raise refused("id_jag", f"header: typ {shown!r}")
    raise refused("not_an_access_token", f"header: typ {shown!r}")
