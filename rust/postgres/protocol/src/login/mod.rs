//! The login toward a target, from the startup message to ReadyForQuery (PostgreSQL documentation,
//! "Start-up"). TLS, if any, is up before it begins.
//!
//! Two rules:
//! 1. A message comes in the state that expects it, or the login fails. In particular, AuthenticationOk in the
//!    middle of SCRAM is no way around the server's signature.
//! 2. A proof is given once: the credential leaves this object with the first one.

mod failure;
mod request;
#[cfg(test)]
mod tests;

use hoopwire_wire::{Limits, Random, Reader, Secret, Writer, message, message_untagged};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

pub use self::failure::LoginError;
pub use self::request::{Credential, Established, LoginRequest};
use crate::backend::{ParameterStatus, Tag, TransactionStatus};
use crate::error::{ServerReport, legible};
use crate::frontend;
use crate::message::MessageTag;
use crate::scram::{AwaitServerFinal, AwaitServerFirst, ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS};

/// Caps on what a target may send before it is ready. PostgreSQL sends about 500 bytes and 15 parameters; the
/// room is for many NOTICEs of login triggers and for poolers with parameters of their own.
pub const LIMITS: Limits = Limits { message_bytes: 64 << 10, total_bytes: 256 << 10, items: 256 };

/// A login under way. Named for what it expects next:
///
/// ```text
///                          v NegotiateProtocolVersion
///                          ┌─┐ (once)
///                          │ ▼
///  start ──────────▶ AwaitAuthentication ──R10 SASL──▶ AwaitSaslContinue ──R11──▶ AwaitSaslFinal
///                      │              │                                                │ R12, signature holds
///                      │ R0           │ R3 cleartext, R5 MD5                           │
///                      │ (trust)      ▼                                                │
///                      │        AwaitAuthenticationOk ◀────────────────────────────────┘
///                      │              │ R0
///                      ▼              ▼
///                          AwaitReady ◀─┐
///                              │    └───┘ S ParameterStatus, K BackendKeyData, N NoticeResponse
///                              │ Z ReadyForQuery
///                              ▼
///                            Ended  ◀── any state: E ErrorResponse, or whatever is not drawn here
/// ```
#[derive(Debug)]
enum State {
    AwaitAuthentication,
    AwaitSaslContinue(AwaitServerFirst),
    AwaitSaslFinal(AwaitServerFinal),
    AwaitAuthenticationOk,
    AwaitReady,
    Ended,
}

/// The login as a state machine: bytes in, bytes out.
#[derive(Debug)]
pub struct Login {
    request: LoginRequest,
    state: State,
    received_bytes: usize,
    negotiated: bool,
    established: Established,
}

impl Login {
    /// A login that has not begun.
    pub fn new(request: LoginRequest) -> Self {
        let established = Established {
            parameters: Vec::new(),
            pid: 0,
            cancel_key: Secret::new(Vec::new()),
            minor: request.minor,
            status: None,
            scram_keys: None,
        };
        Self { request, state: State::AwaitAuthentication, received_bytes: 0, negotiated: false, established }
    }

    /// Appends the StartupMessage. It is the first thing on the connection (behind TLS).
    pub fn start(&self, out: &mut Vec<u8>) {
        let request = &self.request;
        message_untagged(out, |w| {
            w.u16(3);
            w.u16(request.minor);
            let mut pair = |name: &str, value: &str| {
                // An empty name would be the end of the list.
                if !name.is_empty() {
                    w.cstr(name);
                    w.cstr(value);
                }
            };
            pair("user", &request.user);
            pair("database", &request.database);
            if let Some(replication) = &request.replication {
                pair("replication", replication);
            }
            for (name, value) in &request.settings {
                pair(name, value);
            }
            w.u8(0);
        });
    }

    /// Takes what the target sent and appends what goes back. Gives how many bytes were taken: whole messages
    /// only, and none behind ReadyForQuery; the caller offers the rest again with what comes next.
    ///
    /// What is appended may hold the password: the caller zeroes `out` when it is sent. A SCRAM step may take
    /// some milliseconds. After an error or `Established` the login is over.
    pub fn handle(
        &mut self,
        input: &[u8],
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<Established>), LoginError> {
        let mut reader = Reader::new(input);
        let mut taken = 0;
        loop {
            // Any error below leaves `Ended` behind.
            let state = std::mem::replace(&mut self.state, State::Ended);
            let Some((tag, body)) = self.next_message(&mut reader)? else {
                self.state = state;
                return Ok((taken, None));
            };
            taken = input.len() - reader.remaining();
            self.state = self.step(state, tag, body, random, out)?;
            if matches!(self.state, State::Ended) {
                return Ok((taken, Some(self.established.clone())));
            }
        }
    }

