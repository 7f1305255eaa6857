use hoopwire_wire::Secret;

use crate::backend::TransactionStatus;
use crate::scram::ScramKeys;

/// What proves the gateway's right at the target.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nothing: trust, peer, or the client certificate of the TLS connection.
    None,
    /// A password, for whichever method the target asks.
    Password(Secret<String>),
}

/// All that a login needs.
#[derive(Clone, Debug)]
pub struct LoginRequest {
    /// The account at the target.
    pub user: String,
    /// The database there.
    pub database: String,
    /// Other startup parameters, names as PostgreSQL spells them.
    pub settings: Vec<(String, String)>,
    /// The value of the `replication` parameter, if it is to be sent.
    pub replication: Option<String>,
    /// Protocol minor version to ask for, 0 or 2.
    pub minor: u16,
    /// The proof.
    pub credential: Credential,
    /// Keys of an earlier login with this very credential.
    pub scram_keys: Option<ScramKeys>,
    /// The `tls-server-end-point` hash of the target's certificate, if on TLS and defined for it.
    pub server_end_point: Option<Vec<u8>>,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// Whether the password may be sent as it is. Only ever done inside TLS.
    pub allow_cleartext: bool,
    /// Cap on SCRAM iterations; [`MAX_ITERATIONS`](crate::scram::MAX_ITERATIONS) unless argued otherwise.
    pub max_scram_iterations: u32,
}

/// A session at the target, ready for its first query.
#[derive(Clone, Debug)]
pub struct Established {
    /// ParameterStatus, last value of each name, in the order of their first coming.
    pub parameters: Vec<(Vec<u8>, Vec<u8>)>,
    /// Process id of BackendKeyData; 0 if the target sent none.
    pub pid: u32,
    /// Cancel key of BackendKeyData; empty if the target sent none.
    pub cancel_key: Secret<Vec<u8>>,
    /// Protocol minor version in force.
    pub minor: u16,
    /// Transaction status of ReadyForQuery, idle in practice; `None` if it was none.
    pub status: Option<TransactionStatus>,
    /// What SCRAM derived, verified by the server's signature; for the next login.
    pub scram_keys: Option<ScramKeys>,
}
