//! What is known of one statement.

/// A name as written: folded to lower case where it was not quoted, as the server folds it.
///
/// `S` is `String`, or `&str` where it is borrowed from the tree of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name<S = String> {
    /// `None` if the name was written without a schema.
    pub schema: Option<S>,
    /// The last part.
    pub name: S,
}

impl Name<&str> {
    /// The same name, for keeping.
    #[must_use]
    pub fn to_owned(self) -> Name {
        Name { schema: self.schema.map(str::to_owned), name: self.name.to_owned() }
    }
}

impl Name {
    /// The same name, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> Name<&str> {
        Name { schema: self.schema.as_deref(), name: &self.name }
    }
}

/// What is done to a relation or a function, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Verbs(u16);

impl Verbs {
    /// Rows are read (SELECT, COPY TO, the reading side of UPDATE and DELETE, LOCK IN ACCESS SHARE MODE).
    pub const SELECT: Verbs = Verbs(1);
    /// INSERT, COPY FROM, MERGE with an INSERT.
    pub const INSERT: Verbs = Verbs(1 << 1);
    /// UPDATE, ON CONFLICT DO UPDATE, MERGE with an UPDATE.
    pub const UPDATE: Verbs = Verbs(1 << 2);
    /// DELETE, MERGE with a DELETE.
    pub const DELETE: Verbs = Verbs(1 << 3);
    /// TRUNCATE.
    pub const TRUNCATE: Verbs = Verbs(1 << 4);
    /// FOR UPDATE and its like, LOCK TABLE above ACCESS SHARE.
    pub const LOCK: Verbs = Verbs(1 << 5);
    /// VACUUM, ANALYZE, REINDEX, CLUSTER, REFRESH MATERIALIZED VIEW.
    pub const MAINTAIN: Verbs = Verbs(1 << 6);
    /// CREATE, ALTER, DROP, COMMENT, SELECT INTO of this object.
    pub const DDL: Verbs = Verbs(1 << 7);
    /// A function or procedure is called.
    pub const CALL: Verbs = Verbs(1 << 8);

    const NAMES: [(Verbs, &'static str); 9] = [
        (Verbs::SELECT, "select"),
        (Verbs::INSERT, "insert"),
        (Verbs::UPDATE, "update"),
        (Verbs::DELETE, "delete"),
        (Verbs::TRUNCATE, "truncate"),
        (Verbs::LOCK, "lock"),
        (Verbs::MAINTAIN, "maintain"),
        (Verbs::DDL, "ddl"),
        (Verbs::CALL, "call"),
    ];

    /// The verb of a policy file's word; `None` if there is no such word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Verbs> {
        Verbs::NAMES.iter().find(|(_, word)| *word == name).map(|(verb, _)| *verb)
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Verbs) -> Verbs {
        Verbs(self.0 | other.0)
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub const fn without(self, other: Verbs) -> Verbs {
        Verbs(self.0 & !other.0)
    }

    /// True if every verb of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Verbs) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if the sets have a verb in common.
    #[must_use]
    pub const fn intersects(self, other: Verbs) -> bool {
        self.0 & other.0 != 0
    }

    /// True for the empty set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The words of the set, in a fixed order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Verbs::NAMES.into_iter().filter(move |(verb, _)| self.contains(*verb)).map(|(_, word)| word)
    }
}

/// A relation (or another object that lives in a schema, for DDL) and what is done to it. A statement has one entry
/// for each relation name, with all verbs together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access<S = String> {
    /// As written. For a whole schema (CREATE SCHEMA s), the name is `*`.
    pub relation: Name<S>,
    /// What is done.
    pub verbs: Verbs,
    /// Columns written by name (INSERT, UPDATE, COPY FROM with a list); empty means none or all.
    pub columns: Vec<S>,
    /// What is done goes down to children, too: it is written somewhere without ONLY. Never so for what puts rows
    /// in, and for a COPY of the relation.
    pub children: bool,
}

/// A function, procedure, aggregate or window function that the statement calls. Operators and casts are not here:
/// what they run is the target's own business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<S = String> {
    /// As written.
    pub function: Name<S>,
    /// For `set_config`: its first two arguments where they are constants. For `current_setting`: its first one, and
    /// nothing. For `nextval`, `setval` and `currval`: a word, and the constant that names the sequence or its table.
    pub setting: Option<(String, String)>,
    /// For `current_setting`: the number of the parameter that names what is read, where a Bind gives its value; else 0.
    pub parameter: u32,
    /// By CALL rather than in an expression.
    pub procedure: bool,
}

