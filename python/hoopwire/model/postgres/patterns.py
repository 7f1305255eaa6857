"""Patterns of names of relations and functions (`*`): which names one matches, and whether two overlap.

Two rules keep the system schemas apart (docs/operating.md). A pattern whose schema has a `*` matches none of
them: they are written out. And what shows secrets or other sessions in them is matched by its own name only.
"""

import re
from functools import lru_cache

import msgspec

from hoopwire.model.postgres.sensitive import is_sensitive

_SYSTEM = frozenset({"pg_catalog", "information_schema", "pg_toast", "pg_temp"})
_SESSION_SCHEMA = re.compile(r"pg_(toast_)?temp_.*", re.DOTALL)

MILD = (
    "currval",
    "lastval",
    "nextval",
    "pg_advisory_*",
    "pg_current_xact_id",
    "pg_sleep*",
    "pg_try_advisory_*",
    "setval",
    "txid_current",
)
"""Built-in functions that `*` in a `call` rule gives, too; the same as in postgres/policy's builtin.rs."""

_ANYTHING = "\0"
"""No name holds it: only a `*` can match it."""


class Pattern(msgspec.Struct, frozen=True):
    """`schema.name`; a `*` in either part is any run of characters."""

    schema: str
    name: str

    def matches(self, schema: str, name: str) -> bool:
        """Does it match this very relation or function?"""
        return _matches_schema(self.schema, schema) and _matches_name(self, schema, name)


def contains(outer: Pattern, inner: Pattern) -> bool:
    """Is every name that `inner` matches matched by `outer`, too?"""
    if "*" not in inner.schema:
        if not _matches_schema(outer.schema, inner.schema):
            return False
        if "*" not in inner.name:
            return _matches_name(outer, inner.schema, inner.name)
    elif "*" not in outer.schema or not _contains_glob(outer.schema, inner.schema):
        return False
    # A name with `*` never stands for a sensitive relation, so that both leave out the same ones.
    return _contains_glob(outer.name, inner.name)


def needs_own_name(function: Pattern) -> bool:
    """One function of pg_catalog that no `*` gives: most touch files, settings or other sessions.

    The harmless ones that can always be called count, too: nobody has to ask for them.
    """
    name = function.name
    return (
        function.schema == "pg_catalog" and "*" not in name and not any(_matches(mild, name) for mild in MILD)
    )


def intersects(one: Pattern, other: Pattern) -> bool:
    """May there be a name that both match? Sensitive relations count: who leaves out more errs safely."""
    if "*" in one.schema and "*" in other.schema:
        return _globs_meet(one.schema, other.schema) and _globs_meet(one.name, other.name)
    schema = other.schema if "*" in one.schema else one.schema
    if not (_matches_schema(one.schema, schema) and _matches_schema(other.schema, schema)):
        return False
    return _globs_meet(one.name, other.name)


def is_system_schema(schema: str) -> bool:
    """One of PostgreSQL's own schemas, or of a session's temporary ones."""
    return schema in _SYSTEM or _SESSION_SCHEMA.fullmatch(schema) is not None


def _matches_schema(pattern: str, schema: str) -> bool:
    if "*" not in pattern:
        return pattern == schema
    return not is_system_schema(schema) and _matches(pattern, schema)


def _matches_name(pattern: Pattern, schema: str, name: str) -> bool:
    if "*" not in pattern.name:
        return pattern.name == name
    return not is_sensitive(schema, name) and _matches(pattern.name, name)


@lru_cache(maxsize=4096)
def _expression(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, glob.split("*"))), re.DOTALL)


def _matches(glob: str, text: str) -> bool:
    return _expression(glob).fullmatch(text) is not None


def _contains_glob(outer: str, inner: str) -> bool:
    """Exact: `outer` matches what stands for any text at all in place of each `*` of `inner`."""
    return _matches(outer, inner.replace("*", _ANYTHING))


def _globs_meet(one: str, other: str) -> bool:
    """Is there a text that both match? The states are how far each has been read."""
    if "*" not in one or "*" not in other:
        return _matches(one, other) if "*" not in other else _matches(other, one)
    reached = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        at, other_at = waiting.pop()
        if at == len(one) and other_at == len(other):
            return True
        here, there = one[at : at + 1], other[other_at : other_at + 1]
        nexts = []
        if here == "*":
            nexts.append((at + 1, other_at))
            if there and there != "*":
                nexts.append((at, other_at + 1))
        if there == "*":
            nexts.append((at, other_at + 1))
            if here and here != "*":
                nexts.append((at + 1, other_at))
        if here and here == there and here != "*":
            nexts.append((at + 1, other_at + 1))
        for state in nexts:
            if state not in reached:
                reached.add(state)
                waiting.append(state)
    return False
