"""`hoopwire version`: prints the version."""

import argparse

from hoopwire import __version__
from hoopwire.cli.arguments import Commands, add_command, json_option
from hoopwire.cli.exits import OK


def add(commands: Commands) -> None:
    """Declare it."""
    json_option(add_command(commands, "version", "print the version", run))


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    if arguments.json:
        from hoopwire.cli.output import print_json

        print_json({"version": __version__})
    else:
        print(f"hoopwire {__version__}")
    return OK
