"""What is said of logins and requests whose token was refused: the dev issuer, and the real verifier."""

import json
import ssl

import httpx
import pytest


@pytest.fixture
def cid(gateway):
    return gateway.issuer.client(groups=["data"]).cid


def audited(gateway, kind):
    events = [json.loads(line) for line in gateway.audit.getvalue().splitlines()]
    return [event for event in events if event["kind"] == kind]


def test_a_refused_login_is_named(gateway, cid):
    """I8: a token for another audience: the audit event had no iss, cid, jti and kid."""
    token = gateway.issuer.token(cid, aud="other", claims={"jti": "AT.1"})
    gateway.connect(token, "s_1")
    trust = ssl.create_default_context(cafile=str(gateway.folder / "gateway.crt"))
    answer = httpx.post(
        f"{gateway.url}/v1/grants",
        json={"target": "orders"},
        headers={"authorization": f"Bearer {token}"},
        verify=trust,
    )
    assert answer.status_code == 401
    named = {
        "iss": gateway.issuer.issuer,
        "cid": cid,
        "jti": "AT.1",
        "kid": gateway.issuer.signing_key.kid,
        "code": "wrong_audience",
    }
    gateway.settle(lambda: audited(gateway, "session.denied") and audited(gateway, "grant.denied"))
    for kind in ("session.denied", "grant.denied"):
        [event] = audited(gateway, kind)
        assert {name: event.get(name) for name in named} == named
    assert token not in gateway.audit.getvalue().decode()


def test_by_which_group_it_got_in(gateway, capsys):
    """I9: `grant.minted` and `grants show --json` had neither groups nor scopes nor where they come from."""
    known = gateway.issuer.client(groups=["other", "data"], scopes=["database"]).cid
    gateway.connect(gateway.issuer.token(known), "s_1")
    [minted] = audited(gateway, "grant.minted")
    expected = {
        "matched": ["group data"],
        "groups": ["other", "data"],
        "groups_source": "claim",
        "scopes": ["database"],
    }
    assert {name: minted.get(name) for name in expected} == expected
    capsys.readouterr()
    assert gateway.hoopwire("grants", "show", minted["grant"], "--json") == 0
    shown = json.loads(capsys.readouterr().out)["grant"]
    assert {name: shown.get(name) for name in expected} == expected
    assert gateway.hoopwire("grants", "show", minted["grant"]) == 0
    assert "by       group data (groups from claim)\n" in capsys.readouterr().out


def test_which_groups_were_not_enough(gateway):
    """I9's kin: an audit event of a denial by the policies did not say which groups the token had."""
    stranger = gateway.issuer.client(groups=["other"]).cid
    gateway.connect(gateway.issuer.token(stranger), "s_1")
    gateway.settle(lambda: audited(gateway, "session.denied"))
    [event] = audited(gateway, "session.denied")
    assert (event["code"], event["groups"], event["groups_source"]) == (
        "target_not_granted",
        ["other"],
        "claim",
    )
