"""Each verb of the operators has one role, and no caller gets a verb whose role it lacks."""

import inspect
import re
from pathlib import Path

import httpx
import pytest

from hoopwire.api.operators import operators_app
from hoopwire.control import operations
from hoopwire.control.files import StartError
from hoopwire.control.operations import EVERY_ROLE, ROLES, Operations, role_needed

VIEWED = {
    ("GET", "/v1/grants"),
    ("GET", "/v1/grants/{id}"),
    ("GET", "/v1/sessions"),
    ("GET", "/v1/principals/locks"),
    ("GET", "/v1/statistics"),
    ("GET", "/v1/status"),
}
ENDED = {
    ("POST", "/v1/grants/revoke"),
    ("POST", "/v1/grants/{id}/revoke"),
    ("POST", "/v1/sessions/end"),
    ("POST", "/v1/sessions/{id}/end"),
    ("POST", "/v1/principals/lock"),
}
SECURED = {("POST", "/v1/principals/unlock"), ("POST", "/v1/reload")}


def verbs(house):
    return Operations(house.parts, house.running.reload, spending=None)


def routes(app):
    return {(min(route.methods & {"GET", "POST"}), route.path) for route in app.routes}


def test_each_verb_is_in_the_table_and_nothing_else():
    methods = inspect.getmembers(Operations, inspect.isfunction)
    assert {name for name, _ in methods if not name.startswith("_")} == set(ROLES)


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (set(), set()),
        ({"viewer"}, VIEWED),
        ({"operator"}, ENDED),
        ({"security"}, SECURED),
        ({"viewer", "operator"}, VIEWED | ENDED),
        (EVERY_ROLE, VIEWED | ENDED | SECURED),
    ],
)
async def test_a_role_has_its_routes_and_no_others(house, roles, expected):
    assert routes(operators_app(verbs(house), roles)) == expected


async def test_what_a_role_has_not_does_not_answer(house):
    app = operators_app(verbs(house), {"viewer"})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        assert (await client.get("/v1/sessions")).status_code == 200
        assert (await client.post("/v1/reload")).status_code == 404
        assert (await client.post("/v1/sessions/end", json={"sessions": []})).status_code == 404


@pytest.mark.parametrize("verb", sorted(ROLES))
async def test_a_route_whose_verb_has_no_role_does_not_start(house, monkeypatch, verb):
    rest = {name: role for name, role in ROLES.items() if name != verb}
    monkeypatch.setattr(operations, "ROLES", rest)
    with pytest.raises(StartError, match=f"verb {verb} "):
        operators_app(verbs(house), EVERY_ROLE)


def test_what_is_no_verb_has_no_role():
    with pytest.raises(StartError):
        role_needed(Operations._grant)


async def test_every_route_is_among_the_answers_that_are_written_down(house):
    """answers.txt holds what each route says; one that nobody asks could say anything."""
    said = Path(__file__).with_name("answers.txt").read_text()
    for method, path in routes(operators_app(verbs(house), EVERY_ROLE)):
        asked = re.escape(path).replace(r"\{id\}", "[gs]_[0-9]+")
        assert re.search(rf"^{method} {asked}([ ?].*)?\n200 ", said, re.M), (method, path)
