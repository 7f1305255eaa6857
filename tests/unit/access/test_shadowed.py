"""`check` said nothing of a policy that an earlier one leaves nothing for, nor of a group nobody has (N6)."""

from itertools import combinations

import pytest

from hoopwire.access import AccessRequest, Offer, decide, footguns
from hoopwire.config.load import loads
from hoopwire.demo.gateway import toml_text
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.settings import Settings

NOW = 1_800_000_000.0
ISSUER = "https://id.example.com/oauth2/default"
TARGET = {"host": "db", "user": "u", "credential": {"trust": True}, "ca": "ca.crt"}
FIRST = {"name": "first", "groups": ["data", "ops"], "targets": ["orders/*"], "ttl": "15m"}
SECOND = {"name": "second", "groups": ["data"], "targets": ["orders"], "ttl": "15m"}
DENY = {"name": "none", "effect": "deny", "groups": ["data"], "targets": ["orders"]}
NEVER, NOT_FIRST = "is never chosen", "is not what one gets who just connects"


def settings(*policies: dict, issuers: dict | None = None) -> Settings:
    document = {
        "gateway": {"audience": "hoopwire"},
        "listen": {"postgres": ["127.0.0.1:0"], "tls": {"certificate": "c", "key": "k"}},
        "recording": {"directory": "r", "signing_key": "s"},
        "issuers": issuers or {"okta": {"issuer": ISSUER}},
        "targets": {
            "orders": {**TARGET, "databases": ["orders", "analytics"]},
            "payroll": {**TARGET, "databases": ["payroll"]},
        },
        "policies": list(policies),
    }
    return loads(toml_text(document).encode(), "hoopwire.toml", files=False)


def said(config: Settings, policy: str = "second") -> list[str]:
    return [gun.warning for gun in footguns(config) if gun.policy == policy and "nobody" not in gun.warning]


@pytest.mark.parametrize(
    ("before", "policy", "words"),
    [
        ([FIRST], SECOND, NEVER),
        ([FIRST], {**SECOND, "targets": ["orders/analytics"]}, NEVER),
        ([FIRST], {**SECOND, "actions": ["select on public.orders"]}, NEVER),
        ([{**FIRST, "actions": ["query"]}], {**SECOND, "actions": ["read-write"]}, NEVER),
        ([DENY], {**SECOND, "targets": ["orders/*"]}, NEVER),
        ([{**FIRST, "groups": ["data"]}, {**FIRST, "name": "b", "groups": ["x"]}], SECOND, NEVER),
        (
            [{**FIRST, "groups": ["data"]}, {**FIRST, "name": "b", "groups": ["x"]}],
            {**SECOND, "groups": ["data", "x"]},
            "policies first, b leaves",
        ),
        ([FIRST], {**SECOND, "actions": ["read-write"]}, NOT_FIRST),
        ([FIRST], {**SECOND, "ttl": "30m"}, NOT_FIRST),
    ],
)
def test_a_policy_behind_one_that_takes_all_is_named(before, policy, words):
    [warning] = [each for each in said(settings(*before, policy)) if "chosen" in each or "connects" in each]
    assert words in warning


@pytest.mark.parametrize(
    ("before", "policy"),
    [
        ([], SECOND),
        ([SECOND | {"name": "first"}], FIRST | {"name": "second"}),
        ([FIRST], {**SECOND, "groups": ["data", "others"]}),
        ([FIRST], {**SECOND, "groups": [], "principals": ["cid:a"]}),
        ([FIRST], {**SECOND, "targets": ["orders", "payroll"]}),
        ([{**FIRST, "issuer": "okta"}], SECOND),
        ([{**DENY, "targets": ["orders/orders"]}], {**SECOND, "targets": ["orders/*"]}),
    ],
)
def test_a_policy_that_somebody_reaches_is_not(before, policy):
    assert said(settings(*before, policy)) == []


def test_what_is_said_of_a_policy_is_what_decides():
    """Each request of whoever it names, by the decision itself: `never` is never, and no other is silent."""
    variants = [
        {"groups": groups, "targets": targets, "actions": actions}
        for groups in (["a"], ["a", "b"])
        for targets in (["orders"], ["orders/*"])
        for actions in (["read-only"], ["select on public.x"], ["read-write"])
    ]
    asked = (None, ("read-only",), ("select on public.x",), ("insert on public.x",), ("read-write",))
    seen = set()
    for one, other in combinations(variants, 2):
        config = settings({"name": "first", **one}, {"name": "second", **other})
        chosen = set()
        for group in other["groups"]:
            for database in ("orders", "analytics"):
                for actions in asked:
                    request = AccessRequest(target="orders", database=database, actions=actions)
                    found = decide(identity(group), request, config, NOW, mint="explicit")
                    if isinstance(found, Offer) and found.policy == "second":
                        chosen.add(actions)
        warnings = " ".join(said(config))
        seen.add((NEVER in warnings, NOT_FIRST in warnings))
        assert (NEVER in warnings) == (not chosen), (one, other, chosen)
        assert (NOT_FIRST in warnings) == (bool(chosen) and None not in chosen), (one, other, chosen)
    assert seen == {(True, False), (False, True), (False, False)}


def identity(group: str) -> Identity:
    principal = Principal(issuer=ISSUER, kind="service", cid="0oa1", uid=None)
    evidence = Evidence(jti="j", kid="k", iat=int(NOW), exp=int(NOW) + 86_400, groups=(group,))
    return Identity(principal=principal, evidence=evidence)


@pytest.mark.parametrize(
    ("groups", "names", "words"),
    [
        ({"source": "static", "members": {"cid:a": ["data"]}}, "dat", "(did you mean `data`?)"),
        ({"source": "static", "members": {"cid:a": ["data"]}}, "data", None),
        ({"source": "scopes", "scope_prefix": "grp."}, "grp.data", "the prefix grp."),
        ({"source": "scopes", "scope_prefix": "grp."}, "data", None),
        ({"source": "scopes"}, "data team", "no scope has a blank"),
        ({"source": "claim"}, "data team", None),
    ],
)
def test_a_group_that_nobody_can_have_is_named(groups, names, words):
    """A policy for a group with a typo let nobody in, and nothing said so (N6)."""
    issuers = {"okta": {"issuer": ISSUER, "groups": groups}}
    config = settings({**SECOND, "groups": [names]}, issuers=issuers)
    warnings = [gun for gun in footguns(config) if "nobody" in gun.warning]
    assert [gun.key for gun in warnings] == ([] if words is None else [("policies", 0, "groups", 0)])
    assert all(words in gun.warning for gun in warnings)
