"""Settings by parameters: what `current_setting($1)` reads is told when it is bound, and is looked at there.

SQLAlchemy 2.1 reflects by it, and was refused: since settings that may hold secrets are not read (H6), only
constant names were. Each way in which the value could be another than the one that was looked at is tried.
"""

import struct

import pytest

from support.frontend import Frontend, Message, message, query
from support.requests import SYNC, bind, close, execute, parse

from .conftest import MARKERS

ASKS, VARCHAR = (
    "select current_setting($1)",
    "select 1 where $2 <> 'x' and current_setting($1::varchar, true) <> ''",
)
PLAIN = "select $1::text"
OPEN, SECRET = "work_mem", "app.jwt_secret"
SKIPPED = bind("there-is-no-such-statement")
OID, REGCLASS = 26, 2205


def _rounds(frontend: Frontend, *rounds: bytes) -> list[Message]:
    replies: list[Message] = []
    for content in rounds:
        frontend.send(content)
        for _ in range(content.count(SYNC) + content.count(b"Q\0\0\0")):
            replies += frontend.until(b"Z")
    return replies


def _codes(replies: list[Message]) -> list[str]:
    return [each.sqlstate for each in replies if each.kind == b"E"]


def _binary(statement: str, *values: str) -> bytes:
    body = b"\0" + statement.encode() + b"\0" + struct.pack("!hhh", 1, 1, len(values))
    for value in values:
        body += struct.pack("!i", len(value)) + value.encode()
    return message(b"B", body + struct.pack("!h", 0))


PASSES = {
    "text": [parse(ASKS) + bind("", "", OPEN) + execute() + SYNC],
    "binary": [parse(ASKS) + _binary("", OPEN) + execute() + SYNC],
    "in capitals": [parse(ASKS, "", 25) + bind("", "", "Work_Mem") + execute() + SYNC],
    "twice": [parse(ASKS, "s") + SYNC] + 2 * [bind("s", "", OPEN) + execute() + SYNC],
    "of several": [parse(VARCHAR) + bind("", "", OPEN, SECRET) + execute() + SYNC],
    "in an insert": [
        parse("insert into notes (body) select current_setting($1)") + bind("", "", OPEN) + execute() + SYNC
    ],
    "another statement names what it likes": [
        parse(ASKS, "s") + SYNC,
        parse(PLAIN, "p") + bind("p", "", SECRET) + execute() + SYNC,
    ],
}


@pytest.mark.parametrize("name", PASSES)
def test_a_setting_that_anybody_may_read(login, name):
    """As SQLAlchemy does it."""
    with login("writer") as frontend:
        replies = _rounds(frontend, *PASSES[name])
    assert not _codes(replies), replies
    assert [each for each in replies if each.kind == b"C"]


REFUSED = {
    "text": [parse(ASKS) + bind("", "", SECRET) + execute() + SYNC],
    "binary": [parse(ASKS) + _binary("", SECRET) + execute() + SYNC],
    "with a cast": [parse(VARCHAR) + bind("", "", SECRET, "y") + execute() + SYNC],
    "the second Bind": [
        parse(ASKS, "s") + bind("s", "", OPEN) + execute() + SYNC,
        bind("s", "", SECRET) + execute() + SYNC,
    ],
    "behind 64 KiB": [parse(ASKS + ", $2") + bind("", "", SECRET, "x" * 70_000) + execute() + SYNC],
    "itself behind 64 KiB": [
        parse("select $1, current_setting($2)") + bind("", "", "x" * 70_000, SECRET) + execute() + SYNC
    ],
    "the 33rd": [
        parse(f"select current_setting($33), {', '.join(f'${number}::text' for number in range(1, 33))}")
        + bind("", "", *(["x"] * 32), SECRET)
        + execute()
        + SYNC
    ],
    "declared as another type": [parse(ASKS, "", REGCLASS) + bind("", "", OPEN) + execute() + SYNC],
    "a Parse of the name was skipped": [
        parse(ASKS, "s") + SYNC,
        SKIPPED + close("S", "s") + parse(PLAIN, "s") + SYNC,
        bind("s", "", SECRET) + execute() + SYNC,
    ],
    "the same, not waiting for the answer": [
        parse(ASKS, "s") + SYNC,
        SKIPPED + close("S", "s") + parse(PLAIN, "s") + SYNC + bind("s", "", SECRET) + execute() + SYNC,
    ],
    "a Parse of the name fails": [
        parse(ASKS, "s") + SYNC,
        parse(PLAIN, "s") + SYNC,
        bind("s", "", SECRET) + execute() + SYNC,
    ],
    "unnamed, the other skipped": [
        parse(ASKS) + SYNC,
        SKIPPED + parse(PLAIN) + SYNC,
        bind("", "", SECRET) + execute() + SYNC,
    ],
    "by EXECUTE": [query(f"prepare s(text) as {ASKS}"), query(f"execute s('{SECRET}')")],
    "by EXECUTE of what a Parse prepared": [parse(ASKS, "s") + SYNC, query(f"execute s('{SECRET}')")],
    "by EXECUTE with a parameter": [
        parse(ASKS, "s") + SYNC,
        parse("execute s($1)", "e") + bind("e", "", SECRET) + execute() + SYNC,
    ],
    "by EXECUTE that was prepared before": [
        parse(f"execute s('{SECRET}')", "e") + SYNC,
        parse(ASKS, "s") + SYNC,
        bind("e") + execute() + SYNC,
    ],
    "by EXECUTE in one round with what it executes": [
        parse(ASKS, "s") + parse(f"execute s('{SECRET}')") + bind() + execute() + SYNC
    ],
    "by EXPLAIN of EXECUTE": [
        parse(ASKS, "s") + SYNC,
        query(f"explain (analyze, verbose) execute s('{SECRET}')"),
    ],
    "by CREATE TABLE AS EXECUTE": [
        parse(ASKS, "s") + SYNC,
        query(f"create temp table shown as execute s('{SECRET}')"),
        query("select * from shown"),
    ],
    "EXPLAIN": [parse(f"explain (verbose) {ASKS}") + bind("", "", SECRET) + execute() + SYNC],
    "a cursor": [
        query("begin"),
        parse(f"declare c cursor for {ASKS}") + bind("", "", SECRET) + execute() + SYNC,
    ],
    "an expression around it": [
        parse("select current_setting('app.' || $1)") + bind("", "", "jwt_secret") + execute() + SYNC
    ],
    "a column around it": [
        parse("select current_setting(x) from (values ($1::text)) v (x)")
        + bind("", "", SECRET)
        + execute()
        + SYNC
    ],
    "a default of it": [
        parse("select current_setting(coalesce($1, 'x'))") + bind("", "", SECRET) + execute() + SYNC
    ],
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("grant", ["writer", "masked"])
def test_a_setting_that_may_hold_a_secret(login, name, grant):
    """H6: the value of a parameter was not looked at, or was looked at as another statement's."""
    with login(grant) as frontend:
        replies = _rounds(frontend, *REFUSED[name])
    content = b"".join(each.body for each in replies)
    assert not [marker for marker in MARKERS if marker in content]
    assert _codes(replies), replies
