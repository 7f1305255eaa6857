"""`hoopwire reload`: makes the running gateway read its config file again."""

import argparse

from hoopwire.cli.arguments import Commands, add_command, operator_options
from hoopwire.cli.connect import operators
from hoopwire.cli.exits import OK
from hoopwire.cli.output import clean, print_json


def add(commands: Commands) -> None:
    """Declare it."""
    parser = add_command(
        commands, "reload", "make the gateway read its config file again", run, "  hoopwire reload\n"
    )
    operator_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Reload, and say what it did."""
    with operators(arguments) as gateway:
        answer = gateway.reload()
    if arguments.json:
        print_json(answer)
        return OK
    print(f"reloaded: {answer.cut} grants cut, {answer.narrowed} narrowed")
    for name in answer.restart_needed:
        print(f"{clean(name)} changed and counts only after a restart")
    return OK
