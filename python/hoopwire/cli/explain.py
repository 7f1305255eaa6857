"""`hoopwire explain`: says what an identity may do, of statements or on an ssh target, and why not."""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from hoopwire.access import Explanation, Offer, compile_grant, explain
from hoopwire.cli.arguments import Commands, add_command, config_option, identity_options, json_option
from hoopwire.cli.exits import NOT_STARTED, OK, REFUSED, USAGE, CommandFailed
from hoopwire.cli.explain_ssh import add_ssh_options, asked_action, check_spoken, print_action, who
from hoopwire.cli.output import clean, masked_columns, print_denial, print_json
from hoopwire.config import load
from hoopwire.control.engine import explain_action, explain_sql
from hoopwire.model.commands import CompiledGrant
from hoopwire.model.denial import Denial
from hoopwire.model.explained import ExplainedAction, ExplainedStatement

OFFLINE = (
    "Decided offline, without the target's catalogue: a name without a schema is judged by the search path"
    " alone, and a function that the target's own schemas would put in front of a built-in one is not seen."
)
_WORDS = {"select": "reads", "insert": "inserts into", "delete": "deletes from", "ddl": "defines"}
_SHOWN_CHARACTERS = 100

Decide = Callable[[CompiledGrant, str], tuple[ExplainedStatement, ...]]
DecideAction = Callable[[CompiledGrant, str], ExplainedAction]
_T = TypeVar("_T")


def add(commands: Commands) -> None:
    """Declare it."""
    parser = add_command(
        commands,
        "explain",
        "say what the gateway would allow of SQL, statement by statement, or on an ssh target",
        run,
        '  hoopwire explain "select * from orders" --as cid:0oa1b2c3 --groups data --target orders\n'
        "  hoopwire explain --file report.sql --as uid:00u9z8y7 --target orders/analytics --json\n"
        "  pg_dump --schema-only | hoopwire explain - --as cid:0oa1b2c3 --target orders\n"
        "  hoopwire explain --ssh 'tar czf - /var/log' --as cid:0oa1b2c3 --target web1\n"
        "  hoopwire explain --action 'forward db:5432' --as cid:0oa1b2c3 --target web1/deploy\n\n"
        "Nothing is connected to: without a catalogue, names are judged by the search path alone.\n"
        "The exit code is 0 if all is allowed, 1 if anything is refused.\n",
    )
    parser.add_argument("sql", nargs="?", metavar="SQL", help="one argument; - is stdin")
    parser.add_argument("--file", metavar="FILE", help="read the SQL from FILE")
    add_ssh_options(parser)
    identity_options(parser, is_required=True)
    parser.add_argument("--target", metavar="TARGET", required=True, help="orders, orders/analytics or web1")
    config_option(parser)
    json_option(parser)


def run(
    arguments: argparse.Namespace, decide: Decide = explain_sql, decide_action: DecideAction = explain_action
) -> int:
    """Decide each statement, or the action, as the gateway would; nothing is connected to."""
    action = asked_action(arguments)
    sql = _sql(arguments) if action is None else ""
    settings = load(arguments.config, files=False)
    check_spoken(arguments.target, settings, "postgres" if action is None else "ssh")
    groups = None
    if arguments.groups is not None:
        groups = tuple(group.strip() for group in arguments.groups.split(",") if group.strip())
    try:
        found = explain(
            arguments.identity,
            arguments.target,
            settings,
            time.time(),
            groups=groups,
            issuer=arguments.issuer,
        )
    except ValueError as error:
        raise CommandFailed(str(error), USAGE) from None
    offer = found.outcome
    if not isinstance(offer, Offer):
        _print_not_granted(arguments, found, offer)
        return REFUSED
    if action is not None:
        answer = _decided(offer, action, decide_action)
        print_action(found, offer, action, answer, is_json=arguments.json)
        return OK if answer.allow else REFUSED
    statements = _decided(offer, sql, decide)
    allowed = all(statement.allow for statement in statements)
    if arguments.json:
        print_json(_document(found, offer, sql, statements, allowed))
    else:
        _print(found, offer, sql, statements)
    return OK if allowed else REFUSED


