"""Queries of the generated statements: SELECT, VALUES, set operations and WITH."""

import random
from collections.abc import Callable, Sequence

from .expressions import Expressions
from .scopes import Column, Cte, Item, Scope
from .shop import TYPES, quoted
from .sources import Sources

Made = tuple[str, tuple[Column, ...]]
_KINDS = ("int", "text", "bool")
_CTES = ("people", "entries", "notes", "q", "w", "name", "city")


class Queries:
    """Makes queries; `expressions` and `sources` make what is in them."""

    def __init__(self, rng: random.Random, version: int) -> None:
        self.rng = rng
        self.version = version
        self.expressions = Expressions(rng, version, self)
        self.sources = Sources(rng, version, self, self.expressions)

    def select(
        self, scope: Scope, depth: int, *, want: Sequence[str] | None = None, masked: bool = False
    ) -> Made:
        """A query: of these types if that is asked for, with masked outputs if it may have them."""
        roll = self.rng.random()
        if depth > 0 and roll < 0.10:
            return self._united(scope, depth - 1, want)
        if depth > 0 and roll < 0.18:
            return self._with(scope, depth - 1, want, masked)
        if roll < 0.21:
            kinds = want or [self.rng.choice(_KINDS) for _ in range(2)]
            row = ", ".join(self.expressions.of(kind, scope, depth - 1) for kind in kinds)
            return f"values ({row})", tuple(Column(f"column{n}", kind) for n, kind in enumerate(kinds, 1))
        if want is None and masked and roll < 0.23:
            relation = self.sources.relation(scope)
            columns = tuple(Column(name, TYPES[name], name in relation.masked) for name in relation.columns)
            if scope.cte(relation.name) is None:
                return f"table {relation.schema}.{relation.name}", columns
        if depth > 0 and roll < 0.33:
            return self._grouped(scope, depth - 1, want)
        return self._plain(scope, depth - 1, want, masked)

    # Plain ones.

    def _plain(self, scope: Scope, depth: int, want: Sequence[str] | None, masked: bool) -> Made:
        rng, of = self.rng, self.expressions.of
        listed, items = self.sources.items(scope, depth)
        inner = Scope(scope, items)
        outputs, columns = self.outputs(inner, depth, want, masked)
        text = f"from {listed}"
        if rng.random() < 0.45:
            text += f" where {of('bool', inner, depth)}"
        window = ""
        if rng.random() < 0.05 and inner.clear("int"):
            window = f" window w as (order by {rng.choice(inner.clear('int'))})"
            if want is None:
                outputs += ", rank() over w"
                columns = (*columns, Column(None, "bigint"))
        distinct, text = self._ordered(inner, columns, text + window, depth)
        if not distinct and not window and "full join" not in listed and masked and rng.random() < 0.05:
            lockable = [item.alias for item in items if item.schema]
            if lockable and len({*lockable}) == len(lockable) and "tablesample" not in listed:
                text += f" for {rng.choice(('update', 'share'))} of {quoted(rng.choice(lockable) or '')}"
        return f"select {distinct}{outputs} {text}", columns

    def _ordered(self, inner: Scope, columns: tuple[Column, ...], text: str, depth: int) -> tuple[str, str]:
        """DISTINCT, ORDER BY and LIMIT: what they sort by is clear."""
        rng = self.rng
        distinct = ""
        is_clear = not any(column.masked for column in columns)
        clear = inner.clear(rng.choice(("int", "text")))
        roll = rng.random()
        if roll < 0.06 and is_clear:
            distinct = "distinct "
        elif roll < 0.12 and clear:
            key = rng.choice(clear)
            distinct, text = f"distinct on ({key}) ", f"{text} order by {key}"
        elif roll < 0.3:
            positions = [str(n) for n, column in enumerate(columns, 1) if not column.masked]
            names = [quoted(column.name) for column in columns if column.name and not column.masked]
            keys = clear[:6] + positions[:3] + names[:3]
            if keys:
                order = rng.choice(("", " desc", " nulls first"))
                text += f" order by {rng.choice(keys)}{order}"
        if rng.random() < 0.15:
            text += (
                f" limit {rng.choice(('1', '2', self.expressions.of('int', Scope(inner.parent), depth - 1)))}"
            )
            text += rng.choice(("", "", " offset 1"))
        return distinct, text

    def outputs(self, scope: Scope, depth: int, want: Sequence[str] | None, masked: bool) -> Made:
        """A list of outputs, as for SELECT and RETURNING."""
        if want is not None:
            texts = [self._one(scope, depth, kind) for kind in want]
            return ", ".join(text for text, _ in texts), tuple(column for _, column in texts)
        rng = self.rng
        found_texts: list[str] = []
        columns: list[Column] = []
        for _ in range(rng.choice((1, 2, 2, 3, 4))):
            roll = rng.random()
            found: tuple[str, tuple[Column, ...]] | None = None
            if roll < 0.12:
                found = self._star(scope, masked)
            elif roll < 0.5 and masked and scope.masked():
                text, column = rng.choice(scope.masked())
                if rng.random() < 0.3:
                    fitting = [name for name, kind in TYPES.items() if kind == column.type]
                    column = Column(rng.choice(fitting), column.type, masked=True)
                    text = f"{text} as {quoted(column.name or '')}"
                found = text, (column,)
            if found is None:
                text, column = self._one(scope, depth, rng.choice(_KINDS))
                found = text, (column,)
            found_texts.append(found[0])
            columns.extend(found[1])
        return ", ".join(found_texts), tuple(columns)

    def _one(self, scope: Scope, depth: int, kind: str) -> tuple[str, Column]:
        """One output that is clear."""
        rng = self.rng
        clear = scope.clear(kind)
        if clear and rng.random() < 0.3:
            text = rng.choice(clear)
            return text, Column(text.rpartition(".")[2].strip('"'), kind)
        text = self.expressions.of(kind, scope, depth)
        if rng.random() < 0.5:
            name = rng.choice([name for name, type_ in TYPES.items() if type_ == kind])
            return f"{text} as {quoted(name)}", Column(name, kind)
        return text, Column(text.rpartition(".")[2].strip('"') if text in clear else None, kind)

    def _star(self, scope: Scope, masked: bool) -> Made | None:
        bare = [item for item in scope.items if item.bare]
        columns = tuple(column for item in bare for column in item.columns)
        if bare and self.rng.random() < 0.4 and (masked or not any(column.masked for column in columns)):
            return "*", columns
        aliases = [item.alias for item in scope.items]
        fitting = [
            item
            for item in scope.items
            if item.alias and aliases.count(item.alias) == 1 and (masked or not item.masked)
        ]
        if not fitting:
            return None
        item = self.rng.choice(fitting)
        schema = f"{item.schema}." if item.schema and self.rng.random() < 0.4 else ""
        return f"{schema}{quoted(item.alias or '')}.*", item.columns

    # Others.

    def _grouped(self, scope: Scope, depth: int, want: Sequence[str] | None) -> Made:
        rng, of = self.rng, self.expressions.of
        listed, items = self.sources.items(scope, depth)
        inner = Scope(scope, items)
        keys = [rng.choice(inner.clear(kind)) for kind in ("int", "text") if inner.clear(kind)]
        kinds = list(want or ("int", "int", "text")[: rng.randint(1, 3)])
        outputs, columns = [], []
        for kind in kinds:
            aggregate = {
                "int": rng.choice(
                    ("count(*)::int4", f"sum({of('int', inner, depth)})::int4", "max({})", "count({})::int4")
                ),
                "text": rng.choice(("min({})", "string_agg({}, ',')", "max({})")),
                "bool": "bool_and({})",
            }[kind]
            text = aggregate.replace("{}", of(kind, inner, depth))
            if rng.random() < 0.15 and "::" not in text and "(" in text:
                text += f" filter (where {of('bool', inner, depth)})"
            if kind in ("int", "text") and len(keys) == 2 and rng.random() < 0.4:
                text = keys[("int", "text").index(kind)]
            name = rng.choice([name for name, type_ in TYPES.items() if type_ == kind])
            named = rng.random() < 0.5
            outputs.append(f"{text} as {quoted(name)}" if named else text)
            columns.append(Column(name if named else None, kind))
        if rng.random() < 0.4 and want is None and len(keys) == 2:
            outputs += keys
            columns += [Column(None, "int"), Column(None, "text")]
        text = f"select {', '.join(outputs)} from {listed}"
        if rng.random() < 0.3:
            text += f" where {of('bool', inner, depth)}"
        if keys:
            both = ", ".join(keys)
            forms = [both, both, f"rollup ({both})", f"grouping sets (({both}), ())", f"cube ({both})"]
            text += f" group by {rng.choice(forms)}"
            if rng.random() < 0.3:
                text += f" having count(*) > {self.expressions.constant('int')}"
        return text, tuple(columns)

    def _united(self, scope: Scope, depth: int, want: Sequence[str] | None) -> Made:
        rng = self.rng
        kinds = list(want or [rng.choice(_KINDS) for _ in range(rng.choice((1, 2, 3)))])
        text, columns = self.select(scope, depth, want=kinds)
        text = f"({text})"
        for _ in range(rng.choice((1, 1, 2))):
            other, _ = self.select(scope, depth, want=kinds)
            word = rng.choice(("union", "union all", "intersect", "except", "except all"))
            text += f" {word} ({other})"
        if rng.random() < 0.3:
            text += f" order by {rng.choice([str(n + 1) for n in range(len(kinds))])}"
        if rng.random() < 0.2:
            text += f" limit {self.expressions.of('int', scope, 0)}"
        return text, columns

    def _with(self, scope: Scope, depth: int, want: Sequence[str] | None, masked: bool) -> Made:
        text, inner = self.ctes(scope, depth)
        body, columns = self.select(inner, depth, want=want, masked=masked)
        # A body in parentheses may have a WITH of its own.
        return f"{text} ({body})", columns

    def ctes(
        self, scope: Scope, depth: int, written: Callable[[Scope], Made] | None = None
    ) -> tuple[str, Scope]:
        """A WITH, and the scope behind it. `written` makes a query that writes."""
        rng = self.rng
        recursive = rng.random() < 0.35
        texts: list[str] = []
        ctes: list[Cte] = []
        for name in rng.sample(_CTES, rng.choice((1, 1, 2))):
            inner = Scope(scope, (), list(ctes))
            if written is not None and rng.random() < 0.5:
                query, columns = written(inner)
                if columns:
                    texts.append(f"{quoted(name)} as ({query})")
                    ctes.append(Cte(name, columns))
                    continue
            if recursive and rng.random() < 0.6:
                text, columns = self._recursive(name, inner, depth)
                texts.append(text)
            else:
                query, columns = self.select(inner, depth, masked=self.sources.likes_masks)
                head = quoted(name)
                if rng.random() < 0.3 and not any(column.name is None for column in columns):
                    head, columns = self.sources._listed(name, columns)
                texts.append(
                    f"{head} as {rng.choice(('', '', 'materialized ', 'not materialized '))}({query})"
                )
            ctes.append(Cte(name, columns))
        return f"with {'recursive ' if recursive else ''}{', '.join(texts)}", Scope(scope, (), ctes)

    def _recursive(self, name: str, scope: Scope, depth: int) -> Made:
        """A CTE that counts, beside a text; with SEARCH and CYCLE from 14 on."""
        rng = self.rng
        number, word = rng.choice(("id", "value", "count")), rng.choice(("name", "city", "text"))
        own = Cte(name, (Column(number, "int"), Column(word, "text")))
        start, _ = self.select(scope, depth, want=["int", "text"])
        q = quoted(name)
        more = self.expressions.of("text", Scope(Scope(scope, (), [own]), [Item(name, own.columns)]), 0)
        step = f"select {q}.{number} + 1, {more} from {q} where {q}.{number} < 3"
        text = f"{q}({number}, {word}) as (({start}) {rng.choice(('union', 'union all'))} {step})"
        columns = own.columns
        if self.version >= 14 and rng.random() < 0.3:
            text += f" search {rng.choice(('depth', 'breadth'))} first by {number} set trail"
            columns = (*columns, Column("trail", "record"))
        if self.version >= 14 and rng.random() < 0.3:
            text += f" cycle {number} set again using path"
            columns = (*columns, Column("again", "bool"), Column("path", "record"))
        return text, columns
