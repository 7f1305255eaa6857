"""The server of the oracles: its two worlds, the analysed trees of statements, and answers to compare.

Everything is asked as a user who may do no more than use the relations, over pipelines.
"""

import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from hoopwire.demo.postgres import ThrowAwayPostgres, run_psql
from support.frontend import Frontend, Message
from support.requests import SYNC, bind, describe, execute, parse

from . import shop
from .statements import Statement

SETTINGS = {
    # What it would know of masked values would choose its plans, and so the order of rows.
    "autovacuum": "off",
    "jit": "off",
    # Every tree goes to the log, too, and every second answer is an error.
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
    "statement_timeout": "'300ms'",
    "max_parallel_workers_per_gather": "0",
}
DATABASES = ("orders", "mirror")
"""World 0 and world 1."""

_ROWS = 400
_START_S = 60
_TIMEOUT = "57014"
_USER = "app_password"
# An error that ends the transaction of a pipeline: what the statement did is undone.
_UNDO = parse("select 1/0") + bind() + execute()


def make(pg: ThrowAwayPostgres) -> None:
    """Both worlds. The relations have the same OIDs in them."""
    _run(pg, "postgres", "create database pattern template template0")
    _run(pg, "pattern", shop.objects())
    renew(pg)


def renew(pg: ThrowAwayPostgres) -> None:
    """Both worlds as they were. What was undone takes room, and from that the server makes its plans: after a
    crash or a timeout that only one of them had, they may differ in the order of rows.
    """
    for world, database in enumerate(DATABASES):
        _run(pg, "postgres", f"drop database if exists {database} with (force)")
        _run(pg, "postgres", f"create database {database} template pattern")
        _run(pg, database, shop.rows(world))


def _run(pg: ThrowAwayPostgres, database: str, sql: str) -> None:
    dsn = pg.superuser_dsn.replace("dbname=postgres", f"dbname={database}")
    done = run_psql("", dsn=f"{dsn} options='-c statement_timeout=0'", stdin=sql)
    if not done.ok:
        raise RuntimeError(f"the worlds could not be made:\n{done.err}")


def masks(pg: ThrowAwayPostgres) -> Mapping[int, frozenset[int]]:
    """The masked columns' numbers by their relations' OIDs."""
    rows = pg.psql(
        "select n.nspname, c.relname, a.attname, c.oid, a.attnum from pg_attribute a"
        " join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname in ('public', 'audit') and a.attnum > 0",
        database=DATABASES[0],
    )
    masked = {(each.schema, each.name): each.masked for each in shop.RELATIONS}
    found: dict[int, set[int]] = {}
    for line in rows.out.splitlines():
        schema, relation, column, oid, number = line.split("|")
        if column in masked.get((schema, relation), ()):
            found.setdefault(int(oid), set()).add(int(number))
    return {oid: frozenset(numbers) for oid, numbers in found.items()}


def log_in(pg: ThrowAwayPostgres, database: str) -> Frontend:
    """A connection straight to the server, once it takes one: it may be on its feet again in a moment."""
    deadline = time.monotonic() + _START_S
    while True:
        try:
            frontend = Frontend(pg.host, pg.port, timeout_s=60)
            frontend.login(pg.password(_USER), ca=pg.ca, user=_USER, database=database)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return frontend


class Trees:
    """Asks the server for the trees of texts; nothing is executed."""

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend
        for setting in ("debug_print_parse = on", "debug_pretty_print = off", "client_min_messages = log"):
            frontend.query(f"set {setting}")

    def of(self, texts: list[str]) -> list[tuple[str, str]]:
        """For each text its tree and an empty SQLSTATE, or no tree and the error's."""
        self._frontend.send(b"".join(parse(text) + SYNC for text in texts))
        return [self._answer() for _ in texts]

    def _answer(self) -> tuple[str, str]:
        tree, sqlstate = "", ""
        for reply in self._frontend.until(b"Z"):
            if reply.kind == b"E":
                sqlstate = reply.sqlstate
            elif reply.kind == b"N" and reply.fields.get("M", "").startswith("parse tree"):
                tree = reply.fields.get("D", "")
        self._frontend.received.clear()
        return ("", sqlstate) if sqlstate else (tree, "")


