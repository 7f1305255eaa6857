//! The login at the target, and what it is asked before the principal is welcomed.

use super::AwaitUpstream;
use crate::caches::Turn;
use crate::ending::Ending;
use crate::exact::Exact;
use crate::exact::idle::{self, check_masks};
use crate::exact::inquiry::{self, Answer, Inquiry};
use crate::exact::knowledge::check_path;
use crate::live::Live;
use crate::live::close::Told;
use crate::session::{Phase, Session};
use hoopwire_grant::Party;
use hoopwire_postgres_policy::Catalogue;
use hoopwire_postgres_protocol::backend::{self, TransactionStatus};
use hoopwire_postgres_protocol::error::{ErrorReport, Sqlstate};
use hoopwire_postgres_protocol::login::{Credential, Established, Login, LoginError, LoginRequest};
use hoopwire_postgres_protocol::params::Replication;
use hoopwire_session::{Effect, Loan};
use std::sync::Arc;
use std::time::Instant;

/// Highest SCRAM iteration count that a target may ask for: PostgreSQL makes 4,096 by default, and this many cost
/// a reactor about 0.1 s, once for each credential.
const SCRAM_ITERATIONS_MAX: u32 = 200_000;
/// How a target refuses a setting: its value, its name, or that this user sets it.
const SETTING_REFUSED: [Sqlstate; 3] =
    [Sqlstate::INVALID_PARAMETER_VALUE, Sqlstate::UNDEFINED_OBJECT, Sqlstate::INSUFFICIENT_PRIVILEGE];

impl Session {
    /// Bytes of the target during its login, and while it says what is in its catalogue.
    pub(crate) fn log_in(&mut self, input: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Phase::AwaitUpstream(wait) = &mut self.phase else { return Ok(()) };
        if wait.asking.is_some() {
            return self.hear_catalogue(input, turn);
        }
        let Some(login) = &mut wait.login else {
            return Err(Ending::misbehaved_target("bytes before the startup packet"));
        };
        wait.held.extend_from_slice(input);
        let (used, established) = turn
            .log_in_up(|out, random| login.handle(&wait.held, random, out))
            .map_err(|error| login_failed(&error, &wait.params.settings))?;
        wait.held.drain(..used);
        let Some(established) = established else { return Ok(()) };
        if established.status != Some(TransactionStatus::Idle) {
            return Err(Ending::misbehaved_target("a login that ends with a transaction open"));
        }
        let live = &wait.live;
        // what would refuse the session may be mended by now
        let known = turn.caches.catalogues.find(&live.grant, turn.now).filter(|(known, _)| {
            check_masks(&live.grant, known).is_ok() && turn.caches.catalogues.has_looked_over(&live.grant)
        });
        if live.grant.rights.rules.is_some() && !live.replication.is_on && known.is_none() {
            let AwaitUpstream { live, held, asking, .. } = &mut **wait;
            let known = turn.caches.catalogues.roots(&live.grant).to_vec();
            let mut to_close = 0;
            live.say_own(turn, |grant, out| {
                to_close = inquiry::ask_all(grant, &known, out);
                inquiry::end(false, out);
            });
            *asking = Some((established, Inquiry::new(Some(TransactionStatus::Idle), to_close)));
            let held = std::mem::take(held);
            return self.hear_catalogue(&held, turn);
        }
        self.enter(established, known, Vec::new(), turn)
    }

    fn hear_catalogue(&mut self, mut input: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Phase::AwaitUpstream(wait) = &mut self.phase else { return Ok(()) };
        let Some((_, inquiry)) = &mut wait.asking else { return Ok(()) };
        let Some(Answer { mut rows, aside, is_interrupted }) = inquiry.handle(&mut input)? else {
            return Ok(());
        };
        if is_interrupted {
            return Err(Ending::no_catalogue("the question was cancelled"));
        }
        check_path(&wait.live.grant, None, &mut rows)?;
        let idle = idle::take(&mut rows)?;
        turn.caches.catalogues.looks_over(&wait.live.grant);
        let catalogue = turn.caches.catalogues.keep(&wait.live.grant, rows, None, true, turn.now)?;
        wait.held = [&aside, input].concat();
        let Some((established, _)) = wait.asking.take() else { return Ok(()) };
        self.enter(established, Some((catalogue, turn.now)), idle, turn)
    }

