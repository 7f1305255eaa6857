"""psycopg 3, asyncpg and SQLAlchemy: what they do beyond psql gives the same on both routes."""

import asyncio
import datetime
import decimal
import ssl
import threading
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy
from psycopg import sql

pytestmark = pytest.mark.filterwarnings("error")


def _psycopg(route, **options: Any) -> "psycopg.Connection[Any]":
    return psycopg.connect(route.dsn(), password=route.credential(), **options)


def _psycopg_dialogue(route) -> list[Any]:
    seen: list[Any] = []
    with _psycopg(route, autocommit=True) as connection:
        for binary in (False, True):
            with connection.cursor(binary=binary) as cursor:
                cursor.execute(
                    "select %s::int8, %s::numeric, %s::timestamptz, %s::bytea, %s::text[], %s::jsonb",
                    (
                        2**40,
                        decimal.Decimal("12.50"),
                        datetime.datetime(2026, 2, 3, tzinfo=datetime.UTC),
                        bytes(range(256)),
                        ["a", "b c", None],
                        psycopg.types.json.Jsonb({"k": [1, 2, {"deep": True}]}),
                    ),
                )
                seen.append(cursor.fetchall())
                seen.append([column.type_code for column in cursor.description or ()])
        seen += [connection.execute("select %s", (n,), prepare=True).fetchone() for n in range(8)]
        with pytest.raises(psycopg.errors.UniqueViolation) as raised:
            connection.execute("insert into customers select * from customers limit 1")
        seen.append((raised.value.sqlstate, str(raised.value), raised.value.diag.constraint_name))
        with connection.transaction(), connection.cursor(name="server_side") as cursor:
            cursor.itersize = 100
            cursor.execute("select id from items join orders on orders.id = order_id order by 1, line")
            seen.append(sum(row[0] for row in cursor))
        with connection.cursor() as cursor:
            cursor.executemany("select %s::int", [(n,) for n in range(50)], returning=True)
            seen.append([row for _ in cursor.results() for row in cursor.fetchall()])
    return seen


def _pipeline_dialogue(route) -> list[Any]:
    with _psycopg(route, autocommit=True) as connection:
        with connection.pipeline() as pipeline:
            first = connection.execute("select 1")
            second = connection.execute("select count(*) from orders")
            pipeline.sync()
            third = connection.execute("select 3")
        seen: list[Any] = [first.fetchall(), second.fetchall(), third.fetchall()]
        with pytest.raises(psycopg.errors.DivisionByZero), connection.pipeline():  # noqa: PT012
            connection.execute("select 1")
            connection.execute("select 1/0")
            connection.execute("select 2")
        seen.append(connection.execute("select 'alive'").fetchone())
    return seen


def _copy_dialogue(route) -> list[Any]:
    rows = [(n, f"row {n} \t\\ \n{'x' * (n % 300)}") for n in range(5000)]
    with _psycopg(route) as connection:
        connection.execute("create temp table copied (id int, body text)")
        with connection.cursor().copy("copy copied from stdin") as copy:
            for row in rows:
                copy.write_row(row)
        with connection.cursor().copy("copy (select * from copied order by id) to stdout") as copy:
            found = list(copy.rows())
        assert [(int(key), body) for key, body in found] == rows
        with pytest.raises(KeyboardInterrupt), connection.cursor().copy("copy copied from stdin") as copy:  # noqa: PT012
            copy.write_row((1, "half"))
            raise KeyboardInterrupt
        connection.rollback()
        return [connection.execute("select 1").fetchone()]


@pytest.mark.parametrize("dialogue", [_psycopg_dialogue, _pipeline_dialogue, _copy_dialogue])
def test_psycopg(route, direct, dialogue):
    """Binary results, prepared statements, server-side cursors, executemany, pipelines, COPY."""
    assert dialogue(route) == dialogue(direct)


