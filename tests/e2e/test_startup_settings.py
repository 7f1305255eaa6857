"""What passes at startup has the effect that SET has, by every road of the real clients."""

import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.places import conninfo
from hoopwire.demo.postgres import client_environment, postgres_program
from support.frontend import Frontend

GRANTS = {"query": ["query"], "read-only": ["read-only"], "ddl": ["ddl"]}
SETTINGS = [
    ("search_path", "public"),
    ("search_path", ""),
    ("search_path", "pg_catalog, public"),
    ("search_path", "audit"),
    ("TimeZone", "Europe/Oslo"),
    ("DateStyle", "German"),
    ("enable_seqscan", "off"),
    ("random_page_cost", "1.5"),
    ("join_collapse_limit", "1"),
    ("max_parallel_workers_per_gather", "0"),
    ("row_security", "off"),
    ("row_security", "on"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_read_only", "on"),
    ("standard_conforming_strings", "off"),
    ("escape_string_warning", "off"),
    ("work_mem", "1MB"),
    ("app.tenant", "o'brien 7"),
    ("statement_timeout", "soon"),
]


@pytest.fixture(scope="module")
def gateways(pg, issuer) -> Iterator[RunningGateway]:
    policies = [
        {"name": name, "groups": [name], "targets": ["orders"], "actions": actions, "max_sessions": 50}
        for name, actions in GRANTS.items()
    ]
    with RunningGateway(pg, issuer.issuer, settings={"policies": policies}) as running:
        yield running
        assert "panic" not in running.log.lower(), running.log[-4000:]


@pytest.fixture(scope="module")
def tokens(issuer) -> dict[str, str]:
    return {name: issuer.token(issuer.client(groups=[name], ttl_s=3600).cid) for name in GRANTS}


def _options(name: str, value: str) -> str:
    escaped = "".join(f"\\{char}" if char in " \\" else char for char in value)
    return f"-c {name}={escaped}"


def _by_set(gateway: RunningGateway, token: str, name: str, value: str) -> str:
    """What SHOW says after a SET, or the SQLSTATE that refused it."""
    literal = value.replace("'", "''")
    text = f"set {name} = '{literal}'"
    if name == "search_path":
        text = f"select set_config('{name}', '{literal}', false)"
    with Frontend(gateway.host, gateway.port) as frontend:
        frontend.login(token, ca=gateway.ca)
        for each in frontend.query(text):
            if each.kind == b"E":
                return each.sqlstate
        return f"={frontend.rows(f'show {name}')[0][0]}"


def _direct_parameter(gateway: RunningGateway, token: str, name: str, value: str) -> str:
    with Frontend(gateway.host, gateway.port) as frontend:
        try:
            frontend.login(token, ca=gateway.ca, **{name: value})
        except ConnectionError as refused:
            return str(refused).split()[0]
        return f"={frontend.rows(f'show {name}')[0][0]}"


def _psql(gateway: RunningGateway, token: str, name: str, dsn: str, **environment: str) -> str:
    command = [postgres_program("psql"), "-XAtq", "-d", dsn, "-c", f"show {name}"]
    done = subprocess.run(
        command,
        env=client_environment(PGPASSWORD=token, **environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode == 0:
        return "=" + done.stdout.removesuffix("\n")
    # libpq gives no SQLSTATE of a connection that failed
    return next(code for words, code in REFUSALS.items() if words in done.stderr)


REFUSALS = {
    "does not allow this change of setting": "42501",
    'the target refused startup parameter "statement_timeout"': "22023",
}


def _pgoptions(gateway: RunningGateway, token: str, name: str, value: str) -> str:
    return _psql(gateway, token, name, gateway.dsn(), PGOPTIONS=_options(name, value))


def _conninfo(gateway: RunningGateway, token: str, name: str, value: str) -> str:
    dsn = f"{gateway.dsn()} {conninfo(options=_options(name.upper(), value))}"
    return _psql(gateway, token, name, dsn)


def _psycopg(gateway: RunningGateway, token: str, name: str, value: str) -> str:
    options = f"--{name.replace('_', '-')}=" + _options(name, value).partition("=")[2]
    try:
        with psycopg.connect(gateway.dsn(), password=token, options=options) as connection:
            row: Any = connection.execute(f"show {name}").fetchone()
            return f"={row[0]}"
    except psycopg.OperationalError as refused:
        return next(code for words, code in REFUSALS.items() if words in str(refused))


WAYS = {
    "a parameter": _direct_parameter,
    "PGOPTIONS": _pgoptions,
    "options in the connection string": _conninfo,
    "psycopg's options": _psycopg,
}


@pytest.mark.parametrize("grant", list(GRANTS))
@pytest.mark.parametrize("setting", SETTINGS, ids=[f"{name}={value}" for name, value in SETTINGS])
def test_startup_is_a_set(gateways, tokens, grant, setting):
    """O9, O23: `search_path=public` and its like were FATAL at startup, though SET of them passed."""
    wanted = _by_set(gateways, tokens[grant], *setting)
    for way, begin in WAYS.items():
        assert begin(gateways, tokens[grant], *setting) == wanted, way


def test_what_is_chosen_outlives_a_reset(gateways, tokens):
    """RESET goes back to what the session began with, as on a direct connection."""
    begins = {"search_path": "pg_catalog, public", "timezone": "Asia/Tokyo"}
    with Frontend(gateways.host, gateways.port) as frontend:
        frontend.login(tokens["read-only"], ca=gateways.ca, **begins)
        for text in ("set search_path = public", "set time zone 'UTC'", "discard all"):
            assert not [each.fields for each in frontend.query(text) if each.kind == b"E"]
        assert frontend.rows("show search_path") == [("pg_catalog, public",)]
        assert frontend.rows("show timezone") == [("Asia/Tokyo",)]
        assert frontend.rows("select count(*) > 0 from customers") == [("t",)]
