"""`hoopwire recordings list | show | verify | release`: reads recordings from files; asks no gateway."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from hoopwire.cli.arguments import Commands, add_command, add_group, config_option, json_option, positive
from hoopwire.cli.exits import NOT_STARTED, OK, REFUSED, USAGE, CommandFailed
from hoopwire.cli.output import clean, moment, print_json, print_table, size
from hoopwire.cli.replay import Player, choose, export
from hoopwire.config import load
from hoopwire.control.engine import read_frames, release_segment, verify_recordings
from hoopwire.recordings import (
    Entry,
    decode_report,
    list_sessions,
    read_directory,
    render_report,
    segment_files,
    session_json,
    session_text,
)
from hoopwire.recordings.terminal import read_terminals


def add(commands: Commands) -> None:
    """Declare them."""
    group = add_group(commands, "recordings", "read and verify recordings")
    parser = add_command(
        group,
        "list",
        "list recorded sessions",
        list_recorded,
        "  hoopwire recordings list\n  hoopwire recordings list --path COPY --json\n",
    )
    _place(parser)
    json_option(parser)
    parser = add_command(
        group,
        "show",
        "show a session: statements, parameters, decisions, results",
        show,
        "  hoopwire recordings show s_01J...\n  hoopwire recordings show s_01J... --json | jq .text\n",
    )
    parser.add_argument("session", metavar="SESSION", help="session id (s_...)")
    _place(parser)
    json_option(parser)
    parser = add_command(
        group,
        "replay",
        "play a session's terminal on this one",
        replay,
        "  hoopwire recordings replay s_01J...\n"
        "  hoopwire recordings replay s_01J... --speed 4 --idle-limit 1\n",
    )
    _terminal(parser)
    parser.add_argument("--speed", metavar="FACTOR", type=positive, default=1.0, help="how fast (1)")
    parser.add_argument("--idle-limit", metavar="SECONDS", type=positive, help="no pause longer than this")
    parser.add_argument("--from", dest="start", metavar="SECONDS", type=positive, help="begin there")
    parser = add_command(
        group,
        "export",
        "write a session's terminal as a file that players read",
        export_terminal,
        "  hoopwire recordings export s_01J... --format asciicast --output session.cast\n",
    )
    _terminal(parser)
    parser.add_argument("--format", choices=("asciicast", "raw"), default="asciicast", help="asciicast")
    parser.add_argument("--output", metavar="FILE", help="where to; standard output if not given")
    parser = add_command(
        group,
        "verify",
        "prove that recordings are whole and unchanged",
        verify,
        "  hoopwire recordings verify /var/lib/hoopwire/recordings --key recording.pub\n"
        "  hoopwire recordings verify COPY --key recording.pub --checkpoints checkpoints\n",
    )
    parser.add_argument("path", metavar="PATH", help="directory of recordings, or one segment file")
    parser.add_argument("--key", metavar="FILE", required=True, help="public key (hoopwire keygen recording)")
    parser.add_argument("--checkpoints", metavar="FILE", help="the signed checkpoints, kept elsewhere")
    json_option(parser)
    parser = add_command(
        group,
        "release",
        "give up sealed segments that are archived elsewhere",
        release,
        "  hoopwire recordings release recordings/s0/0000000001.hwr\n",
    )
    parser.add_argument("segment", nargs="+", metavar="SEGMENT", help="a sealed segment file (*.hwr)")
    json_option(parser)


def _terminal(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", metavar="SESSION", help="session id (s_...)")
    parser.add_argument("--channel", metavar="N", type=int, help="which channel, if several had a terminal")
    _place(parser)


def _place(parser: argparse.ArgumentParser) -> None:
    config_option(parser)
    parser.add_argument("--path", metavar="PATH", help="directory of recordings, if not the config file's")


def list_recorded(arguments: argparse.Namespace) -> int:
    """Recorded sessions, oldest first."""
    reading = _Reading(arguments)
    sessions = list_sessions(reading.entries())
    if arguments.json:
        print_json(sessions)
        return reading.code
    rows = [
        (
            session.session,
            moment(session.started_at),
            session.principal_name or session.principal,
            f"{session.target}/{session.database}",
            session.statements,
            session.denied,
            session.rows,
            size(session.bytes_out),
            f"{session.closed_by}: {session.reason}" if session.ended else "(no end here)",
        )
        for session in sessions
    ]
    headers = (
        "SESSION",
        "STARTED",
        "PRINCIPAL",
        "DATABASE",
        "STATEMENTS",
        "DENIED",
        "ROWS",
        "SENT",
        "ENDED BY",
    )
    print_table(headers, rows, empty="No recorded sessions.")
    return reading.code


def show(arguments: argparse.Namespace) -> int:
    """One session, frame by frame; with `--json` one object a line."""
    reading = _Reading(arguments)
    shown = False
    if arguments.json:
        for raw in session_json(reading.entries(), arguments.session):
            shown = True
            print(raw.decode())
    else:
        for line in session_text(reading.entries(), arguments.session):
            shown = True
            print(line)
    if not shown:
        text = f"no session {clean(arguments.session)} in {clean(reading.path)}"
        raise CommandFailed(f"{text}; hoopwire recordings list shows them")
    return reading.code


def replay(arguments: argparse.Namespace) -> int:
    """A terminal as it was, in its own time."""
    reading = _Reading(arguments)
    terminal = choose(
        read_terminals(reading.entries(), arguments.session), arguments.channel, arguments.session
    )
    player = Player(terminal, arguments.speed, arguments.idle_limit)
    if arguments.start is not None:
        player.seek(arguments.start)
    return player.play() or reading.code


def export_terminal(arguments: argparse.Namespace) -> int:
    """A terminal as a file."""
    reading = _Reading(arguments)
    terminal = choose(
        read_terminals(reading.entries(), arguments.session), arguments.channel, arguments.session
    )
    return export(terminal, arguments) or reading.code


def verify(arguments: argparse.Namespace) -> int:
    """0 only if nothing failed; goes on after a fault and names every block."""
    key = _text(arguments.key, "the public key")
    checkpoints = None if arguments.checkpoints is None else _text(arguments.checkpoints, "the checkpoints")
    try:
        report = decode_report(verify_recordings(arguments.path, key, checkpoints))
    except ImportError:
        _no_engine()
    except ValueError as error:
        raise CommandFailed(f"nothing could be verified: {error}", USAGE) from None
    if arguments.json:
        print_json(report)
    else:
        for line in render_report(report, with_checkpoints=checkpoints is not None):
            print(line)
    return OK if report.ok else REFUSED


def release(arguments: argparse.Namespace) -> int:
    """Let the gateway use the files of archived segments again."""
    released = []
    for path in arguments.segment:
        try:
            kept = release_segment(path)
        except ImportError:
            _no_engine()
        except ValueError as error:
            raise CommandFailed(f"{clean(path)} is not released: {clean(error)}") from None
        released.append({"path": path, "reused": kept})
        if not arguments.json:
            print(f"{clean(path)} is released" + ("; its file will be used again" if kept else ""))
    if arguments.json:
        print_json(released)
    return OK


class _Reading:
    """Entries of the directory that the command names. What does not hold is said, and `code` becomes 1."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.path = arguments.path or load(arguments.config, files=False).recording.directory
        self.code = OK

    def entries(self) -> Iterator[Entry]:
        """Frames in order. CommandFailed if there is nothing to read or to read with."""
        path = Path(self.path)
        if not segment_files(path):
            raise CommandFailed(f"{clean(self.path)} holds no recording (*.hwr, *.open)", USAGE)
        try:
            yield from read_directory(path, read_frames, self._fault)
        except ImportError:
            _no_engine()

    def _fault(self, fault: ValueError) -> None:
        self.code = REFUSED
        print(f"hoopwire: {clean(fault)}", file=sys.stderr)


def _text(path: str, what: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CommandFailed(f"cannot read {what} {clean(path)}: {reason}", USAGE) from None


def _no_engine() -> NoReturn:
    text = "the engine is not built: install a hoopwire wheel, or run `make demo` in a checkout"
    raise CommandFailed(text, NOT_STARTED) from None
