"""Which grant is offered, and what a refusal says."""

import math

import msgspec
import pytest

from hoopwire.access import AccessRequest, Offer, decide, parse_database, parse_user, policy_hash
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.settings import (
    BudgetSettings,
    CredentialSettings,
    GatewaySettings,
    IssuerSettings,
    ListenSettings,
    PolicySettings,
    PostgresTarget,
    RecordingSettings,
    Settings,
    TlsSettings,
)
from hoopwire.model.units import Seconds

ISSUER = "https://id.example/oauth2/agents"
OTHER_ISSUER = "https://id.example/oauth2/people"
NOW = 1_800_000_000.0


def target(*databases: str, user: str = "app") -> PostgresTarget:
    return PostgresTarget(
        host="db.example",
        databases=databases,
        user=user,
        credential=CredentialSettings(env="PG"),
        ca="/ca.pem",
    )


def settings(*policies: PolicySettings) -> Settings:
    return Settings(
        gateway=GatewaySettings(audience="api://hoopwire"),
        listen=ListenSettings(postgres=("127.0.0.1:0",), tls=TlsSettings(certificate="/c", key="/k")),
        recording=RecordingSettings(directory="/r", signing_key="/k"),
        issuers={"agents": IssuerSettings(issuer=ISSUER), "people": IssuerSettings(issuer=OTHER_ISSUER)},
        targets={"orders": target("orders", "analytics", "archive"), "payroll": target("payroll")},
        policies=policies,
    )


def identity(
    *groups: str, cid: str = "0oa1", uid: str | None = None, exp: float = NOW + 3600, issuer: str = ISSUER
) -> Identity:
    return Identity(
        principal=Principal(issuer=issuer, kind="service", cid=cid, uid=uid),
        evidence=Evidence(jti="j1", kid="k1", iat=int(NOW), exp=int(exp), groups=groups),
    )


READERS = PolicySettings(
    name="readers", groups=("analysts",), targets=("orders",), actions=("query",), ttl=Seconds(900)
)


def ask(who: Identity, config: Settings, mint: str = "implicit", **request: object) -> Offer | Denial:
    wish = msgspec.convert({"target": "orders", **request}, AccessRequest)
    return decide(who, wish, config, NOW, mint=mint)  # type: ignore[arg-type]


def offered(answer: Offer | Denial) -> Offer:
    assert isinstance(answer, Offer), answer
    return answer


def denied(answer: Offer | Denial) -> Denial:
    assert isinstance(answer, Denial), answer
    return answer


def test_a_group_gets_what_its_policy_says() -> None:
    offer = offered(ask(identity("analysts"), settings(READERS), task="t-1", purpose="weekly report"))
    assert (offer.target, offer.database, offer.databases) == ("orders", "orders", ("orders",))
    assert (offer.actions, offer.policy, offer.upstream_user) == (("query",), "readers", "app")
    assert (offer.task, offer.purpose) == ("t-1", "weekly report")
    assert offer.expires_at == NOW + 900


def test_an_offer_becomes_an_active_grant() -> None:
    grant = offered(ask(identity("analysts"), settings(READERS))).grant("g_1")
    assert isinstance(grant, Grant)
    assert (grant.id, grant.state, grant.mint, grant.databases) == ("g_1", "active", "implicit", ("orders",))


def test_an_unknown_target_and_one_not_granted_get_the_same_answer() -> None:
    """Probing names must not tell an identity which targets exist."""
    config = settings(READERS)
    hidden = denied(ask(identity("analysts"), config, target="payroll"))
    unknown = denied(ask(identity("analysts"), config, target="nothere"))
    assert hidden.fault == "not_authorized"
    assert hidden.code == "target_not_granted"
    for field in ("fault", "code", "detail", "hint"):
        assert getattr(hidden, field) == getattr(unknown, field)
    assert hidden.message.replace("payroll", "X") == unknown.message.replace("nothere", "X")
    assert "payroll" not in unknown.hint
    assert hidden.internal != unknown.internal


def test_an_unknown_database_and_one_not_granted_get_the_same_answer() -> None:
    config = settings(READERS)
    hidden = denied(ask(identity("analysts"), config, database="archive"))
    unknown = denied(ask(identity("analysts"), config, database="nothere"))
    assert hidden.code == "database_not_granted"
    assert msgspec.structs.replace(hidden, message="") == msgspec.structs.replace(unknown, message="")
    assert "archive" not in hidden.detail + hidden.hint


