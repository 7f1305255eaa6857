"""`check --online` against a real target and a running gateway: N6."""

import json

import pytest

from hoopwire.demo.gateway import RunningGateway
from support.wait import wait_for


@pytest.fixture
def own(pg, issuer):
    with RunningGateway(pg, issuer.issuer) as running:
        yield running


def tried(gateway: RunningGateway) -> tuple[int, list[dict]]:
    done = gateway.hoopwire("check", "--online", "--json")
    assert done.code in (0, 1), done.err
    return done.code, json.loads(done.out)["trials"]


def test_a_gateway_that_runs_is_found_sound(own):
    """Its own ports were taken: by itself, which is no fault (N6)."""
    code, trials = tried(own)
    assert code == 0, trials
    found = {trial["tried"]: trial["found"] for trial in trials}
    assert found[f"listen at 127.0.0.1:{own.port}"] == "is held by the gateway that runs"
    assert found["login as app to orders"].startswith("PostgreSQL ")
    # Nobody is disturbed; one that has just started looks around first.
    wait_for(lambda: own.hoopwire("status").ok, "the gateway is ready")


def test_each_fault_of_a_target_is_named(own, pg):
    """A wrong port, password, database, CA or name of a target showed at the first login (N6)."""
    good = own.settings["targets"]["orders"]
    (own.directory / "wrong.password").write_text("not this one")
    (own.directory / "wrong.password").chmod(0o600)
    targets = {
        "name": {**good, "server_name": "other.example.com"},
        "ca": {**good, "ca": str(own.ca)},
        "password": {**good, "credential": {"file": "wrong.password"}},
        "user": {**good, "user": "nobody_here"},
        "database": {**good, "databases": ["orders", "oders"]},
        "roles": {**good, "role": "ephemeral"},
    }
    policy = {"name": "p", "groups": ["g"], "targets": [*targets], "actions": ["read-only"]}
    own.configure({"targets": targets, "policies": [*own.settings["policies"], policy]})
    code, trials = tried(own)
    assert code == 1
    failed = {trial["setting"]: trial for trial in trials if trial["result"] == "FAILED"}
    assert set(failed) == {
        "targets.name.server_name",
        "targets.ca.ca",
        "targets.password.credential",
        "targets.user.credential",
        "targets.database.databases[1]",
        "targets.roles.role",
    }
    assert all(trial["to_do"] for trial in failed.values())
    assert pg.password() not in json.dumps(trials)


def test_a_masks_typo_is_named_with_what_was_meant(own):
    """A mask with a typo was valid, and its column in clear (N6, N5)."""
    policy = {
        "name": "masked",
        "groups": ["g"],
        "targets": ["orders"],
        "actions": ["read-only", "call public.no_such_function"],
        "deny": ["all on public.custmers"],
        "masks": {"public.customers.emial": "null", "public.customers.name": "null"},
    }
    own.configure({"policies": [policy]})
    code, trials = tried(own)
    assert code == 1
    told = {trial["tried"]: (trial["result"], trial["found"]) for trial in trials}
    assert told["mask public.customers.name in orders"] == ("ok", "is there")
    result, found = told["mask public.customers.emial in orders"]
    assert (result, "`public.customers.email`" in found) == ("FAILED", True)
    result, found = told["relation public.custmers in orders"]
    assert (result, "`public.customers`" in found) == ("warning", True)
    assert told["function public.no_such_function in orders"][0] == "warning"
