"""`hoopwire grants request | list | show | revoke`."""

import argparse
import shlex
import sys
from typing import Any
from urllib.parse import quote

from hoopwire.cli.client import call_operators, ending, operators_socket, request_grant
from hoopwire.cli.ended import ended_text, print_kept, print_lock, worst
from hoopwire.cli.exits import INCOMPLETE, OK, REFUSED, USAGE, CommandFailed
from hoopwire.cli.output import clean, moment, print_json, print_table, size
from hoopwire.cli.sessions import budget_text
from hoopwire.cli.token import read_token


def request(arguments: argparse.Namespace) -> int:
    """Buy a grant with a token."""
    body: dict[str, Any] = {"target": arguments.target}
    if arguments.action:
        body["actions"] = arguments.action
    for key in ("ttl", "task", "purpose", "renews"):
        if getattr(arguments, key) is not None:
            body[key] = getattr(arguments, key)
    issued = request_grant(arguments.gateway, read_token(arguments.token_file), body, ca=arguments.ca)
    if arguments.json:
        print_json(issued)
        return OK
    grant = issued["grant"]
    print(f"grant    {clean(grant['id'])}")
    print(f"opens    {clean(grant['target'])}: {clean(', '.join(grant['databases']))}")
    print(f"actions  {clean('; '.join(grant['actions']))}")
    _print_obligations(grant)
    print(f"until    {moment(grant['expires_at'])}")
    print(f"secret   {clean(issued['secret'])}")
    print(f"connect  {clean(issued['connect'])}")
    print("The secret is the password. It is shown this once.")
    return OK


def list_grants(arguments: argparse.Namespace) -> int:
    """Grants, newest first."""
    query = {"state": arguments.state} if arguments.state is not None else {}
    socket = operators_socket(arguments.config, arguments.socket)
    grants = call_operators(socket, "GET", "/v1/grants", params=query)["grants"]
    if arguments.json:
        print_json(grants)
        return OK
    rows = [
        (
            grant["id"],
            _state(grant),
            grant["name"] or grant["principal"],
            grant["target"],
            "; ".join(grant["actions"]),
            grant["mint"],
            moment(grant["expires_at"]),
            budget_text(grant["budget"]),
            grant["task"],
        )
        for grant in grants
    ]
    headers = ("GRANT", "STATE", "PRINCIPAL", "TARGET", "ACTIONS", "MINT", "EXPIRES", "BUDGET", "TASK")
    print_table(headers, rows, empty="No grants.")
    return OK


def _state(grant: dict[str, Any]) -> str:
    """`revoked (pending)`: the store does not know it yet."""
    return f"{grant['state']}{' (pending)' if grant['pending'] else ''}"


def show(arguments: argparse.Namespace) -> int:
    """One grant, what it obliges to, and what was used of it."""
    socket = operators_socket(arguments.config, arguments.socket)
    answer = call_operators(socket, "GET", f"/v1/grants/{quote(arguments.grant, safe='')}")
    if arguments.json:
        print_json(answer)
        return OK
    grant, sessions = answer["grant"], answer["sessions"]
    print(f"grant    {clean(grant['id'])}, {clean(_state(grant))}")
    print(f"for      {clean(grant['name'] or grant['principal'])} by policy {clean(grant['policy'])}")
    print(f"opens    {clean(grant['target'])}: {clean(', '.join(grant['databases']))}")
    print(f"actions  {clean('; '.join(grant['actions']))}")
    _print_obligations(grant)
    print(f"until    {moment(grant['expires_at'])}")
    if grant["ended_at"] is not None:
        ended = f"{moment(grant['ended_at'])} by {clean(grant['ended_by'])}: {clean(grant['ended_reason'])}"
        print(f"ended    {ended}")
    counted = {name: sum(session[name] for session in sessions) for name in ("statements", "rows")}
    sent = size(sum(session["bytes_out"] for session in sessions))
    numbers = f"{counted['statements']} statements, {counted['rows']} rows, {sent}"
    print(f"live     {len(sessions)} sessions: {numbers}")
    if grant["budget"]:
        print(f"used     {budget_text(grant['budget'])}")
    return OK


def _print_obligations(grant: dict[str, Any]) -> None:
    if grant["deny"]:
        print(f"deny     {clean('; '.join(grant['deny']))}")
    if grant["masks"]:
        print(f"masks    {clean(', '.join(grant['masks']))}")
    limits = {name: limit for name, limit in grant["budgets"].items() if limit is not None}
    if limits:
        texts = (f"{name.removesuffix('_s')} {_limit_text(name, limit)}" for name, limit in limits.items())
        print(f"budgets  {', '.join(texts)}")


def _limit_text(name: str, limit: float) -> str:
    if name == "bytes":
        return size(int(limit))
    return f"{limit:g} s" if name == "wall_time_s" else str(limit)


def revoke(arguments: argparse.Namespace) -> int:
    """End grants and their sessions; with --lock, shut their principals out."""
    if arguments.lock_for is not None and not arguments.lock:
        raise CommandFailed("--for needs --lock", USAGE)
    if arguments.lock and not arguments.reason:
        raise CommandFailed("--lock needs --reason", USAGE)
    socket = operators_socket(arguments.config, arguments.socket)
    asked = {**ending(arguments.reason), "grants": arguments.grant, "lock": arguments.lock}
    if arguments.lock_for is not None:
        asked["for_s"] = arguments.lock_for
    answers = call_operators(socket, "POST", "/v1/grants/revoke", json=asked)["grants"]
    if arguments.json:
        print_json(answers)
    else:
        for answer in answers:
            _print_revoked(answer)
    return worst(*map(_outcome, answers))


def _print_revoked(answer: dict[str, Any]) -> None:
    id, grant = clean(answer["id"]), answer["grant"]
    if not answer["found"]:
        print(f"grant {id}: no such grant; hoopwire grants list shows them", file=sys.stderr)
        return
    state = clean(grant["state"]) if grant is not None else "refused from now on"
    print(f"grant {id} is {state}; {ended_text(answer)}")
    print_kept(answer["kept"], "the revocation")
    if answer["lock"] is not None:
        print_lock(answer["lock"])
    elif grant is not None and grant["state"] == "revoked":
        print(f"A new token buys {clean(grant['principal'])} another grant. To shut it out:")
        print(f"  hoopwire principals lock {clean(shlex.quote(grant['principal']))} --reason ...")


def _outcome(answer: dict[str, Any]) -> int:
    if not answer["found"]:
        return REFUSED
    lock = answer["lock"]
    kept = answer["kept"] != "memory" and (lock is None or lock["kept"] != "memory")
    return OK if kept and not answer["left"] else INCOMPLETE
