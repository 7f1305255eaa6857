"""`hoopwire grants request | list | show | revoke`: buys a grant, shows grants, and ends them."""

import argparse
import re
import shlex
import sys
from pathlib import Path

import msgspec

from hoopwire.cli.arguments import (
    Commands,
    add_command,
    add_group,
    json_option,
    lock_for_option,
    operator_options,
)
from hoopwire.cli.connect import operators, told
from hoopwire.cli.ended import ended_text, print_kept, print_lock, worst
from hoopwire.cli.exits import INCOMPLETE, OK, REFUSED, USAGE, CommandFailed
from hoopwire.cli.output import budget_text, clean, moment, print_json, print_table, size
from hoopwire.cli.token import read_token
from hoopwire.client import request_grant
from hoopwire.model.api import GrantRequest, GrantView, RevokedView
from hoopwire.model.limits import limit_texts

_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")


def add(commands: Commands) -> None:
    """Declare them."""
    group = add_group(commands, "grants", "ask for grants, list, show and revoke them")
    _add_request(group)
    parser = add_command(
        group,
        "list",
        "list grants, newest first",
        list_grants,
        "  hoopwire grants list --state active\n",
    )
    parser.add_argument("--state", choices=("active", "exhausted", "expired", "revoked"), help="only these")
    operator_options(parser)
    parser = add_command(
        group,
        "show",
        "show one grant, and what its sessions have used",
        show,
        "  hoopwire grants show g_01J...\n",
    )
    parser.add_argument("grant", metavar="GRANT", help="grant id (g_...)")
    operator_options(parser)
    parser = add_command(
        group,
        "revoke",
        "end grants and their sessions now",
        revoke,
        '  hoopwire grants revoke g_01J... --reason "left the team"\n'
        '  hoopwire grants revoke g_01J... --lock --for 2h --reason "leaked its token"\n\n'
        "Answers when the sessions have ended, or after 10 seconds with those that have not (exit code 5).\n"
        "Without --lock a new token buys another grant.\n",
    )
    parser.add_argument("grant", nargs="+", metavar="GRANT", help="grant id (g_...)")
    parser.add_argument("--lock", action="store_true", help="lock the grant's principal, too")
    lock_for_option(parser)
    parser.add_argument("--reason", default="", help="told to the principal (of a lock: kept only), and kept")
    operator_options(parser)


def _add_request(group: Commands) -> None:
    parser = add_command(
        group,
        "request",
        "exchange an access token for a grant secret",
        request,
        "  hoopwire grants request --gateway https://gw:8443 --target orders --ttl 10m --token-file -\n"
        "  HOOPWIRE_TOKEN=... hoopwire grants request --gateway https://gw:8443 --target orders --json\n\n"
        "The token is read from a file, stdin (-) or $HOOPWIRE_TOKEN: arguments can be seen by everybody.\n",
    )
    parser.add_argument("--gateway", metavar="URL", required=True, help="https:// URL of the control API")
    parser.add_argument("--target", required=True, help="orders, or orders/analytics for that database only")
    parser.add_argument(
        "--action",
        action="append",
        metavar="ACTION",
        help="narrow to this action, for example 'select on public.orders' (repeatable)",
    )
    parser.add_argument("--ttl", metavar="TIME", help="90s, 10m, 1h (default: what the policy gives)")
    parser.add_argument("--task", default="", help="task id, kept with the grant")
    parser.add_argument("--purpose", default="", help="why, for whoever reads the audit")
    parser.add_argument(
        "--renews", default="", metavar="GRANT", help="follow this grant of yours; same or narrower"
    )
    parser.add_argument("--token-file", metavar="FILE", help="file with the token; - is stdin")
    parser.add_argument("--ca", metavar="FILE", help="CA of the gateway's certificate, if not the system's")
    json_option(parser)


def request(arguments: argparse.Namespace) -> int:
    """Buy a grant with a token."""
    asked = GrantRequest(
        target=arguments.target,
        actions=None if arguments.action is None else tuple(arguments.action),
        ttl=arguments.ttl,
        task=arguments.task,
        purpose=arguments.purpose,
        renews=arguments.renews,
    )
    token = read_token(arguments.token_file)
    with told():
        issued = request_grant(arguments.gateway, token, asked, ca=arguments.ca)
    if arguments.json:
        print_json(issued)
        return OK
    grant = issued.grant
    print(f"grant    {clean(grant.id)}")
    print(f"opens    {clean(grant.target)}: {clean(', '.join(grant.databases))}")
    print(f"actions  {clean('; '.join(grant.actions))}")
    _print_obligations(grant)
    print(f"until    {moment(grant.expires_at)}")
    print(f"secret   {clean(issued.secret)}")
    print(f"connect  {clean(_trusting(issued.connect, arguments.ca))}")
    print("The secret is the password. It is shown this once.")
    return OK


