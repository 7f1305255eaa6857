"""For any policies and any request: a grant never exceeds policy, request or token, and never grows."""

from typing import get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hoopwire.access import MIN_TTL_S, AccessRequest, Offer, decide, regrant, renew
from hoopwire.access.match import granted_databases, identity_mismatch
from hoopwire.model.grant import ACTION_CLASSES, Grant, Mint, TokenReuse
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.postgres.coverage import Held
from hoopwire.model.postgres.grammar import parse_action, parse_actions
from hoopwire.model.settings import (
    BudgetSettings,
    CredentialSettings,
    GatewaySettings,
    IssuerSettings,
    ListenSettings,
    PolicyLimitSettings,
    PolicySettings,
    PostgresTarget,
    RecordingSettings,
    Settings,
    TlsSettings,
)
from hoopwire.model.units import Seconds

NOW = 1_800_000_000.0
ISSUERS = {"one": "https://one.example/oauth2/a", "two": "https://two.example/oauth2/b"}
GROUPS = ("g1", "g2", "g3")
TARGETS = {"a": ("a", "x", "y"), "b": ("x",)}
KEYS = ("cid:1", "cid:2", "uid:1")
EXACT = (
    "read-only",
    "read-only on public.*",
    "read-write on public.* except public.secrets",
    "select on public.orders",
    "select, insert on public.* except public.s*",
    "call app.*",
    "listen",
)


def some(values: tuple[str, ...], least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=3, unique=True).map(tuple)


POLICIES = st.builds(
    PolicySettings,
    name=st.sampled_from(("p1", "p2", "p3")),
    groups=some(GROUPS),
    principals=some(KEYS),
    issuer=st.sampled_from([None, *ISSUERS]),
    targets=some(("a", "a/x", "a/y", "a/*", "b", "b/x"), 1),
    actions=some(ACTION_CLASSES, 1) | some(EXACT, 1),
    deny=some(("all on public.secrets", "call app.wipe")),
    masks=st.dictionaries(
        st.sampled_from(["public.a.x", "public.a.y"]), st.sampled_from(["null", "partial"])
    ),
    masks_must_match=st.booleans(),
    budgets=st.builds(BudgetSettings, rows=st.none() | st.integers(1, 9)),
    limits=st.builds(PolicyLimitSettings, idle=st.none() | st.integers(1, 9).map(Seconds)),
    ttl=st.integers(30, 3600).map(Seconds),
    max_sessions=st.integers(1, 20),
    token_reuse=st.sampled_from(get_args(TokenReuse)),
    record=st.sampled_from(["digest", "full"]),
)
SETTINGS = st.lists(POLICIES, max_size=4, unique_by=lambda policy: policy.name).map(
    lambda policies: Settings(
        gateway=GatewaySettings(audience="aud"),
        listen=ListenSettings(postgres=("127.0.0.1:0",), tls=TlsSettings(certificate="/c", key="/k")),
        recording=RecordingSettings(directory="/r", signing_key="/k"),
        issuers={name: IssuerSettings(issuer=issuer) for name, issuer in ISSUERS.items()},
        targets={
            name: PostgresTarget(
                host="h", databases=databases, user="u", credential=CredentialSettings(trust=True), ca="/ca"
            )
            for name, databases in TARGETS.items()
        },
        policies=tuple(policies),
    )
)
IDENTITIES = st.builds(
    lambda issuer, cid, uid, groups, life: Identity(
        principal=Principal(issuer=issuer, kind="service", cid=cid, uid=uid),
        evidence=Evidence(jti="j1", kid="k", iat=int(NOW), exp=int(NOW) + life, groups=groups),
    ),
    st.sampled_from(list(ISSUERS.values())),
    st.sampled_from(["1", "2"]),
    st.sampled_from([None, "1"]),
    some(GROUPS, 1),
    st.integers(0, 5000),
)
REQUESTS = st.builds(
    AccessRequest,
    target=st.sampled_from(["a", "a", "b", "c"]),
    database=st.sampled_from([None, None, "a", "x", "y", "z"]),
    actions=st.none() | some((*ACTION_CLASSES, "fly"), 1) | some(EXACT, 1),
    ttl=st.none() | st.floats(30, 4000),
)
MINTS: st.SearchStrategy[Mint] = st.sampled_from(["implicit", "explicit"])


def within(small: tuple[str, ...], large: tuple[str, ...]) -> bool:
    return all(Held(parse_actions(large)).covers(parse_action(text)) for text in small)


