//! How old the cached catalogue may be, and how it is refreshed over the session's own connection.
//!
//! Two rules:
//! 1. Age is looked at where something is decided by it: at each text, and at each Bind, where the target reads a
//!    prepared text anew. From there on the principal's bytes wait until the target owes nothing and has answered.
//!    Where relations are masked, what looks names up is decided by an answer of its own.
//! 2. The question leaves the principal's transaction as it is: behind a request without its Sync it ends with a
//!    Flush, else with a Sync. Where it cannot be asked, nothing passes that the target might run.

use crate::caches::Turn;
use crate::ending::Ending;
use crate::exact::catalogue::{is_asked_each_time, is_old};
use crate::exact::idle::check_masks;
use crate::exact::inquiry::{self, Answer, Inquiry, Row, take_row};
use crate::exact::state::Knowledge;
use crate::exact::{Exact, watch, watch_path};
use crate::live::Live;
use hoopwire_grant::{Fault, Party};
use hoopwire_postgres_policy::{Catalogue, Code, Denial, Grant, StatementPlan, VERDICT_KEPT_BYTES};
use hoopwire_postgres_protocol::backend::TransactionStatus;
use hoopwire_postgres_protocol::error::{ErrorReport, Sqlstate};
use hoopwire_postgres_protocol::frontend::{self, Bind, Malformed, Parse, Query, Tag};
use hoopwire_postgres_protocol::message::{Piece, Scanner};
use hoopwire_postgres_protocol::pipeline::Copy;
use std::sync::Arc;
use std::time::Instant;

/// What goes on when the target has answered: its messages for the principal, and the principal's bytes that waited.
pub(crate) struct Heard {
    pub(crate) aside: Vec<u8>,
    pub(crate) waiting: Vec<u8>,
}

impl Exact {
    /// What is known from now on. What was prepared was decided by the masked columns and the settings of that time.
    fn learn(&mut self, grant: &Grant, fresh: Arc<Catalogue>, asked_at: Instant) -> Result<(), Ending> {
        check_masks(grant, &fresh)?;
        let says_the_same =
            |known: &Arc<Catalogue>| known.version() == fresh.version() || known.says_the_same(&fresh);
        let same = self.catalogue.as_ref().is_some_and(says_the_same);
        if !same && self.prepared.is_any && self.masking.is_needed() {
            return Err(columns_changed());
        }
        let hid_nothing = self.catalogue.as_ref().is_some_and(|known| known.shows_settings());
        if hid_nothing && !fresh.shows_settings() && self.prepared.is_any && self.prepared.showed_settings {
            return Err(settings_changed());
        }
        self.asked_at = asked_at;
        // also if it says the same: it is the one that is kept for all sessions
        self.catalogue = Some(fresh);
        Ok(())
    }
}

