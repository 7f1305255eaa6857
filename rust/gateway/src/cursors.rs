//! What would end the target's server: a description of rows to be fetched from a cursor that is gone.
//!
//! PostgreSQL (seen in 15.18 and 18.6) looks a FETCH's cursor up when its prepared statement or portal is described, and
//! takes it for granted (`FetchStatementTargetList`, `pquery.c`): all sessions of the server end, by four messages of anybody.
//! So a FETCH, or an EXECUTE that may run one, is described only as long as nothing ran that may have closed a cursor.

use crate::live::Live;
use crate::names::Known;
use hoopwire_policy::{Denial, StatementPlan};

/// What a session remembers for it.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    /// A statement that fetches was prepared.
    is_used: bool,
    /// The number of the last statement when something ran last.
    last_run: u64,
    /// The portal of such a statement that was bound last, if nothing ran since.
    bound: Option<Box<[u8]>>,
}

/// The statement's rows may be those of a cursor.
pub(crate) fn fetches(plan: &StatementPlan) -> bool {
    matches!(plan.command, "FETCH" | "EXECUTE")
}

impl Live {
    /// A statement that fetches was prepared.
    pub(crate) fn note_fetch(&mut self) {
        self.cursors.is_used = true;
    }

    /// A portal was bound.
    pub(crate) fn note_bound(&mut self, portal: &[u8], fetches: bool) {
        self.cursors.bound = fetches.then(|| portal.into());
    }

    /// Something runs that may close cursors, or a round ends.
    pub(crate) fn note_run(&mut self) {
        self.cursors.last_run = self.next_no;
        self.cursors.bound = None;
    }

    /// Refuses to have a statement (`S`) or a portal described whose cursor may be gone.
    pub(crate) fn check_description(&self, kind: u8, name: &[u8]) -> Result<(), Denial> {
        if !self.cursors.is_used || self.pipeline.is_skipping() {
            return Ok(());
        }
        let may_be_gone = match kind {
            b'S' => match self.names.known_statement(name) {
                Known::Is(prepared) => prepared.fetches && self.cursors.last_run >= prepared.no,
                known => !matches!(known, Known::Nothing),
            },
            _ => match self.names.known_portal(name) {
                Known::Is(bound) => bound.fetches && self.cursors.bound.as_deref() != Some(name),
                known => !matches!(known, Known::Nothing),
            },
        };
        if may_be_gone { Err(cursor_may_be_gone()) } else { Ok(()) }
    }
}

fn cursor_may_be_gone() -> Denial {
    Denial {
        sqlstate: "0A000",
        code: "cursor_may_be_gone",
        message: "a FETCH cannot be described here: its cursor may be closed".to_owned(),
        detail: "PostgreSQL ends all of its sessions when a FETCH is described whose cursor is gone.\ncode: cursor_may_be_gone"
            .to_owned(),
        hint: "Describe and execute it right behind its Parse or Bind, or send it as a query.".to_owned(),
        position: None,
    }
}
