"""`hoopwire check`: checks the config file, and says what an identity would get by it."""

import argparse
import time
from datetime import UTC, datetime

import msgspec

from hoopwire.access import Explanation, Offer, explain, footguns
from hoopwire.cli.arguments import Commands, add_command, config_option, identity_options, json_option
from hoopwire.cli.exits import OK, REFUSED, USAGE, CommandFailed
from hoopwire.cli.output import clean, masked_columns, print_denial, print_json, print_table
from hoopwire.cli.sshd_lines import sshd_lines
from hoopwire.cli.trials import Trial, online, standing
from hoopwire.cli.trials.told import has_failed, print_trials, trials_json
from hoopwire.config import Loaded, load_with_places
from hoopwire.model.limits import limit_texts
from hoopwire.model.settings import PolicySettings, Settings


def add(commands: Commands) -> None:
    """Declare it."""
    parser = add_command(
        commands,
        "check",
        "check the config file, and say what an identity would get by it",
        run,
        "  hoopwire check --config hoopwire.toml\n"
        "  hoopwire check --online\n"
        "  hoopwire check --as cid:0oa1b2c3 --groups order-agents --target orders\n"
        "  hoopwire check --as uid:00u9z8y7 --target orders/analytics --json\n"
        "  hoopwire check --token token.txt --online\n",
    )
    config_option(parser)
    identity_options(parser, is_required=False)
    parser.add_argument(
        "--target", metavar="TARGET", help="orders or orders/analytics (default: every target)"
    )
    parser.add_argument(
        "--no-files", action="store_true", help="do not look at the keys and certificates that it names"
    )
    parser.add_argument(
        "--token", metavar="FILE", help="say what this token is and would get (- reads stdin; never printed)"
    )
    parser.add_argument(
        "--online",
        action="store_true",
        help="try all that it names from here: issuers, targets, folders, ports (exit code 1 if any fails);"
        " with --token: its issuer's keys and its signature",
    )
    parser.add_argument("--audit", metavar="FILE", help="with --online: what `hoopwire serve --audit` gets")
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Validate; with `--as`, explain."""
    loaded = load_with_places(arguments.config, files=not arguments.no_files)
    settings = loaded.settings
    if arguments.token is not None:
        return _check_token(arguments, settings)
    if arguments.identity is None:
        if arguments.target is not None or arguments.groups is not None:
            raise CommandFailed("--target and --groups need --as", USAGE)
        if arguments.audit is not None and not arguments.online:
            raise CommandFailed("--audit needs --online", USAGE)
        _check_issuers(settings)
        trials = [] if arguments.no_files else list(standing(settings, datetime.now(UTC)))
        if arguments.online:
            trials += online(settings, arguments.audit)
        _summarize(arguments, loaded, trials)
        return REFUSED if has_failed(trials) else OK
    if arguments.online:
        raise CommandFailed("--online tries what the file names, for nobody: leave out --as", USAGE)
    names = [arguments.target] if arguments.target is not None else settings.typed_names()
    groups = None
    if arguments.groups is not None:
        groups = tuple(group.strip() for group in arguments.groups.split(",") if group.strip())
    try:
        explanations = [
            explain(arguments.identity, name, settings, time.time(), groups=groups, issuer=arguments.issuer)
            for name in names
        ]
    except ValueError as error:
        raise CommandFailed(str(error), USAGE) from None
    if arguments.json:
        print_json(explanations)
    else:
        for explanation in explanations:
            _print(explanation)
    granted = any(isinstance(explanation.outcome, Offer) for explanation in explanations)
    return OK if granted else REFUSED


def _check_issuers(settings: Settings) -> None:
    """What verifies tokens has the last word at the start of the gateway: it has it here, too."""
    from hoopwire.identity import check_issuers

    if problems := check_issuers(settings.issuers):
        raise CommandFailed(" ".join(problems), USAGE)


def _check_token(arguments: argparse.Namespace, settings: Settings) -> int:
    # It reads tokens and keys: who checks a file need not wait for those libraries.
    from hoopwire.cli import check_token

    _check_issuers(settings)
    looked, explanations = check_token.look_at(arguments, settings)
    if arguments.json:
        check_token.tell_json(looked, explanations)
    else:
        check_token.tell(looked)
        for explanation in explanations:
            _print(explanation)
    return check_token.exit_code(looked, explanations)


def _summarize(arguments: argparse.Namespace, loaded: Loaded, trials: list[Trial]) -> None:
    settings = loaded.settings
    lines = sshd_lines(settings, files=not arguments.no_files)
    warnings = [(loaded.place(footgun.key), footgun) for footgun in footguns(settings)]
    if arguments.json:
        summary = {
            "config": arguments.config,
            "valid": True,
            "issuers": sorted(settings.issuers),
            "targets": sorted(settings.targets),
            "policies": [policy.name for policy in settings.policies],
            "warnings": [
                {"place": place, "policy": footgun.policy, "warning": footgun.warning}
                for place, footgun in warnings
            ],
            "trials": trials_json(trials, loaded.place),
            "sshd": lines,
        }
        print_json(summary)
        return
    print(f"{clean(arguments.config)} is valid.")
    issuers = ", ".join(map(clean, settings.issuers))
    print(f"It takes tokens for {clean(settings.gateway.audience)} of {issuers}.")
    print("What an issuer takes back (a group, a client) counts when token and grant end: it is not asked.")
    rows = [
        (
            policy.name,
            ", ".join((*policy.groups, *policy.principals)),
            ", ".join(policy.targets),
            *_gives(policy),
        )
        for policy in settings.policies
    ]
    print_table(
        ("POLICY", "WHO", "TARGETS", "ACTIONS", "TTL", "TOKEN REUSE"),
        rows,
        empty="No policy: nobody gets in.",
    )
    for place, footgun in warnings:
        print(f"{clean(place)}: warning: policy {clean(footgun.policy)}: {clean(footgun.warning)}")
    print_trials(trials, loaded.place, all_of_them=arguments.online)
    if lines:
        print("\nFor the sshd_config of SSH targets:")
    for line in lines:
        print(f"  {clean(line)}")


def _gives(policy: PolicySettings) -> tuple[str, str, str]:
    if policy.effect == "deny":
        return "DENY, and nothing behind it", "", ""
    return "; ".join(policy.actions), f"{policy.ttl:g} s", policy.token_reuse


def _print(explanation: Explanation) -> None:
    groups = ", ".join(explanation.groups) or "no groups"
    print(f"{clean(explanation.principal)} of {clean(explanation.issuer)} with {clean(groups)}:")
    outcome = explanation.outcome
    if isinstance(outcome, Offer):
        print(f"  {clean(explanation.target)}: granted by policy {clean(outcome.policy)}")
        is_ssh = outcome.protocol == "ssh"
        print(f"    {'logins   ' if is_ssh else 'databases'}  {clean(', '.join(outcome.databases))}")
        print(f"    actions    {clean('; '.join(outcome.actions))}")
        if outcome.deny:
            print(f"    deny       {clean('; '.join(outcome.deny))}")
        if outcome.masks:
            print(f"    masks      {masked_columns(outcome.masks)}")
        budgets = msgspec.structs.asdict(outcome.budgets)
        if limits := [f"{name} {limit:g}" for name, limit in budgets.items() if limit is not None]:
            print(f"    budgets    {', '.join(limits)}")
        if lasting := limit_texts(outcome.limits):
            print(f"    limits     {', '.join(lasting)}")
        if not is_ssh:
            print(f"    as         {clean(outcome.upstream_user)}")
        lasts = outcome.expires_at - outcome.minted_at
        print(f"    for        {lasts:g} s at most, never beyond the token; {outcome.max_sessions} sessions")
        print(f"    token      {outcome.token_reuse}; results recorded: {outcome.record_results}")
    else:
        print(f"  {clean(explanation.target)}: refused ({clean(outcome.code)})")
        print_denial(outcome, indent="    ")
    for account in explanation.policies:
        print(f"    {'+' if account.chosen else '-'} {clean(account.policy)}: {clean(account.reason)}")
