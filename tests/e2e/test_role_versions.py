"""Roles for grants, and what PostgreSQL 16 and 17 changed: memberships with options, CREATEROLE, MAINTAIN."""

from collections.abc import Iterator

import pytest

from hoopwire.custody.postgres import making
from hoopwire.demo.postgres import ThrowAwayPostgres, run_psql
from support.roles import ADMIN, ephemeral_role, prepare_roles, rights, role_target
from support.roles import role_lease as lease_of

READ = {"allow": [{"verbs": ["select"], "objects": [["public", "*"]]}]}
MAINTAIN = {"allow": [{"verbs": ["select", "maintain"], "objects": [["public", "orders"]]}]}
VACUUM = "VACUUM orders"


@pytest.fixture(scope="module")
def server() -> Iterator[ThrowAwayPostgres]:
    """A server of this file's own."""
    with ThrowAwayPostgres() as pg:
        prepare_roles(pg)
        yield pg
        assert pg.psql("SELECT rolname FROM pg_roles WHERE starts_with(rolname, 'hw_')").out == ""


def as_maker(server: ThrowAwayPostgres, sql: str) -> str:
    """What the user that makes roles is told; empty if it may."""
    return run_psql(sql, dsn=server.dsn(user=ADMIN), password=server.password()).err


def needs(server: ThrowAwayPostgres, version: int) -> None:
    if server.version < version:
        pytest.skip(f"PostgreSQL {server.version} does not have what {version} has")


def test_the_maker_does_not_act_as_its_roles(server: ThrowAwayPostgres) -> None:
    """A membership with SET would let whoever has the maker's password act under a grant's name. Before
    16 there was no other membership.
    """
    with ephemeral_role(server, READ) as role:
        said = as_maker(server, f"SET ROLE {role.name}")
        assert ("permission denied to set role" in said) == (server.version >= 16)
        of_it = f"pg_has_role('{ADMIN}', '{role.name}', 'USAGE')"
        assert server.psql(f"SELECT {of_it}").out == "t", "or it could not drop what the role owns"


def test_a_server_that_grants_new_roles_to_their_makers(server: ThrowAwayPostgres) -> None:
    """createrole_self_grant makes a membership of its own, with SET, before ours."""
    needs(server, 16)
    assert server.psql(f"ALTER ROLE {ADMIN} SET createrole_self_grant = 'set, inherit'").ok
    try:
        with ephemeral_role(server, READ) as role:
            assert role.psql("SELECT count(*) FROM orders").out == "1000"
            assert "permission denied to set role" in as_maker(server, f"SET ROLE {role.name}")
    finally:
        assert server.psql(f"ALTER ROLE {ADMIN} RESET createrole_self_grant").ok


def test_a_role_that_makes_others_members_of_itself(server: ThrowAwayPostgres) -> None:
    """Up to 14 a role had the admin option on itself; docs/threat-model.md says so."""
    with ephemeral_role(server, READ) as role:
        done = role.psql(f"GRANT {role.name} TO app_md5")
        assert done.ok == (server.version < 15), done
    members = "SELECT count(*) FROM pg_auth_members WHERE member = 'app_md5'::regrole"
    assert server.psql(members).out == "1", "nothing of it outlives the role"


def test_a_membership_that_is_not_inherited(server: ThrowAwayPostgres) -> None:
    """What the maker is a member of WITH INHERIT FALSE is not its own to give: withheld, not an error."""
    needs(server, 16)
    made = "CREATE ROLE aloof LOGIN CREATEROLE PASSWORD '{}'; GRANT app TO aloof WITH INHERIT FALSE"
    assert server.psql(made.format(server.password())).ok
    target = role_target(server, "orders", user="aloof")
    lease = lease_of(server, target)
    with ephemeral_role(server, READ) as like:
        grant = making.RoleGrant(
            node="belt",
            grant="g_01M86BJ1CQ43JEXYNM64J3PY71",
            databases=("orders",),
            valid_until=4102444800.0,
            max_sessions=1,
            rights=rights(READ),
        )
        role = making.make_role(target, lease, "orders", grant, making.new_password())
        assert (role.privileges, role.withheld) == (0, like.made.privileges)
        assert making.drop_role(target, lease, grant.grant, "belt")
    assert server.psql("DROP ROLE aloof").ok


def test_maintain_is_given_to_who_has_it(server: ThrowAwayPostgres) -> None:
    """MAINTAIN came with 17, and ALL has it: a grant that only reads must not VACUUM or REINDEX."""
    for written, may in ((READ, False), (MAINTAIN, server.version >= 17)):
        with ephemeral_role(server, written) as role:
            done = role.psql(VACUUM)
            assert done.ok, "the server warns, and leaves the table out"
            assert ("permission denied to vacuum" in done.err or "skipping" in done.err) != may, done
            assert role.psql("REINDEX TABLE orders").ok == may
            if server.version >= 17:
                asked = f"has_table_privilege('{role.name}', oid, 'MAINTAIN')"
                held = f"SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND {asked}"
                assert server.psql(held, database="orders").out == ("orders" if may else "")


def test_maintain_is_taken_back(server: ThrowAwayPostgres) -> None:
    """A reload that takes `maintain` away, and a role that keeps it."""
    needs(server, 17)
    with ephemeral_role(server, MAINTAIN) as role:
        target = role_target(server, "orders")
        grant = making.RoleGrant(
            node="belt",
            grant="g_" + role.name.removeprefix("hw_").upper(),
            databases=("orders",),
            valid_until=4102444800.0,
            max_sessions=1,
            rights=rights(READ),
        )
        making.make_role(target, lease_of(server, target), "orders", grant, None)
        assert not role.psql("REINDEX TABLE orders").ok
        assert role.psql("SELECT count(*) FROM orders").out == "1000"


def test_a_role_is_in_no_predefined_role(server: ThrowAwayPostgres) -> None:
    """pg_maintain, pg_create_subscription and their like would be more than any grant."""
    with ephemeral_role(server, MAINTAIN) as role:
        member = f"pg_has_role('{role.name}', oid, 'MEMBER')"
        usable = f"SELECT rolname FROM pg_roles WHERE rolname ~ '^pg_' AND {member}"
        assert server.psql(usable).out == ""
        for privilege in ("pg_read_all_data", "pg_write_all_data", "pg_monitor"):
            assert not role.psql(f"SET ROLE {privilege}").ok
