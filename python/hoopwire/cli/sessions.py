"""`hoopwire sessions list | end`."""

import argparse
import sys
from typing import Any

from hoopwire.cli.client import call_operators, ending, operators_socket
from hoopwire.cli.ended import worst
from hoopwire.cli.exits import INCOMPLETE, OK, REFUSED
from hoopwire.cli.output import clean, moment, print_json, print_table, size


def list_sessions(arguments: argparse.Namespace) -> int:
    """Live sessions."""
    socket = operators_socket(arguments.config, arguments.socket)
    sessions = call_operators(socket, "GET", "/v1/sessions")["sessions"]
    if arguments.json:
        print_json(sessions)
        return OK
    rows = [
        (
            session["session"],
            session["grant"],
            session["name"] or session["principal"],
            f"{session['target']}/{session['database']}",
            session["peer"],
            moment(session["started_at"]),
            moment(session["expires_at"]),
            session["statements"],
            session["rows"],
            size(session["bytes_out"]),
            budget_text(session["budget"]),
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


def budget_text(budget: dict[str, Any]) -> str:
    """`rows 10/1000, bytes 1.0 MiB/2.0 MiB`: used and limit, over all sessions of the grant."""
    shown = []
    for name, (used, limit) in budget.items():
        if name == "bytes":
            used, limit = size(used), size(limit)
        elif name == "wall_time_s":
            name, used, limit = "time", f"{used:.1f} s", f"{limit:g} s"
        shown.append(f"{name} {used}/{limit}")
    return ", ".join(shown)


def end(arguments: argparse.Namespace) -> int:
    """End sessions; their grants live on."""
    socket = operators_socket(arguments.config, arguments.socket)
    asked = {**ending(arguments.reason), "sessions": arguments.session}
    answers = call_operators(socket, "POST", "/v1/sessions/end", json=asked)["sessions"]
    if arguments.json:
        print_json(answers)
    for answer in () if arguments.json else answers:
        if answer["found"]:
            print(
                f"session {clean(answer['session'])} {'is ended' if answer['ended'] else 'has not ended yet'}"
            )
        else:
            print(f"session {clean(answer['session'])}: no such session", file=sys.stderr)
    return worst(
        *(REFUSED if not answer["found"] else OK if answer["ended"] else INCOMPLETE for answer in answers)
    )
