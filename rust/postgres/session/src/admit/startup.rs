//! From the first byte to the password: what the principal asks for, and with what it proves that it may.

use super::{AwaitGrant, AwaitPassword};
use crate::caches::Turn;
use crate::ending::Ending;
use crate::session::{Phase, Session, mark};
use hoopwire_grant::Party;
use hoopwire_postgres_policy::{StartupFault, StartupRefusal, check_startup};
use hoopwire_postgres_protocol::backend::{self};
use hoopwire_postgres_protocol::error::{ErrorReport, Sqlstate};
use hoopwire_postgres_protocol::frontend;
use hoopwire_postgres_protocol::message::MessageTag;
use hoopwire_postgres_protocol::params::{Replication, session_params};
use hoopwire_postgres_protocol::startup::{
    ENCRYPTION_ACCEPTED, ENCRYPTION_REFUSED, FirstPacket, Startup, first_packet, negotiate,
};
use hoopwire_session::{Ask, Effect, Signal, after};
use hoopwire_wire::Secret;
use zeroize::Zeroize;

/// Largest PasswordMessage: a token of 8 KiB and its NUL.
const PASSWORD_MAX_BYTES: usize = 8 * 1024 + 1;

impl Session {
    pub(super) fn startup(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
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

    pub(super) fn password(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
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
            is_proved: false,
            wants_prompt: false,
        };
        turn.effects.push(Effect::AskGrant(Box::new(ask)));
        if let Phase::AwaitPassword(wait) = std::mem::replace(&mut self.phase, Phase::Closed) {
            self.phase =
                Phase::AwaitGrant(Box::new(AwaitGrant { params: wait.params, minor: wait.minor, early }));
        }
        self.deadline = after(turn.now, self.limits.admission);
        Ok(())
    }
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
