"""The store on SQLite: WAL, every commit synced, one thread at a time.

Rules of this file: a write is one `BEGIN IMMEDIATE` transaction; any error rolls it back and becomes
StoreUnavailable; times are arguments. Who waits for another process's lock holds no thread meanwhile: reading
goes on, and a cancelled wait is over.
"""

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import trio

from hoopwire.model.grant import Grant, GrantState, TokenReuse, Used
from hoopwire.model.lock import Lock
from hoopwire.store.changes import (
    AuditRow,
    Change,
    GrantEnded,
    GrantNarrowed,
    GrantsUsed,
    LocksLifted,
    PrincipalLocked,
)
from hoopwire.store.interface import (
    Joined,
    Minted,
    Redemption,
    Spent,
    StoreError,
    StoreUnavailable,
)
from hoopwire.store.migrate import migrate

_T = TypeVar("_T")
_SELECT = (
    "SELECT body, state, ended_at, ended_by, ended_reason, rows, bytes, statements, wall_time_s"
    " FROM grants LEFT JOIN used ON grant_id = id"
)
_STRICTNESS: tuple[TokenReuse, ...] = ("until_exp", "window", "once")
LEDGER_MARGIN_S = 86_400.0
_PATIENCE_S = 5.0
"""How long to wait for another process that holds the store."""
_PAUSE_S = 0.02


def _loaded(row: tuple[Any, ...]) -> Grant:
    body, state, ended_at, ended_by, ended_reason, rows, *rest = row
    used = Used() if rows is None else Used(rows=rows, bytes=rest[0], statements=rest[1], wall_time_s=rest[2])
    return msgspec.structs.replace(
        msgspec.json.decode(body, type=Grant),
        used=used,
        state=state,
        ended_at=ended_at,
        ended_by=ended_by,
        ended_reason=ended_reason,
    )


