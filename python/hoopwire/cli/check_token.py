"""`hoopwire check --token FILE`: what a real token is, check by check, and what it would get.

The token goes nowhere: it is never printed, and with `--online` only its issuer's keys are fetched.
"""

import argparse
import time
from collections.abc import Sequence

import trio

from hoopwire.access import Explanation, Offer, explain_identity
from hoopwire.cli.exits import OK, REFUSED, USAGE, CommandFailed
from hoopwire.cli.output import clean, print_json
from hoopwire.cli.token import read_token
from hoopwire.identity import Examination, JwksCache, examine
from hoopwire.model.settings import Settings

_MARKS = {"passed": "+", "failed": "-", "unknown": "?"}


def look_at(arguments: argparse.Namespace, settings: Settings) -> tuple[Examination, list[Explanation]]:
    """The checks, and the answer for each target that is asked for. CommandFailed if there is no token."""
    if arguments.identity is not None or arguments.groups is not None or arguments.issuer is not None:
        raise CommandFailed("--token says who it is: leave out --as, --groups and --issuer", USAGE)
    token = read_token(arguments.token)
    looked = trio.run(_examine, token, settings, arguments.online)
    if looked.identity is None:
        return looked, []
    names = [arguments.target] if arguments.target is not None else settings.typed_names()
    now = time.time()
    return looked, [explain_identity(looked.identity, name, settings, now) for name in names]


async def _examine(token: str, settings: Settings, online: bool) -> Examination:
    audience = settings.gateway.audience
    if not online:
        return await examine(token, settings.issuers, audience, keys=None)
    async with JwksCache(settings.issuers) as keys:
        return await examine(token, settings.issuers, audience, keys=keys)


def exit_code(looked: Examination, explanations: Sequence[Explanation]) -> int:
    """0 if nothing that was looked at speaks against it, and some target is granted."""
    granted = any(isinstance(explanation.outcome, Offer) for explanation in explanations)
    return OK if granted and looked.first_failed is None else REFUSED


def tell_json(looked: Examination, explanations: Sequence[Explanation]) -> None:
    """For programs."""
    print_json({"checks": looked.checks, "identity": looked.identity, "targets": explanations})


def tell(looked: Examination) -> None:
    """The checks for people, and what their sum is."""
    width = max(len(check.name) for check in looked.checks)
    for check in looked.checks:
        print(f"{_MARKS[check.outcome]} {check.name:{width}}  {clean(check.found)}")
    failed = looked.first_failed
    if failed is not None:
        print(f"The gateway would refuse it ({clean(failed.code)}).")
        if failed.hint:
            print(f"HINT:  {clean(failed.hint)}")
    elif any(check.outcome == "unknown" for check in looked.checks):
        print("By its own words the gateway would take it; whether they are its issuer's, --online says.")
    else:
        print("The gateway would take it.")
    if looked.identity is not None and failed is not None:
        print("What it would get else:")
