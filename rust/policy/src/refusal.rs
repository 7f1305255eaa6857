//! Why a text is refused, and the words for it.

use crate::decide::Denial;
use crate::grant::Grant;
use crate::rights::Words;
use hoopwire_sql::{Name, Verbs};

/// Why a statement may not pass. It holds names and words, and never a literal of the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// These verbs on this relation are not covered by a rule.
    Relation {
        /// The candidate that is not covered, with its schema.
        relation: Name,
        /// What is missing.
        verbs: Verbs,
    },
    /// A deny rule matches.
    Denied {
        /// The candidate that it matches, with its schema.
        object: Name,
        /// What is denied.
        verbs: Verbs,
    },
    /// A function that needs a `call` rule.
    Function {
        /// The candidate, with its schema.
        function: Name,
    },
    /// No schema that the session looks in is known to have this function.
    FunctionUnknown {
        /// As written.
        function: Name,
    },
    /// A setting, or a value of it, that a session may not choose.
    Setting {
        /// Its name.
        name: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// A word of the policy is missing.
    Word {
        /// The word.
        word: Words,
        /// The command that needs it.
        command: &'static str,
    },
    /// Never a matter of exact grants, or not understood.
    NotUnderstood {
        /// The command in words.
        what: String,
    },
    /// CASCADE reaches objects that the statement does not name.
    Cascade {
        /// What is missing on `*.*`.
        verbs: Verbs,
    },
    /// READ WRITE under a grant that only reads.
    ReadOnly,
    /// Masked columns would show.
    Masked {
        /// The column.
        column: String,
        /// Where it stands.
        place: &'static str,
    },
    /// The text does not follow PostgreSQL's grammar.
    Syntax {
        /// The parser's words.
        message: String,
        /// Characters from 1.
        position: Option<usize>,
    },
    /// More nesting than the gateway follows.
    TooDeep,
    /// Characters that the session's encoding does not let us read for sure.
    Encoding,
    /// The grant has neither `query` nor exact rights.
    NoStatements,
}

/// Why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which statement of the text, from 0.
    pub statement: usize,
    /// Its command's words; empty if the text was not understood at all.
    pub command: &'static str,
    /// Why.
    pub reason: Reason,
}

impl Refusal {
    /// The texts for the principal of this grant.
    #[must_use]
    pub fn denial(&self, grant: &Grant) -> Denial {
        Denial {
            sqlstate: "42501",
            code: self.code(),
            message: format!("grant {} does not allow this statement", grant.id),
            detail: String::new(),
            hint: String::new(),
            position: None,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "statement_not_granted"
    }
}
