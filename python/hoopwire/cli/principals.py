"""`hoopwire principals lock | unlock | list`."""

import argparse
from typing import Any

from hoopwire.cli.client import call_operators, ending, operators_socket
from hoopwire.cli.ended import ended_text, print_kept, print_lock
from hoopwire.cli.exits import INCOMPLETE, OK
from hoopwire.cli.output import clean, moment, print_json, print_table


def lock(arguments: argparse.Namespace) -> int:
    """Shut a principal out, and end its sessions."""
    asked = _asked(arguments)
    if arguments.lock_for is not None:
        asked["for_s"] = arguments.lock_for
    socket = operators_socket(arguments.config, arguments.socket)
    answer = call_operators(socket, "POST", "/v1/principals/lock", json=asked)
    if arguments.json:
        print_json(answer)
    else:
        print_lock(answer["lock"])
        print(ended_text(answer))
        if answer["seen"] is False:
            print(
                "No grant was ever made for this key, and the config file does not name it:"
                " is it spelled right?"
            )
        for key in answer["similar"]:
            print(f"Upper and lower case make no difference here: {clean(key)} is locked, too.")
    return INCOMPLETE if answer["left"] or answer["lock"]["kept"] == "memory" else OK


def unlock(arguments: argparse.Namespace) -> int:
    """Let a principal in again."""
    socket = operators_socket(arguments.config, arguments.socket)
    answer = call_operators(socket, "POST", "/v1/principals/unlock", json=_asked(arguments))
    if arguments.json:
        print_json(answer)
        return OK
    for lifted in answer["lifted"]:
        why = clean(lifted["reason"])
        print(f"{clean(lifted['principal'])} is unlocked{_at(lifted)} (it was locked: {why})")
    print_kept(answer["lifted"][0]["kept"], "the unlocking")
    return OK


def list_locks(arguments: argparse.Namespace) -> int:
    """Locks, newest first."""
    socket = operators_socket(arguments.config, arguments.socket)
    query = {"all": "1"} if arguments.all else {}
    locks = call_operators(socket, "GET", "/v1/principals/locks", params=query)["locks"]
    if arguments.json:
        print_json(locks)
        return OK
    rows = [
        (
            lock["principal"],
            lock["issuer"] or "every",
            moment(lock["at"]),
            moment(lock["until"]) or "unlocked by hand",
            lock["by"],
            lock["reason"],
            _state(lock),
        )
        for lock in locks
    ]
    headers = ("PRINCIPAL", "ISSUER", "LOCKED", "UNTIL", "BY", "REASON", "STATE")
    print_table(headers, rows, empty="No locks.")
    return OK


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    return {**ending(arguments.reason), "principal": arguments.principal, "issuer": arguments.issuer or ""}


def _at(lock: dict[str, Any]) -> str:
    return f" at issuer {clean(lock['issuer'])}" if lock["issuer"] else ""


def _state(lock: dict[str, Any]) -> str:
    if lock["lifted_at"] is not None:
        return f"lifted {moment(lock['lifted_at'])} by {lock['lifted_by']}"
    return "locked" if lock["kept"] == "store" else "locked (pending)"
