"""Roads around a budget that are no rows: what carries bytes, what makes the target work."""

import struct

import pytest

from support.frontend import Frontend, Message, message, query
from support.requests import FLUSH, SYNC, bind, describe, execute, parse

from .conftest import GRANTS, Login

BYTES = 64 * 1024
OWN_BYTES = 16 * 1024
"""For what the gateway says itself, and what the protocol needs: no more than this comes on top."""
LARGE = "repeat('x', 200000)"


def _all(frontend: Frontend, content: bytes) -> list[Message]:
    """All that comes up to the answer of a last question, or to the end of the session."""
    frontend.received.clear()
    frontend.send(content + query("select 'the-' || 'end'"))
    replies: list[Message] = []
    while True:
        replies += frontend.until(b"Z")
        last = replies[-1]
        if last.kind != b"Z" or any(b"the-end" in each.body for each in replies):
            return replies
        # The question itself may be refused: then nothing of it was answered.
        if replies[-2].kind == b"E" and "budget" in replies[-2].fields.get("M", ""):
            return replies


def _codes(replies: list[Message]) -> set[str]:
    details = [each.fields.get("D", "") for each in replies if each.kind == b"E"]
    return {detail.rsplit("code: ", 1)[-1] for detail in details if "code: " in detail}


# H3: an error's text carried all rows out, with the budget unused.
ERRORS = {
    "a number": f"select {LARGE}::int",
    "a numeric": f"select {LARGE}::numeric",
    "a date": f"select {LARGE}::date",
    "an interval": f"select {LARGE}::interval",
    "a uuid": f"select {LARGE}::uuid",
    "an address": f"select {LARGE}::inet",
    "a boolean": f"select {LARGE}::bool",
    "an array": f"select ('{{' || {LARGE})::int[]",
    "a range": f"select ('[' || {LARGE})::int4range",
    "a point": f"select {LARGE}::point",
    "a tsquery": f"select ('!! (' || {LARGE})::tsquery",
    "json": f"select ('{{' || {LARGE})::json",
    "of many rows": "select string_agg(repeat('x', 100), ',')::int from generate_series(1, 2000)",
    "in a COPY": f"copy (select {LARGE}::int) to stdout",
    "in a subquery": f"select 1 where exists (select 1 where {LARGE}::int = 1)",
    "of a plan that is run": f"explain analyze select {LARGE}::int from generate_series(1, 1)",
}


@pytest.mark.parametrize("way", ["simple", "extended"])
@pytest.mark.parametrize("kind", ERRORS)
def test_the_text_of_an_error(login: Login, kind: str, way: str):
    """H3: a value that does not fit its type is quoted whole in the error."""
    text = ERRORS[kind]
    whole = query(text) if way == "simple" else parse(text) + bind() + describe("P") + execute() + SYNC
    with login("few-bytes") as frontend:
        replies = _all(frontend, whole)
        assert len(frontend.received) < OWN_BYTES
        assert _codes(replies) == {"budget_bytes"}
        assert next(each.sqlstate for each in replies if each.kind == b"E") == "54000"


def test_errors_that_are_small_each(login: Login):
    """H3: each is below the budget, all of them are not."""
    with login("few-bytes") as frontend:
        replies = _all(frontend, query("select repeat('x', 9000)::int") * 20)
        assert len(frontend.received) < BYTES + OWN_BYTES
        assert "budget_bytes" in _codes(replies)
        assert len([each for each in replies if each.sqlstate == "22P02"]) == 7