/// A new value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// The constants, in order (`SET search_path = a, b` has two).
    Constants(Vec<String>),
    /// DEFAULT, or RESET: back to what the session began with.
    Default,
    /// FROM CURRENT, or something else that cannot be read from the text.
    Unknown,
}

/// What a statement does besides reading, writing and calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// LISTEN.
    Listen,
    /// UNLISTEN.
    Unlisten,
    /// NOTIFY.
    Notify,
    /// DO: a body that nobody can read.
    Do,
    /// CREATE FUNCTION, PROCEDURE, TRIGGER, RULE, AGGREGATE, OPERATOR, CAST: code that runs later.
    DefineCode,
    /// COPY from or to a file of the server.
    CopyFile,
    /// COPY from or to a program on the server.
    CopyProgram,
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT and the like.
    Transaction {
        /// `READ WRITE` was asked for.
        read_write: bool,
    },
    /// PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED.
    TwoPhase,
    /// SET, RESET, SET LOCAL, `SET TRANSACTION`, `SET SESSION CHARACTERISTICS` (as `transaction_read_only` and so
    /// on), with the name in lower case. RESET ALL has the name `all`.
    Set {
        /// In lower case.
        name: String,
        /// The new value.
        value: SettingValue,
    },
    /// SHOW.
    Show {
        /// The setting, in lower case; `all` for SHOW ALL.
        name: String,
    },
    /// A name begins with a database (`db.schema.name`); its last two parts are taken for the name. The server refuses
    /// every database but the session's own.
    NameDatabase {
        /// As written.
        name: String,
    },
    /// PREPARE; what it would run counts as part of this statement.
    Prepare {
        /// Name of the prepared statement.
        name: String,
    },
    /// EXECUTE.
    Execute {
        /// Name of the prepared statement.
        name: String,
    },
    /// DEALLOCATE; `None` for ALL.
    Deallocate {
        /// Name of the prepared statement.
        name: Option<String>,
    },
    /// DECLARE CURSOR; its query counts as part of this statement.
    DeclareCursor,
    /// FETCH, MOVE, CLOSE.
    Cursor,
    /// DISCARD.
    Discard,
    /// Objects outside the statement's own may be touched: DROP or TRUNCATE with CASCADE.
    Cascade,
    /// Understood, and never a matter of exact grants: roles, GRANT, ALTER SYSTEM, owners, extensions, ...
    Administer {
        /// The command in words, for refusals: `ALTER SYSTEM`.
        what: &'static str,
    },
    /// RETURNING tests OLD or NEW, which may not be there, against a subquery: PostgreSQL 18 ends all of its sessions.
    TestsAbsentRow,
    /// RETURNING, or an aggregate's ORDER BY, may have more columns than PostgreSQL has numbers for: it ends all of its
    /// sessions.
    TooWide,
    /// Nested deeper than it was followed.
    TooDeep,
    /// Not understood: the node's name.
    Unknown {
        /// For refusals and the log.
        what: String,
    },
}

/// One statement of a text. Its names are of type `S`, as a [`Name`]'s parts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<S = String> {
    /// The command's words: `SELECT`, `CREATE TABLE`.
    pub command: &'static str,
    /// Relations, each name once.
    pub accesses: Vec<Access<S>>,
    /// Functions, each name once (calls of `set_config` and `current_setting` are all kept).
    pub calls: Vec<Call<S>>,
    /// The last names of `x.name` and `(x).name`, each once. Mostly columns; but where x has no such column, the
    /// server calls the function `name(x)`, as in `select x.pg_sleep from generate_series(1, 1) x`.
    pub attributes: Vec<S>,
    /// The rest.
    pub effects: Vec<Effect>,
}

impl Statement<&str> {
    /// The same statement, for keeping.
    #[must_use]
    pub fn into_owned(self) -> Statement {
        let Statement { command, accesses, calls, attributes, effects } = self;
        let strings = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        let access = |Access { relation, verbs, columns, children }: Access<&str>| Access {
            relation: relation.to_owned(),
            verbs,
            columns: strings(columns),
            children,
        };
        let call = |Call { function, setting, parameter, procedure }: Call<&str>| Call {
            function: function.to_owned(),
            setting,
            parameter,
            procedure,
        };
        Statement {
            command,
            accesses: accesses.into_iter().map(access).collect(),
            calls: calls.into_iter().map(call).collect(),
            attributes: strings(attributes),
            effects,
        }
    }
}
