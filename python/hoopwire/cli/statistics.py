"""`hoopwire statistics`: prints the counters of the running gateway."""

import argparse

import msgspec

from hoopwire.cli.arguments import Commands, add_command, operator_options
from hoopwire.cli.connect import operators
from hoopwire.cli.exits import OK
from hoopwire.cli.output import clean, print_json


def add(commands: Commands) -> None:
    """Declare it."""
    operator_options(add_command(commands, "statistics", "print the gateway's counters", run))


def run(arguments: argparse.Namespace) -> int:
    """Counters since start."""
    with operators(arguments) as gateway:
        answer = gateway.statistics()
    if arguments.json:
        print_json(answer)
        return OK
    print(f"version             {clean(answer.version)}{' (draining)' if answer.draining else ''}")
    print(f"locks               {answer.locks}")
    print(f"pending             {answer.pending}{' (not in the store yet)' if answer.pending else ''}")
    print(f"log lost            {answer.log_lost}")
    print(f"audit unwritten     {answer.audit_unwritten}")
    for name, value in msgspec.structs.asdict(answer.engine).items():
        print(f"{name.replace('_', ' '):<18}  {value}")
    return OK
