"""Under a `read-only` grant, ordinary work gives exactly what the direct connection gives."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.postgres import ThrowAwayPostgres, postgres_program, run_psql
from support.attempts import extended
from support.frontend import Frontend, Message, query

SQL = Path(__file__).with_name("sql")


def statements(name: str) -> list[str]:
    """Statements of a file: parts between empty lines; a part that begins with `-- ` is a heading."""
    parts = re.split(r"\n{2,}", (SQL / name).read_text())
    return [part.strip() for part in parts if part.strip(" ;\n") and not part.startswith("-- ")]


ORDINARY = statements("ordinary.sql")
CATALOGUE = statements("tools.sql")
# What differs between two connections, whoever stands in between: their own port, their own statistics.
BINARY = ORDINARY[:60:3]


@pytest.fixture(scope="module")
def reading(issuer) -> Iterator[tuple[ThrowAwayPostgres, RunningGateway, Any]]:
    """A server with all kinds of objects, and a gateway whose one policy is `read-only`."""
    with ThrowAwayPostgres(settings={"autovacuum": "off", "jit": "off"}) as pg:
        made = run_psql(
            "", dsn=pg.dsn(user="app"), password=pg.password(), stdin=(SQL / "objects.sql").read_text()
        )
        assert made.ok, made.err
        pg.make_bench_tables()
        # as on most servers; none of them can be a secret
        assert pg.psql("alter database orders set work_mem = '5MB'").ok
        assert pg.psql("alter role app_password in database orders set statement_timeout = '10min'").ok
        policy = {"name": "reading", "groups": [GROUP], "targets": ["orders"], "actions": ["read-only"]}
        # The same user both ways: what `session_user` says is compared, too.
        password = pg.directory / "upstream.password"
        password.touch(mode=0o600)
        password.write_text(pg.password("app_password"))
        upstream = {"user": "app_password", "credential": {"file": str(password)}}
        settings = {"policies": [policy], "targets": {"orders": upstream}}
        with RunningGateway(pg, issuer.issuer, settings=settings) as gateway:
            cid = issuer.client(groups=[GROUP], ttl_s=3600).cid
            yield pg, gateway, lambda: issuer.token(cid)


@pytest.fixture
def routes(reading, direct) -> list[Any]:
    """Straight and through the gateway, in this order."""
    pg, gateway, token = reading
    route = type(direct)
    return [
        route("direct", pg.host, pg.port, "app_password", pg.ca, lambda: pg.password("app_password")),
        route("gateway", gateway.host, gateway.port, "agent", gateway.ca, token),
    ]


def _both(reading) -> tuple[Frontend, Frontend]:
    pg, gateway, token = reading
    straight, through = Frontend(pg.host, pg.port), Frontend(gateway.host, gateway.port)
    straight.login(pg.password("app_password"), ca=pg.ca, user="app_password")
    through.login(token(), ca=gateway.ca)
    return straight, through


@pytest.fixture(scope="module")
def pair(reading) -> Iterator[tuple[Frontend, Frontend]]:
    """One session each way, shared by the small statements."""
    straight, through = _both(reading)
    with straight, through:
        # The gateway pins the path, without `"$user"`; docs/protocols/postgres.md says so.
        pinned = through.rows("show search_path")[0][0]
        straight.query(f"select set_config('search_path', $path${pinned}$path$, false)")
        yield straight, through


def _seen(replies: list[Message]) -> list[tuple[bytes, object]]:
    """What a client sees: every message but the place in the server's source that an error names."""
    seen: list[tuple[bytes, object]] = []
    for each in replies:
        if each.kind in (b"E", b"N"):
            seen.append((each.kind, {key: text for key, text in each.fields.items() if key not in "LRF"}))
        elif each.kind == b"T":
            # Table OIDs and attribute numbers, too: tools look at them.
            seen.append((each.kind, each.body))
        else:
            seen.append((each.kind, each.body))
    return seen


def _compare(pair: tuple[Frontend, Frontend], content: bytes) -> list[tuple[bytes, object]]:
    answers = []
    for frontend in pair:
        frontend.send(content)
        answers.append(_seen(frontend.until(b"Z")))
        frontend.query("rollback")
    assert answers[1] == answers[0]
    return answers[0]


def _several(sql: str) -> bool:
    return ";" in re.sub(r"'[^']*'|\$\$.*?\$\$", "", sql)


@pytest.mark.parametrize("number", range(len(ORDINARY)), ids=lambda n: ORDINARY[n][:60])
def test_ordinary(pair, number):
    """An ordinary statement was refused, or its answer was another: both protocols, every byte."""
    sql = ORDINARY[number]
    if _several(sql):
        _compare(pair, query(sql))
        return
    simple = _compare(pair, query(sql))
    _compare(pair, extended(sql.encode()))
    refused = [
        fields
        for kind, fields in simple
        if kind == b"E" and isinstance(fields, dict) and fields["C"] == "42501"
    ]
    assert not refused, "the direct connection itself is refused: this statement proves nothing"


