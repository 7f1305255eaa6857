"""The keys that recordings were sealed with, one after the other, and the change from one to the next.

A change is a line of text that the old key has signed: whoever trusts that key need not be told of the
new one by another road.

    hoopwire-key-change-v1 from=OLD to=NEW time=UNIX_US signature=SIGNATURE
"""

import base64
import re
from collections.abc import Sequence

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

_CONTEXT = "hoopwire recording key change v1\0"
_KEY = r"[A-Za-z0-9+/]{43}="
_CHANGE = re.compile(
    rf"(hoopwire-key-change-v1 from=({_KEY}) to=({_KEY}) time=\d+) signature=([A-Za-z0-9+/]{{86}}==)"
)


class KeyRing(msgspec.Struct, frozen=True, kw_only=True):
    """Public keys that seals may be of, as PEM, and which was replaced by which."""

    pems: tuple[str, ...]
    replaced: tuple[tuple[int, int], ...] = ()
    """Pairs of places in `pems`: the old one, the new one."""

    def older(self, key: int) -> set[int]:
        """Places of the keys that were replaced before this one came."""
        found = {old for old, new in self.replaced if new == key}
        for old, new in reversed(self.replaced):
            if new in found:
                found.add(old)
        return found - {key}


def sign_change(old: Ed25519PrivateKey, new: Ed25519PublicKey, unix_us: int) -> str:
    """The line that says that `new` comes after `old`."""
    claim = f"hoopwire-key-change-v1 from={_raw(old.public_key())} to={_raw(new)} time={unix_us}"
    signature = base64.b64encode(old.sign((_CONTEXT + claim).encode())).decode()
    return f"{claim} signature={signature}"


def ring(pems: Sequence[str], changes: Sequence[str]) -> KeyRing:
    """The keys given, and those that changes lead to from them. ValueError if a key or change is none."""
    known = [_raw(_public(pem)) for pem in pems]
    known = list(dict.fromkeys(known))
    waiting = [_read(line) for line in changes]
    replaced: list[tuple[int, int]] = []
    while waiting:
        ready = [change for change in waiting if change[1] in known]
        if not ready:
            raise ValueError("a key change is of a key that is neither given nor reached by another change")
        for change in ready:
            claim, old, new, signature = change
            try:
                _of_raw(old).verify(base64.b64decode(signature), (_CONTEXT + claim).encode())
            except InvalidSignature:
                raise ValueError("a key change is not signed by the key that it replaces") from None
            if new not in known:
                known.append(new)
            replaced.append((known.index(old), known.index(new)))
            waiting.remove(change)
    return KeyRing(pems=tuple(_pem(_of_raw(raw)) for raw in known), replaced=tuple(replaced))


def _read(line: str) -> tuple[str, str, str, str]:
    found = _CHANGE.fullmatch(line.strip())
    if found is None:
        raise ValueError("a line is no key change")
    return found[1], found[2], found[3], found[4]


def _public(pem: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except Exception:  # the library has many kinds of them
        raise ValueError("the key is no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("the key is no Ed25519 key")
    return key


def _raw(key: Ed25519PublicKey) -> str:
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def _of_raw(raw: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(raw))


def _pem(key: Ed25519PublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