TOLD = "do $$ begin for i in 1..100 loop raise {} '%', repeat('x', 8000); end loop; end $$"
UNREAD = {
    "notices": TOLD.format("notice"),
    "one notice": f"do $$ begin raise notice '%', {LARGE}; end $$",
    "the detail of a notice": f"do $$ begin raise notice 'n' using detail = {LARGE}; end $$",
    "warnings": TOLD.format("warning"),
    "the hint of an error": f"do $$ begin raise exception 'e' using hint = {LARGE}; end $$",
    "the detail of an error": f"do $$ begin raise exception 'e' using detail = {LARGE}; end $$",
    "the column of an error": f"do $$ begin raise exception 'e' using column = {LARGE}; end $$",
    "the table of an error": f"do $$ begin raise exception 'e' using table = {LARGE}; end $$",
    "the internal query of an error": f"do $$ begin execute 'select ' || {LARGE} || '.x'; end $$",
    "a debug message": f"set client_min_messages = debug5; {TOLD.format('debug')}",
    "info, which no setting hides": TOLD.format("info"),
    "logged and told": f"set client_min_messages = log; {TOLD.format('log')}",
    "an error that a function catches and tells": f"do $$ begin perform {LARGE}::int;"
    " exception when others then raise notice '%', sqlerrm; end $$",
    "the plan of a statement": f"explain (verbose) select '{'x' * 90_000}'::text",
    "notifications": "listen c; select pg_notify('c', repeat('x', 7900) || n) from generate_series(1, 30) n",
    "wide column names": "select " + ", ".join(f"{n} as {'a' * 58}{n}" for n in range(1600)),
    "column names of many statements": ("select 1 as " + "a" * 63 + ";") * 1500,
}


@pytest.mark.parametrize("kind", UNREAD)
def test_what_else_carries_bytes(login: Login, kind: str):
    """H3: every byte of the target counts, whatever message it comes in."""
    with login("few-bytes-unread") as frontend:
        replies = _all(frontend, query(UNREAD[kind]))
        assert len(frontend.received) < BYTES + OWN_BYTES
        assert "budget_bytes" in _codes(replies)


def test_the_result_of_a_function_call(login: Login):
    """H3: FunctionCallResponse is neither DataRow nor CopyData: `repeat` by its OID."""
    call = message(
        b"F",
        struct.pack("!ihhh", 1622, 1, 0, 2)
        + struct.pack("!i1s", 1, b"x")
        + struct.pack("!i6s", 6, b"200000")
        + struct.pack("!h", 0),
    )
    with login("few-bytes-unread") as frontend:
        replies = _all(frontend, call)
        assert len(frontend.received) < OWN_BYTES
        assert _codes(replies) == {"budget_bytes"}


def test_notices_of_a_copy_from(login: Login):
    """H3: a trigger's notices, while the target takes COPY data and hears no cancel."""
    made = """create temp table k (n int);
        create function pg_temp.tell() returns trigger language plpgsql as
        $$ begin raise notice '%', repeat('x', 8000); return new; end $$;
        create trigger tell before insert on k for each row execute function pg_temp.tell()"""
    with login("few-bytes-unread") as frontend:
        assert frontend.query(made)[-1].body == b"I"
        frontend.received.clear()
        frontend.send(query("copy k from stdin"))
        frontend.send(message(b"d", b"1\n" * 30))
        replies = frontend.until(b"E")
        assert replies[-1].sqlstate == "54000"
        frontend.send(message(b"c"))
        assert frontend.until(b"Z")[-1].body == b"I"
        assert len(frontend.received) < BYTES + OWN_BYTES


FOLDED = "select " + " || ".join(["left(repeat('x', 100000000), 1)"] * 60)
"""Functions of constants that the target evaluates to plan the statement."""
PLANNED = {
    "a Bind that nobody executes": parse(FOLDED) + bind() + SYNC,
    "a Bind, and a description": parse(FOLDED) + bind() + describe("P") + SYNC,
    "a Bind behind a Flush": parse(FOLDED) + bind() + FLUSH,
    "a Bind of a statement with a name": parse(FOLDED, "s") + SYNC + bind("s", "p") + SYNC,
    "EXPLAIN": query(f"explain {FOLDED}"),
    "PREPARE and EXPLAIN EXECUTE": query(f"prepare s as {FOLDED}") + query("explain execute s"),
    "DECLARE": query("begin") + query(f"declare c cursor for {FOLDED}"),
}


