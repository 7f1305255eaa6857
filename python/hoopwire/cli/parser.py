"""The command line: one place for its words, each command with an example."""

import argparse
import os
from collections.abc import Callable
from typing import Any

from hoopwire.cli import check, exits, explain, grants, keygen, other, principals, recordings, serve, sessions
from hoopwire.config.units import parse_seconds
from hoopwire.model.api import MOST_LOCKED_S

Run = Callable[[argparse.Namespace], int]
_CONFIG = "hoopwire.toml"


def build_parser() -> argparse.ArgumentParser:
    """The parser; each command leaves its function in `run`."""
    parser = _Parser(
        prog="hoopwire",
        description="An access gateway: an Okta identity in; a scoped, expiring, recorded session out.",
        epilog=exits.TEXT + "\nhoopwire COMMAND --help shows examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _serving(commands)
    _checking(commands)
    _grants(commands)
    _sessions(commands)
    _principals(commands)
    _recordings(commands)
    _keygen(commands)
    _others(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        # An abbreviation that works today would mean another option tomorrow.
        super().__init__(allow_abbrev=False, **options)


def _add(commands: Any, name: str, summary: str, run: Run, examples: str = "") -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"examples:\n{examples}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _group(commands: Any, name: str, summary: str) -> Any:
    parser = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    return parser.add_subparsers(metavar="COMMAND", required=True)


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=os.environ.get("HOOPWIRE_CONFIG", _CONFIG),
        help="config file (default: $HOOPWIRE_CONFIG, else hoopwire.toml)",
    )


def _operator(parser: argparse.ArgumentParser) -> None:
    _config(parser)
    parser.add_argument("--socket", metavar="PATH", help="the operators' socket, if not the config file's")
    _json(parser)


def _serving(commands: Any) -> None:
    parser = _add(
        commands,
        "serve",
        "run the gateway in the foreground",
        serve.run,
        "  hoopwire serve --config /etc/hoopwire/hoopwire.toml\n"
        "  kill -HUP PID     read the file again; a bad file keeps the old settings\n"
        "  kill -TERM PID    refuse new sessions, let busy ones finish, end\n",
    )
    _config(parser)
    parser.add_argument("--audit", metavar="FILE", help="append audit events to FILE instead of stderr")
    parser.add_argument("--verbose", action="store_true", help="log more")
    parser = _add(
        commands, "demo", "walk through everything on this machine", other.demo, "  hoopwire demo --keep\n"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave all running afterwards, with commands to try"
    )


def _checking(commands: Any) -> None:
    parser = _add(
        commands,
        "check",
        "check the config file, and say what an identity would get by it",
        check.run,
        "  hoopwire check --config hoopwire.toml\n"
        "  hoopwire check --as cid:0oa1b2c3 --groups order-agents --target orders\n"
        "  hoopwire check --as uid:00u9z8y7 --target orders/analytics --json\n",
    )
    _config(parser)
    parser.add_argument("--as", dest="identity", metavar="KEY", help="cid:CLIENT_ID or uid:USER_ID")
    parser.add_argument("--groups", metavar="A,B", help="its groups (default: the issuer's static members)")
    parser.add_argument(
        "--issuer", metavar="NAME", help="the [issuers.NAME] it comes from, if there are several"
    )
    parser.add_argument(
        "--target", metavar="TARGET", help="orders or orders/analytics (default: every target)"
    )
    parser.add_argument(
        "--no-files", action="store_true", help="do not look at the keys and certificates that it names"
    )
    _json(parser)
    parser = _add(
        commands,
        "explain",
        "say what the gateway would allow of SQL, statement by statement",
        explain.run,
        '  hoopwire explain "select * from orders" --as cid:0oa1b2c3 --groups data --target orders\n'
        "  hoopwire explain --file report.sql --as uid:00u9z8y7 --target orders/analytics --json\n"
        "  pg_dump --schema-only | hoopwire explain - --as cid:0oa1b2c3 --target orders\n\n"
        "Nothing is connected to: without a catalogue, names are judged by the search path alone.\n"
        "The exit code is 0 if all statements are allowed, 1 if any is refused.\n",
    )
    parser.add_argument("sql", nargs="?", metavar="SQL", help="one argument; - is stdin")
    parser.add_argument("--file", metavar="FILE", help="read the SQL from FILE")
    parser.add_argument(
        "--as", dest="identity", metavar="KEY", required=True, help="cid:CLIENT_ID or uid:USER_ID"
    )
    parser.add_argument("--groups", metavar="A,B", help="its groups (default: the issuer's static members)")
    parser.add_argument(
        "--issuer", metavar="NAME", help="the [issuers.NAME] it comes from, if there are several"
    )
    parser.add_argument("--target", metavar="TARGET", required=True, help="orders or orders/analytics")
    _config(parser)
    _json(parser)
    _add(
        commands,
        "schema",
        "print the JSON Schema of the config file",
        other.schema,
        "  hoopwire schema > hoopwire.schema.json\n",
    )


def _grants(commands: Any) -> None:
    group = _group(commands, "grants", "ask for grants, list, show and revoke them")
    parser = _add(
        group,
        "request",
        "exchange an access token for a grant secret",
        grants.request,
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
    parser.add_argument("--task", help="task id, kept with the grant")
    parser.add_argument("--purpose", help="why, for whoever reads the audit")
    parser.add_argument("--renews", metavar="GRANT", help="follow this grant of yours; same or narrower")
    parser.add_argument("--token-file", metavar="FILE", help="file with the token; - is stdin")
    parser.add_argument("--ca", metavar="FILE", help="CA of the gateway's certificate, if not the system's")
    _json(parser)
    parser = _add(
        group,
        "list",
        "list grants, newest first",
        grants.list_grants,
        "  hoopwire grants list --state active\n",
    )
    parser.add_argument("--state", choices=("active", "exhausted", "expired", "revoked"), help="only these")
    _operator(parser)
    parser = _add(
        group,
        "show",
        "show one grant, and what its sessions have used",
        grants.show,
        "  hoopwire grants show g_01J...\n",
    )
    parser.add_argument("grant", metavar="GRANT", help="grant id (g_...)")
    _operator(parser)
    parser = _add(
        group,
        "revoke",
        "end grants and their sessions now",
        grants.revoke,
        '  hoopwire grants revoke g_01J... --reason "left the team"\n'
        '  hoopwire grants revoke g_01J... --lock --for 2h --reason "leaked its token"\n\n'
        "Answers when the sessions have ended, or after 10 seconds with those that have not (exit code 5).\n"
        "Without --lock a new token buys another grant.\n",
    )
    parser.add_argument("grant", nargs="+", metavar="GRANT", help="grant id (g_...)")
    parser.add_argument("--lock", action="store_true", help="lock the grant's principal, too")
    _lock_for(parser)
    parser.add_argument("--reason", default="", help="told to the principal (of a lock: kept only), and kept")
    _operator(parser)


def _sessions(commands: Any) -> None:
    group = _group(commands, "sessions", "list and end live sessions")
    _operator(
        _add(group, "list", "list live sessions", sessions.list_sessions, "  hoopwire sessions list --json\n")
    )
    parser = _add(
        group,
        "end",
        "end sessions now; their grants live on",
        sessions.end,
        "  hoopwire sessions end s_01J...\n",
    )
    parser.add_argument("session", nargs="+", metavar="SESSION", help="session id (s_...)")
    parser.add_argument("--reason", default="", help="told to the principal, and kept")
    _operator(parser)


def _principals(commands: Any) -> None:
    group = _group(commands, "principals", "lock principals out, and let them in again")
    parser = _add(
        group,
        "lock",
        "shut a principal out now: its sessions end, and nothing it has or asks for opens any",
        principals.lock,
        '  hoopwire principals lock cid:0oa1b2c3 --reason "leaked its secret"\n'
        '  hoopwire principals lock uid:00u9z8y7 --issuer staff --for 2h --reason "under review"\n\n'
        "A key also holds users who come through that client, and tokens with it among their actors.\n"
        "Another client id of the same agent is another principal: lock it, too.\n",
    )
    _lockable(parser)
    _lock_for(parser)
    parser.add_argument("--reason", required=True, help="kept and audited; not told to the principal")
    _operator(parser)
    parser = _add(
        group,
        "unlock",
        "let a principal in again",
        principals.unlock,
        '  hoopwire principals unlock cid:0oa1b2c3 --reason "secret rotated"\n\n'
        "Its grants that have not ended open sessions again: revoke them first if they should not.\n",
    )
    _lockable(parser)
    parser.add_argument("--reason", default="", help="kept and audited")
    _operator(parser)
    parser = _add(group, "list", "list locks, newest first", principals.list_locks)
    parser.add_argument("--all", action="store_true", help="those that were lifted, too")
    _operator(parser)


def _lockable(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("principal", metavar="KEY", help="cid:CLIENT_ID or uid:USER_ID")
    parser.add_argument(
        "--issuer", metavar="NAME", help="at this [issuers.NAME] only (default: at every one)"
    )


def _lock_for(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for", dest="lock_for", type=_duration, metavar="TIME", help="90s, 2h, 7d (default: until unlocked)"
    )


def _duration(text: str) -> float:
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


def _recordings(commands: Any) -> None:
    group = _group(commands, "recordings", "read and verify recordings")
    recordings.add_commands(group, _add, _config, _json)


def _keygen(commands: Any) -> None:
    group = _group(commands, "keygen", "make keys")
    parser = _add(
        group,
        "recording",
        "make the Ed25519 key that seals recordings",
        keygen.recording,
        "  hoopwire keygen recording --out /etc/hoopwire/recording.key\n",
    )
    parser.add_argument(
        "--out", metavar="FILE", default="recording.key", help="private key; FILE.pub beside it"
    )
    parser.add_argument("--config", help=argparse.SUPPRESS)
    _json(parser)
    parser = _add(
        group,
        "tls",
        "make a self-signed certificate, for labs",
        keygen.tls,
        "  hoopwire keygen tls --host localhost --host 127.0.0.1 --out .\n",
    )
    parser.add_argument("--host", action="append", required=True, help="host name or address (repeatable)")
    parser.add_argument("--out", metavar="DIR", default=".", help="folder for gateway.crt and gateway.key")
    parser.add_argument("--days", type=int, default=30, help="days it is valid (default %(default)s)")
    _json(parser)


def _others(commands: Any) -> None:
    parser = _add(
        commands,
        "reload",
        "make the gateway read its config file again",
        other.reload,
        "  hoopwire reload\n",
    )
    _operator(parser)
    parser = _add(commands, "statistics", "print the gateway's counters", other.statistics)
    _operator(parser)
    parser = _add(commands, "version", "print the version", other.version)
    _json(parser)
    parser = _add(commands, "help", "explain a topic", other.explain, "  hoopwire help exit-codes\n")
    parser.add_argument("topic", nargs="?", choices=("exit-codes",), help="what to explain")
