"""Actions as Structs: what a policy's `actions` and `deny` say, and what presets stand for.

`grammar.py` reads them from text; their `str` is the canonical text, which reads back as the same.
"""

import re
from collections.abc import Iterable, Sized
from typing import Final

import msgspec

from hoopwire.model.grant import ACTION_CLASSES
from hoopwire.model.postgres.patterns import Pattern

RELATION_VERBS: Final = ("select", "insert", "update", "delete", "truncate", "lock", "maintain", "ddl")
VERBS: Final = (*RELATION_VERBS, "call")
WORDS: Final = ("catalog", "listen", "notify", "do", "define-code", "copy-file", "copy-program", "two-phase")
PRESETS: Final = ("read-only", "read-write", "ddl")

_WRITING_WORDS = frozenset({"do", "define-code", "copy-file", "copy-program", "two-phase", "notify"})
_PLAIN_NAME = re.compile(r"[a-z_0-9$*]+")
_KEYWORDS = frozenset({"on", "except"})


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """`VERBS on OBJECTS except EXCLUDED`, or `call OBJECTS except EXCLUDED`."""

    verbs: tuple[str, ...]
    """In the order of VERBS, each once."""
    objects: tuple[Pattern, ...]
    excluded: tuple[Pattern, ...] = ()

    def __str__(self) -> str:
        what = "call" if self.verbs == ("call",) else f"{', '.join(self.verbs)} on"
        return f"{what} {objects_text(self.objects, self.excluded)}"

    @property
    def deny_text(self) -> str:
        """As `deny` says it: every relation verb is `all`."""
        if self.verbs == RELATION_VERBS:
            return f"all on {objects_text(self.objects, self.excluded)}"
        return str(self)


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """An action without an object: `listen`."""

    name: str

    def __str__(self) -> str:
        return self.name


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """`read-only`, or `read-only on OBJECTS except EXCLUDED`."""

    name: str
    objects: tuple[Pattern, ...] = ()
    """Empty: the preset's own default."""
    excluded: tuple[Pattern, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} on {objects_text(self.objects, self.excluded)}" if self.objects else self.name


class ActionClass(msgspec.Struct, frozen=True, kw_only=True):
    """A coarse action: `query`, `function-call`, `replication`."""

    name: str

    def __str__(self) -> str:
        return self.name


Action = Rule | Word | Preset | ActionClass


class Expansion(msgspec.Struct, frozen=True, kw_only=True):
    """What actions come to, with no preset left."""

    classes: tuple[str, ...]
    rules: tuple[Rule, ...]
    words: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        """Statements are decided one by one."""
        return bool(self.rules or self.words)

    @property
    def is_read_only(self) -> bool:
        """Nothing that it allows writes, but for what a called function does."""
        return all(set(rule.verbs) <= {"select", "call"} for rule in self.rules) and not (
            _WRITING_WORDS & set(self.words)
        )


def expand(actions: tuple[Action, ...]) -> Expansion:
    """Presets to rules and words; everything once, in the order of the vocabulary or of first mention."""
    classes: set[str] = set()
    rules: list[Rule] = []
    words: set[str] = set()
    for action in actions:
        match action:
            case ActionClass(name=name):
                classes.add(name)
            case Word(name=name):
                words.add(name)
            case Rule():
                rules.append(action)
            case Preset():
                words.add("catalog")
                rules.extend(_preset_rules(action))
    return Expansion(
        classes=tuple(name for name in ACTION_CLASSES if name in classes),
        rules=tuple(dict.fromkeys(rules)),
        words=tuple(name for name in WORDS if name in words),
    )


def names_in(actions: Iterable[Action], denied: Iterable[Rule], masks: Sized) -> int:
    """How many names and patterns they have: what a policy or grant costs whoever decides by it."""
    rules = [each for each in (*actions, *denied) if isinstance(each, Rule | Preset)]
    return sum(len(rule.objects) + len(rule.excluded) for rule in rules) + len(masks)


def _preset_rules(preset: Preset) -> list[Rule]:
    """Each preset is the one before it and more."""
    level = PRESETS.index(preset.name)
    objects = preset.objects or (Pattern("*", "*"),)
    if level == 2 and not preset.objects:
        # Who creates tables creates temporary ones, too.
        objects = (*objects, Pattern("pg_temp", "*"))
    verbs = [("select",), ("insert", "update", "delete", "lock"), ("truncate", "maintain", "ddl")]
    calls = [(), ("nextval", "currval", "lastval"), ("setval",)]
    merged_verbs = {verb for group in verbs[: level + 1] for verb in group}
    called = tuple(Pattern("pg_catalog", name) for group in calls[: level + 1] for name in group)
    rules = [Rule(verbs=in_order(merged_verbs), objects=objects, excluded=preset.excluded)]
    if called:
        rules.append(Rule(verbs=("call",), objects=called))
    return rules


def in_order(verbs: set[str]) -> tuple[str, ...]:
    """The verbs in the order of VERBS."""
    return tuple(verb for verb in VERBS if verb in verbs)


def objects_text(objects: tuple[Pattern, ...], excluded: tuple[Pattern, ...] = ()) -> str:
    """`public.*, app.orders except public.secrets`."""
    text = ", ".join(map(pattern_text, objects))
    return f"{text} except {', '.join(map(pattern_text, excluded))}" if excluded else text


def pattern_text(pattern: Pattern) -> str:
    """`schema.name`, quoted where it must be."""
    return f"{_name_text(pattern.schema)}.{_name_text(pattern.name)}"


def _name_text(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name) and name not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'
