"""What a name in a generated statement may mean: items of FROM at each level of nesting, and CTEs.

This is a generator's idea of scopes, by which most of what it writes is understood and clear; it judges
nothing.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .shop import RELATIONS, TYPES, Relation, quoted


@dataclass(frozen=True)
class Column:
    """An output: `name` is None where PostgreSQL finds the name itself."""

    name: str | None
    type: str
    masked: bool = False


@dataclass(frozen=True)
class Item:
    """An item of FROM. `schema` is that of a relation without an alias."""

    alias: str | None
    columns: tuple[Column, ...]
    schema: str | None = None
    bare: bool = True

    @property
    def masked(self) -> bool:
        """A column of it is masked."""
        return any(column.masked for column in self.columns)


@dataclass(frozen=True)
class Cte:
    """A query of a WITH."""

    name: str
    columns: tuple[Column, ...]


@dataclass
class Scope:
    """One level of names."""

    parent: "Scope | None" = None
    items: Sequence[Item] = ()
    ctes: Sequence[Cte] = ()
    _known: tuple[dict[str, list[str]], list[tuple[str, Column]]] | None = field(default=None, repr=False)

    def levels(self) -> "Iterator[Scope]":
        """From the inner to the outer."""
        level: Scope | None = self
        while level is not None:
            yield level
            level = level.parent

    def cte(self, name: str) -> Cte | None:
        """The nearest CTE of a name."""
        return next((each for level in self.levels() for each in level.ctes if each.name == name), None)

    def clear(self, kind: str) -> list[str]:
        """References to clear columns of a type."""
        return self._references()[0].get(kind, [])

    def masked(self) -> list[tuple[str, Column]]:
        """References to masked columns."""
        return self._references()[1]

    def masked_names(self) -> list[str]:
        """Names that some masked column has, at any level."""
        columns = (column for level in self.levels() for item in level.items for column in item.columns)
        return sorted({column.name for column in columns if column.masked and column.name})

    def aliases(self) -> list[str]:
        """What items are called by, at any level."""
        return sorted({item.alias for level in self.levels() for item in level.items if item.alias})

    def _references(self) -> tuple[dict[str, list[str]], list[tuple[str, Column]]]:
        if self._known is not None:
            return self._known
        clear: dict[str, list[str]] = {}
        masked: list[tuple[str, Column]] = []
        names: set[str] = set()
        aliases: set[str] = set()
        is_open = False
        for level in self.levels():
            counts = Counter(column.name for item in level.items if item.bare for column in item.columns)
            called = Counter(item.alias for item in level.items)
            # An output whose name PostgreSQL finds may have any.
            is_open = is_open or counts[None] > 0
            for item in level.items:
                own = Counter(column.name for column in item.columns)
                for column in item.columns:
                    if column.name is None or own[column.name] > 1:
                        continue
                    found = []
                    if item.bare and counts[column.name] == 1 and column.name not in names and not is_open:
                        found.append(quoted(column.name))
                    if item.alias and called[item.alias] == 1 and item.alias not in aliases and not own[None]:
                        found.append(f"{quoted(item.alias)}.{quoted(column.name)}")
                        if item.schema:
                            found.append(f"{item.schema}.{quoted(item.alias)}.{quoted(column.name)}")
                    if column.masked:
                        masked += [(text, column) for text in found]
                    else:
                        clear.setdefault(column.type, []).extend(found)
            names |= {name for name in counts if name}
            aliases |= {alias for alias in called if alias}
        self._known = clear, masked
        return self._known


def item_of(relation: Relation, alias: str | None) -> Item:
    """A relation as an item."""
    columns = tuple(Column(column, TYPES[column], column in relation.masked) for column in relation.columns)
    return Item(alias or relation.name, columns, None if alias else relation.schema)


def called(name: str) -> list[Relation]:
    """The relations of a name, over all schemas."""
    return [relation for relation in RELATIONS if relation.name == name]
