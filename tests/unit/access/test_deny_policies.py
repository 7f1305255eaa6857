"""Policies that deny: I2. One put first to shut a client out let it fall through to its group's policy."""

from itertools import product

import pytest

from hoopwire.access import (
    AccessRequest,
    Offer,
    decide,
    explain,
    footguns,
    parse_database,
    regrant,
    renew,
)
from hoopwire.config import ConfigError
from hoopwire.config.load import loads
from hoopwire.demo.gateway import toml_text
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.settings import Settings

NOW = 1_800_000_000.0
ISSUER = "https://id.example.com/oauth2/default"
TARGET = {"host": "db", "user": "u", "credential": {"trust": True}, "ca": "ca.crt"}
ALLOW = {
    "name": "analysts",
    "groups": ["analysts"],
    "targets": ["orders/*", "payroll"],
    "actions": ["query"],
    "ttl": "15m",
}
DENY = {"name": "shut-out", "effect": "deny", "principals": ["cid:0oaBad"], "targets": ["*"]}


def settings(*policies: dict) -> Settings:
    document = {
        "gateway": {"audience": "hoopwire"},
        "listen": {"postgres": ["127.0.0.1:0"], "tls": {"certificate": "c", "key": "k"}},
        "recording": {"directory": "r", "signing_key": "s"},
        "issuers": {"okta": {"issuer": ISSUER}},
        "targets": {
            "orders": {**TARGET, "databases": ["orders", "analytics", "archive"]},
            "payroll": {**TARGET, "databases": ["payroll"]},
        },
        "policies": list(policies),
    }
    return loads(toml_text(document).encode(), "hoopwire.toml", files=False)


def identity(cid: str = "0oaBad", jti: str = "j1", **fields) -> Identity:
    principal = Principal(
        issuer=ISSUER, kind=fields.pop("kind", "service"), cid=cid, uid=fields.pop("uid", None), **fields
    )
    evidence = Evidence(jti=jti, kid="k", iat=int(NOW), exp=int(NOW) + 86_400, groups=("analysts",))
    return Identity(principal=principal, evidence=evidence)


def ask(config: Settings, who: Identity, target: str, mint="implicit", **fields) -> Offer | Denial:
    name, database = parse_database(target, ())
    return decide(who, AccessRequest(target=name, database=database, **fields), config, NOW, mint=mint)


SHAPES = [
    (target, mint, fields)
    for target, mint, fields in product(
        (
            "orders",
            "orders/orders",
            "orders/analytics",
            "orders/archive",
            "orders/",
            "orders/nowhere",
            "payroll",
            "nowhere",
            "nowhere/x",
            "",
            "/",
            "ORDERS",
            "orders/analytics/x",
        ),
        ("implicit", "explicit"),
        (
            {},
            {"actions": ("query",)},
            {"actions": ("read-only",)},
            {"actions": ("replication",)},
            {"ttl": 30.0},
            {"ttl": 600.0},
            {"ttl": 86_400.0},
            {"actions": ("query",), "ttl": 60.0, "task": "t", "purpose": "p"},
        ),
    )
]


@pytest.mark.parametrize(("target", "mint", "fields"), SHAPES)
def test_no_shape_of_a_request_falls_through(target, mint, fields) -> None:
    """I2: `{actions:[query]}` or `{ttl: "10m"}` was 201: the first policy did not cover it, the next did."""
    denial = ask(settings(DENY, ALLOW), identity(), target, mint, **fields)
    assert isinstance(denial, Denial)
    assert (denial.fault, denial.code) == ("not_authorized", "policy_denies")
    assert "analysts" not in denial.message + denial.detail + denial.hint, "what else is granted is not told"
    assert isinstance(ask(settings(DENY, ALLOW), identity("0oaGood"), "orders", mint), Offer)


@pytest.mark.parametrize(
    "fields", [{"actions": ()}, {"actions": ("nonsense",)}, {"ttl": float("nan")}, {"task": "x" * 999}]
)
def test_what_is_malformed_gets_nothing_either(fields) -> None:
    assert isinstance(ask(settings(DENY, ALLOW), identity(), "orders", **fields), Denial)


