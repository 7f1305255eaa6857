"""docs/recording-format.md, read and verified by an implementation that knows nothing but that page."""

import base64
import re
import struct
from pathlib import Path

import msgspec
import pytest
from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from hoopwire.recordings.frames import KINDS

DOCUMENT = Path(__file__).parents[3] / "docs" / "recording-format.md"


def fenced(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def example() -> bytes:
    content = bytearray()
    for line in fenced("hex").splitlines():
        offset, rest = line.split(": ", 1)
        assert int(offset, 16) == len(content), line
        content += bytes.fromhex(rest.split("#")[0])
    return bytes(content)


def public_key() -> Ed25519PublicKey:
    key = load_pem_public_key(fenced("pem").encode())
    assert isinstance(key, Ed25519PublicKey)
    return key


def crc32c(content: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xFFFFFFFF)


class Broken(Exception):
    """The segment does not verify."""


def need(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)


def read(
    segment: bytes, key: Ed25519PublicKey
) -> tuple[list[tuple[int, int, int, list[object]]], dict[int, bytes]]:
    """Frames as (session, kind, time, payload), and the chain at the end of each block."""
    header = segment[:148]
    need(header[:8] == b"HWREC1\x01\x00", "magic and version")
    need(header[144:] == crc32c(header[:144]), "CRC of the header")
    sequence, epoch, _created, first_frame = struct.unpack_from("<4Q", header, 8)
    chain = blake3(header).digest()
    heads: dict[int, bytes] = {}
    frames: list[tuple[int, int, int, list[object]]] = []
    at, index, next_frame = 148, 0, first_frame
    while True:
        need(len(segment) >= at + 76, "block header")
        length, kind, block_epoch, first, count, place, base = struct.unpack_from("<IB3xQQIIQ", segment, at)
        block = segment[at : at + length]
        need(len(block) == length and 76 <= length <= 65536, "whole block")
        need((block_epoch, place, first) == (epoch, index, next_frame), "place of the block")
        need(block[-36:-32] == crc32c(block[:-36]), "CRC of the block")
        before, chain = chain, blake3(chain + block[:-32]).digest()
        need(block[-32:] == chain, "chain")
        at += length
        heads[at] = chain
        body = block[40:-36]
        if kind == 2:
            break
        need(kind == 1, "type of the block")
        for _ in range(count):
            size, session, word, _direction, flags, delta = struct.unpack_from("<IIBBHI", body)
            need(flags == 0, "fragments are not in this example")
            frames.append((session, word, base + delta, msgspec.msgpack.decode(body[16 : 16 + size])))
            body = body[16 + size :]
        need(not body, "frames fill the block")
        index += 1
        next_frame += count
    need(at == len(segment), "nothing follows the seal")
    seal_at = at - length
    fields = struct.unpack_from("<32s32s4Q8s64s", body)
    previous, head, frame_count, blocks, offset, _sealed, key_id, signature = fields
    need(previous == header[48:80] and head == before, "what the seal closes")
    need((frame_count, blocks, offset) == (next_frame - first_frame, index, seal_at), "counts of the seal")
    raw_key = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    need(key_id == blake3(raw_key).digest()[:8], "key id")
    try:
        key.verify(signature, b"hoopwire recording seal v1\x00" + block[:40] + body[:104])
    except InvalidSignature:
        raise Broken("signature") from None
    need(sequence == 1, "segment 1")
    return frames, heads


def test_the_example_verifies_and_says_what_its_notes_say() -> None:
    frames, _ = read(example(), public_key())
    assert frames == [
        (5, 2, 1_800_000_001_000_000, ["s_1", "g_1"]),
        (5, 4, 1_800_000_001_000_250, [1, "simple", b"", b"select 1", [], True, b"readers"]),
    ]


def test_each_flipped_bit_of_the_example_is_found() -> None:
    segment, key = example(), public_key()
    for place in range(len(segment)):
        changed = bytearray(segment)
        changed[place] ^= 1
        with pytest.raises(Broken):
            read(bytes(changed), key)


def test_each_cut_of_the_example_is_found() -> None:
    segment, key = example(), public_key()
    for length in range(149, len(segment)):
        with pytest.raises(Broken):
            read(segment[:length], key)


def test_the_checkpoint_signs_the_chain_before_the_seal() -> None:
    line = fenced("checkpoint").strip()
    claim, signature = line.split(" signature=")
    key = public_key()
    signed = b"hoopwire recording checkpoint v1\x00"
    key.verify(base64.b64decode(signature), signed + claim.encode())
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(signature), signed + claim.replace("frame=2", "frame=1").encode())
    fields = dict(word.split("=") for word in claim.split()[1:])
    _, heads = read(example(), key)
    assert heads[int(fields["offset"])].hex() == fields["chain"]


def test_the_structs_have_the_fields_of_the_document() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z]\w+) \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    table = {int(number): (name, without_notes(fields)) for number, name, fields in rows}
    assert table.keys() == KINDS.keys()
    for number, (word, struct_type) in KINDS.items():
        name, fields = table[number]
        assert (name, name_of(word)) == (struct_type.__name__, name)
        assert len(fields) == len(struct_type.__struct_fields__), (name, fields)


def name_of(word: str) -> str:
    return "".join(part.capitalize() for part in word.split("_"))


def without_notes(fields: str) -> list[str]:
    text, notes = re.sub(r"\[[^]]*\]", "", fields), 1
    while notes:
        text, notes = re.subn(r"\([^()]*\)", "", text)
    return [field.strip() for field in text.split(";")[0].split(". ")[0].split(",")]
