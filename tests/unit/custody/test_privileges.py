"""A role with more than its grant: a deny, an except or a system schema that got lost on the way to GRANT."""

from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoopwire.custody.postgres.catalogue import grants
from hoopwire.custody.postgres.privileges import (
    MAINTAIN_SINCE,
    RELATION_VERBS,
    Catalogue,
    Kind,
    Object,
    Privilege,
    allows,
    expand,
)
from hoopwire.model.postgres.rights import CompiledRules
from support.roles import rights

SCHEMAS = ("public", "app", "pg_catalog", "pg_temp", "Odd Name")
NAMES = ("orders", "secrets", "orders_id_seq", "a.b", "pg_authid")
ALL = frozenset({*RELATION_VERBS.values(), "USAGE", "CREATE", "EXECUTE", "CONNECT", "TEMPORARY"})


def thing(kind: Kind, schema: str, name: str, **changes: Any) -> Object:
    return Object(kind, schema, name, **{"public": frozenset(), "grantable": ALL} | changes)


def catalogue(
    *relations: Object, routines: tuple[Object, ...] = (), version: int = 150000, **database: Any
) -> Catalogue:
    return Catalogue(
        version=version,
        database=thing("database", "", "shop", **database),
        schemas=tuple(thing("schema", schema, schema) for schema in SCHEMAS),
        relations=relations,
        routines=routines,
    )


def granted(written: dict[str, Any], place: Catalogue) -> set[tuple[str, str, str]]:
    """Kind, privilege and full name, without the CONNECT that each role has."""
    found = expand(rights(written), place).granted
    return {
        (made.kind, made.privilege, f"{made.schema}.{made.name}".strip("."))
        for made in found
        if made.kind != "database"
    }


def rule(verbs: str, *objects: str, but: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "verbs": verbs.split(),
        "objects": [tuple(name.split(".", 1)) for name in objects],
        "except": [tuple(name.split(".", 1)) for name in but],
    }


ORDERS, SECRETS = thing("relation", "public", "orders"), thing("relation", "public", "secrets")
SEQUENCE = thing("sequence", "public", "orders_id_seq", owner=("public", "orders"))


def test_an_except_and_a_deny_are_taken_away() -> None:
    place = catalogue(ORDERS, SECRETS)
    usage = ("schema", "USAGE", "public.public")
    orders = ("relation", "SELECT", "public.orders")
    for written in (
        {"allow": [rule("select", "public.*", but=("public.secrets",))]},
        {"allow": [rule("select", "public.*")], "deny": [rule("select", "public.secr*")]},
        {
            "allow": [rule("select", "*.*"), rule("select", "public.secrets")],
            "deny": [rule("select", "*.secrets")],
        },
    ):
        assert granted(written, place) == {usage, orders}


def test_a_star_does_not_reach_the_system_schemas() -> None:
    """`select on *.*` made by a superuser's gateway would hand out pg_authid."""
    place = catalogue(
        thing("relation", "pg_catalog", "pg_authid"),
        routines=(thing("routine", "pg_catalog", "pg_read_file", arguments=(("pg_catalog", "text"),)),),
    )
    assert granted({"allow": [rule("select call", "*.*", "pg_*.*")]}, place) == set()
    named = granted({"allow": [rule("select", "pg_catalog.pg_authid")]}, place)
    assert ("relation", "SELECT", "pg_catalog.pg_authid") in named


def test_a_dot_or_a_dollar_in_a_pattern_is_itself() -> None:
    """Patterns are not regular expressions: `a.b` must not match `aXb`."""
    place = catalogue(thing("relation", "public", "aXb"), thing("relation", "public", "a.b\n"))
    assert granted({"allow": [rule("select", "public.a.b")]}, place) == set()


def test_maintain_exists_from_17_on() -> None:
    written = {"allow": [rule("maintain", "public.orders")]}
    assert granted(written, catalogue(ORDERS, version=160009)) == set()
    assert ("relation", "MAINTAIN", "public.orders") in granted(
        written, catalogue(ORDERS, version=MAINTAIN_SINCE)
    )


