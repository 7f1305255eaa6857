"""The store on SQLite: WAL, every commit synced, one thread at a time.

Rules of this file: a write is one `BEGIN IMMEDIATE` transaction; any error rolls it back and becomes
StoreUnavailable; times are arguments.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import trio

from hoopwire.model.grant import Grant, GrantState, TokenReuse, Used
from hoopwire.store.interface import (
    AuditRow,
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
        self._one = trio.CapacityLimiter(1)

    @classmethod
    async def open(cls, path: Path, now: float) -> "SqliteStore":
        """Open or make the database (0600) and bring it up to date. StoreError says why it can't be used."""
        try:
            return cls(path, await trio.to_thread.run_sync(_connect, path, now))
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot open the store {path}: {error}") from error

    async def close(self) -> None:
        """Fold the write-ahead log in and close the file."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._database.close, limiter=self._one)

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

    async def grants(self, *, state: GrantState | None = None, limit: int = 1000) -> list[Grant]:
        """See `Store.grants`."""
        sql = f"{_SELECT} WHERE ?1 IS NULL OR state = ?1 ORDER BY id DESC LIMIT ?2"
        return await self._run(lambda: [_loaded(row) for row in self._database.execute(sql, (state, limit))])

    async def end_grant(
        self,
        id: str,
        *,
        state: GrantState,
        by: str,
        reason: str,
        at: float,
        audit: Sequence[AuditRow] = (),
    ) -> bool:
        """See `Store.end_grant`."""

        def end() -> bool:
            with self._transaction():
                ended = self._end(id, state, by, reason, at)
                if ended:
                    self._append(audit)
                return ended

        return await self._run(end)

    async def narrow_grant(self, grant: Grant, *, audit: Sequence[AuditRow] = ()) -> bool:
        """See `Store.narrow_grant`."""

        def narrow() -> bool:
            with self._transaction():
                changed = self._database.execute(
                    "UPDATE grants SET body = ?, expires_at = min(expires_at, ?)"
                    " WHERE id = ? AND state = 'active'",
                    (msgspec.json.encode(grant), grant.expires_at, grant.id),
                ).rowcount
                if changed:
                    self._append(audit)
                return changed == 1

        return await self._run(narrow)

    async def keep_used(self, used: Mapping[str, Used]) -> None:
        """See `Store.keep_used`."""
        rows = [(id, *msgspec.structs.astuple(one)) for id, one in used.items()]

        def keep() -> None:
            with self._transaction():
                self._database.executemany(
                    "INSERT INTO used SELECT id, ?2, ?3, ?4, ?5 FROM grants WHERE id = ?1"
                    " ON CONFLICT (grant_id) DO UPDATE SET rows = max(rows, excluded.rows),"
                    " bytes = max(bytes, excluded.bytes), statements = max(statements, excluded.statements),"
                    " wall_time_s = max(wall_time_s, excluded.wall_time_s)",
                    rows,
                )

        await self._run(keep)

    async def expire_grants(self, now: float) -> list[Grant]:
        """See `Store.expire_grants`."""

        def expire() -> list[Grant]:
            due = "state = 'active' AND expires_at <= ?"
            rows = self._database.execute(f"{_SELECT} WHERE {due}", (now,)).fetchall()
            if not rows:
                return []
            with self._transaction():
                over = [_loaded(row) for row in rows]
                return [grant for grant in over if self._expire(grant)]

        return await self._run(expire)

    async def prune_ledger(self, now: float) -> int:
        """See `Store.prune_ledger`."""

        def prune() -> int:
            with self._transaction():
                sql = "DELETE FROM ledger WHERE token_exp < ?"
                return self._database.execute(sql, (int(now - LEDGER_MARGIN_S),)).rowcount

        return await self._run(prune)

    async def append_audit(self, rows: Sequence[AuditRow]) -> None:
        """See `Store.append_audit`."""

        def append() -> None:
            with self._transaction():
                self._append(rows)

        await self._run(append)

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

    async def _run(self, work: Callable[[], _T]) -> _T:
        """Run on a worker thread, one piece of work at a time; cancellation waits for the piece to finish."""
        try:
            return await trio.to_thread.run_sync(work, limiter=self._one)
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise StoreUnavailable(f"the store {self._path.name} failed: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
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
    database = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("PRAGMA trusted_schema = OFF")
        migrate(database, now)
    except BaseException:
        database.close()
        raise
    return database
