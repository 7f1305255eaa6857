"""Reads tests/bypass/ssh/attempts.txt: what is asked of an ssh grant, and what it must answer."""

import re
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).parents[1] / "bypass/ssh/attempts.txt"
_ESCAPE = re.compile(rb"\\(?:x([0-9a-f]{2})|([nrt0\\]))")
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


@dataclass(frozen=True)
class SshAttempt:
    """One line of the table."""

    grant: str
    """The name of the grant."""
    actions: tuple[str, ...]
    """The grant's words."""
    action: bytes
    """As `hoopwire explain --action` takes it."""
    code: str
    """Of the refusal; empty if it must pass."""
    line: int


def ssh_attempts() -> list[SshAttempt]:
    """All lines, in their order."""
    found: list[SshAttempt] = []
    words: list[str] = []
    grant, code, is_grant = "", "", False
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("-- "):
            head = line[3:].split(":")[0]
            is_grant = head.startswith("grant ")
            if is_grant:
                grant, words = head.removeprefix("grant "), []
            code = head.removeprefix("refused ") if head.startswith("refused ") else ""
        elif is_grant:
            words.append(line)
        else:
            found.append(SshAttempt(grant, tuple(words), in_bytes(line), code, number))
    return found


def in_bytes(line: str) -> bytes:
    """The bytes that a line's escapes stand for."""
    return _ESCAPE.sub(
        lambda escape: bytes([int(escape[1], 16)]) if escape[1] else _PLAIN[escape[2]], line.encode()
    )
