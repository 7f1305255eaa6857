"""O1: a transaction can always be ended, however a driver says it, and whatever is used up or not known."""

import contextlib
import json
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.postgres import run_psql
from support.frontend import CANCEL_CODE, Frontend, Message, query
from support.node import installed, missing
from support.requests import FLUSH, SYNC, bind, describe, execute, parse

DRIVERS = Path(__file__).with_name("drivers_node")
GRANTS = {
    "masked": {"actions": ["read-only"], "masks": {"public.customers.email": "null"}},
    "exact": {"actions": ["read-only"]},
    "unread": {"actions": ["query"]},
    "few-rows": {"actions": ["query"], "budgets": {"rows": 2}},
    "few-bytes": {"actions": ["query"], "budgets": {"bytes": "2000B"}},
    "few-statements": {"actions": ["query"], "budgets": {"statements": 3}},
    "no-time": {"actions": ["query"], "budgets": {"wall_time": "1s"}},
}
Login = Callable[[str], Frontend]


@pytest.fixture(scope="module")
def house(pg, issuer) -> Iterator[RunningGateway]:
    """A gateway with a policy for each of these grants."""
    policies = [
        {"name": name, "groups": [name], "targets": ["orders"]} | settings
        for name, settings in GRANTS.items()
    ]
    with RunningGateway(pg, issuer.issuer, settings={"policies": policies}) as house:
        yield house
        assert "panic" not in house.log.lower(), house.log[-4000:]


@pytest.fixture
def login(house, issuer) -> Login:
    """A session of a new agent, by the name of its policy."""

    def connect(name: str) -> Frontend:
        frontend = Frontend(house.host, house.port)
        frontend.login(issuer.token(issuer.client(groups=[name], ttl_s=3600).cid), ca=house.ca)
        return frontend

    return connect


def _rounds(frontend: Frontend, *rounds: bytes) -> list[Message]:
    """All that comes for these writes, each waited for: up to ReadyForQuery, or NoData behind a Flush."""
    replies: list[Message] = []
    for content in rounds:
        frontend.send(content)
        for _ in range(content.count(SYNC) + content.count(b"Q\0\0\0")):
            replies += frontend.until(b"Z")
        if content.endswith(FLUSH):
            replies += frontend.until(b"n", b"E")
    return replies


ENDS = {
    "as a query": [query("ROLLBACK")],
    "with a comment": [query("/* app:x */ rollback -- trace")],
    "and no chain": [query("ROLLBACK AND NO CHAIN")],
    "unnamed": [parse("ROLLBACK") + bind() + execute() + SYNC],
    "named, as pgjdbc does": [
        parse("ROLLBACK", "S_1") + bind("S_1") + describe("P") + execute() + SYNC,
    ],
    "named and described first, as postgres.js does": [
        parse("rollback", "x1") + describe("S", "x1") + FLUSH,
        bind("x1") + execute() + SYNC,
    ],
    "in three rounds": [parse("ABORT", "x2") + SYNC, bind("x2") + SYNC + bind("x2") + execute() + SYNC],
    "in two rounds, not waiting": [parse("END", "x3") + SYNC + bind("x3") + execute() + SYNC],
    "prepared before": [bind("before") + execute() + SYNC],
    "to a savepoint, then commit": [
        query("rollback to savepoint s"),
        parse("COMMIT") + bind() + execute() + SYNC,
    ],
}


def _broken(frontend: Frontend, grant: str) -> None:
    """In a failed transaction, with nothing left of the budget."""
    frontend.send(parse("ROLLBACK", "before") + SYNC)
    assert frontend.until(b"Z")[-1].body == b"I"
    assert frontend.query("begin")[-1].body == b"T"
    frontend.query("savepoint s")
    text = (
        "select pg_sleep(3)" if grant == "no-time" else "select repeat('x', 1000) from generate_series(1, 3)"
    )
    for _ in range(2):
        frontend.query(text if GRANTS[grant].get("budgets") else "select 1/0")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("grant", GRANTS)
def test_every_way_to_end_it(login, grant, end):
    """O1: 55000 under masks at once, else when the catalogue was old; 54000 with a budget used up."""
    with login(grant) as frontend:
        _broken(frontend, grant)
        replies = _rounds(frontend, *ENDS[end])
        assert not [each.fields for each in replies if each.kind == b"E"]
        assert replies[-1].body == b"I"


