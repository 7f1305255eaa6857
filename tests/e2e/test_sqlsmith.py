"""PostgreSQL as the oracle: whatever a read grant lets through, the database is the same afterwards.

Statements come from sqlsmith (a generator that knows the server's own types and functions) and from
mutations of the corpora. Most are refused, many fail; the digest of the database says whether one of them
wrote.
"""

import random
import re
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.postgres import ThrowAwayPostgres, client_environment, run_psql
from support.attempts import read_attempts
from support.digest import Watch
from support.frontend import Frontend, PeerClosed, message

pytestmark = pytest.mark.slow
ORDINARY = Path(__file__).with_name("sql") / "ordinary.sql"
ATTEMPTS = Path(__file__).parent.parent / "bypass" / "sql"
GENERATED, MUTATED = 12_000, 12_000
CONNECTIONS = 4
SEED = 20261124
# What would end the session under test rather than change the database.
BATCH = 20


@pytest.fixture(scope="module")
def arena(issuer) -> Iterator[tuple[ThrowAwayPostgres, RunningGateway]]:
    """A server whose upstream user may do everything, and a gateway whose one policy reads."""
    settings = {
        "autovacuum": "off",
        "jit": "off",
        "statement_timeout": "'250ms'",
        "max_prepared_transactions": "4",
        "temp_file_limit": "'64MB'",
    }
    with ThrowAwayPostgres(settings=settings) as pg:
        dsn = pg.superuser_dsn.replace("dbname=postgres", "dbname=orders")
        for path in (ATTEMPTS / "objects.sql", ORDINARY.with_name("objects.sql")):
            text = "set statement_timeout = 0;\n" + path.read_text()
            made = run_psql("", dsn=dsn, stdin=text)
            assert made.ok, made.err
        # sqlsmith stops at a foreign table that nothing can read
        made = run_psql("drop foreign data wrapper if exists plain_wrapper cascade", dsn=dsn)
        assert made.ok, made.err
        policy = {
            "name": "reading",
            "groups": [GROUP],
            "targets": ["orders"],
            "actions": ["read-only on public.* except public.secrets*"],
        }
        with RunningGateway(pg, issuer.issuer, settings={"policies": [policy]}) as gateway:
            yield pg, gateway
            assert "panic" not in gateway.log.lower(), gateway.log[-4000:]


