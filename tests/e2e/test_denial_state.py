"""A denial leaves the protocol's state exactly as a server's own error at the same place would.

Each dialogue is held twice: straight, where the relation's name is a syntax error of the same length, and
through the gateway, where the relation is one that the grant does not allow. The transcripts must be equal:
message types in their order, command tags, rows, and every ReadyForQuery's status. Only what the error says
differs.
"""

import struct
from collections.abc import Iterator

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.postgres import ThrowAwayPostgres, run_psql
from support.attempts import extended
from support.frontend import Frontend, Message, message, query
from support.requests import FLUSH, SYNC, bind, close, describe, execute, parse

OBJECTS = (
    "create table denied (n int); create table kept (n int primary key); insert into kept values (1), (2);"
)
DENIED = "select n from denied"
# A denial is where a syntax error would be: before anything of the text runs, at Parse and not at Execute.
BROKEN = b"%(%(%("


def ext(sql: str) -> bytes:
    """One statement by the extended protocol, with its Sync."""
    return extended(sql.encode())


ALIVE = query("select 'alive'")
# Name: what is sent, piece by piece; each is one write, and is read up to all ReadyForQuery that it causes.
DIALOGUES: dict[str, list[bytes]] = {
    "alone": [query(DENIED), ALIVE],
    "alone, extended": [ext(DENIED), ALIVE],
    "in an explicit transaction": [
        query("begin"),
        query("select 1"),
        query(DENIED),
        query("select 2"),
        query("commit"),
    ],
    "in an explicit transaction, extended": [
        ext("begin"),
        ext(DENIED),
        ext("select 2"),
        ext("commit"),
        ALIVE,
    ],
    "rollback after it": [query("begin"), query(DENIED), query("rollback"), ALIVE],
    "writes before it in the transaction are lost": [
        query("begin"),
        query("insert into kept values (10)"),
        query(DENIED),
        query("commit"),
        query("select count(*) from kept"),
    ],
    "commit and chain after it": [query("begin"), query(DENIED), query("commit and chain"), ALIVE],
    "twice in a transaction": [query("begin"), query(DENIED), query(DENIED), query("commit"), ALIVE],
    "after a savepoint": [
        query("begin"),
        query("insert into kept values (11)"),
        query("savepoint a"),
        query(DENIED),
        query("select 1"),
        query("rollback to savepoint a"),
        query("select count(*) from kept"),
        query("rollback"),
    ],
    "after nested savepoints": [
        query("begin"),
        query("savepoint a"),
        query("savepoint b"),
        query(DENIED),
        query("release savepoint b"),
        query("rollback to b"),
        query("release a"),
        query("commit"),
    ],
    "after a savepoint, extended": [
        ext("begin"),
        ext("savepoint a"),
        ext(DENIED),
        ext("rollback to a"),
        ext("select count(*) from kept"),
        ext("commit"),
    ],
    "in a failed transaction": [query("begin"), query("select 1/0"), query(DENIED), query("rollback")],
    "in a failed transaction, extended": [
        ext("begin"),
        ext("select 1/0"),
        ext(DENIED),
        ext("rollback"),
        ALIVE,
    ],
    "an implicit transaction of a pipeline": [
        ext("insert into kept values (20)")[:-5] + ext(DENIED)[:-5] + ext("insert into kept values (21)"),
        query("select count(*) from kept"),
    ],
    "last in a pipeline": [
        ext("insert into kept values (22)")[:-5] + ext("select 1")[:-5] + ext(DENIED),
        query("select count(*) from kept"),
    ],
    "first in a pipeline": [ext(DENIED)[:-5] + ext("select 1")[:-5] + ext("select 2"), ALIVE],
    "a pipeline of several syncs": [
        ext("select 1") + ext(DENIED) + ext("select 2") + ext(DENIED) + ext("select 3"),
        ALIVE,
    ],
    "a pipeline inside a transaction": [
        query("begin"),
        ext("select 1")[:-5] + ext(DENIED)[:-5] + ext("select 2"),
        ext("select 3"),
        ext("rollback"),
        ALIVE,
    ],
    "a pipeline that opens the transaction": [
        ext("begin")[:-5] + ext("insert into kept values (23)")[:-5] + ext(DENIED),
        query("select 1"),
        query("commit"),
        query("select count(*) from kept"),
    ],
    "a pipeline of begin and commit around it": [
        ext("begin")[:-5] + ext(DENIED)[:-5] + ext("commit"),
        query("rollback"),
        ALIVE,
    ],
    "simple queries in one write": [query("select 1") + query(DENIED) + query("select 2"), ALIVE],
    "simple and extended in one write": [
        query("select 1") + ext(DENIED) + query("select 2") + ext("select 3"),
        ALIVE,
    ],
    "unnamed statement before it is gone or kept": [
        parse("select 7") + SYNC,
        ext(DENIED),
        bind() + execute() + SYNC,
        ALIVE,
    ],
    "unnamed statement, denied at parse only": [
        parse("select 7") + SYNC,
        parse(DENIED) + SYNC,
        bind() + execute() + SYNC,
        ALIVE,
    ],
    "unnamed statement and a denied simple query": [
        parse("select 7") + SYNC,
        query(DENIED),
        bind() + execute() + SYNC,
        ALIVE,
    ],
    "named statement before it is kept": [
        parse("select 7", "a") + SYNC,
        ext(DENIED),
        bind("a") + execute() + SYNC,
        parse("select 8", "a") + SYNC,
    ],
    "parse denied, then bind of its name": [
        parse(DENIED, "bad") + SYNC,
        bind("bad") + execute() + SYNC,
        describe("S", "bad") + SYNC,
        close("S", "bad") + SYNC,
        ALIVE,
    ],
    "parse denied, then parse of the same name": [
        parse(DENIED, "bad") + SYNC,
        parse("select 9", "bad") + bind("bad") + execute() + SYNC,
    ],
    "parse denied of a name that is taken": [
        parse("select 7", "a") + SYNC,
        parse(DENIED, "a") + SYNC,
        bind("a") + execute() + SYNC,
    ],
    "everything up to sync is skipped": [
        parse(DENIED, "bad")
        + parse("select 1", "good")
        + describe("S", "good")
        + close("S", "x")
        + FLUSH
        + SYNC,
        bind("good") + execute() + SYNC,
        ALIVE,
    ],
    "with parameters": [
        parse(DENIED + " where n = $1", "", 23) + bind("", "", "1") + execute() + SYNC,
        ALIVE,
    ],
    "describe between": [parse(DENIED) + describe("S") + bind() + describe("P") + execute() + SYNC, ALIVE],
    "a portal that is open survives in its transaction only": [
        query("begin"),
        parse("select * from generate_series(1, 5)") + bind("", "p") + execute("p", 2) + SYNC,
        ext(DENIED),
        execute("p", 2) + SYNC,
        query("rollback"),
        execute("p", 2) + SYNC,
        ALIVE,
    ],
    "a portal with a savepoint before it": [
        query("begin"),
        parse("select * from generate_series(1, 5)") + bind("", "p") + execute("p", 2) + SYNC,
        query("savepoint a"),
        ext(DENIED),
        query("rollback to a"),
        execute("p", 2) + SYNC,
        query("commit"),
    ],
    "a cursor in its transaction": [
        query("begin"),
        query("declare c cursor for select * from generate_series(1, 9)"),
        query("fetch 2 from c"),
        query("savepoint a"),
        query(DENIED),
        query("rollback to a"),
        query("fetch 2 from c"),
        query("commit"),
    ],
    "declare of it": [
        query("begin"),
        query(f"declare c cursor for {DENIED}"),
        query("fetch c"),
        query("rollback"),
    ],
    "a cursor with hold lives on": [
        query("declare h cursor with hold for select * from generate_series(1, 9)"),
        query(DENIED),
        query("fetch 2 from h"),
        query("close h"),
    ],
    "a statement prepared by SQL": [
        query("prepare a as select 5"),
        query(DENIED),
        query("execute a"),
        query("deallocate a"),
    ],
    "prepare of it, then execute": [query(f"prepare bad as {DENIED}"), query("execute bad"), ALIVE],
    "prepare of it in a transaction": [
        query("begin"),
        query(f"prepare bad as {DENIED}"),
        query("commit"),
        ALIVE,
    ],
    "copy of it to stdout": [query(f"copy ({DENIED}) to stdout"), query("copy denied to stdout"), ALIVE],
    "copy of it to stdout, extended": [ext("copy denied to stdout"), ALIVE],
    "copy of it to stdout in a transaction": [
        query("begin"),
        query("copy denied to stdout"),
        query("commit"),
        ALIVE,
    ],
    "copy into it, without data": [query("copy denied from stdin"), ALIVE],
    "copy into it with data that is under way": [
        query("copy denied from stdin") + message(b"d", b"1\n") + message(b"d", b"2\n") + message(b"c"),
        ALIVE,
    ],
    "copy into it with a CopyFail that is under way": [
        query("copy denied from stdin") + message(b"d", b"1\n") + message(b"f", b"no more\0"),
        ALIVE,
    ],
    "copy into it, extended, with data that is under way": [
        parse("copy denied from stdin") + bind() + execute() + message(b"d", b"1\n") + message(b"c") + SYNC,
        ALIVE,
    ],
    "a text of several, it last": [
        query(f"insert into kept values (30); {DENIED}"),
        query("select count(*) from kept"),
    ],
    "a text of several, it first": [
        query(f"{DENIED}; insert into kept values (30)"),
        query("select count(*) from kept"),
    ],
    "a text that ends its own transaction before it": [
        query(f"begin; insert into kept values (31); commit; {DENIED}"),
        query("select count(*) from kept"),
    ],
    "a transaction around a text of several": [
        query("begin"),
        query(f"{DENIED}; select 1"),
        query("select 1"),
        query("commit"),
    ],
    "explain of it": [query(f"explain {DENIED}"), ALIVE],
    "flush instead of sync": [parse(DENIED) + bind() + execute() + FLUSH, SYNC, ALIVE],
    "flush before and after": [
        parse("select 1") + bind() + execute() + FLUSH + parse(DENIED) + FLUSH + parse("select 2") + SYNC,
        ALIVE,
    ],
    "a sync alone after it": [ext(DENIED), SYNC, SYNC, ALIVE],
    "settings made in the failed transaction": [
        query("set application_name = 'before'"),
        query("begin"),
        query("set application_name = 'during'"),
        query(DENIED),
        query("rollback"),
        query("show application_name"),
    ],
    "settings made before it in a pipeline": [
        query("set application_name = 'before'"),
        ext("set application_name = 'during'")[:-5] + ext(DENIED),
        query("show application_name"),
    ],
    "a read only transaction": [query("begin read only"), query(DENIED), query("commit"), ALIVE],
    "a deferred error and it": [
        query("begin isolation level serializable"),
        query("select 1"),
        query(DENIED),
        query("end"),
        ALIVE,
    ],
}
SYNCS = {b"Q", b"S"}


