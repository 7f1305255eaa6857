"""Names of prepared statements and portals: the gateway must not take one statement for another.

What a name stands for is the target's word: it may have refused or skipped the Parse, Bind or Close that was
sent last.
"""

import pytest

from support.frontend import Frontend, Message, query
from support.requests import SYNC, bind, close, execute, parse

from .conftest import MARKERS

MASKED, PLAIN = "COPY people TO STDOUT", "COPY (SELECT 1) TO STDOUT"
SKIPPED = bind("there-is-no-such-statement")
"""The target errs, and skips what is behind it up to the Sync."""


def _rounds(frontend: Frontend, *rounds: bytes) -> list[Message]:
    """All that comes for these writes, up to a ReadyForQuery for each Query and Sync, or to the end of the
    session.
    """
    replies: list[Message] = []
    for content in rounds:
        frontend.send(content)
        awaited = content.count(SYNC) + content.count(b"Q\0\0\0")
        while awaited:
            replies.append(frontend.read())
            if replies[-1].kind == b"E" and replies[-1].fields["S"] == "FATAL":
                return replies
            awaited -= replies[-1].kind == b"Z"
    return replies


def _shown(replies: list[Message]) -> set[bytes]:
    content = b"".join(each.body for each in replies)
    return {marker for marker in MARKERS if marker in content}


# Each ends with the COPY of masked columns, taken for the other one.
TAKEN_FOR_ANOTHER = {
    "named, the other Parse skipped": [
        parse(MASKED, "s") + SYNC,
        SKIPPED + close("S", "s") + parse(PLAIN, "s") + SYNC,
        bind("s") + execute() + SYNC,
    ],
    "the same, not waiting for the answer": [
        parse(MASKED, "s") + SYNC,
        SKIPPED + close("S", "s") + parse(PLAIN, "s") + SYNC + bind("s") + execute() + SYNC,
    ],
    "the other Parse fails, for the name is taken": [
        parse(MASKED, "s") + SYNC,
        parse(PLAIN, "s") + SYNC,
        bind("s") + execute() + SYNC,
    ],
    "unnamed": [
        parse(MASKED) + SYNC,
        SKIPPED + parse(PLAIN) + SYNC,
        bind() + execute() + SYNC,
    ],
    "a portal, the other Bind skipped, in a transaction that a savepoint saves": [
        query("BEGIN"),
        parse(MASKED, "m") + parse(PLAIN, "p") + bind("m", "portal") + SYNC,
        query("SAVEPOINT a"),
        SKIPPED + close("P", "portal") + bind("p", "portal") + SYNC,
        query("ROLLBACK TO a"),
        execute("portal") + SYNC,
    ],
}


@pytest.mark.parametrize("name", TAKEN_FOR_ANOTHER)
def test_copy_taken_for_another(login, name):
    """The last Parse of a name said what its COPY delivers, also one that the target never ran: the COPY that
    did run was delivered without its masks.
    """
    with login("masked") as frontend:
        replies = _rounds(frontend, *TAKEN_FOR_ANOTHER[name])
    assert not _shown(replies)
    # Masked, or refused where the gateway could not know.
    rows = [each for each in replies if each.kind == b"d"]
    fatal = [each for each in replies if each.kind == b"E" and each.fields["S"] == "FATAL"]
    assert len(rows) == 8 or fatal, replies


EXECUTED = {
    "as a query": [parse(MASKED, "s") + SYNC, query("EXECUTE s")],
    "by a statement of its own": [parse(MASKED, "s") + SYNC, parse("EXECUTE s") + bind() + execute() + SYNC],
    "before another COPY in one query": [parse(MASKED, "s") + SYNC, query(f"EXECUTE s; {PLAIN}")],
    "behind another COPY in one query": [parse(MASKED, "s") + SYNC, query(f"{PLAIN}; EXECUTE s")],
    "before a COPY from the client": [parse(MASKED, "s") + SYNC, query("EXECUTE s; COPY notes FROM STDIN")],
}


