"""Makes sealed.txt: packets that asyncssh sealed, and keys that asyncssh and `cryptography` derived.

    python make_sealed.py sealed.txt      # needs asyncssh, cryptography

Everything is drawn from a fixed seed: run it again, and the same comes out.
"""

import hashlib
import random
import struct
import sys
from pathlib import Path
from types import SimpleNamespace

from asyncssh.encryption import get_encryption, get_encryption_params
from asyncssh.kex import Kex
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

GCM = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
CTR = ("aes128-ctr", "aes192-ctr", "aes256-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
SIZES = (1, 2, 11, 12, 100, 1000)
RANDOM = random.Random(20260101)


def streams():
    """Packets in a row under the same keys: payload, padding, sealed."""
    suites = [(cipher, "-") for cipher in (*GCM, "chacha20-poly1305@openssh.com")]
    suites += [(cipher, mac) for cipher in CTR for mac in MACS]
    for cipher, mac in suites:
        mac_name = b"" if mac == "-" else mac.encode()
        key_bytes, iv_bytes, block, mac_bytes, _, etm = get_encryption_params(cipher.encode(), mac_name)
        block = max(block, 8)
        key, mac_key = RANDOM.randbytes(key_bytes), RANDOM.randbytes(mac_bytes if mac_name else 0)
        # the counters of GCM and CTR carry over their last four bytes, and sequence numbers over their end
        iv = RANDOM.randbytes(iv_bytes)
        if iv_bytes:
            iv = iv[: iv_bytes - 4] + b"\xff\xff\xff\xfe"
        sequence = 0xFFFFFFFD
        encryption = get_encryption(cipher.encode(), key, iv, mac_name, mac_key, etm)
        words = ["stream", cipher, mac, iv.hex() or "-", key.hex(), mac_key.hex() or "-", str(sequence)]
        for size in SIZES:
            payload = RANDOM.randbytes(size)
            fill = block - (1 + size) % block
            fill += block if fill < 4 else 0
            padding = RANDOM.randbytes(fill)
            body = bytes([fill]) + payload + padding
            sealed, tag = encryption.encrypt_packet(sequence, struct.pack(">I", len(body)), body)
            words += [payload.hex(), padding.hex(), (sealed + tag).hex()]
            sequence = (sequence + 1) & 0xFFFFFFFF
        yield words


def mpint(number: bytes) -> bytes:
    value = int.from_bytes(number, "big")
    digits = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return struct.pack(">I", len(digits)) + digits


def agreements():
    """Private key, point, the secret's mpint: one with leading zeros, one with a leading bit."""
    wanted = {"zero": lambda secret: secret[0] == 0, "bit": lambda secret: secret[0] & 0x80}
    while wanted:
        private = RANDOM.randbytes(32)
        point = X25519PrivateKey.from_private_bytes(RANDOM.randbytes(32)).public_key().public_bytes_raw()
        secret = X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(point)
        )
        for name in [name for name, fits in wanted.items() if fits(secret)]:
            del wanted[name]
            yield ["agreement", private.hex(), point.hex(), mpint(secret).hex()]


def derived():
    """Secret as it is hashed, exchange hash, session id, letter, bytes."""
    kex = Kex(b"", SimpleNamespace(logger=None), hashlib.sha256)
    for letter, length in zip("ABCDEF", (12, 16, 24, 32, 64, 65), strict=True):
        shared, exchange, session = mpint(RANDOM.randbytes(32)), RANDOM.randbytes(32), RANDOM.randbytes(32)
        key = kex.compute_key(shared, exchange, letter.encode(), session, length)
        yield ["derived", shared.hex(), exchange.hex(), session.hex(), letter, key.hex()]


def main() -> None:
    lines = [" ".join(words) for part in (streams(), agreements(), derived()) for words in part]
    Path(sys.argv[1]).write_text("\n".join(lines) + "\n")


main()