impl Live {
    /// Returns the message, or its beginning, if it must wait for a fresh catalogue.
    pub(crate) fn must_wait<'p>(
        &mut self,
        piece: &Piece<'p, Tag>,
        turn: &mut Turn<'_>,
    ) -> Result<Option<&'p [u8]>, Ending> {
        let (Piece::Whole { tag, raw } | Piece::Head { tag, raw, .. }) = *piece else { return Ok(None) };
        if !matches!(tag, Tag::Query | Tag::Parse | Tag::Bind)
            || self.requests.discarding
            || !self.knows_too_little(true, turn)
        {
            return Ok(None);
        }
        let Some(looks_up) = self.may_look_up(tag, piece.body(), turn) else { return Ok(None) };
        let was_interrupted = self.exact.as_ref().is_some_and(|exact| exact.knowledge.was_interrupted());
        if was_interrupted || !self.knows_too_little(looks_up, turn) {
            return Ok(None);
        }
        // another session may have asked meanwhile
        if let (Some(exact), Some((catalogue, asked_at))) =
            (&mut self.exact, turn.caches.catalogues.find(&self.grant, turn.now))
            && !is_asked_each_time(&self.grant, &catalogue)
        {
            exact.learn(&self.grant, catalogue, asked_at)?;
            return Ok(None);
        }
        Ok(Some(raw)
            .filter(|_| !self.has_failed() && !self.takes_copy_data() && !self.pipeline.is_skipping()))
    }

    /// The target may not be asked: for all that is known the transaction has failed.
    fn has_failed(&self) -> bool {
        (self.pipeline.is_empty() && self.pipeline.status() == TransactionStatus::Failed)
            || self.pipeline.has_failed()
    }

    fn takes_copy_data(&self) -> bool {
        matches!(self.pipeline.copy(), Copy::In | Copy::Both)
    }

    /// For what looks names of relations up, or does not.
    fn knows_too_little(&self, looks_up: bool, turn: &Turn<'_>) -> bool {
        let Some(exact) = &self.exact else { return false };
        let Some(catalogue) = &exact.catalogue else { return false };
        let is_of_before =
            looks_up && !exact.knowledge.is_fresh() && is_asked_each_time(&self.grant, catalogue);
        is_of_before || is_old(&self.grant, catalogue, exact.asked_at, turn.now)
    }

    /// False for what surely names no relation. What would be refused may: by newer knowledge it may not be. `None` for
    /// what rests on nothing that is known of the target.
    fn may_look_up(&self, tag: Tag, body: &[u8], turn: &mut Turn<'_>) -> Option<bool> {
        let Some(exact) = &self.exact else { return Some(true) };
        let text = match tag {
            Tag::Bind => {
                let (Ok(bind) | Err(Malformed(bind))) = Bind::read(body);
                return Some(exact.prepared.looks_up).filter(|_| !self.surely_ends(bind.statement));
            }
            Tag::Parse => Parse::read(body).map(|parse| parse.text),
            _ => Query::read(body).map(|query| query.text),
        };
        let Some(text) = text else { return Some(true) };
        // no verdict on such a text is kept: it would be read twice
        if text.len() > VERDICT_KEPT_BYTES {
            return Some(true);
        }
        let verdict = exact.decide(&self.grant, text, turn);
        let Ok(plans) = &verdict.outcome else { return Some(true) };
        Some(plans.iter().any(|plan| plan.looks_up)).filter(|_| !is_timeless(plans))
    }

    /// The message went to the target: what it runs may take long, and knowledge ages meanwhile.
    pub(crate) fn has_sent(&mut self, piece: &Piece<'_, Tag>) {
        let Piece::Whole { tag: Tag::Query | Tag::Execute | Tag::FunctionCall | Tag::Sync, .. } = piece
        else {
            return;
        };
        self.note_run();
        // behind a Sync, what a name stands for must be heard first
        if let Some(exact) = &mut self.exact {
            exact.knowledge.sent();
        }
    }

    /// Keeps bytes of the principal, the first message of which is decided by newer knowledge. Nothing of them was
    /// taken; what the target still owes comes first.
    pub(crate) fn hold(&mut self, waiting: Vec<u8>, turn: &mut Turn<'_>) {
        let Some(exact) = &mut self.exact else { return };
        exact.waiting = waiting;
        self.requests.scanner = Scanner::default();
        if self.is_at_rest() {
            self.ask(false, turn);
        } else {
            // the target may keep replies back until it is told not to
            self.say_own(turn, |_, out| frontend::flush(out));
        }
    }

    /// Asks the target: whether all is as it was, where that can be told by the answer; else, or if `whole`, for all.
    fn ask(&mut self, whole: bool, turn: &mut Turn<'_>) {
        let in_round = self.pipeline.is_in_round();
        let status = (!in_round).then(|| self.pipeline.status());
        let known = turn.caches.catalogues.roots(&self.grant).to_vec();
        let Some(exact) = &mut self.exact else { return };
        let catalogue = exact.catalogue.as_ref().filter(|known| is_asked_each_time(&self.grant, known));
        let watched = catalogue.and_then(|known| turn.caches.catalogues.watched(&self.grant, known));
        let is_due = catalogue.is_none_or(|known| is_old(&self.grant, known, exact.asked_at, turn.now));
        let is_watching = !whole && !is_due && watched.is_some_and(|(_, print)| print.is_some());
        let oids = watched.map(|(oids, _)| oids.to_vec());
        let mut to_close = 0;
        self.say_own(turn, |grant, out| {
            if let Some(oids) = &oids {
                to_close += watch::ask(&grant.rights.masks, oids, out);
            }
            if !is_watching {
                to_close += inquiry::ask(grant, &known, out);
            }
            inquiry::end(in_round, out);
        });
        if let Some(exact) = &mut self.exact {
            exact.knowledge = Knowledge::Asking { inquiry: Inquiry::new(status, to_close), is_watching };
        }
    }

    /// The target owes nothing, not even the rest of a notification.
    fn is_at_rest(&self) -> bool {
        self.pipeline.is_empty() && self.replies.scanner.is_clean()
    }

    /// Bytes of the principal wait: more of them are kept, too.
    pub(crate) fn keeps_waiting(&mut self, input: &[u8]) -> bool {
        let Some(exact) = self.exact.as_mut().filter(|exact| !exact.waiting.is_empty()) else { return false };
        exact.waiting.extend_from_slice(input);
        true
    }

    /// Bytes of the principal wait for the target.
    pub(crate) fn is_holding(&self) -> bool {
        self.exact.as_ref().is_some_and(|exact| !exact.waiting.is_empty())
    }

    /// The bytes that wait, once the target owes nothing any more, or waits itself.
    pub(crate) fn release(&mut self) -> Option<Vec<u8>> {
        let is_due =
            !self.is_asking() && (self.is_at_rest() || self.pipeline.is_skipping() || self.takes_copy_data());
        let exact = self.exact.as_mut().filter(|exact| is_due && !exact.waiting.is_empty())?;
        Some(std::mem::take(&mut exact.waiting))
    }

    /// The target has a question of the gateway's own before it.
    pub(crate) fn is_asking(&self) -> bool {
        self.exact.as_ref().is_some_and(|exact| exact.knowledge.is_asking())
    }

    /// The target's answer to such a question; something once it is whole.
    pub(crate) fn hear_again(
        &mut self,
        input: &mut &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<Option<Heard>, Ending> {
        let Some(exact) = &mut self.exact else { return Ok(None) };
        let Knowledge::Asking { inquiry, is_watching } = &mut exact.knowledge else { return Ok(None) };
        let Some(answer) = inquiry.handle(input)? else { return Ok(None) };
        let Answer { mut rows, aside, is_interrupted } = answer;
        // inside a transaction the answer is of that transaction's own view, and nobody else's
        let is_common = inquiry.is_outside_transactions();
        let is_watching = *is_watching;
        if is_interrupted {
            exact.knowledge = Knowledge::Interrupted;
            return Ok(Some(Heard { aside, waiting: std::mem::take(&mut exact.waiting) }));
        }
        let watched = watch::heard(&mut rows);
        let (print, path) = watched.map_or((None, None), |(print, path)| (Some(print), Some(path)));
        check_path(&self.grant, path, &mut rows)?;
        if is_watching {
            let known = exact.catalogue.as_ref();
            let watched = known.and_then(|known| turn.caches.catalogues.watched(&self.grant, known));
            if print.is_none() || watched.and_then(|(_, print)| print) != print.as_deref() {
                self.ask(true, turn);
                return Ok(Some(Heard { aside, waiting: Vec::new() }));
            }
            exact.knowledge = Knowledge::Fresh;
            return Ok(Some(Heard { aside, waiting: std::mem::take(&mut exact.waiting) }));
        }
        if rows.iter().any(|row| row.first().and_then(Option::as_deref) == Some("x")) {
            return Err(columns_changed());
        }
        let fresh = turn.caches.catalogues.keep(&self.grant, rows, print, is_common, turn.now)?;
        exact.learn(&self.grant, fresh, turn.now)?;
        exact.knowledge = Knowledge::Fresh;
        Ok(Some(Heard { aside, waiting: std::mem::take(&mut exact.waiting) }))
    }

    /// Knowledge is too old, and there is no way to ask: a text of so many statements, or a Bind, passes only where the
    /// target does not run it.
    fn check_age(&self, statements: usize, looks_up: bool, turn: &Turn<'_>) -> Result<(), Denial> {
        // behind what ends the transaction a second statement would run
        let is_refused = statements <= 1 && self.pipeline.has_failed();
        let is_run = !is_refused && !self.pipeline.is_skipping();
        if !is_run || !self.knows_too_little(looks_up, turn) {
            return Ok(());
        }
        let was_interrupted = self.exact.as_ref().is_some_and(|exact| exact.knowledge.was_interrupted());
        Err(if was_interrupted { catalogue_interrupted() } else { catalogue_too_old() })
    }

    /// [`Live::check_age`] for a Bind of the statement of this name.
    pub(crate) fn check_bind(&self, name: &[u8], turn: &Turn<'_>) -> Result<(), Denial> {
        let Some(exact) = &self.exact else { return Ok(()) };
        if self.surely_ends(name) { Ok(()) } else { self.check_age(1, exact.prepared.looks_up, turn) }
    }

    /// [`Live::check_age`] for a text.
    pub(crate) fn check_text(&self, plans: &[StatementPlan], turn: &Turn<'_>) -> Result<(), Denial> {
        if is_timeless(plans) {
            return Ok(());
        }
        self.check_age(plans.len(), plans.iter().any(|plan| plan.looks_up), turn)
    }
}

