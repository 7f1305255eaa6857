"""What ends the target's server must not get there.

PostgreSQL (15.18, 18.6) looks a FETCH's cursor up when its statement or portal is described, and does not
see that it is gone: the backend's end by a signal ends all sessions of the server. Whoever may read anything
could do it. 18.6 reads a row of RETURNING that is not there. All of them number the columns of a RETURNING by
16 bits, and those that an aggregate sorts by, and count them afterwards.
"""

import pytest

from support.frontend import Frontend, query
from support.requests import SYNC, bind, close, describe, execute, parse

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


# Each of them, or its like on a partitioned table or under a rule, ended the server (18.6).
ABSENT = [
    "DELETE FROM notes RETURNING new.id IN (SELECT id FROM orders)",
    "DELETE FROM notes RETURNING NEW.id NOT IN (SELECT id FROM orders)",
    'DELETE FROM notes RETURNING "new".id = ANY (SELECT id FROM orders)',
    "DELETE FROM notes RETURNING new.id < ALL (SELECT id FROM orders)",
    "DELETE FROM notes RETURNING new.body LIKE ANY (SELECT body FROM notes)",
    "DELETE FROM notes RETURNING (new.id, new.body) IN (SELECT id, body FROM notes)",
    "DELETE FROM notes RETURNING (old.id, new.body) IN (SELECT id, body FROM notes)",
    "DELETE FROM notes n RETURNING (new.id, new.body) = (SELECT id, body FROM notes x WHERE x.id ="
    " n.id LIMIT 1)",
    "DELETE FROM notes RETURNING (new.id, 1) BETWEEN (SELECT id, 1 FROM notes x WHERE x.id ="
    " old.id) AND (9, 9)",
    "DELETE FROM notes RETURNING new IN (SELECT n FROM notes n)",
    "DELETE FROM notes RETURNING (new.*) IN (SELECT n FROM notes n)",
    "DELETE FROM notes RETURNING (new).id IN (SELECT id FROM orders)",
    "DELETE FROM notes RETURNING (new IS NULL) IN (SELECT true)",
    "DELETE FROM notes RETURNING new::text IN (SELECT body FROM notes)",
    "DELETE FROM notes RETURNING (new.id + 1) IN (VALUES (1), (2))",
    "DELETE FROM notes RETURNING coalesce(new.id, 1) IN (SELECT id FROM orders)",
    "DELETE FROM notes RETURNING CASE WHEN true THEN NOT new.id IN (SELECT id FROM orders) END",
    "DELETE FROM notes RETURNING (SELECT new.id) IN (SELECT id FROM orders)",
    "DELETE FROM notes RETURNING (SELECT true WHERE new.id IS NULL) IN (SELECT true)",
    "DELETE FROM notes RETURNING new.ctid IN (SELECT ctid FROM orders), old.id",
    "DELETE FROM notes RETURNING new.id IN (SELECT id FROM orders) OR EXISTS (SELECT FROM orders)",
    "DELETE FROM notes RETURNING EXISTS (SELECT FROM orders o WHERE o.id = new.id)",
    "DELETE FROM notes RETURNING NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = coalesce(new.id,"
    " 1) AND o.id > 0)",
    "DELETE FROM notes RETURNING EXISTS (WITH w AS (SELECT 1) SELECT FROM orders o WHERE o.id IN (new.id))",
    "DELETE FROM notes RETURNING WITH (NEW AS n) n.id IN (SELECT id FROM orders)",
    "DELETE FROM notes RETURNING WITH (OLD AS new, NEW AS old) old.id IN (SELECT id FROM orders)",
    "DELETE FROM notes AS old RETURNING new.id IN (SELECT id FROM orders)",
    "DELETE FROM notes USING (orders AS new JOIN customers c ON true) AS j"
    " RETURNING new.id IN (SELECT id FROM orders)",
    "DELETE FROM open_notes RETURNING new.id IN (SELECT id FROM orders)",
    "WITH d AS (DELETE FROM notes RETURNING new.id IN (SELECT id FROM orders)) SELECT 1",
    "COPY (DELETE FROM notes RETURNING new.id IN (SELECT id FROM orders)) TO STDOUT",
    "EXPLAIN ANALYZE DELETE FROM notes RETURNING new.id IN (SELECT id FROM orders)",
    "PREPARE absent AS DELETE FROM notes RETURNING new.id IN (SELECT id FROM orders)",
    "INSERT INTO notes (body) VALUES ('a') RETURNING old.id IN (SELECT id FROM orders)",
    "INSERT INTO notes (body) SELECT 'a' FROM orders"
    " RETURNING EXISTS (SELECT FROM orders o WHERE o.id = old.id)",
    "INSERT INTO notes (id, body) VALUES (999, 'a') ON CONFLICT DO NOTHING"
    " RETURNING old.id IN (SELECT id FROM orders)",
    "MERGE INTO notes n USING orders o ON n.id = o.id WHEN MATCHED THEN DELETE"
    " RETURNING new.id IN (SELECT id FROM orders)",
    "MERGE INTO notes n USING orders o ON n.id = -o.id WHEN NOT MATCHED THEN INSERT (body) VALUES ('a')"
    " RETURNING old.id IN (SELECT id FROM orders)",
    "MERGE INTO notes n USING orders o ON n.id = o.id WHEN NOT MATCHED BY SOURCE THEN DELETE"
    " RETURNING new.id IN (SELECT id FROM orders)",
    "UPDATE notes SET body = 'a' RETURNING old.id IN (SELECT id FROM orders)",
    "UPDATE notes SET body = 'a' RETURNING new.id IN (SELECT id FROM orders)",
]
PRESENT = [
    "DELETE FROM notes WHERE id = 1"
    " RETURNING old.id, new.id, old.*, new IS NULL, id IN (SELECT id FROM orders)",
    "DELETE FROM notes WHERE id = 1 RETURNING (SELECT new.id IN (SELECT id FROM orders)), new.id IN (1, 2)",
    "DELETE FROM notes WHERE id = 1 RETURNING (SELECT EXISTS (SELECT FROM orders o WHERE o.id = new.id))",
    "DELETE FROM notes WHERE id = 1"
    " RETURNING 1 IN (SELECT id FROM orders WHERE id = new.id), (SELECT old.id)",
    "INSERT INTO notes (body) VALUES ('a') RETURNING old.id, new.id, id IN (SELECT id FROM orders)",
    "UPDATE notes SET body = 'b' RETURNING old.body, new.body, old.body <> new.body AS changed",
    "UPDATE notes SET body = 'b' RETURNING new.id = (SELECT id FROM orders LIMIT 1), (old.id, 1) IN ((1, 1))",
    "DELETE FROM notes new WHERE id = 1 RETURNING new.id IN (SELECT id FROM orders)",
    "DELETE FROM notes USING orders old WHERE notes.id = old.id RETURNING old.id IN (SELECT id FROM orders)",
]


