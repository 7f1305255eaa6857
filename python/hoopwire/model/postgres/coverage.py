"""Says whether the actions that are asked for lie within those that are granted. Nothing is ever trimmed.

A request is covered if each verb on each of its objects lies within one rule, and whatever that rule leaves
out of it the request leaves out, too. That errs on one side only: what is covered is allowed, name by name.
"""

from hoopwire.model.postgres.actions import Action, ActionClass, Expansion, Rule, expand, pattern_text
from hoopwire.model.postgres.patterns import Pattern, contains, intersects, needs_own_name

_CATALOG = Rule(
    verbs=("select",),
    objects=(Pattern("pg_catalog", "*"), Pattern("information_schema", "*")),
)
"""What the word `catalog` stands for; patterns with `*` leave the sensitive relations out by themselves."""


def covers(granted: tuple[Action, ...], asked: Action) -> bool:
    """Is `asked` wholly within `granted`?"""
    return not missing(granted, asked)


def missing(granted: tuple[Action, ...], asked: Action) -> tuple[str, ...]:
    """The parts of `asked` that are not within `granted`, as one would ask for them; empty if covered."""
    there = expand(granted)
    if isinstance(asked, ActionClass):
        return () if asked.name in there.classes else (asked.name,)
    if "query" in there.classes:
        return ()
    wanted = expand((asked,))
    lacking = [word for word in wanted.words if word not in there.words]
    for rule in wanted.rules:
        lacking.extend(_missing_of_rule(there, rule))
    return tuple(dict.fromkeys(lacking))


def _missing_of_rule(there: Expansion, asked: Rule) -> list[str]:
    rules = (*there.rules, _CATALOG) if "catalog" in there.words else there.rules
    lacking: list[str] = []
    for verb in asked.verbs:
        candidates = [rule for rule in rules if verb in rule.verbs]
        for pattern in asked.objects:
            literal = verb == "call" and needs_own_name(pattern)
            parts = _missing_of_pattern(candidates, pattern, asked.excluded, literal)
            on = verb if verb == "call" else f"{verb} on"
            lacking.extend(f"{on} {pattern_text(part)}" for part in parts)
    return lacking


def _missing_of_pattern(
    rules: list[Rule], pattern: Pattern, left_out: tuple[Pattern, ...], literal: bool
) -> tuple[Pattern, ...]:
    """What of the pattern no rule gives: the whole, or what the closest rule leaves out; empty if covered.

    `literal`: only a rule with the very name counts.
    """
    closest: tuple[Pattern, ...] = (pattern,)
    for rule in rules:
        counting = (outer for outer in rule.objects if not literal or "*" not in outer.name)
        if not any(contains(outer, pattern) for outer in counting):
            continue
        parts = tuple(
            pattern if contains(excluded, pattern) else excluded
            for excluded in rule.excluded
            if intersects(excluded, pattern) and not any(contains(outer, excluded) for outer in left_out)
        )
        if not parts:
            return ()
        closest = parts
    return closest