@pytest.mark.skipif(psycopg.pq.version() < 180000, reason="libpq is older than PostgreSQL 18")
@pytest.mark.parametrize("wanted", ["3.0", "3.2", "latest"])
def test_libpq_18(gateway, agent, wanted):
    """libpq 18 speaks 3.2 and TLS at once, and cancels inside TLS with a long key, whatever the target is."""
    options = {"max_protocol_version": wanted, "sslnegotiation": "direct", "autocommit": True}
    with psycopg.connect(gateway.dsn(), password=agent(), **options) as connection:
        assert connection.pgconn.full_protocol_version == (30000 if wanted == "3.0" else 30002)
        timer = threading.Timer(1, connection.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("select pg_sleep(30)")
        timer.join()
        assert connection.execute("select 'alive'").fetchone() == ("alive",)


def test_big_parameters(route):
    """A 20 MB parameter goes up and its digest comes back, in text and in binary."""
    value = bytes(range(256)) * 80_000
    with _psycopg(route) as connection:
        for binary in ("%s", "%b"):
            row = connection.execute(
                f"select length({binary}::bytea), md5({binary}::bytea)", (value, value)
            ).fetchone()
            assert row is not None
            assert row[0] == len(value)


def test_function_arguments_beyond_defaults(route):
    """1,600 columns in one row, 30,000 parameters in one Bind."""
    with _psycopg(route) as connection:
        wide = connection.execute("select " + ", ".join(str(n) for n in range(1600))).fetchone()
        assert wide == tuple(range(1600))
        marks = sql.SQL(", ").join([sql.SQL("%s::int")] * 30_000)
        row = connection.execute(
            sql.SQL("select cardinality(array[{}])").format(marks), list(range(30_000))
        ).fetchone()
        assert row == (30_000,)


def test_asyncpg(route, direct):
    """asyncpg: extended protocol in binary, cursors, COPY of records, a pool, notifications."""

    async def dialogue(route) -> list[Any]:
        options: dict[str, Any] = {
            "host": route.host,
            "port": route.port,
            "user": route.user,
            "database": "orders",
            "password": route.credential(),
            "ssl": ssl.create_default_context(cafile=str(route.ca)),
        }
        seen: list[Any] = []
        connection = await asyncpg.connect(**options)
        try:
            seen.append([tuple(row) for row in await connection.fetch("select * from customers order by id")])
            seen.append(await connection.fetchval("select $1::int8 + $2::int8", 40, 2))
            async with connection.transaction():
                rows = connection.cursor("select id from orders order by id", prefetch=10)
                seen.append([row["id"] async for row in rows])
            await connection.execute("create temp table t (n int, body text)")
            seen.append(
                await connection.copy_records_to_table("t", records=[(n, f"row {n}") for n in range(1000)])
            )
            seen.append(await connection.fetchval("select md5(string_agg(body, ',' order by n)) from t"))
            heard: asyncio.Queue[str] = asyncio.Queue()
            await connection.add_listener("asyncpg_news", lambda *event: heard.put_nowait(event[3]))
            await connection.execute("notify asyncpg_news, 'ping'")
            seen.append(await asyncio.wait_for(heard.get(), 10))
            try:
                await connection.fetch("select 1/0")
            except asyncpg.DivisionByZeroError as error:
                seen.append(error.sqlstate)
        finally:
            await connection.close()
        async with asyncpg.create_pool(min_size=4, max_size=8, **options) as pool:
            seen.append(
                sorted(await asyncio.gather(*(pool.fetchval("select $1::int", n) for n in range(40))))
            )
        return seen

    assert asyncio.run(dialogue(route)) == asyncio.run(dialogue(direct))


def test_sqlalchemy(route, direct):
    """SQLAlchemy over psycopg: reflection, a pool that reuses connections, a rolled-back transaction."""

    def dialogue(route) -> list[Any]:
        engine = sqlalchemy.create_engine(route.sqlalchemy_url(), pool_size=4, pool_pre_ping=True)
        seen: list[Any] = []
        try:
            metadata = sqlalchemy.MetaData()
            metadata.reflect(engine, only=["customers", "orders", "items"])
            seen.append({name: [str(c) for c in table.columns] for name, table in metadata.tables.items()})
            customers, orders = metadata.tables["customers"], metadata.tables["orders"]
            with engine.connect() as connection:
                chosen = sqlalchemy.select(customers.c.name, sqlalchemy.func.count()).join(orders)
                counted = chosen.group_by(customers.c.name).order_by(customers.c.name)
                seen.append([tuple(row) for row in connection.execute(counted)])
            with engine.begin() as connection:
                connection.execute(sqlalchemy.update(orders).where(orders.c.id == 1).values(status="paid"))
                connection.get_transaction().rollback()
            with engine.connect() as connection:
                seen.append(
                    connection.execute(sqlalchemy.select(orders.c.status).where(orders.c.id == 1)).scalar()
                )
        finally:
            engine.dispose()
        return seen

    assert dialogue(route) == dialogue(direct)