@pytest.fixture(scope="module")
def routes(issuer) -> Iterator[tuple[ThrowAwayPostgres, RunningGateway, str]]:
    """A server, and a gateway whose grant has `kept` and not `denied`."""
    with ThrowAwayPostgres() as pg:
        assert run_psql(OBJECTS, dsn=pg.dsn(user="app"), password=pg.password()).ok
        policy = {
            "name": "kept",
            "groups": [GROUP],
            "targets": ["orders"],
            "actions": ["select, insert on public.kept", "catalog"],
        }
        with RunningGateway(pg, issuer.issuer, settings={"policies": [policy]}) as gateway:
            yield pg, gateway, issuer.issuer


def _readies(content: bytes) -> int:
    """How many ReadyForQuery these messages cause: one for each Query and Sync."""
    count = offset = 0
    while offset < len(content):
        count += content[offset : offset + 1] in SYNCS
        offset += 1 + struct.unpack("!i", content[offset + 1 : offset + 5])[0]
    return count


def _broken(piece: bytes) -> bytes:
    """The piece as it errs at the server itself."""
    return piece.replace(b"denied", BROKEN)


def _hold(frontend: Frontend, pieces: list[bytes]) -> list[list[object]]:
    """The dialogue as seen by the client, without what the errors say."""
    seen: list[list[object]] = []
    for piece in pieces:
        frontend.send(piece)
        replies: list[Message] = []
        readies = _readies(piece)
        if not readies:
            # Flush: the error must come by itself.
            replies += frontend.until(b"E")
        for _ in range(readies):
            replies += frontend.until(b"Z")
        seen.append([_shape(each) for each in replies])
    frontend.query("rollback")
    return seen


