//! What the control plane and other reactors tell a reactor.

use crate::tls::ServerConfigs;
use hoopwire_gateway::{Grant, Protocol};
use hoopwire_grant::{Fault, Party};
use hoopwire_session::Prompt;
use hoopwire_wire::Secret;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Instant;

/// An upstream credential, lent to one session; field names as in `hoopwire.model.commands.Lease`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Resolved addresses, tried in order.
    #[serde(deserialize_with = "addresses")]
    pub addresses: Vec<(IpAddr, u16)>,
    /// TLS toward the target, verify-full.
    pub tls: bool,
    /// Name that the target's certificate must carry.
    pub server_name: String,
    /// CA bundle.
    pub ca_pem: String,
    /// Client certificate chain, or empty.
    pub client_certificate_pem: String,
    /// Its key, or empty.
    pub client_key_pem: String,
    /// Upstream user.
    pub user: String,
    /// Upstream database.
    pub database: String,
    /// Password, or empty.
    #[serde(deserialize_with = "secret")]
    pub password: Secret<String>,
    /// What else the protocol's login needs, in an encoding of its own, or empty.
    #[serde(deserialize_with = "secret_bytes")]
    pub login: Secret<Vec<u8>>,
}

/// Addresses as text: serde's own form of an `IpAddr` depends on the encoding.
fn addresses<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<(IpAddr, u16)>, D::Error> {
    let texts = Vec::<(String, u16)>::deserialize(deserializer)?;
    let parsed = texts.into_iter().map(|(text, port)| text.parse().map(|address| (address, port)));
    parsed.collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

fn secret_bytes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret<Vec<u8>>, D::Error> {
    serde_bytes::ByteBuf::deserialize(deserializer).map(|bytes| Secret::new(bytes.into_vec()))
}

fn fault<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Fault, D::Error> {
    let word = String::deserialize(deserializer)?;
    Fault::from_word(&word).ok_or_else(|| serde::de::Error::custom(format!("no such fault: {word}")))
}

fn party<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Party, D::Error> {
    let word = String::deserialize(deserializer)?;
    Party::from_word(&word).ok_or_else(|| serde::de::Error::custom(format!("no such party: {word}")))
}

/// The words of a refusal or an end; field names as in `hoopwire.model.commands.Refusal`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndWords {
    /// What kind of fault it is.
    #[serde(deserialize_with = "fault")]
    pub fault: Fault,
    /// For the principal.
    pub message: String,
    /// For the principal, or empty.
    pub detail: String,
    /// For the principal, or empty.
    pub hint: String,
    /// `gateway`, `operator`.
    #[serde(deserialize_with = "party")]
    pub closed_by: Party,
    /// For the recording and the audit event.
    pub reason: String,
}

/// What a principal is asked; field names as in `hoopwire.model.commands.Prompt`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptWords {
    /// What to do, for a person.
    pub instruction: String,
    /// The question itself.
    pub question: String,
    /// Seconds for the answer, and for what follows of it.
    pub wait_s: f64,
}

pub(crate) enum Command {
    /// A connection accepted by the first reactor, at a listener of this protocol.
    Serve { socket: TcpStream, peer: SocketAddr, protocol: Protocol },
    /// Answers to AskGrant.
    Admit { serial: u32, grant: Box<Grant>, lease: Box<Lease> },
    /// Ask the principal.
    Prompt { serial: u32, prompt: Box<Prompt> },
    /// Refuse or end.
    End { serial: u32, words: Box<EndWords> },
    /// Replace the grant.
    Regrant { serial: u32, grant: Box<Grant> },
    /// Another connection has proved its power over this session, and signals it.
    Signal { serial: u32, from: SocketAddr },
    /// New connections use this certificate.
    Tls { configs: ServerConfigs },
    /// No new connections; idle sessions end, the others by the deadline.
    Drain { deadline: Instant },
    /// End everything and leave.
    Stop,
}