def generate(pg: ThrowAwayPostgres, count: int, seed: int) -> list[str]:
    """Statements that sqlsmith would send, without sending them; it only reads the catalogues."""
    target = pg.socket_dsn("orders")
    done = subprocess.run(
        ["sqlsmith", f"--target={target}", "--dry-run", f"--max-queries={count}", f"--seed={seed}"],
        env=client_environment(),
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    found = [part.strip() for part in done.stdout.split(";\n") if part.strip()]
    assert len(found) >= count * 9 // 10, done.stderr[-2000:]
    return found


def corpus() -> list[str]:
    """Ordinary statements, and the steps of every attempt that reads or writes."""
    parts = re.split(r"\n{2,}", ORDINARY.read_text())
    found = [part.strip() for part in parts if part.strip() and not part.startswith("-- ")]
    for path in sorted(ATTEMPTS.glob("*.sql")):
        if path.stem in ("objects", "budgets", "lexing"):
            continue
        for attempt in read_attempts(path):
            if "@" not in "".join(attempt.steps).replace("@example", "") and "sleep" not in attempt.name:
                found += attempt.steps
    return found


def mutations(count: int, seed: int) -> Iterator[str]:
    """Statements of the corpora, spliced, re-cased, commented, wrapped and put behind each other."""
    rng = random.Random(seed)
    base = corpus()

    def tokens(sql: str) -> list[str]:
        return re.findall(r"\s+|'[^']*'|\w+|.", sql, flags=re.S)

    def splice(sql: str) -> str:
        left, right = tokens(sql), tokens(rng.choice(base))
        return (
            "".join(left[: rng.randrange(len(left)) + 1]) + " " + "".join(right[rng.randrange(len(right)) :])
        )

    def recase(sql: str) -> str:
        return "".join(
            each if each.startswith("'") else "".join(rng.choice((c.lower(), c.upper())) for c in each)
            for each in tokens(sql)
        )

    def comment(sql: str) -> str:
        between = rng.choice(("/**/", "/* /* x */ ; */", "--;\n", "\t\n"))
        return "".join(between if each.isspace() else each for each in tokens(sql))

    def drop(sql: str) -> str:
        found = tokens(sql)
        del found[rng.randrange(len(found))]
        return "".join(found)

    def swap(sql: str) -> str:
        found = tokens(sql)
        found[rng.randrange(len(found))] = rng.choice(tokens(rng.choice(base)))
        return "".join(found)

    wraps = (
        "WITH w AS ({}) SELECT * FROM w",
        "EXPLAIN {}",
        "EXPLAIN (ANALYZE, COSTS off) {}",
        "PREPARE p{n} AS {}",
        "SELECT * FROM ({}) AS s",
        "SELECT ARRAY({})",
        "SELECT EXISTS ({})",
        "COPY ({}) TO STDOUT",
        "DECLARE c{n} CURSOR WITH HOLD FOR {}",
        "SELECT 1; {}",
        "{}; SELECT 1",
        "BEGIN; {}; COMMIT",
        "CREATE TABLE t{n} AS {}",
        "DO $do$ BEGIN {}; END $do$",
        "({})",
        "({}) UNION ALL ({})",
    )

    def wrap(sql: str) -> str:
        return rng.choice(wraps).replace("{n}", str(rng.randrange(1 << 30))).replace("{}", sql)

    changes = (splice, recase, comment, drop, swap, wrap)
    for _ in range(count):
        sql = rng.choice(base)
        for change in rng.choices(changes, k=rng.randint(1, 3)):
            sql = change(sql) or sql
        yield sql


class Sender(threading.Thread):
    """Sends its share in pipelines of single statements, each with a Sync of its own, and counts the
    answers.
    """

    def __init__(self, login, statements: list[str]) -> None:
        super().__init__(daemon=True)
        self._login = login
        self._statements = statements
        self.counts: Counter[str] = Counter()
        self.sent = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        """All of the share; a session that ended (a statement may end its own) is opened again."""
        try:
            done = 0
            while done < len(self._statements):
                with self._login() as frontend:
                    done = self._session(frontend, done)
        except BaseException as error:
            self.error = error

    def _session(self, frontend: Frontend, done: int) -> int:
        while done < len(self._statements):
            batch = self._statements[done : done + BATCH]
            frontend.send(b"".join(_message(sql, done + n) for n, sql in enumerate(batch)))
            self.sent += len(batch)
            for _ in batch:
                # A statement that is not known to be done is never sent twice.
                done += 1
                try:
                    replies = frontend.until(b"Z")
                except (PeerClosed, ConnectionError):
                    self.counts["session ended"] += 1
                    return done
                states = [each.sqlstate for each in replies if each.kind == b"E"]
                hint = any(
                    "H" in each.fields and each.sqlstate == "42501" for each in replies if each.kind == b"E"
                )
                self.counts["refused" if hint else "error" if states else "passed"] += 1
                if replies[-1].kind != b"Z":
                    self.counts["session ended"] += 1
                    return done
                if any(each.kind == b"G" for each in replies):
                    self.counts["copy in"] += 1
            frontend.send(message(b"Q", b"ROLLBACK\0"))
            frontend.until(b"Z")
        return done


def _message(sql: str, number: int) -> bytes:
    """Every other one by the extended protocol, so that both roads are gone."""
    text = sql.encode().replace(b"\0", b"") + b"\0"
    end = message(b"S")
    if number % 2:
        bind = message(b"B", b"\0\0" + struct.pack("!hhhh", 0, 0, 1, 0))
        run = message(b"P", b"\0" + text + b"\0\0") + bind + message(b"E", b"\0\0\0\0\0")
        # CopyFail ends a COPY FROM STDIN that was let through; it is ignored everywhere else.
        return run + message(b"f", b"no data\0") + end
    return message(b"Q", text) + message(b"f", b"no data\0")


def test_the_database_never_changes(arena, issuer, capsys):
    """Any statement that was let through and wrote: with the parser's decision and the belt together
    there is none.
    """
    pg, gateway = arena
    cid = issuer.client(groups=[GROUP], ttl_s=3600).cid

    def login() -> Frontend:
        frontend = Frontend(gateway.host, gateway.port, timeout_s=60)
        frontend.login(issuer.token(cid), ca=gateway.ca)
        return frontend

    with Watch(pg, "orders") as watch:
        before = watch.facts()
        statements = generate(pg, GENERATED, SEED)
        assert watch.facts() == before, "sqlsmith itself changed the database: it may only read"
        statements += list(mutations(MUTATED, SEED))
        random.Random(SEED).shuffle(statements)
        began = time.monotonic()
        senders = [Sender(login, statements[n::CONNECTIONS]) for n in range(CONNECTIONS)]
        for sender in senders:
            sender.start()
        while any(sender.is_alive() for sender in senders):
            for sender in senders:
                sender.join(2)
            changed = {name for name, fact in watch.facts().items() if fact != before.get(name)}
            assert not changed - {"locks"}, f"changed: {changed}"
        assert [sender.error for sender in senders] == [None] * CONNECTIONS
        # The read-only sessions' own locks are gone with them.
        time.sleep(0.5)
        assert watch.facts() == before
    counts = sum((sender.counts for sender in senders), Counter())
    sent = sum(sender.sent for sender in senders)
    with capsys.disabled():
        print(f"\nsqlsmith and mutations: {sent} sent in {time.monotonic() - began:.0f} s, {dict(counts)}")  # noqa: T201
    assert sent >= 20_000
    assert counts["passed"] >= 1_000, "nearly all was refused: this shows little"
    assert counts["refused"] >= 1_000
