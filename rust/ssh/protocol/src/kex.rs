//! How both sides come to a secret and prove who the server is: RFC 8731 (curve25519-sha256) and
//! draft-ietf-sshm-mlkem-hybrid-kex (mlkem768x25519-sha256). Both hash with SHA-256.
//!
//! Private keys and ML-KEM's randomness come from aws-lc itself: they are part of the primitives.

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use hoopwire_wire::Secret;
use zeroize::Zeroizing;

use crate::broken::Broken;
use crate::cipher::{KeyLengths, KeyMaterial};
use crate::fields;
use crate::kexinit::Role;

const POINT: usize = 32;
const KEM_KEY: usize = 1184;
const KEM_CIPHERTEXT: usize = 1088;
/// Bytes of an exchange hash.
pub(crate) const HASH: usize = 32;

/// A key exchange by the name that KEXINIT has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// mlkem768x25519-sha256
    MlKem768X25519,
    /// curve25519-sha256
    Curve25519,
    /// curve25519-sha256@libssh.org: the same, by the name it had first
    Curve25519LibSsh,
}

impl Method {
    /// All of them, the one we like best first.
    pub(crate) const ALL: [Self; 3] = [Self::MlKem768X25519, Self::Curve25519, Self::Curve25519LibSsh];

    /// Its name in KEXINIT.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MlKem768X25519 => "mlkem768x25519-sha256",
            Self::Curve25519 => "curve25519-sha256",
            Self::Curve25519LibSsh => "curve25519-sha256@libssh.org",
        }
    }

    /// The method of a name in KEXINIT.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    fn is_hybrid(self) -> bool {
        self == Self::MlKem768X25519
    }
}

/// What both sides know, as it goes into hashes: an mpint for curve25519-sha256, a string for the hybrid.
#[derive(Debug)]
pub(crate) struct Shared(Secret<Vec<u8>>);

fn failed() -> Broken {
    Broken::exchange("the key exchange failed: the peer's half is no valid key")
}

impl Shared {
    /// `kem` is ML-KEM's secret, for the hybrid only. A point of small order, whose secret would be zero
    /// whatever our key is, is refused by aws-lc (RFC 8731 section 3).
    fn new(private: &PrivateKey, point: &[u8], kem: Option<&[u8]>) -> Result<Self, Broken> {
        let point = UnparsedPublicKey::new(&X25519, point);
        agree(private, point, failed(), |secret| {
            let mut encoded = Vec::with_capacity(4 + 1 + POINT);
            match kem {
                None => fields::put_mpint(&mut encoded, secret),
                Some(kem) => {
                    let mut hash = Context::new(&SHA256);
                    hash.update(kem);
                    hash.update(secret);
                    let mut digest = Zeroizing::new([0; HASH]);
                    digest.copy_from_slice(hash.finish().as_ref());
                    fields::put_string(&mut encoded, &*digest);
                }
            }
            Ok(Self(Secret::new(encoded)))
        })
    }
}

/// The client's half, until the server's has come.
#[derive(Debug)]
pub(crate) struct Offer {
    kem: Option<DecapsulationKey>,
    private: PrivateKey,
}

impl Offer {
    /// Also what the client says: C_INIT, or Q_C.
    pub(crate) fn new(method: Method) -> Result<(Self, Vec<u8>), Broken> {
        let mut init = Vec::with_capacity(KEM_KEY + POINT);
        let kem = if method.is_hybrid() {
            let kem = DecapsulationKey::generate(&ML_KEM_768).map_err(|_| failed())?;
            let public = kem.encapsulation_key().and_then(|key| key.key_bytes()).map_err(|_| failed())?;
            init.extend_from_slice(public.as_ref());
            Some(kem)
        } else {
            None
        };
        let private = PrivateKey::generate(&X25519).map_err(|_| failed())?;
        init.extend_from_slice(private.compute_public_key().map_err(|_| failed())?.as_ref());
        Ok((Self { kem, private }, init))
    }

