"""`hoopwire explain` for ssh targets: what is asked, and how its answer is printed."""

import argparse

import msgspec

from hoopwire.access import Explanation, Offer, parse_database
from hoopwire.cli.exits import USAGE, CommandFailed
from hoopwire.cli.output import clean, print_json
from hoopwire.model.explained import ExplainedAction
from hoopwire.model.grant import Protocol
from hoopwire.model.settings import Settings

OFFLINE = "Decided offline, by the text: links on the target are not seen, nor aliases of the login's shell."


def add_ssh_options(parser: argparse.ArgumentParser) -> None:
    """`--ssh` and `--action`."""
    parser.add_argument("--ssh", metavar="COMMAND", help="a command, as one would write it behind `ssh web1`")
    parser.add_argument(
        "--action",
        metavar="ACTION",
        help="shell, pty, exec COMMAND, sftp read|write|list PATH, subsystem NAME, env NAME=VALUE,"
        " forward HOST:PORT or PATH, remote-forward HOST:PORT or PATH, agent-forwarding, x11",
    )


def asked_action(arguments: argparse.Namespace) -> str | None:
    """The action asked about, as the engine reads it; none: SQL was meant. CommandFailed if there are two."""
    given = [arguments.sql, arguments.file, arguments.ssh, arguments.action]
    if arguments.ssh is None and arguments.action is None:
        return None
    if sum(value is not None for value in given) > 1:
        raise CommandFailed("give one of SQL, --file, --ssh and --action", USAGE)
    return f"exec {arguments.ssh}" if arguments.action is None else str(arguments.action)


def check_spoken(target: str, settings: Settings, asked: Protocol) -> None:
    """CommandFailed if the target speaks something else. An unknown one is refused by the policies."""
    configured = settings.target(parse_database(target, settings.targets)[0])
    if configured is None or configured.protocol == asked:
        return
    wanted = "SQL" if configured.protocol == "postgres" else "--ssh COMMAND or --action ACTION"
    raise CommandFailed(f"target {clean(target)} speaks {configured.protocol}: give {wanted}", USAGE)


def print_action(
    found: Explanation, offer: Offer, action: str, answer: ExplainedAction, *, is_json: bool
) -> None:
    """The answer, for people or for programs."""
    if is_json:
        print_json(
            {
                "allowed": answer.allow,
                "principal": found.principal,
                "issuer": found.issuer,
                "groups": found.groups,
                "target": found.target,
                "login": offer.database,
                "policy": offer.policy,
                "actions": offer.actions,
                "action": action,
                **msgspec.structs.asdict(answer),
                "note": OFFLINE,
            }
        )
        return
    print(f"{who(found)}: {clean(found.target)} by policy {clean(offer.policy)}")
    print(f"  actions  {clean('; '.join(offer.actions))}")
    refused = "" if answer.allow else f" ({clean(answer.code)})"
    print(f"{'allowed' if answer.allow else 'refused'}: {clean(action)}{refused}")
    if answer.words:
        print(f"     words: {clean(' | '.join(answer.words))}")
    if answer.by:
        print(f"     by: {clean(answer.by)}")
    for line in (answer.message, *answer.detail.splitlines(), answer.hint):
        if line:
            print(f"     {clean(line)}")
    print(OFFLINE)


def who(found: Explanation) -> str:
    """Whom it was decided for."""
    groups = ", ".join(found.groups) or "no groups"
    return f"{clean(found.principal)} of {clean(found.issuer)} with {clean(groups)}"