@settings(deadline=None, max_examples=120)
@given(SETTINGS, IDENTITIES, REQUESTS, MINTS)
def test_an_offer_exceeds_neither_policy_nor_request_nor_token(
    config: Settings, who: Identity, request: AccessRequest, mint: Mint
) -> None:
    offer = decide(who, request, config, NOW, mint=mint)
    speaking = [policy for policy in config.policies if identity_mismatch(policy, who, config) is None]
    if not isinstance(offer, Offer):
        assert offer.message
        assert offer.hint
        if offer.code == "target_not_granted":
            target = config.targets.get(request.target)
            assert target is None or not any(granted_databases(p, request.target, target) for p in speaking)
        return
    (policy,) = [policy for policy in speaking if policy.name == offer.policy]
    opened = granted_databases(policy, request.target, config.targets[request.target])
    assert set(offer.databases) <= set(opened)
    assert offer.database in offer.databases
    assert request.database in (None, offer.database)
    assert offer.actions
    assert within(offer.actions, policy.actions)
    assert request.actions is None or set(offer.actions) == set(request.actions)
    assert offer.expires_at <= NOW + policy.ttl
    assert request.ttl is None or offer.expires_at <= NOW + request.ttl
    assert offer.expires_at <= who.evidence.exp
    assert offer.expires_at - NOW >= MIN_TTL_S
    assert offer.max_sessions == policy.max_sessions
    assert offer.record_results == policy.record


@settings(deadline=None, max_examples=120)
@given(SETTINGS, IDENTITIES, REQUESTS, MINTS, st.data())
def test_who_may_have_more_may_have_less(
    config: Settings, who: Identity, request: AccessRequest, mint: Mint, data: st.DataObject
) -> None:
    """Narrowing is monotone: any part of a granted request is granted."""
    offer = decide(who, request, config, NOW, mint=mint)
    if not isinstance(offer, Offer):
        return
    life = offer.expires_at - NOW
    narrower = msgspec.structs.replace(
        request,
        database=data.draw(st.sampled_from(offer.databases)),
        actions=data.draw(some(offer.actions, 1)),
        ttl=data.draw(st.floats(MIN_TTL_S, life)),
    )
    less = decide(who, narrower, config, NOW, mint=mint)
    assert isinstance(less, Offer)
    assert less.expires_at <= offer.expires_at
    assert within(less.actions, offer.actions)


def is_within(small: Grant | Offer, large: Grant) -> bool:
    reuse = get_args(TokenReuse)
    return (
        small.target == large.target
        and set(small.databases) <= set(large.databases)
        and within(small.actions, large.actions)
        and set(small.deny) >= set(large.deny)
        and {mask.column for mask in small.masks} >= {mask.column for mask in large.masks}
        and small.masks_must_match >= large.masks_must_match
        and (large.budgets.rows is None or (small.budgets.rows or 99) <= large.budgets.rows)
        and (large.limits.idle_s is None or (small.limits.idle_s or 99) <= large.limits.idle_s)
        and small.max_sessions <= large.max_sessions
        and reuse.index(small.token_reuse) <= reuse.index(large.token_reuse)
        and (small.record_results == "full" or large.record_results == "digest")
    )


@settings(deadline=None, max_examples=120)
@given(SETTINGS, SETTINGS, IDENTITIES, REQUESTS, MINTS, st.floats(0, 1000))
def test_a_reload_never_widens(
    config: Settings, after: Settings, who: Identity, request: AccessRequest, mint: Mint, later: float
) -> None:
    offer = decide(who, request, config, NOW, mint=mint)
    if not isinstance(offer, Offer):
        return
    grant = offer.grant("g_1")
    assert regrant(grant, config, NOW) == grant
    again = regrant(grant, after, NOW + later)
    if isinstance(again, Grant):
        assert is_within(again, grant)
        assert again.databases
        assert again.actions
        assert NOW + later < again.expires_at <= grant.expires_at
        assert regrant(again, after, NOW + later) == again


@settings(deadline=None, max_examples=120)
@given(SETTINGS, SETTINGS, IDENTITIES, REQUESTS, REQUESTS, st.floats(0, 3000))
def test_a_renewal_never_widens(
    config: Settings,
    after: Settings,
    who: Identity,
    request: AccessRequest,
    wish: AccessRequest,
    later: float,
) -> None:
    offer = decide(who, request, config, NOW, mint="explicit")
    if not isinstance(offer, Offer):
        return
    fresh = msgspec.structs.replace(
        who, evidence=msgspec.structs.replace(who.evidence, jti="j2", exp=who.evidence.exp + 3000)
    )
    renewed = renew(offer.grant("g_1"), fresh, wish, after, NOW + later)
    if isinstance(renewed, Offer):
        assert is_within(renewed, offer.grant("g_1"))
        assert renewed.database in renewed.databases
        assert renewed.expires_at <= fresh.evidence.exp
