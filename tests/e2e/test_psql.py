"""psql, pg_dump and COPY through the gateway give what the direct connection gives."""

import subprocess
from pathlib import Path

import pytest

from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.places import conninfo
from hoopwire.demo.postgres import postgres_program, run_psql
from support.frontend import Frontend, query
from support.wait import wait_for

STATEMENTS = {
    "rows": "select * from customers order by id",
    "join": "select country, total from revenue order by country",
    "types": """
        select 1::int8, 1.5::float8, 'x'::text, true, null, date '2026-02-03', '{1,2}'::int[],
            '\\x00ff'::bytea""",
    "several": "select 1; select 2; select 3",
    "empty": ";",
    "wide": "select repeat('w', 49152) from generate_series(1, 50)",
    "notice": "do $$ begin raise notice 'hello %', 42; end $$",
    "error": "select * from no_such_table",
    "error in a transaction": "begin; select 1/0; select 1",
    "unicode": "select 'grüße, 世界 🙂'",
    "cursor": """
        begin; declare c cursor for select id from orders order by id;
        fetch 5 from c; move 10 in c; fetch 2 from c; commit""",
    "large object": """
        begin; select lo_from_bytea(424242, decode(repeat('ab', 100000), 'hex'));
        select length(lo_get(424242)), md5(lo_get(424242)); select lo_unlink(424242); commit""",
    "advisory lock": "select pg_advisory_lock(7); select pg_advisory_unlock(7)",
    "prepare": "prepare p(int) as select $1 * 2; execute p(21); deallocate p",
    "encoding": "set client_encoding = 'UTF8'; show client_encoding; show standard_conforming_strings",
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_same_answer(route, direct, name):
    """Every statement class: same exit code, same rows, same notices and errors."""
    assert route.psql(STATEMENTS[name]) == direct.psql(STATEMENTS[name])


@pytest.mark.parametrize("sslmode", ["prefer", "require", "verify-ca", "verify-full"])
def test_sslmode(route, sslmode):
    """Every sslmode that ends in TLS connects."""
    done = run_psql("select current_database()", dsn=route.dsn(sslmode=sslmode), password=route.credential())
    assert (done.code, done.out) == (0, "orders"), done.err


@pytest.mark.parametrize("sslmode", ["disable", "allow"])
def test_plaintext_is_told_what_to_do(gateway, agent, sslmode):
    """`sslmode=disable` is refused with the way forward; `allow` tries again with TLS, as libpq does."""
    done = run_psql("select 1", dsn=gateway.dsn(sslmode=sslmode), password=agent())
    if sslmode == "allow":
        assert (done.code, done.out) == (0, "1"), done.err
    else:
        assert done.code == 2
        assert "sslmode" in done.err


def test_wrong_authority_is_noticed(gateway, pg, agent):
    """verify-full against the gateway fails when the client trusts another authority."""
    done = run_psql(
        "select 1",
        dsn=f"{gateway.dsn(sslmode='verify-full')} {conninfo(sslrootcert=pg.ca)}",
        password=agent(),
    )
    assert done.code == 2
    assert "certificate verify failed" in done.err


def test_unknown_user_name_is_free(gateway, agent):
    """Who connects is what the token says: any user name will do."""
    for user in ("somebody", "postgres", "agent+task-123"):
        done = run_psql("select 1", dsn=gateway.dsn(user=user), password=agent())
        assert (done.code, done.out) == (0, "1"), done.err


def test_another_database_of_the_target(gateway, agent):
    """`orders/analytics` is refused while only `orders` is granted."""
    done = gateway.psql(agent(), "orders/analytics", "select 1")
    assert done.code == 2
    assert "FATAL" in done.err


def test_copy_both_ways(route, direct, tmp_path: Path):
    """COPY out and in again: the copy is the same, byte for byte."""
    table = f"copied_{route.name}"
    route.psql(f"drop table if exists {table}; create table {table} (like items)")
    out = tmp_path / "items.copy"
    assert route.psql(f"\\copy (select * from items order by 1, 2) to '{out}'").ok
    reference = direct.psql("copy (select * from items order by 1, 2) to stdout").out
    assert out.read_text().rstrip("\n") == reference
    copied = route.psql(f"\\copy {table} from '{out}'")
    assert copied.ok, copied.err
    assert direct.psql(f"copy (select * from {table} order by 1, 2) to stdout").out == reference
    direct.psql(f"drop table {table}")


def test_copy_binary_and_failure(route, direct, tmp_path: Path):
    """Binary COPY, and a COPY in that fails half way leaves the session usable."""
    out = tmp_path / "items.bin"
    assert route.psql(f"\\copy (select order_id, line from items) to '{out}' with (format binary)").ok
    assert out.read_bytes().startswith(b"PGCOPY\n\xff\r\n\0")
    copy = "copy t from stdin;\n1\n2\n1\n\\.\n"
    script = f"create temp table t (n int primary key);\n{copy}select count(*) from t;\n"
    answers = [each.psql("", "-v", "ON_ERROR_STOP=0", stdin=script) for each in (route, direct)]
    assert answers[0] == answers[1]
    assert answers[0].out == "0"


def test_listen_notify(route, direct):
    """A notification reaches a waiting listener."""
    listener = subprocess.Popen(
        [postgres_program("psql"), "-XAtq", "-d", route.dsn()],
        env=route.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert listener.stdin is not None
    listener.stdin.write("listen news;\n")
    listener.stdin.flush()
    # It waits for its next line meanwhile, and tells of a notification after that.
    listening = "select count(*) from pg_stat_activity where query like 'listen news%' and state = 'idle'"
    wait_for(lambda: direct.psql(listening).out == "1", "psql listens")
    direct.psql("notify news, 'it works'")
    out, _ = listener.communicate("select 'after';\n", timeout=60)
    assert 'Asynchronous notification "news" with payload "it works" received' in out


def test_notification_to_an_idle_session(gateway: RunningGateway, agent, direct):
    """A notification is delivered while the session is idle, with no message owed."""
    with Frontend(gateway.host, gateway.port) as idle:
        idle.login(agent(), ca=gateway.ca)
        idle.send(query("listen idle_news"))
        idle.until(b"Z")
        direct.psql("notify idle_news, 'hello'")
        arrived = idle.until(b"A")[-1]
        assert arrived.body[4:] == b"idle_news\0hello\0"


def test_dump_and_restore(route, direct, pg, needs_tool):
    """pg_dump through the route, restored straight: every table has the same content."""
    needs_tool("pg_dump", pg)
    dump = subprocess.run(
        [postgres_program("pg_dump"), "--no-owner", "-d", route.dsn()],
        env=route.environment(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert dump.returncode == 0, dump.stderr.decode()
    pg.psql("drop database if exists restored", database="postgres")
    pg.psql("create database restored owner app", database="postgres")
    restored = direct.psql("", database="restored", stdin=dump.stdout.decode())
    assert restored.ok, restored.err
    for table in ("customers", "orders", "items", "revenue"):
        whole = f"select md5(string_agg(t::text, '|' order by t::text)) from {table} t"
        assert direct.psql(whole, database="restored").out == direct.psql(whole).out


def test_restore_through(route, direct, pg, needs_tool):
    """psql reads a dump through the route: COPY in, DDL and all."""
    needs_tool("pg_dump", pg)
    dump = subprocess.run(
        [postgres_program("pg_dump"), "--no-owner", "--table=customers", "-d", direct.dsn()],
        env=direct.environment(),
        capture_output=True,
        timeout=120,
        check=True,
    ).stdout.decode()
    schema = f"restored_{route.name}"
    direct.psql(f"drop schema if exists {schema} cascade; create schema {schema}")
    loaded = route.psql("", stdin=dump.replace("public.", f"{schema}."))
    assert loaded.ok, loaded.err
    whole = "select md5(string_agg(t::text, '|' order by t::text)) from {} t"
    assert direct.psql(whole.format(f"{schema}.customers")).out == direct.psql(whole.format("customers")).out
    direct.psql(f"drop schema {schema} cascade")
