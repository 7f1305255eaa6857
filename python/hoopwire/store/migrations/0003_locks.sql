-- Principals that operators have locked. Lifted locks stay: they are part of what happened.
CREATE TABLE locks (
    id TEXT PRIMARY KEY,
    lifted INTEGER NOT NULL CHECK (lifted IN (0, 1)),
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX locks_in_force ON locks (id) WHERE NOT lifted;

-- What was lifted stays lifted: to lock again is another lock.
CREATE TRIGGER locks_lifted BEFORE UPDATE ON locks WHEN OLD.lifted
BEGIN
    SELECT RAISE(ABORT, 'the lock was lifted');
END;
