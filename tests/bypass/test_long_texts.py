"""H2: a text that held a reactor: for minutes, since reading it took time with the square of its length,
or for ever, since the process died of its stack.

Each is refused with its code, or passes; the session lives on, and so does another one. How long it takes is
measured by `make bench-texts`: here only what is answered counts.
"""

import pytest

from support.frontend import query
from support.requests import SYNC, parse

from .conftest import Login

TOKENS, COMPLEX, DEEP = "statement_too_many_tokens", "statement_too_complex", "statement_too_deep"


def _list(item: str, count: int, between: str = ", ") -> str:
    return between.join(item.replace("#", str(number)) for number in range(count))


REFUSED: dict[str, tuple[str, str]] = {
    # more than the grammar is given
    "names in a list": (f"select {_list('a.b', 100_000)}", TOKENS),
    "constants in a list": (f"select {_list('#', 200_000)}", TOKENS),
    "rows of VALUES": (f"values {_list('(1, 2)', 60_000)}", TOKENS),
    "statements": ("select 1;" * 100_000, TOKENS),
    "empty statements": (";" * 300_000, TOKENS),
    "comments": ("/**/" * 300_000, TOKENS),
    "line comments": ("--\n" * 300_000, TOKENS),
    "a string that seems to go on": (f"select 'a\\', {_list('1', 200_000)}", TOKENS),
    "an escape string that seems to end": (f"select e'a\\'b', {_list('1', 200_000)}", TOKENS),
    "a dollar quote behind a number": (f"select 1$a$'$a$, {_list('1', 200_000)}", TOKENS),
    "a quoted name with a quote": (f'select 1 as "a\'", {_list("1", 200_000)}', TOKENS),
    "a comment with a quote": (f"select /* ' */ {_list('1', 200_000)}", TOKENS),
    "a comment in a comment": (f"select /* /* */ ' */ {_list('1', 200_000)}", TOKENS),
    "two strings that are one": (f"select e'a'\n'\\'', {_list('1', 200_000)}", TOKENS),
    "a syntax error behind them": (f"select {_list('a.b', 100_000)} from from", TOKENS),
    "locks and FROM items": (
        f"select 1 from {_list('t a#', 60_000)} for share of {_list('b#', 60_000)}",
        TOKENS,
    ),
    "PREPARE": (f"prepare p as select {_list('1', 200_000)}", TOKENS),
    "EXPLAIN": (f"explain select {_list('1', 200_000)}", TOKENS),
    # what the lexer goes over again for each token
    "signs": (f"select {'+' * 100_000}1", TOKENS),
    "signs of two kinds": (f"select {'+-' * 50_000}1", TOKENS),
    "signs before a comment": (f"select {'+' * 20_000}/*{'*' * 100_000}*/1", TOKENS),
    "comments in comments": (f"select {'/*' * 50_000}{'*/' * 50_000} 1", TOKENS),
    "an operator with a name of many parts": (f"select 1 operator({'a.' * 20_000}+) 1", TOKENS),
    # of each the grammar warns, and counts the characters before it
    "GLOBAL TEMPORARY": ("create global temp table t ();" * 30_000, TOKENS),
    "GLOBAL TEMPORARY with a comment": ("create global/**/temporary table t ();" * 30_000, TOKENS),
    # nesting
    "parentheses": (f"select {'(' * 100_000}1{')' * 100_000}", DEEP),
    "NOT": (f"select {'not ' * 100_000}true", DEEP),
    "minus": (f"select {'- ' * 100_000}1", DEEP),
    "subqueries": (f"select {'(select ' * 50_000}1{')' * 50_000}", DEEP),
    "joins in parentheses": (f"select 1 from {'(' * 60_000}a{' cross join b)' * 20_000}", DEEP),
    "CASE": (f"select {'case when ' * 25_000}true{' then 1 end' * 25_000}", DEEP),
    "array brackets": (f"select array{'[' * 60_000}1{']' * 60_000}", DEEP),
    "calls": (f"select {'f(' * 50_000}1{')' * 50_000}", DEEP),
}
READ: dict[str, str] = {
    # each was quadratic, or ended the process; whatever is said of it, it is said
    "locks and FROM": f"select 1 from {_list('notes a#', 20_000)} for share of {_list('b#', 20_000)}",
    "lock clauses and FROM": f"select 1 from {_list('notes a#', 20_000)} "
    + _list("for share of a#", 20_000, " "),
    "outputs and ORDER BY": f"select {_list('id as c#', 20_000)} from people order by {_list('c#', 20_000)}",
    "outputs and GROUP BY": f"select {_list('id as c#', 20_000)} from people group by {_list('c#', 20_000)}",
    "rows and FROM": f"select {_list('a#', 30_000)} from {_list('people a#', 30_000)}",
    "references and FROM": f"select {_list('a#.id', 30_000)} from {_list('people a#', 30_000)}",
    "columns and FROM": f"select {_list('id', 50_000)} from {_list('people a#', 30_000)}",
    "joins": f"select 1 from people {_list('join people a# on true', 20_000, ' ')}",
    "natural joins": f"select 1 from people {_list('natural join people a#', 10_000, ' ')}",
    "USING": f"select 1 from people a join people b using ({_list('c#', 100_000)})",
    "CTEs and FROM": f"with {_list('a# as (select 1)', 20_000)} select 1 from {_list('a#', 20_000)}",
    "many columns at once": f"update notes set ({_list('c#', 40_000)}) = ({_list('#', 40_000)})",
    "a function's body": "create function f() returns int begin atomic "
    + _list("deallocate a#;", 40_000, " ")
    + " end",
    "a chain over a relation with a secret": f"select 1{' + 1' * 80_000} from pg_subscription",
    "casts over a relation with a secret": f"select 1{'::int' * 60_000} from pg_subscription",
    "joins to a relation with a secret": f"select 1 from pg_subscription{' cross join notes' * 50_000}",
    "statements over a relation with a secret": "select 1 from pg_subscription;" * 40_000,
    "UNION": _list("select id from people", 40_000, " union all "),
    "an operator chain": f"select id{' + 1' * 80_000} from people",
    "casts": f"select 1{'::int' * 60_000}",
    "subscripts": f"select a{'[1]' * 60_000} from notes a",
    "COLLATE": "select 'a'" + ' collate "C"' * 60_000,
    "type modifiers": f"select 1::numeric({_list('1', 100_000)})",
    "names of DROP": f"drop table {_list('people#', 60_000)}",
    # for each statement that goes up in other words, all before it were gone through to find its place
    "READ WRITE": "begin read write;" * 60_000,
    "READ WRITE of a transaction": "set transaction read write;" * 45_000,
    "a setting that goes up as another": "set default_transaction_read_only = off;" * 40_000,
    "SET ROLE NONE": "set role none;" * 60_000,
}


