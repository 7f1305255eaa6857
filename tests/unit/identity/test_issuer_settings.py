"""What `check_issuers` says about the issuers of a config file."""

from typing import Any

import pytest

from hoopwire.identity import Verifier, check_issuers
from hoopwire.model.settings import GroupsSettings, IssuerSettings

OKTA = "https://acme.okta.com/oauth2/aus1"
DEV = "http://127.0.0.1:8300/oauth2/dev-hoopwire"


def problems(**issuers: IssuerSettings) -> str:
    return " ".join(check_issuers(issuers))


def test_good_settings() -> None:
    assert problems(okta=IssuerSettings(issuer=OKTA)) == ""
    assert problems(okta=IssuerSettings(issuer=(OKTA, "https://login.acme.example/oauth2/aus1"))) == ""
    assert problems(dev=IssuerSettings(issuer=DEV, dev=True)) == ""
    assert problems(plain=IssuerSettings(issuer="https://id.acme.example", kind="oidc")) == ""


def test_dev_issuer_beside_a_real_one() -> None:
    """At a dev issuer anybody can be anybody: one line left in a config file must not open production."""
    both = {"okta": IssuerSettings(issuer=OKTA), "lab": IssuerSettings(issuer=DEV, dev=True)}
    assert "issuers.lab is a dev issuer and issuers.okta is a real one" in problems(**both)
    with pytest.raises(ValueError, match="dev issuer"):
        Verifier(both, "gw")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"issuer": "https://acme.okta.com"}, "org authorization server"),
        ({"issuer": "http://acme.okta.com/oauth2/aus1"}, "https"),
        ({"issuer": DEV}, "https"),
        ({"issuer": ()}, "no issuer string"),
        ({"issuer": "acme.okta.com/oauth2/aus1"}, "must be"),
        ({"issuer": "https://u:p@acme.okta.com/oauth2/aus1"}, "host and a path only"),
        ({"issuer": OKTA + "?x=1"}, "host and a path only"),
        ({"issuer": OKTA + "#"}, "host and a path only"),
        ({"issuer": "https://acme.okta.com:port/oauth2/aus1"}, "not a URL"),
        ({"issuer": (OKTA, OKTA)}, "already configured"),
        ({"issuer": OKTA, "algorithms": ()}, "algorithms is empty"),
        ({"issuer": OKTA, "algorithms": ("RS256", "HS256")}, "'HS256' cannot be allowed"),
        ({"issuer": OKTA, "algorithms": ("none",)}, "'none' cannot be allowed"),
        ({"issuer": OKTA, "groups": GroupsSettings(source="static")}, "members is empty"),
        ({"issuer": OKTA, "groups": GroupsSettings(members={"cid:a": ("g",)})}, "only counts with"),
        ({"issuer": OKTA, "groups": GroupsSettings(scope_prefix="x")}, "only counts with"),
        ({"issuer": "http://10.0.0.1/oauth2/dev", "dev": True}, "not a loopback address"),
        ({"issuer": "http://127.0.0.1.evil.example/oauth2/dev", "dev": True}, "not a loopback address"),
        ({"issuer": "http://127.0.0.1:1/oauth2/prod", "dev": True}, "no 'dev' in its path"),
    ],
)
def test_each_problem_is_named(settings: dict[str, Any], said: str) -> None:
    found = problems(x=IssuerSettings(**settings))
    assert said in found
    assert found.startswith("issuers.x")


def test_one_issuer_string_in_two_places() -> None:
    assert "already configured in issuers.a" in problems(
        a=IssuerSettings(issuer=OKTA), b=IssuerSettings(issuer=OKTA)
    )


def test_no_issuers_and_no_audience() -> None:
    assert "none is configured" in problems()
    with pytest.raises(ValueError, match="audience is empty"):
        Verifier({"okta": IssuerSettings(issuer=OKTA)}, "")
