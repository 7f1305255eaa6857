"""I16: keys of an issuer that can be broken."""

import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.issuer_tokens import SigningKey
from hoopwire.identity import TokenRefused, Verifier
from hoopwire.identity.keys.keyset import read_key_set
from hoopwire.identity.keys.weak import is_roca

HALF_BITS = 1024


def is_prime(number: int) -> bool:
    """Miller and Rabin's test, as often as a test needs."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(16):
        power = pow(secrets.randbelow(number - 3) + 2, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def primorial(count: int) -> int:
    """The product of the first primes."""
    primes = [2]
    number = 3
    while len(primes) < count:
        if all(number % prime for prime in primes):
            primes.append(number)
        number += 2
    product = 1
    for prime in primes:
        product *= prime
    return product


def infineon_prime() -> int:
    """As the paper says that the library made them, for keys of 2048 bits: M of 126 primes."""
    m = primorial(126)
    least = (3 << (HALF_BITS - 2)) // m + 1
    span = (1 << HALF_BITS) // m - least
    while True:
        prime = (least + secrets.randbelow(span)) * m + pow(65537, secrets.randbits(256), m)
        if is_prime(prime):
            return prime


@pytest.fixture(scope="module")
def broken() -> SigningKey:
    """An RSA key of the ROCA kind."""
    while True:
        p, q = infineon_prime(), infineon_prime()
        n, phi = p * q, (p - 1) * (q - 1)
        if p != q and n.bit_length() == 2 * HALF_BITS and phi % 65537:
            break
    d = pow(65537, -1, phi)
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, n)
    )
    key = SigningKey.__new__(SigningKey)
    key.kid, key.private = "roca", numbers.private_key()
    return key


def test_the_fingerprint(broken: SigningKey, signing_key: SigningKey) -> None:
    assert is_roca(broken.private.public_key().public_numbers().n)
    assert not is_roca(signing_key.private.public_key().public_numbers().n)
    for _ in range(5):
        other = rsa.generate_private_key(65537, 1024)
        assert not is_roca(other.public_key().public_numbers().n)


async def test_a_token_of_such_a_key(
    verifier: Verifier, issuer: DevIssuer, broken: SigningKey, signing_key: SigningKey
) -> None:
    """I16: an issuer's RSA key of the ROCA kind was accepted. It is refused by name, the others stay."""
    issuer.published = [signing_key.jwk(), broken.jwk()]
    await verifier.verify(issuer.token("0oaAgent"), channel="native")
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(issuer.token("0oaAgent", key=broken), channel="native")
    assert caught.value.code == "key_weak"
    for said in (caught.value.internal, caught.value.hint):
        assert "ROCA" in said
    assert "'roca'" in caught.value.internal


async def test_an_issuer_that_has_no_other(
    verifier: Verifier, keys: Any, issuer: DevIssuer, broken: SigningKey
) -> None:
    """I16: then it has no keys, and `hoopwire status` says why."""
    issuer.published = [broken.jwk()]
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(issuer.token("0oaAgent", key=broken), channel="native")
    assert caught.value.code == "keys_unavailable"
    assert "key 'roca' is an RSA key of the ROCA kind" in keys.statistics()[issuer.issuer].last_error


def test_other_weak_keys_are_named(signing_key: SigningKey) -> None:
    """I16's kin: a key that was too short was left out in silence."""
    short = SigningKey("short", bits=1024)
    read = read_key_set({"keys": [signing_key.jwk(), short.jwk()]})
    assert read.weak == {"short": "an RSA key of 1024 bits, which must have 2048 to 8192"}
    assert not read.knows("short")


def test_a_good_key_of_the_same_id(broken: SigningKey, signing_key: SigningKey) -> None:
    """A kid that stands for two keys is looked at by each."""
    good = signing_key.jwk() | {"kid": "roca"}
    read = read_key_set({"keys": [good, broken.jwk()]})
    assert read.find("roca", "RS256") is not None
