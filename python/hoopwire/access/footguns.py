"""Finds what a policy file may say but hardly means to, for `hoopwire check`. Pure."""

from collections.abc import Iterator

import msgspec

from hoopwire.access.match import spoken
from hoopwire.access.shadowed import nobodys_groups, shadowed
from hoopwire.access.ssh_footguns import Warned, ssh_footguns
from hoopwire.model.postgres.actions import Expansion, Rule, expand, names_in, pattern_text
from hoopwire.model.postgres.grammar import parse_actions, parse_deny
from hoopwire.model.postgres.patterns import intersects
from hoopwire.model.settings import PolicySettings, Settings

_MANY_NAMES = 1_000
_UNREAD = ("do", "define-code", "copy-file", "copy-program")


class Footgun(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to look at again."""

    policy: str
    key: tuple[str | int, ...]
    """Path in the file: `("policies", 0, "actions", 1)`."""
    warning: str


def footguns(settings: Settings) -> tuple[Footgun, ...]:
    """All there are, in the order of the file."""
    found = []
    for index, policy in enumerate(settings.policies):
        before = settings.policies[:index]
        warnings: dict[str, tuple[str | int, ...]] = {}
        found_here = (
            *_who(policy, settings),
            *nobodys_groups(policy, settings),
            *_order(policy, before),
            *shadowed(policy, before, settings),
            *_what(policy, settings),
        )
        for key, warning in found_here:
            warnings.setdefault(warning, key)
        for warning, key in warnings.items():
            found.append(Footgun(policy=policy.name, key=("policies", index, *key), warning=warning))
    return tuple(found)


def _who(policy: PolicySettings, settings: Settings) -> Iterator[Warned]:
    for index, group in enumerate(policy.groups):
        if "*" in group:
            words = f'group "{group}": `*` is no wildcard here, it means a group of exactly this name'
            yield ("groups", index), words
    for index, principal in enumerate(policy.principals):
        if "*" in principal:
            words = f'principal "{principal}": `*` is no wildcard here, it means an id of exactly this text'
            yield ("principals", index), words
    if policy.groups and policy.issuer is None and len(settings.issuers) > 1 and policy.effect == "allow":
        names = ", ".join(settings.issuers)
        yield (
            ("groups",),
            f"its groups may come from any of the issuers ({names}): whoever names groups at one of them gets"
            " in; set `issuer`",
        )


def _order(policy: PolicySettings, before: tuple[PolicySettings, ...]) -> Iterator[Warned]:
    """A deny that comes too late for some of those it names."""
    if policy.effect != "deny":
        return
    for other in before:
        shared = [
            *(group for group in policy.groups if group in other.groups),
            *(key for key in policy.principals if key in other.principals),
        ]
        targets = {pattern.partition("/")[0] for pattern in policy.targets}
        reaches = "*" in targets or any(pattern.partition("/")[0] in targets for pattern in other.targets)
        if other.effect == "allow" and shared and reaches:
            names = ", ".join(shared)
            yield (), f"comes behind policy {other.name}, which grants to {names} first; put it before"
        elif other.effect == "allow" and reaches and policy.principals and other.groups:
            yield (
                (),
                f"comes behind policy {other.name}, which grants to its groups first: a principal that is in"
                " one of them is not denied; put it before",
            )


def _what(policy: PolicySettings, settings: Settings) -> Iterator[Warned]:
    if policy.token_reuse == "until_exp":  # noqa: S105 - a mode, not a secret
        yield ("token_reuse",), "has token_reuse = until_exp, which is for labs only"
    if policy.effect == "deny":
        return
    if spoken(policy, settings) == "ssh":
        yield from ssh_footguns(policy)
    else:
        yield from _of_postgres(policy)


def _of_postgres(policy: PolicySettings) -> Iterator[Warned]:
    for index, text in enumerate(policy.actions):
        given = expand(parse_actions((text,)))
        for word in given.words:
            if word in _UNREAD:
                words = f"`{word}` gives whatever the target's user may do: nobody can read what it runs"
                lost = ", so that its `deny` does not hold there" if policy.deny else ""
                yield ("actions", index), words + lost
        for rule in given.rules:
            for words in _broad(rule):
                yield ("actions", index), words
    actions, denied = parse_actions(policy.actions), tuple(map(parse_deny, policy.deny))
    if (names := names_in(actions, denied, policy.masks)) > _MANY_NAMES:
        words = f"has {names} names in its actions, denies and masks, and each login goes through all of them"
        yield ("actions",), f"{words}: write patterns, or split it among several policies"
    given = expand(actions)
    for index, text in enumerate(policy.deny):
        if not _takes(parse_deny(text), given):
            words = f'deny "{text}" takes nothing away: no action of the policy gives any of it'
            yield ("deny", index), words


def _broad(rule: Rule) -> Iterator[str]:
    for pattern in rule.objects if "call" in rule.verbs else ():
        text = pattern_text(pattern)
        if "*" in pattern.name and pattern.schema == "pg_catalog":
            yield (
                f"`call {text}` gives sequences and advisory locks at most: functions that touch files,"
                " settings or other sessions need their own name"
            )
        elif "*" in pattern.schema and "*" in pattern.name:
            yield f"`call {text}` gives functions of every schema, also those that are made later"
    if "ddl" in rule.verbs and any(pattern.schema == pattern.name == "*" for pattern in rule.objects):
        yield "`ddl on *.*` gives DROP of every relation that the target's user owns, also CASCADE"


def _takes(deny: Rule, given: Expansion) -> bool:
    """Some name may be in both."""
    if "catalog" in given.words and "select" in deny.verbs:
        return True
    if deny.verbs == ("call",):
        # Harmless functions may be called without a rule, and a deny takes them, too.
        return True
    rules = (rule for rule in given.rules if not set(rule.verbs).isdisjoint(deny.verbs))
    return any(intersects(mine, theirs) for rule in rules for mine in rule.objects for theirs in deny.objects)
