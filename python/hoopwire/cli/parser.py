"""Collects the commands: each stands in a module of its name, and its `add` declares its arguments."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any

from hoopwire import __version__
from hoopwire.cli import exits

COMMANDS = {
    "serve": "run the gateway in the foreground",
    "demo": "walk through everything on this machine",
    "check": "check the config file, and say what an identity would get by it",
    "explain": "say what the gateway would allow of SQL, statement by statement, or on an ssh target",
    "schema": "print the JSON Schema of the config file",
    "grants": "ask for grants, list, show and revoke them",
    "sessions": "list and end live sessions",
    "principals": "lock principals out, and let them in again",
    "ssh-cert": "exchange an access token for a certificate over your SSH key",
    "ssh-config": "print the lines of ~/.ssh/config and known_hosts for a target",
    "targets": "look at targets",
    "recordings": "read and verify recordings",
    "store": "back up and restore grants, ledger, locks and audit rows",
    "keygen": "make keys",
    "reload": "make the gateway read its config file again",
    "status": "say whether the gateway can admit anybody, and if not, why",
    "statistics": "print the gateway's counters",
    "completion": "print what makes a shell complete commands and options",
    "version": "print the version",
    "help": "explain a topic",
}
"""What each is for, in the order of `hoopwire --help`."""


def build_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser for these words; each command leaves its function in `run`. Without words: of all commands.

    Only the module of the command that is the first word is imported: what serves is not needed to ask, and
    neither is needed to list the commands.
    """
    parser = _Parser(
        prog="hoopwire",
        description="An access gateway: an Okta identity in; a scoped, expiring, recorded session out.",
        epilog=exits.TEXT + "\nhoopwire COMMAND --help shows examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hoopwire {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        if not words or words[0] == name:
            importlib.import_module(f"hoopwire.cli.{name.replace('-', '_')}").add(commands)
        elif words[0] not in COMMANDS:
            commands.add_parser(name, help=summary)
    return parser


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        # An abbreviation that works today would mean another option tomorrow.
        super().__init__(allow_abbrev=False, **options)
