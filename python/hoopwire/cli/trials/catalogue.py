"""Looks up what policies name at a target: a mask with a typo leaves its column in clear."""

from collections.abc import Iterator
from typing import Any

import psycopg

from hoopwire.access import granted_databases
from hoopwire.cli.trials.trial import Trial, failed, warned
from hoopwire.config.positions import Key
from hoopwire.model.action import nearest
from hoopwire.model.postgres.actions import Rule, expand, pattern_text
from hoopwire.model.postgres.grammar import parse_actions, parse_column, parse_deny
from hoopwire.model.settings import PolicySettings, PostgresTarget, Settings

_COLUMNS = """
SELECT n.nspname::text, c.relname::text, a.attname::text
FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_RELATIONS = """
SELECT n.nspname::text, c.relname::text
FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
WHERE n.nspname = ANY (%s)
"""
_FUNCTIONS = """
SELECT n.nspname::text, p.proname::text
FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid
WHERE n.nspname = ANY (%s)
"""
_Named = tuple[Key, str, str, str]
"""Where it stands, how it is written, schema, name."""


def try_names(
    name: str,
    target: PostgresTarget,
    database: str,
    settings: Settings,
    connection: "psycopg.Connection[Any]",
) -> Iterator[Trial]:
    """Masks, relations and functions that the policies of this database name without a `*`."""
    masks: list[tuple[Key, str, tuple[str, str, str]]] = []
    relations: list[_Named] = []
    functions: list[_Named] = []
    for index, policy in enumerate(settings.policies):
        if database not in granted_databases(policy, name, target):
            continue
        key: Key = ("policies", index)
        masks.extend(((*key, "masks", column), column, parse_column(column)) for column in policy.masks)
        for at, rule in _rules(policy):
            where = functions if "call" in rule.verbs else relations
            if "ddl" in rule.verbs and at[0] == "actions":
                continue  # its objects may be made yet
            for pattern in (*rule.objects, *rule.excluded):
                if "*" not in pattern.schema + pattern.name and pattern.schema != "pg_temp":
                    where.append(((*key, *at), pattern_text(pattern), pattern.schema, pattern.name))
    yield from _masks(database, masks, connection)
    yield from _names(database, "relation", relations, _RELATIONS, connection)
    yield from _names(database, "function", functions, _FUNCTIONS, connection)


def _rules(policy: PolicySettings) -> Iterator[tuple[Key, Rule]]:
    for index, text in enumerate(policy.actions):
        for rule in expand(parse_actions((text,))).rules:
            yield ("actions", index), rule
    for index, text in enumerate(policy.deny):
        yield ("deny", index), parse_deny(text)


def _masks(
    database: str, masks: list[tuple[Key, str, tuple[str, str, str]]], connection: "psycopg.Connection[Any]"
) -> Iterator[Trial]:
    if not masks:
        return
    rows = connection.execute(_COLUMNS, (sorted({parts[0] for _, _, parts in masks}),)).fetchall()
    known = {(schema, relation, column) for schema, relation, column in rows}
    texts = {".".join(parts) for parts in known}
    for key, text, parts in masks:
        tried = f"mask {text} in {database}"
        if parts in known:
            yield Trial(key=key, tried=tried, found="is there")
            continue
        near = nearest(".".join(parts), texts)
        found = "matches no column" + ("" if near is None else f" (did you mean `{near}`?)")
        yield failed(key, tried, found, "correct it: as it stands, nothing is masked by it")


def _names(
    database: str, kind: str, named: list[_Named], query: str, connection: "psycopg.Connection[Any]"
) -> Iterator[Trial]:
    if not named:
        return
    rows = connection.execute(query, (sorted({schema for _, _, schema, _ in named}),)).fetchall()
    known = {(schema, name) for schema, name in rows}
    texts = {f"{schema}.{name}" for schema, name in known}
    missing = [each for each in dict.fromkeys(named) if each[2:] not in known]
    if not missing:
        return
    for key, text, schema, name in missing:
        near = nearest(f"{schema}.{name}", texts)
        found = f"is not there{'' if near is None else f' (did you mean `{near}`?)'}"
        yield warned(key, f"{kind} {text} in {database}", found, "correct it, unless it is made later")
