"""Patterns of commands as a tree of their words, so that those which may contain another are found by it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hoopwire.model.action import ActionError
from hoopwire.model.ssh.paths import normal_path, prefixes_of
from hoopwire.model.ssh.patterns import HOLES, CommandPattern, Hole, Literally, part_contains


@dataclass
class _Node:
    """What may stand behind the words that lead here."""

    words: dict[Literally | Hole, "_Node"] = field(default_factory=dict)
    last: dict[Literally | Hole, "_Node"] = field(default_factory=dict)
    """The same of holes that may come again, with which a pattern ends."""
    ends: bool = False
    """A pattern ends here."""
    again: Hole | None = None
    """What may come again and again here."""


class CommandTree:
    """Granted patterns."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, pattern: CommandPattern) -> None:
        """Grant one."""
        node, last = self._root, pattern.parts[-1]
        for part in pattern.parts[:-1]:
            node = node.words.setdefault(part, _Node())
        there = node.last if pattern.repeats else node.words
        node = there.setdefault(last, _Node())
        if pattern.repeats and isinstance(last, Hole):
            node.again = last
        else:
            node.ends = True

    def contains(self, inner: CommandPattern) -> bool:
        """Is every command that `inner` stands for one of a single pattern here?"""
        nodes = [self._root]
        for part in inner.parts:
            nodes = [node for before in nodes for node in _behind(before, part)]
        return any(node.again is not None or (node.ends and not inner.repeats) for node in nodes)


def _behind(node: _Node, part: Literally | Hole) -> Iterator[_Node]:
    if node.again is not None and part_contains(node.again, part):
        yield node
    for outer in _outer(node, part):
        for there in (node.words, node.last):
            if outer in there and part_contains(outer, part):
                yield there[outer]


def _outer(node: _Node, part: Literally | Hole) -> Iterator[Literally | Hole]:
    """Words of patterns that may contain this one."""
    if not node.words and not node.last:
        return
    if isinstance(part, Literally):
        yield part
    yield from map(Hole, HOLES)
    path = _path(part)
    if path is not None:
        for prefix in prefixes_of(path):
            yield Hole("path", prefix)


def _path(part: Literally | Hole) -> str | None:
    """The path that the word is, or that it lies under."""
    if isinstance(part, Hole):
        return part.prefix if part.kind == "path" else None
    try:
        return normal_path(part.text, 1)
    except ActionError:
        return None