@pytest.mark.parametrize("number", range(len(BINARY)), ids=lambda n: BINARY[n][:60])
def test_ordinary_in_binary(pair, number):
    """The same with binary results."""
    _compare(pair, extended(BINARY[number].encode(), binary=True))


def test_the_corpus_is_large_enough():
    """The corpus shrank unnoticed; a statement that is there twice counts once."""
    assert len(set(ORDINARY)) >= 300
    assert len(set(CATALOGUE)) >= 25


@pytest.mark.parametrize("number", range(len(CATALOGUE)), ids=lambda n: CATALOGUE[n][:60])
def test_catalogue_queries_of_tools(pair, number):
    """pgcli and DBeaver could not complete names, since a function or view of the catalogue was refused."""
    answer = _compare(pair, query(CATALOGUE[number]))
    assert not [fields for kind, fields in answer if kind == b"E"]


# The programs that come with the server.


@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
def test_pgbench_select_only(routes, protocol):
    """pgbench -S with its own questions at the start (scale, partitions)."""
    done = subprocess.run(
        [postgres_program("pgbench"), "-S", "-M", protocol, "-c", "4", "-t", "50", "-n", routes[1].dsn()],
        env=routes[1].environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "processed: 200/200" in done.stdout


@pytest.mark.parametrize(
    "arguments", [("--schema-only",), ("--data-only",), ("--inserts",), ("-C",), ()], ids=str
)
def test_pg_dump(reading, routes, arguments, needs_tool):
    """pg_dump reads with its own settings, locks and catalogue queries: the dump is the same."""
    needs_tool("pg_dump", reading[0])
    dumps = []
    for route in routes:
        done = subprocess.run(
            [postgres_program("pg_dump"), "-Z0", *arguments, "-d", route.dsn()],
            env=route.environment(),
            capture_output=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, (route.name, done.stderr.decode())
        dumps.append(re.sub(rb"(?m)^\\(un)?restrict .*$", b"", done.stdout))
    assert dumps[1] == dumps[0]


@pytest.mark.parametrize("arguments", [("-Fc",), ("-Fd", "-j1"), ("-Ft",)], ids=str)
def test_pg_dump_in_other_formats(reading, routes, arguments, needs_tool, tmp_path):
    """H6: pg_dump in any format but plain text was refused, since it reads what ALTER DATABASE set,
    also where no such setting was a secret (where one is: test_kept_settings.py).
    """
    needs_tool("pg_dump", reading[0])
    dumps = []
    for route in routes:
        made = tmp_path / route.name
        done = subprocess.run(
            [postgres_program("pg_dump"), *arguments, "-f", made, "-d", route.dsn()],
            env=route.environment(),
            capture_output=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, (route.name, done.stderr.decode())
        text = subprocess.run(
            [postgres_program("pg_restore"), "-C", "-f", "-", made],
            capture_output=True,
            timeout=180,
            check=True,
        ).stdout
        dumps.append(re.sub(rb"(?m)^\\(un)?restrict .*$", b"", text))
    assert dumps[1] == dumps[0]
    assert b"SET work_mem TO '5MB'" in dumps[0], "the database has a setting"


BACKSLASH = r"""
\d|\d+|\d customers|\d+ customers|\d orders|\d+ items|\d+ revenue|\d+ documents|\d+ measures
\d+ measures_2026b|\d odds|\d+ by_country|\d counter|\d customers_pkey|\dt|\dt+|\dt *.*customers|\dv
\dv+|\dm+|\ds|\ds+|\di|\di+|\dn|\dn+|\df|\df+|\dft|\dfw pg_catalog.*rank|\da|\dT|\dT+|\dD|\dD+
\do @>|\dO|\du|\du+|\dg|\dp|\dp customers|\z|\ddp|\dc|\dC|\dd|\db|\dx|\dx+ plpgsql|\dy|\des|\deu
\dew|\det|\dE|\dF|\dF+ own|\dFd|\dFp|\dFt|\dL|\dA|\dAc btree|\dAf btree|\dAo btree|\dAp btree|\dRp
\dRs|\dl|\dX|\dP|\dP+|\dtv "Other Schema".*|\d "Other Schema"."Odd Table"|\dconfig work_mem
\dS pg_class|\sf twice|\sf+ twice|\sv revenue|\sv+ tall|\l|\l+|\encoding|\h select|\timing off|\pset
\gdesc|\dt+ public.*|\d+ tree|\dti|\dit customers*
"""
COMMANDS = [command for line in BACKSLASH.split("\n") for command in line.split("|") if command]


@pytest.mark.parametrize("command", COMMANDS)
def test_psql_backslash(routes, command):
    """A backslash command of psql was refused, since it calls a function that was on no list."""
    answers = [
        run_psql("", dsn=route.dsn(), password=route.credential(), stdin=f"{command}\n") for route in routes
    ]
    assert answers[1] == answers[0]
    assert "permission" not in answers[0].err


@pytest.mark.parametrize(("command", "column"), [(r"\dconfig", "setting"), (r"\dRs+", "subconninfo")])
def test_psql_backslash_that_shows_secrets(routes, needs_tool, reading, command, column):
    r"""H6, O20: `\dconfig` and its like show settings, connection strings: the refusal names the column."""
    if command == r"\dconfig":
        needs_tool("psql", reading[0])
    route = routes[1]
    done = run_psql("", dsn=route.dsn(), password=route.credential(), stdin=f"{command}\n")
    assert column in done.err
    assert "name the other columns one by one" in done.err


def test_psql_conninfo(routes):
    r"""`\conninfo` names the gateway itself; it must not fail."""
    done = run_psql("", dsn=routes[1].dsn(), password=routes[1].credential(), stdin="\\conninfo\n")
    assert done.ok
    # psql 18 draws a table, older ones write a sentence.
    assert str(routes[1].port) in done.out


def test_psql_tab_completion_of_commands():
    """Enough backslash commands are tried."""
    assert len(set(COMMANDS)) >= 40


# Object mappers.


def test_sqlalchemy_inspector(routes):
    """Every question of SQLAlchemy's inspector, about every schema and relation."""

    def everything(route) -> Any:
        engine = sqlalchemy.create_engine(route.sqlalchemy_url(), poolclass=sqlalchemy.NullPool)
        found: dict[str, Any] = {}
        with engine.connect() as connection:
            inspector = sqlalchemy.inspect(connection)
            found["default"] = inspector.default_schema_name
            for schema in inspector.get_schema_names():
                if schema == "information_schema":
                    continue
                views = inspector.get_view_names(schema) + inspector.get_materialized_view_names(schema)
                found[schema] = {
                    "tables": sorted(inspector.get_table_names(schema)),
                    "views": sorted(views),
                    "sequences": sorted(inspector.get_sequence_names(schema)),
                    "enums": inspector.get_enums(schema),
                    "domains": inspector.get_domains(schema),
                    "definitions": {
                        view: inspector.get_view_definition(view, schema) for view in sorted(views)
                    },
                }
                for ask in ("columns", "pk_constraint", "foreign_keys", "indexes", "unique_constraints"):
                    found[schema][ask] = getattr(inspector, f"get_multi_{ask}")(
                        schema=schema, kind=sqlalchemy.engine.reflection.ObjectKind.ANY
                    )
                found[schema]["checks"] = inspector.get_multi_check_constraints(schema=schema)
                found[schema]["comments"] = inspector.get_multi_table_comment(schema=schema)
                # asks current_setting by a parameter
                found[schema]["options"] = inspector.get_multi_table_options(schema=schema)
        engine.dispose()
        return repr(sorted(found.items(), key=lambda item: str(item[0])))

    assert everything(routes[1]) == everything(routes[0])


DJANGO = """
import json, sys
import django
from django.conf import settings
options = json.loads(sys.stdin.read())
database = {"ENGINE": "django.db.backends.postgresql", **options}
settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[])
django.setup()
from django.core.management import call_command
from django.db import connection
call_command("inspectdb", include_views=True, include_partitions=True)
with connection.cursor() as cursor:
    for table in sorted(connection.introspection.table_names(cursor, include_views=True)):
        for ask in ("table_description", "sequences", "relations", "primary_key_column",
                    "primary_key_columns", "constraints"):
            if ask == "sequences":
                print(table, ask, connection.introspection.get_sequences(cursor, table))
            else:
                print(table, ask, getattr(connection.introspection, "get_" + ask)(cursor, table))
"""


def test_django_introspection(routes):
    """Django's inspectdb and all of its introspection."""
    import sys

    answers = []
    for route in routes:
        options = {
            "NAME": "orders",
            "HOST": route.host,
            "PORT": route.port,
            "USER": route.user,
            "PASSWORD": route.credential(),
            "OPTIONS": {"sslmode": "verify-full", "sslrootcert": str(route.ca)},
        }
        done = subprocess.run(
            [sys.executable, "-c", DJANGO],
            input=json.dumps(options),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (route.name, done.stderr[-2000:])
        # where an object lies in memory is no answer
        answers.append(re.sub(r" at 0x[0-9a-f]+", "", done.stdout))
    assert "class Customers(models.Model)" in answers[0]
    assert answers[1] == answers[0]
