//! The principal's login: a certificate of the agents' authority whose key signs for this connection, or a grant's secret.
//!
//! A key that is only offered proves nothing and asks nobody. What is proved, or typed, goes to the control plane, which
//! says who that is.

use crate::settings::Caches;
use crate::words;
use hoopwire_grant::{Fault, Party};
use hoopwire_session::{Ending, Words};
use hoopwire_ssh_protocol::certificate::Kind;
use hoopwire_ssh_protocol::userauth::{self, Method, Offer, Offered, Request, Responses, number, say};
use hoopwire_wire::{DecodeError, Redacted, Secret};

/// Keys offered in vain: agents hold many, and each is only looked at.
const OFFERS_MAX: u32 = 64;
/// Signatures and secrets in vain.
const FAILURES_MAX: u32 = 6;
/// What may go on after a failure.
const METHODS: &[&str] = &["publickey", "keyboard-interactive", "password"];
const PROMPT: &str = "Grant secret: ";

/// What comes of a packet.
#[derive(Debug)]
pub(crate) enum Step {
    /// It was answered.
    GoOn,
    /// The principal has proved, or typed, this.
    Proved {
        /// The name that it logs in as: names the target.
        user: String,
        /// A certificate in its one-line form, or a secret.
        credential: Secret<String>,
        /// It is a certificate whose key has signed for this connection; else it was typed.
        is_proved: bool,
    },
    /// The control plane is to say what the principal is asked.
    WantsPrompt {
        /// The name that it logs in as.
        user: String,
    },
}

/// ```text
///  Fresh ──service──▶ Served ──interactive──▶ Asked ──a response──▶ proved
///                       │  ▲──── in vain ◀──────┘
///                       ├──a signature or a password──▶ proved
///                       └──interactive, once, where the control plane asks──▶ wants a prompt
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Fresh,
    Served,
    Asked,
}

/// A login in progress.
#[derive(Debug, Default)]
pub(crate) struct Login {
    state: State,
    user: String,
    offers: u32,
    failures: u32,
    /// The control plane was asked for a prompt: once for each connection.
    had_prompt: bool,
}

impl Login {
    /// One packet of the client's; the answer goes to `out`.
    pub(crate) fn hear(
        &mut self,
        payload: &[u8],
        session_id: &[u8],
        caches: &Caches,
        out: &mut Vec<u8>,
    ) -> Result<Step, Ending> {
        match (self.state, payload.first().copied().unwrap_or_default()) {
            (State::Fresh, number::SERVICE_REQUEST) => {
                if userauth::service(payload).map_err(malformed)? != userauth::USERAUTH {
                    return Err(words::misbehaved_client("a service that is not ssh-userauth"));
                }
                self.state = State::Served;
                say::service_accept(out, userauth::USERAUTH);
                Ok(Step::GoOn)
            }
            (State::Served | State::Asked, number::USERAUTH_REQUEST) => {
                self.state = State::Served;
                let request = Request::read(payload).map_err(malformed)?;
                self.request(&request, session_id, caches, out)
            }
            (State::Asked, number::USERAUTH_INFO_RESPONSE) => {
                self.state = State::Served;
                let responses = Responses::read(payload).map_err(malformed)?;
                match (responses.count(), responses.iter().next()) {
                    (1, Some(Redacted(secret))) => self.typed(secret, out),
                    _ => Err(words::misbehaved_client("one prompt, and not one response")),
                }
            }
            _ => Err(words::misbehaved_client("a packet before its time")),
        }
    }

    fn request(
        &mut self,
        request: &Request<'_>,
        session_id: &[u8],
        caches: &Caches,
        out: &mut Vec<u8>,
    ) -> Result<Step, Ending> {
        if request.service != userauth::CONNECTION {
            return Err(words::misbehaved_client("a service that is not ssh-connection"));
        }
        if self.user != request.user && !self.user.is_empty() {
            return Err(words::misbehaved_client("another user name in the same login"));
        }
        request.user.clone_into(&mut self.user);
        match request.method {
            // asks what there is
            Method::None => {
                say::failure(out, METHODS, false);
                Ok(Step::GoOn)
            }
            Method::Password { password: Redacted(password) } => self.typed(password, out),
            Method::KeyboardInteractive { .. } if caches.prompts && !self.had_prompt => {
                self.had_prompt = true;
                Ok(Step::WantsPrompt { user: self.user.clone() })
            }
            Method::KeyboardInteractive { .. } => {
                self.state = State::Asked;
                say::prompts(out, "hoopwire", "", &[(PROMPT, false)]);
                Ok(Step::GoOn)
            }
            Method::PublicKey { algorithm, key, signature: None } => {
                match acceptable(algorithm, key, &caches.authorities) {
                    Some(_) => say::public_key_ok(out, algorithm, key),
                    None => self.offered_in_vain(out)?,
                }
                Ok(Step::GoOn)
            }
            Method::PublicKey { algorithm, key, signature: Some(signature) } => {
                let offer = acceptable(algorithm, key, &caches.authorities);
                let proved = offer.filter(|(offer, _)| offer.verify(session_id, request, signature).is_ok());
                match proved {
                    Some((_, line)) => Ok(self.proved(line, true)),
                    None => self.in_vain(out),
                }
            }
            // nobody has a password to change, and what a host key signs is not looked at
            Method::HostBound { .. } | Method::PasswordChange { .. } | Method::Other { .. } => {
                self.offered_in_vain(out)?;
                Ok(Step::GoOn)
            }
        }
    }

    fn typed(&mut self, secret: &[u8], out: &mut Vec<u8>) -> Result<Step, Ending> {
        match std::str::from_utf8(secret) {
            Ok(secret) if !secret.is_empty() => Ok(self.proved(secret.to_owned(), false)),
            _ => self.in_vain(out),
        }
    }

    fn proved(&self, credential: String, is_proved: bool) -> Step {
        Step::Proved { user: self.user.clone(), credential: Secret::new(credential), is_proved }
    }

    fn offered_in_vain(&mut self, out: &mut Vec<u8>) -> Result<(), Ending> {
        self.offers = self.offers.saturating_add(1);
        say::failure(out, METHODS, false);
        if self.offers > OFFERS_MAX { Err(too_many("keys offered")) } else { Ok(()) }
    }

    fn in_vain(&mut self, out: &mut Vec<u8>) -> Result<Step, Ending> {
        self.failures = self.failures.saturating_add(1);
        say::failure(out, METHODS, false);
        if self.failures >= FAILURES_MAX { Err(too_many("attempts to log in")) } else { Ok(Step::GoOn) }
    }
}

/// A user certificate of one of the agents' authorities, and its one-line form. Its dates, names and options are the control
/// plane's to judge.
fn acceptable(algorithm: &[u8], blob: &[u8], authorities: &[Vec<u8>]) -> Option<(Offer, String)> {
    let offer = Offer::read(algorithm, blob).ok()?;
    let Offered::Certificate(certificate) = &offer.offered else { return None };
    let is_ours = certificate.kind == Kind::User
        && authorities.iter().any(|known| known == certificate.authority_blob())
        && certificate.verify_signature().is_ok();
    let line = certificate.one_line();
    is_ours.then_some((offer, line))
}

fn malformed(error: DecodeError) -> Ending {
    words::misbehaved_client(&format!("a malformed packet: {error}"))
}

fn too_many(what: &str) -> Ending {
    let words = Words::new(format!("too many {what}"))
        .hint("Log in with the certificate or the secret of a grant: POST /v1/grants, or hoopwire ssh-cert, gives one.");
    Ending::faulty(Party::Principal, Fault::NotAuthenticated, format!("too many {what}"), words)
}
