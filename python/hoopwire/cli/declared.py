"""What the commands declare, as a tree: completion and the manual page are made from it."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from hoopwire.cli.parser import build_parser

_FILES = ("FILE", "PATH", "DIRECTORY", "SEGMENT")
"""Metavars of what is on disk."""


@dataclass(frozen=True)
class Given:
    """An option, or (without flags) what is given by its place."""

    flags: tuple[str, ...]
    metavar: str
    """What its value is called; empty if it has none."""
    summary: str
    choices: tuple[str, ...]
    is_required: bool
    is_many: bool

    @property
    def is_file(self) -> bool:
        """Its value is on disk."""
        return any(word in self.metavar for word in _FILES)


@dataclass(frozen=True)
class Declared:
    """A command, or a word with commands below it."""

    words: tuple[str, ...]
    """Behind `hoopwire`; empty for that alone."""
    summary: str
    description: str
    epilog: str
    options: tuple[Given, ...]
    places: tuple[Given, ...]
    below: "tuple[Declared, ...]"

    @property
    def path(self) -> str:
        """`/grants/list`."""
        return "".join(f"/{word}" for word in self.words)

    def all(self) -> "Iterator[Declared]":
        """It, and all below."""
        yield self
        for one in self.below:
            yield from one.all()


def declared() -> Declared:
    """All of it."""
    return _read(build_parser(), (), "")


def _read(parser: argparse.ArgumentParser, words: tuple[str, ...], summary: str) -> Declared:
    options: list[Given] = []
    places: list[Given] = []
    below: list[Declared] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
            below.extend(
                _read(one, (*words, name), summaries.get(name, "")) for name, one in action.choices.items()
            )
        else:
            (options if action.option_strings else places).append(_given(action))
    return Declared(
        words=words,
        summary=summary,
        description=parser.description or "",
        epilog=parser.epilog or "",
        options=tuple(options),
        places=tuple(places),
        below=tuple(below),
    )


def _given(action: argparse.Action) -> Given:
    choices = tuple(map(str, action.choices or ()))
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if action.nargs == 0:
        metavar = ""
    elif not metavar:
        metavar = "|".join(choices) or action.dest.upper()
    return Given(
        flags=tuple(action.option_strings),
        metavar=metavar,
        summary=action.help or "",
        choices=choices,
        is_required=action.required,
        is_many=action.nargs in ("*", "+") or isinstance(action, argparse._AppendAction),
    )
