"""Grants after they were made: decided again on reload, renewed, opened, compiled. None of that widens."""

import msgspec
import pytest

from hoopwire.access import AccessRequest, Offer, compile_grant, decide, open_database, regrant, renew
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant, Limits
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.postgres.actions import RELATION_VERBS
from hoopwire.model.postgres.rights import CompiledPostgres
from hoopwire.model.settings import (
    BudgetSettings,
    CredentialSettings,
    GatewaySettings,
    GroupsSettings,
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

ISSUER = "https://id.example/oauth2/agents"
NOW = 1_800_000_000.0
replace = msgspec.structs.replace

ORDERS = PostgresTarget(
    host="db.example",
    databases=("orders", "analytics", "archive"),
    user="app",
    credential=CredentialSettings(env="PG"),
    ca="/ca.pem",
)
POLICY = PolicySettings(
    name="analysts",
    groups=("analysts",),
    targets=("orders", "orders/analytics"),
    actions=("query", "function-call"),
)
SETTINGS = Settings(
    gateway=GatewaySettings(audience="api://hoopwire"),
    listen=ListenSettings(postgres=("127.0.0.1:0",), tls=TlsSettings(certificate="/c", key="/k")),
    recording=RecordingSettings(directory="/r", signing_key="/k"),
    issuers={"agents": IssuerSettings(issuer=ISSUER)},
    targets={"orders": ORDERS},
    policies=(POLICY,),
)


def identity(*groups: str, jti: str = "j1", cid: str = "0oa1", scopes: tuple[str, ...] = ()) -> Identity:
    return Identity(
        principal=Principal(issuer=ISSUER, kind="service", cid=cid),
        evidence=Evidence(jti=jti, kid="k", iat=int(NOW), exp=int(NOW) + 3600, groups=groups, scopes=scopes),
    )


def made(settings: Settings = SETTINGS, who: Identity | None = None) -> Grant:
    request = AccessRequest(target="orders")
    offer = decide(who or identity("analysts"), request, settings, NOW, mint="implicit")
    assert isinstance(offer, Offer)
    return offer.grant("g_1")


def with_policies(*policies: PolicySettings) -> Settings:
    return replace(SETTINGS, policies=policies)


def ended(answer: Grant | Denial) -> str:
    assert isinstance(answer, Denial), answer
    assert "g_1" in answer.message
    return answer.code


class TestRegrant:
    def test_unchanged_settings_change_nothing(self) -> None:
        grant = made()
        assert regrant(grant, SETTINGS, NOW + 60) == grant

    def test_a_grant_says_by_which_group_it_was_given(self) -> None:
        """I9: of a token with twenty groups nobody could say which one had opened the door."""
        who = identity("other", "writers", "analysts", cid="0oa7")
        policy = replace(POLICY, groups=("analysts", "writers", "readers"), principals=("cid:0oa7",))
        grant = made(with_policies(policy), who)
        assert grant.matched == ("cid:0oa7", "group analysts", "group writers")
        now = regrant(grant, with_policies(replace(policy, principals=(), groups=("writers",))), NOW + 60)
        assert isinstance(now, Grant)
        assert now.matched == ("group writers",)

    def test_a_wider_policy_does_not_widen_a_live_grant(self) -> None:
        """A reload that grants more is for new grants: the live one was recorded with what it had."""
        wide = replace(
            POLICY,
            targets=("orders/*",),
            actions=("query", "function-call", "replication"),
            ttl=Seconds(3600),
            max_sessions=100,
            token_reuse="until_exp",
        )
        grant = made()
        again = regrant(grant, with_policies(wide), NOW + 60)
        assert isinstance(again, Grant)
        assert replace(again, policy_hash=grant.policy_hash) == grant
        assert again.policy_hash != grant.policy_hash

    def test_it_shrinks_to_what_is_left(self) -> None:
        narrow = replace(
            POLICY,
            targets=("orders/analytics",),
            actions=("query",),
            ttl=Seconds(300),
            max_sessions=1,
            token_reuse="once",
            record="full",
        )
        again = regrant(made(), with_policies(narrow), NOW + 60)
        assert isinstance(again, Grant)
        assert (again.databases, again.actions) == (("analytics",), ("query",))
        assert (again.expires_at, again.max_sessions) == (NOW + 300, 1)
        assert (again.token_reuse, again.record_results) == ("once", "full")

    def test_a_shorter_ttl_that_is_over_ends_it(self) -> None:
        short = replace(POLICY, ttl=Seconds(60))
        assert ended(regrant(made(), with_policies(short), NOW + 61)) == "grant_not_covered"

    def test_a_removed_policy_ends_it(self) -> None:
        assert ended(regrant(made(), with_policies(), NOW)) == "grant_not_covered"

    def test_another_policy_that_covers_it_keeps_it(self) -> None:
        again = regrant(made(), with_policies(replace(POLICY, name="other")), NOW)
        assert isinstance(again, Grant)
        assert again.policy == "other"

    def test_a_policy_that_covers_it_whole_is_better_than_one_that_does_not(self) -> None:
        narrowed, whole = replace(POLICY, actions=("query",)), replace(POLICY, name="whole")
        again = regrant(made(), with_policies(narrowed, whole), NOW)
        assert isinstance(again, Grant)
        assert (again.policy, again.actions) == ("whole", ("query", "function-call"))

    def test_a_removed_or_changed_target_ends_it(self) -> None:
        assert ended(regrant(made(), replace(SETTINGS, targets={}), NOW)) == "target_removed"
        other = replace(SETTINGS, targets={"orders": replace(ORDERS, user="other")})
        assert ended(regrant(made(), other, NOW)) == "target_changed"

    def test_a_removed_issuer_ends_it(self) -> None:
        assert ended(regrant(made(), replace(SETTINGS, issuers={}), NOW)) == "issuer_removed"

    def test_a_scope_required_since_ends_it(self) -> None:
        strict = replace(SETTINGS, issuers={"agents": IssuerSettings(issuer=ISSUER, required_scope="db")})
        assert ended(regrant(made(), strict, NOW)) == "scope_required"
        assert isinstance(regrant(made(who=identity("analysts", scopes=("db",))), strict, NOW), Grant)

    def test_static_members_removed_on_reload_end_it(self) -> None:
        """The grant remembers the groups of its token's day; the file has the groups of today."""

        def static(*groups: str) -> Settings:
            source = GroupsSettings(source="static", members={"cid:0oa1": groups})
            return replace(SETTINGS, issuers={"agents": IssuerSettings(issuer=ISSUER, groups=source)})

        grant = made()
        again = regrant(grant, static("analysts"), NOW)
        assert isinstance(again, Grant)
        assert again.evidence.groups_source == "static"
        assert ended(regrant(grant, static("others"), NOW)) == "grant_not_covered"

    def test_scope_groups_are_read_again(self) -> None:
        source = GroupsSettings(source="scopes", scope_prefix="group:")
        scoped = replace(SETTINGS, issuers={"agents": IssuerSettings(issuer=ISSUER, groups=source)})
        grant = made(who=identity("analysts", scopes=("group:analysts", "openid")))
        assert isinstance(regrant(grant, scoped, NOW), Grant)
        assert ended(regrant(made(), scoped, NOW)) == "grant_not_covered"

    def test_groups_that_now_come_from_a_claim_nobody_read_end_it(self) -> None:
        grant = made()
        grant = replace(grant, evidence=replace(grant.evidence, groups_source="static"))
        assert ended(regrant(grant, SETTINGS, NOW)) == "groups_source_changed"


class TestRenew:
    def test_the_same_again_from_a_new_token(self) -> None:
        offer = renew(
            made(), identity("analysts", jti="j2"), AccessRequest(target="orders"), SETTINGS, NOW + 600
        )
        assert isinstance(offer, Offer)
        assert offer.expires_at == NOW + 600 + 900
        assert (offer.databases, offer.actions) == (("orders", "analytics"), ("query", "function-call"))

    @pytest.mark.parametrize(
        "request_",
        [
            AccessRequest(target="payroll"),
            AccessRequest(target="orders", database="archive"),
            AccessRequest(target="orders", actions=("query", "replication")),
        ],
    )
    def test_it_cannot_widen_even_if_the_policy_would_let_it(self, request_: AccessRequest) -> None:
        """An approval was for what the first grant held; renewing must not be the way around it."""
        wide = replace(POLICY, targets=("orders/*",), actions=("query", "function-call", "replication"))
        payroll = replace(SETTINGS, targets={"orders": ORDERS, "payroll": ORDERS}, policies=(wide,))
        denial = renew(made(), identity("analysts", jti="j2"), request_, payroll, NOW)
        assert isinstance(denial, Denial)
        assert denial.code == "renewal_widens"

    def test_what_it_leaves_open_comes_from_the_old_grant(self) -> None:
        wide = replace(POLICY, targets=("orders/*",), actions=("query", "function-call", "replication"))
        old = made()
        offer = renew(
            old, identity("analysts", jti="j2"), AccessRequest(target="orders"), with_policies(wide), NOW
        )
        assert isinstance(offer, Offer)
        assert (offer.databases, offer.actions) == (old.databases, old.actions)

    def test_obligations_do_not_weaken(self) -> None:
        old = replace(made(), record_results="full", token_reuse="once", max_sessions=1)
        offer = renew(old, identity("analysts", jti="j2"), AccessRequest(target="orders"), SETTINGS, NOW)
        assert isinstance(offer, Offer)
        assert (offer.record_results, offer.token_reuse, offer.max_sessions) == ("full", "once", 1)

    @pytest.mark.parametrize(
        ("who", "code"),
        [
            (identity("analysts", jti="j1"), "token_reused"),
            (identity("analysts", jti="j2", cid="0oa2"), "grant_unknown"),
            (identity(jti="j2"), "target_not_granted"),
        ],
    )
    def test_who_may_not(self, who: Identity, code: str) -> None:
        denial = renew(made(), who, AccessRequest(target="orders"), SETTINGS, NOW)
        assert isinstance(denial, Denial)
        assert denial.code == code

    def test_a_revoked_grant_is_not_renewed(self) -> None:
        """Who was cut off by an operator must not come back through the side door."""
        revoked = replace(made(), state="revoked")
        denial = renew(revoked, identity("analysts", jti="j2"), AccessRequest(target="orders"), SETTINGS, NOW)
        assert isinstance(denial, Denial)
        assert denial.code == "grant_revoked"


class TestOpenDatabase:
    @pytest.mark.parametrize(
        ("asked", "opened"),
        [
            (("orders", None), "orders"),
            (("orders", "orders"), "orders"),
            (("orders", "analytics"), "analytics"),
        ],
    )
    def test_what_the_grant_holds(self, asked: tuple[str, str | None], opened: str) -> None:
        assert open_database(made(), *asked, SETTINGS) == opened

    @pytest.mark.parametrize(
        ("asked", "code"),
        [
            (("orders", "archive"), "database_not_granted"),
            (("orders", ""), "database_not_granted"),
            (("payroll", None), "grant_other_target"),
            (("", None), "grant_other_target"),
        ],
    )
    def test_what_it_does_not(self, asked: tuple[str, str | None], code: str) -> None:
        denial = open_database(made(), *asked, SETTINGS)
        assert isinstance(denial, Denial)
        assert denial.code == code

    def test_a_bare_target_is_its_first_database_under_every_grant(self) -> None:
        grant = replace(made(), databases=("analytics",))
        assert isinstance(open_database(grant, "orders", None, SETTINGS), Denial)

    def test_a_database_that_left_the_configuration(self) -> None:
        fewer = replace(SETTINGS, targets={"orders": replace(ORDERS, databases=("orders",))})
        assert isinstance(open_database(made(), "orders", "analytics", fewer), Denial)


class TestCompile:
    def test_the_deadline_is_on_the_monotonic_clock(self) -> None:
        compiled = compile_grant(made(), "orders", now=NOW + 100, monotonic_ns=5_000_000_000, notice_s=60)
        assert compiled.deadline_monotonic_ns == 805_000_000_000
        assert (compiled.principal, compiled.database, compiled.version) == ("cid:0oa1", "orders", 7)
        assert (compiled.notice_s, compiled.expires_at) == (60, NOW + 900)
        assert compiled.expires_text == "2027-01-15 08:15:00 UTC"

    def test_a_grant_that_is_over_is_cut_at_once(self) -> None:
        compiled = compile_grant(made(), "orders", now=NOW + 5000, monotonic_ns=7, notice_s=0)
        assert compiled.deadline_monotonic_ns == 7

    def test_what_cannot_be_compiled(self) -> None:
        for grant, database in ((made(), "archive"), (replace(made(), state="revoked"), "orders")):
            with pytest.raises(ValueError, match="g_1"):
                compile_grant(grant, database, now=NOW, monotonic_ns=0, notice_s=0)

    def test_exact_actions_become_rights(self) -> None:
        policy = replace(
            POLICY,
            actions=("read-only on public.* except public.secrets", "call app.f", "listen"),
            deny=("all on public.audit", "call app.wipe"),
            budgets=BudgetSettings(rows=10, wall_time=Seconds(60)),
        )
        settings = replace(with_policies(policy), targets={"orders": replace(ORDERS, search_path=("app",))})
        compiled = compile_grant(made(settings), "orders", now=NOW, monotonic_ns=0, notice_s=0)
        assert compiled.rights.actions == ("statements",)
        assert compiled.rights.action_texts[0] == "read-only on public.* except public.secrets"
        rights = compiled.rights.rules
        assert rights is not None
        assert [(rule.verbs, rule.objects, rule.excluded) for rule in rights.allow] == [
            (("select",), (("public", "*"),), (("public", "secrets"),)),
            (("call",), (("app", "f"),), ()),
        ]
        assert [(rule.verbs, rule.objects) for rule in rights.deny] == [
            (RELATION_VERBS, (("public", "audit"),)),
            (("call",), (("app", "wipe"),)),
        ]
        assert (rights.words, rights.search_path, rights.read_only) == (("catalog", "listen"), ("app",), True)
        assert (compiled.budgets.rows, compiled.budgets.wall_time_s, compiled.budgets.bytes) == (
            10,
            60.0,
            None,
        )
        assert (compiled.rights.masks, compiled.rights.mask_key, compiled.rights.target_id) == (
            (),
            b"",
            "orders/orders",
        )

    def test_each_limit_goes_to_those_who_keep_it(self) -> None:
        """The number of sessions is the control plane's to know, silence the engine's."""
        limits = PolicyLimitSettings(idle=Seconds(900), idle_in_transaction=Seconds(2), sessions=5)
        grant = made(with_policies(replace(POLICY, limits=limits)))
        assert grant.limits == Limits(idle_s=900.0, idle_in_transaction_s=2.0, sessions=5)
        compiled = compile_grant(grant, "orders", now=NOW, monotonic_ns=0, notice_s=0)
        assert isinstance(compiled.rights, CompiledPostgres)
        assert (compiled.idle_s, compiled.rights.idle_in_transaction_s) == (900.0, 2.0)

    def test_query_has_no_rights(self) -> None:
        compiled = compile_grant(made(), "orders", now=NOW, monotonic_ns=0, notice_s=0)
        assert (compiled.rights.actions, compiled.rights.rules) == (("query", "function-call"), None)

    def test_the_seams_map_has_the_names_that_rust_reads(self) -> None:
        """A renamed field would be a grant without its `except`."""
        grant = made(with_policies(replace(POLICY, actions=("select on a.b* except a.bc",))))
        compiled = compile_grant(grant, "orders", now=NOW, monotonic_ns=0, notice_s=0)
        told = msgspec.msgpack.decode(msgspec.msgpack.encode(compiled))
        assert told["rights"].pop("type") == "postgres"
        assert told["rights"].pop("rules") == {
            "allow": [{"verbs": ["select"], "objects": [["a", "b*"]], "except": [["a", "bc"]]}],
            "deny": [],
            "words": [],
            "search_path": ["public"],
            "read_only": True,
        }
        assert told["rights"] == {
            "actions": ["statements"],
            "action_texts": ["select on a.b* except a.bc"],
            "masks": [],
            "masks_must_match": False,
            "mask_key": b"",
            "target_id": "orders/orders",
            "idle_in_transaction_s": None,
        }
        assert (told["version"], told["idle_s"]) == (7, None)
        assert told["budgets"] == {"rows": None, "bytes": None, "statements": None, "wall_time_s": None}

    def test_masks_need_their_key_and_never_show_it(self) -> None:
        """A log line with the key would undo every hash."""
        policy = replace(POLICY, actions=("read-only",), masks={"public.customers.email": "hash"})
        grant = made(with_policies(policy))
        with pytest.raises(ValueError, match="no key"):
            compile_grant(grant, "orders", now=NOW, monotonic_ns=0, notice_s=0)
        key = b"planted-mask-key-planted-mask-ke"
        compiled = compile_grant(grant, "orders", now=NOW, monotonic_ns=0, notice_s=0, mask_key=key)
        assert compiled.rights.mask_key == key
        assert "planted" not in repr(compiled) + str(compiled)


class TestObligations:
    EXACT = replace(
        POLICY,
        actions=("select on public.*", "insert on audit.notes"),
        deny=("all on public.secrets",),
        masks={"public.customers.email": "partial"},
        budgets=BudgetSettings(rows=100),
    )

    def test_an_action_that_is_not_covered_any_more_is_dropped_whole(self) -> None:
        narrow = replace(self.EXACT, actions=("select on public.orders", "insert on audit.*"))
        again = regrant(made(with_policies(self.EXACT)), with_policies(narrow), NOW)
        assert isinstance(again, Grant)
        assert again.actions == ("insert on audit.notes",)
        gone = replace(self.EXACT, actions=("listen",))
        answer = regrant(made(with_policies(self.EXACT)), with_policies(gone), NOW)
        assert ended(answer) == "grant_not_covered"

    def test_of_each_limit_the_smaller_counts(self) -> None:
        """A live session keeps what it had, and takes what is stricter now."""

        def limited(**limits: object) -> Settings:
            return with_policies(replace(POLICY, limits=PolicyLimitSettings(**limits)))

        grant = made(limited(idle=Seconds(60), sessions=9))
        again = regrant(grant, limited(idle=Seconds(90), idle_in_transaction=Seconds(5), sessions=3), NOW)
        assert isinstance(again, Grant)
        assert again.limits == Limits(idle_s=60.0, idle_in_transaction_s=5.0, sessions=3)
        assert regrant(again, limited(), NOW) == replace(again, policy_hash=made(limited()).policy_hash)

    def test_new_denies_masks_and_smaller_budgets_reach_a_live_grant(self) -> None:
        stricter = replace(
            self.EXACT,
            deny=("call app.wipe",),
            masks={"public.customers.email": "null", "public.customers.phone": "hash"},
            budgets=BudgetSettings(rows=50, statements=9),
        )
        again = regrant(made(with_policies(self.EXACT)), with_policies(stricter), NOW)
        assert isinstance(again, Grant)
        assert again.deny == ("all on public.secrets", "call app.wipe")
        assert {mask.column: mask.kind for mask in again.masks} == {"email": "null", "phone": "hash"}
        assert (again.budgets.rows, again.budgets.statements) == (50, 9)

    def test_looser_obligations_are_for_new_grants(self) -> None:
        grant = made(with_policies(self.EXACT))
        loose = replace(self.EXACT, deny=(), masks={}, budgets=BudgetSettings(rows=1000))
        again = regrant(grant, with_policies(loose), NOW)
        assert isinstance(again, Grant)
        assert (again.deny, again.masks, again.budgets) == (grant.deny, grant.masks, grant.budgets)

    def test_masks_that_must_match_reach_a_live_grant_and_stay(self) -> None:
        """H12: reloads and renewals never loosen it; the first policy that leaves a grant whole is taken."""
        strict = replace(self.EXACT, masks_must_match=True)
        loose = made(with_policies(self.EXACT))
        assert not loose.masks_must_match
        again = regrant(loose, with_policies(strict), NOW)
        assert isinstance(again, Grant)
        assert again.masks_must_match
        kept = regrant(again, with_policies(self.EXACT), NOW)
        assert isinstance(kept, Grant)
        assert kept.masks_must_match
        other = replace(self.EXACT, name="other")
        chosen = regrant(loose, with_policies(strict, other), NOW)
        assert isinstance(chosen, Grant)
        assert (chosen.policy, chosen.masks_must_match) == ("other", False)
        key = b"planted-mask-key-planted-mask-ke"
        compiled = compile_grant(again, "orders", now=NOW, monotonic_ns=0, notice_s=0, mask_key=key)
        assert compiled.rights.masks_must_match
        request = AccessRequest(target="orders")
        for old, policy in ((again, self.EXACT), (loose, strict)):
            offer = renew(old, identity("analysts", jti="j2"), request, with_policies(policy), NOW)
            assert isinstance(offer, Offer)
            assert offer.masks_must_match

    def test_a_grant_of_any_statement_does_not_outlive_a_policy_that_masks(self) -> None:
        """`query` reads what it likes: kept beside new masks, it would unmask."""
        grant = made(with_policies(replace(POLICY, actions=("query",))))
        assert ended(regrant(grant, with_policies(self.EXACT), NOW)) == "grant_not_covered"

    def test_another_search_path_ends_it(self) -> None:
        """The session's names would mean one table to the gateway and another to the database."""
        moved = replace(
            with_policies(self.EXACT), targets={"orders": replace(ORDERS, search_path=("app", "public"))}
        )
        assert ended(regrant(made(with_policies(self.EXACT)), moved, NOW)) == "target_changed"

    def test_a_renewal_keeps_the_stricter(self) -> None:
        old = made(with_policies(self.EXACT))
        loose = replace(self.EXACT, deny=("call app.wipe",), masks={}, budgets=BudgetSettings(rows=1000))
        settings = with_policies(loose)
        request = AccessRequest(target="orders", actions=("select on public.orders",))
        offer = renew(old, identity("analysts", jti="j2"), request, settings, NOW + 1)
        assert isinstance(offer, Offer)
        assert offer.actions == ("select on public.orders",)
        assert offer.deny == ("all on public.secrets", "call app.wipe")
        assert [mask.column for mask in offer.masks] == ["email"]
        assert offer.budgets.rows == 100

    def test_a_renewal_names_what_is_too_wide(self) -> None:
        request = AccessRequest(target="orders", actions=("delete on public.orders",))
        denial = renew(
            made(with_policies(self.EXACT)),
            identity("analysts", jti="j2"),
            request,
            with_policies(replace(self.EXACT, actions=("read-write",))),
            NOW + 1,
        )
        assert isinstance(denial, Denial)
        assert denial.code == "renewal_widens"
        assert "elete on public.orders" in denial.detail
