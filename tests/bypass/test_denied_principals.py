"""Attempts to get in by those who are denied or locked: every shape of asking, every guise.

I1, I2: a client that a policy shut out asked for something else and got in by its group's policy; a revoked
one asked for a new token. Nothing here may open a session or buy a grant, or tell what else there is.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from support.frontend import Frontend

ALLOWED = {"name": "agents", "groups": [GROUP], "targets": ["orders/*", "secrets"], "actions": ["query"]}


@pytest.fixture(scope="module")
def denied(issuer) -> str:
    """A client that a policy denies everything."""
    return issuer.client(groups=[GROUP], ttl_s=3600).cid


@pytest.fixture(scope="module")
def locked(issuer) -> str:
    """A client that operators have locked."""
    return issuer.client(groups=[GROUP], ttl_s=3600).cid


@pytest.fixture(scope="module")
def partly(issuer) -> str:
    """A client that is denied one database."""
    return issuer.client(groups=[GROUP], ttl_s=3600).cid


@pytest.fixture(scope="module")
def own(pg, issuer, denied: str, locked: str, partly: str) -> Iterator[RunningGateway]:
    """A gateway with a policy for their group, and what shuts them out before it."""
    out = {"effect": "deny", "targets": ["*"]}
    policies = [
        {"name": "out", "principals": [f"cid:{denied.upper()}"], **out},
        {"name": "no-analytics", "principals": [f"cid:{partly}"], **out, "targets": ["orders/analytics"]},
        ALLOWED,
    ]
    with RunningGateway(pg, issuer.issuer, settings={"policies": policies}) as own:
        done = own.hoopwire("principals", "lock", f"cid:{locked.upper()}", "--reason", "compromised")
        assert done.code == 0, done
        yield own
        assert "panic" not in own.log.lower(), own.log[-4000:]


TARGETS = (
    "orders",
    "orders/orders",
    "orders/analytics",
    "orders/",
    "orders//",
    "orders/*",
    "orders/nowhere",
    "Orders",
    " orders",
    "orders ",
    "orders\u200b",
    "secrets",
    "secrets/secrets",
    "nowhere",
    "*",
    "/",
)
WISHES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "any statement": {"actions": ["query"]},
    "less than the policy": {"actions": ["select on public.orders"]},
    "more than the policy": {"actions": ["query", "replication", "function-call"]},
    "the shortest time": {"ttl": 30},
    "a longer time than any": {"ttl": "1h"},
    "a time as text": {"ttl": "10m"},
    "no time": {"ttl": 0},
    "a task and a purpose": {"task": "t", "purpose": "p"},
    "a renewal of nothing": {"renews": "g_00000000000000000000000000"},
    "null for all": {"actions": None, "ttl": None},
    "no action": {"actions": []},
    "nonsense": {"actions": ["everything on *.*"]},
}


@pytest.mark.parametrize("who", ["denied", "locked"])
@pytest.mark.parametrize("wish", WISHES)
def test_no_request_buys_a_grant(own, issuer, request, who: str, wish: str) -> None:
    token = issuer.token(request.getfixturevalue(who))
    for target in TARGETS:
        answer = own.mint(token, target=target, **WISHES[wish])
        assert answer.status_code in (400, 403, 422), (target, answer.text)
        assert "secret" not in answer.json()
        assert "agents" not in answer.text, "what is granted to others is not told"
        if who == "locked" and answer.status_code != 400:
            assert answer.json()["code"] == "principal_locked", (target, answer.text)


@pytest.mark.parametrize("who", ["denied", "locked"])
@pytest.mark.parametrize(
    "database",
    ["orders", "orders/orders", "orders/analytics", "orders/", "secrets", "nowhere", "replication"],
)
@pytest.mark.parametrize("parameters", [{}, {"replication": "database"}, {"application_name": "x"}])
def test_no_login_opens(own, issuer, request, who: str, database: str, parameters: dict[str, str]) -> None:
    token = issuer.token(request.getfixturevalue(who))
    with Frontend(own.host, own.port) as frontend, pytest.raises(ConnectionError, match=r"^28000 "):
        frontend.login(token, ca=own.ca, database=database, **parameters)


def test_many_tokens_at_once_are_all_refused(own, issuer, locked: str) -> None:
    """Each with its own token id: the ledger knows none of them."""
    answers = [own.mint(issuer.token(locked), target="orders") for _ in range(20)]
    assert {answer.json()["code"] for answer in answers} == {"principal_locked"}


def test_one_denied_database_is_shut_in_every_grant(own, issuer, partly: str) -> None:
    """A grant on the target opened the denied database by the way, for `\\c`."""
    minted = own.mint(issuer.token(partly), target="orders").json()
    assert minted["grant"]["databases"] == ["orders"]
    for credential in (minted["secret"], issuer.token(partly)):
        assert own.psql(credential, "orders", "select 1").out == "1"
        assert own.psql(credential, "orders/analytics", "select 1").code == 2
    renewed = own.mint(
        issuer.token(partly), target="orders", renews=minted["grant"]["id"], actions=["query"]
    ).json()
    assert renewed["grant"]["databases"] == ["orders"]
    assert own.mint(issuer.token(partly), target="orders/analytics").json()["code"] == "policy_denies"


def test_somebody_else_is_not_shut_out(own, issuer) -> None:
    """An oracle of the tests above: what they ask for is there."""
    other: Callable[[], str] = lambda: issuer.token(issuer.client(groups=[GROUP]).cid)  # noqa: E731
    assert own.mint(other(), target="orders").status_code == 201
    assert own.psql(other(), "orders/analytics", "select 1").out == "1"