@pytest.mark.parametrize(
    "who",
    [
        identity("0OABAD"),
        identity(kind="user", uid="00u1"),
        identity("0oaOther", actors=("0oaFirst", "0oaBad")),
    ],
)
def test_whom_a_deny_names_under_another_guise(who) -> None:
    """A user who comes through the client, a token exchanged by it, another spelling."""
    answer = ask(settings(DENY, ALLOW), who, "orders")
    assert isinstance(answer, Denial)
    assert answer.code == "policy_denies"


@pytest.mark.parametrize(
    ("denied", "asked", "mint", "opened"),
    [
        (["orders"], "orders/analytics", "implicit", None),
        (["orders"], "orders", "explicit", None),
        (["orders/*"], "orders/archive", "implicit", None),
        (["orders"], "payroll", "implicit", ("payroll",)),
        (["orders/analytics"], "orders/analytics", "implicit", None),
        (["orders/analytics"], "orders/analytics", "explicit", None),
        (["orders/analytics"], "orders", "implicit", ("orders", "archive")),
        (["orders/analytics"], "orders", "explicit", ("orders", "archive")),
        (["orders/orders"], "orders", "implicit", None),
        (["orders/orders"], "orders", "explicit", ("analytics", "archive")),
        (["orders/orders", "orders/analytics", "orders/archive"], "orders", "explicit", None),
        (["payroll"], "orders/archive", "implicit", ("orders", "analytics", "archive")),
    ],
)
def test_targets_of_a_deny(denied, asked, mint, opened) -> None:
    """It denies for those only, and a grant on the rest does not open them by the way."""
    config = settings({**DENY, "targets": denied}, ALLOW)
    answer = ask(config, identity(), asked, mint)
    if opened is None:
        assert isinstance(answer, Denial)
        assert answer.code == "policy_denies"
    else:
        assert isinstance(answer, Offer)
        assert answer.databases == opened


def test_what_stands_before_it_is_granted() -> None:
    """The first match counts; `check` says that it comes late."""
    config = settings(ALLOW, {**DENY, "groups": ["analysts"]})
    assert isinstance(ask(config, identity(), "orders"), Offer)
    wider = ask(config, identity(), "orders", "explicit", ttl=3000.0)
    assert isinstance(wider, Denial)
    assert wider.code == "policy_denies"
    [warning] = footguns(config)
    assert "comes behind policy analysts" in warning.warning


def test_its_reason_is_told() -> None:
    answer = ask(settings({**DENY, "reason": "under review until Friday"}, ALLOW), identity(), "orders")
    assert isinstance(answer, Denial)
    assert answer.detail == "Reason: under review until Friday."
    assert answer.internal == "policy shut-out has effect = deny"


def granted(config: Settings, target: str = "orders") -> Grant:
    offer = ask(config, identity(), target)
    assert isinstance(offer, Offer)
    return offer.grant("g_1")


def test_a_reload_ends_the_grants_of_whom_it_names() -> None:
    """A grant's own policy was looked at first, wherever the deny stood."""
    before = granted(settings(ALLOW))
    after = regrant(before, settings(DENY, ALLOW), NOW)
    assert isinstance(after, Denial)
    assert after.code == "policy_denies"
    partly = regrant(before, settings({**DENY, "targets": ["orders/analytics"]}, ALLOW), NOW)
    assert isinstance(partly, Grant)
    assert partly.databases == ("orders", "archive")
    behind = regrant(before, settings(ALLOW, DENY), NOW)
    assert isinstance(behind, Grant)


def test_a_renewal_is_denied() -> None:
    before = granted(settings(ALLOW))
    for request in (
        AccessRequest(target="orders"),
        AccessRequest(target="orders", actions=("query",), ttl=60),
    ):
        answer = renew(before, identity(jti="j2"), request, settings(DENY, ALLOW), NOW)
        assert isinstance(answer, Denial)
        assert answer.code == "policy_denies"


