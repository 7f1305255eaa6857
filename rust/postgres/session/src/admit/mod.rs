//! From the first byte to ReadyForQuery: startup, password, grant, upstream login.
//!
//! Toward the principal the gateway is a server, toward the target a client; the two logins never touch:
//! the principal's password goes to the control plane and no further, the lease's goes to the target.

use crate::caches::Turn;
use crate::ending::Ending;
use crate::exact::Exact;
use crate::exact::idle::{self, check_masks};
use crate::exact::inquiry::{self, Answer, Inquiry};
use crate::exact::knowledge::check_path;
use crate::keyring::CredentialId;
use crate::live::allowance::Allowance;
use crate::live::close::Told;
use crate::live::cursors::Cursors;
use crate::live::names::Names;
use crate::live::states::{Notice, Stage};
use crate::live::{self, Keys, Live, Replies, Requests, Tally};
use crate::session::{Phase, Session, mark};
use hoopwire_grant::{Meter, Party, decide};
use hoopwire_postgres_policy::{
    Action, Catalogue, Rights, StartupFault, StartupRefusal, check_startup, startup_settings, told_of_startup,
};
use hoopwire_postgres_protocol::backend::{self, TransactionStatus};
use hoopwire_postgres_protocol::error::{ErrorReport, Sqlstate};
use hoopwire_postgres_protocol::frontend;
use hoopwire_postgres_protocol::login::{Credential, Established, Login, LoginError, LoginRequest};
use hoopwire_postgres_protocol::message::{MessageTag, Scanner};
use hoopwire_postgres_protocol::params::{Replication, SessionParams, session_params};
use hoopwire_postgres_protocol::pipeline::Pipeline;
use hoopwire_postgres_protocol::startup::{
    ENCRYPTION_ACCEPTED, ENCRYPTION_REFUSED, FirstPacket, Startup, first_packet, negotiate,
};
use hoopwire_recording::{Decision, Direction, Frame, SessionStart};
use hoopwire_session::{Admission, Ask, Effect, Loan, Opening, Signal, after};
use hoopwire_wire::Secret;
use std::sync::Arc;
use std::time::Instant;
use zeroize::Zeroize;

/// Largest PasswordMessage: a token of 8 KiB and its NUL.
const PASSWORD_MAX_BYTES: usize = 8 * 1024 + 1;
/// What a client may send ahead between its password and ReadyForQuery.
const EARLY_MAX_BYTES: usize = 16 * 1024;
/// The protocol's name in TLS (PostgreSQL documentation, "SSL Session Encryption").
pub const ALPN: &[&[u8]] = &[b"postgresql"];
/// How TLS begins toward a target (PostgreSQL documentation, "SSL Session Encryption").
pub(crate) const OPENING: Opening = Opening::Asked {
    question: &[0, 0, 0, 8, 4, 210, 22, 47],
    yes: ENCRYPTION_ACCEPTED,
    no: ENCRYPTION_REFUSED,
    name: "SSLRequest",
    alpn: ALPN,
};
/// Highest SCRAM iteration count that a target may ask for: PostgreSQL makes 4,096 by default, and this many cost
/// a reactor about 0.1 s, once for each credential.
const SCRAM_ITERATIONS_MAX: u32 = 200_000;
/// How a target refuses a setting: its value, its name, or that this user sets it.
const SETTING_REFUSED: [Sqlstate; 3] =
    [Sqlstate::INVALID_PARAMETER_VALUE, Sqlstate::UNDEFINED_OBJECT, Sqlstate::INSUFFICIENT_PRIVILEGE];

#[derive(Debug, Default)]
pub(crate) struct AwaitStartup {
    held: Vec<u8>,
    encrypted: bool,
    gss_refused: bool,
}

