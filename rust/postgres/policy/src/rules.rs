//! What a statement-exact grant allows, as compiled from its policy.

use hoopwire_postgres_sql::Verbs;

/// `schema.name`, each part with `*` for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Of the schema.
    pub schema: String,
    /// Of the relation or function.
    pub name: String,
}

/// `VERBS on OBJECTS except EXCEPT`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// What may be done (or, among the denies, what may not).
    pub verbs: Verbs,
    /// To what.
    pub objects: Vec<Pattern>,
    /// But not to these.
    pub except: Vec<Pattern>,
}

/// Actions that have no object, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Words(u16);

impl Words {
    /// The system catalogues and information_schema, without those that show data or secrets.
    pub const CATALOG: Words = Words(1);
    /// LISTEN.
    pub const LISTEN: Words = Words(1 << 1);
    /// NOTIFY.
    pub const NOTIFY: Words = Words(1 << 2);
    /// DO blocks: whatever the target's user may do.
    pub const DO: Words = Words(1 << 3);
    /// CREATE FUNCTION and whatever else defines code.
    pub const DEFINE_CODE: Words = Words(1 << 4);
    /// COPY from and to files of the server.
    pub const COPY_FILE: Words = Words(1 << 5);
    /// COPY from and to programs on the server.
    pub const COPY_PROGRAM: Words = Words(1 << 6);
    /// PREPARE TRANSACTION and what belongs to it.
    pub const TWO_PHASE: Words = Words(1 << 7);

    const NAMES: [(Words, &'static str); 8] = [
        (Words::CATALOG, "catalog"),
        (Words::LISTEN, "listen"),
        (Words::NOTIFY, "notify"),
        (Words::DO, "do"),
        (Words::DEFINE_CODE, "define-code"),
        (Words::COPY_FILE, "copy-file"),
        (Words::COPY_PROGRAM, "copy-program"),
        (Words::TWO_PHASE, "two-phase"),
    ];

    /// A policy file's word; `None` if there is no such word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Words> {
        Words::NAMES.iter().find(|(_, word)| *word == name).map(|(set, _)| *set)
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Words) -> Words {
        Words(self.0 | other.0)
    }

    /// True if every word of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Words) -> bool {
        self.0 & other.0 == other.0
    }

    /// The words of the set, in a fixed order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Words::NAMES.into_iter().filter(move |(set, _)| self.contains(*set)).map(|(_, word)| word)
    }
}

/// What a statement-exact grant allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Any one of these is enough.
    pub allow: Vec<Rule>,
    /// None of these may match: a deny wins.
    pub deny: Vec<Rule>,
    /// Actions without an object.
    pub words: Words,
    /// Where unqualified names are looked for after pg_catalog; the session's pinned search_path.
    pub search_path: Vec<String>,
    /// Nothing can be written: the session's transactions are read-only at the target, too.
    pub read_only: bool,
}
