"""Parses actions from text: one grammar for the config file, the grant API and what the store keeps.

    select, insert on public.*, app.orders except public.secrets
    call pg_catalog.nextval
    read-only on public.*
    listen

Names that are not quoted fold to lower case, as PostgreSQL folds them. `*` is the only wildcard.
"""

import re
from collections.abc import Iterable

import msgspec

from hoopwire.model.action import ACTION_CHARACTERS, ActionError, nearest
from hoopwire.model.grant import ACTION_CLASSES
from hoopwire.model.postgres.actions import (
    PRESETS,
    RELATION_VERBS,
    VERBS,
    WORDS,
    Action,
    ActionClass,
    Preset,
    Rule,
    Word,
    in_order,
    objects_text,
    pattern_text,
)
from hoopwire.model.postgres.patterns import Pattern, contains, intersects

_NAME_BYTES = 63
"""NAMEDATALEN - 1: PostgreSQL cuts longer names off, and a cut name is another name."""

_TOKEN = re.compile(
    r"""[ \t]*(?:
        (?P<bare>[A-Za-z0-9_$*-]+)
        | "(?P<quoted>(?:[^"]|"")*)"
        | (?P<sign>[.,])
    )""",
    re.VERBOSE,
)


def parse_action(text: str) -> Action:
    """One entry of `actions`. ActionError."""
    return _Parser(text).action()


def parse_deny(text: str) -> Rule:
    """One entry of `deny`: a rule, or `all on OBJECTS`. ActionError."""
    return _Parser(text).deny()


def parse_column(text: str) -> tuple[str, str, str]:
    """`schema.relation.column` without wildcards: what a mask is for. ActionError."""
    return _Parser(text).column()


def parse_actions(texts: Iterable[str]) -> tuple[Action, ...]:
    """All of them, each once. ActionError, also if a class is mixed with exact actions."""
    actions = tuple(dict.fromkeys(map(parse_action, texts)))
    classes = [action.name for action in actions if isinstance(action, ActionClass)]
    if classes and len(classes) < len(actions):
        raise ActionError(MIXED[classes[0]], 1)
    return actions


MIXED = {
    "query": "`query` allows every statement, unread: it cannot stand beside exact actions",
    "function-call": "`function-call` calls any function by its number: it cannot stand beside exact actions",
    "replication": "`replication` reads what the target's user may replicate: no exact action beside it",
}
"""Why a class is not kept beside narrower actions."""


class _Token(msgspec.Struct, frozen=True):
    kind: str
    """`bare`, `quoted`, `sign`, `end`."""
    text: str
    """A bare one in lower case, a quoted one as it is meant."""
    column: int

    def is_(self, *words: str) -> bool:
        return self.kind in ("bare", "sign") and self.text in words


def _fold(text: str) -> str:
    # ASCII only, as PostgreSQL does in UTF-8; bare names are ASCII here.
    return text.lower()


