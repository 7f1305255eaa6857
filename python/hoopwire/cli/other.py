"""The small commands: demo, schema, reload, statistics, version, help."""

import argparse
import importlib

from hoopwire import __version__
from hoopwire.cli.client import call_operators, operators_socket
from hoopwire.cli.exits import NOT_STARTED, OK, TEXT, CommandFailed
from hoopwire.cli.output import clean, print_json
from hoopwire.config.schema import schema as config_schema


def demo(arguments: argparse.Namespace) -> int:
    """`hoopwire.demo.tour`, imported only here: nothing of it is needed to serve."""
    try:
        module = importlib.import_module("hoopwire.demo.tour")
    except ImportError as error:
        raise CommandFailed(f"the demo cannot run here: {error}", NOT_STARTED) from None
    return int(module.main(["--keep"] if arguments.keep else []) or OK)


def schema(arguments: argparse.Namespace) -> int:
    """JSON Schema of the config file."""
    print_json(config_schema())
    return OK


def reload(arguments: argparse.Namespace) -> int:
    """Reload, and say what it did."""
    socket = operators_socket(arguments.config, arguments.socket)
    answer = call_operators(socket, "POST", "/v1/reload")
    if arguments.json:
        print_json(answer)
        return OK
    print(f"reloaded: {answer['cut']} grants cut, {answer['narrowed']} narrowed")
    for name in answer["restart_needed"]:
        print(f"{clean(name)} changed and counts only after a restart")
    return OK


def statistics(arguments: argparse.Namespace) -> int:
    """Counters since start."""
    answer = call_operators(operators_socket(arguments.config, arguments.socket), "GET", "/v1/statistics")
    if arguments.json:
        print_json(answer)
        return OK
    print(f"version             {clean(answer['version'])}{' (draining)' if answer['draining'] else ''}")
    print(f"locks               {answer['locks']}")
    print(f"pending             {answer['pending']}{' (not in the store yet)' if answer['pending'] else ''}")
    for name, value in answer["engine"].items():
        print(f"{clean(name).replace('_', ' '):<18}  {value}")
    return OK


def version(arguments: argparse.Namespace) -> int:
    """The version."""
    if arguments.json:
        print_json({"version": __version__})
    else:
        print(f"hoopwire {__version__}")
    return OK


def explain(arguments: argparse.Namespace) -> int:
    """`hoopwire help exit-codes`."""
    print(TEXT if arguments.topic else "hoopwire --help lists the commands; topics: exit-codes", end="")
    print()
    return OK
