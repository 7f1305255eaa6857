//! The gateway's own login at the target, before the principal hears that it is in.

use crate::session::Turn;
use crate::{live, words};
use hoopwire_grant::{Fault, Meter, Party};
use hoopwire_recording::{Decision, Direction, Frame, GrantChanged, Report};
use hoopwire_session::{Counters, Ending, Loan, Words};
use hoopwire_ssh_policy::{Action, Grant, decide};
use hoopwire_ssh_protocol::keys::{Algorithm, PrivateKey};
use hoopwire_ssh_protocol::userauth::{self, Answer, Awaited, number, say};
use hoopwire_ssh_protocol::{Heard, HostTrust, Transport};
use hoopwire_wire::Secret;
use serde::Deserialize;
use serde_bytes::ByteBuf;
use std::time::Instant;

/// ```text
///  Dialing ──connected──▶ Kex ──keys──▶ AwaitService ──ACCEPT──▶ AwaitAnswer ──SUCCESS──▶ in
/// ```
#[derive(Debug)]
enum Step {
    Dialing,
    Kex(Proof),
    AwaitService(Proof),
    AwaitAnswer(Awaited),
}

/// What proves the gateway to the target.
enum Proof {
    /// With the certificate over it, if it has one.
    Key {
        user: String,
        key: Box<PrivateKey>,
        certificate: Option<Vec<u8>>,
    },
    Password {
        user: String,
        password: Secret<String>,
    },
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Proof::Key { .. } => "Key",
            Proof::Password { .. } => "Password",
        })
    }
}

/// What of a lease is ssh's; field names as in `hoopwire.model.ssh.login.Login`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    /// PKCS#8, DER; empty where a password logs in.
    key: ByteBuf,
    /// Over that key, or empty.
    certificate: ByteBuf,
    /// Host keys that the target may have.
    host_keys: Vec<ByteBuf>,
    /// Keys that sign host certificates.
    host_authorities: Vec<ByteBuf>,
    /// The name that such a certificate must be for.
    host_name: String,
}

/// An admitted session whose target is not there yet.
#[derive(Debug)]
pub(crate) struct Enter {
    pub(crate) no: u32,
    pub(crate) grant: Grant,
    pub(crate) meter: Meter,
    step: Step,
}

impl Enter {
    pub(crate) fn new(no: u32, grant: Grant, meter: Meter) -> Enter {
        Enter { no, grant, meter, step: Step::Dialing }
    }

    /// The session as a whole is decided.
    pub(crate) fn connect(&self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let decision = decide(&self.grant, turn.now, &Action::Connect);
        let frame = Frame::Decision(Decision {
            action: "connect",
            allow: decision.is_ok(),
            reason: decision.as_ref().err().map_or("granted", |denial| denial.code.name()),
            policy: &self.grant.policy,
        });
        turn.record(self.no, Direction::Gateway, &frame);
        decision.map(drop).map_err(|denial| words::denied(&denial))
    }

    /// The target is connected: the leg to it, and what will prove the gateway there.
    pub(crate) fn begin(&mut self, loan: Loan, unix_s: u64) -> Result<Transport, Ending> {
        let Loan { user, password, login, .. } = loan;
        let unusable = || {
            let words = Words::new("the gateway cannot log in at the target")
                .detail("Your identity was accepted and the grant is good; what the gateway has for this target is unusable.")
                .hint("Tell the gateway's operators.");
            Ending::faulty(Party::Gateway, Fault::Internal, "an unusable lease", words)
        };
        let login: Login = rmp_serde::from_slice(login.expose()).map_err(|_| unusable())?;
        let key = Secret::new(login.key.into_vec());
        let proof = if key.expose().is_empty() {
            Proof::Password { user, password }
        } else {
            let key = Box::new(PrivateKey::from_pkcs8(key.expose()).map_err(|_| unusable())?);
            let certificate = Some(login.certificate.into_vec()).filter(|blob| !blob.is_empty());
            Proof::Key { user, key, certificate }
        };
        self.step = Step::Kex(proof);
        let blobs = |list: Vec<ByteBuf>| list.into_iter().map(ByteBuf::into_vec).collect();
        Ok(Transport::client(HostTrust {
            keys: blobs(login.host_keys),
            authorities: blobs(login.host_authorities),
            name: login.host_name,
            unix_s,
            prefer_cipher: None,
        }))
    }