    /// `reply` is S_REPLY, or Q_S.
    pub(crate) fn accept(self, reply: &[u8]) -> Result<Shared, Broken> {
        match &self.kem {
            None => Shared::new(&self.private, reply, None),
            Some(kem) => {
                let (ciphertext, point) = split(reply, KEM_CIPHERTEXT)?;
                let secret = kem.decapsulate(Ciphertext::from(ciphertext)).map_err(|_| failed())?;
                Shared::new(&self.private, point, Some(secret.as_ref()))
            }
        }
    }
}

/// The server's half: what it answers to the client's, and the secret.
pub(crate) fn answer(method: Method, init: &[u8]) -> Result<(Vec<u8>, Shared), Broken> {
    let private = PrivateKey::generate(&X25519).map_err(|_| failed())?;
    let public = private.compute_public_key().map_err(|_| failed())?;
    if method.is_hybrid() {
        let (key, point) = split(init, KEM_KEY)?;
        let key = EncapsulationKey::new(&ML_KEM_768, key).map_err(|_| failed())?;
        let (ciphertext, secret) = key.encapsulate().map_err(|_| failed())?;
        let shared = Shared::new(&private, point, Some(secret.as_ref()))?;
        Ok(([ciphertext.as_ref(), public.as_ref()].concat(), shared))
    } else {
        Ok((public.as_ref().to_vec(), Shared::new(&private, init, None)?))
    }
}

/// A hybrid half: `kem` bytes for ML-KEM and a point behind them.
fn split(half: &[u8], kem: usize) -> Result<(&[u8], &[u8]), Broken> {
    half.split_at_checked(kem).filter(|(_, point)| point.len() == POINT).ok_or_else(failed)
}

/// All that was said, as the exchange hash takes it (RFC 4253 section 8, RFC 5656 section 4).
#[derive(Debug)]
pub(crate) struct Transcript<'a> {
    pub(crate) client_line: &'a str,
    pub(crate) server_line: &'a str,
    pub(crate) client_kexinit: &'a [u8],
    pub(crate) server_kexinit: &'a [u8],
    pub(crate) host_key: &'a [u8],
    pub(crate) init: &'a [u8],
    pub(crate) reply: &'a [u8],
}

impl Transcript<'_> {
    /// The exchange hash H.
    pub(crate) fn hash(&self, shared: &Shared) -> [u8; HASH] {
        let mut said = Vec::new();
        for part in [
            self.client_line.as_bytes(),
            self.server_line.as_bytes(),
            self.client_kexinit,
            self.server_kexinit,
            self.host_key,
            self.init,
            self.reply,
        ] {
            fields::put_string(&mut said, part);
        }
        digest(&[&said, shared.0.expose()])
    }
}

fn digest(parts: &[&[u8]]) -> [u8; HASH] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; HASH];
    for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    hash
}

/// The keys for what `sender` says, RFC 4253 section 7.2.
pub(crate) fn keys(
    shared: &Shared,
    hash: &[u8; HASH],
    session_id: &[u8],
    sender: Role,
    lengths: KeyLengths,
) -> KeyMaterial {
    let [iv, key, mac] = match sender {
        Role::Client => *b"ACE",
        Role::Server => *b"BDF",
    };
    let derive = |letter: u8, length| derived(shared, hash, session_id, letter, length);
    KeyMaterial { iv: derive(iv, lengths.iv), key: derive(key, lengths.key), mac: derive(mac, lengths.mac) }
}