def _sql(arguments: argparse.Namespace) -> str:
    if (arguments.sql is None) == (arguments.file is None):
        raise CommandFailed(
            "give the SQL as one argument, or - for stdin, or --file FILE; for ssh --ssh or --action",
            USAGE,
        )
    try:
        if arguments.file is not None:
            with open(arguments.file, encoding="utf-8", newline="") as file:
                return file.read()
        return sys.stdin.read() if arguments.sql == "-" else str(arguments.sql)
    except OSError as error:
        raise CommandFailed(f"cannot read {clean(arguments.file)}: {error.strerror}", USAGE) from None
    except UnicodeDecodeError:
        raise CommandFailed("the SQL is not UTF-8", USAGE) from None


def _decided(offer: Offer, text: str, decide: Callable[[CompiledGrant, str], _T]) -> _T:
    grant = compile_grant(
        offer.grant("g_explain"),
        offer.database,
        now=time.time(),
        monotonic_ns=time.monotonic_ns(),
        notice_s=0,
        # Nothing is masked here; the engine only wants a key of the right length.
        mask_key=bytes(32),
    )
    try:
        return decide(grant, text)
    except ImportError:
        raise CommandFailed(
            "the engine is not built, or too old to explain: install a hoopwire wheel, or run `make demo` in"
            " a checkout",
            NOT_STARTED,
        ) from None
    except ValueError as error:
        raise CommandFailed(f"{clean(text)}: {clean(str(error))}", USAGE) from None


def _print_not_granted(arguments: argparse.Namespace, found: Explanation, outcome: Denial) -> None:
    if arguments.json:
        print_json({"allowed": False, "policy": None, "explanation": found, "statements": []})
        return
    print(f"{who(found)}: {clean(found.target)} is refused ({clean(outcome.code)})")
    print_denial(outcome, indent="  ")
    for account in found.policies:
        print(f"  - {clean(account.policy)}: {clean(account.reason)}")


def _print(found: Explanation, offer: Offer, sql: str, statements: tuple[ExplainedStatement, ...]) -> None:
    print(f"{who(found)}: {clean(found.target)} by policy {clean(offer.policy)}")
    print(f"  actions  {clean('; '.join(offer.actions))}")
    if offer.deny:
        print(f"  deny     {clean('; '.join(offer.deny))}")
    if offer.masks:
        print(f"  masks    {masked_columns(offer.masks)}")
    if not statements:
        print("No statement.")
    for number, statement in enumerate(statements, 1):
        command = statement.command or "the text as a whole"
        refused = "" if statement.allow else f" ({clean(statement.code)})"
        print(f"{number}. {'allowed' if statement.allow else 'refused'}: {clean(command)}{refused}")
        print(f"     {_shown(sql, statement)}")
        said = (*_touched(statement), statement.message, *statement.detail.splitlines(), statement.hint)
        for line in said:
            if line:
                print(f"     {clean(line)}")
    print(OFFLINE)


def _touched(statement: ExplainedStatement) -> list[str]:
    """`reads public.orders`, `calls app.f`."""
    lines = []
    for relation in statement.relations:
        verbs = ", ".join(_WORDS.get(verb, f"{verb}s") for verb in relation.verbs)
        lines.append(f"{verbs} {relation}")
    if statement.functions:
        lines.append(f"calls {', '.join(map(str, statement.functions))}")
    return lines


def _document(
    found: Explanation,
    offer: Offer,
    sql: str,
    statements: tuple[ExplainedStatement, ...],
    allowed: bool,
) -> dict[str, Any]:
    return {
        "allowed": allowed,
        "principal": found.principal,
        "issuer": found.issuer,
        "groups": found.groups,
        "target": found.target,
        "database": offer.database,
        "policy": offer.policy,
        "actions": offer.actions,
        "deny": offer.deny,
        "masks": [f"{mask.schema}.{mask.relation}.{mask.column}" for mask in offer.masks],
        "statements": [
            {
                **msgspec.structs.asdict(statement),
                "sql": _text(sql, statement),
                "relations": [{"name": str(item), "verbs": item.verbs} for item in statement.relations],
                "functions": list(map(str, statement.functions)),
            }
            for statement in statements
        ],
        "note": OFFLINE,
    }


def _text(sql: str, statement: ExplainedStatement) -> str:
    return sql.encode()[statement.start : statement.end].decode(errors="replace").strip()


def _shown(sql: str, statement: ExplainedStatement) -> str:
    """The statement on one line, cut if long."""
    text = " ".join(_text(sql, statement).split())
    return clean(text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…")