@pytest.mark.parametrize("grant", ["masked", "exact"])
def test_a_rollback_and_more_in_one_text(login, grant):
    """Drivers that begin anew at once: nothing of it rests on what is known of the target."""
    with login(grant) as frontend:
        _broken(frontend, grant)
        replies = frontend.query("ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ")
        assert [each.kind for each in replies] == [b"C", b"C", b"Z"]
        assert replies[-1].body == b"T"


@pytest.mark.parametrize("grant", ["masked", "exact", "unread"])
def test_psycopg_prepares_everything(house, issuer, grant):
    """psycopg with prepare_threshold=0, in a pipeline."""
    password = issuer.token(issuer.client(groups=[grant], ttl_s=3600).cid)
    with psycopg.connect(house.dsn(), password=password, prepare_threshold=0) as connection:
        for _ in range(3):
            with pytest.raises(psycopg.errors.DivisionByZero), connection.pipeline():  # noqa: PT012
                connection.execute("select count(*) from customers")
                connection.execute("select 1/0")
            connection.rollback()
            assert connection.execute("select 1").fetchone() == (1,)
            connection.commit()


@pytest.mark.skipif(missing() is not None, reason=missing() or "")
@pytest.mark.parametrize("grant", ["masked", "exact", "unread"])
def test_postgres_js_in_its_pool(house, issuer, grant):
    """O1: porsager/postgres prepares ROLLBACK by a name; its pool hung for ever."""
    files = ("package.json", "package-lock.json", "failed_transaction.mjs")
    told = {
        "host": house.host,
        "port": house.port,
        "password": issuer.token(issuer.client(groups=[grant], ttl_s=3600).cid),
        "ca": str(house.ca),
    }
    done = subprocess.run(
        ["node", "failed_transaction.mjs"],
        cwd=installed(DRIVERS, files),
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["22012", 1, "22012", 2, "22012", 3]


@contextlib.contextmanager
def _slow_to_cancel(pg, seconds: float) -> Iterator[int]:
    """A way to the target on which a CancelRequest takes so long; its port."""

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection((pg.host, pg.port)) as server:
            first = client.recv(65536)
            if first[4:8] == struct.pack("!i", CANCEL_CODE):
                time.sleep(seconds)
            server.sendall(first)
            for here, there in ((client, server), (server, client)):
                threading.Thread(target=pass_on, args=(here, there), daemon=True).start()
            ended.wait()

    def pass_on(here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := here.recv(65536):
                there.sendall(content)
        with contextlib.suppress(OSError):
            there.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)


SLOW_COMMIT = """
create schema slow;
create table slow.t (id int);
create function slow.wait() returns trigger language plpgsql
  as 'begin perform pg_sleep(1.5); return null; end';
create constraint trigger wait after insert on slow.t deferrable initially deferred
  for each row execute function slow.wait();
grant usage on schema slow to app_trust;
grant insert on slow.t to app_trust;
"""


def test_a_late_cancel_of_what_a_budget_cut(pg, issuer):
    """O1: the gateway's CancelRequest came when the target had the end of the transaction already: 57014."""
    dsn = pg.superuser_dsn.replace("dbname=postgres", "dbname=orders")
    made = run_psql("", dsn=dsn, stdin=SLOW_COMMIT)
    assert made.ok, made.err
    with _slow_to_cancel(pg, 0.5) as port:
        trusted = {"user": "app_trust", "credential": {"file": None, "trust": True}}
        target = {"port": port, "tls": "disable", "ca": None} | trusted
        policy = {"name": "few", "groups": ["few"], "targets": ["orders"], **GRANTS["few-rows"]}
        settings = {"policies": [policy], "targets": {"orders": target}}
        with RunningGateway(pg, issuer.issuer, settings=settings) as house:
            frontend = Frontend(house.host, house.port)
            frontend.login(issuer.token(issuer.client(groups=["few"], ttl_s=3600).cid), ca=house.ca)
            with frontend:
                frontend.query("begin; insert into slow.t values (1); savepoint s")
                cut = frontend.query("select g from generate_series(1, 9) g")
                assert "54000" in [each.sqlstate for each in cut if each.kind == b"E"]
                replies = [*frontend.query("rollback to s"), *frontend.query("commit")]
                assert not [each.fields for each in replies if each.kind == b"E"]
    assert run_psql("select id from slow.t; drop schema slow cascade", dsn=dsn).out.splitlines()[:1] == ["1"]
