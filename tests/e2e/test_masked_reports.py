"""Under masks, reports and mappers' queries run as they are: only the cells of the masked columns differ."""

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.postgres import ThrowAwayPostgres, run_psql
from support.attempts import extended
from support.frontend import Frontend, Message, query

from .test_no_false_refusals import SQL, statements

MASKED = ("customers.email", "tree.name")
NUMBERS = f"""
    SELECT attrelid::oid, attnum FROM pg_attribute
    WHERE attrelid::regclass || '.' || attname = ANY ('{{{",".join(MASKED)}}}')"""
REPORTS = statements("masked.sql")


@pytest.fixture(scope="module")
def pair(issuer) -> Iterator[tuple[ThrowAwayPostgres, Frontend, Frontend]]:
    """A server, a session straight to it, and one through a gateway whose policy masks two columns."""
    with ThrowAwayPostgres(settings={"autovacuum": "off", "jit": "off"}) as pg:
        objects = (SQL / "objects.sql").read_text()
        made = run_psql("", dsn=pg.dsn(user="app"), password=pg.password(), stdin=objects)
        assert made.ok, made.err
        masks: dict[str, Any] = {f"public.{column}": "null" for column in MASKED}
        policy = {"name": "masked", "groups": [GROUP], "targets": ["orders"], "actions": ["read-only"]}
        with RunningGateway(pg, issuer.issuer, settings={"policies": [policy | {"masks": masks}]}) as gateway:
            straight, through = Frontend(pg.host, pg.port), Frontend(gateway.host, gateway.port)
            straight.login(pg.password("app_password"), ca=pg.ca, user="app_password")
            cid = issuer.client(groups=[GROUP], ttl_s=3600).cid
            through.login(issuer.token(cid), ca=gateway.ca)
            with straight, through:
                yield pg, straight, through


def _origins(description: Message) -> list[tuple[int, int]]:
    """Of each column, its relation's OID and its number there."""
    (count,) = struct.unpack_from("!h", description.body)
    found, at = [], 2
    for _ in range(count):
        at = description.body.index(b"\0", at) + 1
        found.append(struct.unpack_from("!ih", description.body, at))
        at += 18
    return found


def _cells(row: Message) -> list[bytes | None]:
    (count,) = struct.unpack_from("!h", row.body)
    cells: list[bytes | None] = []
    at = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", row.body, at)
        cells.append(None if length < 0 else row.body[at + 4 : at + 4 + length])
        at += 4 + max(length, 0)
    return cells


def _answer(frontend: Frontend, content: bytes) -> tuple[list[Message], list[Message], list[Message]]:
    """Errors, descriptions and rows."""
    frontend.send(content)
    replies = frontend.until(b"Z")
    errors, descriptions, rows = (
        [each for each in replies if each.kind == kind] for kind in (b"E", b"T", b"D")
    )
    return errors, descriptions, rows


@pytest.mark.parametrize("number", range(len(REPORTS)), ids=lambda n: REPORTS[n][:60])
@pytest.mark.parametrize("way", ["simple", "extended"])
def test_report(pair, number, way):
    """H1: what hides a masked column was made stricter, and reports must not be refused for it: nothing is,
    and all cells but the masked ones are as they are without the gateway.
    """
    pg, straight, through = pair
    sql = REPORTS[number]
    content = query(sql) if way == "simple" else extended(sql.encode())
    wanted, found = _answer(straight, content), _answer(through, content)
    assert not wanted[0], [each.fields for each in wanted[0]]
    assert not found[0], [each.fields for each in found[0]]
    assert [each.body for each in found[1]] == [each.body for each in wanted[1]]
    numbers = pg.psql(NUMBERS, database="orders")
    masked = {tuple(map(int, line.split("|"))) for line in numbers.out.splitlines()}
    assert len(masked) == len(MASKED)
    origins = _origins(found[1][0])
    assert len(found[2]) == len(wanted[2]) > 0
    for mine, theirs in zip(found[2], wanted[2], strict=True):
        for origin, cell, plain in zip(origins, _cells(mine), _cells(theirs), strict=True):
            assert cell == (None if origin in masked else plain)


def test_the_reports_show_masked_columns():
    """The corpus shrank unnoticed, or shows nothing that is masked."""
    assert len(set(REPORTS)) >= 35
    assert sum("email" in sql or "t.name" in sql for sql in REPORTS) >= 15
