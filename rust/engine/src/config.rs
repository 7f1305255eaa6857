//! What an engine is made from.

use hoopwire_gateway::{Protocol, Settings};
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// The engine's settings; field names as in `hoopwire.model.commands.EngineConfig`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Where to listen, for what.
    #[serde(deserialize_with = "listeners")]
    pub listen: Vec<ListenConfig>,
    /// What the protocols need for all their sessions.
    pub protocols: Settings,
    /// Data threads; 0 means one per core.
    pub reactors: usize,
    /// The gateway's certificate chain.
    pub tls_certificate_pem: String,
    /// Its private key.
    pub tls_key_pem: String,
    /// Caps and deadlines.
    pub limits: LimitConfig,
    /// The recording.
    pub recording: RecordingConfig,
}

/// A place to listen at.
pub struct ListenConfig {
    /// `HOST:PORT`.
    pub address: String,
    /// What is spoken there.
    pub protocol: Protocol,
}

/// Field names as in `hoopwire.model.commands.EngineListener`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listener {
    address: String,
    protocol: String,
}

fn listeners<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ListenConfig>, D::Error> {
    let listeners = Vec::<Listener>::deserialize(deserializer)?;
    let known =
        listeners.into_iter().map(|Listener { address, protocol }| match Protocol::from_word(&protocol) {
            Some(protocol) => Ok(ListenConfig { address, protocol }),
            None => Err(serde::de::Error::custom(format!("no such protocol: {protocol}"))),
        });
    known.collect()
}

/// Caps and deadlines.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitConfig {
    /// Open connections.
    pub connections: usize,
    /// Open connections of one source address.
    pub connections_per_address: usize,
    /// Connections of one source address that are not admitted yet.
    pub unadmitted_per_address: usize,
    /// Deadline of the TLS handshake.
    pub tls_handshake_s: f64,
    /// Deadline up to the startup packet and again up to the password.
    pub startup_s: f64,
    /// Deadline of the control plane's answer.
    pub admission_s: f64,
    /// Deadline of the login to the target.
    pub upstream_login_s: f64,
    /// Largest Query or Parse body.
    pub statement_bytes: usize,
}

/// Where and how to record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingConfig {
    /// Directory of the streams.
    pub directory: String,
    /// Name of this gateway.
    pub node: String,
    /// Ed25519 private key, PKCS#8 PEM.
    pub signing_key_pem: String,
    /// fdatasync before release.
    pub synced: bool,
    /// Size of a segment.
    pub segment_bytes: u64,
    /// A segment that was written to is sealed after this long.
    pub seal_after_s: f64,
    /// A checkpoint goes out this often.
    pub checkpoint_every_s: f64,
    /// Free room below which no session is admitted.
    pub floor_bytes: u64,
}

/// Seconds as the control plane writes them; nonsense becomes zero, which fails closed as a deadline.
pub(crate) fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}