def _trusting(connect: str, ca: str | None) -> str:
    """The line with the authority that this command has trusted: psql looks in a file of its own else."""
    if not connect.startswith('psql "'):
        return connect
    root = "system" if ca is None else str(Path(ca).absolute())
    if _PLAIN.fullmatch(root):
        return connect.removesuffix('"') + f' sslrootcert={root}"'
    escaped = root.replace("\\", "\\\\").replace("'", "\\'")
    conninfo = connect.removeprefix('psql "').removesuffix('"') + f" sslrootcert='{escaped}'"
    return f"psql {shlex.quote(conninfo)}"


def list_grants(arguments: argparse.Namespace) -> int:
    """Grants, newest first."""
    with operators(arguments) as gateway:
        grants = gateway.grants(arguments.state).grants
    if arguments.json:
        print_json(grants)
        return OK
    rows = [
        (
            grant.id,
            _state(grant),
            grant.name or grant.principal,
            grant.target,
            "; ".join(grant.actions),
            grant.mint,
            moment(grant.expires_at),
            budget_text(grant.budget),
            grant.task,
        )
        for grant in grants
    ]
    headers = ("GRANT", "STATE", "PRINCIPAL", "TARGET", "ACTIONS", "MINT", "EXPIRES", "BUDGET", "TASK")
    print_table(headers, rows, empty="No grants.")
    return OK


def _state(grant: GrantView) -> str:
    """`revoked (pending)`: the store does not know it yet."""
    return f"{grant.state}{' (pending)' if grant.pending else ''}"


def show(arguments: argparse.Namespace) -> int:
    """One grant, what it obliges to, and what was used of it."""
    with operators(arguments) as gateway:
        answer = gateway.grant(arguments.grant)
    if arguments.json:
        print_json(answer)
        return OK
    grant, sessions = answer.grant, answer.sessions
    print(f"grant    {clean(grant.id)}, {clean(_state(grant))}")
    print(f"for      {clean(grant.name or grant.principal)} by policy {clean(grant.policy)}")
    if grant.matched:
        print(f"by       {clean(', '.join(grant.matched))} (groups from {clean(grant.groups_source)})")
    print(f"opens    {clean(grant.target)}: {clean(', '.join(grant.databases))}")
    print(f"actions  {clean('; '.join(grant.actions))}")
    _print_obligations(grant)
    if grant.ssh_key:
        print(f"key      {clean(grant.ssh_key)}")
    print(f"until    {moment(grant.expires_at)}")
    if grant.ended_at is not None:
        print(f"ended    {moment(grant.ended_at)} by {clean(grant.ended_by)}: {clean(grant.ended_reason)}")
    statements = sum(session.statements for session in sessions)
    rows = sum(session.rows for session in sessions)
    sent = size(sum(session.bytes_out for session in sessions))
    print(f"live     {len(sessions)} sessions: {statements} statements, {rows} rows, {sent}")
    if used := budget_text(grant.budget):
        print(f"used     {used}")
    return OK


def _print_obligations(grant: GrantView) -> None:
    if grant.deny:
        print(f"deny     {clean('; '.join(grant.deny))}")
    if grant.masks:
        print(f"masks    {clean(', '.join(grant.masks))}")
    budgets = msgspec.structs.asdict(grant.budgets)
    limits = {name: limit for name, limit in budgets.items() if limit is not None}
    if limits:
        texts = (f"{name.removesuffix('_s')} {_limit_text(name, limit)}" for name, limit in limits.items())
        print(f"budgets  {', '.join(texts)}")
    if limits_of := limit_texts(grant.limits):
        print(f"limits   {', '.join(limits_of)}")


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
    with operators(arguments) as gateway:
        answers = gateway.revoke_grants(
            arguments.grant, reason=arguments.reason, lock=arguments.lock, for_s=arguments.lock_for
        ).grants
    if arguments.json:
        print_json(answers)
    else:
        for answer in answers:
            _print_revoked(answer)
    return worst(*map(_outcome, answers))


def _print_revoked(answer: RevokedView) -> None:
    id, grant = clean(answer.id), answer.grant
    if not answer.found:
        print(f"grant {id}: no such grant; hoopwire grants list shows them", file=sys.stderr)
        return
    state = clean(grant.state) if grant is not None else "refused from now on"
    print(f"grant {id} is {state}; {ended_text(answer)}")
    print_kept(answer.kept, "the revocation")
    if answer.lock is not None:
        print_lock(answer.lock)
    elif grant is not None and grant.state == "revoked":
        print(f"A new token buys {clean(grant.principal)} another grant. To shut it out:")
        print(f"  hoopwire principals lock {clean(shlex.quote(grant.principal))} --reason ...")


def _outcome(answer: RevokedView) -> int:
    if not answer.found:
        return REFUSED
    kept = answer.kept != "memory" and (answer.lock is None or answer.lock.kept != "memory")
    return OK if kept and not answer.left else INCOMPLETE
