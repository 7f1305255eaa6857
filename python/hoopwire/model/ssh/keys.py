"""Reads SSH keys in their files' forms, and names them by fingerprint. It draws the line of what is taken.

Private keys: OpenSSH's form (PROTOCOL.key) or PEM (PKCS#8, and the older forms of each kind), unencrypted.
Public keys: lines of `KIND BASE64 [COMMENT]`. Kinds: Ed25519, ECDSA on the NIST curves, RSA of 2048 to 8192
bits. A public blob is the form of RFC 4253 section 6.6.
"""

import base64
import hashlib
from collections.abc import Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_RSA_BITS = range(2048, 8193)
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_PRIVATE = b"PRIVATE KEY-----"
_MOST_LINES = 100


class KeyFault(ValueError):
    """A key that cannot be used. The text goes on after its name, and holds no part of a private key."""


def read_private_key(content: bytes) -> PrivateKey:
    """A private key from the bytes of its file. KeyFault."""
    load = load_ssh_private_key if _OPENSSH in content else load_pem_private_key
    try:
        key = load(content.strip() + b"\n", password=None)
    except TypeError:
        raise KeyFault(
            "has a passphrase; the gateway starts without anyone to ask for it: ssh-keygen -p takes it off"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFault("holds no private key in OpenSSH's form or PEM") from None
    if not isinstance(key, PrivateKey):
        raise KeyFault("must be Ed25519, ECDSA or RSA")
    _check(key.public_key())
    return key


def read_public_keys(content: bytes) -> tuple[bytes, ...]:
    """The blobs of one or more public keys, a line each; empty lines and `#` are left out. KeyFault."""
    if _PRIVATE in content:
        raise KeyFault("holds a private key; give its public half (ssh-keygen -y prints it)")
    lines = [line for line in content.splitlines() if line.strip() and not line.lstrip().startswith(b"#")]
    if not lines or len(lines) > _MOST_LINES:
        raise KeyFault(f"must hold 1 to {_MOST_LINES} public keys, a line each: ssh-ed25519 AAAA...")
    return tuple(public_blob(read_public_key(line)) for line in lines)


def read_public_key(line: bytes) -> PublicKey:
    """A public key from its line. KeyFault."""
    words = line.split()
    if words and b"-cert-v01@" in words[0]:
        raise KeyFault("is a certificate, not a key")
    if words and words[0].startswith(b"sk-"):
        raise KeyFault("is a key of a hardware token (sk-...), which is not taken")
    try:
        key = load_ssh_public_key(b" ".join(words[:2]))
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFault("is no public key; write one line: ssh-ed25519 AAAA...") from None
    if not isinstance(key, PublicKey):
        raise KeyFault("must be Ed25519, ECDSA or RSA")
    _check(key)
    return key


def _check(key: PublicKey) -> None:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size not in _RSA_BITS:
        raise KeyFault(f"is RSA of {key.key_size} bits; {_RSA_BITS.start} to {_RSA_BITS.stop - 1} are taken")
    if isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, _CURVES):
        raise KeyFault(f"is on the curve {key.curve.name}; P-256, P-384 and P-521 are taken")


def public_line(key: PublicKey) -> str:
    """`KIND BASE64`."""
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def public_blob(key: PublicKey) -> bytes:
    """Its blob."""
    return base64.b64decode(public_line(key).split()[1])


def blob_line(blob: bytes) -> str:
    """`KIND BASE64` of a blob that was read here."""
    kind = blob[4 : 4 + int.from_bytes(blob[:4])].decode("ascii")
    return f"{kind} {base64.b64encode(blob).decode()}"


def fingerprint(blob: bytes) -> str:
    """`SHA256:...`, as ssh-keygen -l prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def pkcs8(key: PrivateKey) -> bytes:
    """The private key as the engine takes it: PKCS#8, DER."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def used_twice(blobs: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Pairs of names that have one key: the first that has it, and each other."""
    first: dict[bytes, str] = {}
    return [(known, name) for name, blob in blobs.items() if (known := first.setdefault(blob, name)) != name]