@pytest.mark.parametrize("sql", ABSENT)
def test_returning_a_row_that_is_not_there(arena, login, sql):
    """OLD and NEW in the test of a subquery: the server followed a null pointer and ended all sessions."""
    with login("kin") as frontend:
        for content in (query(sql), parse(sql) + SYNC):
            frontend.send(content)
            (error,) = [each for each in frontend.until(b"Z") if each.kind == b"E"]
            assert error.sqlstate == "0A000"
            assert error.fields["D"].endswith("code: row_may_be_absent")
            assert "subquery of its own" in error.fields["H"]
        assert frontend.rows("select 'ali' || 've'") == [("alive",)]
    assert "terminated by signal" not in arena.pg.log


@pytest.mark.parametrize("sql", PRESENT)
def test_returning_rows_works(arena, login, sql):
    """No false refusal: what people return of OLD and NEW, and the way out that the HINT names."""
    with login("kin") as frontend:
        replies = frontend.query(f"BEGIN; {sql}; ROLLBACK")
        found = [each.sqlstate for each in replies if each.kind == b"E"]
        # A server before 18 knows neither OLD nor NEW.
        assert not found or (arena.pg.version < 18 and set(found) <= {"42601", "42P01", "42703"})
        if found:
            frontend.query("ROLLBACK")
        assert frontend.rows("select 'ali' || 've'") == [("alive",)]
    assert "terminated by signal" not in arena.pg.log