class SqliteStore:
    """`Store` in one file, for one gateway. Made by `open`."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self._path = path
        self._database = database
        self._opened = os.stat(path)
        self._one = trio.CapacityLimiter(1)
        self._patience_s = _PATIENCE_S

    @classmethod
    async def open(cls, path: Path, now: float) -> "SqliteStore":
        """Open or make the database (0600) and bring it up to date. StoreError says why it can't be used."""
        try:
            return cls(path, await trio.to_thread.run_sync(_connect, path, now))
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot open the store {path}: {error}") from error

    async def close(self) -> None:
        """Fold the write-ahead log in and close the file; not waiting for a disk that hangs."""
        with trio.move_on_after(_PATIENCE_S, shield=True):
            await trio.to_thread.run_sync(self._database.close, limiter=self._one, abandon_on_cancel=True)

    def hurry(self) -> None:
        """See `Store.hurry`."""
        self._patience_s = 0.0

    async def redeem(
        self, offer: Grant, *, now: float, secret_hash: bytes | None = None, audit: Sequence[AuditRow] = ()
    ) -> Redemption:
        """See `Store.redeem`."""
        return await self._run(lambda: self._redeem(offer, now, secret_hash, audit))

    async def grant(self, id: str) -> Grant | None:
        """See `Store.grant`."""
        return await self._run(lambda: self._one_grant("id = ?", id))

    async def grant_by_secret(self, secret_hash: bytes) -> Grant | None:
        """See `Store.grant_by_secret`."""
        where = "id = (SELECT grant_id FROM secrets WHERE hash = ?)"
        return await self._run(lambda: self._one_grant(where, secret_hash))

    async def grants(
        self, *, state: GrantState | None = None, limit: int = 1000, of: tuple[str, str] | None = None
    ) -> list[Grant]:
        """See `Store.grants`."""
        whose = "issuer = ?3 AND principal = ?4" if of is not None else "true"
        # With the word itself the index of the active ones is used: who asks for his own may ask often.
        which = "state = 'active'" if state == "active" else "(?1 IS NULL OR state = ?1)"
        sql = f"{_SELECT} WHERE {which} AND {whose} ORDER BY id DESC LIMIT ?2"
        given = (state, limit, *(of or ()))
        return await self._run(lambda: [_loaded(row) for row in self._database.execute(sql, given)])

    async def apply(self, change: Change) -> bool:
        """See `Store.apply`."""

        def apply() -> bool:
            with self._transaction():
                changed = self._apply(change)
                if changed:
                    self._append(change.audit)
                return changed

        return await self._run(apply)

    async def expire_grants(self, now: float, *, but: Collection[str] = ()) -> list[Grant]:
        """See `Store.expire_grants`."""

        def expire() -> list[Grant]:
            due = "state = 'active' AND expires_at <= ?"
            rows = self._database.execute(f"{_SELECT} WHERE {due}", (now,)).fetchall()
            over = [grant for grant in map(_loaded, rows) if grant.id not in but]
            if not over:
                return []
            with self._transaction():
                return [grant for grant in over if self._expire(grant)]

        return await self._run(expire)

    async def probe(self, now: float) -> None:
        """See `Store.probe`."""

        def probe() -> None:
            with self._transaction():
                self._database.execute("INSERT OR REPLACE INTO probe VALUES (1, ?)", (now,))

        await self._run(probe)

    async def prune_ledger(self, now: float) -> int:
        """See `Store.prune_ledger`."""

        def prune() -> int:
            with self._transaction():
                sql = "DELETE FROM ledger WHERE token_exp < ?"
                return self._database.execute(sql, (int(now - LEDGER_MARGIN_S),)).rowcount

        return await self._run(prune)

    async def forget(self, *, audit_before: float | None, grants_before: float | None, limit: int) -> int:
        """See `Store.forget`."""
        due = (
            "SELECT id FROM grants WHERE ended_at < ?1 AND NOT EXISTS"
            " (SELECT 1 FROM ledger WHERE grant_id = id) LIMIT ?2"
        )

        def forget() -> int:
            with self._transaction():
                sql = "DELETE FROM audit WHERE number IN (SELECT number FROM audit WHERE at < ? LIMIT ?)"
                rows = self._database.execute(sql, (audit_before, limit)).rowcount
                ids = self._database.execute(due, (grants_before, limit)).fetchall()
                self._database.executemany("DELETE FROM secrets WHERE grant_id = ?", ids)
                self._database.executemany("DELETE FROM used WHERE grant_id = ?", ids)
                self._database.executemany("DELETE FROM grants WHERE id = ?", ids)
                return rows + len(ids)

        return await self._run(forget)

    async def append_audit(self, rows: Sequence[AuditRow]) -> None:
        """See `Store.append_audit`."""

        def append() -> None:
            with self._transaction():
                self._append(rows)

        # Not given up half-way: the trail would write the batch again.
        await self._run(append, abandon=False)

    async def locks(self, *, in_force: bool) -> list[Lock]:
        """See `Store.locks`."""
        sql = "SELECT body FROM locks WHERE NOT (?1 AND lifted) ORDER BY id DESC"
        return await self._run(
            lambda: [
                msgspec.json.decode(body, type=Lock) for (body,) in self._database.execute(sql, (in_force,))
            ]
        )

    async def spellings(self, key: str) -> tuple[str, ...]:
        """See `Store.spellings`."""
        kind, _, id = key.partition(":")
        # The client of a user's token stands in the body only.
        sql = (
            "SELECT DISTINCT principal FROM grants WHERE principal = ?1 COLLATE NOCASE UNION"
            " SELECT DISTINCT ?2 || ':' || json_extract(CAST(body AS TEXT), '$.principal.' || ?2) FROM grants"
            " WHERE json_extract(CAST(body AS TEXT), '$.principal.' || ?2) = ?3 COLLATE NOCASE"
        )
        return await self._run(lambda: tuple(row[0] for row in self._database.execute(sql, (key, kind, id))))

    async def audit(self, *, grant: str | None = None, limit: int = 1000) -> list[AuditRow]:
        """See `Store.audit`."""
        sql = (
            "SELECT at, kind, grant_id, session, body FROM audit"
            " WHERE ?1 IS NULL OR grant_id = ?1 ORDER BY number DESC LIMIT ?2"
        )
        return await self._run(
            lambda: [
                AuditRow(at=at, kind=kind, grant=grant_id, session=session, body=body)
                for at, kind, grant_id, session, body in self._database.execute(sql, (grant, limit))
            ]
        )

    async def _run(self, work: Callable[[], _T], *, abandon: bool = True) -> _T:
        """Run on a worker thread, one piece of work at a time. What is cancelled may still be done."""
        give_up_at = trio.current_time() + self._patience_s
        while True:
            try:
                return await trio.to_thread.run_sync(work, limiter=self._one, abandon_on_cancel=abandon)
            except (sqlite3.Error, msgspec.MsgspecError, OSError) as error:
                is_held = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if not is_held or not self._patience_s or trio.current_time() >= give_up_at:
                    raise StoreUnavailable(f"the store {self._path.name} failed: {error}") from error
            await trio.sleep(_PAUSE_S)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if not os.path.samestat(os.stat(self._path), self._opened):
            raise OSError("its file was replaced: what is written now would be lost")
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _redeem(
        self, offer: Grant, now: float, secret_hash: bytes | None, audit: Sequence[AuditRow]
    ) -> Redemption:
        with self._transaction():
            issuer, jti = offer.principal.issuer, offer.evidence.jti
            where = "id = (SELECT grant_id FROM ledger WHERE issuer = ? AND jti = ?)"
            held = self._one_grant(where, issuer, jti)
            if held is not None:
                if held.state == "active" and now >= held.expires_at:
                    self._expire(held)
                    held = self._one_grant("id = ?", held.id) or held
                judged = _judge(held, offer)
                if judged is not None:
                    return judged
            self._insert(offer)
            # An upsert only replaces a row that `_judge` let pass (`until_exp`); else the row is new.
            self._database.execute(
                "INSERT INTO ledger VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (issuer, jti) DO UPDATE SET grant_id = excluded.grant_id",
                (issuer, jti, offer.id, offer.evidence.exp, now),
            )
            if secret_hash is not None:
                self._database.execute("INSERT INTO secrets VALUES (?, ?)", (secret_hash, offer.id))
            self._append(audit)
            return Minted(offer)

    def _apply(self, change: Change) -> bool:
        match change:
            case GrantEnded(id=id, state=state, by=by, reason=reason, at=at):
                return self._end(id, state, by, reason, at)
            case GrantNarrowed(grant=grant):
                return self._narrow(grant)
            case GrantsUsed(used=used):
                return self._keep_used(used)
            case PrincipalLocked(lock=lock):
                sql = "INSERT INTO locks VALUES (?, FALSE, ?) ON CONFLICT DO NOTHING"
                return self._database.execute(sql, (lock.id, msgspec.json.encode(lock))).rowcount == 1
            case LocksLifted():
                return self._lift(change)

    def _narrow(self, grant: Grant) -> bool:
        sql = "UPDATE grants SET body = ?, expires_at = min(expires_at, ?) WHERE id = ? AND state = 'active'"
        parameters = (msgspec.json.encode(grant), grant.expires_at, grant.id)
        return self._database.execute(sql, parameters).rowcount == 1

    def _keep_used(self, used: dict[str, Used]) -> bool:
        self._database.executemany(
            "INSERT INTO used SELECT id, ?2, ?3, ?4, ?5 FROM grants WHERE id = ?1"
            " ON CONFLICT (grant_id) DO UPDATE SET rows = max(rows, excluded.rows),"
            " bytes = max(bytes, excluded.bytes), statements = max(statements, excluded.statements),"
            " wall_time_s = max(wall_time_s, excluded.wall_time_s)",
            [(id, *msgspec.structs.astuple(one)) for id, one in used.items()],
        )
        return True

    def _lift(self, change: LocksLifted) -> bool:
        lifted = 0
        for id in change.ids:
            row = self._database.execute(
                "SELECT body FROM locks WHERE id = ? AND NOT lifted", (id,)
            ).fetchone()
            if row is None:
                continue
            lock = msgspec.structs.replace(
                msgspec.json.decode(row[0], type=Lock),
                lifted_at=change.at,
                lifted_by=change.by,
                lifted_reason=change.reason,
            )
            sql = "UPDATE locks SET lifted = TRUE, body = ? WHERE id = ?"
            lifted += self._database.execute(sql, (msgspec.json.encode(lock), id)).rowcount
        return lifted > 0

    def _insert(self, grant: Grant) -> None:
        self._database.execute(
            "INSERT INTO grants (id, issuer, principal, target, policy, minted_at, expires_at, state, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 'active', ?)",
            (
                grant.id,
                grant.principal.issuer,
                grant.principal.key,
                grant.target,
                grant.policy,
                grant.minted_at,
                grant.expires_at,
                msgspec.json.encode(grant),
            ),
        )

    def _expire(self, grant: Grant) -> bool:
        return self._end(grant.id, "expired", "time", "its time was over", grant.expires_at)

    def _end(self, id: str, state: GrantState, by: str, reason: str, at: float) -> bool:
        sql = (
            "UPDATE grants SET state = ?, ended_at = ?, ended_by = ?, ended_reason = ?"
            " WHERE id = ? AND state = 'active'"
        )
        return self._database.execute(sql, (state, at, by, reason, id)).rowcount == 1

    def _append(self, rows: Sequence[AuditRow]) -> None:
        self._database.executemany(
            "INSERT INTO audit (at, kind, grant_id, session, body) VALUES (?, ?, ?, ?, ?)",
            [(row.at, row.kind, row.grant, row.session, row.body) for row in rows],
        )

    def _one_grant(self, where: str, *parameters: object) -> Grant | None:
        # `where` is a literal of this file
        row = self._database.execute(f"{_SELECT} WHERE {where}", parameters).fetchone()
        return None if row is None else _loaded(row)


def _judge(held: Grant, offer: Grant) -> Joined | Spent | None:
    """What a token that bought `held` may do now; None means it may buy again (`until_exp` only)."""
    reuse = max(held.token_reuse, offer.token_reuse, key=_STRICTNESS.index)
    if held.state != "active":
        # A revoked grant takes its token along in every mode: else the principal just connects again.
        again = reuse == "until_exp" and held.state == "expired"
        return None if again else Spent(held, "ended")
    if reuse == "once":
        return Spent(held, "once")
    if offer.mint == "explicit":
        return None if reuse == "until_exp" else Spent(held, "explicit")
    if held.target != offer.target or held.principal.key != offer.principal.key:
        return None if reuse == "until_exp" else Spent(held, "other_target")
    return Joined(held)


def _connect(path: Path, now: float) -> sqlite3.Connection:
    # SQLite gives the -wal and -shm files the mode of the main file.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    os.chmod(path, 0o600)
    database = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("PRAGMA trusted_schema = OFF")
        migrate(database, now)
        # From here on `_run` waits, without the thread.
        database.execute("PRAGMA busy_timeout = 0")
    except BaseException:
        database.close()
        raise
    return database
