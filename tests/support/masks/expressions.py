"""Expressions of the generated statements: mostly over clear columns, now and then over a name that may
mean more.
"""

import random
from collections.abc import Callable, Sequence
from typing import Protocol

from .scopes import Column, Scope
from .shop import RELATIONS, TYPES, quoted

ALIASES = ("people", "entries", "notes", "q", "name", "value", "text", "old", "new", "city")
_TYPE_NAMES = ("name", "text", "int4", "bool")
_CAST = {"int": "int4", "text": "text", "bool": "bool"}


class Selects(Protocol):
    """What makes subqueries."""

    def select(
        self, scope: Scope, depth: int, *, want: Sequence[str] | None = None, masked: bool = False
    ) -> tuple[str, tuple[Column, ...]]:
        """A query and its outputs: of these types, with masked ones or without."""


class Expressions:
    """`probes` is how often a name is taken that need not be clear."""

    def __init__(self, rng: random.Random, version: int, selects: Selects) -> None:
        self.rng = rng
        self.version = version
        self.selects = selects
        self.probes = 0.0

    def of(self, kind: str, scope: Scope, depth: int) -> str:
        """An expression of a type."""
        rng = self.rng
        if self.probes and rng.random() < self.probes:
            return self.probe(kind, scope, depth)
        clear = scope.clear(kind)
        if clear and rng.random() < 0.55:
            return rng.choice(clear)
        if depth <= 0 or rng.random() < 0.25:
            return self.constant(kind)
        makers: dict[str, tuple[Callable[[Scope, int], str], ...]] = {
            "int": self._ints,
            "text": self._texts,
            "bool": self._bools,
        }
        return rng.choice(makers[kind])(scope, depth - 1)

    def constant(self, kind: str) -> str:
        """A constant of a type."""
        if self.rng.random() < 0.06:
            return f"null::{_CAST[kind]}"
        choices = {
            "int": ("1", "2", "3", "0"),
            "text": ("'a'", "'P1na'", "''", "'z'"),
            "bool": ("true", "false"),
        }
        return self.rng.choice(choices[kind])

    def scalar(self, kind: str, scope: Scope, depth: int) -> str:
        """A subquery of one row and one column."""
        text, _ = self.selects.select(scope, depth, want=[kind])
        return (
            f"(select x from ({text}) as only_one(x) limit 1)"
            if self.rng.random() < 0.4
            else f"(({text}) limit 1)"
        )

    @property
    def _ints(self) -> tuple[Callable[[Scope, int], str], ...]:
        of = self.of
        return (
            lambda s, d: f"({of('int', s, d)} {self.rng.choice('+-*')} {of('int', s, d)})",
            lambda s, d: f"length({of('text', s, d)})",
            lambda s, d: f"coalesce({of('int', s, d)}, {of('int', s, d)})",
            lambda s, d: f"case when {of('bool', s, d)} then {of('int', s, d)} else {of('int', s, d)} end",
            lambda s, d: f"case {of('int', s, d)} when 1 then {of('int', s, d)} end",
            lambda s, d: f"(array[{of('int', s, d)}, {of('int', s, d)}])[1]",
            lambda s, d: f"nullif({of('int', s, d)}, {of('int', s, d)})",
            lambda s, d: f"greatest({of('int', s, d)}, {of('int', s, d)})",
            lambda s, d: f"{self.scalar('int', s, d)}::int4",
            lambda s, d: self.scalar("int", s, d),
            lambda s, d: f"(row({of('text', s, d)}, {of('int', s, d)})::pair).value",
            lambda s, d: (
                f"({self.rng.choice(('count(*)', 'sum(1)', 'rank()'))} over {self._window(s, d)})::int4"
            ),
            lambda s, d: f"(select count(*) from ({self.selects.select(s, d)[0]}) as counted)::int4",
            lambda s, d: f"- {of('int', s, d)}",
        )

    @property
    def _texts(self) -> tuple[Callable[[Scope, int], str], ...]:
        of = self.of
        return (
            lambda s, d: f"({of('text', s, d)} || {of('text', s, d)})",
            lambda s, d: f"upper({of('text', s, d)})",
            lambda s, d: f"({of(self.rng.choice(list(_CAST)), s, d)})::text",
            lambda s, d: f"coalesce({of('text', s, d)}, {of('text', s, d)})",
            lambda s, d: f"(row({of('text', s, d)}, {of('int', s, d)})::pair).name",
            lambda s, d: f"(array[{of('text', s, d)}])[{of('int', s, d)}]",
            lambda s, d: self.scalar("text", s, d),
            lambda s, d: f"array({self.selects.select(s, d, want=['int'])[0]})::text",
            lambda s, d: f'({of("text", s, d)} collate "C")',
            lambda s, d: f"substring({of('text', s, d)} from 1 for {of('int', s, d)})",
            lambda s, d: f"concat({of('text', s, d)}, {of('int', s, d)})",
            lambda s, d: (
                f"(select row(x) from ({self.selects.select(s, d, want=['int'])[0]}) as r(x) limit 1)::text"
            ),
            lambda s, d: f"min({of('text', s, d)}) over {self._window(s, d)}",
            lambda s, d: f"xmlelement(name x, {of('text', s, d)})::text",
            lambda s, d: f"jsonb_build_object('a', {of('int', s, d)})::text",
            *((lambda s, d: f"json_object('a': {of('text', s, d)})::text",) if self.version >= 16 else ()),
            *(
                (lambda s, d: f"json_value('{{}}', '$.a' default {of('text', s, d)} on empty)",)
                if self.version >= 17
                else ()
            ),
        )

    @property
    def _bools(self) -> tuple[Callable[[Scope, int], str], ...]:
        of, rng = self.of, self.rng

        def compare(s: Scope, d: int) -> str:
            kind = rng.choice(("int", "text", "int"))
            return (
                f"({of(kind, s, d)} {rng.choice(('=', '<', '>', '<>', 'is distinct from'))} {of(kind, s, d)})"
            )

        return (
            compare,
            compare,
            lambda s, d: f"({of('bool', s, d)} {rng.choice(('and', 'or'))} {of('bool', s, d)})",
            lambda s, d: f"not ({of('bool', s, d)})",
            lambda s, d: f"({of(rng.choice(('int', 'text')), s, d)} is not null)",
            lambda s, d: f"exists ({self.selects.select(s, d, masked=True)[0]})",
            lambda s, d: f"({of('int', s, d)} in ({self.selects.select(s, d, want=['int'])[0]}))",
            lambda s, d: f"({of('int', s, d)} = any (array[1, {of('int', s, d)}]))",
            lambda s, d: f"({of('text', s, d)} < all ({self.selects.select(s, d, want=['text'])[0]}))",
            lambda s, d: f"({of('text', s, d)} like 'P%')",
            lambda s, d: f"((1, {of('int', s, d)}) = (1, {of('int', s, d)}))",
            lambda s, d: f"({of('int', s, d)} between 1 and {of('int', s, d)})",
        )

    def _window(self, scope: Scope, depth: int) -> str:
        parts = []
        if self.rng.random() < 0.6:
            parts.append(f"partition by {self._key(scope, depth)}")
        if self.rng.random() < 0.6:
            parts.append(f"order by {self._key(scope, depth)}")
        return f"({' '.join(parts)})"

    def _key(self, scope: Scope, depth: int) -> str:
        # A constant would be a position, or nothing to sort by.
        clear = scope.clear("int")
        return (
            self.rng.choice(clear)
            if clear and self.rng.random() < 0.8
            else f"({self.of('int', scope, depth)} + 0)"
        )

    # Names that may mean more than one thing.

    def probe(self, kind: str, scope: Scope, depth: int) -> str:
        """A name that is masked somewhere near, used as a value of this type."""
        rng = self.rng
        choice = rng.random()
        if choice < 0.3 and depth > 0 and (names := scope.masked_names()):
            cast = [name for name in names if name in _TYPE_NAMES]
            return _as(kind, self._hidden(rng.choice(cast if cast and rng.random() < 0.6 else names), scope))
        if choice < 0.42 and depth > 0 and (names := scope.masked_names()):
            return _as(kind, self._sampled(rng.choice(names)))
        if choice < 0.54 and depth > 0 and (text := self._elsewhere(scope)):
            return _as(kind, text)
        if choice < 0.66 and (row := self._row(scope)):
            return _as(kind, row)
        return _as(kind, self.name(kind, scope))

    def name(self, kind: str, scope: Scope) -> str:
        """Some column of this type, by any name that items have."""
        rng = self.rng
        names = [name for name, type_ in TYPES.items() if type_ == kind]
        masked = [name for name in scope.masked_names() if TYPES.get(name) == kind]
        column = quoted(rng.choice(masked if masked and rng.random() < 0.7 else names))
        match rng.randrange(10):
            case 0 | 1 | 2 | 3:
                return column
            case 4 | 5 | 6:
                return f"{quoted(rng.choice(scope.aliases() or ALIASES))}.{column}"
            case 7:
                return f"{quoted(rng.choice(ALIASES))}.{column}"
            case _:
                relation = rng.choice(RELATIONS)
                return f"{relation.schema}.{relation.name}.{column}"

    def _row(self, scope: Scope) -> str:
        aliases = scope.aliases()
        if not aliases:
            return ""
        alias = quoted(self.rng.choice(aliases))
        relation = self.rng.choice(RELATIONS)
        forms = (
            alias,
            f"{alias}.*",
            f"{alias}.label",
            f"label({alias})",
            f"({alias}).name",
            f"({alias}.*).name",
            f"row({alias}.*)",
            f"row_to_json({alias})",
            f"{alias}.row_to_json",
            f"{relation.schema}.{relation.name}.*",
            f"row({relation.schema}.{relation.name}.*)",
            f"{alias} is null",
        )
        return self.rng.choice(forms)

    def _hidden(self, name: str, scope: Scope) -> str:
        """A subquery in which a name without more seems to be a derived column's."""
        rng = self.rng
        alias = quoted(rng.choice(ALIASES))
        inner = self.derived(name)
        more = rng.choice(("", "", ", 1 as id", ", 2"))
        beside = rng.choice(("", "", f", {rng.choice(RELATIONS).name} as beside(a)"))
        called = rng.choice((quoted(name), quoted(name), f"{alias}.{quoted(name)}"))
        lateral = rng.choice(("", "", "lateral "))
        return f"(select {called} from {lateral}(select {inner}{more}) as {alias}{beside} limit 1)"

    def _sampled(self, name: str) -> str:
        """A subquery with a sample whose size hangs on a name that stands beside it, too."""
        rng = self.rng
        relation = rng.choice(RELATIONS)
        beside = f"(select 1 as {quoted(name)}) as {quoted(rng.choice(ALIASES[3:]))}"
        size = (
            f"case when ({quoted(name)})::text like 'P%' or ({quoted(name)})::text = '1' then 100 else 0 end"
        )
        if rng.random() < 0.3:
            size = f"100 / (1 + length(({quoted(name)})::text))"
        method = rng.choice(("bernoulli", "system"))
        repeatable = rng.choice(("repeatable (1)", f"repeatable (length(({quoted(name)})::text))"))
        sample = f"{relation.schema}.{relation.name} as sampled tablesample {method} ({size}) {repeatable}"
        parts = [beside, sample] if rng.random() < 0.8 else [sample, beside]
        return f"(select count(*) from {rng.choice((', ', ' cross join ')).join(parts)})"

    def _elsewhere(self, scope: Scope) -> str:
        """A subquery of one relation, in which a column of the other of its name is written with its
        schema.
        """
        rng = self.rng
        items = [item for level in scope.levels() for item in level.items if item.schema and item.masked]
        if not items:
            return ""
        item = rng.choice(items)
        other = {"public": "audit", "audit": "public"}[item.schema or ""]
        name = quoted(item.alias or "")
        listed = rng.choice(
            (name, name, f"{other}.{name}", f"{other}.{name} as {name}", f"{name}, {other}.notes")
        )
        masked = [quoted(column.name or "") for column in item.columns if column.masked]
        column = rng.choice((*masked, "*", "label"))
        if column == "*":
            listed = rng.choice((listed, f"{name}, {item.schema}.{name}", f"{item.schema}.{name}, {name}"))
            whole = f"select {item.schema}.{name}.* from {listed} limit 1"
            return f"(select row(inner_rows.*) from ({whole}) as inner_rows)"
        return f"(select {item.schema}.{name}.{column} from {listed} limit 1)"

    def derived(self, name: str) -> str:
        """An expression without an alias that somebody may take to be called this."""
        rng = self.rng
        constant = rng.choice(
            ("1", "'b'", "null", "(select 1)", "(select '1')", "(select 1)", "(values (1))", "1 + 1")
        )
        forms = [
            f"(select {constant} as {quoted(name)})",
            f"(select {quoted(name)} from (select 1 as {quoted(name)}) z)",
        ]
        if name in _TYPE_NAMES:
            forms += [f"({constant})::{name}", f"cast({constant} as {name})", f"({constant})::{name}"] * 2
            forms += [f"{name} '1'", f"({constant})::varchar::{name}"]
        forms += {
            "case": [f"case when true then null else {constant} end", f"case 1 when 1 then {constant} end"],
            "coalesce": [f"coalesce({constant}, null)"],
            "array": [f"array[{constant}]", f"array(select {constant})"],
            "exists": [f"exists (select {constant})"],
            "count": ["count(*)", "count(*) over ()"],
            "value": [f"(row('a', {constant}::text::int)::pair).value"],
            "name": [f"(row({constant}::text, 1)::pair).name"],
            "?column?": ["1 + 1", "not true", "null", "1"],
            "column1": [f"(select column1 from (values ({constant})) v)"],
        }.get(name, [])
        text = rng.choice(forms)
        for _ in range(rng.choice((0, 0, 0, 1, 2))):
            text = rng.choice(
                (
                    f"({text})",
                    f"(select {text})",
                    f"({text})::text",
                    f"({text})::name",
                    f"({text})::text::int4",
                    f'({text})::text collate "C"',
                    f"case when false then null else {text} end",
                    f"(array[{text}])[1]",
                    f"coalesce({text})",
                    f"nullif({text}, null)",
                    f"({text}) is null",
                    f"array[{text}]",
                )
            )
        return text


def _as(kind: str, text: str) -> str:
    match kind:
        case "int":
            return f"length(({text})::text)"
        case "bool":
            return f"(({text})::text like 'P%')"
        case _:
            return f"({text})::text"