def test_no_group_no_grant() -> None:
    denial = denied(ask(identity(), settings(READERS)))
    assert denial.code == "target_not_granted"
    assert "no groups" in denial.detail
    assert "Open to you: nothing" in denial.hint


def test_a_refusal_lists_what_is_open() -> None:
    both = msgspec.structs.replace(READERS, targets=("orders/*",))
    denial = denied(ask(identity("analysts"), settings(both), target="payroll"))
    assert "orders, orders/analytics, orders/archive" in denial.hint


@pytest.mark.parametrize(
    ("patterns", "databases"),
    [
        (("orders",), ("orders",)),
        (("orders/analytics",), ("analytics",)),
        (("orders/*",), ("orders", "analytics", "archive")),
        (("orders/archive", "orders"), ("orders", "archive")),
        (("payroll", "orders/archive"), ("archive",)),
    ],
)
def test_target_patterns(patterns: tuple[str, ...], databases: tuple[str, ...]) -> None:
    policy = msgspec.structs.replace(READERS, targets=patterns)
    offer = offered(ask(identity("analysts"), settings(policy), database=databases[-1]))
    assert offer.databases == databases


def test_a_bare_target_is_its_first_database_and_never_another() -> None:
    """Landing in whichever database happens to be granted would run statements where nobody meant to."""
    policy = msgspec.structs.replace(READERS, targets=("orders/analytics",))
    denial = denied(ask(identity("analysts"), settings(policy)))
    assert denial.code == "database_not_granted"
    assert "orders/analytics" in denial.hint


def test_an_explicit_mint_without_a_database_opens_what_the_policy_has() -> None:
    policy = msgspec.structs.replace(READERS, targets=("orders/analytics", "orders/archive"))
    offer = offered(ask(identity("analysts"), settings(policy), mint="explicit"))
    assert offer.databases == ("analytics", "archive")


def test_an_explicit_mint_for_one_database_opens_that_one() -> None:
    policy = msgspec.structs.replace(READERS, targets=("orders/*",))
    offer = offered(ask(identity("analysts"), settings(policy), mint="explicit", database="archive"))
    assert (offer.database, offer.databases) == ("archive", ("archive",))


def test_the_first_policy_in_the_file_wins() -> None:
    long = msgspec.structs.replace(READERS, name="long", ttl=Seconds(1800))
    assert offered(ask(identity("analysts"), settings(READERS, long))).policy == "readers"
    assert offered(ask(identity("analysts"), settings(long, READERS))).policy == "long"


def test_a_later_policy_is_used_if_the_earlier_does_not_cover() -> None:
    admin = PolicySettings(
        name="dba", groups=("analysts",), targets=("orders",), actions=("query", "replication")
    )
    offer = offered(ask(identity("analysts"), settings(READERS, admin), actions=["replication"]))
    assert (offer.policy, offer.actions) == ("dba", ("replication",))


def test_rights_are_not_pieced_together_from_two_policies() -> None:
    functions = PolicySettings(
        name="f", groups=("analysts",), targets=("orders",), actions=("function-call",)
    )
    config = settings(READERS, functions)
    denial = denied(ask(identity("analysts"), config, actions=["query", "function-call"]))
    assert (denial.code, denial.fault) == ("actions_not_granted", "not_granted")
    assert "One policy must cover a request whole" in denial.detail


def test_widening_is_refused_and_names_what_is_missing() -> None:
    denial = denied(ask(identity("analysts"), settings(READERS), actions=["query", "replication"]))
    assert denial.code == "actions_not_granted"
    assert "replication" in denial.message
    assert "query by policy readers" in denial.detail
    denial = denied(ask(identity("analysts"), settings(READERS), ttl=901))
    assert denial.code == "ttl_not_granted"
    assert "900 s" in denial.detail


def exact(*actions: str, **changes: object) -> Settings:
    return settings(msgspec.structs.replace(READERS, actions=actions, **changes))


def test_a_policy_that_names_no_action_only_reads() -> None:
    """A default of `query` would hand out writes to whoever forgot the key."""
    policy = PolicySettings(name="readers", groups=("analysts",), targets=("orders",))
    assert offered(ask(identity("analysts"), settings(policy))).actions == ("read-only",)