def test_lock_alone_gives_nothing() -> None:
    """Its privilege at the target would be UPDATE, which is more than to lock."""
    assert granted({"allow": [rule("lock", "public.*")]}, catalogue(ORDERS)) == set()


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ((), {"SELECT"}),
        (("pg_catalog.currval",), {"SELECT"}),
        (("pg_catalog.nextval",), {"SELECT", "USAGE"}),
        (("pg_catalog.nextval", "pg_catalog.setval"), {"SELECT", "USAGE", "UPDATE"}),
    ],
)
def test_a_sequence_moves_only_with_the_call(calls: tuple[str, ...], expected: set[str]) -> None:
    """`insert` and `update` on a sequence's name would be setval, by USAGE and UPDATE."""
    written = {"allow": [rule("select insert update", "public.*"), rule("call", *calls)]}
    found = granted(written, catalogue(SEQUENCE))
    assert {privilege for kind, privilege, _ in found if kind == "sequence"} == expected


def test_a_sequence_comes_with_its_table_and_no_other() -> None:
    """`insert on public.orders` with nextval needs the sequence that feeds it, not everyone's."""
    other = thing("sequence", "public", "other_seq", owner=("public", "secrets"))
    written = {"allow": [rule("insert", "public.orders"), rule("call", "pg_catalog.nextval")]}
    found = granted(written, catalogue(ORDERS, SECRETS, SEQUENCE, other))
    assert {name for kind, _, name in found if kind == "sequence"} == {"public.orders_id_seq"}
    denied = written | {"deny": [rule("select", "public.orders_id_seq")]}
    assert not {kind for kind, _, _ in granted(denied, catalogue(ORDERS, SEQUENCE))} & {"sequence"}


def test_create_only_where_ddl_has_the_whole_schema() -> None:
    """CREATE on a schema is any name in it: with an except or a deny there, it would be more than granted."""
    create = ("schema", "CREATE", "public.public")
    assert create in granted({"allow": [rule("ddl", "public.*")]}, catalogue())
    for written in (
        {"allow": [rule("ddl", "public.orders")]},
        {"allow": [rule("ddl", "public.*", but=("public.secrets",))]},
        {"allow": [rule("ddl", "public.*")], "deny": [rule("ddl", "*.secrets")]},
        {"allow": [rule("ddl", "pg_catalog.*")]},
        {"allow": [rule("select insert update delete truncate maintain lock", "*.*")]},
    ):
        assert not {found for found in granted(written, catalogue(ORDERS)) if found[1] == "CREATE"}


def test_what_everybody_has_is_not_granted_again() -> None:
    public = thing("relation", "public", "orders", public=frozenset({"SELECT"}))
    found = granted({"allow": [rule("select", "public.*")]}, catalogue(public))
    assert found == {("schema", "USAGE", "public.public")}


def test_what_cannot_be_given_on_is_counted() -> None:
    """A missing grant option would otherwise show only as the principal's errors."""
    place = catalogue(thing("relation", "public", "orders", grantable=frozenset()))
    expansion = expand(rights({"allow": [rule("select", "public.*")]}), place)
    assert expansion.withheld == {Privilege("relation", "SELECT", "public", "orders")}
    assert Privilege("relation", "SELECT", "public", "orders") not in expansion.granted


def test_names_are_quoted_in_the_statements() -> None:
    """A table called `x"; drop role` would write the rest of the GRANT."""
    odd = Privilege("relation", "SELECT", 'a"b', 'x" TO public; --')
    routine = Privilege("routine", "EXECUTE", "app", "f", (("pg_catalog", "_int4"), ("app", 'ty"pe')))
    texts = {statement.as_string() for statement in grants({odd, routine}, 'hw_"x')}
    assert texts == {
        'GRANT SELECT ON TABLE "a""b"."x"" TO public; --" TO "hw_""x"',
        'GRANT EXECUTE ON ROUTINE "app"."f"("pg_catalog"."_int4", "app"."ty""pe") TO "hw_""x"',
    }


