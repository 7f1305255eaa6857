"""What exact actions may be written as, what is refused and what is said then."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoopwire.model.action import ActionError
from hoopwire.model.postgres.actions import (
    RELATION_VERBS,
    WORDS,
    Action,
    Preset,
    Rule,
    Word,
    expand,
    in_order,
)
from hoopwire.model.postgres.coverage import covers, missing
from hoopwire.model.postgres.grammar import parse_action, parse_column, parse_deny
from hoopwire.model.postgres.patterns import MILD, Pattern, contains, intersects
from hoopwire.model.postgres.sensitive import EXTENSIONS, SENSITIVE

ANY_NAME = st.text(min_size=1, max_size=12).filter(lambda name: name.isprintable() and "*" not in name)
GLOB = st.text("ab_*", min_size=1, max_size=5).filter(lambda glob: "**" not in glob)
PATTERNS = st.builds(Pattern, ANY_NAME | GLOB, ANY_NAME | GLOB)
RULES = st.builds(
    Rule,
    verbs=st.sets(st.sampled_from(RELATION_VERBS), min_size=1).map(in_order) | st.just(("call",)),
    objects=st.lists(PATTERNS, min_size=1, max_size=3, unique=True).map(tuple),
)
ACTIONS = RULES | st.builds(Word, name=st.sampled_from(WORDS))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("SELECT on Public.Orders", "select on public.orders"),
        ("insert,select on a.b , a.c", "select, insert on a.b, a.c"),
        ('select on public."Odd ""Name"', 'select on public."Odd ""Name"'),
        ('select on "public"."orders"', "select on public.orders"),
        ("select on *.* except public.secrets", "select on *.* except public.secrets"),
        ("call pg_catalog.nextval", "call pg_catalog.nextval"),
        ("Read-Only", "read-only"),
        ("read-write on app.*", "read-write on app.*"),
        ("select on a.b**", "select on a.b*"),
        ('select on "on"."except"', 'select on "on"."except"'),
        ("listen", "listen"),
        ("query", "query"),
    ],
)
def test_the_canonical_text(text: str, canonical: str) -> None:
    assert str(parse_action(text)) == canonical


@given(ACTIONS)
def test_a_canonical_text_reads_back_as_the_same_action(action: Action) -> None:
    """A grant is kept as text: another reading after a restart would be another grant."""
    assert parse_action(str(action)) == action


@given(RULES)
def test_a_denys_text_reads_back_as_the_same_rule(rule: Rule) -> None:
    assert parse_deny(rule.deny_text) == rule


@given(st.text(max_size=60) | st.text('selcton .,*"ab-', max_size=40))
def test_any_text_is_an_action_or_an_error(text: str) -> None:
    failed: ActionError | None = None
    try:
        action = parse_action(text)
    except ActionError as error:
        failed = error
    if failed is None:
        assert parse_action(str(action)) == action
    else:
        assert 1 <= failed.column <= len(text) + 1
        assert str(failed).isprintable()


@pytest.mark.parametrize(
    ("text", "words", "column", "nearest"),
    [
        ("select on orders", "write schema.name", 11, "public.orders"),
        ("select on *", "write schema.name", 11, "*.*"),
        ("selct on a.b", "unknown verb", 1, "select"),
        ("select, inset on a.b", "unknown verb", 9, "insert"),
        ("readonly", "unknown action", 1, "read-only"),
        ("all on a.b", "for `deny`", 1, "read-write"),
        ("", "is empty", 1, None),
        ("select", "expected `on`", 7, "select on public.*"),
        ("select a.b", "expected `on`", 8, "select on public.*"),
        ("select on", "expected schema.name", 10, "public.*"),
        ("select on a.b,", "expected schema.name", 15, "public.*"),
        ("select on a.b c", "stray text", 15, None),
        ("select on a.b; drop", "stray text", 14, None),
        ("select on a.b.c", "two parts", 15, "b.c"),
        ("select on a.b except c.d", "excludes nothing", 22, None),
        ("select on *.* except pg_catalog.x", "excludes nothing", 22, None),
        ("select on a.b except a.*", "nothing is left", 11, None),
        ("read-only except a.b", "needs `on`", 11, None),
        ("call on a.b", "no `on`", 6, "call app.*"),
        ("select, call on a.b", "stands alone", 9, "call app.*"),
        ("call a.f()", "parentheses", 9, None),
        ("select, listen on a.b", "action of its own", 9, None),
        ("listen on a.b", "has no objects", 8, "listen"),
        ("select on a.b?", "only wildcard", 14, "*"),
        ('select on a."b*"', "quoted name", 13, None),
        ('select on a."b', "not closed", 13, None),
        ('select on a.""', "cannot be empty", 13, None),
        ("select on a.b-c", "must be quoted", 13, '"b-c"'),
        ("select on a." + "x" * 64, "63 bytes", 13, None),
        ("select on a.\N{CYRILLIC SMALL LETTER A}", "double quotes", 13, None),
        ('select on a."\N{RIGHT-TO-LEFT OVERRIDE}"', "cannot be shown", 14, None),
    ],
)
def test_what_is_refused(text: str, words: str, column: int, nearest: str | None) -> None:
    with pytest.raises(ActionError) as refused:
        parse_action(text)
    assert words in str(refused.value)
    assert (refused.value.column, refused.value.nearest) == (column, nearest)


def test_a_deny_takes_all_and_no_presets() -> None:
    assert parse_deny("all on public.secrets").verbs == RELATION_VERBS
    assert parse_deny("call app.*").verbs == ("call",)
    for text in ("query", "read-only on a.b", "listen", "all, select on a.b", "ddl"):
        with pytest.raises(ActionError):
            parse_deny(text)


def test_a_masked_column_is_named_whole() -> None:
    assert parse_column('Public.customers."E-mail"') == ("public", "customers", "E-mail")
    for text in ("a.b", "a.b.c.d", "a.*.c", "", "a..c", "a.b.c d"):
        with pytest.raises(ActionError):
            parse_column(text)


class TestPresets:
    def test_each_is_the_one_before_it_and_more(self) -> None:
        read_only, read_write, ddl = (parse_action(f"{name}") for name in ("read-only", "read-write", "ddl"))
        assert covers((ddl,), read_write)
        assert covers((read_write,), read_only)
        assert not covers((read_only,), read_write)
        assert not covers((read_write,), ddl)

    def test_what_they_come_to(self) -> None:
        expansion = expand((parse_action("read-write on app.* except app.x"),))
        assert expansion.words == ("catalog",)
        assert [str(rule) for rule in expansion.rules] == [
            "select, insert, update, delete, lock on app.* except app.x",
            "call pg_catalog.nextval, pg_catalog.currval, pg_catalog.lastval",
        ]
        assert [str(rule) for rule in expand((parse_action("ddl"),)).rules] == [
            "select, insert, update, delete, truncate, lock, maintain, ddl on *.*, pg_temp.*",
            "call pg_catalog.nextval, pg_catalog.currval, pg_catalog.lastval, pg_catalog.setval",
        ]

    def test_the_verb_ddl_on_objects_is_not_the_preset(self) -> None:
        """`ddl on app.*` read as the preset would give reading and writing, too."""
        assert parse_action("ddl on app.*") == Rule(verbs=("ddl",), objects=(Pattern("app", "*"),))
        assert parse_action("ddl") == Preset(name="ddl")

    @pytest.mark.parametrize(
        ("actions", "read_only"),
        [
            (("read-only", "call app.f", "listen"), True),
            (("read-write",), False),
            (("select on a.b", "notify"), False),
            (("select on a.b", "do"), False),
            (("lock on a.b",), False),
        ],
    )
    def test_what_only_reads(self, actions: tuple[str, ...], read_only: bool) -> None:
        assert expand(tuple(map(parse_action, actions))).is_read_only is read_only


SCHEMAS = [
    "a",
    "b",
    "ab",
    "aab",
    "pg_catalog",
    "information_schema",
    "pg_temp",
    "pg_temp_3",
    "pg_toast_temp_1",
]
NAMES = ["a", "b", "ab", "ba", "aab", "abb", "pg_authid", "pg_stats", "user_mapping_options"]
SMALL = st.builds(
    Pattern,
    st.sampled_from([*SCHEMAS, "*", "a*", "*b", "pg_*", "p*_*"]),
    st.sampled_from([*NAMES, "*", "a*", "*b", "a*b", "*a*", "pg_*"]),
)
ENGINE = Path(__file__).parents[3] / "rust/postgres/policy/src"

WORLD = [(schema, name) for schema in SCHEMAS for name in NAMES]
SMALL_RULES = st.builds(
    Rule,
    verbs=st.sets(st.sampled_from(["select", "insert"]), min_size=1).map(in_order),
    objects=st.lists(SMALL, min_size=1, max_size=2, unique=True).map(tuple),
    excluded=st.lists(SMALL, max_size=2, unique=True).map(tuple),
)
SMALL_ACTIONS = (
    SMALL_RULES
    | st.just(Word(name="catalog"))
    | st.builds(Preset, name=st.just("read-only"), objects=st.tuples(SMALL), excluded=st.just(()))
)


def meaning(actions: tuple[Action, ...]) -> set[tuple[str, str, str]]:
    """All of the small world that the actions allow, name by name: the oracle."""
    expansion = expand(actions)
    allowed = {
        (verb, schema, name)
        for rule in expansion.rules
        for verb in rule.verbs
        for schema, name in WORLD
        if any(pattern.matches(schema, name) for pattern in rule.objects)
        and not any(pattern.matches(schema, name) for pattern in rule.excluded)
    }
    if "catalog" in expansion.words:
        allowed |= {
            ("select", schema, name)
            for schema, name in WORLD
            if schema in ("pg_catalog", "information_schema") and (schema, name) not in SENSITIVE
        }
    return allowed


def test_the_sensitive_relations_are_those_of_the_engine() -> None:
    """Were one missing here, a request for it would pass as part of `pg_catalog.*`."""
    source = (ENGINE / "closed.rs").read_text().replace("SETTINGS)", '"pg_settings")')
    found = re.search(r"const SENSITIVE: [^=]*= &\[(.*?)\];", source, re.DOTALL)
    assert found
    schemas = {"CATALOG": "pg_catalog", "STANDARD": "information_schema"}
    listed = re.findall(r'\((\w+), "(\w+)"\)', found[1])
    assert len(listed) > 20
    assert {(schemas[schema], name) for schema, name in listed} == SENSITIVE


def test_the_mild_functions_are_those_of_the_engine() -> None:
    """Were one more here, a request for it would pass as part of `call pg_catalog.*`."""
    source = (Path(__file__).parents[3] / "rust/postgres/policy/src/builtin.rs").read_text()
    found = re.search(r"const MILD: [^=]*= &\[(.*?)\];", source, re.DOTALL)
    assert found
    assert tuple(re.findall(r'"([^"]+)"', found[1])) == MILD


@pytest.mark.parametrize(
    ("granted", "asked", "is_covered"),
    [
        ("call pg_catalog.*", "call pg_catalog.pg_read_file", False),
        ("call pg_catalog.pg_*", "call pg_catalog.pg_terminate_backend", False),
        ("call pg_catalog.lo_*", "call pg_catalog.lo_export", False),
        ("call pg_catalog.*", "call pg_catalog.lo_*", True),
        ("call pg_catalog.*", "call pg_catalog.nextval", True),
        ("call pg_catalog.*", "call pg_catalog.pg_advisory_lock", True),
        ("call pg_catalog.lo_export", "call pg_catalog.lo_export", True),
        ("call app.*", "call app.lo_export", True),
    ],
)
def test_who_asks_for_a_dangerous_function_by_name_needs_it_granted_by_name(
    granted: str, asked: str, is_covered: bool
) -> None:
    """H13: a wildcard in the policy, a name in the request: the grant had the name, the engine gave it."""
    assert covers((parse_action(granted),), parse_action(asked)) is is_covered


def test_what_extensions_show_is_the_engines_list() -> None:
    """H7: a request for pg_stat_statements would pass as part of `public.*`."""
    lines = (ENGINE / "builtin/extensions.txt").read_text().splitlines()
    listed = [line.split()[0].split(".", 1) for line in lines if line and not line.startswith("#")]
    assert [tuple(each) for each in listed] == list(EXTENSIONS)
    outer = Pattern("public", "*")
    assert not outer.matches("public", "pg_stat_statements")
    assert not outer.matches("public", "dblink_exec")
    assert not contains(outer, Pattern("public", "pg_stat_statements"))
    assert contains(outer, Pattern("public", "job"))
    assert not Pattern("cron", "*").matches("cron", "job")
    assert Pattern("cron", "job").matches("cron", "job")


class TestPatterns:
    @given(SMALL, SMALL)
    def test_what_is_contained_is_matched(self, outer: Pattern, inner: Pattern) -> None:
        matched = {name for name in WORLD if inner.matches(*name)}
        if contains(outer, inner):
            assert all(outer.matches(*name) for name in matched)

    @given(SMALL, SMALL)
    def test_what_both_match_is_seen(self, one: Pattern, other: Pattern) -> None:
        if any(one.matches(*name) and other.matches(*name) for name in WORLD):
            assert intersects(one, other)
            assert intersects(other, one)

    @pytest.mark.parametrize(
        ("pattern", "name", "matches"),
        [
            (Pattern("*", "*"), ("public", "orders"), True),
            (Pattern("*", "*"), ("pg_catalog", "pg_class"), False),
            (Pattern("pg_*", "*"), ("pg_temp_3", "x"), False),
            (Pattern("pg_catalog", "*"), ("pg_catalog", "pg_class"), True),
            (Pattern("pg_catalog", "*"), ("pg_catalog", "pg_authid"), False),
            (Pattern("pg_catalog", "pg_authid*"), ("pg_catalog", "pg_authid"), False),
            (Pattern("pg_catalog", "pg_authid"), ("pg_catalog", "pg_authid"), True),
            (Pattern("a.b", "*"), ("axb", "c"), False),
        ],
    )
    def test_system_schemas_are_matched_by_their_own_name_only(
        self, pattern: Pattern, name: tuple[str, str], matches: bool
    ) -> None:
        """`select on *.*` must not open password hashes."""
        assert pattern.matches(*name) is matches

    @pytest.mark.parametrize(
        ("outer", "inner", "is_contained"),
        [
            ("*", "a*b", True),
            ("a*", "a*b", True),
            ("a*b", "a*", False),
            ("*a*", "b*", False),
            ("a*b*", "a*b", True),
            ("ab", "a*", False),
        ],
    )
    def test_globs_within_globs(self, outer: str, inner: str, is_contained: bool) -> None:
        assert contains(Pattern("s", outer), Pattern("s", inner)) is is_contained


class TestCoverage:
    @given(SMALL_ACTIONS)
    def test_each_action_covers_itself(self, action: Action) -> None:
        """A reload without changes would end grants otherwise."""
        assert missing((action,), action) == ()

    @given(st.lists(SMALL_ACTIONS, max_size=3).map(tuple), SMALL_ACTIONS)
    def test_what_is_covered_is_allowed_name_by_name(
        self, granted: tuple[Action, ...], asked: Action
    ) -> None:
        """A narrowed grant that reaches one name more than its policy is an escalation."""
        if covers(granted, asked):
            assert meaning((asked,)) <= meaning(granted)

    @given(st.lists(SMALL_ACTIONS, max_size=2).map(tuple), SMALL_RULES, SMALL_RULES)
    def test_it_is_transitive(self, granted: tuple[Action, ...], middle: Rule, asked: Rule) -> None:
        if covers(granted, middle) and covers((middle,), asked):
            assert meaning((asked,)) <= meaning(granted)

    @given(SMALL_RULES, st.data())
    def test_a_part_of_a_rule_is_covered_by_it(self, rule: Rule, data: st.DataObject) -> None:
        part = msgspec.structs.replace(
            rule,
            verbs=(data.draw(st.sampled_from(rule.verbs)),),
            objects=(data.draw(st.sampled_from(rule.objects)),),
        )
        assert covers((rule,), part)

    def test_the_catalogue_by_name_is_within_the_word(self) -> None:
        granted = (parse_action("read-only on public.*"),)
        assert covers(granted, parse_action("select on pg_catalog.pg_class"))
        assert not covers(granted, parse_action("select on pg_catalog.pg_authid"))
        assert not covers((parse_action("select on pg_catalog.*"),), parse_action("catalog"))