def test_exact_actions_may_be_narrowed_to_exact_actions() -> None:
    config = exact(
        "read-write on public.* except public.secrets",
        deny=("all on public.audit",),
        masks={"public.customers.email": "partial"},
        budgets=BudgetSettings(rows=100, wall_time=Seconds(30)),
    )
    offer = offered(ask(identity("analysts"), config, actions=["SELECT on Public.Orders", "catalog"]))
    assert offer.actions == ("select on public.orders", "catalog")
    # Obligations come along, however little is asked for.
    assert offer.deny == ("all on public.audit",)
    assert [(mask.column, mask.kind, mask.last) for mask in offer.masks] == [("email", "partial", 4)]
    assert (offer.budgets.rows, offer.budgets.wall_time_s) == (100, 30.0)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("select on public.*", "select on public.secrets"),
        ("select, delete on public.orders", "delete on public.orders"),
        ("read-write on public.orders", "call pg_catalog.nextval"),
        ("select on *.*", "select on *.*"),
        ("call app.f", "call app.f"),
        ("listen", "listen"),
        ("query", "query"),
    ],
)
def test_wider_exact_actions_are_refused_and_the_part_is_named(asked: str, named: str) -> None:
    config = exact("select, insert on public.* except public.secrets")
    denial = denied(ask(identity("analysts"), config, actions=[asked]))
    assert (denial.code, denial.fault) == ("actions_not_granted", "not_granted")
    assert named in denial.message


def test_query_may_be_narrowed_to_anything_but_protocol_messages() -> None:
    config = settings(READERS)
    assert offered(ask(identity("analysts"), config, actions=["read-only"])).actions == ("read-only",)
    assert denied(ask(identity("analysts"), config, actions=["function-call"])).code == "actions_not_granted"


@pytest.mark.parametrize("asked", [["select on orders"], ["fly"], ["query", "read-only"], ["x" * 5000]])
def test_actions_that_are_no_actions_are_refused_as_malformed(asked: list[str]) -> None:
    denial = denied(ask(identity("analysts"), settings(READERS), actions=asked))
    assert denial.code == "request_invalid"
    assert len(denial.message) < 500


def test_a_policys_hash_covers_its_denies_masks_and_budgets() -> None:
    """Else a recording would claim that two different policies were the same."""
    there = target("orders")
    changes: list[dict[str, object]] = [
        {},
        {"deny": ("call app.f",)},
        {"masks": {"public.a.b": "null"}},
        {"masks": {"public.a.b": "hash"}},
        {"budgets": BudgetSettings(rows=1)},
        {"actions": ("read-only",)},
    ]
    hashes = {policy_hash(msgspec.structs.replace(READERS, **change), "orders", there) for change in changes}
    assert len(hashes) == len(changes)


def test_narrowing_is_fine() -> None:
    policy = msgspec.structs.replace(READERS, actions=("query", "replication"))
    offer = offered(ask(identity("analysts"), settings(policy), actions=["query"], ttl=60))
    assert offer.actions == ("query",)
    assert offer.expires_at == NOW + 60


def test_the_token_ends_the_grant() -> None:
    offer = offered(ask(identity("analysts", exp=NOW + 100), settings(READERS)))
    assert offer.expires_at == NOW + 100


@pytest.mark.parametrize(("left", "allowed"), [(30, True), (29, False), (0, False), (-5, False)])
def test_a_token_about_to_expire_is_refused(left: int, allowed: bool) -> None:
    answer = ask(identity("analysts", exp=NOW + left), settings(READERS))
    assert isinstance(answer, Offer) is allowed
    if not allowed:
        assert denied(answer).code == "token_expires_too_soon"
        assert "fresh token" in denied(answer).hint


def test_principals_of_one_issuer_are_not_those_of_another() -> None:
    """Client ids are unique within an issuer only: the same id elsewhere is someone else."""
    policy = msgspec.structs.replace(READERS, groups=(), principals=("cid:0oa1",), issuer="agents")
    assert isinstance(ask(identity(), settings(policy)), Offer)
    assert isinstance(ask(identity(issuer=OTHER_ISSUER), settings(policy)), Denial)
    assert isinstance(ask(identity(cid="0oa2"), settings(policy)), Denial)


def test_a_person_using_a_client_is_not_the_client() -> None:
    policy = msgspec.structs.replace(READERS, groups=(), principals=("cid:0oa1",))
    assert isinstance(ask(identity(cid="0oa1", uid="00u9"), settings(policy)), Denial)


def test_an_issuer_that_is_not_configured_reaches_nothing() -> None:
    assert isinstance(ask(identity("analysts", issuer="https://evil.example"), settings(READERS)), Denial)