    /// The next whole message, if there is one. Sizes are judged by the header, before the body is there.
    fn next_message<'a>(&mut self, reader: &mut Reader<'a>) -> Result<Option<(u8, &'a [u8])>, LoginError> {
        let mut ahead = reader.clone();
        let (Ok(tag), Ok(length)) = (ahead.u8(), ahead.i32()) else { return Ok(None) };
        let body_bytes = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_sub(4))
            .ok_or(LoginError::PeerMisbehaved("a message with a length below 4"))?;
        let message_bytes = body_bytes.saturating_add(5);
        if message_bytes > LIMITS.message_bytes {
            return Err(LoginError::Limit("a message over 64 KiB before it was ready"));
        }
        if message_bytes > LIMITS.total_bytes - self.received_bytes {
            return Err(LoginError::Limit("over 256 KiB before it was ready"));
        }
        let Ok(body) = ahead.bytes(body_bytes) else { return Ok(None) };
        self.received_bytes += message_bytes;
        *reader = ahead;
        Ok(Some((tag, body)))
    }

    fn step(
        &mut self,
        state: State,
        tag: u8,
        body: &[u8],
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<State, LoginError> {
        let mut reader = Reader::new(body);
        match (state, Tag::of(tag)) {
            (State::Ended, _) => Err(LoginError::PeerMisbehaved("a message after the login was over")),
            (_, Some(Tag::ErrorResponse)) => Err(LoginError::Server(ServerReport::parse(body))),
            (State::AwaitAuthentication, Some(Tag::NegotiateProtocolVersion)) => {
                self.negotiate(&mut reader)?;
                Ok(State::AwaitAuthentication)
            }
            (State::AwaitReady, Some(Tag::ParameterStatus)) => {
                let ParameterStatus { name, value } = ParameterStatus::take(&mut reader)?;
                self.keep_parameter(name, value)?;
                reader.finish()?;
                Ok(State::AwaitReady)
            }
            (State::AwaitReady, Some(Tag::BackendKeyData)) => {
                self.established.pid = reader.u32()?;
                let key = reader.rest();
                if !(4..=256).contains(&key.len()) {
                    return Err(LoginError::PeerMisbehaved("a cancel key outside 4 to 256 bytes"));
                }
                self.established.cancel_key = Secret::new(key.to_vec());
                Ok(State::AwaitReady)
            }
            // Notices to the gateway's own account; the principal is not their reader.
            (State::AwaitReady, Some(Tag::NoticeResponse)) => Ok(State::AwaitReady),
            (State::AwaitReady, Some(Tag::ReadyForQuery)) => {
                reader.u8()?;
                reader.finish()?;
                self.established.status = TransactionStatus::read(body);
                Ok(State::Ended)
            }
            (state, Some(Tag::Authentication)) => {
                let code = reader.u32()?;
                self.authenticate(state, code, reader, random, out)
            }
            _ => Err(LoginError::PeerMisbehaved("a message that may not come in this state")),
        }
    }

    /// Authentication messages: `code` is the first field, `reader` stands behind it.
    fn authenticate(
        &mut self,
        state: State,
        code: u32,
        mut reader: Reader<'_>,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<State, LoginError> {
        match (state, code) {
            (State::AwaitAuthentication | State::AwaitAuthenticationOk, 0) => {
                reader.finish()?;
                self.request.credential = Credential::None;
                Ok(State::AwaitReady)
            }
            (State::AwaitAuthentication, 3) => {
                reader.finish()?;
                if !self.request.tls {
                    return Err(LoginError::Configured(
                        "the target asks for the password in clear outside TLS: turn TLS on for it",
                    ));
                }
                if !self.request.allow_cleartext {
                    return Err(LoginError::Configured(
                        "the target asks for the password in clear, which is not allowed",
                    ));
                }
                let password = self.password()?;
                message(out, frontend::Tag::Password.byte(), |w| w.cstr(password.expose()));
                Ok(State::AwaitAuthenticationOk)
            }
            (State::AwaitAuthentication, 5) => {
                let salt = reader.array::<4>()?;
                reader.finish()?;
                let answer = md5_answer(self.password()?.expose(), &self.request.user, salt);
                message(out, frontend::Tag::Password.byte(), |w| w.cstr(answer.as_bytes()));
                Ok(State::AwaitAuthenticationOk)
            }
            (State::AwaitAuthentication, 10) => {
                let (mechanism, binding) = self.choose(&mut reader)?;
                let client = AwaitServerFirst::new(
                    self.password()?,
                    binding,
                    self.request.scram_keys.take(),
                    self.request.max_scram_iterations,
                    random,
                );
                let first = client.client_first();
                message(out, frontend::Tag::Password.byte(), |w| sasl_initial_response(w, mechanism, &first));
                Ok(State::AwaitSaslContinue(client))
            }
            (State::AwaitSaslContinue(client), 11) => {
                let (client_final, next) = client.handle(reader.rest())?;
                message(out, frontend::Tag::Password.byte(), |w| w.bytes(&client_final));
                Ok(State::AwaitSaslFinal(next))
            }
            (State::AwaitSaslFinal(server), 12) => {
                self.established.scram_keys = Some(server.handle(reader.rest())?);
                Ok(State::AwaitAuthenticationOk)
            }
            (State::AwaitSaslContinue(_) | State::AwaitSaslFinal(_), 0) => {
                Err(LoginError::PeerMisbehaved("AuthenticationOk without the server's SCRAM signature"))
            }
            (State::AwaitAuthentication, other) => Err(LoginError::PeerUnsupported(method_name(other))),
            _ => Err(LoginError::PeerMisbehaved("an authentication request that may not come in this state")),
        }
    }

    /// Takes the password out: it answers one request only.
    fn password(&mut self) -> Result<Secret<String>, LoginError> {
        match std::mem::replace(&mut self.request.credential, Credential::None) {
            Credential::Password(password) => Ok(password),
            Credential::None => {
                Err(LoginError::Configured("the target asks for a password and none is configured for it"))
            }
        }
    }

    /// Picks the mechanism from the list of AuthenticationSASL: -PLUS wherever both sides can.
    fn choose(&self, reader: &mut Reader<'_>) -> Result<(&'static str, ChannelBinding), LoginError> {
        let (mut plain, mut plus) = (false, false);
        let mut offered = String::new();
        loop {
            let name = reader.cstr()?;
            if name.is_empty() {
                break;
            }
            plain |= name == SCRAM_SHA_256.as_bytes();
            plus |= name == SCRAM_SHA_256_PLUS.as_bytes();
            if offered.len() < 256 {
                offered = format!("{offered} {}", legible(name));
            }
        }
        if plus && !self.request.tls {
            return Err(LoginError::PeerMisbehaved("channel binding is offered without TLS"));
        }
        match &self.request.server_end_point {
            Some(hash) if plus => Ok((SCRAM_SHA_256_PLUS, ChannelBinding::EndPoint(hash.clone()))),
            Some(_) if plain && self.request.tls => Ok((SCRAM_SHA_256, ChannelBinding::NotOffered)),
            _ if plain => Ok((SCRAM_SHA_256, ChannelBinding::Unused)),
            _ => Err(LoginError::PeerUnsupported(format!("one of the SASL mechanisms{offered}"))),
        }
    }

    /// NegotiateProtocolVersion: an older minor version, and the protocol options that the server does not know.
    /// We send no options, so there can be none; and it must say something new, as in libpq.
    fn negotiate(&mut self, reader: &mut Reader<'_>) -> Result<(), LoginError> {
        let (major, minor, options) = (reader.u16()?, reader.u16()?, reader.i32()?);
        if self.negotiated || major != 3 || minor >= self.request.minor || options != 0 || !reader.is_empty()
        {
            return Err(LoginError::PeerMisbehaved("a protocol version negotiated wrongly"));
        }
        self.negotiated = true;
        // 3.1 was never released and differs from 3.0 in nothing.
        self.established.minor = 0;
        Ok(())
    }

    fn keep_parameter(&mut self, name: &[u8], value: &[u8]) -> Result<(), LoginError> {
        let parameters = &mut self.established.parameters;
        if let Some((_, kept)) = parameters.iter_mut().find(|(kept, _)| kept == name) {
            *kept = value.to_vec();
        } else if parameters.len() < LIMITS.items {
            parameters.push((name.to_vec(), value.to_vec()));
        } else {
            return Err(LoginError::Limit("over 256 parameters"));
        }
        Ok(())
    }
}

fn sasl_initial_response(w: &mut Writer<'_>, mechanism: &str, first: &[u8]) {
    w.cstr(mechanism);
    w.i32(i32::try_from(first.len()).unwrap_or(i32::MAX));
    w.bytes(first);
}

/// `"md5" + md5(md5(password + user) + salt)`, all in hex.
fn md5_answer(password: &str, user: &str, salt: [u8; 4]) -> Zeroizing<String> {
    let inner = Zeroizing::new(hex(&Md5::new().chain_update(password).chain_update(user).finalize()));
    let outer = Md5::new().chain_update(inner.as_bytes()).chain_update(salt).finalize();
    Zeroizing::new(format!("md5{}", hex(&outer)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn method_name(code: u32) -> String {
    match code {
        2 => "Kerberos V5".into(),
        4 => "crypt passwords".into(),
        6 => "SCM credentials".into(),
        7 | 8 => "GSSAPI".into(),
        9 => "SSPI".into(),
        11 | 12 => "a SASL step before SASL began".into(),
        _ => format!("authentication method {code}"),
    }
}
