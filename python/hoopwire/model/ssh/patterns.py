"""Patterns of commands: a program with its arguments, some of them holes of a kind.

    word         stands for itself, quoted or not
    *            one word of plain characters
    PREFIX/*     one path under the absolute PREFIX
    <int>        1 to 18 digits
    <name>       letters, digits, _ . @ -, not first a `.`
    <text>       any printable ASCII
    ...          at the end: any number of further words like the hole before it

No hole stands for a word that begins with `-`, `+` or `@`: options are written out.
"""

import re
from typing import Literal

import msgspec

from hoopwire.model.action import ActionError, nearest
from hoopwire.model.ssh.paths import SYSTEM_TREES, covers_prefix, lies_under, normal_path
from hoopwire.model.ssh.shell import PLAIN, ShellWord, check_program, quoted, words

HoleKind = Literal["*", "path", "<int>", "<name>", "<text>"]
HOLES: tuple[HoleKind, ...] = ("*", "<int>", "<name>", "<text>")

_FORMS: dict[HoleKind, re.Pattern[str]] = {
    "*": PLAIN,
    "path": PLAIN,
    "<int>": re.compile(r"[0-9]{1,18}"),
    "<name>": re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9_.@-]*"),
    "<text>": re.compile(r"[ -~]+"),
}
_WIDER: dict[HoleKind, tuple[HoleKind, ...]] = {
    "*": ("*", "<text>"),
    "path": ("*", "<text>"),
    "<int>": ("<int>", "<name>", "*", "<text>"),
    "<name>": ("<name>", "*", "<text>"),
    "<text>": ("<text>",),
}
"""Which holes take whatever a hole takes."""


class Literally(msgspec.Struct, frozen=True):
    """A word that stands for itself."""

    text: str

    def __str__(self) -> str:
        return quoted(self.text)


class Hole(msgspec.Struct, frozen=True):
    """A word of a kind."""

    kind: HoleKind
    prefix: str = ""
    """Of `path`."""

    def __str__(self) -> str:
        return f"{self.prefix.rstrip('/')}/*" if self.kind == "path" else self.kind

    def takes(self, word: str) -> bool:
        """Does it stand for this word?"""
        if word.startswith(("-", "+", "@")) or not _FORMS[self.kind].fullmatch(word):
            return False
        if self.kind != "path":
            return True
        try:
            path = normal_path(word, 1)
        except ActionError:
            return False
        reaches = all(lies_under(self.prefix, tree) for tree in SYSTEM_TREES if lies_under(path, tree))
        return path != self.prefix and lies_under(path, self.prefix) and reaches


class CommandPattern(msgspec.Struct, frozen=True):
    """Which commands may be run."""

    parts: tuple[Literally | Hole, ...]
    repeats: bool = False
    """The last hole may come again."""

    def __str__(self) -> str:
        return " ".join([*map(str, self.parts), *(["..."] if self.repeats else [])])


def read_pattern(text: str, column: int) -> CommandPattern:
    """A pattern of its text, which begins at `column`. ActionError."""
    found = words(text, "*<>", column)
    check_program(found, column)
    repeats = found[-1].is_bare and found[-1].text == "..."
    parts = tuple(map(_part, found[:-1] if repeats else found))
    if repeats and not (parts and isinstance(parts[-1], Hole)):
        raise ActionError("`...` repeats the hole before it, and there is none", found[-1].column)
    return CommandPattern(parts, repeats)


def _part(word: ShellWord) -> Literally | Hole:
    if not word.is_bare or not set("*<>") & set(word.text):
        if word.is_bare and word.text == "...":
            raise ActionError("`...` stands at the end only", word.column)
        return Literally(word.text)
    for kind in HOLES:
        if word.text == kind:
            return Hole(kind)
    if word.text.endswith("/*") and "*" not in word.text[:-2]:
        return Hole("path", normal_path(word.text[:-1], word.column))
    raise ActionError(
        f"`{word.text}` is no hole, which is a word by itself: *, PREFIX/*, <int>, <name>, <text>; "
        "quote it if it stands for itself",
        word.column,
        nearest(word.text, HOLES),
    )


def contains(outer: CommandPattern, inner: CommandPattern) -> bool:
    """Is every command that `inner` stands for one of `outer`?"""
    least = len(outer.parts)
    if inner.repeats and not outer.repeats:
        return False
    if len(inner.parts) < least or (len(inner.parts) > least and not outer.repeats):
        return False
    wanted = [*outer.parts, *[outer.parts[-1]] * (len(inner.parts) - least)]
    if not all(map(_part_contains, wanted, inner.parts)):
        return False
    return not inner.repeats or _part_contains(outer.parts[-1], inner.parts[-1])


def _part_contains(outer: Literally | Hole, inner: Literally | Hole) -> bool:
    if isinstance(outer, Literally):
        return outer == inner
    if isinstance(inner, Literally):
        return outer.takes(inner.text)
    if outer.kind == inner.kind == "path":
        return covers_prefix(outer.prefix, inner.prefix)
    return outer.kind in _WIDER[inner.kind]