class _Parser:
    def __init__(self, text: str) -> None:
        if len(text) > ACTION_CHARACTERS:
            raise ActionError(f"is longer than {ACTION_CHARACTERS} characters", ACTION_CHARACTERS)
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0

    def action(self) -> Action:
        words = self._words()
        first = words[0]
        if len(words) == 1 and not self._peek().is_("on"):
            if first.is_("call"):
                return self._rule(("call",))
            whole = self._whole(first)
            if whole is not None:
                self._end()
                return whole
        if first.is_("call"):
            self._refuse_call(words, first)
        if len(words) == 1 and first.is_("read-only", "read-write"):
            self._take()
            objects, excluded = self._objects()
            return Preset(name=first.text, objects=objects, excluded=excluded)
        return self._verbs_on(words, "all")

    def deny(self) -> Rule:
        words = self._words()
        first = words[0]
        if first.is_("call"):
            if len(words) > 1 or self._peek().is_("on"):
                self._refuse_call(words, first)
            return self._rule(("call",))
        if len(words) == 1 and first.is_("all"):
            self._on(first)
            return self._rule(RELATION_VERBS)
        if len(words) == 1 and first.is_(
            *(name for name in (*ACTION_CLASSES, *WORDS, *PRESETS) if name != "ddl")
        ):
            raise ActionError(
                f"`{first.text}` cannot be denied: deny verbs or `all` on objects, or `call` and functions",
                first.column,
                "all on public.secrets",
            )
        return self._verbs_on(words, None)

    def column(self) -> tuple[str, str, str]:
        first = self._peek()
        parts = [part.text for part in self._dotted()]
        self._end()
        if len(parts) != 3 or any("*" in part for part in parts):
            raise ActionError(
                "a masked column is written schema.relation.column, for example public.customers.email",
                first.column,
            )
        return parts[0], parts[1], parts[2]

    def _whole(self, token: _Token) -> Action | None:
        """An action that is a single word."""
        if token.is_(*ACTION_CLASSES):
            return ActionClass(name=token.text)
        if token.is_(*WORDS):
            return Word(name=token.text)
        if token.is_(*PRESETS):
            if self._peek().is_("except"):
                raise ActionError(f"`except` needs `on`: {token.text} on *.* except ...", self._peek().column)
            return Preset(name=token.text)
        return None

    def _words(self) -> list[_Token]:
        """What stands before `on`: words with commas between them."""
        words: list[_Token] = []
        while True:
            token = self._take()
            if token.kind != "bare" or token.is_("on", "except"):
                raise ActionError(
                    "is empty" if not words and token.kind == "end" else "expected a verb or another action",
                    token.column,
                )
            words.append(token)
            if not self._peek().is_(","):
                return words
            self._take()

    def _verbs_on(self, words: list[_Token], not_here: str | None) -> Rule:
        for word in words:
            if word.is_("call"):
                self._refuse_call(words, word)
            if word.is_(*RELATION_VERBS):
                continue
            if word.is_("all") and (not_here == "all" or len(words) > 1):
                raise ActionError(
                    "`all` is for `deny`, alone; name the verbs"
                    if not_here == "all"
                    else "`all` stands alone, without other verbs",
                    word.column,
                    "read-write" if not_here == "all" else "all on public.secrets",
                )
            if word.is_(*ACTION_CLASSES, *WORDS, *PRESETS):
                if len(words) > 1:
                    raise ActionError(
                        f"`{word.text}` is an action of its own, not a verb: give it an entry of its own",
                        word.column,
                    )
                raise ActionError(f"`{word.text}` has no objects", self._peek().column, word.text)
            self._refuse_verb(words, word, () if not_here == "all" else ("all",))
        self._on(words[-1])
        return self._rule(in_order({word.text for word in words}))

    def _refuse_verb(self, words: list[_Token], word: _Token, more: tuple[str, ...]) -> None:
        known: tuple[str, ...] = VERBS
        if len(words) == 1:
            known = (*VERBS, *ACTION_CLASSES, *WORDS, *PRESETS)
        kind = "action" if len(words) == 1 and not self._peek().is_("on") else "verb"
        if kind == "verb":
            known = (*VERBS, "read-only", "read-write", *more) if len(words) == 1 else VERBS
        shown = word.text if len(word.text) <= 80 else word.text[:79] + "…"
        listed = ", ".join(known)
        raise ActionError(
            f"unknown {kind} `{shown}`; there are: {listed}", word.column, nearest(word.text, known)
        )

    def _refuse_call(self, words: list[_Token], word: _Token) -> None:
        if len(words) > 1:
            raise ActionError(
                "`call` is for functions and stands alone: give it an entry of its own",
                word.column,
                "call app.*",
            )
        raise ActionError("`call` has no `on`", self._peek().column, "call app.*")

    def _on(self, last: _Token) -> None:
        token = self._take()
        if not token.is_("on"):
            raise ActionError(
                f"expected `on` behind `{last.text}`, then schema.name",
                token.column,
                f"{last.text} on public.*",
            )

    def _rule(self, verbs: tuple[str, ...]) -> Rule:
        objects, excluded = self._objects()
        return Rule(verbs=verbs, objects=objects, excluded=excluded)

    def _objects(self) -> tuple[tuple[Pattern, ...], tuple[Pattern, ...]]:
        objects = self._list()
        if not self._peek().is_("except"):
            self._end()
            return tuple(pattern for pattern, _ in objects), ()
        self._take()
        excluded = self._list()
        self._end()
        for pattern, column in excluded:
            if not any(intersects(granted, pattern) for granted, _ in objects):
                raise ActionError(
                    f"`except {pattern_text(pattern)}` excludes nothing of "
                    f"{objects_text(tuple(granted for granted, _ in objects))}",
                    column,
                )
        for granted, column in objects:
            if any(contains(pattern, granted) for pattern, _ in excluded):
                raise ActionError(
                    f"nothing is left of {pattern_text(granted)}: `except` takes all of it", column
                )
        return tuple(pattern for pattern, _ in objects), tuple(pattern for pattern, _ in excluded)

    def _list(self) -> list[tuple[Pattern, int]]:
        """Names with commas between them, each once, and where they stand."""
        found: dict[Pattern, int] = {}
        while True:
            token = self._peek()
            if token.kind == "end" or token.is_("except", "on", ",", "."):
                raise ActionError("expected schema.name, for example public.orders", token.column, "public.*")
            pattern = self._pattern()
            found.setdefault(pattern, token.column)
            if not self._peek().is_(","):
                return list(found.items())
            self._take()

    def _pattern(self) -> Pattern:
        first = self._peek()
        parts = self._dotted()
        if len(parts) == 1:
            name = pattern_text(Pattern("public", parts[0].text))
            if parts[0].text == "*":
                name = "*.*"
            raise ActionError(f"write schema.name, for example {name}", first.column, name)
        if len(parts) > 2:
            raise ActionError(
                "a name has two parts, schema.name: the database is the target's business",
                parts[2].column,
                pattern_text(Pattern(parts[-2].text, parts[-1].text)),
            )
        return Pattern(parts[0].text, parts[1].text)

    def _dotted(self) -> list[_Token]:
        parts = [self._part()]
        while self._peek().is_("."):
            self._take()
            parts.append(self._part())
        return parts

    def _part(self) -> _Token:
        token = self._take()
        if token.kind == "quoted":
            if "*" in token.text:
                raise ActionError("a quoted name cannot have `*` in it", token.column)
        elif token.kind != "bare" or token.is_("on", "except"):
            raise ActionError("expected a name", token.column)
        elif "-" in token.text:
            raise ActionError(
                "a name with `-` must be quoted", token.column, '"' + token.text.replace('"', '""') + '"'
            )
        if not token.text:
            raise ActionError("a name cannot be empty", token.column)
        if len(token.text.encode()) > _NAME_BYTES:
            raise ActionError(f"a name has at most {_NAME_BYTES} bytes", token.column)
        if token.kind == "bare" and "**" in token.text:
            return _Token("bare", re.sub(r"\*+", "*", token.text), token.column)
        return token

    def _end(self) -> None:
        token = self._peek()
        if token.kind != "end":
            raise ActionError("stray text behind the action", token.column)

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token


