"""Which published keys may verify what."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from hoopwire.demo.issuer_tokens import SigningKey
from hoopwire.identity.keys.keyset import read_key_set

RSA = SigningKey("rsa")
EC = ec.generate_private_key(ec.SECP256R1())
EC_JWK = json.loads(ECAlgorithm.to_jwk(EC.public_key())) | {"kid": "ec"}
ED = json.loads(OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key())) | {"kid": "ed"}


def usable(jwk: dict[str, Any], algorithm: str = "RS256") -> bool:
    other = SigningKey.__new__(SigningKey)  # a good neighbour, so that the set itself is never refused
    other.kid, other.private = "neighbour", RSA.private
    return read_key_set({"keys": [other.jwk(), jwk]}).find(jwk.get("kid", ""), algorithm) is not None


def test_a_plain_rsa_key_is_usable() -> None:
    assert usable(RSA.jwk())
    assert usable({name: value for name, value in RSA.jwk().items() if name not in ("alg", "use")}, "PS256")


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"alg": "RS512"},
        {"alg": "RSA-OAEP"},
        {"kty": "oct"},
        {"kty": None},
        {"kid": None},
        {"kid": 7},
        {"n": "!!"},
        {"n": None},
        {"e": "AQ"},
        {"e": base64.urlsafe_b64encode(b"\x01" * 64).decode().rstrip("=")},
        {"k": "c2VjcmV0"},
    ],
)
def test_keys_that_do_not_qualify_are_left_out(change: dict[str, Any]) -> None:
    jwk = RSA.jwk() | change
    jwk = {name: value for name, value in jwk.items() if value is not None}
    assert not usable(jwk)


def test_published_private_key_is_not_trusted() -> None:
    jwk = json.loads(RSAAlgorithm.to_jwk(RSA.private)) | {"kid": "rsa"}
    assert not usable(jwk)


@pytest.mark.parametrize(("bits", "good"), [(1024, False), (2047, False), (2048, True), (3072, True)])
def test_rsa_strength(bits: int, good: bool) -> None:
    assert usable(SigningKey("weak", bits=bits).jwk()) is good


def test_key_type_decides_the_algorithm() -> None:
    """Algorithm list bypass by key type: a known kid must not verify with another family."""
    assert usable(EC_JWK, "ES256")
    assert usable(ED, "EdDSA")
    for jwk, algorithms in (
        (EC_JWK, ("RS256", "PS256", "ES384", "EdDSA", "HS256")),
        (ED, ("RS256", "ES256", "HS256")),
        ({k: v for k, v in RSA.jwk().items() if k != "alg"}, ("ES256", "EdDSA", "HS256", "none")),
    ):
        for algorithm in algorithms:
            assert not usable(jwk, algorithm)


def test_two_keys_with_one_id_and_type_are_none() -> None:
    keys = read_key_set({"keys": [RSA.jwk(), SigningKey("rsa").jwk()]})
    assert keys.find("rsa", "RS256") is None


def test_two_keys_with_one_id_of_different_types() -> None:
    keys = read_key_set({"keys": [RSA.jwk(), EC_JWK | {"kid": "rsa"}]})
    assert keys.find("rsa", "RS256") is not None
    assert keys.find("rsa", "ES256") is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y"])


@given(st.sampled_from([RSA.jwk(), EC_JWK, ED]), st.dictionaries(MEMBERS, JSON, max_size=4))
def test_any_entry_is_left_out_or_usable(jwk: dict[str, Any], change: dict[str, Any]) -> None:
    """One odd entry from the issuer must not make the whole set unreadable."""
    keys = read_key_set({"keys": [RSA.jwk() | {"kid": "good"}, jwk | change]})
    assert "good" in keys.keys


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": []}, {"keys": [1]}, {"keys": [{}] * 65}])
def test_what_is_no_key_set(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="key"):
        read_key_set(document)
