"""What commands declare themselves with: the form of a command and a group, and options that many have."""

import argparse
import os
from collections.abc import Callable
from typing import Any

from hoopwire.model.units import MOST_LOCKED_S

Commands = Any
"""What `add_subparsers` returns; argparse has no public name for it."""
Run = Callable[[argparse.Namespace], int]
_CONFIG = "hoopwire.toml"


def add_command(
    commands: Commands, name: str, summary: str, run: Run, examples: str = ""
) -> argparse.ArgumentParser:
    """Add a command; `run` does it and returns the exit code."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"examples:\n{examples}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_group(commands: Commands, name: str, summary: str) -> Commands:
    """Add a word that only has commands below it."""
    parser = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    return parser.add_subparsers(metavar="COMMAND", required=True)


def json_option(parser: argparse.ArgumentParser) -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def config_option(parser: argparse.ArgumentParser) -> None:
    """`--config`."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=os.environ.get("HOOPWIRE_CONFIG", _CONFIG),
        help="config file (default: $HOOPWIRE_CONFIG, else hoopwire.toml)",
    )


def operator_options(parser: argparse.ArgumentParser) -> None:
    """Of a command that asks a running gateway: `--config`, `--socket`, `--json`."""
    config_option(parser)
    parser.add_argument("--socket", metavar="PATH", help="the operators' socket, if not the config file's")
    json_option(parser)


def identity_options(parser: argparse.ArgumentParser, *, is_required: bool) -> None:
    """Of a command that asks what an identity gets: `--as`, `--groups`, `--issuer`."""
    parser.add_argument(
        "--as", dest="identity", metavar="KEY", required=is_required, help="cid:CLIENT_ID or uid:USER_ID"
    )
    parser.add_argument("--groups", metavar="A,B", help="its groups (default: the issuer's static members)")
    parser.add_argument(
        "--issuer", metavar="NAME", help="the [issuers.NAME] it comes from, if there are several"
    )


def lock_for_option(parser: argparse.ArgumentParser) -> None:
    """`--for`, as seconds in `lock_for`."""
    parser.add_argument(
        "--for", dest="lock_for", type=_duration, metavar="TIME", help="90s, 2h, 7d (default: until unlocked)"
    )


def positive(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def _duration(text: str) -> float:
    # Whoever gives none need not wait for the room of the config file.
    from hoopwire.config.units import parse_seconds

    try:
        seconds = float(parse_seconds(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if seconds <= 0:
        raise argparse.ArgumentTypeError("must be more than nothing")
    if seconds > MOST_LOCKED_S:
        most = f"{int(MOST_LOCKED_S // 86_400)}d"
        raise argparse.ArgumentTypeError(f"at most {most}; leave it out to lock until it is unlocked")
    return seconds
