"""Where each key of a TOML file stands.

tomllib gives values without positions. This scanner runs after tomllib has accepted the text and only finds
places: on text that tomllib refuses its answer means nothing. Grammar: TOML 1.0.0.
"""

import re
import tomllib
from bisect import bisect_right

Key = tuple[str | int, ...]
"""Path to a value: names of tables and keys, indexes into arrays."""

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\"]|\\.|"(?!""))*""""{0,2}'
    r"|'''(?:[^']|'(?!''))*''''{0,2}"
    r'|"(?:[^\\"\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
# A date may be followed by a blank and a time; nothing else has blanks in it.
_SCALAR = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]+|[^\s,\]}#]+")


class Positions:
    """Line and column, both from 1, of each key and array element."""

    def __init__(self, text: str, offsets: dict[Key, int]) -> None:
        self._offsets = offsets
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def __contains__(self, key: Key) -> bool:
        return key in self._offsets

    def keys(self) -> set[Key]:
        """All known key paths."""
        return set(self._offsets)

    def find(self, key: Key) -> tuple[int, int]:
        """Of the key, or of the nearest part around it that is in the file; (1, 1) is the file itself."""
        for length in range(len(key), 0, -1):
            offset = self._offsets.get(key[:length])
            if offset is not None:
                line = bisect_right(self._line_starts, offset)
                return line, offset - self._line_starts[line - 1] + 1
        return 1, 1


def scan(text: str) -> Positions:
    """Positions in a text that tomllib has accepted. RecursionError if it nests deeper than the stack."""
    text = text.replace("\r\n", "\n")
    scanner = _Scanner(text)
    scanner.document()
    return Positions(text, scanner.offsets)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.offsets: dict[Key, int] = {}
        self._lengths: dict[Key, int] = {}
        """Tables so far in each array of tables."""

    def document(self) -> None:
        table: Key = ()
        while self._skip(_BLANK):
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Key:
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        parts = self._dotted()
        self.at += 2 if is_array else 1
        path: Key = ()
        for index, (name, offset) in enumerate(parts):
            path = (*path, name)
            self.offsets.setdefault(path, offset)
            if is_array and index == len(parts) - 1:
                self._lengths[path] = self._lengths.get(path, 0) + 1
            if path in self._lengths:
                path = (*path, self._lengths[path] - 1)
                self.offsets.setdefault(path, offset)
        # A table may have been opened in passing by `[a.b]`: its own header is the better place.
        self.offsets[path] = parts[-1][1]
        return path

    def _pair(self, table: Key) -> None:
        path = table
        for name, offset in self._dotted():
            path = (*path, name)
            self.offsets.setdefault(path, offset)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _dotted(self) -> list[tuple[str, int]]:
        """A dotted key with the offset of each part; stops before what follows it."""
        parts: list[tuple[str, int]] = []
        while True:
            self._skip(_SPACE)
            start = self.at
            if self._peek() in "\"'":
                raw = self._match(_STRING)
                name = tomllib.loads(f"key = {raw}")["key"]
            else:
                name = self._match(_BARE)
            parts.append((name, start))
            self._skip(_SPACE)
            if self._peek() != ".":
                return parts
            self.at += 1

    def _value(self, path: Key) -> None:
        first = self._peek()
        if first == "[":
            self.at += 1
            index = 0
            while self._skip(_BLANK) and self._peek() != "]":
                self.offsets[(*path, index)] = self.at
                self._value((*path, index))
                index += 1
                self._skip(_BLANK)
                if self._peek() == ",":
                    self.at += 1
            self.at += 1
        elif first == "{":
            self.at += 1
            while self._skip(_BLANK) and self._peek() != "}":
                self._pair(path)
                self._skip(_BLANK)
                if self._peek() == ",":
                    self.at += 1
            self.at += 1
        else:
            self._match(_STRING if first in "\"'" else _SCALAR)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1] or "\0"

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        """Skip what the pattern matches; false at the end of the text."""
        self._match(pattern)
        return self.at < len(self.text)

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError("not TOML")
        self.at = found.end()
        return found.group()
