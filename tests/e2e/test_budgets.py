"""Budgets over the life of a grant: what is used up stays so, over sessions, stops and crashes."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hoopwire.demo.gateway import RunningGateway
from support.frontend import Frontend, query
from support.wait import wait_for, wait_for_audit

BUDGETS: dict[str, dict[str, Any]] = {
    "ten-rows": {"rows": 10},
    "one-statement": {"statements": 1},
    "a-minute": {"wall_time": "1m"},
}


def _policy(name: str, **changes: Any) -> dict[str, Any]:
    policy = {"name": name, "groups": [name], "targets": ["orders"], "actions": ["query"]}
    return policy | {"budgets": BUDGETS[name]} | changes


@pytest.fixture
def own(pg, issuer):
    """A gateway of the test's own: these tests stop it."""
    with RunningGateway(pg, issuer.issuer, settings={"policies": [_policy(name) for name in BUDGETS]}) as own:
        yield own
        assert "panic" not in own.log.lower(), own.log[-4000:]


@pytest.fixture
def token(issuer):
    """A new agent's token, by the name of its policy."""
    return lambda name: issuer.token(issuer.client(groups=[name], ttl_s=3600).cid)


@pytest.fixture
def secret(own, token):
    """A new explicit grant's id and secret, by the name of its policy."""

    def mint(name: str) -> tuple[str, str]:
        answer = own.mint(token(name), target="orders").json()
        return answer["grant"]["id"], answer["secret"]

    return mint


def _rows(own: RunningGateway, secret: str, count: int) -> tuple[int, str]:
    """Rows that a session of its own got of so many, and its error."""
    done = own.psql(secret, "orders", f"copy (select n from generate_series(1, {count}) n) to stdout")
    return len(done.out.split()), done.err


def _written(own: RunningGateway, grant: str, column: str, least: float) -> float:
    """What the store has of a budget, once it is at least so much: a crash leaves no less."""
    with closing(sqlite3.connect(Path(own.settings["gateway"]["state"]) / "hoopwire.sqlite")) as store:
        asked = f"select {column} from used where grant_id = ?"
        found = wait_for(
            lambda: [row for row in store.execute(asked, (grant,)) if row[0] >= least],
            f"{column} of at least {least} in the store",
        )
    return float(found[0][0])


