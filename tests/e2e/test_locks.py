"""Revoking and locking with the real gateway, psql and the operators' commands: H14, I1, R1."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from support.frontend import Frontend, query
from support.wait import audit_events, wait_for, wait_for_audit, wait_for_audits


@pytest.fixture
def own(pg, issuer) -> Iterator[RunningGateway]:
    """A gateway of the test's own: these tests stop it, hold its store, lock its principals."""
    with RunningGateway(pg, issuer.issuer) as own:
        yield own
        assert "panic" not in own.log.lower(), own.log[-4000:]
        assert "Traceback" not in own.log, own.log[-4000:]


@pytest.fixture
def client(issuer):
    """A new agent's client id."""
    return issuer.client(groups=[GROUP], ttl_s=3600).cid


def logged_in(own: RunningGateway, token: str) -> Frontend:
    frontend = Frontend(own.host, own.port)
    frontend.login(token, ca=own.ca)
    return frontend


@contextmanager
def held(own: RunningGateway) -> Iterator[None]:
    """Another process has the store: nothing can be written."""
    path = Path(own.settings["gateway"]["state"]) / "hoopwire.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def grant_of(own: RunningGateway) -> str:
    [session, *_] = json.loads(own.hoopwire("sessions", "list", "--json").out)
    grant: str = session["grant"]
    return grant


def test_a_compromised_agent(own, issuer, client, pg):
    """I1: after `grants revoke` it asked for a new token and was back; the text even told it to."""
    with logged_in(own, issuer.token(client)) as idle, logged_in(own, issuer.token(client)) as busy:
        idle.query("select 1")
        sql = "select pg_sleep(60), 'locked out'"
        busy.send(query(sql))
        wait_for(
            lambda: "locked out" in pg.psql("select string_agg(query, ',') from pg_stat_activity").out, ""
        )
        done = own.hoopwire("grants", "revoke", grant_of(own), "--lock", "--reason", "leaked", "--json")
        assert done.code == 0, done
        [answer] = json.loads(done.out)
        assert (answer["ended"], answer["left"], answer["kept"]) == (2, [], "store")
        assert answer["lock"]["principal"] == f"cid:{client}"
        # It has answered: nothing of it lives, here or at the target.
        assert json.loads(own.hoopwire("sessions", "list", "--json").out) == []
        for frontend in (idle, busy):
            last = frontend.until(b"E")[-1]
            assert last.sqlstate == "57P01"
            assert "connect again" not in last.fields.get("H", "").lower().replace(
                "before you connect again", ""
            )
            assert frontend.rest() == b""
    refused = own.psql(issuer.token(client), "orders", "select 1")
    assert refused.code == 2
    assert "is locked by the operators of this gateway, do not retry" in refused.err
    assert "leaked" not in refused.err
    minted = own.mint(issuer.token(client), target="orders")
    assert (minted.status_code, minted.json()["code"]) == (403, "principal_locked")
    [denied] = wait_for_audits(own, "session.denied", 1, code="principal_locked")
    assert "leaked" in denied["reason"]
    own.reload()
    wait_for_audit(own, "gateway.reloaded")
    own.stop()
    own.start()
    assert "do not retry" in own.psql(issuer.token(client), "orders", "select 1").err
    assert own.psql(issuer.token(issuer.client(groups=[GROUP]).cid), "orders", "select 1").out == "1"
    listed = own.hoopwire("principals", "list")
    assert f"cid:{client}" in listed.out
    assert "leaked" in listed.out
    assert own.hoopwire("principals", "unlock", f"cid:{client}", "--reason", "rotated").code == 0
    assert own.psql(issuer.token(client), "orders", "select 1").out == "1"
    assert own.hoopwire("principals", "list").out == "No locks."
    assert "rotated" in wait_for_audit(own, "principal.unlocked")["reason"]


def test_a_lock_ends_sessions_and_holds_secrets(own, issuer, client):
    """H14: whatever the principal holds, from the moment that the command has answered."""
    secret = own.mint(issuer.token(client), target="orders").json()["secret"]
    with logged_in(own, secret) as live:
        live.query("select 1")
        done = own.hoopwire("principals", "lock", f"cid:{client}", "--for", "2h", "--reason", "odd queries")
        assert done.code == 0, done
        assert "1 session has ended" in done.out
        assert live.until(b"E")[-1].sqlstate == "57P01"
    assert "do not retry" in own.psql(secret, "orders", "select 1").err
    assert own.hoopwire("principals", "unlock", f"cid:{client}").code == 0
    assert own.psql(secret, "orders", "select 1").out == "1", "a lock holds; it does not revoke"


