"""What a database is, in one word: equal before and after means that nothing was changed.

    watch = Watch(pg, "orders")
    before = watch.state()
    ...
    assert watch.state() == before

Covers the rows of every table, sequences, every system catalogue (definitions, roles, settings, large
objects, statistics), locks that others hold, prepared transactions, replication slots, notifications, the
server's own settings file, files in the loot directory, and whether the victim session lives. The server
must run with `autovacuum = off`, or statistics change by themselves.
"""

import os
import shutil
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from hoopwire.demo.postgres import ThrowAwayPostgres, run_psql

CHANNELS = ("public_news", "audit_news")
"""Notifications on these channels are part of the state."""

_CATALOGUES = """
select string_agg(format(
    'select %1$L::text as part,'
    ' count(*) || '':'' || coalesce(sum(hashtextextended(xmin::text || ctid, 0)), 0)'
    ' from pg_catalog.%1$I', relname), ' union all ' order by relname)
from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind = 'r'"""
_TABLES = """
select string_agg(case relkind
    when 'S' then format('select %1$L::text, last_value || '':'' || is_called from %1$s', c.oid::regclass)
    else format('select %1$L::text, count(*) || '':'' || md5(coalesce(string_agg(md5(t::text), '''''
        ' order by t::text), '''')) from only %1$s t', c.oid::regclass)
    end, ' union all ' order by c.oid)
from pg_class c join pg_namespace n on n.oid = relnamespace
where relkind in ('r', 'm', 'S') and relpersistence <> 't' and nspname !~ '^pg_'
    and nspname <> 'information_schema'
    and (relkind <> 'm' or relispopulated)"""
_LIVE = """
select 'pages', md5(string_agg(oid || ':' || relpages || ':' || reltuples, ',' order by oid)) from pg_class
union all
select 'locks', coalesce(string_agg(distinct concat_ws(' ', locktype, mode, relation::regclass), ', '), '')
    from pg_locks where pid <> pg_backend_pid() and granted and mode <> 'AccessShareLock'
    and locktype in ('relation', 'advisory', 'tuple', 'object') and database = (
        select oid from pg_database where datname = current_database())
union all select 'two phase', count(*)::text from pg_prepared_xacts
union all select 'slots', count(*)::text from pg_replication_slots
union all select 'origins', count(*)::text from pg_replication_origin
union all
select 'large objects', md5(string_agg(concat_ws(':', loid, pageno, data), ',' order by loid, pageno))
    from pg_largeobject"""


