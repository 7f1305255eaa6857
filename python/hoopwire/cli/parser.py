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
    "ssh_cert",
    "ssh_config",
    "targets",
    "recordings",
    "keygen",
    "reload",
    "statistics",
    "version",
    "help",
)
"""Modules in the order of `hoopwire --help`; a command is written with `-` for each `_`."""


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
    first = words[0].replace("-", "_") if words else ""
    for name in (first,) if first in COMMANDS else COMMANDS:
        importlib.import_module(f"hoopwire.cli.{name}").add(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        # An abbreviation that works today would mean another option tomorrow.
        super().__init__(allow_abbrev=False, **options)