def _codes(login: Login, grant: str, content: bytes) -> set[str]:
    """The codes of what is refused; both the session and another one live on."""
    with login(grant) as other, login(grant) as frontend:
        frontend.send(content)
        answers = frontend.until(b"Z")
        assert answers[-1].kind == b"Z", [each.fields for each in answers if each.kind == b"E"]
        assert frontend.rows("select 'ali' || 've'") == [("alive",)]
        assert other.rows("select 'ali' || 've'") == [("alive",)]
        details = [each.fields.get("D", "") for each in answers if each.kind == b"E"]
        return {detail.rpartition("code: ")[2] for detail in details if "code: " in detail}


@pytest.mark.parametrize("grant", ["reader", "masked"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_text_that_is_too_much(login: Login, grant: str, name: str):
    text, code = REFUSED[name]
    assert _codes(login, grant, query(text)) == {code}
    assert _codes(login, grant, parse(text) + SYNC) == {code}


LAST = {"reader": "; select 1 from nowhere.t", "masked": "; select lower(email) from people"}
"""A statement that is refused when all before it was read: the target would take its own time for them."""


@pytest.mark.parametrize("grant", LAST)
@pytest.mark.parametrize("name", READ)
def test_a_text_that_held_a_reactor(login: Login, grant: str, name: str):
    """It is refused, for its last statement or before."""
    assert len(_codes(login, grant, query(READ[name] + LAST[grant]))) == 1


def test_several_in_one_round(login: Login):
    """Each is decided by itself, and what is refused first ends the round."""
    text = READ["locks and FROM"] + LAST["reader"]
    content = b"".join(parse(text, f"s{number}") for number in range(8)) + SYNC
    assert len(_codes(login, "reader", content)) == 1


def test_long_texts_that_programs_write(login: Login):
    """No false refusal: what is long is ordinary."""
    with login("reader") as frontend:
        for text, rows in [
            (f"select count(*) from notes where id in ({_list('#', 50_000)})", 1),
            (f"select count(*) from (values {_list('(#, 0.5)', 10_000)}) v (a, b)", 1),
            (f"select {_list('# as c#', 1_600)}", 1),
            (f"select count(*) from (values {_list('(#)', 65_000)}) v (a)", 1),
            (_list("select #", 1_000, " union all "), 1_000),
            (f"select count(*) from notes t0{_list(' left join notes t1# on t1#.id = t0.id', 59, '')}", 1),
            (f"select 1 where 'short' <> '{'long ' * 500_000}'", 1),
            (f"select 1 /* {'-- = ' * 200_000} */", 1),
        ]:
            assert len(frontend.rows(text)) == rows, text[:80]
