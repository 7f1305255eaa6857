"""Bytes of others as text that a terminal may print."""

import unicodedata


def printable(text: bytes | str) -> str:
    """One line: control, format and surrogate characters, and bytes that are not UTF-8, are escaped."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    return "".join(character if _is_harmless(character) else _escaped(character) for character in text)


def _is_harmless(character: str) -> bool:
    return character == " " or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _escaped(character: str) -> str:
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    return short or character.encode("unicode_escape").decode("ascii")
