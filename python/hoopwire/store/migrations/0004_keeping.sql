-- Written to now and then, to know whether it can be.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at REAL NOT NULL
) STRICT;

-- What is old is found by its time, when it is to be forgotten.
CREATE INDEX audit_at ON audit (at);
CREATE INDEX grants_ended ON grants (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX ledger_grant ON ledger (grant_id);
CREATE INDEX secrets_grant ON secrets (grant_id);
