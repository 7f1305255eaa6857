"""`hoopwire demo`: starts everything on this machine and walks through it."""

import argparse
import importlib

from hoopwire.cli.arguments import Commands, add_command
from hoopwire.cli.exits import NOT_STARTED, OK, CommandFailed


def add(commands: Commands) -> None:
    """Declare it."""
    parser = add_command(
        commands, "demo", "walk through everything on this machine", run, "  hoopwire demo --keep\n"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave all running afterwards, with commands to try"
    )


def run(arguments: argparse.Namespace) -> int:
    """`hoopwire.demo.tour`, imported only here: nothing of it is needed to serve."""
    try:
        module = importlib.import_module("hoopwire.demo.tour")
    except ImportError as error:
        raise CommandFailed(f"the demo cannot run here: {error}", NOT_STARTED) from None
    return int(module.main(["--keep"] if arguments.keep else []) or OK)
