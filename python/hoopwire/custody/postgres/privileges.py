"""Computes the privileges of a grant's role from its actions and what the database holds. Pure.

Never more than the actions give. PostgreSQL has no deny, so that what is denied is left out here, by the
catalogue of that moment. What PUBLIC may do anyway is not granted again, and cannot be taken away:
`docs/threat-model.md` lists it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from hoopwire.model.postgres.rights import CompiledRule, CompiledRules

RELATION_VERBS = {
    "select": "SELECT",
    "insert": "INSERT",
    "update": "UPDATE",
    "delete": "DELETE",
    "truncate": "TRUNCATE",
    "maintain": "MAINTAIN",
}
"""`lock` is not here: LOCK TABLE and FOR UPDATE need the privileges that the other verbs give."""

MAINTAIN_SINCE = 170000
"""`server_version_num` from which on MAINTAIN is a privilege."""

Kind = Literal["relation", "sequence", "routine", "schema", "database"]


class Privilege(NamedTuple):
    """One privilege on one object."""

    kind: Kind
    privilege: str
    schema: str
    """Empty for a database."""
    name: str
    """Of a schema or database, its own name."""
    arguments: tuple[tuple[str, str], ...] = ()
    """Of a routine: schema and name of each input type."""


@dataclass(frozen=True)
class Object:
    """A relation, sequence, routine, schema or database as the catalogue has it."""

    kind: Kind
    schema: str
    name: str
    public: frozenset[str]
    """Privileges that everybody has."""
    grantable: frozenset[str]
    """Privileges that the administering user may give on."""
    arguments: tuple[tuple[str, str], ...] = ()
    owner: tuple[str, str] | None = None
    """Of a sequence: schema and name of the table whose column it feeds."""


@dataclass(frozen=True)
class Catalogue:
    """What one database holds."""

    version: int
    """`server_version_num`."""
    database: Object
    schemas: tuple[Object, ...]
    relations: tuple[Object, ...]
    """Tables, views, materialised views, foreign tables, and sequences."""
    routines: tuple[Object, ...]


@dataclass(frozen=True)
class Expansion:
    """What a role gets, and what it should have had, but the administering user may not give."""

    granted: frozenset[Privilege]
    withheld: frozenset[Privilege]


def expand(rights: CompiledRules, catalogue: Catalogue) -> Expansion:
    """The privileges that the rights come to in this database."""
    wanted = list(_objects(rights, catalogue))
    used = {thing.schema for thing, privileges in wanted if privileges}
    schemas = [(schema, _of_schema(rights, schema.name, schema.name in used)) for schema in catalogue.schemas]
    everything = [*wanted, *schemas, (catalogue.database, _of_database(rights))]
    granted: set[Privilege] = set()
    withheld: set[Privilege] = set()
    for thing, privileges in everything:
        for privilege in privileges - thing.public:
            made = Privilege(thing.kind, privilege, thing.schema, thing.name, thing.arguments)
            (granted if privilege in thing.grantable else withheld).add(made)
    return Expansion(frozenset(granted), frozenset(withheld))


def allows(rights: CompiledRules, verb: str, schema: str, name: str) -> bool:
    """One verb (or `call`) on one object: some rule gives it, and no deny takes it."""
    return any(_gives(rule, verb, schema, name) for rule in rights.allow) and not any(
        _gives(rule, verb, schema, name) for rule in rights.deny
    )


def is_system(schema: str) -> bool:
    """A schema that a `*` does not stand for."""
    return _SYSTEM.fullmatch(schema) is not None


def _objects(rights: CompiledRules, catalogue: Catalogue) -> Iterator[tuple[Object, set[str]]]:
    for thing in catalogue.relations:
        if thing.kind == "sequence":
            yield thing, _of_sequence(rights, thing)
        else:
            yield thing, _of_relation(rights, thing, catalogue.version)
    for thing in catalogue.routines:
        called = allows(rights, "call", thing.schema, thing.name)
        yield thing, {"EXECUTE"} if called else set()


def _of_relation(rights: CompiledRules, relation: Object, version: int) -> set[str]:
    return {
        privilege
        for verb, privilege in RELATION_VERBS.items()
        if allows(rights, verb, relation.schema, relation.name)
        and (privilege != "MAINTAIN" or version >= MAINTAIN_SINCE)
    }


def _of_sequence(rights: CompiledRules, sequence: Object) -> set[str]:
    """`select` reads it. Moving it needs `call pg_catalog.nextval`, and some verb on it or on its table."""
    places = [(sequence.schema, sequence.name), *([sequence.owner] if sequence.owner else [])]
    named = any(allows(rights, verb, *place) for verb in RELATION_VERBS for place in places)
    privileges = {"SELECT"} if allows(rights, "select", sequence.schema, sequence.name) else set()
    if named and not _is_denied_whole(rights, sequence):
        if allows(rights, "call", "pg_catalog", "nextval"):
            privileges.add("USAGE")
        if allows(rights, "call", "pg_catalog", "setval"):
            privileges.add("UPDATE")
    return privileges


def _is_denied_whole(rights: CompiledRules, sequence: Object) -> bool:
    """A deny of any verb on the sequence itself: being fed by it is no way around that."""
    return any(
        _gives(rule, verb, sequence.schema, sequence.name) for rule in rights.deny for verb in RELATION_VERBS
    )


def _of_schema(rights: CompiledRules, schema: str, used: bool) -> set[str]:
    """USAGE where something in it is named. CREATE only where `ddl` has every name in it, now and later."""
    privileges = {"USAGE"} if used else set()
    if not is_system(schema) and _has_whole_schema(rights, schema):
        privileges |= {"USAGE", "CREATE"}
    return privileges


def _has_whole_schema(rights: CompiledRules, schema: str) -> bool:
    """`ddl` has every name in it, and no deny takes one."""
    return any(_gives_whole_schema(rule, schema) for rule in rights.allow) and not any(
        "ddl" in rule.verbs and any(_part(pattern[0], schema) for pattern in rule.objects)
        for rule in rights.deny
    )


def _gives_whole_schema(rule: CompiledRule, schema: str) -> bool:
    return (
        "ddl" in rule.verbs
        and any(pattern[1] == "*" and _schema(pattern[0], schema) for pattern in rule.objects)
        and not any(_part(pattern[0], schema) for pattern in rule.excluded)
    )


def _of_database(rights: CompiledRules) -> set[str]:
    return {"CONNECT", "TEMPORARY"} if _has_whole_schema(rights, "pg_temp") else {"CONNECT"}


def _gives(rule: CompiledRule, verb: str, schema: str, name: str) -> bool:
    return verb in rule.verbs and _any(rule.objects, schema, name) and not _any(rule.excluded, schema, name)


def _any(patterns: Iterable[tuple[str, str]], schema: str, name: str) -> bool:
    return any(_schema(pattern[0], schema) and _part(pattern[1], name) for pattern in patterns)


def _schema(pattern: str, schema: str) -> bool:
    return _part(pattern, schema) and not ("*" in pattern and is_system(schema))


def _part(pattern: str, name: str) -> bool:
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache(4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


_SYSTEM = re.compile(r"pg_catalog|information_schema|pg_toast|pg_temp(_[0-9]+)?|pg_toast_temp(_[0-9]+)?")
