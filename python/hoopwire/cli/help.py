"""`hoopwire help`: explains a topic, which today is the exit codes."""

import argparse

from hoopwire.cli.arguments import Commands, add_command
from hoopwire.cli.exits import OK, TEXT


def add(commands: Commands) -> None:
    """Declare it."""
    parser = add_command(commands, "help", "explain a topic", run, "  hoopwire help exit-codes\n")
    parser.add_argument("topic", nargs="?", choices=("exit-codes",), help="what to explain")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    print(TEXT if arguments.topic else "hoopwire --help lists the commands; topics: exit-codes", end="")
    print()
    return OK
