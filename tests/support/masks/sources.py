"""Items of FROM of the generated statements: every kind that the server has."""

import random
from collections import Counter
from collections.abc import Sequence

from .expressions import ALIASES, Expressions, Selects
from .scopes import Column, Item, Scope, called, item_of
from .shop import RELATIONS, TYPES, Relation, quoted

Made = tuple[str, list[Item]]


class Sources:
    """Makes lists of FROM."""

    def __init__(self, rng: random.Random, version: int, selects: Selects, expressions: Expressions) -> None:
        self.rng = rng
        self.version = version
        self.selects = selects
        self.expressions = expressions
        self.likes_masks = True

    def items(self, scope: Scope, depth: int, *, first: Sequence[Item] = ()) -> Made:
        """A whole list. `first` are items that stand there already."""
        count = self.rng.choice((1, 1, 1, 2, 2, 3)) if depth > 0 else 1
        texts: list[str] = []
        items: list[Item] = list(first)
        for _ in range(count):
            text, more = self.item(scope, depth, items)
            texts.append(text)
            items += more
        return ", ".join(texts), items[len(first) :]

    def item(self, scope: Scope, depth: int, left: list[Item]) -> Made:
        """One item of it; `left` is what LATERAL sees, and whose names are taken."""
        roll = self.rng.random()
        if depth > 0 and roll < 0.22:
            return self._join(scope, depth - 1, left)
        if depth > 0 and roll < 0.40:
            return self._subquery(scope, depth - 1, left)
        if roll < 0.48:
            return self._function(Scope(scope, left), depth, left)
        if roll < 0.51:
            return self._values(Scope(scope, left), depth, left)
        ctes = [cte for level in scope.levels() for cte in level.ctes]
        if ctes and roll < 0.75:
            cte = self.rng.choice(ctes)
            alias = self._alias(left, own=cte.name)
            name, columns = self._listed(alias or cte.name, cte.columns)
            text = quoted(cte.name) + (f" as {name}" if alias or name != quoted(cte.name) else "")
            return text, [Item(alias or cte.name, columns)]
        return self._relation(scope, depth, left)

    # Names.

    def _alias(self, left: Sequence[Item], *, own: str = "") -> str | None:
        """An alias that no item has yet; None for the relation's own name, if that is free."""
        taken = {item.alias for item in left}
        if own and own not in taken and self.rng.random() < 0.5:
            return None
        free = [alias for alias in ALIASES if alias not in taken]
        return self.rng.choice(free) if free else f"t{len(left)}"

    def _listed(self, alias: str, columns: tuple[Column, ...]) -> tuple[str, tuple[Column, ...]]:
        """An alias, perhaps with a list of names for the first columns."""
        if self.rng.random() > 0.15 or not columns:
            return quoted(alias), columns
        count = self.rng.randint(1, min(len(columns), 4))
        renamed: list[Column] = []
        for column in columns[:count]:
            fitting = [name for name, kind in TYPES.items() if kind == column.type] or ["trail"]
            renamed.append(Column(self.rng.choice(fitting), column.type, column.masked))
        names = ", ".join(quoted(column.name or "") for column in renamed)
        return f"{quoted(alias)}({names})", (*renamed, *columns[count:])

    # Kinds.

    def relation(self, scope: Scope) -> Relation:
        """A relation, often one whose name is in the scope already."""
        names = [name for name in scope.aliases() if called(name)]
        if names and self.rng.random() < 0.3:
            return self.rng.choice(called(self.rng.choice(names)))
        return self.rng.choice(RELATIONS)

    def named(self, scope: Scope, relation: Relation) -> str:
        """The relation as it may be written."""
        hidden = scope.cte(relation.name) is not None
        if relation.schema == "public" and not hidden and self.rng.random() < 0.6:
            return quoted(relation.name)
        full = f"{relation.schema}.{quoted(relation.name)}"
        return full if self.rng.random() < 0.96 else f"@database@.{full}"

    def _relation(self, scope: Scope, depth: int, left: list[Item]) -> Made:
        relation = self.relation(Scope(scope, left))
        text = self.named(scope, relation)
        # Two relations of one name may stand beside each other.
        twins = [item for item in left if item.alias == relation.name]
        free = all(item.schema not in (None, relation.schema) for item in twins)
        alias = None if free and self.rng.random() < 0.5 else self._alias(left)
        item = item_of(relation, alias)
        if alias:
            shown, columns = self._listed(alias, item.columns)
            item = Item(item.alias, columns)
        roll = self.rng.random()
        if roll < 0.06:
            text = f"only {text}"
        elif roll < 0.1:
            text = f"only ({text})"
        elif roll < 0.14:
            text += " *"
        if alias:
            text += f"{self.rng.choice((' as ', ' '))}{shown}"
        if self.rng.random() < 0.07:
            outer = scope if self.rng.random() < 0.85 else Scope(scope, left)
            size = f"case when {self.expressions.of('bool', outer, depth - 1)} then 100 else 0 end"
            size = size if self.rng.random() < 0.6 and depth > 0 else "100"
            text += f" tablesample {self.rng.choice(('system', 'bernoulli'))} ({size}) repeatable (1)"
        return text, [item]

    def _subquery(self, scope: Scope, depth: int, left: list[Item]) -> Made:
        lateral = self.rng.random() < 0.35
        inner = Scope(scope, left) if lateral else scope
        query, columns = self.selects.select(inner, depth, masked=self.likes_masks)
        alias = self._alias(left) or "s"
        shown, columns = self._listed(alias, columns)
        return f"{'lateral ' if lateral else ''}({query}) as {shown}", [Item(alias, columns)]

    def _function(self, scope: Scope, depth: int, left: list[Item]) -> Made:
        rng, of = self.rng, self.expressions.of
        alias = self._alias(left) or "f"
        ordinal = rng.random() < 0.25
        number = of("int", scope, depth - 1) if rng.random() < 0.4 else "2"
        kinds = 7 if self.version >= 17 else 6
        match rng.randrange(kinds):
            case 0:
                text, columns = f"generate_series(1, {number})", [Column(alias, "int")]
            case 1:
                text, columns = f"pairs({number})", [Column("name", "text"), Column("value", "int")]
            case 2:
                text, columns = f"unnest(array[{number}, 1])", [Column(alias, "int")]
            case 3:
                text = f"rows from (pairs({number}), generate_series(1, 2))"
                columns = [Column("name", "text"), Column("value", "int"), Column("generate_series", "int")]
            case 4:
                text = "json_to_recordset('[{\"id\": 1}]')"
                listed = f"{quoted(alias)}(id int, name text)"
                return f"{text} as {listed}", [Item(alias, (Column("id", "int"), Column("name", "text")))]
            case 5:
                text = (
                    f"xmltable('/a/b' passing xmlparse(document '<a><b>' || {number} || '</b></a>')"
                    " columns value int path '.', name text path '.')"
                )
                columns, ordinal = [Column("value", "int"), Column("name", "text")], False
            case _:
                text = (
                    f"json_table(jsonb_build_array({number}), '$[*]'"
                    " columns (value int path '$', name text path '$'))"
                )
                columns, ordinal = [Column("value", "int"), Column("name", "text")], False
        if ordinal:
            text += " with ordinality"
            columns.append(Column("ordinality", "bigint"))
        shown, listed_columns = self._listed(alias, tuple(columns))
        return f"{text} as {shown}", [Item(alias, listed_columns)]

    def _values(self, scope: Scope, depth: int, left: list[Item]) -> Made:
        of = self.expressions.of
        rows = [f"({of('int', scope, depth - 1)}, {of('text', scope, depth - 1)})" for _ in range(2)]
        alias = self._alias(left) or "v"
        columns = (Column("column1", "int"), Column("column2", "text"))
        shown, columns_listed = self._listed(alias, columns)
        lateral = "lateral " if self.rng.random() < 0.5 else ""
        return f"{lateral}(values {', '.join(rows)}) as {shown}", [Item(alias, columns_listed)]

    # Joins.

    def _join(self, scope: Scope, depth: int, left: list[Item]) -> Made:
        rng = self.rng
        one, items = self.item(scope, depth, left)
        other, more = self.item(scope, depth, [*left, *items])
        if rng.random() < 0.2 and " join " in other:
            other = f"({other})"
        both = [*items, *more]
        kind = rng.choice(("join", "join", "left join", "right join", "full join", "cross join"))
        lateral = "lateral" in other or "lateral" in one
        if lateral and kind in ("right join", "full join"):
            kind = "left join"
        common = _common(items, more)
        if kind == "cross join":
            text = f"{one} cross join {other}"
        elif rng.random() < 0.35 and common:
            chosen = rng.sample(common, rng.choice((1, 1, min(2, len(common)))))
            return self._using(one, kind, other, items, more, chosen, left)
        elif rng.random() < 0.08 and _naturally(items, more) is not None:
            return self._using(
                one, f"natural {kind}", other, items, more, _naturally(items, more) or [], left
            )
        else:
            text = f"{one} {kind} {other} on {self._condition(kind, scope, left, items, more, depth)}"
        if rng.random() < 0.12:
            return self._aliased(
                text, [column for item in both if item.bare for column in item.columns], left
            )
        return text, both

    def _condition(
        self, kind: str, scope: Scope, left: list[Item], items: list[Item], more: list[Item], depth: int
    ) -> str:
        if kind == "full join":
            # It has to be one that can be merged or hashed.
            ours, theirs = Scope(None, [*items, *_silent(more)]), Scope(None, [*more, *_silent(items)])
            if ours.clear("int") and theirs.clear("int"):
                return f"{self.rng.choice(ours.clear('int'))} = {self.rng.choice(theirs.clear('int'))}"
            return "true"
        # Of `left` a condition sees nothing but as the outer query's, if this is LATERAL.
        return self.expressions.of("bool", Scope(scope, [*items, *more]), min(depth, 1))

    def _using(
        self,
        one: str,
        kind: str,
        other: str,
        items: list[Item],
        more: list[Item],
        chosen: list[Column],
        left: list[Item],
    ) -> Made:
        text = f"{one} {kind} {other}"
        names = [column.name for column in chosen]
        merged = Item(None, tuple(chosen))
        if not kind.startswith("natural"):
            text += f" using ({', '.join(quoted(name or '') for name in names)})"
            if self.version >= 14 and self.rng.random() < 0.25:
                alias = self._alias([*left, *items, *more]) or "u"
                text += f" as {quoted(alias)}"
                merged = Item(alias, tuple(chosen))
        rest = tuple(
            column
            for item in [*items, *more]
            if item.bare
            for column in item.columns
            if column.name not in names
        )
        if self.rng.random() < 0.12 and merged.alias is None:
            return self._aliased(text, [*chosen, *rest], left)
        hidden = [Item(item.alias, item.columns, item.schema, bare=False) for item in [*items, *more]]
        whole = Item(None, (*chosen, *rest))
        extra = [Item(merged.alias, merged.columns, bare=False)] if merged.alias else []
        return text, [*hidden, *extra, whole]

    def _aliased(self, text: str, columns: list[Column], left: list[Item]) -> Made:
        alias = self._alias(left) or "j"
        shown, listed = self._listed(alias, tuple(columns))
        return f"({text}) as {shown}", [Item(alias, listed)]


def _columns(items: Sequence[Item]) -> list[Column]:
    return [column for item in items if item.bare for column in item.columns]


def _silent(items: Sequence[Item]) -> list[Item]:
    """Items whose names are taken, but which nothing is chosen from."""
    return [
        Item(item.alias, tuple(Column(column.name, "none") for column in item.columns), bare=item.bare)
        for item in items
    ]


def _common(items: Sequence[Item], more: Sequence[Item]) -> list[Column]:
    """Columns that both sides have once, clear and of the same type."""
    ours, theirs = _columns(items), _columns(more)
    if any(column.name is None for column in [*ours, *theirs]):
        return []
    counts = Counter(column.name for column in ours), Counter(column.name for column in theirs)
    types = {column.name: column for column in theirs}
    return [
        column
        for column in ours
        if counts[0][column.name] == 1 == counts[1][column.name]
        and not column.masked
        and not types[column.name].masked
        and types[column.name].type == column.type
    ]


def _naturally(items: Sequence[Item], more: Sequence[Item]) -> list[Column] | None:
    """What NATURAL would merge, if all of that may be."""
    common = _common(items, more)
    shared = {column.name for column in _columns(items)} & {column.name for column in _columns(more)}
    return common if shared == {column.name for column in common} else None
