"""The lists of functions, relations and settings that decisions rest on, against a real server."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from hoopwire.demo.postgres import ThrowAwayPostgres

LISTS = Path(__file__).parents[2] / "rust/postgres/policy/src/builtin"


def entries(name: str) -> set[str]:
    """The names of a list, without comments and reasons."""
    return {
        line.split()[0]
        for line in (LISTS / name).read_text().splitlines()
        if line and not line.startswith("#")
    }


@pytest.fixture(scope="module")
def server() -> Iterator[ThrowAwayPostgres]:
    """A server of its own: the other tests' ones have functions added."""
    with ThrowAwayPostgres(dataset=False) as server:
        yield server


def rows(server: ThrowAwayPostgres, sql: str) -> set[str]:
    """The lines of an answer."""
    outcome = server.psql(sql)
    assert outcome.ok, outcome.err
    return set(outcome.out.splitlines())


def test_no_function_on_the_list_has_effects(server: ThrowAwayPostgres) -> None:
    """A volatile or SECURITY DEFINER function on the list could be called without a rule."""
    where = "pronamespace = 'pg_catalog'::regnamespace"
    volatile = rows(server, f"SELECT proname FROM pg_proc WHERE {where} AND provolatile = 'v'")
    definer = rows(server, f"SELECT proname FROM pg_proc WHERE {where} AND prosecdef")
    harmless = entries("harmless.txt")
    assert harmless & volatile <= entries("by_hand.txt")
    assert not harmless & definer


def test_every_steady_function_is_on_the_list(server: ThrowAwayPostgres) -> None:
    """The lists were of one version: under a newer server its own aggregates needed a `call` rule."""
    where = "pronamespace = 'pg_catalog'::regnamespace"
    steady = rows(
        server,
        f"SELECT proname FROM pg_proc WHERE {where} GROUP BY proname"
        " HAVING NOT bool_or(provolatile = 'v' OR prosecdef)",
    )
    missing = steady - entries("harmless.txt")
    excepted = {name for name in missing for each in entries("except.txt") if fnmatchcase(name, each)}
    assert missing - excepted == set()


def test_exceptions_are_no_part_of_the_list(server: ThrowAwayPostgres) -> None:
    """A function that runs text or reads relations by name is stable in PostgreSQL's eyes."""
    by_hand = entries("by_hand.txt")
    for pattern in entries("except.txt"):
        assert not [name for name in entries("harmless.txt") - by_hand if fnmatchcase(name, pattern)], pattern


def test_every_function_and_relation_of_the_server_is_known(server: ThrowAwayPostgres) -> None:
    """A built-in that is not known as one would be looked for in the search path alone."""
    functions = rows(server, "SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace")
    assert functions - entries("known.txt") == set()
    where = "relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')"
    relations = rows(server, f"SELECT relname FROM pg_class WHERE {where}")
    assert relations <= entries("relations.txt")


def test_settings_that_may_be_read(server: ThrowAwayPostgres) -> None:
    """H6: what the server keeps from ordinary roles is on no list; what anybody sees there is, but for what
    can hold a secret.
    """
    readable = entries("settings.txt") | entries("settings_by_hand.txt")
    assert server.psql("CREATE ROLE plain").ok
    seen = rows(server, "SELECT lower(name) FROM pg_settings")
    plain = rows(server, "SET ROLE plain; SELECT lower(name) FROM pg_settings") - {"SET"}
    assert plain < seen
    assert not readable & (seen - plain)
    missing = {name for name in plain - readable if "." not in name}
    excepted = entries("settings_except.txt")
    assert not [name for name in missing if not any(fnmatchcase(name, each) for each in excepted)]
    assert not [name for name in entries("settings.txt") if any(fnmatchcase(name, each) for each in excepted)]


def test_columns_of_relations_with_secrets(server: ThrowAwayPostgres) -> None:
    """H5: a name that is no column of the relation may be a function of the whole row."""
    for line in (LISTS / "columns.txt").read_text().splitlines():
        relation, *columns = line.split()
        there = rows(
            server,
            "SELECT attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE attnum > 0"
            f" AND relname = '{relation}' AND relnamespace::regnamespace::text ~ 'catalog|information'",
        )
        assert there <= set(columns), relation
        # A column that only other versions have is here a function of the row, if one of its name takes any.
        taking = rows(
            server,
            "SELECT DISTINCT proname FROM pg_proc WHERE proargtypes::oid[] && ARRAY"
            "['\"any\"', 'anyelement', 'anynonarray', 'record', 'anycompatible']::regtype[]::oid[]",
        )
        assert not (set(columns) - there) & taking, relation


def test_relations_of_extensions_were_looked_at() -> None:
    """H7: pg_stat_statements came with `select on public.*`. An extension at hand has a relation of which
    nobody has said whether it shows other sessions or secrets.
    """
    known = entries("extensions.txt") | entries("extensions_open.txt")
    with ThrowAwayPostgres(dataset=False) as server:
        for name in sorted(rows(server, "SELECT name FROM pg_available_extensions")):
            # One that cannot be made here (it needs a library loaded, or another language) brings nothing.
            server.psql(f'CREATE EXTENSION IF NOT EXISTS "{name}" CASCADE')
        made = rows(
            server,
            "SELECT n.nspname || '.' || c.relname FROM pg_depend d JOIN pg_class c ON c.oid = d.objid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE d.deptype = 'e'"
            " AND d.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'v', 'm', 'f', 'p')",
        )
    assert made, "no extension could be made: this proves nothing"
    unknown = {
        each
        for each in made
        if not any(
            fnmatchcase(name, pattern) for name in (each, f"*.{each.split('.')[1]}") for pattern in known
        )
    }
    assert unknown == set()
