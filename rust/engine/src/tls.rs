//! TLS on both legs: rustls with aws-lc-rs. What the configurations are made from, and the channel binding.

use aws_lc_rs::digest;
use hoopwire_gateway::Protocol;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use std::collections::HashMap;
use std::sync::Arc;
use x509_cert::der::Decode;

/// Most client configurations kept; one is a few KiB, and there is one for each target.
const CONFIGS_MAX: usize = 1024;

/// Why a certificate, key or name cannot be used; says nothing of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsError(pub(crate) String);

fn failed(what: &str, why: impl std::fmt::Display) -> TlsError {
    TlsError(format!("{what}: {why}"))
}

fn chain(pem: &str, what: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| failed(what, error))?;
    if chain.is_empty() { Err(failed(what, "no certificate in the file")) } else { Ok(chain) }
}

fn key(pem: &str, what: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| failed(what, "no usable private key in the file"))
}

/// Toward principals: a configuration for each protocol, for its names in TLS are its own.
#[derive(Clone)]
pub(crate) struct ServerConfigs(Arc<[(Protocol, Arc<ServerConfig>)]>);

impl ServerConfigs {
    pub(crate) fn new(certificate_pem: &str, key_pem: &str) -> Result<ServerConfigs, TlsError> {
        let made = Protocol::ALL.iter().map(|protocol| {
            let config = server_config(certificate_pem, key_pem, protocol.alpn())?;
            Ok((*protocol, Arc::new(config)))
        });
        made.collect::<Result<_, _>>().map(ServerConfigs)
    }

    /// TLS with a principal that speaks `protocol` in it.
    pub(crate) fn connection(&self, protocol: Protocol) -> Result<rustls::Connection, TlsError> {
        let made = self.0.iter().find(|(known, _)| *known == protocol);
        let (_, config) = made.ok_or_else(|| failed("TLS", "not for this protocol"))?;
        ServerConnection::new(Arc::clone(config)).map(Into::into).map_err(|error| failed("TLS", error))
    }
}

/// TLS 1.2 and 1.3, no client certificates.
fn server_config(certificate_pem: &str, key_pem: &str, alpn: &[&[u8]]) -> Result<ServerConfig, TlsError> {
    let mut config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed("TLS", error))?
            .with_no_client_auth()
            .with_single_cert(
                chain(certificate_pem, "listen.tls.certificate")?,
                key(key_pem, "listen.tls.key")?,
            )
            .map_err(|error| failed("listen.tls", error))?;
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// Client configurations by what they are made from, so that a connection does not parse PEM.
#[derive(Default)]
pub(crate) struct ClientConfigs {
    made: HashMap<[u8; 32], Arc<ClientConfig>>,
}

impl ClientConfigs {
    /// verify-full against the given CA; with a client certificate if there is one.
    pub(crate) fn client(
        &mut self,
        ca_pem: &str,
        certificate_pem: &str,
        key_pem: &str,
        name: &str,
        alpn: &[&[u8]],
    ) -> Result<rustls::Connection, TlsError> {
        let mut hasher = blake3::Hasher::new();
        let made_from = [ca_pem, certificate_pem, key_pem].map(str::as_bytes);
        for part in made_from.iter().chain(alpn) {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        let id = *hasher.finalize().as_bytes();
        let config = match self.made.get(&id) {
            Some(config) => Arc::clone(config),
            None => {
                let config = client_config(ca_pem, certificate_pem, key_pem, alpn)?;
                if self.made.len() >= CONFIGS_MAX {
                    self.made.clear();
                }
                self.made.insert(id, Arc::clone(&config));
                config
            }
        };
        let name = ServerName::try_from(name.to_owned()).map_err(|error| failed("server name", error))?;
        ClientConnection::new(config, name).map(Into::into).map_err(|error| failed("TLS", error))
    }
}

fn client_config(
    ca_pem: &str,
    certificate_pem: &str,
    key_pem: &str,
    alpn: &[&[u8]],
) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(ca_pem, "target ca")? {
        roots.add(certificate).map_err(|error| failed("target ca", error))?;
    }
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed("TLS", error))?
            .with_root_certificates(roots);
    let mut config = if certificate_pem.is_empty() {
        builder.with_no_client_auth()
    } else {
        builder
            .with_client_auth_cert(
                chain(certificate_pem, "target client certificate")?,
                key(key_pem, "target client key")?,
            )
            .map_err(|error| failed("target client certificate", error))?
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// `tls-server-end-point` (RFC 5929, section 4.1): the certificate hashed by the hash of its own signature
/// algorithm, SHA-256 where that is MD5 or SHA-1. `None` where the standard names no hash (Ed25519), and then
/// the gateway does not offer channel binding, as libpq does not.
pub(crate) fn server_end_point(connection: &rustls::Connection) -> Option<Vec<u8>> {
    let der = connection.peer_certificates()?.first()?;
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    let algorithm = match certificate.signature_algorithm.oid.to_string().as_str() {
        // md5, sha1, sha256 with RSA; ECDSA with SHA-1, SHA-256
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => &digest::SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &digest::SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, der).as_ref().to_vec())
}
