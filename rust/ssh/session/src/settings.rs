//! What all ssh sessions need: the gateway's host keys, and who signs the agents' certificates.

use hoopwire_ssh_protocol::HostKeys;
use hoopwire_ssh_protocol::keys::PrivateKey;
use serde::Deserialize;
use serde_bytes::ByteBuf;
use std::sync::Arc;

/// Field names as in `hoopwire.model.commands.EngineSsh`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The gateway's own keys.
    host_keys: Vec<HostKey>,
    /// Public keys (RFC 4253, 6.6) that sign the agents' certificates.
    agents_authorities: Vec<ByteBuf>,
    /// The control plane says what is asked at the keyboard-interactive prompt. Else it is a grant's secret.
    prompts: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostKey {
    /// PKCS#8, DER.
    key: ByteBuf,
    /// The host certificate over it, or empty.
    certificate: ByteBuf,
}

/// The same, read: shared by all sessions.
#[derive(Clone, Debug)]
pub struct Caches {
    pub(crate) host_keys: Arc<HostKeys>,
    pub(crate) authorities: Arc<[Vec<u8>]>,
    pub(crate) prompts: bool,
}

impl Caches {
    /// # Errors
    /// If a key can't be used.
    pub fn new(settings: Settings) -> Result<Caches, String> {
        let Settings { host_keys, agents_authorities, prompts } = settings;
        let read = |HostKey { key, certificate }: HostKey| {
            let certificate = Some(certificate.into_vec()).filter(|blob| !blob.is_empty());
            let key = PrivateKey::from_pkcs8(&key).map_err(|error| format!("ssh host key: {error}"))?;
            Ok::<_, String>((key, certificate))
        };
        let keys = host_keys.into_iter().map(read).collect::<Result<_, _>>()?;
        let authorities = agents_authorities.into_iter().map(ByteBuf::into_vec).collect();
        Ok(Caches { host_keys: Arc::new(HostKeys::new(keys)), authorities, prompts })
    }
}
