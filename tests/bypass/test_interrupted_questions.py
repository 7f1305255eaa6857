"""An interrupt that hits the gateway's own question: under masks it asks before each statement.

Its prepared statement stayed at the target, since the Close behind it was skipped: the next question failed
with 42P05 and ended the session with a FATAL 08006, in two of five sessions that had met a timeout.
"""

import pytest

from support.frontend import Frontend, Message
from support.requests import SYNC, bind, execute, parse

from .conftest import Login

TEXT = "select id, email from people order by id limit 1"
INTERRUPTED = "catalogue_interrupted"


def _simple(frontend: Frontend) -> list[Message]:
    return frontend.query(TEXT)


def _extended(frontend: Frontend) -> list[Message]:
    frontend.send(parse(TEXT) + bind() + execute() + SYNC)
    return frontend.until(b"Z")


@pytest.mark.parametrize("in_transaction", [False, True], ids=["alone", "in a transaction"])
@pytest.mark.parametrize("ask", [_simple, _extended], ids=["simple", "extended"])
def test_a_timeout_in_the_gateways_question(login: Login, ask, in_transaction: bool):
    interrupted = 0
    with login("masked") as frontend:
        for _ in range(40):
            if in_transaction:
                assert frontend.query("begin")[-1].body == b"T"
            assert frontend.query("set statement_timeout = '1ms'")[-1].kind == b"Z"
            errors = [each for each in ask(frontend) if each.kind == b"E"]
            assert {each.sqlstate for each in errors} <= {"57014"}, [each.fields for each in errors]
            interrupted += any(INTERRUPTED in each.fields.get("D", "") for each in errors)
            if in_transaction:
                assert frontend.query("rollback")[-1].body == b"I"
            assert frontend.query("set statement_timeout = 0")[-1].kind == b"Z"
            assert [each.kind for each in ask(frontend)][-2:] == [b"C", b"Z"]
    assert interrupted, "no timeout hit a question"
