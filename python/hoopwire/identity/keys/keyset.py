"""Reads a JWK set (RFC 7517): keeps keys that verify signatures, fit our algorithms and are strong enough.

A key that does not qualify is left out and does not spoil the set: issuers publish encryption keys and new
key types beside the ones we use. One that can be broken is left out by name.
"""

from collections.abc import Mapping
from typing import Any, Final

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from hoopwire.identity.keys.weak import is_roca

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
"""Verifying is quadratic in the modulus: a larger one is a way to keep the gateway busy."""
MAX_KEYS: Final = 64

_CURVES: Final[Mapping[str, str]] = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
_PRIVATE_MEMBERS: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


class KeySet(msgspec.Struct, frozen=True):
    """Verification keys of one issuer by `kid`. `alg` is the JWK's own restriction, empty if it has none."""

    keys: Mapping[str, tuple[tuple[str, PublicKey], ...]]
    weak: Mapping[str, str] = {}
    """What is wrong with a key that is left out because it can be broken, by its `kid`."""

    def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """The one key with this id that fits the algorithm; none also where two fit (which one is meant?)."""
        found = [
            key for alg, key in self.keys.get(kid, ()) if alg in ("", algorithm) and fits(key, algorithm)
        ]
        return found[0] if len(found) == 1 else None

    def knows(self, kid: str) -> bool:
        """Whether the issuer publishes a usable key with this id, whatever its type."""
        return kid in self.keys


def fits(key: PublicKey, algorithm: str) -> bool:
    """Whether the key's type is the algorithm's: a token cannot pick another algorithm for a known key."""
    if algorithm[:2] in ("RS", "PS"):
        return isinstance(key, rsa.RSAPublicKey)
    if algorithm in _CURVES:
        return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == _CURVES[algorithm]
    return algorithm == "EdDSA" and isinstance(key, ed25519.Ed25519PublicKey)


def read_key_set(document: Mapping[str, Any]) -> KeySet:
    """The usable keys of a JWK set. Raises ValueError if it is no JWK set or holds no usable key."""
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise ValueError("no JWK set: 'keys' is not a list")
    if len(entries) > MAX_KEYS:
        raise ValueError(f"{len(entries)} keys, more than {MAX_KEYS}")
    keys: dict[str, tuple[tuple[str, PublicKey], ...]] = {}
    weak: dict[str, str] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        kid, alg = entry.get("kid"), entry.get("alg", "")
        if not isinstance(kid, str) or not isinstance(alg, str):
            continue
        key = _read_key(entry)
        if key is None:
            continue
        if (problem := _weakness(key)) is not None:
            weak[kid] = problem
        else:
            keys[kid] = (*keys.get(kid, ()), (alg, key))
    if not keys:
        named = "".join(f"; key {kid[:128]!r} is {problem}" for kid, problem in weak.items())
        raise ValueError(f"no usable signature key in the set{named}")
    return KeySet(keys, weak)


def _weakness(key: PublicKey) -> str | None:
    """Why whoever signs with it may be another than the issuer, or cost us too much."""
    if not isinstance(key, rsa.RSAPublicKey):
        return None
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        return f"an RSA key of {key.key_size} bits, which must have {MIN_RSA_BITS} to {MAX_RSA_BITS}"
    numbers = key.public_numbers()
    if numbers.e.bit_length() > 33:
        return f"an RSA key with an exponent of {numbers.e.bit_length()} bits"
    return "an RSA key of the ROCA kind (CVE-2017-15361)" if is_roca(numbers.n) else None


def _read_key(entry: dict[str, Any]) -> PublicKey | None:
    if entry.get("use", "sig") != "sig":
        return None
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if any(name in entry for name in _PRIVATE_MEMBERS):
        return None  # a published private key proves nothing
    try:
        match entry.get("kty"):
            case "RSA":
                key: object = RSAAlgorithm.from_jwk(entry)
            case "EC":
                key = ECAlgorithm.from_jwk(entry)
            case "OKP":
                key = OKPAlgorithm.from_jwk(entry)
            case _:
                return None
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, AttributeError):
        return None
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return key
    return None