def ones(count: int) -> str:
    return ", ".join(["1"] * count)


WIDE = {
    "constants": f"DELETE FROM notes RETURNING {ones(33_000)}",
    "in one of WITH": f"WITH d AS (DELETE FROM notes RETURNING {ones(66_000)}) SELECT 1",
    "*": f"UPDATE notes SET body = 'a' RETURNING {', '.join('*' * 17_000)}",
    "a relation's *": f"UPDATE notes SET body = 'a' RETURNING {', '.join(['notes.*'] * 17_000)}",
    "a row's *": f"INSERT INTO notes AS n (body) VALUES ('a') RETURNING {', '.join(['(n).*'] * 17_000)}",
    "COPY": f"COPY (DELETE FROM notes RETURNING {ones(33_000)}) TO STDOUT",
    "PREPARE": f"PREPARE wide AS DELETE FROM notes RETURNING {ones(33_000)}",
    "* of what it is joined with": "DELETE FROM notes USING "
    + ", ".join(f"orders o{at}" for at in range(400))
    + f" RETURNING {', '.join('*' * 40)}",
    "an aggregate's ORDER BY": "SELECT array_agg(id ORDER BY "
    + ", ".join(f"id+{at}" for at in range(33_000))
    + ") FROM notes",
    "one of WITH twice": f"WITH d AS (DELETE FROM notes RETURNING {ones(20_000)})"
    " UPDATE notes SET body = 'a' FROM d RETURNING d.*, d.*",
    "two of WITH": f"WITH d AS (DELETE FROM notes RETURNING {ones(17_000)}),"
    f" e AS (DELETE FROM notes RETURNING {ones(17_000)})"
    " INSERT INTO notes (body) SELECT 'a' RETURNING (SELECT count(*) FROM d, e), notes.*",
    "EXPLAIN of one of WITH": f"EXPLAIN WITH d AS (DELETE FROM notes RETURNING {ones(20_000)})"
    " UPDATE notes SET body = 'a' FROM d RETURNING d.*, d.*",
    "* of a join's name": "DELETE FROM notes USING ("
    + " CROSS JOIN ".join(f"orders o{at}" for at in range(200))
    + f") j RETURNING {', '.join(['j.*'] * 80)}",
}


@pytest.mark.parametrize("road", WIDE)
def test_returning_more_columns_than_it_has_numbers_for(arena, login, road):
    """33,000 columns in a RETURNING or an aggregate's ORDER BY, the `*` of a wide table 23 times: the server
    died of a signal.
    """
    with login("kin") as frontend:
        for content in (query(WIDE[road]), parse(WIDE[road]) + SYNC):
            frontend.send(content)
            (error,) = [each for each in frontend.until(b"Z") if each.kind == b"E"]
            assert error.sqlstate == "54011"
            assert error.fields["D"].endswith("code: list_too_wide")
        assert frontend.rows("select 'ali' || 've'") == [("alive",)]
    assert "terminated by signal" not in arena.pg.log


def test_returning_a_lot_works(arena, login):
    """No false refusal: all columns that PostgreSQL returns, and the `*` of each relation."""
    with login("kin") as frontend:
        for sql in (
            f"DELETE FROM notes RETURNING {ones(1_664)}",
            "UPDATE notes n SET body = 'b' FROM orders o, orders p WHERE n.id = o.id AND o.id = p.id"
            " RETURNING *, n.*, o.*, p.*",
        ):
            replies = frontend.query(f"BEGIN; {sql}; ROLLBACK")
            assert not [each for each in replies if each.kind == b"E"]
