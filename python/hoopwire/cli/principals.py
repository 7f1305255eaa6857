"""`hoopwire principals lock | unlock | list`: shuts principals out, and lets them in again."""

import argparse

from hoopwire.cli.arguments import Commands, add_command, add_group, lock_for_option, operator_options
from hoopwire.cli.connect import operators
from hoopwire.cli.ended import ended_text, print_kept, print_lock
from hoopwire.cli.exits import INCOMPLETE, OK
from hoopwire.cli.output import clean, moment, print_json, print_table
from hoopwire.model.api import LockView


def add(commands: Commands) -> None:
    """Declare them."""
    group = add_group(commands, "principals", "lock principals out, and let them in again")
    parser = add_command(
        group,
        "lock",
        "shut a principal out now: its sessions end, and nothing it has or asks for opens any",
        lock,
        '  hoopwire principals lock cid:0oa1b2c3 --reason "leaked its secret"\n'
        '  hoopwire principals lock uid:00u9z8y7 --issuer staff --for 2h --reason "under review"\n\n'
        "A key also holds users who come through that client, and tokens with it among their actors.\n"
        "Another client id of the same agent is another principal: lock it, too.\n",
    )
    _lockable(parser)
    lock_for_option(parser)
    parser.add_argument("--reason", required=True, help="kept and audited; not told to the principal")
    operator_options(parser)
    parser = add_command(
        group,
        "unlock",
        "let a principal in again",
        unlock,
        '  hoopwire principals unlock cid:0oa1b2c3 --reason "secret rotated"\n\n'
        "Its grants that have not ended open sessions again: revoke them first if they should not.\n",
    )
    _lockable(parser)
    parser.add_argument("--reason", default="", help="kept and audited")
    operator_options(parser)
    parser = add_command(group, "list", "list locks, newest first", list_locks)
    parser.add_argument("--all", action="store_true", help="those that were lifted, too")
    operator_options(parser)


def _lockable(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("principal", metavar="KEY", help="cid:CLIENT_ID or uid:USER_ID")
    parser.add_argument(
        "--issuer", metavar="NAME", help="at this [issuers.NAME] only (default: at every one)"
    )


def lock(arguments: argparse.Namespace) -> int:
    """Shut a principal out, and end its sessions."""
    with operators(arguments) as gateway:
        answer = gateway.lock(
            arguments.principal,
            issuer=arguments.issuer or "",
            reason=arguments.reason,
            for_s=arguments.lock_for,
        )
    if arguments.json:
        print_json(answer)
    else:
        print_lock(answer.lock)
        print(ended_text(answer))
        if answer.seen is False:
            print(
                "No grant was ever made for this key, and the config file does not name it:"
                " is it spelled right?"
            )
        for key in answer.similar:
            print(f"Upper and lower case make no difference here: {clean(key)} is locked, too.")
    return INCOMPLETE if answer.left or answer.lock.kept == "memory" else OK


def unlock(arguments: argparse.Namespace) -> int:
    """Let a principal in again."""
    with operators(arguments) as gateway:
        answer = gateway.unlock(arguments.principal, issuer=arguments.issuer or "", reason=arguments.reason)
    if arguments.json:
        print_json(answer)
        return OK
    for lifted in answer.lifted:
        why = clean(lifted.reason)
        print(f"{clean(lifted.principal)} is unlocked{_at(lifted)} (it was locked: {why})")
    print_kept(answer.lifted[0].kept, "the unlocking")
    return OK


def list_locks(arguments: argparse.Namespace) -> int:
    """Locks, newest first."""
    with operators(arguments) as gateway:
        locks = gateway.locks(lifted=arguments.all).locks
    if arguments.json:
        print_json(locks)
        return OK
    rows = [
        (
            lock.principal,
            lock.issuer or "every",
            moment(lock.at),
            moment(lock.until) or "unlocked by hand",
            lock.by,
            lock.reason,
            _state(lock),
        )
        for lock in locks
    ]
    headers = ("PRINCIPAL", "ISSUER", "LOCKED", "UNTIL", "BY", "REASON", "STATE")
    print_table(headers, rows, empty="No locks.")
    return OK


def _at(lock: LockView) -> str:
    return f" at issuer {clean(lock.issuer)}" if lock.issuer else ""


def _state(lock: LockView) -> str:
    if lock.lifted_at is not None:
        return f"lifted {moment(lock.lifted_at)} by {lock.lifted_by}"
    return "locked" if lock.kept == "store" else "locked (pending)"
