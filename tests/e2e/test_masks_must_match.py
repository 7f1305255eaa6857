"""H12: what of a policy matches nothing at the target, and `masks_must_match`, which lets nobody in by it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.postgres import ThrowAwayPostgres
from support.frontend import Frontend, Message
from support.wait import audit_events, wait_for_audit

OBJECTS = """
set role app;
create table people (id int, email text);
create table events (id int, ip text) partition by range (id);
create table events_1 partition of events for values from (0) to (100);
create table parent (id int);
create table child (extra text) inherits (parent);
create view faces as select id, email from people;
create function visible(int) returns int language sql as 'select $1';
"""
MATCH: dict[str, dict[str, str]] = {
    "plain": {"public.people.email": "null"},
    "partition-and-parent": {"public.events.ip": "null", "public.events_1.ip": "partial"},
    "view": {"public.people.email": "null", "public.faces.email": "null"},
    "child": {"public.child.extra": "null"},
}
MISS: dict[str, dict[str, str]] = {
    "relation": {"public.peple.email": "null"},
    "column": {"public.people.mail": "null"},
    "schema": {"publik.people.email": "null"},
    "case": {'public."People".email': "null"},
    "column-of-view": {"public.faces.mail": "null"},
    "column-of-child": {"public.parent.extra": "null"},
    "one-of-several": {"public.people.email": "null", "public.people.mail": "null"},
    "later": {"public.later.email": "null"},
}
RULES = {
    "actions": [
        "read-only on public.* except public.secrts",
        "insert on public.peple, public.people",
        "ddl on staging.*",
        "call public.visible, public.invisible, pg_catalog.pg_slep, app.*",
    ],
    "deny": [
        "call public.hiden, public.visible",
        "update on public.leger, *.pg_class, pub*.pe_ple, p*c.people",
    ],
}


@pytest.fixture(scope="module")
def target() -> Iterator[ThrowAwayPostgres]:
    """A server with what the masks name, or nearly."""
    with ThrowAwayPostgres(settings={"autovacuum": "off"}) as pg:
        made = pg.psql(OBJECTS, database="orders")
        assert made.ok, made.err
        yield pg


@pytest.fixture(scope="module")
def gateway(target: ThrowAwayPostgres, issuer: Any) -> Iterator[RunningGateway]:
    policies = [{"name": "rules", "groups": ["rules"], "targets": ["orders"], **RULES}]
    for strict in (True, False):
        for name, masks in (MATCH | MISS).items():
            group = f"{name}{'' if strict else '-lax'}"
            policies.append(
                {
                    "name": group,
                    "groups": [group],
                    "targets": ["orders"],
                    "actions": ["read-only"],
                    "masks": masks,
                    "masks_must_match": strict,
                }
            )
    with RunningGateway(target, issuer.issuer, settings={"policies": policies}) as running:
        yield running


@pytest.fixture(scope="module")
def enter(gateway: RunningGateway, issuer: Any) -> Callable[[str], Frontend]:
    """A session of a group's policy."""

    def connect(group: str) -> Frontend:
        frontend = Frontend(gateway.host, gateway.port)
        frontend.login(issuer.token(issuer.client(groups=[group], ttl_s=3600).cid), ca=gateway.ca)
        return frontend

    return connect


def refused(gateway: RunningGateway, issuer: Any, group: str) -> Message:
    """The FATAL of a login that must fail, with all its fields."""
    frontend = Frontend(gateway.host, gateway.port)
    heard: list[Message] = []
    read = frontend.read

    def noting() -> Message:
        heard.append(read())
        return heard[-1]

    frontend.read = noting  # type: ignore[method-assign]
    with frontend, pytest.raises(ConnectionError):
        frontend.login(issuer.token(issuer.client(groups=[group], ttl_s=3600).cid), ca=gateway.ca)
    assert not [each for each in heard if each.kind in (b"S", b"K", b"Z")], "it was welcomed first"
    return heard[-1]


@pytest.mark.parametrize("name", MATCH)
def test_masks_that_match_let_a_session_in(gateway, enter, name):
    """H12: no false refusal, and no false word: a mask on a partition beside one on its parent was told as
    one that matches nothing.
    """
    with enter(name) as frontend:
        assert frontend.rows("select 'al' || 'ive'") == [("alive",)]
    assert not audit_events(gateway, "policy.unmatched", policy=name)