@pytest.mark.parametrize("name", EXECUTED)
@pytest.mark.parametrize("grant", ["masked", "masked-writer"])
def test_copy_by_execute(login, name, grant):
    """SQL's EXECUTE runs what the protocol's Parse prepared: such a COPY was delivered without its masks."""
    with login(grant) as frontend:
        replies = _rounds(frontend, *EXECUTED[name])
    assert not _shown(replies)
    assert [each.sqlstate for each in replies if each.kind == b"E"] == ["42501"]
    assert not [each for each in replies if each.kind == b"d"]


EMAIL = "SELECT email FROM people"
NO_ORIGIN = {
    "an EXECUTE prepared before what it executes, run by EXECUTE": [
        parse("EXECUTE a", "b") + SYNC,
        query(f"PREPARE a AS {EMAIL}"),
        query("EXECUTE b"),
    ],
    "a FETCH prepared before its cursor, run by EXECUTE": [
        parse("FETCH ALL FROM c", "b") + SYNC,
        query("BEGIN"),
        query(f"DECLARE c CURSOR FOR {EMAIL}"),
        query("EXECUTE b"),
    ],
    "the same by a name that SQL has only 63 bytes of": [
        parse("FETCH ALL FROM c", "n" * 63 + "x") + SYNC,
        query("BEGIN"),
        query(f"DECLARE c CURSOR FOR {EMAIL}"),
        query(f"EXECUTE {'n' * 64}"),
    ],
    "the same beside something that SQL has prepared": [
        parse("FETCH ALL FROM c", "b") + SYNC,
        query("PREPARE other AS SELECT 1"),
        query("BEGIN"),
        query(f"DECLARE c CURSOR FOR {EMAIL}"),
        query("EXECUTE b"),
    ],
    "the same in one write": [
        parse("FETCH ALL FROM c", "b")
        + SYNC
        + query("BEGIN")
        + query(f"DECLARE c CURSOR FOR {EMAIL}")
        + query("EXECUTE b"),
    ],
    "an EXECUTE of an EXECUTE that was replaced": [
        query("PREPARE a AS SELECT 'x'::text AS email"),
        parse("EXECUTE a", "b") + SYNC,
        query("DEALLOCATE a"),
        parse("EXECUTE z", "a") + SYNC,
        query(f"PREPARE z AS {EMAIL}"),
        parse("EXECUTE b") + bind() + execute() + SYNC,
    ],
    "a portal of EXECUTE, half run, whose statement is replaced": [
        query("BEGIN"),
        query(f"PREPARE a AS {EMAIL}"),
        parse("EXECUTE a") + bind("", "p") + execute("p", 1) + SYNC,
        query("DEALLOCATE a"),
        query("PREPARE a AS SELECT 'x'::text AS email"),
        query("FETCH ALL FROM p"),
    ],
    "the same by the protocol, unnamed": [
        query("BEGIN"),
        query(f"PREPARE a AS {EMAIL}"),
        parse("EXECUTE a") + bind() + execute("", 1) + SYNC,
        parse("DEALLOCATE a") + SYNC,
        parse("DEALLOCATE a", "d") + bind("d", "d") + execute("d") + SYNC,
        parse("PREPARE a AS SELECT 'x'::text AS email", "e") + bind("e", "e") + execute("e") + SYNC,
        execute() + SYNC,
    ],
    "a portal of FETCH, half run, whose cursor is replaced": [
        query("BEGIN"),
        query(f"DECLARE c CURSOR FOR {EMAIL}"),
        parse("FETCH ALL FROM c") + bind("", "p") + execute("p", 1) + SYNC,
        query("CLOSE c"),
        query("DECLARE c CURSOR FOR SELECT 'x'::text AS email"),
        query("FETCH ALL FROM p"),
    ],
}


@pytest.mark.parametrize("name", NO_ORIGIN)
def test_rows_that_lost_their_origin(login, name):
    """PostgreSQL says whose the rows of a FETCH or EXECUTE are by looking up again what it names: if that was
    not there at first, or is another one by now, they came without their origin, and unmasked.
    """
    with login("masked") as frontend:
        replies = _rounds(frontend, *NO_ORIGIN[name])
    assert not _shown(replies)
    assert {each.sqlstate for each in replies if each.kind == b"E"} <= {"0A000", "26000", "34000", "25P02"}
    assert "0A000" in {each.sqlstate for each in replies if each.kind == b"E"}


