"""The client of the operators' API: a method for each verb, against a running gateway."""

import inspect
import socket
import threading
from typing import get_type_hints

import pytest
from tests.unit.cli.conftest import adjust, gateway  # noqa: F401 - fixtures

from hoopwire.client import AddressUnusable, Operators, Refused, Unreachable, Unreadable, request_grant
from hoopwire.control.operations import ROLES, Operations
from hoopwire.model.api import GrantRequest


@pytest.fixture
def running(gateway):  # noqa: F811
    return gateway


@pytest.fixture
def asks(running):
    return Operators(running.running.admin_socket, operator="eve")


def live(running, session):
    running.connect(running.issuer.token(running.issuer.client(groups=["data"]).cid), session)
    return running.engine.admitted[session][0].id


@pytest.mark.parametrize("verb", sorted(ROLES))
def test_each_verb_has_a_method_that_gives_what_the_verb_gives(verb):
    here, there = getattr(Operators, verb), getattr(Operations, verb)
    assert get_type_hints(here)["return"] is get_type_hints(there)["return"]


def test_no_method_is_without_its_verb():
    methods = inspect.getmembers(Operators, inspect.isfunction)
    assert {name for name, _ in methods if not name.startswith("_")} == set(ROLES)


def test_each_verb_is_done(running, asks):
    first, second, third = (live(running, f"s_{number}") for number in (1, 2, 3))
    assert {grant.id for grant in asks.grants().grants} == {first, second, third}
    assert asks.grants("revoked").grants == ()
    shown = asks.grant(first)
    assert (shown.grant.id, [session.session for session in shown.sessions]) == (first, ["s_1"])
    assert [session.session for session in asks.sessions().sessions] == ["s_1", "s_2", "s_3"]
    assert asks.statistics().engine.sessions == 3
    assert asks.end_session("s_1", reason="lunch").ended
    assert running.engine.revoked["s_1"].reason == "ended by operator:eve: lunch"
    assert [answer.found for answer in asks.end_sessions(["s_2", "s_nope"]).sessions] == [True, False]
    revoked = asks.revoke_grant(third, reason="over")
    assert (revoked.ended, revoked.grant.state, revoked.grant.ended_by) == (1, "revoked", "operator:eve")
    [locked] = asks.revoke_grants([second], reason="leaked", lock=True, for_s=60).grants
    assert locked.lock.until == locked.lock.at + 60
    made = asks.lock("cid:nobody", issuer="dev", reason="r", for_s=90)
    assert (made.lock.issuer, made.seen) == ("dev", False)
    assert {lock.principal for lock in asks.locks().locks} == {"cid:nobody", locked.lock.principal}
    assert [lock.principal for lock in asks.unlock("cid:nobody", issuer="dev").lifted] == ["cid:nobody"]
    assert len(asks.locks().locks) == 1
    assert len(asks.locks(lifted=True).locks) == 2
    assert asks.reload().cut == 0


def test_a_refusal_has_code_and_words(asks):
    with pytest.raises(Refused) as refused:
        asks.grant("g_nope")
    error = refused.value
    assert (error.code, error.title, error.detail) == ("grant_unknown", "no such grant", "")
    assert error.status == 404
    assert error.hint == "hoopwire grants list shows them."
    with pytest.raises(Refused) as refused:
        asks.lock("nobody")
    assert (refused.value.code, refused.value.detail) == ("principal_malformed", "It is 'nobody'.")


def test_an_id_is_one_part_of_the_path(asks):
    """`../sessions` as an id must not become another path."""
    for id in ("../sessions", "x/revoke", "?state=active", "g_1#"):
        with pytest.raises(Refused) as refused:
            asks.grant(id)
        assert refused.value.code in ("path_malformed", "grant_unknown")


def test_nobody_there(tmp_path):
    with pytest.raises(Unreachable, match="not running"):
        Operators(str(tmp_path / "none.sock")).sessions()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("200 OK", b"{}"),
        ("200 OK", b'{"sessions":[{"session":1}]}'),
        ("200 OK", b"hello"),
        ("500 Oops", b"<html>"),
        ("404 Not Found", b"[]"),
        ("200 OK", b"[" * 100_000),
    ],
)
def test_an_answer_that_is_none(tmp_path, status, body):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def answer():
            peer, _ = listening.accept()
            with peer:
                peer.recv(65536)
                head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
                peer.sendall(head.encode() + body)

        serving = threading.Thread(target=answer)
        serving.start()
        with pytest.raises(Unreadable):
            Operators(str(path)).sessions()
        serving.join(60)


@pytest.mark.parametrize("url", ["http://gw:8443", "gw", "https://[::1"])
def test_a_token_goes_to_no_other_place_than_an_https_url(url):
    with pytest.raises(AddressUnusable):
        request_grant(url, "token", GrantRequest(target="orders"), ca=None)
