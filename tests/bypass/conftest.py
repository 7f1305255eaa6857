"""The attempts of `sql/`, and a server of their own: its upstream user is a superuser, and each can do
harm."""

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.postgres import ThrowAwayPostgres, run_psql
from support.attempts import Answer, Attempt, read_attempts, run_steps
from support.digest import Watch, restore
from support.frontend import Frontend

Login = Callable[..., Frontend]
SQL = Path(__file__).with_name("sql")
GRANTS: dict[str, dict[str, Any]] = tomllib.loads((SQL / "grants.toml").read_text())
ATTEMPTS = [
    attempt for path in sorted(SQL.glob("*.sql")) if path.stem != "objects" for attempt in read_attempts(path)
]
MARKERS = (b"vault-4h8k", b"mk7f3q", b"MK7F3Q", b"q3f7km", b"6d6b37663371", b"bWs3ZjNx", b"hit-me")
"""What no answer to an attempt may hold, whatever else it does."""


@dataclass
class Outcome:
    """What an attempt did: its answers, and whether anything was changed or shown."""

    answers: list[Answer]
    before: dict[str, str]
    after: dict[str, str]
    session_before: bytes = b""
    session_after: bytes = b""

    @property
    def changed(self) -> dict[str, tuple[str | None, str | None]]:
        """The parts of the state that are not what they were."""
        names = self.before.keys() | self.after.keys()
        pairs = {name: (self.before.get(name), self.after.get(name)) for name in sorted(names)}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    @property
    def content(self) -> bytes:
        """All that was received."""
        return b"\n".join(answer.content for answer in self.answers)


class Arena:
    """The server of the attempts, its databases and its watches."""

    def __init__(self, pg: ThrowAwayPostgres) -> None:
        self.pg = pg
        self.watches: dict[str, Watch] = {}

    def watch(self, database: str) -> Watch:
        """The watch over a database."""
        if database not in self.watches:
            self.watches[database] = Watch(self.pg, database)
        return self.watches[database]

    def restore(self, database: str) -> None:
        """The database as it was before all attempts."""
        for watch in self.watches.values():
            watch.close()
        restore(self.pg, database, template="pristine")

    def places(self, database: str) -> dict[str, str]:
        """What `@place@` stands for in an attempt."""
        watch = self.watch(database)
        return {
            "victim": str(watch.victim_pid),
            "loot": str(watch.loot),
            "socket": str(self.pg.directory),
            "port": str(self.pg.port),
            "database": database,
        }

    def run(self, frontend: Frontend, attempt: Attempt, way: str, *, database: str) -> Outcome:
        """Run it over this connection; the state before and after, while the session is still open."""
        watch = self.watch(database)
        steps = attempt.texts(self.places(database))
        before = watch.facts()
        session_before = _session(frontend, attempt)
        frontend.received.clear()
        answers = list(run_steps(frontend, steps, way))
        after = watch.facts()
        # In a failed transaction nothing can be asked: it is the refusal that counts.
        failed = answers[-1].after not in (b"I", b"T")
        session_after = session_before if failed else _session(frontend, attempt)
        return Outcome(answers, before, after, session_before, session_after)

    def log_in(self, user: str, database: str, **parameters: str) -> Frontend:
        """A connection straight to the server."""
        frontend = Frontend(self.pg.host, self.pg.port)
        password = self.pg.password(user) if user == "app_password" else user
        frontend.login(password, ca=self.pg.ca, user=user, database=database, **parameters)
        return frontend


def _session(frontend: Frontend, attempt: Attempt) -> bytes:
    """The answer to the attempt's question about its own session."""
    if not attempt.session:
        return b""
    return b"".join(each.body for each in frontend.query(attempt.session) if each.kind == b"D")


def is_real(attempt: Attempt, outcome: Outcome) -> bool:
    """It did what it set out to do."""
    if attempt.session:
        return outcome.session_before != outcome.session_after
    if attempt.shows:
        return any(marker.encode() in outcome.content for marker in attempt.shows)
    return bool(outcome.changed)


@pytest.fixture(scope="session")
def arena() -> Iterator[Arena]:
    """The server with what the attempts need; database `orders` for the gateway, `straight` for direct
    runs.
    """
    settings = {
        "autovacuum": "off",
        "max_prepared_transactions": "4",
        "wal_level": "logical",
        "jit": "off",
        "checkpoint_timeout": "'1h'",
        "app.jwt_secret": "'vault-4h8k-jwt'",
        "archive_cleanup_command": "'vault-4h8k-command'",
    }
    with ThrowAwayPostgres(settings=settings) as pg:
        made = run_psql(
            "",
            dsn=pg.superuser_dsn.replace("dbname=postgres", "dbname=orders"),
            stdin=(SQL / "objects.sql").read_text(),
        )
        assert made.ok, made.err
        assert pg.psql("create database pristine template orders").ok
        _make_roles(pg)
        arena = Arena(pg)
        arena.restore("straight")
        arena.restore("orders")
        yield arena
        for watch in arena.watches.values():
            watch.close()


def policies() -> list[dict[str, Any]]:
    """One policy per grant of `grants.toml`, for a group of the same name."""
    found: list[dict[str, Any]] = []
    for grant, table in GRANTS.items():
        settings = {name: value for name, value in table.items() if name != "privileges"}
        found.append({"name": grant, "groups": [grant], "targets": ["orders"], **settings})
    return found


@pytest.fixture(scope="module")
def guarded(arena, issuer) -> Iterator[RunningGateway]:
    """One gateway with every grant."""
    with RunningGateway(arena.pg, issuer.issuer, settings={"policies": policies()}) as running:
        yield running
        assert "panic" not in running.log.lower(), running.log[-4000:]


@pytest.fixture(scope="module")
def login(guarded, issuer) -> Login:
    """A session under a grant; a budget's principal is a new one each time, the others are reused."""
    clients: dict[str, str] = {}

    def connect(grant: str, **parameters: str) -> Frontend:
        fresh = "budgets" in GRANTS[grant]
        if fresh or grant not in clients:
            clients[grant] = issuer.client(groups=[grant], ttl_s=3600).cid
        frontend = Frontend(guarded.host, guarded.port)
        frontend.login(issuer.token(clients[grant]), ca=guarded.ca, **parameters)
        return frontend

    return connect


def role_name(grant: str) -> str:
    """The role with the grant's privileges and nothing else."""
    return f"alone_{grant.replace('-', '_')}"


def _make_roles(pg: ThrowAwayPostgres) -> None:
    """One role per grant, which logs in with its own name as the password."""
    hba = pg.directory / "data" / "pg_hba.conf"
    for grant, table in GRANTS.items():
        if "privileges" not in table:
            continue
        role = role_name(grant)
        hba.write_text(f"host all {role} all password\n{hba.read_text()}")
        privileges = table["privileges"].replace("alone", role)
        assert pg.psql(f"create role {role} login password '{role}'").ok
        for database in ("orders", "pristine"):
            done = pg.psql(privileges, database=database)
            assert done.ok, done.err
    assert pg.psql("select pg_reload_conf()").ok
