-- What a grant has used of its budgets, over all its sessions. Not columns of grants: the row of a grant that has
-- ended is never changed, and its last sessions tell what they used when they end, after it.
CREATE TABLE used (
    grant_id TEXT PRIMARY KEY REFERENCES grants (id),
    rows INTEGER NOT NULL CHECK (rows >= 0),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    statements INTEGER NOT NULL CHECK (statements >= 0),
    wall_time_s REAL NOT NULL CHECK (wall_time_s >= 0)
) STRICT, WITHOUT ROWID;

-- What was used stays used, whoever asks.
CREATE TRIGGER used_never_lowered BEFORE UPDATE ON used
WHEN NEW.rows < OLD.rows OR NEW.bytes < OLD.bytes
    OR NEW.statements < OLD.statements OR NEW.wall_time_s < OLD.wall_time_s
BEGIN
    SELECT RAISE(ABORT, 'what was used stays used');
END;
