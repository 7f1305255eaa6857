"""`hoopwire status`: says whether the running gateway can admit anybody, and if not, why."""

import argparse

from hoopwire.cli.arguments import Commands, add_command, operator_options
from hoopwire.cli.connect import operators
from hoopwire.cli.exits import OK, REFUSED
from hoopwire.cli.output import clean, print_json
from hoopwire.model.api import IssuerStatus


def add(commands: Commands) -> None:
    """Declare it."""
    summary = "say whether the gateway can admit anybody, and if not, why"
    operator_options(add_command(commands, "status", summary, run, "  hoopwire status && echo ready\n"))


def run(arguments: argparse.Namespace) -> int:
    """0 if it is ready, 1 if something is in the way."""
    with operators(arguments) as gateway:
        answer = gateway.status()
    code = OK if answer.ready else REFUSED
    if arguments.json:
        print_json(answer)
        return code
    state = "ready" if answer.ready else "NOT READY: nobody can be admitted"
    print(f"hoopwire {clean(answer.version)}: {state}")
    for cause in answer.causes:
        print(f"  {clean(cause.cause)}: {clean(cause.detail)}")
    for issuer in answer.issuers:
        print(f"issuer {clean(issuer.issuer)}: {_keys(issuer)}")
    print(f"{answer.sessions} sessions")
    for count, what in (
        (answer.pending, "changes are not in the store yet"),
        (answer.log_lost, "lines of the log were lost"),
        (answer.audit_unwritten, "audit lines are in the store only"),
    ):
        if count:
            print(f"{count} {what}")
    return code


def _keys(issuer: IssuerStatus) -> str:
    if issuer.age_s is None:
        known = "no keys yet"
    else:
        known = f"{issuer.keys} keys, fetched {issuer.age_s / 60:.0f} min ago"
        known += "" if issuer.usable else ", TOO OLD"
    failed = f"; the last fetch FAILED: {clean(issuer.last_error)}" if issuer.last_error else ""
    return known + failed
