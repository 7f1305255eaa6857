"""`hoopwire serve`: runs the gateway in the foreground."""

import argparse
import functools
import logging
import sys
from pathlib import Path

import trio

from hoopwire.audit import FileSink, Sink, StreamSink
from hoopwire.cli.arguments import Commands, add_command, config_option
from hoopwire.cli.exits import INTERRUPTED, NOT_STARTED, OK, CommandFailed
from hoopwire.cli.production import production_rooms
from hoopwire.control import log
from hoopwire.control.files import StartError
from hoopwire.control.service import serve


def add(commands: Commands) -> None:
    """Declare it."""
    parser = add_command(
        commands,
        "serve",
        "run the gateway in the foreground",
        run,
        "  hoopwire serve --config /etc/hoopwire/hoopwire.toml\n"
        "  kill -HUP PID     read the file again; a bad file keeps the old settings\n"
        "  kill -TERM PID    refuse new sessions, let busy ones finish, end\n",
    )
    config_option(parser)
    parser.add_argument("--audit", metavar="FILE", help="append audit events to FILE instead of stderr")
    parser.add_argument("--verbose", action="store_true", help="log more")


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM."""
    log.configure(logging.DEBUG if arguments.verbose else logging.INFO)
    sink: Sink
    try:
        sink = FileSink(arguments.audit) if arguments.audit else StreamSink(sys.stderr.buffer)
    except OSError as error:
        raise CommandFailed(
            f"cannot write the audit file {arguments.audit}: {error.strerror}", NOT_STARTED
        ) from None
    try:
        trio.run(functools.partial(serve, Path(arguments.config), production_rooms(), sink=sink))
    except StartError as error:
        raise CommandFailed(str(error), NOT_STARTED) from None
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is None:
            raise
        return INTERRUPTED
    finally:
        sink.close()
    return OK
