"""What ends the target's server must not get there.

PostgreSQL (15.18, 18.6) looks a FETCH's cursor up when its statement or portal is described, and does not
see that it is gone: the backend's end by a signal ends all sessions of the server. Whoever may read anything
could do it.
"""

import pytest

from hoopwire.testing.frontend import Frontend, query
from hoopwire.testing.requests import SYNC, bind, close, describe, execute, parse

DECLARE = [query("BEGIN"), query("DECLARE c CURSOR FOR SELECT 1")]
FETCH = parse("FETCH 1 FROM c", "f") + SYNC
CLOSE = query("CLOSE c")
LONG = "n" * 63


def _run(sql: str) -> bytes:
    return parse(sql) + bind() + execute()


ROADS = {
    "a statement, its cursor closed by a query": [*DECLARE, FETCH, CLOSE, describe("S", "f") + SYNC],
    "a statement, its cursor closed by another in the same round": [
        *DECLARE,
        parse("FETCH 1 FROM c", "f") + _run("CLOSE c") + describe("S", "f") + SYNC,
    ],
    "a statement, all in one write": [
        b"".join(DECLARE) + FETCH + CLOSE + describe("S", "f") + SYNC,
    ],
    "a portal of the protocol, gone with an implicit transaction": [
        parse("SELECT 1", "q") + bind("q", "c") + FETCH,
        describe("S", "f") + SYNC,
    ],
    "a portal of the protocol, closed by a message": [
        query("BEGIN"),
        parse("SELECT 1", "q") + bind("q", "c") + FETCH[:-5] + close("P", "c") + describe("S", "f") + SYNC,
    ],
    "a portal": [*DECLARE, FETCH, bind("f", "p") + SYNC, CLOSE, describe("P", "p") + SYNC],
    "a portal, half run, that SQL fetches from": [
        *DECLARE,
        parse("FETCH ALL FROM c") + bind("", "p") + execute("p", 1) + SYNC,
        CLOSE,
        query("FETCH ALL FROM p"),
    ],
    "a portal that is executed": [*DECLARE, FETCH, bind("f", "p") + SYNC, CLOSE, execute("p") + SYNC],
    "an EXECUTE of a FETCH": [
        *DECLARE,
        FETCH,
        parse("EXECUTE f", "e") + SYNC,
        CLOSE,
        describe("S", "e") + SYNC,
    ],
    "a name whose replacement was skipped": [
        *DECLARE,
        FETCH,
        CLOSE,
        query("ROLLBACK"),
        bind("none") + close("S", "f") + parse("SELECT 1", "f") + SYNC + describe("S", "f") + SYNC,
    ],
    "a name that is the same up to its 63rd byte": [
        *DECLARE,
        parse("FETCH 1 FROM c", LONG + "x") + SYNC,
        CLOSE,
        describe("S", LONG + "y") + SYNC,
    ],
    "a statement beside which SQL has prepared another": [
        *DECLARE,
        FETCH,
        query("PREPARE other AS SELECT 1"),
        CLOSE,
        describe("S", "f") + SYNC,
    ],
    "a savepoint that takes the cursor with it": [
        query("BEGIN"),
        query("SAVEPOINT a"),
        query("DECLARE c CURSOR FOR SELECT 1"),
        FETCH,
        query("ROLLBACK TO a"),
        describe("S", "f") + SYNC,
    ],
}


def _answers(frontend: Frontend, content: bytes) -> list[str]:
    """SQLSTATEs of the errors that came for this write."""
    frontend.send(content + query("select 'the-' || 'end'"))
    found = []
    while True:
        reply = frontend.read()
        if reply.kind == b"E":
            found.append(reply.sqlstate)
        # A failed transaction answers the last query with an error.
        if b"the-end" in reply.body or (reply.kind == b"E" and reply.sqlstate == "25P02"):
            frontend.until(b"Z")
            return found


@pytest.mark.parametrize("grant", ["reader", "masked"])
@pytest.mark.parametrize("name", ROADS)
def test_cursor_that_is_gone(arena, login, name, grant):
    """The server died, and every session on it."""
    with login(grant) as frontend:
        found = [state for content in ROADS[name] for state in _answers(frontend, content)]
        assert set(found) <= {"0A000", "25P02", "26000", "34000"}
        assert "0A000" in found
    assert "terminated by signal" not in arena.pg.log


# What is in the freed memory depends on what was sent: this does it every time.
FAILED = [
    query("begin; declare a cursor for select email from people; fetch 1 from a"),
    query("execute b"),
    SYNC,
    parse("select email from people limit 2", "b") + SYNC,
]
UNNAMED = {
    "executed": [*FAILED, execute("", 1) + SYNC],
    "executed in the next round of the same write": [
        *FAILED[:-1],
        FAILED[-1] + execute("", 1) + SYNC,
    ],
    "executed behind a Bind that failed": [*FAILED, parse("SELECT 1") + bind() + SYNC, execute() + SYNC],
    "described": [*FAILED, describe("P") + SYNC],
}


@pytest.mark.parametrize("grant", ["reader", "masked"])
@pytest.mark.parametrize("name", UNNAMED)
def test_portal_of_a_query_that_failed(arena, login, name, grant):
    """A Query that fails in a transaction leaves its unnamed portal behind: executed, the server read memory
    that it had freed, and died.
    """
    with login(grant) as frontend:
        for content in UNNAMED[name]:
            frontend.send(content)
            frontend.until(b"Z")
        frontend.send(SYNC + query("ROLLBACK") + query("SELECT 'alive'"))
        while b"alive" not in frontend.read().body:
            pass
    assert "terminated by signal" not in arena.pg.log


@pytest.mark.parametrize("grant", ["reader", "masked"])
def test_fetching_works(login, grant):
    """No false refusal: what drivers send to read from a cursor, by new and by prepared statements."""
    with login(grant) as frontend:
        for content in [
            query("BEGIN"),
            query("DECLARE c CURSOR FOR SELECT n FROM generate_series(1, 9) n"),
            parse("FETCH 1 FROM c") + describe("S") + bind() + describe("P") + execute() + SYNC,
            describe("P", "c") + SYNC,
            parse("FETCH 2 FROM c", "f") + describe("S", "f") + SYNC,
            *[bind("f") + describe("P") + execute() + SYNC] * 3,
            query("FETCH 1 FROM c"),
            parse("PREPARE s AS SELECT 1") + bind() + execute() + SYNC,
            parse("EXECUTE s") + describe("S") + bind() + execute() + SYNC,
            query("COMMIT"),
        ]:
            frontend.send(content)
            replies = frontend.until(b"Z")
            assert not [each.fields for each in replies if each.kind == b"E"], content