@pytest.mark.parametrize("name", MISS)
def test_a_mask_that_matches_nothing_lets_nobody_in(gateway, issuer, enter, name):
    """H12: a slip of the pen in a mask showed the column to everybody, with a line in the log."""
    missing = {"later": "public.later.email"}.get(name) or next(
        key.replace('"', "") for key in MISS[name] if key != "public.people.email"
    )
    error = refused(gateway, issuer, name)
    assert error.fields["S"] == "FATAL"
    assert error.sqlstate == "42501"
    assert missing in error.fields["D"]
    assert error.fields["D"].endswith("code: masks_unmatched")
    assert "operators" in error.fields["H"]
    told = wait_for_audit(gateway, "policy.unmatched", policy=name)
    assert told["reason"] == f"mask {missing}"
    ended = wait_for_audit(gateway, "session.ended", session=told["session"])
    assert ended["code"] == "42501"
    assert ended["reason"] == f"masks_unmatched: {missing}"
    assert not audit_events(gateway, "session.started", session=told["session"])
    with enter(f"{name}-lax") as frontend:
        assert frontend.rows("select 1") == [("1",)]
    assert wait_for_audit(gateway, "policy.unmatched", policy=f"{name}-lax")["reason"] == f"mask {missing}"


def test_the_relation_comes_and_goes(gateway, target, issuer, enter):
    """H12: a relation that is made later, made anew under another name, and one whose column is renamed,
    while a session lives. Whoever was let in does not read on.
    """

    def run(sql: str) -> None:
        done = target.psql(sql, database="orders")
        assert done.ok, done.err

    assert refused(gateway, issuer, "later").sqlstate == "42501"
    run("set role app; create table later (id int, email text); insert into later values (1, 'ada@x')")
    with enter("later") as frontend, enter("later-lax") as lax:
        assert frontend.rows("select * from later") == [("1", None)]
        assert lax.rows("select * from later") == [("1", None)]
        run("alter table later rename to latest")
        assert frontend.rows("select * from latest") == [("1", None)], "the mask goes by OID"
        run("alter table latest rename to later; alter table later rename column email to mail")
        (error,) = [each for each in frontend.query("select mail from later") if each.kind == b"E"]
        assert error.fields["S"] == "FATAL"
        assert error.fields["D"].endswith("code: masks_unmatched")
        assert [each.sqlstate for each in lax.query("select mail from later") if each.kind == b"E"] == [
            "42501"
        ]
    assert refused(gateway, issuer, "later").sqlstate == "42501"
    run("alter table later rename column mail to email")
    with enter("later") as frontend:
        assert frontend.rows("select * from later") == [("1", None)]
        run("create table copied as select * from later; drop table later")
        (error,) = [each for each in frontend.query("select email from copied") if each.kind == b"E"]
        assert error.fields["D"].endswith("code: masks_unmatched")
    run("drop table copied")


def test_rules_that_match_nothing_are_told(gateway, enter):
    """H12: slips in allow rules, in what they leave out, and in functions were heard of by nobody."""
    with enter("rules"):
        pass
    told = wait_for_audit(gateway, "policy.unmatched", policy="rules")
    assert set(told["reason"].split(", ")) == {
        "except public.secrts",
        "allow public.peple",
        "allow call public.invisible",
        "allow call pg_catalog.pg_slep",
        "allow call app.*",
        "deny call public.hiden",
        "deny public.leger",
        "deny *.pg_class",
        "deny pub*.pe_ple",
    }
    assert "policy rules: what matches nothing in orders/orders" in gateway.log


def test_a_reload_that_asks_for_it(target, issuer):
    """H12: live sessions go on as they were until they connect again: they end, as for a new mask."""
    policy = {
        "name": "typo",
        "groups": ["typo"],
        "targets": ["orders"],
        "actions": ["read-only"],
        "masks": {"public.peple.email": "null"},
    }
    token = issuer.token(issuer.client(groups=["typo"], ttl_s=3600).cid)
    with RunningGateway(target, issuer.issuer, settings={"policies": [policy]}) as gateway:
        with Frontend(gateway.host, gateway.port) as frontend:
            frontend.login(token, ca=gateway.ca)
            assert frontend.rows("select 1") == [("1",)]
            gateway.configure({"policies": [{**policy, "masks_must_match": True}]})
            gateway.reload()
            assert frontend.until(b"E")[-1].sqlstate == "57P01"
        again = gateway.psql(token, "orders", "select 1")
        assert again.code == 2
        assert "masks_unmatched" in again.err
