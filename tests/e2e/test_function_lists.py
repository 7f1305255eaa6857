"""The lists of PostgreSQL's own functions and relations that decisions rest on, against a real server."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from hoopwire.testing.postgres import ThrowAwayPostgres

LISTS = Path(__file__).parents[2] / "rust/policy/src/builtin"


def entries(name: str) -> set[str]:
    """The lines of a list that are no comments."""
    return {line for line in (LISTS / name).read_text().splitlines() if line and not line.startswith("#")}


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