    /// What the target says. True when the gateway is in.
    pub(crate) fn hear(
        &mut self,
        heard: &Heard,
        payload: &[u8],
        leg: &mut Transport,
        turn: &mut Turn<'_>,
    ) -> Result<bool, Ending> {
        let step = std::mem::replace(&mut self.step, Step::Dialing);
        match (step, heard) {
            (Step::Kex(proof), Heard::KexDone { .. }) => {
                turn.log_in_up(|out, _| say::service_request(out, userauth::USERAUTH));
                self.step = Step::AwaitService(proof);
            }
            (Step::AwaitService(proof), Heard::Packet) => {
                if payload.first() != Some(&number::SERVICE_ACCEPT) || userauth::service(payload).is_err() {
                    return Err(words::misbehaved_target("no answer to the service request"));
                }
                let awaited = prove(&proof, leg, turn)?;
                self.step = Step::AwaitAnswer(awaited);
            }
            (Step::AwaitAnswer(awaited), Heard::Packet) => return self.answered(awaited, payload, turn),
            // what it is, and new keys
            (step, Heard::Identified | Heard::KexDone { .. }) => self.step = step,
            _ => return Err(words::misbehaved_target("a packet before its time")),
        }
        Ok(false)
    }

    fn answered(&mut self, awaited: Awaited, payload: &[u8], turn: &mut Turn<'_>) -> Result<bool, Ending> {
        self.step = Step::AwaitAnswer(awaited);
        match Answer::read(payload, awaited) {
            Ok(Answer::Success) => Ok(true),
            Ok(Answer::Banner { text }) => {
                let frame = Frame::Report(Report { severity: "BANNER", sqlstate: "", message: text });
                let kept = turn.record(self.no, Direction::Downstream, &frame);
                let text = String::from_utf8_lossy(text);
                turn.hand_down(kept, |out| say::banner(out, &text));
                Ok(false)
            }
            Ok(Answer::Failure { .. }) => {
                Err(words::not_let_in("it refused the gateway's key, certificate or password"))
            }
            _ => Err(words::not_let_in("it asked for something that the gateway does not have")),
        }
    }

    /// Nobody waits longer than the grant lives.
    pub(crate) fn look_at_time(&mut self, now: Instant) -> Result<(), Ending> {
        decide(&self.grant, now, &Action::Connect).map(drop).map_err(|denial| words::denied(&denial))
    }

    /// The grant was replaced.
    pub(crate) fn replace_grant(
        &mut self,
        grant: Grant,
        reason: &str,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let frame = Frame::GrantChanged(GrantChanged { grant: &grant.id, reason });
        turn.record(self.no, Direction::Gateway, &frame);
        let old = std::mem::replace(&mut self.grant, grant);
        self.grant.succeed(&old);
        self.meter.set_budgets(self.grant.budgets);
        self.look_at_time(turn.now)
    }

    pub(crate) fn end(&self, ending: &Ending, turn: &mut Turn<'_>) {
        live::end(self.no, ending, Counters::default(), turn);
    }
}

/// One attempt, signed at once: targets count attempts, and all principals come from the gateway's address.
fn prove(proof: &Proof, leg: &Transport, turn: &mut Turn<'_>) -> Result<Awaited, Ending> {
    match proof {
        Proof::Password { user, password } => {
            turn.log_in_up(|out, _| say::password(out, user, password));
            Ok(Awaited::Password)
        }
        Proof::Key { user, key, certificate } => {
            let algorithm = choose(key, leg.signature_algorithms())
                .ok_or_else(|| words::not_let_in("it takes no signature that the gateway's key can make"))?;
            let (name, blob) = match certificate {
                Some(certificate) => (algorithm.certificate_name(), certificate.as_slice()),
                None => (algorithm.name(), key.public_blob()),
            };
            let signed = userauth::signed_data(leg.session_id(), user, userauth::CONNECTION, name, blob);
            let signature = key
                .sign(&signed, algorithm)
                .ok_or_else(|| words::not_let_in("the gateway's key cannot sign"))?;
            turn.log_in_up(|out, _| say::public_key(out, user, name, blob, &signature));
            Ok(Awaited::PublicKey)
        }
    }
}

/// The first algorithm of the key that the target has said to take, if it has said anything.
fn choose(key: &PrivateKey, taken: Option<&[Algorithm]>) -> Option<Algorithm> {
    let mut own = key.algorithms().iter().copied();
    match taken {
        Some(taken) => own.find(|algorithm| taken.contains(algorithm)),
        None => own.next(),
    }
}
