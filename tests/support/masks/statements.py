"""Generated statements: queries and what writes, and what may stand around them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from .queries import Made, Queries
from .scopes import Column, Item, Scope, item_of
from .shop import RELATIONS, TYPES, Relation, quoted

_MASKED = ("people", "elders", "audit.entries", "audit.notes")


@dataclass(frozen=True)
class Statement:
    """A statement as it is sent, and the query in it that the server analyses; `into` if its rows are
    kept.
    """

    text: str
    inner: str
    into: bool = False


class Statements:
    """An endless number of them by a seed, for a server of this version."""

    def __init__(self, seed: str, version: int) -> None:
        self.rng = random.Random(seed)
        self.version = version
        self.queries = Queries(self.rng, version)
        self._database = "orders"

    def __iter__(self) -> Iterator[Statement]:
        while True:
            statement = self.statement()
            # Few that read nothing masked.
            if any(name in statement.inner for name in _MASKED) or self.rng.random() < 0.05:
                yield statement

    def statement(self) -> Statement:
        """One statement. Some have no name that is not clear, so that most of them pass; some have one or
        more.
        """
        rng = self.rng
        self.queries.expressions.probes = rng.choice((0.0, 0.0, 0.0, 0.08, 0.08, 0.25))
        depth = rng.choice((1, 2, 2, 3))
        roll = rng.random()
        empty = Scope()
        if roll < 0.66:
            inner, _ = self.queries.select(empty, depth, masked=True)
        elif roll < 0.72:
            inner = self._writing_with(depth)
        else:
            inner, _ = self._write(empty, depth)
        return self._wrapped(inner.replace("@database@", self._database))

    def _wrapped(self, inner: str) -> Statement:
        rng = self.rng
        roll = rng.random()
        query = inner.startswith(("select", "with", "(", "values", "table"))
        if roll < 0.86:
            return Statement(inner, inner)
        if roll < 0.90:
            return Statement(f"explain {rng.choice(('', 'verbose ', '(costs off) '))}{inner}", inner)
        if roll < 0.93:
            return Statement(f"prepare p as {inner}", inner)
        if roll < 0.96:
            return Statement(f"copy ({inner}) to stdout", inner)
        if query and " for update" not in inner and " for share" not in inner and roll < 0.98:
            return Statement(f"declare c cursor for {inner}", inner)
        if query and inner.startswith("select"):
            return Statement(f"create temp table kept as {inner}", inner, into=True)
        return Statement(inner, inner)

    def _writing_with(self, depth: int) -> str:
        """A query over what a writing CTE returns."""
        text, scope = self.queries.ctes(Scope(), depth - 1, lambda inner: self._write(inner, 0))
        body, _ = self.queries.select(scope, depth - 1, masked=True)
        return f"{text} ({body})"

    def _write(self, scope: Scope, depth: int) -> Made:
        roll = self.rng.random()
        if roll < 0.3:
            return self._insert(scope, depth)
        if roll < 0.58:
            return self._update(scope, depth)
        if roll < 0.8 or self.version < 15 or (scope.parent is not None and self.version < 17):
            return self._delete(scope, depth)
        return self._merge(scope, depth)

    # What they have in common.

    def _target(self, *, aliased: bool = True) -> tuple[Relation, str, Item]:
        rng = self.rng
        relation = rng.choice(RELATIONS)
        text = f"{relation.schema}.{quoted(relation.name)}"
        if relation.schema == "public" and rng.random() < 0.6:
            text = quoted(relation.name)
        alias = rng.choice((None, None, "q", "people", "entries", "name")) if aliased else None
        return relation, text + (f" as {quoted(alias)}" if alias else ""), item_of(relation, alias)

    def _others(self, scope: Scope, depth: int, target: Item) -> tuple[str, list[Item]]:
        """A FROM or USING list beside the target, which is not LATERAL's to see."""
        sources = self.queries.sources
        texts, items = sources.items(scope, depth, first=[Item(target.alias, ())])
        return texts, items

    def _settings(self, relation: Relation, scope: Scope, depth: int) -> str:
        rng, of = self.rng, self.queries.expressions.of
        columns = rng.sample([column for column in relation.columns if column != "id"], rng.choice((1, 1, 2)))
        roll = rng.random()
        kinds = [TYPES[column] for column in columns]
        if roll < 0.15:
            names = ", ".join(quoted(column) for column in columns)
            query, _ = self.queries.select(scope, depth, want=kinds)
            return f"({names}) = ({query} limit 1)" if " limit " not in query else f"({names}) = ({query})"
        if roll < 0.25:
            names = ", ".join(quoted(column) for column in columns)
            return f"({names}) = row({', '.join(of(kind, scope, depth) for kind in kinds)})"
        pairs = zip(columns, kinds, strict=True)
        return ", ".join(f"{quoted(column)} = {of(kind, scope, depth)}" for column, kind in pairs)

    def _returning(
        self, target: Item, others: list[Item], scope: Scope, depth: int, *, twice: bool = True
    ) -> Made:
        if self.rng.random() < 0.25:
            return "", ()
        items = [target, *others]
        if self.version >= 18 and twice:
            taken = {item.alias for item in items}
            items += [Item(name, target.columns, bare=False) for name in ("old", "new") if name not in taken]
        inner = Scope(scope, items)
        text, columns = self.queries.outputs(inner, max(depth, 0), None, True)
        if text == "*" or ", *" in text or text.startswith("*,"):
            # Its order differs between commands.
            columns = ()
            return f" returning {quoted(target.alias or '')}.*", target.columns
        return f" returning {text}", columns

    # The commands.

    def _insert(self, scope: Scope, depth: int) -> Made:
        rng, of = self.rng, self.queries.expressions.of
        relation, text, item = self._target()
        columns = ["id", *rng.sample([column for column in relation.columns if column != "id"], 2)]
        kinds = [TYPES[column] for column in columns]
        names = ", ".join(quoted(column) for column in columns)
        if rng.random() < 0.5:
            row = ", ".join(
                [rng.choice(("1", "2", "50", "51")), *(of(kind, scope, depth) for kind in kinds[1:])]
            )
            source = f"values ({row})"
        else:
            source, _ = self.queries.select(scope, depth, want=kinds)
            source = f"({source})"
        text = f"insert into {text} ({names}) {source}"
        if rng.random() < 0.5:
            excluded = Item("excluded", item.columns, bare=False)
            inner = Scope(scope, [item, excluded])
            if rng.random() < 0.3:
                text += rng.choice((" on conflict do nothing", " on conflict (id) do nothing"))
            else:
                text += (
                    f" on conflict (id) do update set {self._settings(relation, inner, max(depth - 1, 0))}"
                )
                if rng.random() < 0.4:
                    text += f" where {of('bool', inner, max(depth - 1, 0))}"
        returning, columns_out = self._returning(item, [], scope, depth)
        return text + returning, columns_out

    def _update(self, scope: Scope, depth: int) -> Made:
        relation, text, item = self._target()
        others: list[Item] = []
        listed = ""
        if self.rng.random() < 0.55:
            texts, others = self._others(scope, depth, item)
            listed = f" from {texts}"
        inner = Scope(scope, [item, *others])
        text = f"update {text} set {self._settings(relation, inner, depth)}{listed}"
        if self.rng.random() < 0.6:
            text += f" where {self.queries.expressions.of('bool', inner, depth)}"
        returning, columns = self._returning(item, others, scope, depth)
        return text + returning, columns

    def _delete(self, scope: Scope, depth: int) -> Made:
        _, text, item = self._target()
        others: list[Item] = []
        text = f"delete from {text}"
        if self.rng.random() < 0.5:
            texts, others = self._others(scope, depth, item)
            text += f" using {texts}"
        inner = Scope(scope, [item, *others])
        if self.rng.random() < 0.7:
            text += f" where {self.queries.expressions.of('bool', inner, depth)}"
        returning, columns = self._returning(item, others, scope, depth)
        return text + returning, columns

    def _merge(self, scope: Scope, depth: int) -> Made:
        rng, of = self.rng, self.queries.expressions.of
        relation, text, item = self._target()
        taken = [Item(item.alias, ())]
        source, others = self.queries.sources.item(scope, min(depth, 1), taken)
        ours, theirs = Scope(None, [item, *_silent(others)]), Scope(None, [*others, *_silent([item])])
        if ours.clear("int") and theirs.clear("int"):
            condition = f"{rng.choice(ours.clear('int'))} = {rng.choice(theirs.clear('int'))}"
        else:
            condition = "true"
        both = Scope(scope, [item, *others])
        parts = [f"merge into {text} using {source} on {condition}"]
        extra = f" and {of('bool', both, 1)}" if rng.random() < 0.4 else ""
        action = rng.choice((f"update set {self._settings(relation, both, 1)}", "delete", "do nothing"))
        parts.append(f"when matched{extra} then {action}")
        if rng.random() < 0.5:
            beside = Scope(scope, [Item(item.alias, ()), *others])
            columns = [column for column in relation.columns if column != "id"][:2]
            row = ", ".join(of(TYPES[column], beside, 1) for column in columns)
            names = ", ".join(quoted(column) for column in columns)
            parts.append(f"when not matched then insert (id, {names}) values (77, {row})")
        if self.version >= 17 and rng.random() < 0.3:
            parts.append("when not matched by source then do nothing")
        outputs: tuple[Column, ...] = ()
        if self.version >= 17:
            returning, outputs = self._returning(item, others, scope, 1)
            if returning and rng.random() < 0.4:
                returning += ", merge_action()"
                outputs = (*outputs, Column(None, "text")) if outputs else ()
            parts.append(returning.strip())
        return " ".join(part for part in parts if part), outputs


def _silent(items: list[Item]) -> list[Item]:
    return [
        Item(item.alias, tuple(Column(column.name, "none") for column in item.columns), bare=item.bare)
        for item in items
    ]
