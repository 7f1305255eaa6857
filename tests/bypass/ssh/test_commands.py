"""Every line of commands.txt over the wire: refused with its code, nothing shown, nothing changed."""

from collections.abc import Iterator

import pytest

from support.ssh_attempts import ssh_attempts
from support.ssh_ground import SECRET
from support.ssh_raw import Channel, Raw

from .conftest import Command, Siege, commands

COMMANDS = commands()
INPUT = bytes(64)


@pytest.fixture(scope="module")
def runner(siege: Siege) -> Iterator[Raw]:
    """One connection for all of them: a refusal ends a command and not the connection."""
    with siege.raw("runner") as raw:
        yield raw


def shows(done: Channel) -> bool:
    return SECRET.encode() in done.out + done.err


@pytest.mark.parametrize("attempt", COMMANDS, ids=str)
def test_a_command_that_gets_past_its_grant(unharmed: Siege, runner: Raw, attempt: Command) -> None:
    mark = unharmed.log_bytes
    done = runner.run(attempt.at(unharmed.ground), INPUT)
    assert runner.ended is None
    assert (done.answers, done.status, done.out) == ([True], 126, b"")
    assert done.err.startswith(b"hoopwire: ")
    assert f"code: {attempt.code}" in done.err.decode()
    assert "exec" not in unharmed.heard(mark)


@pytest.mark.parametrize("attempt", [each for each in COMMANDS if each.is_real], ids=str)
def test_an_attempt_that_could_not_have_done_harm(siege: Siege, straight: Raw, attempt: Command) -> None:
    """Straight at the target each of them does what it set out to do."""
    if not attempt.can_run:
        pytest.skip("its program is not installed here")
    before = siege.ground.digest()
    try:
        done = straight.run(attempt.at(siege.ground), INPUT)
        harm = siege.ground.digest() != before or shows(done)
        assert harm, (done.status, done.out, done.err)
    finally:
        siege.ground.lay()


def test_what_a_grant_has_still_runs_among_all_that_was_refused(unharmed: Siege, runner: Raw) -> None:
    done = runner.run(unharmed.ground.text("cat @open@/a.txt"))
    assert (done.status, done.out) == (0, b"one 1\ntwo 2\nthree 3\n")


def test_the_table_has_many_kinds(siege: Siege) -> None:
    assert len(COMMANDS) >= 200
    assert len({each.kind for each in COMMANDS}) >= 20
    assert sum(each.is_real for each in COMMANDS) >= 140


def test_the_policys_own_table_over_the_wire(unharmed: Siege) -> None:
    """attempts.txt is decided without a wire elsewhere: on it the codes are the same."""
    with unharmed.raw("operator") as raw:
        mark = unharmed.log_bytes
        wrong = []
        count = 0
        for attempt in ssh_attempts():
            if attempt.grant != "operator" or not attempt.code or not attempt.action.startswith(b"exec"):
                continue
            count += 1
            done = raw.run(attempt.action.removeprefix(b"exec").removeprefix(b" "))
            if done.status != 126 or f"code: {attempt.code}" not in done.err.decode() or done.out:
                wrong.append((attempt.line, done.status, done.err))
        assert wrong == []
        assert count > 150
        raw.fence()
        assert "exec" not in unharmed.heard(mark)
