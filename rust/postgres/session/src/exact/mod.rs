//! Statement-exact grants in a session: the decision on a text, and what must stay as it was for it to hold.
//!
//! Two rules:
//! 1. A text is decided whole, before any byte of it goes up.
//! 2. What the decision rests on is watched: how the target reads strings and names (ParameterStatus), and which
//!    columns are masked and which functions there are (the catalogue; `knowledge.rs` sees to its age).

pub(crate) mod catalogue;
pub(crate) mod idle;
pub(crate) mod inquiry;
pub(crate) mod knowledge;
pub(crate) mod masking;
pub(crate) mod state;
pub(crate) mod watch;

use crate::caches::Turn;
use crate::ending::Ending;
use crate::exact::masking::Masking;
use crate::exact::state::{Knowledge, Prepared};
use crate::live::Live;
use hoopwire_grant::Party;
use hoopwire_postgres_policy::{
    Catalogue, Denial, Grant, Reason, Refusal, Verdict, View, allows_search_path, decide_text,
};
use hoopwire_postgres_protocol::error::{ErrorReport, Sqlstate};
use std::sync::Arc;
use std::time::Instant;

/// What a session under exact rights keeps.
#[derive(Debug)]
pub(crate) struct Exact {
    /// `None` in a replication session, which cannot be asked.
    pub(crate) catalogue: Option<Arc<Catalogue>>,
    pub(crate) asked_at: Instant,
    pub(crate) knowledge: Knowledge,
    client_encoding: Vec<u8>,
    utf8: bool,
    pub(crate) prepared: Prepared,
    /// Bytes of the principal that wait for newer knowledge; they begin with a message.
    pub(crate) waiting: Vec<u8>,
    pub(crate) masking: Masking,
}

impl Exact {
    /// After the login at the target, which reported these parameters.
    pub(crate) fn new(
        grant: &Grant,
        parameters: &[(Vec<u8>, Vec<u8>)],
        catalogue: Option<(Arc<Catalogue>, Instant)>,
        now: Instant,
    ) -> Result<Exact, Ending> {
        let said = |wanted: &[u8]| {
            let last = parameters.iter().rev().find(|(name, _)| name == wanted);
            last.map_or(&b""[..], |(_, value)| value.as_slice())
        };
        let client_encoding = said(b"client_encoding").to_vec();
        let utf8 = client_encoding == b"UTF8" && said(b"server_encoding") == b"UTF8";
        if said(b"standard_conforming_strings") != b"on" {
            return Err(moved("standard_conforming_strings"));
        }
        let path = parameters.iter().filter(|(name, _)| name == b"search_path");
        path.map(|(_, value)| value).try_for_each(|value| watch_path(grant, value))?;
        let asked_at = catalogue.as_ref().map_or(now, |(_, asked_at)| *asked_at);
        let catalogue = catalogue.map(|(catalogue, _)| catalogue);
        let masking = Masking::new(grant);
        Ok(Exact {
            catalogue,
            asked_at,
            knowledge: Knowledge::default(),
            client_encoding,
            utf8,
            prepared: Prepared::default(),
            waiting: Vec::new(),
            masking,
        })
    }

    /// The decision on a text by what is known now.
    pub(crate) fn decide(&self, grant: &Grant, text: &[u8], turn: &mut Turn<'_>) -> Arc<Verdict> {
        let view = View { utf8: self.utf8, catalogue: self.catalogue.as_deref() };
        decide_text(grant, text, &view, &mut turn.caches.decisions)
    }

    /// The target says that a setting changed.
    pub(crate) fn watch(&self, grant: &Grant, name: &[u8], value: &[u8]) -> Result<(), Ending> {
        match name {
            b"standard_conforming_strings" if value != b"on" => Err(moved("standard_conforming_strings")),
            b"client_encoding" if value != self.client_encoding => Err(moved("client_encoding")),
            b"search_path" => watch_path(grant, value),
            _ => Ok(()),
        }
    }
}

/// Reported since PostgreSQL 18, and asked for with the catalogue: a function or a login trigger can have changed it.
pub(crate) fn watch_path(grant: &Grant, path: &[u8]) -> Result<(), Ending> {
    let Some(rights) = &grant.rights.rules else { return Ok(()) };
    let allowed = str::from_utf8(path).is_ok_and(|path| allows_search_path(rights, path));
    if allowed { Ok(()) } else { Err(moved("search_path")) }
}

/// The target reads SQL otherwise from here on than the gateway does.
fn moved(name: &str) -> Ending {
    let report = ErrorReport::fatal(
        Sqlstate::INSUFFICIENT_PRIVILEGE,
        format!("the target changed \"{name}\" in the session"),
    )
    .with_detail("The gateway could no longer be sure to read statements as the target does, and ended the session.")
    .with_hint("Connect again. If a function or the target's configuration changes it, tell the gateway's operators.");
    Ending::fatal(Party::Gateway, &format!("the target changed {name}"), report)
}

impl Live {
    /// Decides a text. `None` if the grant does not look at statements.
    pub(crate) fn judge(
        &mut self,
        no: u64,
        text: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<Option<Arc<Verdict>>, Denial> {
        let is_command = self.replication.is_on && self.judge_replication(no, text, turn)?;
        if is_command || self.grant.rights.rules.is_none() {
            return Ok(None);
        }
        let Some(exact) = &self.exact else {
            // what decisions rest on is there before a session with rights is ready; without it nothing passes
            let refusal = Refusal { statement: 0, command: "", reason: Reason::NoStatements };
            return Err(refusal.denial(&self.grant));
        };
        let verdict = exact.decide(&self.grant, text, turn);
        match &verdict.outcome {
            Err(refusal) => return Err(refusal.denial(&self.grant)),
            Ok(plans) => {
                self.check_text(plans, turn)?;
                let Some(exact) = &mut self.exact else { return Ok(None) };
                exact.prepared.showed_settings |= plans.iter().any(|plan| plan.shows_settings);
                exact.prepared.is_any |= plans.iter().any(|plan| plan.prepares);
                exact.prepared.looks_up |= plans.iter().any(|plan| plan.prepares && plan.looks_up);
            }
        }
        Ok(Some(verdict))
    }

    /// Something of the gateway's own for the target, recorded by digest like all that it gets.
    pub(crate) fn say_own(&mut self, turn: &mut Turn<'_>, write: impl FnOnce(&Grant, &mut Vec<u8>)) {
        turn.say_up_by_digest(self.tally.no, |out| write(&self.grant, out));
    }
}