def _shape(reply: Message) -> object:
    if reply.kind == b"E":
        return b"E", reply.fields["S"]
    if reply.kind in (b"T", b"S"):
        return reply.kind
    return reply.kind, reply.body


@pytest.mark.parametrize("name", DIALOGUES)
def test_same_transcript(routes, issuer, name):
    """After a denial the gateway thought of another state than the server: statements ran, or hung, or
    were lost.
    """
    pg, gateway, _ = routes
    transcripts = []
    for straight in (True, False):
        pg.psql("delete from kept where n > 2", database="orders")
        host, port = (pg.host, pg.port) if straight else (gateway.host, gateway.port)
        with Frontend(host, port) as frontend:
            if straight:
                frontend.login(pg.password("app_password"), ca=pg.ca, user="app_password")
                transcripts.append(_hold(frontend, [_broken(piece) for piece in DIALOGUES[name]]))
            else:
                token = issuer.token(issuer.client(groups=[GROUP], ttl_s=3600).cid)
                frontend.login(token, ca=gateway.ca)
                transcripts.append(_hold(frontend, DIALOGUES[name]))
    assert transcripts[1] == transcripts[0]


def test_each_dialogue_errs(routes):
    """A dialogue in which the server does not err compares nothing."""
    pg, _, _ = routes
    for name, pieces in DIALOGUES.items():
        pg.psql("delete from kept where n > 2", database="orders")
        with Frontend(pg.host, pg.port) as frontend:
            frontend.login(pg.password("app_password"), ca=pg.ca, user="app_password")
            held = _hold(frontend, [_broken(piece) for piece in pieces])
            assert any((b"E", "ERROR") in piece for piece in held), name