@pytest.mark.parametrize("road", PLANNED)
def test_what_is_only_planned(login: Login, road: str):
    """H4: it took six seconds each time, none was counted and none cancelled."""
    with login("short") as frontend:
        frontend.send(PLANNED[road])
        replies = frontend.until(b"E")
        assert replies[-1].sqlstate == "54000"
        assert _codes(replies) == {"budget_wall_time"}


SLOW = """create temp table k (n int);
    create function pg_temp.slow() returns trigger language plpgsql as
    $$ begin perform pg_sleep(20); return new; end $$"""
WORKED = {
    "a trigger at the commit of a round": [
        query(
            f"{SLOW}; create constraint trigger slow after insert on k deferrable initially deferred"
            " for each row execute function pg_temp.slow()"
        ),
        parse("insert into k values (1)") + bind() + execute() + SYNC,
    ],
    "a cancel that is caught": [
        query(
            "do $$ begin loop begin perform pg_sleep(60);"
            " exception when query_canceled then null; end; end loop; end $$"
        )
    ],
    "a COPY whose trigger is slow": [
        query(f"{SLOW}; create trigger slow before insert on k for each row execute function pg_temp.slow()"),
        query("copy k from stdin") + message(b"d", b"1\n"),
    ],
}


@pytest.mark.parametrize("road", WORKED)
def test_what_works_behind_the_answer(login: Login, road: str):
    """H4: a Sync, a COPY and a function that catches its cancel took what time they liked."""
    with login("short-unread") as frontend:
        *before, last = WORKED[road]
        for content in before:
            frontend.send(content)
            frontend.until(b"Z")
        frontend.send(last)
        if b"copy k" in last:
            frontend.send(message(b"c"))
        replies = frontend.until(b"E")
        assert replies[-1].sqlstate == "54000"
        assert _codes(replies) == {"budget_wall_time"}


COUNTED = {
    "Bind alone": lambda n: parse("select 1") + bind() + SYNC,
    "Parse alone": lambda n: parse("select 1", f"s{n}") + SYNC,
    "Bind of one statement": lambda n: (parse("select 1", "s") + SYNC if n == 0 else b"") + bind("s") + SYNC,
    "Execute of one portal, row by row": lambda n: (
        (query("begin") + parse("select generate_series(1, 90)") + bind("", "p") + SYNC if n == 0 else b"")
        + execute("p", 1)
        + SYNC
    ),
    "Describe of portals": lambda n: parse("select 1") + bind() + describe("P") + SYNC,
}


@pytest.mark.parametrize("road", COUNTED)
@pytest.mark.parametrize("grant", ["few-statements", "few-statements-unread"])
def test_statements_that_are_not_executed(login: Login, grant: str, road: str):
    """H4: a statement counts however far it goes; the sixth is refused."""
    with login(grant) as frontend:
        for n in range(5):
            frontend.send(COUNTED[road](n))
        frontend.send(COUNTED[road](5))
        while (reply := frontend.until(b"E")[-1]).kind != b"E":
            pass
        assert reply.sqlstate == "54000"
        assert _codes([reply]) == {"budget_statements"}


def test_ordinary_drivers_pay_once(login: Login):
    """Parse, Bind and Execute of one statement are one, and so is each further Bind with its Execute."""
    whole = parse("select 1", "s") + describe("S", "s") + SYNC
    with login("few-statements") as frontend:
        frontend.send(whole + (bind("s") + describe("P") + execute() + SYNC) * 5)
        replies = [each for _ in range(6) for each in frontend.until(b"Z")]
        assert not [each.fields for each in replies if each.kind == b"E"]
        frontend.send(bind("s") + execute() + SYNC)
        assert frontend.until(b"E")[-1].sqlstate == "54000"


def test_many_statements_in_one_text(login: Login):
    """H4: under `query` texts are not read, and one of a thousand statements was one statement."""
    with login("few-statements-unread") as frontend:
        replies = frontend.query("select 'row';" * 1000)
        assert [each.kind for each in replies].count(b"D") == GRANTS["few-statements-unread"]["budgets"][
            "statements"
        ]
        assert _codes(replies) == {"budget_statements"}