def _shown(own: RunningGateway, grant: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(own.hoopwire("grants", "show", grant, "--json").out)["grant"]
    return shown


def _live(own: RunningGateway, secret: str) -> Frontend:
    frontend = Frontend(own.host, own.port)
    frontend.login(secret, ca=own.ca)
    return frontend


def test_a_used_up_grant_admits_nobody(own, token):
    """It stayed active: listed as such, and each new session of it could do nothing but be refused."""
    used = token("ten-rows")
    assert _rows(own, used, 10) == (10, "")
    event = wait_for_audit(own, "grant.exhausted")
    assert (event["by"], event["code"]) == ("budget", "budget_rows")
    count, error = _rows(own, used, 1)
    assert count == 0
    assert "this access token has already been used" in error
    assert f"It bought grant {event['grant']}, which was used up at" in error
    listed = json.loads(own.hoopwire("grants", "list", "--state", "exhausted", "--json").out)
    assert [(grant["id"], grant["budget"]) for grant in listed] == [(event["grant"], {"rows": [10, 10]})]
    table = own.hoopwire("grants", "list", "--state", "exhausted").out
    assert "rows 10/10" in table
    shown = own.hoopwire("grants", "show", event["grant"]).out
    assert "by budget: the budget rows is used up: 10 of 10" in shown
    assert "used     rows 10/10" in shown


def test_a_secret_of_a_used_up_grant(own, secret):
    grant, used = secret("one-statement")
    assert _rows(own, used, 3) == (3, "")
    wait_for_audit(own, "grant.exhausted", grant=grant)
    _, error = _rows(own, used, 1)
    assert f"grant {grant} was used up at" in error
    assert "The budget statements is used up: 1 of 1." in error


def test_live_sessions_of_a_used_up_grant_finish_what_they_may(own, secret, pg):
    """The one statement of the budget runs on while the grant ends; then the session is refused, not cut."""
    grant, used = secret("one-statement")
    with _live(own, used) as busy, _live(own, used) as idle:
        busy.send(query("select pg_sleep(4)"))
        wait_for_audit(own, "grant.exhausted", grant=grant)
        refused = idle.query("select 1")
        assert (refused[0].sqlstate, refused[-1].kind) == ("54000", b"Z")
        assert "Used 1 of 1 (statements)" in refused[0].fields["D"]
        assert "new grant" in refused[0].fields["H"]
        with Frontend(own.host, own.port) as newcomer, pytest.raises(ConnectionError, match="was used up at"):
            newcomer.login(used, ca=own.ca)
        assert [reply.kind for reply in busy.until(b"Z")] == [b"T", b"D", b"C", b"Z"]
        assert busy.query("select 1")[0].sqlstate == "54000"
    assert _shown(own, grant)["state"] == "exhausted"


@pytest.mark.parametrize("way", ["stop", "crash after the session", "crash in the session"])
def test_a_restart_filled_the_budgets_up_again(own, secret, way):
    """What was used was in the engine's memory only: ten rows, a restart, and ten more by the same secret."""
    grant, used = secret("ten-rows")
    if way == "crash in the session":
        frontend = _live(own, used)
        assert len(frontend.rows("select generate_series(1, 6)")) == 6
        _written(own, grant, "rows", 6)
        own.kill9()
        frontend.close()
    else:
        assert _rows(own, used, 6) == (6, "")
        if way == "stop":
            assert own.stop() == 0
        else:
            _written(own, grant, "rows", 6)
            own.kill9()
    own.start()
    assert _shown(own, grant)["budget"] == {"rows": [6, 10]}
    count, error = _rows(own, used, 10)
    assert count == 4
    assert "has used up its budget: rows" in error
    wait_for(lambda: _shown(own, grant)["state"] == "exhausted", "the grant is used up")
    own.kill9()
    own.start()
    count, error = _rows(own, used, 10)
    assert (count, f"grant {grant} was used up at" in error) == (0, True)


def test_a_crash_gave_back_the_time_of_a_statement_that_ran(own, secret):
    """A statement's time was counted when it ended: what a crash cut short had run for nothing."""
    grant, used = secret("a-minute")
    frontend = _live(own, used)
    began = time.monotonic()
    frontend.send(query("select pg_sleep(300)"))
    written = _written(own, grant, "wall_time_s", 2)
    own.kill9()
    ran_s = time.monotonic() - began
    frontend.close()
    own.start()
    time_s, limit_s = _shown(own, grant)["budget"]["wall_time_s"]
    assert limit_s == 60
    assert int(written) <= time_s <= ran_s


def test_smaller_budgets_are_final_and_larger_ones_are_for_new_grants(own, token):
    """A reload that raises a budget again brings no grant back that was used up under the smaller one."""
    used = token("ten-rows")
    assert _rows(own, used, 6) == (6, "")
    others = [_policy(name) for name in BUDGETS if name != "ten-rows"]
    own.configure({"policies": [_policy("ten-rows", budgets={"rows": 5}), *others]})
    assert own.hoopwire("reload").ok
    _, error = _rows(own, used, 1)
    assert "was used up at" in error
    wait_for_audit(own, "grant.exhausted", reason="the budget rows is used up: 6 of 5")
    own.configure({"policies": [_policy("ten-rows", budgets={"rows": 50}), *others]})
    assert own.hoopwire("reload").ok
    _, error = _rows(own, used, 1)
    assert "was used up at" in error
    assert _rows(own, token("ten-rows"), 20) == (20, "")
