"""Says whether the actions that are asked for lie within those that are granted. Nothing is ever trimmed.

A request is covered if each verb on each of its objects lies within one rule, and whatever that rule leaves
out of it the request leaves out, too. That errs on one side only: what is covered is allowed, name by name.

Logins come through here, on the one thread that also revokes and locks. So what a policy's texts come to is
kept, and rules are found by the names that they are about: the time goes by the rules, not by their square.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from hoopwire.model.postgres.actions import Action, ActionClass, Rule, expand, pattern_text
from hoopwire.model.postgres.grammar import parse_action, parse_actions, parse_deny
from hoopwire.model.postgres.patterns import Pattern, contains, intersects, needs_own_name

_CATALOG = Rule(
    verbs=("select",),
    objects=(Pattern("pg_catalog", "*"), Pattern("information_schema", "*")),
)
"""What the word `catalog` stands for; patterns with `*` leave the sensitive relations out by themselves."""

_KEPT = 256
"""So many policies' and grants' texts are kept as what they come to."""


class Held:
    """Granted actions, to be asked about."""

    def __init__(self, actions: tuple[Action, ...]) -> None:
        self.actions = actions
        self.expansion = expand(actions)
        self._actions = frozenset(actions)
        rules = self.expansion.rules
        self._rules = (*rules, _CATALOG) if "catalog" in self.expansion.words else rules
        self._equal: dict[tuple[str, Pattern], list[int]] = {}
        self._of_schema: dict[tuple[str, str], list[int]] = {}
        """Rules with an object whose schema is written out, and whose name has a `*`."""
        self._of_any: dict[str, list[int]] = {}
        for index, rule in enumerate(self._rules):
            for verb in rule.verbs:
                for pattern in rule.objects:
                    self._equal.setdefault((verb, pattern), []).append(index)
                    if "*" in pattern.schema:
                        self._of_any.setdefault(verb, []).append(index)
                    elif "*" in pattern.name:
                        self._of_schema.setdefault((verb, pattern.schema), []).append(index)

    def covers(self, asked: Action) -> bool:
        """Is `asked` wholly within these?"""
        return not self.missing(asked)

    def missing(self, asked: Action) -> tuple[str, ...]:
        """The parts of `asked` that are not within these, as one would ask for them; empty if covered."""
        there = self.expansion
        if asked in self._actions:
            return ()
        if isinstance(asked, ActionClass):
            return () if asked.name in there.classes else (asked.name,)
        if "query" in there.classes:
            return ()
        wanted = expand((asked,))
        lacking = [word for word in wanted.words if word not in there.words]
        for rule in wanted.rules:
            lacking.extend(self._missing_of_rule(rule))
        return tuple(dict.fromkeys(lacking))

    def _missing_of_rule(self, asked: Rule) -> Iterator[str]:
        left_out = _LeftOut(asked.excluded)
        for verb in asked.verbs:
            on = verb if verb == "call" else f"{verb} on"
            for pattern in asked.objects:
                for part in self._missing_of_pattern(verb, pattern, left_out):
                    yield f"{on} {pattern_text(part)}"

    def _missing_of_pattern(self, verb: str, pattern: Pattern, left_out: "_LeftOut") -> tuple[Pattern, ...]:
        """What of the pattern no rule gives: all, or what the closest rule leaves out; empty if covered."""
        literal = verb == "call" and needs_own_name(pattern)
        equal = self._equal.get((verb, pattern), [])
        if any(not left_out.beyond(self._rules[index].excluded, pattern) for index in equal):
            return ()
        near = {*equal, *self._of_schema.get((verb, pattern.schema), ()), *self._of_any.get(verb, ())}
        closest: tuple[Pattern, ...] = (pattern,)
        for index in sorted(near):
            rule = self._rules[index]
            # `literal`: only a rule with the very name counts.
            counting = (outer for outer in rule.objects if not literal or "*" not in outer.name)
            if not any(contains(outer, pattern) for outer in counting):
                continue
            closest = left_out.beyond(rule.excluded, pattern)
            if not closest:
                return ()
        return closest


class _LeftOut:
    """What a request leaves out itself."""

    def __init__(self, excluded: tuple[Pattern, ...]) -> None:
        self._these = frozenset(excluded)
        self._wide = tuple(pattern for pattern in excluded if "*" in pattern.schema or "*" in pattern.name)

    def beyond(self, excluded: tuple[Pattern, ...], pattern: Pattern) -> tuple[Pattern, ...]:
        """What of the pattern a rule leaves out, and the request does not."""
        return tuple(
            pattern if contains(each, pattern) else each
            for each in excluded
            if each not in self._these
            and intersects(each, pattern)
            and not any(contains(outer, each) for outer in self._wide)
        )


@lru_cache(maxsize=_KEPT)
def held(texts: tuple[str, ...]) -> Held:
    """What checked texts of actions come to. ActionError."""
    return Held(parse_actions(texts))


@lru_cache(maxsize=_KEPT)
def covered(granted: tuple[str, ...], asked: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the texts `asked` that lie within `granted`, each whole."""
    there = held(granted)
    return tuple(text for text in asked if there.covers(parse_action(text)))


@lru_cache(maxsize=_KEPT)
def action_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Actions in their canonical form, each once. ActionError."""
    return tuple(map(str, held(texts).actions))


@lru_cache(maxsize=_KEPT)
def denied(texts: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules of checked `deny` texts, each once. ActionError."""
    return tuple(dict.fromkeys(map(parse_deny, texts)))


def deny_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Denies in their canonical form, each once. ActionError."""
    return tuple(rule.deny_text for rule in denied(texts))


def lacking(granted: tuple[str, ...], asked: Iterable[Action]) -> list[str]:
    """What of the actions asked for is not within those granted, part by part, each once."""
    there = held(granted)
    return list(dict.fromkeys(part for action in asked for part in there.missing(action)))
