use std::fmt;

use super::{Request, number};
use crate::certificate::{BadCertificate, Certificate};
use crate::fields;
use crate::keys::{Algorithm, BadSignature, PublicKey, UnusableKey};

/// A key that a client says it has, plain or in a certificate. Nothing is proven until [`Offer::verify`] has said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// How it signs.
    pub algorithm: Algorithm,
    /// The key.
    pub offered: Offered,
}

/// What was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// A plain key.
    Key(PublicKey),
    /// A certificate, which nobody has judged yet.
    Certificate(Box<Certificate>),
}

/// Why an offer is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnusableOffer {
    /// The algorithm is not known here. RSA with SHA-1 isn't.
    Algorithm,
    /// The blob is of another type than the algorithm's name says.
    Mismatch,
    /// The blob is no key that is used here.
    Key(UnusableKey),
    /// The blob is no certificate that is read here.
    Certificate(BadCertificate),
}

impl fmt::Display for UnusableOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnusableOffer::Algorithm => f.write_str("a signature algorithm that is not used here"),
            UnusableOffer::Mismatch => f.write_str("a key of another type than its algorithm's name says"),
            UnusableOffer::Key(error) => error.fmt(f),
            UnusableOffer::Certificate(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for UnusableOffer {}

impl Offer {
    /// Reads what a `publickey` request offers: the algorithm's name, and the blob, which must fit it.
    ///
    /// # Errors
    /// One of the two is not used here, or they don't fit.
    pub fn read(algorithm: &[u8], blob: &[u8]) -> Result<Offer, UnusableOffer> {
        let offer = if let Some(algorithm) = Algorithm::named(algorithm) {
            let key = PublicKey::read(blob).map_err(UnusableOffer::Key)?;
            Offer { algorithm, offered: Offered::Key(key) }
        } else if let Some(algorithm) = Algorithm::of_certificate(algorithm) {
            let certificate = Certificate::read(blob).map_err(UnusableOffer::Certificate)?;
            Offer { algorithm, offered: Offered::Certificate(Box::new(certificate)) }
        } else {
            return Err(UnusableOffer::Algorithm);
        };
        if offer.key().key_type() == offer.algorithm.key_type() {
            Ok(offer)
        } else {
            Err(UnusableOffer::Mismatch)
        }
    }

    /// The key whose possession a signature shows.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        match &self.offered {
            Offered::Key(key) => key,
            Offered::Certificate(certificate) => &certificate.key,
        }
    }

    /// The blob as it was offered.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        match &self.offered {
            Offered::Key(key) => key.blob(),
            Offered::Certificate(certificate) => certificate.blob(),
        }
    }

    /// The algorithm's name as it was offered.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.offered {
            Offered::Key(_) => self.algorithm.name(),
            Offered::Certificate(_) => self.algorithm.certificate_name(),
        }
    }

    /// Whether the client has the key: it signed this session's id and its own request, by the algorithm that it offered.
    ///
    /// # Errors
    /// The signature is malformed, by another algorithm, or false.
    pub fn verify(
        &self,
        session_id: &[u8],
        request: &Request<'_>,
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let signed = signed_data(session_id, request.user, request.service, self.name(), self.blob());
        self.key().verify(signature, &signed, &[self.algorithm])
    }
}

/// What a client signs for the method `publickey`: RFC 4252 section 7. The session id binds it to one connection.
#[must_use]
pub fn signed_data(session_id: &[u8], user: &str, service: &str, algorithm: &str, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(session_id.len() + user.len() + key.len() + 128);
    fields::put_string(&mut out, session_id);
    put_signed_request(&mut out, user, service, algorithm, key);
    out
}

/// A `publickey` request up to its signature.
pub(super) fn put_signed_request(out: &mut Vec<u8>, user: &str, service: &str, algorithm: &str, key: &[u8]) {
    out.push(number::USERAUTH_REQUEST);
    for field in [user, service, "publickey"] {
        fields::put_string(out, field.as_bytes());
    }
    out.push(1);
    fields::put_string(out, algorithm.as_bytes());
    fields::put_string(out, key);
}
