"""I22: a person in the same group as an agent got the agent's grant; a policy can ask for the kind."""

import msgspec
import pytest

from hoopwire.access import AccessRequest, Offer, decide, explain, regrant
from hoopwire.config import ConfigError
from hoopwire.config.load import loads
from hoopwire.demo.gateway import toml_text
from hoopwire.model.denial import Denial
from hoopwire.model.identity import Evidence, Identity, Principal, PrincipalKind
from hoopwire.model.settings import Settings

NOW = 1_800_000_000.0
ISSUER = "https://id.example.com/oauth2/default"


def settings(**policy: object) -> Settings:
    target = {
        "host": "db",
        "user": "u",
        "credential": {"trust": True},
        "ca": "ca.crt",
        "databases": ["orders"],
    }
    document = {
        "gateway": {"audience": "hoopwire"},
        "listen": {"postgres": ["127.0.0.1:0"], "tls": {"certificate": "c", "key": "k"}},
        "recording": {"directory": "r", "signing_key": "s"},
        "issuers": {"okta": {"issuer": ISSUER}},
        "targets": {"orders": target},
        "policies": [{"name": "p", "groups": ["analysts"], "targets": ["orders"]} | policy],
    }
    return loads(toml_text(document).encode(), "hoopwire.toml", files=False)


def identity(kind: PrincipalKind) -> Identity:
    uid = "00uAnna" if kind == "user" else None
    return Identity(
        principal=Principal(issuer=ISSUER, kind=kind, cid="0oaApp", uid=uid),
        evidence=Evidence(jti="j", kid="k", iat=int(NOW), exp=int(NOW) + 3600, groups=("analysts",)),
    )


def outcome(config: Settings, kind: PrincipalKind) -> Offer | Denial:
    return decide(identity(kind), AccessRequest(target="orders"), config, NOW, mint="implicit")


KINDS: tuple[PrincipalKind, ...] = ("service", "ai_agent", "user")


@pytest.mark.parametrize(
    ("who", "granted"),
    [
        ("agent", {"service", "ai_agent"}),
        ("person", {"user"}),
        ("anyone", set(KINDS)),
        (None, set(KINDS)),
    ],
)
def test_only_the_kind_that_is_asked_for(who: str | None, granted: set[str]) -> None:
    """I22: by their group, and by a principal's key just so."""
    for policy in ({}, {"groups": [], "principals": ["cid:0oaApp", "uid:00uAnna"]}):
        config = settings(**policy, **({} if who is None else {"who": who}))
        assert {kind for kind in KINDS if isinstance(outcome(config, kind), Offer)} == granted


def test_a_deny_for_one_kind_leaves_the_other_alone() -> None:
    """Also for the client that a person comes through."""
    allow = {"name": "all", "groups": ["analysts"], "targets": ["orders"]}
    config = settings(effect="deny", who="person")
    config = msgspec.structs.replace(config, policies=(*config.policies, *settings(**allow).policies))
    assert isinstance(outcome(config, "user"), Denial)
    assert isinstance(outcome(config, "service"), Offer)
    config = settings(effect="deny", who="agent", groups=[], principals=["cid:0oaApp"])
    config = msgspec.structs.replace(config, policies=(*config.policies, *settings(**allow).policies))
    assert isinstance(outcome(config, "service"), Denial)
    assert isinstance(outcome(config, "user"), Offer)


def test_a_live_grant_of_the_other_kind_ends() -> None:
    """Who adds `who` and reloads means those that are in already, too."""
    offer = outcome(settings(), "user")
    assert isinstance(offer, Offer)
    assert isinstance(regrant(offer.grant("g_1"), settings(who="agent"), NOW), Denial)
    assert not isinstance(regrant(offer.grant("g_1"), settings(who="person"), NOW), Denial)


def test_it_is_explained() -> None:
    """`check --as uid:...` says why not."""
    told = explain("uid:00uAnna", "orders", settings(who="agent"), NOW, groups=("analysts",))
    assert [account.reason for account in told.policies] == ["it is for agents only"]


def test_other_words_are_refused() -> None:
    with pytest.raises(ConfigError, match="who"):
        settings(who="agents")
