"""Collects the commands: each stands in a module of its name, and its `add` declares its arguments."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any

from hoopwire.cli import exits

COMMANDS = (
    "serve",
    "demo",
    "check",
    "explain",
    "schema",
    "grants",
    "sessions",
    "principals",
    "ssh-cert",
    "ssh-config",
    "targets",
    "recordings",
    "keygen",
    "reload",
    "statistics",
    "version",
    "help",
)
"""In the order of `hoopwire --help`."""


def build_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser for these words; each command leaves its function in `run`.

    If the first word is a command, no other one's module is imported: what serves is not needed to ask.
    """
    parser = _Parser(
        prog="hoopwire",
        description="An access gateway: an Okta identity in; a scoped, expiring, recorded session out.",
        epilog=exits.TEXT + "\nhoopwire COMMAND --help shows examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        importlib.import_module(f"hoopwire.cli.{name.replace('-', '_')}").add(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        # An abbreviation that works today would mean another option tomorrow.
        super().__init__(allow_abbrev=False, **options)
