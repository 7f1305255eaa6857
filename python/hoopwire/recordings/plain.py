"""Bytes of others as text that a terminal may print."""

from hoopwire.model.plain import is_odd


def printable(text: bytes | str) -> str:
    """One line: control, format and surrogate characters, and bytes that are not UTF-8, are escaped."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    return "".join(character if _is_harmless(character) else _escaped(character) for character in text)


def _is_harmless(character: str) -> bool:
    return not is_odd(character)


def _escaped(character: str) -> str:
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    return short or character.encode("unicode_escape").decode("ascii")
