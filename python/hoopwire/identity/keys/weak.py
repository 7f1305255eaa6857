"""Recognises RSA moduli of the ROCA kind (CVE-2017-15361): their factors can be found in hours to weeks.

Source: Nemec, Sys, Svenda, Klinec, Matyas: The Return of Coppersmith's Attack (ACM CCS 2017), section 2. The
library at fault made primes of the form k * M + (65537 ** a mod M), with M the product of the first primes.
So the modulus, too, is a power of 65537 modulo each of these primes. That holds for one other modulus in 240
million: such a key is refused by mistake, and the next one will do.
"""

from collections.abc import Iterator
from typing import Final

_LARGEST: Final = 167
"""Of the primes in M for the shortest keys; longer ones have these and more."""
_GENERATOR: Final = 65537


def is_roca(modulus: int) -> bool:
    """Whether the modulus has the fingerprint."""
    return all(modulus % prime in powers for prime, powers in _POWERS)


def _primes() -> Iterator[int]:
    for number in range(3, _LARGEST + 1, 2):
        if all(number % divisor for divisor in range(3, number, 2)):
            yield number


def _powers(prime: int) -> frozenset[int]:
    found, power = set[int](), 1
    while power not in found:
        found.add(power)
        power = power * _GENERATOR % prime
    return frozenset(found)


_POWERS: Final = tuple((prime, _powers(prime)) for prime in _primes())
