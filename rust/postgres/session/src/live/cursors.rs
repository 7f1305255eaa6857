//! FETCH and EXECUTE by the extended protocol return rows of a cursor or prepared statement, which PostgreSQL resolves
//! anew at every Describe (`FetchStatementTargetList`, `pquery.c`).
//!
//! Two rules:
//! 1. Such a statement or portal is described only as long as nothing ran that may have closed a cursor, and the portal has no
//!    name by which SQL could fetch from it. The server takes for granted that the cursor is there (seen in 15.18 and
//!    18.6): else all of its sessions end, by four messages of anybody.
//! 2. Under masks SQL does not execute such a statement by its name, either: the rows have the origins of what the cursor or
//!    statement is by then, or none where it was not there at first. What the protocol itself executes was described
//!    right before.

use crate::live::Live;
use crate::live::names::{Known, kept};
use hoopwire_grant::Fault;
use hoopwire_postgres_policy::{Code, Denial, StatementPlan};
use hoopwire_postgres_protocol::frontend::Kind;

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
        self.cursors.bound = fetches.then(|| kept(portal).into());
    }

    /// A statement is prepared or closed: what a portal executes may be another one by now.
    pub(crate) fn note_prepared_anew(&mut self) {
        self.cursors.bound = None;
    }

    /// Something runs that may close cursors, or a round ends.
    pub(crate) fn note_run(&mut self) {
        self.cursors.last_run = self.tally.last_no;
        self.cursors.bound = None;
    }

    /// Under masks: refuses to give an EXECUTE a name.
    pub(crate) fn check_statement_name(&self, name: &[u8], executes: bool) -> Result<(), Denial> {
        if executes && !name.is_empty() && self.has_masks() { Err(fetched_by_name()) } else { Ok(()) }
    }

    /// Under masks: refuses that a Query executes what the protocol prepared, if that fetches.
    pub(crate) fn check_executed(&self, plans: &[StatementPlan]) -> Result<(), Denial> {
        if !self.cursors.is_used || !self.has_masks() {
            return Ok(());
        }
        let mut names = plans.iter().filter_map(|plan| plan.executes.as_deref());
        if names.any(|name| self.may_fetch(name.as_bytes())) { Err(fetched_by_name()) } else { Ok(()) }
    }

    fn may_fetch(&self, statement: &[u8]) -> bool {
        match self.names.known_statement(statement) {
            Known::Is(prepared) => prepared.nature.fetches,
            Known::Unsure => true,
            Known::Nothing => false,
        }
    }

    /// Refuses to give a portal of such a statement a name: SQL could fetch from it when its own cursor is gone.
    pub(crate) fn check_portal_name(&self, portal: &[u8], statement: &[u8]) -> Result<(), Denial> {
        if portal.is_empty() || !self.cursors.is_used || self.pipeline.is_skipping() {
            return Ok(());
        }
        if self.may_fetch(statement) { Err(fetched_by_name()) } else { Ok(()) }
    }

    /// Refuses what asks for the unnamed portal where no Bind is known to have made it. A Query has one of that name, too: if it
    /// fails in a transaction, the portal stays, and PostgreSQL (15.18) reads memory that it freed when it is executed.
    pub(crate) fn check_unnamed_portal(&self, portal: &[u8]) -> Result<(), Denial> {
        let is_known = || matches!(self.names.known_portal(portal), Known::Is(_));
        if !portal.is_empty() || self.pipeline.is_skipping() || is_known() {
            Ok(())
        } else {
            Err(no_portal())
        }
    }

    /// Refuses to have a statement or a portal described whose cursor may be gone.
    pub(crate) fn check_description(&self, kind: Kind, name: &[u8]) -> Result<(), Denial> {
        if !self.cursors.is_used || self.pipeline.is_skipping() {
            return Ok(());
        }
        let may_be_gone = match kind {
            Kind::Statement => match self.names.known_statement(name) {
                Known::Is(prepared) => prepared.nature.fetches && self.cursors.last_run >= prepared.no,
                known => !matches!(known, Known::Nothing),
            },
            Kind::Portal => match self.names.known_portal(name) {
                Known::Is(bound) => bound.nature.fetches && self.cursors.bound.as_deref() != Some(kept(name)),
                known => !matches!(known, Known::Nothing),
            },
        };
        if may_be_gone { Err(cursor_may_be_gone()) } else { Ok(()) }
    }
}

fn fetched_by_name() -> Denial {
    Denial {
        fault: Fault::NotGranted,
        code: Code::FetchByName,
        message: "a FETCH or EXECUTE may not be reached by a name here".to_owned(),
        detail: "It would have a portal with a name, or under masks be an EXECUTE that was prepared under a name, or a FETCH \
                 that SQL executes: by then its cursor may be another one or gone.\ncode: fetch_by_name"
            .to_owned(),
        hint: "Send it as a query, or with the unnamed statement and portal.".to_owned(),
        position: None,
    }
}

fn no_portal() -> Denial {
    Denial {
        fault: Fault::Invalid,
        code: Code::NoPortal,
        message: "portal \"\" does not exist".to_owned(),
        detail: "No Bind is known to have made it since the last Query.\ncode: no_portal".to_owned(),
        hint: "Send Bind and Execute behind one another, without a Sync or a Query between them.".to_owned(),
        position: None,
    }
}

fn cursor_may_be_gone() -> Denial {
    Denial {
        fault: Fault::NotGranted,
        code: Code::CursorMayBeGone,
        message: "a FETCH cannot be described here: its cursor may be closed".to_owned(),
        detail: "PostgreSQL ends all of its sessions when a FETCH is described whose cursor is gone.\ncode: cursor_may_be_gone"
            .to_owned(),
        hint: "Describe and execute it right behind its Parse or Bind, or send it as a query.".to_owned(),
        position: None,
    }
}
