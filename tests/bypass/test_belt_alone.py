"""What the attempts do without the gateway: each is real, and the belt stops what it claims to stop.

Three runs straight at the server: as the fixed upstream user (who may do everything), in a session that is
read-only by default, and as a role that has the grant's privileges alone. Flags `belt` and `role` in `sql/`
are claims about the second and the third; docs/threat-model.md says what they are worth.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from support.attempts import Attempt
from support.frontend import Frontend

from .conftest import ATTEMPTS, GRANTS, Arena, Outcome, is_real, role_name

READ_ONLY = "-c default_transaction_read_only=on"


def _budget(attempt: Attempt) -> dict[str, Any]:
    return dict(GRANTS[attempt.grant].get("budgets", {}))


@contextlib.contextmanager
def _straight(arena: Arena, user: str, **parameters: str) -> Iterator[Frontend]:
    with arena.log_in(user, "straight", **parameters) as frontend:
        yield frontend


def _run(arena: Arena, attempt: Attempt, user: str, **parameters: str) -> Outcome:
    if arena.pg.version < attempt.since:
        pytest.skip(f"PostgreSQL {arena.pg.version} does not know it, {attempt.since} does")
    if 0 < attempt.until <= arena.pg.version:
        pytest.skip(f"PostgreSQL {arena.pg.version} refuses it itself, {attempt.until - 1} does not")
    with _straight(arena, user, **parameters) as frontend:
        outcome = arena.run(frontend, attempt, attempt.ways[0], database="straight")
    if outcome.changed:
        arena.restore("straight")
    return outcome


@pytest.mark.parametrize(
    "attempt", [each for each in ATTEMPTS if not each.unproven], ids=lambda each: each.id
)
def test_attempt_is_real(arena, attempt):
    """An attempt that could do no harm proves nothing: run as the upstream user, it changes or shows
    something.
    """
    if "exceeds" in attempt.flags:
        pytest.skip("a budget is exceeded by construction: test_budgets_are_exceeded")
    outcome = _run(arena, attempt, "app_password")
    assert is_real(attempt, outcome), [each.fields for answer in outcome.answers for each in answer.errors]


@pytest.mark.parametrize(
    "attempt", [each for each in ATTEMPTS if "exceeds" in each.flags], ids=lambda each: each.id
)
def test_budgets_are_exceeded(arena, attempt):
    """Straight at the server, the attempt has more rows, bytes, statements or time than its budget."""
    budget = _budget(attempt)
    if "wall_time" in budget:
        pytest.skip("the statements say how long they sleep")
    outcome = _run(arena, attempt, "app_password")
    assert not any(answer.errors for answer in outcome.answers)
    rows = sum(answer.rows for answer in outcome.answers)
    texts = sum(each.kind == b"C" for answer in outcome.answers for each in answer.messages)
    assert (
        rows > budget.get("rows", rows)
        or len(outcome.content) > 65536 >= budget.get("bytes", "z" * 9).count("64KiB") * 65536 > 0
        or texts > budget.get("statements", texts)
    )


@pytest.mark.parametrize("attempt", [each for each in ATTEMPTS if each.belt], ids=lambda each: each.id)
def test_read_only_session_stops_it(arena, attempt):
    """The belt alone: with default_transaction_read_only=on and no gateway, nothing is changed."""
    outcome = _run(arena, attempt, "app_password", options=READ_ONLY)
    assert not outcome.changed


@pytest.mark.parametrize("attempt", [each for each in ATTEMPTS if each.role], ids=lambda each: each.id)
def test_role_stops_it(arena, attempt):
    """The role alone: with the grant's privileges and no gateway, nothing is changed and nothing shown."""
    outcome = _run(arena, attempt, role_name(attempt.grant))
    assert not is_real(attempt, outcome)
    assert not outcome.changed


def test_counts(capsys):
    """The suite shrank unnoticed: at least 250 attempts, and the belt's part in them is printed."""
    counts = {
        "attempts": len(ATTEMPTS),
        "shown to be real": sum(not each.unproven for each in ATTEMPTS),
        "stopped by a read-only session alone": sum(each.belt for each in ATTEMPTS),
        "stopped by a role alone": sum(each.role for each in ATTEMPTS),
    }
    with capsys.disabled():
        print("\n" + ", ".join(f"{count} {what}" for what, count in counts.items()))  # noqa: T201
    assert len({each.id for each in ATTEMPTS}) == len(ATTEMPTS)
    assert all(each.grant in GRANTS for each in ATTEMPTS)
    assert all(each.bug for each in ATTEMPTS)
    assert counts["attempts"] >= 250
    assert counts["shown to be real"] >= 250
    assert counts["stopped by a read-only session alone"] >= 100
    assert counts["stopped by a role alone"] >= 100