    /// All is known that the session needs: it is ready.
    fn enter(
        &mut self,
        established: Established,
        known: Option<(Arc<Catalogue>, Instant)>,
        idle: Vec<String>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let Phase::AwaitUpstream(wait) = &mut self.phase else { return Ok(()) };
        let grant = &wait.live.grant;
        let nothing = Catalogue::default();
        let catalogue = known.as_ref().map_or(&nothing, |(known, _)| known);
        let masks = catalogue.idle_masks().iter().map(|column| format!("mask {column}"));
        let unmatched: Vec<String> = masks.chain(idle).collect();
        if !unmatched.is_empty() {
            turn.effects.push(Effect::Unmatched(unmatched));
        }
        check_masks(grant, catalogue)?;
        if wait.live.grant.rights.rules.is_some() {
            let exact = Exact::new(&wait.live.grant, &established.parameters, known, turn.now)?;
            wait.live.exact = Some(Box::new(exact));
        }
        let Phase::AwaitUpstream(wait) = std::mem::replace(&mut self.phase, Phase::Closed) else {
            return Ok(());
        };
        let AwaitUpstream { mut live, early, held, credential, .. } = *wait;
        if let Some((id, keys)) = credential.zip(established.scram_keys.clone()) {
            turn.caches.keyring.keep(id, keys);
        }
        live.welcome(established, turn);
        live.silence.heard(turn.now);
        live.watch_silence();
        self.phase = Phase::Ready(live);
        turn.effects.push(Effect::Established);
        if !held.is_empty() {
            self.handle_upstream(&held, turn);
        }
        if !early.is_empty() {
            self.handle_downstream(&early, turn);
        }
        Ok(())
    }
}

impl AwaitUpstream {
    /// Connected to the target: sends it the startup packet. `application_name` carries the grant id.
    pub(crate) fn begin(&mut self, loan: Loan, tls: bool, end_point: Option<Vec<u8>>, turn: &mut Turn<'_>) {
        let Some(mut settings) = self.settings.take() else { return };
        settings.push(("application_name".to_owned(), self.application_name()));
        let id = turn.caches.keyring.id(&loan, turn.random);
        self.credential = Some(id);
        let password = loan.password;
        let login = Login::new(LoginRequest {
            user: loan.user,
            database: loan.database,
            settings,
            replication: match self.params.replication {
                Replication::Off => None,
                Replication::Physical => Some("true".to_owned()),
                Replication::Database => Some("database".to_owned()),
            },
            minor: if self.minor >= 2 { 2 } else { 0 },
            credential: match password.expose().is_empty() {
                true => Credential::None,
                false => Credential::Password(password),
            },
            scram_keys: turn.caches.keyring.find(&id),
            server_end_point: end_point,
            tls,
            allow_cleartext: tls,
            max_scram_iterations: SCRAM_ITERATIONS_MAX,
        });
        turn.log_in_up(|out, _| login.start(out));
        self.login = Some(login);
    }

    /// At most 63 bytes, as the server keeps it: the grant id first, so that it is never cut off.
    fn application_name(&self) -> String {
        let mut name = format!("hoopwire/{}", self.live.grant.id);
        if !self.params.application_name.is_empty() {
            name.push(' ');
            name.push_str(&self.params.application_name);
        }
        let mut end = name.len().min(63);
        while !name.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        name.truncate(end);
        name
    }
}

impl Live {
    /// AuthenticationOk, ParameterStatus, BackendKeyData with the target's process id and the gateway's own key,
    /// ReadyForQuery.
    fn welcome(&mut self, established: Established, turn: &mut Turn<'_>) {
        if !established.cancel_key.expose().is_empty() {
            self.keys.own.pid = established.pid;
        }
        let mut span = turn.span();
        turn.deliver(&span, |down| {
            backend::authentication_ok(down);
            for (name, value) in &established.parameters {
                backend::parameter_status(name, value, down);
            }
            backend::backend_key_data(&self.keys.own, down);
            backend::ready_for_query(TransactionStatus::Idle, down);
        });
        self.keys.target_pid = established.pid;
        self.keys.target_key = established.cancel_key;
        self.account(&mut span, Told::aside(), turn);
        self.stage.welcome();
    }
}

/// What the principal hears of a failed upstream login: that it failed and whose turn it is; the target's
/// own words name upstream users and hosts and stay in the audit event.
fn login_failed(error: &LoginError, given: &[(String, String)]) -> Ending {
    let report = setting_to_blame(error, given).unwrap_or_else(|| {
        ErrorReport::fatal(Sqlstate::CONNECTION_FAILURE, "the gateway could not log in to the target")
            .with_detail(
                "The target refused the gateway's own credential or broke the protocol; your identity was accepted.",
            )
            .with_hint("Tell the gateway's operators; the audit event has the reason.")
    });
    Ending::fatal(Party::Target, &format!("login to the target failed: {error}"), report)
}

/// The target quotes the name of a setting that it does not take. Its SQLSTATE is what a SET would have got.
fn setting_to_blame(error: &LoginError, given: &[(String, String)]) -> Option<ErrorReport> {
    let LoginError::Server(said) = error else { return None };
    let sqlstate = said.sqlstate.filter(|sqlstate| SETTING_REFUSED.contains(sqlstate))?;
    let message = said.message.to_ascii_lowercase();
    let (name, _) = given.iter().find(|(name, _)| message.contains(&format!("parameter \"{name}\"")))?;
    Some(
        ErrorReport::fatal(sqlstate, format!("the target refused startup parameter \"{name}\""))
            .with_hint("Give another value, or leave it out: the target's version or user may not have it."),
    )
}
