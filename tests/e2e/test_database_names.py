"""A database of a target in a URL: JDBC needs `%2F` for the slash, Node.js sends `%2F` as it is (N18)."""

import asyncio
import json
import ssl
import subprocess
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psycopg
import pytest
import sqlalchemy

from hoopwire.demo.gateway import RunningGateway
from support.node import installed, missing, program

DRIVERS = Path(__file__).with_name("drivers_node")
NAME = "orders.analytics"


@pytest.fixture(scope="module")
def house(pg, issuer):
    policy = {"name": "both", "groups": ["both"], "targets": ["orders/*"], "actions": ["query"]}
    with RunningGateway(pg, issuer.issuer, settings={"policies": [policy]}) as house:
        yield house


@pytest.fixture
def token(issuer) -> str:
    return issuer.token(issuer.client(groups=["both"], ttl_s=3600).cid)


def test_psycopg_and_sqlalchemy(house, token):
    url = f"postgresql://agent:{quote(token)}@{house.host}:{house.port}/{NAME}"
    trust = f"sslmode=verify-full&sslrootcert={quote(str(house.ca), safe='')}"
    with psycopg.connect(f"{url}?{trust}") as connection:
        assert connection.execute("select current_database()").fetchone() == ("analytics",)
    engine = sqlalchemy.create_engine(f"{url.replace(':', '+psycopg:', 1)}?{trust}")
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("select current_database()")).scalar() == "analytics"
    engine.dispose()


def test_asyncpg(house, token):
    async def ask() -> str:
        url = f"postgresql://agent:{quote(token)}@{house.host}:{house.port}/{NAME}"
        connection = await asyncpg.connect(url, ssl=ssl.create_default_context(cafile=house.ca))
        try:
            return await connection.fetchval("select current_database()")
        finally:
            await connection.close()

    assert asyncio.run(ask()) == "analytics"


@pytest.mark.skipif(missing() is not None, reason=missing() or "")
def test_node(house, token):
    script = "database_in_url.mjs"
    home = installed(DRIVERS, ["package.json", "package-lock.json", script])
    given = {
        "host": house.host,
        "port": house.port,
        "password": token,
        "ca": str(house.ca),
        "database": NAME,
    }
    done = subprocess.run(
        [program(home), str(home / script)], input=json.dumps(given), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == "analytics"


def test_a_grant_over_http_and_the_checks_take_it_too(house, token):
    minted = house.mint(token, target=NAME)
    assert minted.status_code == 201, minted.text
    with psycopg.connect(house.dsn(NAME), password=minted.json()["secret"]) as connection:
        assert connection.execute("select current_database()").fetchone() == ("analytics",)
    checked = house.hoopwire("check", "--as", "cid:a", "--groups", "both", "--target", NAME, "--json")
    assert json.loads(checked.out)[0]["outcome"]["database"] == "analytics"


def test_who_may_not_hears_of_the_database(house, issuer):
    """`orders.secrets` was no target at all: what is refused is the database now."""
    token = issuer.token(issuer.client(groups=["both"], ttl_s=3600).cid)
    with pytest.raises(psycopg.OperationalError, match="secrets"):
        psycopg.connect(house.dsn("orders.secrets"), password=token)