@dataclass
class Answer:
    """What a statement was answered: cells that no mask would change, and whether it failed."""

    sqlstate: str = ""
    said: str = ""
    tag: bytes = b""
    rows: list[tuple[bytes | None, ...]] = field(default_factory=list)


class Worlds:
    """Runs statements in both worlds and undoes what they did."""

    def __init__(self, pair: tuple[Frontend, Frontend], masked: Mapping[int, frozenset[int]]) -> None:
        self._pair = pair
        self._masked = masked

    def differ(self, texts: list[str]) -> list[str]:
        """For each text what was different, or nothing."""
        for frontend, database in zip(self._pair, DATABASES, strict=True):
            # A name of three parts names the session's own database.
            own = [text.replace(f"{DATABASES[0]}.", f"{database}.") for text in texts]
            run = bind() + describe("P") + execute("", _ROWS) + _UNDO + SYNC
            frontend.send(b"".join(parse(text) + run for text in own))
        found = []
        for _ in texts:
            one, other = (self._answer(frontend) for frontend in self._pair)
            found.append(difference(one, other))
        return found

    def _answer(self, frontend: Frontend) -> Answer:
        answer = read_answer(frontend.until(b"Z"), self._masked)
        frontend.received.clear()
        return answer


def read_answer(replies: Iterable[Message], masked: Mapping[int, frozenset[int]]) -> Answer:
    """The first answer in these messages, without the cells of masked columns."""
    answer = Answer()
    hidden: list[bool] = []
    for reply in replies:
        if reply.kind == b"T":
            hidden = [column in masked.get(oid, ()) for oid, column in _origins(reply.body)]
        elif reply.kind == b"D":
            cells = enumerate(_cells(reply.body))
            answer.rows.append(tuple(cell for at, cell in cells if not hidden[at]))
        elif reply.kind == b"E":
            if not answer.tag:
                answer.sqlstate, answer.said = reply.sqlstate, reply.fields.get("M", "")
            break
        elif reply.kind in (b"C", b"s"):
            answer.tag = reply.body or b"suspended"
    return answer


def difference(one: Answer, other: Answer) -> str:
    """In words; nothing if there is none, or if one ran out of time."""
    if _TIMEOUT in (one.sqlstate, other.sqlstate):
        return ""
    if (one.sqlstate, one.said) != (other.sqlstate, other.said):
        return f"errors {one.sqlstate} {one.said!r} and {other.sqlstate} {other.said!r}"
    if one.tag != other.tag or len(one.rows) != len(other.rows):
        return f"{len(one.rows)} rows {one.tag!r} and {len(other.rows)} rows {other.tag!r}"
    for number, (ours, theirs) in enumerate(zip(one.rows, other.rows, strict=True)):
        if ours != theirs:
            return f"row {number}: {ours} and {theirs}"
    return ""


def _origins(body: bytes) -> Iterator[tuple[int, int]]:
    """Relation and column of each field of a RowDescription."""
    offset = 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        offset = body.index(b"\0", offset) + 1
        oid, column = struct.unpack_from("!Ih", body, offset)
        yield oid, column
        offset += 18


def _cells(body: bytes) -> Iterator[bytes | None]:
    offset = 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        (length,) = struct.unpack_from("!i", body, offset)
        offset += 4
        if length < 0:
            yield None
        else:
            yield body[offset : offset + length]
            offset += length


def straight(statement: Statement) -> str:
    """What of a statement is run in the worlds: a plan as it is, of the rest the query."""
    return statement.text if statement.text.startswith("explain") else statement.inner
