"""`hoopwire sessions list | end`: shows live sessions, and ends them."""

import argparse
import sys

from hoopwire.cli.arguments import Commands, add_command, add_group, operator_options
from hoopwire.cli.connect import operators
from hoopwire.cli.ended import worst
from hoopwire.cli.exits import INCOMPLETE, OK, REFUSED
from hoopwire.cli.output import budget_text, clean, moment, print_json, print_table, size


def add(commands: Commands) -> None:
    """Declare them."""
    group = add_group(commands, "sessions", "list and end live sessions")
    operator_options(
        add_command(group, "list", "list live sessions", list_sessions, "  hoopwire sessions list --json\n")
    )
    parser = add_command(
        group, "end", "end sessions now; their grants live on", end, "  hoopwire sessions end s_01J...\n"
    )
    parser.add_argument("session", nargs="+", metavar="SESSION", help="session id (s_...)")
    parser.add_argument("--reason", default="", help="told to the principal, and kept")
    operator_options(parser)


def list_sessions(arguments: argparse.Namespace) -> int:
    """Live sessions."""
    with operators(arguments) as gateway:
        sessions = gateway.sessions().sessions
    if arguments.json:
        print_json(sessions)
        return OK
    rows = [
        (
            session.session,
            session.grant,
            session.name or session.principal,
            f"{session.target}/{session.database}",
            session.peer,
            moment(session.started_at),
            moment(session.expires_at),
            session.statements,
            session.rows,
            size(session.bytes_out),
            budget_text(session.budget),
        )
        for session in sessions
    ]
    headers = (
        "SESSION",
        "GRANT",
        "PRINCIPAL",
        "DATABASE",
        "PEER",
        "STARTED",
        "EXPIRES",
        "STATEMENTS",
        "ROWS",
        "SENT",
        "BUDGET",
    )
    print_table(headers, rows, empty="No live sessions.")
    return OK


def end(arguments: argparse.Namespace) -> int:
    """End sessions; their grants live on."""
    with operators(arguments) as gateway:
        answers = gateway.end_sessions(arguments.session, reason=arguments.reason).sessions
    if arguments.json:
        print_json(answers)
    for answer in () if arguments.json else answers:
        if answer.found:
            state = "is ended" if answer.ended else "has not ended yet"
            print(f"session {clean(answer.session)} {state}")
        else:
            print(f"session {clean(answer.session)}: no such session", file=sys.stderr)
    return worst(*(REFUSED if not answer.found else OK if answer.ended else INCOMPLETE for answer in answers))