/// As many bytes as are wanted: each further 32 are the hash of all before.
fn derived(
    shared: &Shared,
    hash: &[u8; HASH],
    session_id: &[u8],
    letter: u8,
    length: usize,
) -> Secret<Vec<u8>> {
    let shared = shared.0.expose().as_slice();
    // room for all of it at once: what is given up by growing would not be zeroed
    let mut key = Zeroizing::new(Vec::with_capacity(length + HASH));
    while key.len() < length {
        let more = Zeroizing::new(if key.is_empty() {
            digest(&[shared, hash, &[letter], session_id])
        } else {
            digest(&[shared, hash, &key])
        });
        key.extend_from_slice(&*more);
    }
    Secret::new(key.get(..length).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::{Cipher, Mac, Suite};
    use crate::vectors::{lines, unhex};

    const VECTORS: &str = include_str!("../tests/vectors/sealed.txt");

    /// Points of small order: https://cr.yp.to/ecdh.html#validate, those below 2^255 that are canonical.
    const OF_SMALL_ORDER: [&str; 5] = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];

    #[test]
    fn secrets_are_written_as_mpints_whatever_they_begin_with() {
        let mut seen = 0;
        for words in lines(VECTORS, "agreement") {
            let [private, point, mpint] = [0, 1, 2].map(|at| unhex(words[at]));
            let private = PrivateKey::from_private_key(&X25519, &private).unwrap();
            assert_eq!(Shared::new(&private, &point, None).unwrap().0.expose(), &mpint);
            seen += 1;
        }
        assert_eq!(seen, 2);
    }

    #[test]
    fn keys_are_derived_as_asyncssh_does() {
        let mut seen = 0;
        for words in lines(VECTORS, "derived") {
            let shared = Shared(Secret::new(unhex(words[0])));
            let (hash, session_id) = (unhex(words[1]).try_into().unwrap(), unhex(words[2]));
            let wanted = unhex(words[4]);
            let key = derived(&shared, &hash, &session_id, words[3].as_bytes()[0], wanted.len());
            assert_eq!(key.expose(), &wanted);
            seen += 1;
        }
        assert_eq!(seen, 6);
    }

    #[test]
    fn each_value_of_each_direction_is_another() {
        let shared = Shared(Secret::new(b"secret".to_vec()));
        let suite = Suite { cipher: Cipher::Aes256Ctr, mac: Some(Mac::Sha256) };
        let [client, server] =
            [Role::Client, Role::Server].map(|role| keys(&shared, &[1; HASH], b"id", role, suite.lengths()));
        let lengths = [16, 32, 32, 16, 32, 32];
        let mut all = [&client.iv, &client.key, &client.mac, &server.iv, &server.key, &server.mac]
            .map(|secret| secret.expose().clone());
        assert_eq!(all.each_ref().map(Vec::len), lengths);
        all.sort();
        assert!(all.windows(2).all(|pair| !pair[1].starts_with(&pair[0])));
        assert!(format!("{client:?} {shared:?}").contains("***"));
    }

    #[test]
    fn both_sides_come_to_the_same() {
        for method in Method::ALL {
            let (offer, init) = Offer::new(method).unwrap();
            let (reply, servers) = answer(method, &init).unwrap();
            let clients = offer.accept(&reply).unwrap();
            assert_eq!(clients.0.expose(), servers.0.expose());
            let encoded = if method.is_hybrid() { 36..=36 } else { 34..=37 };
            assert!(encoded.contains(&clients.0.expose().len()), "a string of 32 bytes, or an mpint");
            assert_eq!(Method::named(method.name()), Some(method));
        }
    }

    #[test]
    fn a_point_of_small_order_is_refused() {
        for point in OF_SMALL_ORDER.map(unhex) {
            assert!(answer(Method::Curve25519, &point).is_err());
            assert!(Offer::new(Method::Curve25519).unwrap().0.accept(&point).is_err());
            let (_, hybrid) = Offer::new(Method::MlKem768X25519).unwrap();
            let init = [&hybrid[..KEM_KEY], &point].concat();
            assert!(answer(Method::MlKem768X25519, &init).is_err());
        }
    }

    #[test]
    fn halves_of_other_lengths_and_keys_that_are_none_are_refused() {
        for method in Method::ALL {
            let (_, init) = Offer::new(method).unwrap();
            let (reply, _) = answer(method, &init).unwrap();
            for at in [0, 1, 31, 32, 33, init.len() - 1] {
                if at != init.len() {
                    assert!(answer(method, &init[..at.min(init.len() - 1)]).is_err());
                    assert!(Offer::new(method).unwrap().0.accept(&reply[..at.min(reply.len() - 1)]).is_err());
                }
            }
            assert!(answer(method, &[&init[..], b"x"].concat()).is_err());
            assert!(Offer::new(method).unwrap().0.accept(&[&reply[..], b"x"].concat()).is_err());
        }
        // FIPS 203 section 7.2: coefficients at or over the modulus are no key
        assert!(answer(Method::MlKem768X25519, &[0xff; KEM_KEY + POINT]).is_err());
    }
}
