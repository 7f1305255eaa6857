CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    principal TEXT NOT NULL,
    target TEXT NOT NULL,
    policy TEXT NOT NULL,
    minted_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'exhausted', 'expired', 'revoked')),
    ended_at REAL,
    ended_by TEXT NOT NULL DEFAULT '',
    ended_reason TEXT NOT NULL DEFAULT '',
    body BLOB NOT NULL,
    CHECK ((state = 'active') = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_active ON grants (expires_at) WHERE state = 'active';

-- A final state is never left, whoever asks.
CREATE TRIGGER grants_final BEFORE UPDATE ON grants WHEN OLD.state <> 'active'
BEGIN
    SELECT RAISE(ABORT, 'the grant has ended');
END;

-- Which token already bought which grant. One row a token; the primary key makes the first use atomic.
CREATE TABLE ledger (
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL CHECK (jti <> ''),
    grant_id TEXT NOT NULL REFERENCES grants (id),
    token_exp INTEGER NOT NULL,
    first_used_at REAL NOT NULL,
    PRIMARY KEY (issuer, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_exp ON ledger (token_exp);

CREATE TABLE secrets (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    grant_id TEXT NOT NULL REFERENCES grants (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    grant_id TEXT NOT NULL DEFAULT '',
    session TEXT NOT NULL DEFAULT '',
    body TEXT NOT NULL
) STRICT;
CREATE INDEX audit_grant ON audit (grant_id) WHERE grant_id <> '';
CREATE TRIGGER audit_append_only BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never changed');
END;
