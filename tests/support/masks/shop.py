"""The relations that the generated statements are about, and their two worlds.

Two schemas have relations of the same names with columns of the same names; only which of them are masked
differs. The columns are called as PostgreSQL would call an output without a name (`name` for a cast, `case`,
`count`, `?column?` ...), so that a name may mean a column, a derived name, an alias, a function or a whole
row.
"""

from collections.abc import Iterator
from dataclasses import dataclass

TYPES = {
    "id": "int",
    "name": "text",
    "text": "text",
    "city": "text",
    "case": "text",
    "label": "text",
    "array": "text",
    "key": "text",
    "count": "int",
    "value": "int",
    "coalesce": "int",
    "int4": "int",
    "?column?": "int",
    "column1": "int",
    "max": "int",
    "bool": "bool",
    "exists": "bool",
}
"""What a column of this name is, in every relation and alias."""

_ALL = frozenset(TYPES) - {"label", "max"}
_SHORT = frozenset({"id", "name", "city", "value", "case", "key"})


@dataclass(frozen=True)
class Relation:
    """A relation, and which of its columns are masked."""

    schema: str
    name: str
    columns: tuple[str, ...]
    masked: frozenset[str]


def _relation(schema: str, name: str, columns: frozenset[str], masked: str = "") -> Relation:
    ordered = tuple(column for column in TYPES if column in columns)
    return Relation(schema, name, ordered, frozenset(masked.split()))


RELATIONS = (
    _relation("public", "people", _ALL, "name text case count int4 bool array"),
    _relation("audit", "people", _ALL, "city value coalesce exists key column1 text"),
    _relation("public", "entries", _SHORT),
    _relation("audit", "entries", _SHORT | {"text", "count", "array"}, "name value case text"),
    _relation("public", "notes", _ALL),
    _relation("audit", "notes", _SHORT, "city"),
    # They inherit what they are and what is masked.
    _relation("public", "elders", _ALL, "name text case count int4 bool array"),
)
PATH = ("public",)
ROWS = 4


def quoted(name: str) -> str:
    """The name as an identifier."""
    return name if name.isidentifier() and name not in _RESERVED else f'"{name}"'


_RESERVED = {"case", "array", "row", "exists", "coalesce"}


def objects() -> str:
    """The DDL of a world, without rows."""
    lines = ["create schema audit;", "create type public.pair as (name text, value int);"]
    for relation in RELATIONS:
        if relation.name == "elders":
            lines.append("create table public.elders () inherits (public.people);")
            continue
        columns = ", ".join(
            f"{quoted(column)} {TYPES[column]}{' primary key' if column == 'id' else ''}"
            for column in relation.columns
        )
        lines.append(f"create table {relation.schema}.{relation.name} ({columns});")
    lines += [
        # Each may be called as `row.function` and as `function(row)`.
        "create function public.label(public.people) returns text language sql as 'select $1.name';",
        "create function public.label(audit.entries) returns text language sql as 'select $1.name';",
        "create function public.pairs(int) returns setof public.pair language sql"
        " as $$ select 'p' || n, n from generate_series(1, $1) n $$;",
        "grant usage on schema audit to public;",
        "grant all on all tables in schema public, audit to public;",
    ]
    return "\n".join(lines)


def rows(world: int) -> str:
    """The rows of world 0 or 1: they differ in masked values only, which have the same sizes."""
    lines = []
    for at, relation in enumerate(RELATIONS):
        for row in range(1, ROWS + 1):
            cells = [
                _cell(column, at, row, world if column in relation.masked else 0)
                for column in relation.columns
            ]
            names = ", ".join(quoted(column) for column in relation.columns)
            lines.append(
                f"insert into {relation.schema}.{relation.name} ({names}) values ({', '.join(cells)});"
            )
    return "\n".join(lines)


def _cell(column: str, at: int, row: int, world: int) -> str:
    if column == "id":
        # Those of a child are its own.
        return str(row if RELATIONS[at].name != "elders" else row + 10)
    # In the other world the order is another, and so is which are equal, empty or zero.
    turned = (row * 3 + 1) % 5 if world else row
    match TYPES[column]:
        case "int":
            return str(turned % 4 if world else row % 3)
        case "bool":
            return str((row + world) % 2 == 0).lower()
        case _:
            first = "MPQA"[turned % 4] if world else "PPQA"[row % 4]
            return f"'{first}{turned}{column[:2]}'"


def catalogue() -> Iterator[str]:
    """Lines of the catalogue that the example `lineage` of the crate reads."""
    for schema in PATH:
        yield f"path {schema}"
    for relation in RELATIONS:
        if relation.masked:
            for number, column in enumerate(relation.columns, 1):
                word = "masked" if column in relation.masked else "clear"
                yield f"{relation.schema}\t{relation.name}\t{column}\t{number}\t{word}"


def masks() -> Iterator[tuple[str, str]]:
    """Each masked column as a policy names it, with the kind of its mask: one that keeps nothing of a
    value.
    """
    for relation in RELATIONS:
        for column in sorted(relation.masked):
            if relation.name != "elders":
                yield f"{relation.schema}.{relation.name}.{column}", "null"
