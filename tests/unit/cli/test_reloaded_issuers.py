"""I20: a reload that changed `[issuers.x]`, even `agents`, dropped all keys: no login while it was down."""

import itertools

import pytest


@pytest.fixture
def token(gateway):
    """Makes tokens of one client; the gateway has the issuer's keys by then, and the issuer is down."""
    cid = gateway.issuer.client(groups=["data"], scopes=["database"]).cid
    gateway.connect(gateway.issuer.token(cid), "s_first")
    assert "s_first" in gateway.engine.admitted
    gateway.issuer.fail_jwks(503)
    return lambda: gateway.issuer.token(cid)


@pytest.mark.parametrize(
    "change",
    [
        {"agents": ["0oaOther"]},
        {"required_scope": "database"},
        {"algorithms": ["RS256", "ES256"]},
        {"groups": {"source": "claim", "claim": "groups"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_keys_of_unchanged_trust_stay(gateway, token, change):
    """I20, with each setting that is not about whose keys they are."""
    gateway.settings["issuers"]["dev"] |= change
    gateway.write()
    assert gateway.hoopwire("reload") == 0
    gateway.connect(token(), "s_1")
    assert "s_1" in gateway.engine.admitted


def test_another_audience_too(gateway, token):
    """The verifier is made anew for it as well."""
    gateway.settings["gateway"]["audience"] = "other"
    gateway.write()
    assert gateway.hoopwire("reload") == 0
    gateway.connect(token(), "s_1")
    assert gateway.engine.refused["s_1"].reason == "wrong_audience"


def test_keys_of_another_trust_do_not_stay(gateway, token):
    """Keys that were found by another CA or kind of provider are not what the new settings stand for."""
    gateway.settings["issuers"]["dev"] |= {"kind": "oidc"}
    gateway.write()
    assert gateway.hoopwire("reload") == 0
    gateway.connect(token(), "s_1")
    assert gateway.engine.refused["s_1"].reason == "keys_unavailable"
    gateway.issuer.fail_jwks(None)
    sessions = (f"s_again_{number}" for number in itertools.count())

    def gets_in():
        session = next(sessions)
        gateway.connect(token(), session)
        return session in gateway.engine.admitted

    gateway.settle(gets_in)


def test_nothing_is_kept_of_an_issuer_that_went_and_came(gateway, token):
    """What is not configured is forgotten."""
    there = gateway.settings["issuers"].pop("dev")
    gateway.settings["issuers"]["other"] = there | {"issuer": "http://127.0.0.1:9/oauth2/dev-other"}
    gateway.write()
    assert gateway.hoopwire("reload") == 0
    del gateway.settings["issuers"]["other"]
    gateway.settings["issuers"]["dev"] = there
    gateway.write()
    assert gateway.hoopwire("reload") == 0
    gateway.connect(token(), "s_1")
    assert gateway.engine.refused["s_1"].reason == "keys_unavailable"
