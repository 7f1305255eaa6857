//! Where masked columns go in a statement: asked of the sql room, by the masks of a grant.

use crate::judge::Scope;
use crate::plan::CopyOut;
use crate::refusal::{Reason, Refusal};
use hoopwire_sql::{Parsed, Statement};

/// What each statement of a text does with masked columns.
pub(crate) struct Masked {
    by_statement: Vec<(bool, Option<CopyOut>)>,
}

impl Masked {
    /// Refuses a text through which masked values would show.
    pub(crate) fn of(
        _parsed: &Parsed,
        scope: &Scope<'_>,
        _statements: &[Statement],
    ) -> Result<Masked, Refusal> {
        if scope.masks.is_empty() {
            return Ok(Masked { by_statement: Vec::new() });
        }
        // until the lineage of columns is there
        let reason = Reason::Masked { column: String::new(), place: "somewhere" };
        Err(Refusal { statement: 0, command: "", reason })
    }

    /// Of the statement at this place: whether masked columns are touched, and what COPY delivers of them.
    pub(crate) fn at(&self, statement: usize) -> (bool, Option<CopyOut>) {
        self.by_statement.get(statement).cloned().unwrap_or((false, None))
    }
}