def test_prepared_copy_is_masked(login):
    """No false refusal: some drivers prepare a COPY by name, and execute it in a later round."""
    with login("masked") as frontend:
        replies = _rounds(
            frontend,
            parse(MASKED, "m") + parse(PLAIN, "p") + SYNC,
            bind("m") + execute() + SYNC + bind("p") + execute() + SYNC,
            *[close("S", "m") + SYNC, parse(PLAIN, "m") + SYNC, bind("m") + execute() + SYNC],
        )
    assert not [each.fields for each in replies if each.kind == b"E"]
    assert not _shown(replies)
    assert sum(each.kind == b"d" for each in replies) == 10


def test_many_copies_in_one_session(login):
    """After 1024 COPY statements of masked columns a session was refused the next one."""
    with login("masked") as frontend:
        for _ in range(1100):
            replies = frontend.query("COPY (SELECT email FROM people LIMIT 1) TO STDOUT")
            assert [each.kind for each in replies] == [b"H", b"d", b"c", b"C", b"Z"]


@pytest.mark.parametrize("behind", ["parse", "bind", "close"])
def test_parse_eaten_by_a_copy(login, behind):
    """A request that a COPY from the client uses up changed a name for the gateway, not for the target."""
    eaten = {"parse": parse(PLAIN, "s"), "bind": bind("p", "x"), "close": close("S", "s")}[behind]
    with login("masked-writer") as frontend:
        replies = _rounds(
            frontend,
            parse(MASKED, "s") + parse(PLAIN, "p") + SYNC,
            query("COPY notes FROM STDIN") + eaten + bind("s") + execute() + SYNC,
        )
    assert not _shown(replies)
    assert [each for each in replies if each.kind == b"E"]


ENDS = ["COMMIT", "rollback work"]


@pytest.mark.parametrize("end", ENDS)
def test_statement_taken_for_the_end_of_a_transaction(login, end):
    """A Parse of COMMIT that the target skipped gave its name to an older statement: its executions were not
    counted as statements of the grant's budget.
    """
    with login("few-statements") as frontend:
        replies = _rounds(
            frontend,
            parse("SELECT 1", "s") + SYNC,
            SKIPPED + close("S", "s") + parse(end, "s") + SYNC,
            *[bind("s") + execute() + SYNC] * 20,
        )
    assert sum(each.kind == b"D" for each in replies) <= 5
    assert [each.sqlstate for each in replies if each.kind == b"E"][-1] in ("53400", "54000")


ANOTHER_UNDER_ITS_NAME = {
    "a statement": parse("COMMIT", "s")
    + parse("DEALLOCATE s")
    + bind()
    + execute()
    + parse("PREPARE s AS SELECT 1")
    + bind()
    + execute()
    + (bind("s") + execute()) * 20
    + SYNC,
    "a cursor": parse("BEGIN")
    + bind()
    + execute()
    + parse("COMMIT")
    + bind("", "p")
    + parse("CLOSE p")
    + bind()
    + execute()
    + parse("DECLARE p CURSOR FOR SELECT n FROM generate_series(1, 40) n")
    + bind()
    + execute()
    + execute("p", 1) * 20
    + SYNC,
}


@pytest.mark.parametrize("name", ANOTHER_UNDER_ITS_NAME)
def test_another_in_sql_under_the_name_of_an_end(login, name):
    """SQL made something else under a name that the protocol had given to COMMIT: executions of it were not
    counted.
    """
    with login("few-statements") as frontend:
        replies = _rounds(frontend, ANOTHER_UNDER_ITS_NAME[name])
    assert sum(each.kind == b"D" for each in replies) <= 5
    # 08P01: what was let through as the end of a transaction was none, and the session ends
    assert [each.sqlstate for each in replies if each.kind == b"E"] in (["53400"], ["54000"], ["08P01"])


def test_a_session_can_leave_its_transaction(login):
    """No false refusal: when a budget's statements are used up, the end of a transaction still passes."""
    with login("few-statements") as frontend:
        replies = _rounds(frontend, query("BEGIN"), *[query("SELECT 1")] * 6)
        assert replies[-1].body == b"E"
        replies = _rounds(frontend, parse("ROLLBACK") + bind() + execute() + SYNC)
        assert [each.kind for each in replies] == [b"1", b"2", b"C", b"Z"]
        assert replies[-1].body == b"I"
