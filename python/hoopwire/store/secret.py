"""Grant secrets: `hw1_` + the grant's ULID + 256 random bits + a checksum, kept only as a keyed hash.

The checksum is for people and scanners: a cut-off paste is told apart from a wrong secret without a look-up.
"""

import hashlib
import hmac
import os
import secrets
import stat
import zlib
from pathlib import Path

_PREFIX = "hw1_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ULID, _RANDOM, _CHECK = 26, 43, 6
SECRET_LENGTH = len(_PREFIX) + _ULID + _RANDOM + _CHECK


class SecretMalformed(ValueError):
    """Starts with `hw1_` but is not a whole secret; the text never repeats it."""


def _base62(value: int, width: int) -> str:
    digits = []
    for _ in range(width):
        value, digit = divmod(value, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK)


def mint_secret(grant: str) -> str:
    """A new secret for the grant `g_` + ULID, 79 characters."""
    body = _PREFIX + grant.removeprefix("g_") + _base62(int.from_bytes(secrets.token_bytes(32)), _RANDOM)
    return body + _checksum(body)


def secret_grant(secret: str) -> str:
    """Grant id that a secret claims to open. SecretMalformed if its length, alphabet or checksum is wrong."""
    if len(secret) != SECRET_LENGTH or not secret.startswith(_PREFIX) or not secret.isascii():
        raise SecretMalformed("the secret is incomplete or has extra characters")
    body, check = secret[:-_CHECK], secret[-_CHECK:]
    if not hmac.compare_digest(_checksum(body), check):
        raise SecretMalformed("the secret's checksum does not fit")
    return "g_" + body[len(_PREFIX) : len(_PREFIX) + _ULID]


class SecretHasher:
    """HMAC-SHA256 under the key in the state directory: a stolen database alone verifies nothing."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def open(cls, path: Path) -> "SecretHasher":
        """Read the key file, made (0600) at first start. OSError or ValueError if it cannot be trusted."""
        try:
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                raise ValueError(f"{path} is readable by others (mode {mode:04o}): chmod 600 it") from None
            key = path.read_bytes()
            if len(key) != 32:
                raise ValueError(f"{path} must hold 32 bytes, it holds {len(key)}") from None
            return cls(key)
        with os.fdopen(fd, "wb") as file:
            key = secrets.token_bytes(32)
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        return cls(key)

    def hash(self, secret: str) -> bytes:
        """The 32 bytes that the store keeps."""
        return hmac.new(self._key, secret.encode(), hashlib.sha256).digest()

    def mask_key(self, target: str) -> bytes:
        """32 bytes that masked values of the target are hashed with: the same after a restart, never stored.

        Secrets begin with `hw1_`, so that no secret's hash is ever a mask key.
        """
        label = b"hoopwire column masks v1\0"
        return hmac.new(self._key, label + target.encode(), hashlib.sha256).digest()

    def __repr__(self) -> str:
        return "SecretHasher(...)"
