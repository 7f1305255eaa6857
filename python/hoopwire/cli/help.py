"""`hoopwire help`: explains a topic: the exit codes, or all of it as a manual page."""

import argparse

from hoopwire.cli.arguments import Commands, add_command
from hoopwire.cli.exits import OK, TEXT


def add(commands: Commands) -> None:
    """Declare it."""
    examples = "  hoopwire help exit-codes\n  hoopwire help man | man -l -\n"
    parser = add_command(commands, "help", "explain a topic", run, examples)
    parser.add_argument("topic", nargs="?", choices=("exit-codes", "man"), help="what to explain")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    if arguments.topic == "man":
        # Reading what all commands declare imports them all.
        from hoopwire.cli.declared import declared
        from hoopwire.cli.manual import manual

        print(manual(declared()), end="")
        return OK
    print(TEXT if arguments.topic else "hoopwire --help lists the commands; topics: exit-codes, man", end="")
    print()
    return OK