PATTERNS = st.sampled_from(["*", "p*", "pg_*", *SCHEMAS, *NAMES])
RULES = st.builds(
    lambda verbs, objects, excluded: {"verbs": verbs, "objects": objects, "except": excluded},
    st.lists(st.sampled_from([*RELATION_VERBS, "lock", "ddl", "call"]), min_size=1, max_size=3),
    st.lists(st.tuples(PATTERNS, PATTERNS), min_size=1, max_size=3),
    st.lists(st.tuples(PATTERNS, PATTERNS), max_size=2),
)
RIGHTS = st.builds(
    lambda allow, deny: rights({"allow": allow, "deny": deny}),
    st.lists(RULES, max_size=3),
    st.lists(RULES, max_size=2),
)
PLACE = catalogue(
    *(thing("relation", *place) for place in product(SCHEMAS, NAMES)),
    *(thing("sequence", schema, "orders_id_seq", owner=(schema, "orders")) for schema in SCHEMAS),
    routines=tuple(thing("routine", *place) for place in product(SCHEMAS, NAMES)),
    version=170000,
)
VERBS = {privilege: verb for verb, privilege in RELATION_VERBS.items()}


def is_within(made: Privilege, given: CompiledRules) -> bool:
    """The oracle: what the privilege lets one do, said by a rule and taken by none."""
    match made.kind:
        case "relation":
            return allows(given, VERBS[made.privilege], made.schema, made.name)
        case "routine":
            return allows(given, "call", made.schema, made.name)
        case "sequence" if made.privilege == "SELECT":
            return allows(given, "select", made.schema, made.name)
        case "sequence":
            return allows(
                given, "call", "pg_catalog", "nextval" if made.privilege == "USAGE" else "setval"
            ) and any(
                allows(given, verb, made.schema, name)
                for verb in VERBS.values()
                for name in (made.name, "orders")
            )
        case "schema" if made.privilege == "CREATE":
            # Any name: also those that no list knows.
            return all(allows(given, "ddl", made.name, name) for name in (*NAMES, "never seen"))
        case "schema":
            return any(
                allows(given, verb, made.name, name)
                for verb in (*VERBS.values(), "call", "ddl")
                for name in (*NAMES, "x")
            )
        case "database":
            return made.privilege == "CONNECT" or allows(given, "ddl", "pg_temp", "never seen")


def test_a_deny_takes_temporary_relations_too():
    """`ddl on pg_temp.*`, allowed and denied at once, left TEMPORARY on the database."""
    rule = {"verbs": ["ddl"], "objects": [("pg_temp", "*")], "except": []}

    def of_database(given: CompiledRules) -> set[str]:
        return {made.privilege for made in expand(given, PLACE).granted if made.kind == "database"}

    assert of_database(rights({"allow": [rule], "deny": []})) == {"CONNECT", "TEMPORARY"}
    assert of_database(rights({"allow": [rule], "deny": [rule]})) == {"CONNECT"}


@given(RIGHTS)
def test_no_privilege_is_outside_the_rights(given: CompiledRules) -> None:
    """Whatever the rules: a role may do nothing that its grant does not say."""
    assert [made for made in expand(given, PLACE).granted if not is_within(made, given)] == []


@given(RIGHTS)
def test_every_relation_verb_of_the_rights_is_there(given: CompiledRules) -> None:
    """A belt that is tighter than its grant refuses what was granted."""
    found = expand(given, PLACE).granted
    for relation in PLACE.relations:
        if relation.kind == "relation":
            for privilege, verb in VERBS.items():
                made = Privilege("relation", privilege, relation.schema, relation.name)
                assert (made in found) == allows(given, verb, relation.schema, relation.name)


@given(RIGHTS, RULES)
def test_a_deny_never_adds(given: CompiledRules, taken: dict[str, Any]) -> None:
    more = msgspec.structs.replace(given, deny=(*given.deny, *rights({"deny": [taken]}).deny))
    assert expand(more, PLACE).granted <= expand(given, PLACE).granted