/// They are decided by the grant alone: that the target cannot be asked is nothing to them.
fn is_timeless(plans: &[StatementPlan]) -> bool {
    plans.iter().all(StatementPlan::only_moves_transaction)
}

/// Names must still be looked up where they were judged. The path is taken out of the rows: it is this session's own.
pub(crate) fn check_path(grant: &Grant, path: Option<String>, rows: &mut Vec<Row>) -> Result<(), Ending> {
    let asked = take_row(rows, "p").and_then(|row| row.into_iter().nth(1)).flatten();
    let path = path.or(asked).ok_or_else(|| Ending::no_catalogue("no search_path"))?;
    watch_path(grant, path.as_bytes())
}

fn catalogue_too_old() -> Denial {
    Denial {
        fault: Fault::Unavailable,
        code: Code::CatalogueTooOld,
        message: "the gateway cannot look at the target's catalogue again at this place".to_owned(),
        detail: "What it knows of functions and masked relations is too old to decide by, and the target takes COPY \
                 data or the transaction has failed.\ncode: catalogue_too_old"
            .to_owned(),
        hint: "End the COPY, or send ROLLBACK by itself and a Sync, and then send the statement again.".to_owned(),
        position: None,
    }
}

fn catalogue_interrupted() -> Denial {
    Denial {
        fault: Fault::Unavailable,
        code: Code::CatalogueInterrupted,
        message: "the statement was cancelled before it ran".to_owned(),
        detail: "The cancel, or the session's statement_timeout or lock_timeout, hit the gateway's question for the \
                 target's catalogue.\ncode: catalogue_interrupted"
            .to_owned(),
        hint: "Send the statement again; if a timeout is only some milliseconds, raise it.".to_owned(),
        position: None,
    }
}

fn settings_changed() -> Ending {
    let report = ErrorReport::fatal(
        Sqlstate::ADMIN_SHUTDOWN,
        "a setting of the target's roles and databases may be a secret now",
    )
    .with_detail("This session prepared what reads such settings before it was made.")
    .with_hint("Connect again; your grant is still good until it expires.");
    Ending::fatal(Party::Gateway, "settings changed", report)
}

fn columns_changed() -> Ending {
    let report = ErrorReport::fatal(Sqlstate::ADMIN_SHUTDOWN, "the target's masked relations have changed")
        .with_detail(
            "What this session prepared, or the snapshot of its transaction, is older than the change.",
        )
        .with_hint("Connect again; your grant is still good until it expires.");
    Ending::fatal(Party::Gateway, "masked relations changed", report)
}
