"""Reads what a database holds (schemas, relations, columns, functions), and writes privileges as SQL.

Names go in as `psycopg.sql` identifiers, never as text. The search path is empty, so that nothing a principal
has made can stand in for a catalogue function or operator.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from psycopg import Connection, sql

from hoopwire.custody.postgres.privileges import (
    MAINTAIN_SINCE,
    RELATION_VERBS,
    Catalogue,
    Kind,
    Object,
    Privilege,
)

_AT_ONCE = 500
"""Objects in one GRANT."""

_PUBLIC = "ARRAY(SELECT DISTINCT a.privilege_type FROM aclexplode({acl}) a WHERE a.grantee = 0)"
_GRANTABLE = (
    "ARRAY(SELECT w.p FROM unnest(%({wanted})s::text[]) w(p)"
    " WHERE {test}({oid}, w.p || ' WITH GRANT OPTION'))"
)


def _columns(acl: str, test: str, oid: str, wanted: str) -> str:
    public = _PUBLIC.format(acl=acl)
    grantable = _GRANTABLE.format(wanted=wanted, test=test, oid=oid)
    return f"{public} AS public, {grantable} AS grantable"


_DATABASE = f"""
SELECT d.datname, {
    _columns(
        "coalesce(d.datacl, acldefault('d', d.datdba))", "has_database_privilege", "d.oid", "on_database"
    )
}
FROM pg_database d WHERE d.datname = current_database()"""  # noqa: S608 - made of constants

_SCHEMAS = f"""
SELECT n.nspname, {
    _columns("coalesce(n.nspacl, acldefault('n', n.nspowner))", "has_schema_privilege", "n.oid", "on_schema")
}
FROM pg_namespace n WHERE n.nspname !~ '^pg_(toast|temp)'"""  # noqa: S608

_RELATIONS = f"""
SELECT n.nspname, c.relname, {
    _columns("coalesce(c.relacl, acldefault('r', c.relowner))", "has_table_privilege", "c.oid", "on_relation")
}
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_(toast|temp)'"""  # noqa: S608

_SEQUENCES = f"""
SELECT n.nspname, c.relname, tn.nspname, t.relname, {
    _columns(
        "coalesce(c.relacl, acldefault('s', c.relowner))", "has_sequence_privilege", "c.oid", "on_sequence"
    )
}
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
    AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN pg_class t ON t.oid = d.refobjid
LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE c.relkind = 'S' AND n.nspname !~ '^pg_(toast|temp)'"""  # noqa: S608

_ROUTINES = f"""
SELECT n.nspname, p.proname,
    ARRAY(SELECT ARRAY[tn.nspname::text, t.typname::text]
          FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(type, place)
          JOIN pg_type t ON t.oid = a.type JOIN pg_namespace tn ON tn.oid = t.typnamespace
          ORDER BY a.place),
    {
    _columns(
        "coalesce(p.proacl, acldefault('f', p.proowner))", "has_function_privilege", "p.oid", "on_routine"
    )
}
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_(toast|temp)'
  AND (n.nspname NOT IN ('pg_catalog', 'information_schema')
       OR NOT EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                      WHERE a.grantee = 0))"""  # noqa: S608

_HELD = """
SELECT CASE WHEN c.relkind = 'S' THEN 'sequence' WHEN c.oid IS NOT NULL THEN 'relation'
            WHEN p.oid IS NOT NULL THEN 'routine' ELSE 'schema' END,
    coalesce(cn.nspname, pn.nspname, n.nspname, ''), coalesce(c.relname, p.proname, n.nspname),
    ARRAY(SELECT ARRAY[tn.nspname::text, t.typname::text]
          FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(type, place)
          JOIN pg_type t ON t.oid = a.type JOIN pg_namespace tn ON tn.oid = t.typnamespace
          ORDER BY a.place)
FROM pg_shdepend d
LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
LEFT JOIN pg_namespace cn ON cn.oid = c.relnamespace
LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
LEFT JOIN pg_namespace pn ON pn.oid = p.pronamespace
LEFT JOIN pg_namespace n ON d.classid = 'pg_namespace'::regclass AND n.oid = d.objid
WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'a'
  AND d.refobjid = (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
  AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass)"""