def test_the_words_of_the_commands(own, issuer, client):
    typo = own.hoopwire("principals", "lock", "cid:nobody-ever", "--reason", "r")
    assert typo.code == 0
    assert "is it spelled right?" in typo.out
    assert own.hoopwire("principals", "lock", "nobody", "--reason", "r").code == 1
    assert own.hoopwire("principals", "lock", f"cid:{client}").code == 2, "--reason is required"
    assert own.hoopwire("principals", "lock", f"cid:{client}", "--for", "2", "--reason", "r").code == 2
    assert own.hoopwire("principals", "lock", f"cid:{client}", "--issuer", "x", "--reason", "r").code == 1
    assert own.hoopwire("principals", "unlock", f"cid:{client}").code == 1
    assert own.hoopwire("grants", "revoke", "g_x", "--lock").code == 2
    with logged_in(own, issuer.token(client)):
        done = own.hoopwire("grants", "revoke", "g_typo", grant_of(own))
        assert done.code == 1
        assert "g_typo: no such grant" in done.err
        assert "1 session has ended" in done.out
        assert f"hoopwire principals lock cid:{client} --reason ..." in done.out


def test_a_revocation_while_the_store_is_held_outlives_a_kill(own, issuer, client):
    """R1: cut, acknowledged, not written; after a restart the revoked token logged in."""
    token = issuer.token(client)
    with logged_in(own, token) as live, held(own):
        live.query("select 1")
        grant = grant_of(own)
        done = own.hoopwire("grants", "revoke", grant, "--reason", "r")
        assert done.code == 0, done
        assert "in the journal" in done.out
        assert live.until(b"E")[-1].sqlstate == "57P01"
        assert "revoked (pending)" in own.hoopwire("grants", "list").out
        wait_for_audit(own, "store.not_kept", grant=grant)
        own.kill9()
        own.start()
        assert own.psql(token, "orders", "select 1").code == 2
    wait_for_audit(own, "store.kept_late", grant=grant)
    refused = own.psql(token, "orders", "select 1")
    assert "was revoked at" in refused.err
    assert "Ask the operators" in refused.err
    shown = json.loads(own.hoopwire("grants", "show", grant, "--json").out)["grant"]
    assert (shown["state"], shown["pending"], shown["ended_reason"]) == ("revoked", False, "r")


def test_a_reload_and_sigterm_while_the_store_is_held(own, issuer):
    """R2: six grants were cut one by one over a minute, and SIGTERM waited behind them."""
    tokens = [issuer.token(issuer.client(groups=[GROUP], ttl_s=3600).cid) for _ in range(6)]
    sessions = [logged_in(own, token) for token in tokens]
    grants = {row["grant"] for row in json.loads(own.hoopwire("sessions", "list", "--json").out)}
    assert len(grants) == 6
    policies = own.settings["policies"]
    with held(own):
        own.configure({"policies": [policies[0] | {"groups": ["nobody"]}]})
        own.reload()
        for session in sessions:
            assert session.until(b"E")[-1].sqlstate == "57P01"
            session.close()
        assert own.stop() == 0
        own.configure({"policies": policies})
        own.start()
        assert all(own.psql(token, "orders", "select 1").code == 2 for token in tokens)
    wait_for(lambda: len(audit_events(own, "store.kept_late")) >= 6, "the store has them")
    assert all("was revoked at" in own.psql(token, "orders", "select 1").err for token in tokens)


def test_a_deny_policy_ends_live_grants_and_lets_nobody_fall_through(own, issuer, client):
    """I2: `{actions:[query]}` or `{ttl: "10m"}` fell through to the group's policy."""
    deny = {
        "name": "shut-out",
        "effect": "deny",
        "principals": [f"cid:{client}"],
        "targets": ["*"],
        "reason": "under review",
    }
    with logged_in(own, issuer.token(client)) as live:
        live.query("select 1")
        own.configure({"policies": [deny, *own.settings["policies"]]})
        own.reload()
        assert live.until(b"E")[-1].sqlstate == "57P01"
    for wish in ({}, {"actions": ["query"]}, {"ttl": "10m"}, {"actions": ["read-only"], "ttl": 60}):
        for target in ("orders", "orders/analytics", "secrets", "nowhere"):
            answer = own.mint(issuer.token(client), target=target, **wish)
            assert (answer.status_code, answer.json()["code"]) == (403, "policy_denies"), (target, wish)
    refused = own.psql(issuer.token(client), "orders", "select 1")
    assert 'target "orders" is denied to you' in refused.err
    assert "under review" in refused.err
    checked = own.hoopwire("check", "--as", f"cid:{client}", "--groups", GROUP, "--target", "orders")
    assert checked.code == 1
    assert "+ shut-out" in checked.out
