//! The answer to a text: what each statement will do, or why nothing of it may pass.

use crate::refusal::Refusal;
use hoopwire_sql::CopyOut;

/// What the gateway needs to know of an allowed statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementPlan {
    /// The command's words, for recordings and texts.
    pub command: &'static str,
    /// A relation with masked columns is named: what comes back must be masked, error details included.
    pub touches_masked: bool,
    /// COPY to the client that delivers masked columns, their relations with schemas.
    pub copy_out: Option<CopyOut>,
    /// PREPARE or DECLARE: what it makes may outlive the decision.
    pub prepares: bool,
}

impl StatementPlan {
    /// Of a statement that touches no mask and makes nothing that stays.
    pub(crate) fn plain(command: &'static str) -> StatementPlan {
        StatementPlan { command, touches_masked: false, copy_out: None, prepares: false }
    }
}

/// The decision on one text. It is shared between grants of one policy and names none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// All statements in order (empty for an empty text, and where statements are not looked at); or why not.
    pub outcome: Result<Vec<StatementPlan>, Refusal>,
}
