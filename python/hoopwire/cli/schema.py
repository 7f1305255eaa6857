"""`hoopwire schema`: prints the JSON Schema of the config file."""

import argparse

from hoopwire.cli.arguments import Commands, add_command
from hoopwire.cli.exits import OK
from hoopwire.cli.output import print_json
from hoopwire.config import schema


def add(commands: Commands) -> None:
    """Declare it."""
    add_command(
        commands,
        "schema",
        "print the JSON Schema of the config file",
        run,
        "  hoopwire schema > hoopwire.schema.json\n",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    print_json(schema.schema())
    return OK
