"""Writes recordings as docs/recording-format.md has them, with keys at hand: for tests of who reads them.

stream = Stream(tmp_path)
stream.segment(["select 1"], key)
lines = stream.checkpoints
"""

import base64
import struct
from pathlib import Path

import msgspec
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

START = 1_800_000_000_000_000


def crc32c(content: bytes) -> bytes:
    """Castagnoli's."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xFFFFFFFF)


def raw_public(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of its public half."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_pem(key: Ed25519PrivateKey) -> str:
    """Its public half as text."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key: Ed25519PrivateKey) -> str:
    """The key as text."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Stream:
    """One stream below `directory`."""

    def __init__(self, directory: Path, *, number: int = 0, node: str = "gw-1") -> None:
        self.folder = directory / f"s{number}"
        self.folder.mkdir(parents=True)
        (self.folder / "spare").mkdir()
        self.number, self.node = number, node
        self.sequence, self.frame, self.seal = 0, 1, bytes(32)
        self.checkpoints: list[str] = []
        """A line for each segment, signed before it was sealed."""

    def segment(self, statements: list[str], key: Ed25519PrivateKey) -> Path:
        """Write one sealed segment: a session, and what it said."""
        self.sequence += 1
        epoch = 1000 + self.sequence
        header = b"HWREC1" + struct.pack("<HQQQQ", 1, self.sequence, epoch, START, self.frame)
        header += struct.pack("<HHI", self.number, len(self.node), 0) + self.seal
        header += self.node.encode().ljust(64, b"\0")
        content = header + crc32c(header)
        chain = blake3(content).digest()
        session = f"s_{self.number}{self.sequence}"
        start: list[object] = [
            session,
            "g_1",
            "https://id/",
            "cid:0oa1",
            "bot",
            "service",
            "orders",
            "orders",
        ]
        start += [["read-only"], "readers", "hash", "", "127.0.0.1:1", "psql", self.node]
        payloads: list[tuple[int, list[object]]] = [(1, start)]
        for number, text in enumerate(statements, 1):
            payloads.append((4, [number, "simple", b"", text.encode(), [], True, b"readers"]))
        frames = b""
        for kind, payload in payloads:
            body = msgspec.msgpack.encode(payload)
            frames += struct.pack("<IIBBHI", len(body), 1, kind, 0, 0, 0) + body
        block = self._block(1, epoch, len(payloads), 0, frames, chain)
        chain = block[-32:]
        content += block
        self.frame += len(payloads)
        self._checkpoint(len(content), chain, key)
        head = struct.pack("<I", 40 + 168 + 36) + struct.pack("<B3xQQIIQ", 2, epoch, self.frame, 0, 1, START)
        body = self.seal + chain + struct.pack("<QQQQ", len(payloads), 1, len(content), START)
        body += blake3(raw_public(key)).digest()[:8]
        body += key.sign(b"hoopwire recording seal v1\0" + head + body)
        sealed = head + body + crc32c(head + body)
        self.seal = blake3(chain + sealed).digest()
        content += sealed + self.seal
        path = self.folder / f"{self.sequence:010}.hwr"
        path.write_bytes(content)
        return path

    def _block(self, type: int, epoch: int, frames: int, index: int, body: bytes, chain: bytes) -> bytes:
        head = struct.pack("<I", 40 + len(body) + 36)
        head += struct.pack("<B3xQQIIQ", type, epoch, self.frame, frames, index, START)
        block = head + body + crc32c(head + body)
        return block + blake3(chain + block).digest()

    def _checkpoint(self, offset: int, chain: bytes, key: Ed25519PrivateKey) -> None:
        claim = (
            f"hoopwire-checkpoint-v1 node={self.node} stream={self.number} segment={self.sequence} "
            f"frame={self.frame - 1} offset={offset} chain={chain.hex()} time={START}"
        )
        signature = key.sign(b"hoopwire recording checkpoint v1\0" + claim.encode())
        self.checkpoints.append(f"{claim} signature={base64.b64encode(signature).decode()}")