class Watch:
    """A superuser's session beside the one under test, and a victim session that somebody may want to end."""

    def __init__(self, pg: ThrowAwayPostgres, database: str) -> None:
        self.database = database
        self.loot = pg.directory / "loot"
        self._pg = pg
        self._dsn = pg.superuser_dsn.replace("dbname=postgres", f"dbname={database} client_encoding=utf8")
        self._files = (pg.directory / "data" / "postgresql.auto.conf",)
        self._tables: tuple[str, str] | None = None
        self._victim: psycopg.Connection[Any] | None = None
        self._connection: psycopg.Connection[Any] | None = None
        self._heard: list[str] = []
        make_loot(pg)

    @property
    def victim_pid(self) -> int:
        """Backend of a session that does nothing; part of the state is whether it lives."""
        if self._victim is None or self._victim.closed:
            self._victim = psycopg.connect(f"{self._dsn} application_name=victim", autocommit=True)
        return self._victim.info.backend_pid

    def facts(self) -> dict[str, str]:
        """The parts of the state by name, for a readable difference."""
        connection = self._open()
        found: dict[str, str] = {}
        for text in (self._catalogues, _LIVE):
            found.update(connection.execute(text.encode()).fetchall())
        known = found["pg_class"] + found["pg_namespace"]
        if self._tables is None or self._tables[0] != known:
            row = connection.execute(_TABLES).fetchone()
            self._tables = (known, str(row[0]) if row and row[0] else "select 'nothing', ''")
        try:
            found.update(connection.execute(self._tables[1].encode()).fetchall())
        except psycopg.errors.LockNotAvailable:
            found["tables"] = "locked"
        alive = connection.execute("select count(*) from pg_stat_activity where pid = %s", (self.victim_pid,))
        found["victim"] = str(alive.fetchone())
        self._heard += [f"{event.channel} {event.payload}" for event in connection.notifies(timeout=0)]
        found["notifications"] = str(self._heard)
        for file in self._files:
            found[file.name] = file.read_text() if file.exists() else ""
        found["loot"] = str(sorted((path.name, path.stat().st_size) for path in self.loot.iterdir()))
        return found

    def state(self) -> str:
        """All of it as one word."""
        facts = self.facts()
        return blake2b(repr(sorted(facts.items())).encode(), digest_size=16).hexdigest()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """A superuser's question in the same database."""
        return self._open().execute(sql.encode()).fetchall()

    def run(self, sql: str) -> None:
        """A superuser's change to the same database."""
        self._open().execute(sql.encode())

    def close(self) -> None:
        """End both sessions."""
        for connection in (self._victim, self._connection):
            if connection is not None:
                connection.close()
        self._victim = self._connection = None
        self._tables = None
        self._heard = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(self._dsn, autocommit=True, prepare_threshold=None)
            # A session under test that holds ACCESS EXCLUSIVE must not stop the watch.
            self._connection.execute("set lock_timeout = '200ms'")
            # Nor may the server's statement_timeout, on a busy machine.
            self._connection.execute("set statement_timeout = 0")
            for channel in CHANNELS:
                self._connection.execute(f"listen {channel}".encode())
            row = self._connection.execute(_CATALOGUES).fetchone()
            self._catalogues = str(row[0]) if row else ""
            assert self.victim_pid
        return self._connection


def make_loot(pg: ThrowAwayPostgres) -> Path:
    """An empty directory that the server may write into, with one file in it that it may read."""
    loot = pg.directory / "loot"
    shutil.rmtree(loot, ignore_errors=True)
    loot.mkdir()
    (loot / "server-file").write_text("vault-4h8k in a file\n")
    owner = (pg.directory / "data").stat()
    for path in (loot, loot / "server-file"):
        os.chown(path, owner.st_uid, owner.st_gid)
    return loot


def restore(pg: ThrowAwayPostgres, database: str, *, template: str) -> None:
    """The database again as the template is, and what belongs to the whole server as it was at the start."""
    make_loot(pg)
    lines = [
        # A prepared transaction ends in its own database only.
        f"select count(*) > 0 as there from pg_database where datname = '{database}' \\gset",
        "\\if :there",
        f"\\connect {database}",
        r"select format('rollback prepared %L', gid) from pg_prepared_xacts \gexec",
        "\\connect postgres",
        "\\endif",
        f"drop database if exists {database} with (force)",
        "alter system reset all",
        "alter role all reset all",
        r"select format('alter role %I reset all', rolname) from pg_db_role_setting"
        r" join pg_roles r on r.oid = setrole \gexec",
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots",
        "select pg_replication_origin_drop(roname) from pg_replication_origin",
        r"select format('drop database %I with (force)', datname) from pg_database"
        r" where datname ~ '^intruder' \gexec",
        r"select format('drop tablespace %I', spcname) from pg_tablespace where spcname ~ '^intruder' \gexec",
        f"create database {database} template {template} owner app",
        r"select format('drop role %I', rolname) from pg_roles where rolname ~ '^intruder' \gexec",
        "select pg_reload_conf()",
    ]
    text = "\n".join(line if "\\" in line else f"{line};" for line in lines)
    done = run_psql("", dsn=pg.superuser_dsn, stdin=text)
    if not done.ok:
        raise RuntimeError(f"{database} could not be restored:\n{done.err}")