def test_check_and_explain_say_so() -> None:
    found = explain("cid:0oaBad", "orders/archive", settings(DENY, ALLOW), NOW, groups=("analysts",))
    assert isinstance(found.outcome, Denial)
    assert [(account.policy, account.chosen) for account in found.policies] == [
        ("shut-out", True),
        ("analysts", False),
    ]
    assert "nothing behind it is asked" in found.policies[0].reason
    assert found.policies[1].reason == "policy shut-out came first"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("actions", ["query"]),
        ("actions", ["read-only"]),
        ("deny", ["all on public.x"]),
        ("masks", {"public.a.b": "null"}),
        ("masks_must_match", True),
        ("budgets", {"rows": 1}),
        ("ttl", "15m"),
        ("max_sessions", 16),
        ("token_reuse", "window"),
        ("record", "digest"),
    ],
)
def test_nothing_that_narrows_may_stand_beside_it(key, value) -> None:
    """`actions` beside it would be read as "denies these": it would then let all others through, or none."""
    with pytest.raises(ConfigError) as refused:
        settings({**DENY, key: value}, ALLOW)
    [problem] = refused.value.problems
    assert problem.key == f"policies[0].{key}"
    assert problem.line is not None
    assert 'cannot stand beside effect = "deny"' in problem.what


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({**DENY, "effect": "Deny"}, "is none of"),
        ({**DENY, "targets": ["nowhere"]}, "unknown target"),
        ({**DENY, "targets": ["orders/nowhere"]}, "has no database"),
        ({**DENY, "targets": []}, "at least one target"),
        ({**DENY, "principals": []}, "is for nobody"),
        ({**ALLOW, "targets": ["*"]}, "name each target"),
        ({**ALLOW, "reason": "r"}, "has no effect"),
        ({**DENY, "reason": "x" * 201}, "at most 200"),
    ],
)
def test_what_no_deny_can_be(policy, words) -> None:
    with pytest.raises(ConfigError, match=words):
        settings(policy)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"groups": ["*"]}, "no wildcard"),
        ({"principals": ["cid:*"]}, "no wildcard"),
        ({"actions": ["call pg_catalog.*"]}, "their own name"),
        ({"actions": ["call *.*"]}, "every schema"),
        ({"actions": ["do"], "deny": ["all on public.x"]}, "deny` does not hold there"),
        ({"actions": ["ddl"]}, "DROP of every relation"),
        ({"actions": ["select on public.*"], "deny": ["all on app.*"]}, "takes nothing away"),
        ({"actions": ["select on public.*"], "deny": ["insert on public.*"]}, "takes nothing away"),
    ],
)
def test_check_names_what_is_hardly_meant(changes, words) -> None:
    """H13: accepted in silence."""
    found = [each.warning for each in footguns(settings({**ALLOW, **changes}))]
    assert any(words in warning for warning in found), found


def test_check_is_silent_about_ordinary_policies() -> None:
    ordinary = {
        **ALLOW,
        "actions": ["read-only on public.*", "call app.*"],
        "deny": ["all on public.secrets"],
    }
    assert footguns(settings(DENY, ordinary)) == ()
    assert footguns(settings(ALLOW)) == ()


def test_a_refusal_names_the_database_if_the_target_is_not_denied_whole():
    """One database was denied, and the principal was told that the target is and that nothing else helps."""
    config = settings({**DENY, "targets": ["orders/analytics"]}, ALLOW)
    refused = ask(config, identity(), "orders/analytics")
    assert refused.message == 'database "analytics" of target "orders" is denied to you'
    assert refused.hint.startswith("No other request for it helps")
    whole = settings({**DENY, "targets": ["orders"]}, ALLOW)
    assert ask(whole, identity(), "orders/analytics").message == 'target "orders" is denied to you'


@pytest.mark.parametrize("key", ["cid:0oäBad", "cid:\u212aey", "uid:a\u00a0b", "cid:" + "x" * 257])
def test_a_key_that_no_token_can_have_denies_nothing(key):
    """It was taken, and whom it was meant for was let in."""
    with pytest.raises(ConfigError, match="is no principal key"):
        settings({**DENY, "principals": [key]}, ALLOW)


def test_a_misspelt_all_is_told_what_is_meant():
    """`al on public.x`: the verbs that there are were listed without `all`, and `call` was proposed."""
    with pytest.raises(ConfigError, match="did you mean `all`"):
        settings({**ALLOW, "actions": ["read-only"], "deny": ["al on public.x"]})
