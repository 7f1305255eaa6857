"""Texts of others, so that no terminal obeys them: control characters, direction marks, line separators."""

import json
import unicodedata

_ODD = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def is_odd(character: str) -> bool:
    """It does something to a terminal instead of standing there."""
    return unicodedata.category(character) in _ODD


def plain_json(encoded: bytes) -> bytes:
    """JSON that means the same, with escapes in place of what a terminal would obey."""
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    text = encoded.decode()
    return (
        "".join(
            json.dumps(character)[1:-1]
            if character == "\x7f" or (character != "\n" and is_odd(character))
            else character
            for character in text
        )
        .replace("\x7f", "\\u007f")
        .encode()
    )
