//! Who a server is: the keys that we show to clients, and those that we take from targets.

use std::fmt;

use crate::broken::Broken;
use crate::certificate::Certificate;
use crate::keys::{Algorithm, PrivateKey, PublicKey, fingerprint};

/// The gateway's host keys, each with the certificate of the hosts' CA for it if there is one.
#[derive(Debug, Default)]
pub struct HostKeys {
    keys: Vec<(PrivateKey, Option<Vec<u8>>)>,
}

impl HostKeys {
    /// Each key with the blob of its certificate. The first are preferred where the client has no preference.
    pub fn new(keys: Vec<(PrivateKey, Option<Vec<u8>>)>) -> Self {
        Self { keys }
    }

    /// Names for KEXINIT: by certificate first.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let certified = self.keys.iter().filter(|(_, certificate)| certificate.is_some());
        let certified =
            certified.flat_map(|(key, _)| key.algorithms().iter().map(|each| each.certificate_name()));
        let plain = self.keys.iter().flat_map(|(key, _)| key.algorithms().iter().map(|each| each.name()));
        certified.chain(plain).collect()
    }

    /// The blob and the key for an algorithm that was agreed on, and how that key signs.
    pub(crate) fn named(&self, name: &str) -> Option<(&[u8], &PrivateKey, Algorithm)> {
        self.keys.iter().find_map(|(key, certificate)| {
            key.algorithms().iter().find_map(|&algorithm| {
                if algorithm.name() == name {
                    Some((key.public_blob(), key, algorithm))
                } else if algorithm.certificate_name() == name {
                    certificate.as_deref().map(|blob| (blob, key, algorithm))
                } else {
                    None
                }
            })
        })
    }
}

/// Which host keys a target may show. With none, no target is trusted.
#[derive(Clone, Default)]
pub struct HostTrust {
    /// Blobs of keys that are pinned.
    pub keys: Vec<Vec<u8>>,
    /// Blobs of keys that sign host certificates.
    pub authorities: Vec<Vec<u8>>,
    /// The name that a certificate must be for.
    pub name: String,
    /// When a certificate must be valid: seconds since 1970.
    pub unix_s: u64,
    /// The name of the cipher to offer first: re-sealing costs least where both legs have the same.
    pub prefer_cipher: Option<&'static str>,
}

impl HostTrust {
    /// Names for KEXINIT: what would be trusted, and nothing else. By certificate first.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let pinned: Vec<_> = self
            .keys
            .iter()
            .filter_map(|blob| PublicKey::read(blob).ok())
            .map(|key| key.key_type())
            .collect();
        let of_pinned = |algorithm: &&Algorithm| pinned.contains(&algorithm.key_type());
        let certified = Algorithm::ALL.iter().filter(|_| !self.authorities.is_empty());
        let certified = certified.map(|algorithm| algorithm.certificate_name());
        certified.chain(Algorithm::ALL.iter().filter(of_pinned).map(|algorithm| algorithm.name())).collect()
    }

    /// Whether `signature` over the exchange hash `hash` is by a key that is trusted, and by the algorithm that
    /// was agreed on, which is `name` in KEXINIT.
    pub(crate) fn verify(
        &self,
        name: &str,
        blob: &[u8],
        hash: &[u8],
        signature: &[u8],
    ) -> Result<(), Broken> {
        let (key, algorithm) = match Algorithm::named(name.as_bytes()) {
            Some(algorithm) => (self.pinned(blob)?, algorithm),
            None => (
                self.certified(blob)?,
                Algorithm::of_certificate(name.as_bytes())
                    .ok_or_else(|| Broken::exchange("the host key's algorithm is not known"))?,
            ),
        };
        key.verify(signature, hash, &[algorithm])
            .map_err(|error| Broken::host_key(format!("the target does not prove its host key: {error}")))
    }

    fn pinned(&self, blob: &[u8]) -> Result<PublicKey, Broken> {
        if !self.keys.iter().any(|pinned| pinned == blob) {
            let shown = fingerprint(blob);
            return Err(Broken::host_key(format!(
                "the target's host key is {shown}, which is not the pinned one"
            )));
        }
        PublicKey::read(blob)
            .map_err(|error| Broken::host_key(format!("the target's host key cannot be used: {error}")))
    }

    fn certified(&self, blob: &[u8]) -> Result<PublicKey, Broken> {
        let certificate = Certificate::read(blob)
            .map_err(|error| Broken::host_key(format!("the target's host key cannot be used: {error}")))?;
        certificate
            .check_host(&self.name, self.unix_s, &self.authorities)
            .map_err(|error| Broken::host_key(format!("the target's host certificate: {error}")))?;
        Ok(certificate.key)
    }
}

impl fmt::Debug for HostTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostTrust")
            .field("keys", &self.keys.len())
            .field("authorities", &self.authorities.len())
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