#[derive(Debug)]
pub(crate) struct AwaitPassword {
    params: SessionParams,
    minor: u16,
    held: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct AwaitGrant {
    params: SessionParams,
    pub(crate) minor: u16,
    early: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct AwaitUpstream {
    params: SessionParams,
    /// What the target gets of settings, once they are decided. Without them nobody logs in.
    settings: Option<Vec<(String, String)>>,
    minor: u16,
    login: Option<Login>,
    /// Names what the lease proves itself by.
    credential: Option<CredentialId>,
    /// Bytes of the target that are no whole message yet.
    held: Vec<u8>,
    early: Vec<u8>,
    /// The login is done, and the target is asked for its catalogue.
    asking: Option<(Established, Inquiry)>,
    pub(crate) live: Box<Live>,
}

impl Session {
    /// TLS is up on the downstream leg. `direct`: without an SSLRequest, which needs ALPN `postgresql`.
    pub fn handle_tls(&mut self, direct: bool, alpn: Option<&[u8]>, turn: &mut Turn<'_>) {
        let fits = match &self.phase {
            Phase::AwaitTls => !direct,
            Phase::AwaitStartup(start) => {
                direct && !start.encrypted && start.held.is_empty() && !start.gss_refused
            }
            _ => false,
        };
        let outcome = if !fits {
            Err(Ending::misbehaved_client("TLS where it cannot begin"))
        } else if alpn.is_some_and(|alpn| alpn != b"postgresql") || (direct && alpn.is_none()) {
            Err(Ending::misbehaved_client("direct TLS needs the ALPN protocol \"postgresql\""))
        } else {
            self.phase = Phase::AwaitStartup(AwaitStartup { encrypted: true, ..AwaitStartup::default() });
            self.deadline = after(turn.now, self.limits.startup);
            Ok(())
        };
        self.settle(outcome, turn);
    }

    /// Bytes of a principal that is not admitted yet.
    pub(crate) fn greet(&mut self, input: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        match &mut self.phase {
            Phase::AwaitStartup(start) => {
                start.held.extend_from_slice(input);
                self.startup(turn)
            }
            Phase::AwaitPassword(wait) => {
                wait.held.extend_from_slice(input);
                self.password(turn)
            }
            Phase::AwaitGrant(wait) => early(&mut wait.early, input),
            Phase::AwaitUpstream(wait) => early(&mut wait.early, input),
            Phase::AwaitTls => Err(Ending::misbehaved_client("unencrypted bytes after an SSLRequest")),
            Phase::Ready(_) | Phase::Closed => Ok(()),
        }
    }

    fn startup(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Phase::AwaitStartup(start) = &mut self.phase else { return Ok(()) };
        let parsed = first_packet(&start.held)
            .map_err(|error| Ending::fatal(Party::Gateway, "malformed startup packet", error.report()))?;
        let Some((packet, used)) = parsed else { return Ok(()) };
        start.held.drain(..used);
        let stuffed = !start.held.is_empty();
        match packet {
            FirstPacket::Ssl | FirstPacket::Gss if stuffed => {
                Err(Ending::misbehaved_client("unencrypted bytes behind a request for encryption"))
            }
            FirstPacket::Ssl | FirstPacket::Gss if start.encrypted => {
                Err(Ending::misbehaved_client("a request for encryption inside TLS"))
            }
            FirstPacket::Gss if start.gss_refused => Err(Ending::misbehaved_client("a second GSSENCRequest")),
            FirstPacket::Gss => {
                start.gss_refused = true;
                turn.greet(|out| out.push(ENCRYPTION_REFUSED));
                Ok(())
            }
            FirstPacket::Ssl => {
                turn.greet(|out| out.push(ENCRYPTION_ACCEPTED));
                turn.effects.push(Effect::StartTls);
                self.phase = Phase::AwaitTls;
                self.deadline = after(turn.now, self.limits.tls_handshake);
                Ok(())
            }
            FirstPacket::Cancel(request) => {
                let mark = mark(request.pid, request.key.expose().len());
                turn.effects.push(Effect::Signal(Signal { mark, proof: request.key }));
                Err(Ending::was_cancel())
            }
            FirstPacket::Startup(startup) if !start.encrypted => Err(plaintext(&startup)),
            FirstPacket::Startup(startup) => {
                let held = std::mem::take(&mut start.held);
                self.negotiate(&startup, held, turn)
            }
        }
    }

    fn negotiate(&mut self, startup: &Startup, held: Vec<u8>, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let refused = |report| Ending::fatal(Party::Gateway, "startup parameters refused", report);
        let params = session_params(startup).map_err(refused)?;
        check_startup(&params.settings).map_err(|refusal| refused(setting_refused(refusal)))?;
        let negotiated = negotiate(startup);
        let minor = negotiated.minor;
        turn.greet(|out| {
            out.extend_from_slice(negotiated.reply.as_deref().unwrap_or_default());
            backend::authentication_cleartext_password(out);
        });
        self.phase = Phase::AwaitPassword(Box::new(AwaitPassword { params, minor, held }));
        self.deadline = after(turn.now, self.limits.startup);
        self.password(turn)
    }

    fn password(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Phase::AwaitPassword(wait) = &mut self.phase else { return Ok(()) };
        let Some((&[tag, a, b, c, d], body)) = wait.held.split_first_chunk::<5>() else { return Ok(()) };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if tag == frontend::Tag::Terminate.byte() {
            return Err(Ending::quiet(Party::Principal, "the client left before it gave a password"));
        }
        if tag != frontend::Tag::Password.byte() || length < 5 {
            return Err(Ending::misbehaved_client("expected a password"));
        }
        let body_len = length.saturating_sub(4);
        if body_len > PASSWORD_MAX_BYTES {
            let report = ErrorReport::fatal(Sqlstate::INVALID_PASSWORD, "the password is too long")
                .with_detail("An access token may have 8 KiB.")
                .with_hint("Ask your identity provider for a token with fewer claims.");
            return Err(Ending::fatal(Party::Gateway, "password too long", report));
        }
        let Some(text) = body.get(..body_len) else { return Ok(()) };
        let early = body.get(body_len..).unwrap_or_default().to_vec();
        let text = text.strip_suffix(b"\0").and_then(|text| std::str::from_utf8(text).ok());
        let Some(text) = text.filter(|text| !text.contains('\0')) else {
            return Err(Ending::misbehaved_client("malformed password message"));
        };
        let credential = Secret::new(text.to_owned());
        wait.held.zeroize();
        if credential.expose().is_empty() {
            let report = ErrorReport::fatal(Sqlstate::INVALID_PASSWORD, "empty password").with_hint(
                "Give your access token (or a grant secret) as the password, for example in PGPASSWORD.",
            );
            return Err(Ending::fatal(Party::Gateway, "empty password", report));
        }
        let ask = Ask {
            user: wait.params.user.clone(),
            database: wait.params.database.clone(),
            application_name: wait.params.application_name.clone(),
            replication: wait.params.replication != Replication::Off,
            credential,
        };
        turn.effects.push(Effect::AskGrant(Box::new(ask)));
        if let Phase::AwaitPassword(wait) = std::mem::replace(&mut self.phase, Phase::Closed) {
            self.phase =
                Phase::AwaitGrant(Box::new(AwaitGrant { params: wait.params, minor: wait.minor, early }));
        }
        self.deadline = after(turn.now, self.limits.admission);
        Ok(())
    }

    pub(crate) fn admit(
        &mut self,
        admission: Admission<'_, Rights>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        if !matches!(self.phase, Phase::AwaitGrant(_)) {
            return Ok(());
        }
        let Phase::AwaitGrant(wait) = std::mem::replace(&mut self.phase, Phase::Closed) else {
            return Ok(());
        };
        let Admission { no, reactor, session, peer, node, grant, spent } = admission;
        let cancel_key = turn.caches.cancel_keys.mint(reactor, u64::from(no), wait.minor);
        let actions: Vec<&str> = match grant.rights.rules {
            Some(_) => grant.rights.action_texts.iter().map(String::as_str).collect(),
            None => grant.rights.actions.names().collect(),
        };
        let start = Frame::SessionStart(SessionStart {
            session,
            grant: &grant.id,
            issuer: &grant.issuer,
            principal: &grant.principal,
            principal_name: &grant.principal_name,
            principal_kind: &grant.principal_kind,
            target: &grant.target,
            database: &grant.database,
            actions: &actions,
            policy: &grant.policy,
            policy_hash: &grant.policy_hash,
            task: &grant.task,
            peer,
            application_name: &wait.params.application_name,
            node,
        });
        turn.record(no, Direction::Gateway, &start);
        let replication = wait.params.replication != Replication::Off;
        let live = Live {
            allowance: Allowance::new(Meter::new(grant.budgets, spent)),
            grant: Box::new(grant),
            stage: Stage::default(),
            notice: Notice::default(),
            tally: Tally { no, ..Tally::default() },
            replication: live::Replication { is_on: replication, ..live::Replication::default() },
            keys: Keys { own: cancel_key, target_pid: 0, target_key: Secret::new(Vec::new()) },
            requests: Requests {
                scanner: Scanner::default(),
                discarding: false,
                statement_max_bytes: self.limits.statement_max_bytes,
            },
            replies: Replies::default(),
            pipeline: Pipeline::default(),
            names: Names::default(),
            cursors: Cursors::default(),
            exact: None,
        };
        self.phase = Phase::AwaitUpstream(Box::new(AwaitUpstream {
            params: wait.params,
            settings: None,
            minor: wait.minor,
            login: None,
            credential: None,
            held: Vec::new(),
            early: wait.early,
            asking: None,
            live: Box::new(live),
        }));
        self.deadline = after(turn.now, self.limits.upstream_login);
        self.decide_connect(turn)?;
        self.decide_settings(turn)?;
        turn.effects.push(Effect::Dial(OPENING));
        Ok(())
    }

    /// The decision for the session as a whole, recorded either way.
    fn decide_connect(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Phase::AwaitUpstream(wait) = &self.phase else { return Ok(()) };
        let grant = &wait.live.grant;
        let asked = [Action::Connect { database: &grant.database }, Action::Replicate];
        let asked = if wait.live.replication.is_on { &asked[..] } else { asked.get(..1).unwrap_or_default() };
        for action in asked {
            let decision = decide(grant, *action, turn.now);
            let frame = Frame::Decision(Decision {
                action: action.name(),
                allow: decision.is_ok(),
                reason: decision.as_ref().err().map_or("granted", |denial| denial.code.name()),
                policy: &grant.policy,
            });
            turn.record(wait.live.tally.no, Direction::Gateway, &frame);
            decision.map_err(|denial| Ending::denied(&denial))?;
        }
        Ok(())
    }

    /// The decision on the settings of the startup packet, recorded if they could do more than a format does.
    fn decide_settings(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Phase::AwaitUpstream(wait) = &mut self.phase else { return Ok(()) };
        let grant = &wait.live.grant;
        let given = &wait.params.settings;
        let decision = startup_settings(grant, given);
        let told = told_of_startup(given);
        if !told.is_empty() || decision.is_err() {
            let action = format!("startup parameters {told}");
            let frame = Frame::Decision(Decision {
                action: action.trim_end(),
                allow: decision.is_ok(),
                reason: decision.as_ref().err().map_or("granted", |denial| denial.code.name()),
                policy: &grant.policy,
            });
            turn.record(wait.live.tally.no, Direction::Gateway, &frame);
        }
        wait.settings = Some(decision.map_err(|denial| Ending::denied(&denial))?);
        Ok(())
    }

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

fn early(held: &mut Vec<u8>, input: &[u8]) -> Result<(), Ending> {
    held.extend_from_slice(input);
    if held.len() > EARLY_MAX_BYTES {
        return Err(Ending::misbehaved_client("too much sent before ReadyForQuery"));
    }
    Ok(())
}

fn setting_refused(refusal: StartupRefusal) -> ErrorReport {
    let sqlstate = match refusal.fault {
        StartupFault::NotPermitted => Sqlstate::INSUFFICIENT_PRIVILEGE,
        StartupFault::UnknownName => Sqlstate::UNDEFINED_OBJECT,
        StartupFault::UnknownValue => Sqlstate::INVALID_PARAMETER_VALUE,
    };
    ErrorReport::fatal(sqlstate, refusal.message).with_hint(refusal.hint)
}

fn plaintext(startup: &Startup) -> Ending {
    let database = startup
        .params
        .iter()
        .find(|(key, _)| key == "database")
        .map_or("TARGET", |(_, value)| value.as_str());
    let report = ErrorReport::fatal(Sqlstate::INVALID_AUTHORIZATION, "this gateway takes passwords only inside TLS")
        .with_detail("The connection is not encrypted; no password was asked for.")
        .with_hint(format!("Connect with sslmode=require or stricter, for example: psql \"host=... dbname={database} sslmode=verify-full sslrootcert=CA.pem\""));
    Ending::fatal(Party::Gateway, "startup without TLS", report)
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