_KEYWORDS = {
    "relation": sql.SQL("TABLE"),
    "sequence": sql.SQL("SEQUENCE"),
    "routine": sql.SQL("ROUTINE"),
    "schema": sql.SQL("SCHEMA"),
    "database": sql.SQL("DATABASE"),
}


def read_catalogue(connection: Connection[Any], *, routines: bool) -> Catalogue:
    """What the connection's database holds now; the routines, thousands with some extensions, if asked."""
    version = connection.info.server_version
    on_relation = [
        name for name in RELATION_VERBS.values() if name != "MAINTAIN" or version >= MAINTAIN_SINCE
    ]
    wanted = {
        "on_database": ["CONNECT", "TEMPORARY"],
        "on_schema": ["USAGE", "CREATE"],
        "on_relation": on_relation,
        "on_sequence": ["SELECT", "USAGE", "UPDATE"],
        "on_routine": ["EXECUTE"],
    }

    def rows(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query.encode(), wanted).fetchall()

    def thing(kind: Kind, schema: str, name: str, row: tuple[Any, ...], **more: Any) -> Object:
        return Object(kind, schema, name, frozenset(row[-2]), frozenset(row[-1]), **more)

    database = rows(_DATABASE)[0]
    return Catalogue(
        version=version,
        database=thing("database", "", database[0], database),
        schemas=tuple(thing("schema", row[0], row[0], row) for row in rows(_SCHEMAS)),
        relations=(
            *(thing("relation", row[0], row[1], row) for row in rows(_RELATIONS)),
            *(
                thing("sequence", row[0], row[1], row, owner=None if row[3] is None else (row[2], row[3]))
                for row in rows(_SEQUENCES)
            ),
        ),
        routines=tuple(
            thing("routine", row[0], row[1], row, arguments=_types(row[2]))
            for row in (rows(_ROUTINES) if routines else ())
        ),
    )


def held_objects(connection: Connection[Any], role: str) -> list[Privilege]:
    """What of this database the role has privileges on; each with ALL as its privilege."""
    rows = connection.execute(_HELD, {"role": role}).fetchall()
    return [Privilege(kind, "ALL", schema, name, _types(types)) for kind, schema, name, types in rows]


def grants(privileges: Iterable[Privilege], role: str) -> Iterator[sql.Composed]:
    """GRANT statements, objects with the same privileges together."""
    for names, things, keyword in _together(privileges):
        yield sql.SQL("GRANT {} ON {} {} TO {}").format(names, keyword, things, sql.Identifier(role))


def revokes(privileges: Iterable[Privilege], role: str) -> Iterator[sql.Composed]:
    """REVOKE statements, objects with the same privileges together."""
    for names, things, keyword in _together(privileges):
        yield sql.SQL("REVOKE {} ON {} {} FROM {}").format(names, keyword, things, sql.Identifier(role))


def _together(privileges: Iterable[Privilege]) -> Iterator[tuple[sql.Composed, sql.Composed, sql.SQL]]:
    by_object: dict[Privilege, set[str]] = defaultdict(set)
    for privilege in privileges:
        by_object[privilege._replace(privilege="")].add(privilege.privilege)
    alike: dict[tuple[Kind, tuple[str, ...]], list[Privilege]] = defaultdict(list)
    for thing, names in by_object.items():
        alike[thing.kind, tuple(sorted(names))].append(thing)
    for (kind, words), things in sorted(alike.items()):
        # Words are our own (`RELATION_VERBS`), not the catalogue's.
        listed = sql.SQL(", ").join([sql.SQL(word) for word in words])
        things.sort()
        for start in range(0, len(things), _AT_ONCE):
            named = sql.SQL(", ").join([_named(thing) for thing in things[start : start + _AT_ONCE]])
            yield listed, named, _KEYWORDS[kind]


def _named(thing: Privilege) -> sql.Composable:
    if thing.kind in ("schema", "database"):
        return sql.Identifier(thing.name)
    name = sql.Identifier(thing.schema, thing.name)
    if thing.kind != "routine":
        return name
    types = sql.SQL(", ").join(sql.Identifier(*argument) for argument in thing.arguments)
    return sql.SQL("{}({})").format(name, types)


def _types(rows: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((row[0], row[1]) for row in rows)