@pytest.mark.parametrize(
    "request_fields",
    [
        {"ttl": 29.9},
        {"ttl": math.nan},
        {"ttl": math.inf},
        {"ttl": -1},
        {"actions": []},
        {"task": "a\nb"},
        {"task": "x" * 129},
        {"purpose": "\x00"},
        {"purpose": "\u202egnp.exe"},
    ],
)
def test_malformed_requests_are_refused(request_fields: dict[str, object]) -> None:
    answer = denied(ask(identity("analysts"), settings(READERS), **request_fields))
    assert (answer.code, answer.fault) == ("request_invalid", "invalid")


def test_names_from_outside_are_made_printable() -> None:
    """A target name with NUL or a newline would split an ErrorResponse or forge a log line."""
    denial = denied(ask(identity("analysts"), settings(READERS), target="a\x00b\nFATAL" + "x" * 5000))
    text = denial.message + denial.detail + denial.hint
    assert "\x00" not in text
    assert "\n" not in text
    assert len(denial.message) < 200


@pytest.mark.parametrize("field", ["target", "database", "task", "purpose"])
@pytest.mark.parametrize("credential", ["eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "x+hw1_01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_a_credential_in_the_wrong_field_is_refused_and_not_echoed(field: str, credential: str) -> None:
    """A token typed as the task would be kept in the recording; as dbname it would come back in an error."""
    fields: dict[str, object] = {field: credential}
    denial = denied(ask(identity("analysts"), settings(READERS), **fields))
    assert denial.code == "request_invalid"
    assert credential[-12:] not in denial.message + denial.detail + denial.hint + denial.internal


def test_many_groups_are_cut_in_the_text() -> None:
    denial = denied(ask(identity(*(f"g{n}" for n in range(500))), settings(READERS)))
    assert "and 480 more" in denial.detail


def test_the_policy_hash_follows_policy_and_target() -> None:
    base = policy_hash(READERS, "orders", target("orders"))
    assert len(base) == 64
    assert base == policy_hash(msgspec.structs.replace(READERS), "orders", target("orders"))
    assert base != policy_hash(msgspec.structs.replace(READERS, ttl=Seconds(901)), "orders", target("orders"))
    assert base != policy_hash(READERS, "orders", target("orders", user="root"))
    assert base != policy_hash(READERS, "orders2", target("orders"))


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("orders", ("orders", None)),
        ("orders/analytics", ("orders", "analytics")),
        ("orders/", ("orders", "")),
        ("/x", ("", "x")),
        ("a/b/c", ("a", "b/c")),
        ("", ("", None)),
    ],
)
def test_parse_database(name: str, parsed: tuple[str, str | None]) -> None:
    assert parse_database(name, {"orders"}) == parsed


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("orders.analytics", ("orders", "analytics")),
        ("orders.my.own", ("orders", "my.own")),
        ("orders.eu", ("orders.eu", None)),
        ("orders.eu.analytics", ("orders.eu", "analytics")),
        ("orders.eu.my.own", ("orders.eu", "my.own")),
        ("orders.eu/my.own", ("orders.eu", "my.own")),
        ("orders/eu.analytics", ("orders", "eu.analytics")),
        ("orders.", ("orders", "")),
        ("others.analytics", ("others.analytics", None)),
        (".analytics", (".analytics", None)),
        ("orders", ("orders", None)),
        ("orders" + ".x" * 100_000, ("orders", ".".join("x" * 100_000))),
        ("x." * 100_000, ("x." * 100_000, None)),
    ],
    ids=lambda case: case[:30] if isinstance(case, str) else None,
)
def test_a_database_behind_a_dot(name: str, parsed: tuple[str, str | None]) -> None:
    """`orders/analytics` in a URL: JDBC needs `%2F` there, and Node.js sends it as it is (N18).

    A dot is itself in every URL. Names have dots, too: the longest target that there is counts.
    """
    assert parse_database(name, {"orders", "orders.eu"}) == parsed


def test_both_forms_are_one_wherever_no_name_has_a_dot() -> None:
    targets = {"orders", "payroll"}
    for target in targets:
        for database in ("a", "analytics", "x-y"):
            slash, dot = (parse_database(f"{target}{sign}{database}", targets) for sign in "/.")
            assert slash == dot == (target, database)


@pytest.mark.parametrize(
    ("user", "task"), [("agent+task-123", "task-123"), ("agent", ""), ("a+b+c", "b+c"), ("+t", "t"), ("", "")]
)
def test_parse_user(user: str, task: str) -> None:
    assert parse_user(user) == task