def _tokens(text: str) -> Iterable[_Token]:
    at = 0
    while text[at:].strip(" \t"):
        found = _TOKEN.match(text, at)
        if found is None:
            start = at + len(text[at:]) - len(text[at:].lstrip(" \t"))
            raise _stray(text[start], start + 1)
        kind = found.lastgroup or ""
        content = found[kind]
        if kind == "bare":
            content = _fold(content)
        elif kind == "quoted":
            content = content.replace('""', '"')
            bad = next((character for character in content if not character.isprintable()), None)
            if bad is not None:
                raise ActionError("a name has a character that cannot be shown", found.start(kind) + 1)
        start = found.start(kind) - (1 if kind == "quoted" else 0)
        yield _Token(kind, content, start + 1)
        at = found.end()
    yield _Token("end", "", len(text) + 1)


def _stray(character: str, column: int) -> ActionError:
    if character == '"':
        return ActionError("a quoted name is not closed", column)
    if character in "()":
        return ActionError("write a function without parentheses: all of its overloads are meant", column)
    if character in "?%[]{}!":
        return ActionError("`*` is the only wildcard", column, "*")
    if character == ";":
        return ActionError("stray text: an action has no `;`", column)
    shown = f"`{character}`" if character.isprintable() else f"U+{ord(character):04X}"
    return ActionError(f"{shown} is only for a name in double quotes", column)
