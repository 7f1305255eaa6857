//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the client's side (RFC 5802, RFC 7677; channel binding
//! `tls-server-end-point`, RFC 5929).
//!
//! Two rules:
//! 1. Nothing the server says is believed before its signature is verified, and nothing it asks for costs more
//!    than the caps allow: message, nonce, salt, iterations.
//! 2. Each state eats itself: a proof is made once, for one server nonce.
//!
//! ```text
//! AwaitServerFirst --server-first: proof--> AwaitServerFinal --server-final: signature holds--> ScramKeys
//! ```

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use hoopwire_wire::{Random, Secret};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::error::legible;

/// The mechanism without channel binding.
pub const SCRAM_SHA_256: &str = "SCRAM-SHA-256";
/// The mechanism with channel binding.
pub const SCRAM_SHA_256_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// Default cap on iterations. PostgreSQL's default is 4,096 (about 2 ms); 600,000 is the highest number that
/// guides for stored passwords ask for (about 0.3 s of CPU). Above it, a target is refused: PostgreSQL would
/// allow 2^31-1, which is twenty minutes of a reactor.
pub const MAX_ITERATIONS: u32 = 600_000;

/// Longest server message. PostgreSQL's first one has about 90 bytes.
const MESSAGE_MAX_BYTES: usize = 2048;
/// Longest nonce, ours included. PostgreSQL's has 48 bytes.
const NONCE_MAX_BYTES: usize = 512;
/// Longest salt. PostgreSQL's has 16 bytes.
const SALT_MAX_BYTES: usize = 256;
/// As many random bytes as libpq uses.
const NONCE_BYTES: usize = 18;

/// Which channel binding goes into the proof. Getting `Unused` and `NotOffered` right is what lets the server
/// notice that someone took the -PLUS mechanism off its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    /// `n`: no TLS, or a certificate whose hash is not defined.
    Unused,
    /// `y`: we could, but the server did not offer it.
    NotOffered,
    /// `p`: the hash of the server's certificate. The mechanism must be the -PLUS one.
    EndPoint(Vec<u8>),
}

impl ChannelBinding {
    fn gs2_header(&self) -> &'static str {
        match self {
            Self::Unused => "n,,",
            Self::NotOffered => "y,,",
            Self::EndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    /// The value of the `c` attribute.
    fn encoded(&self) -> String {
        let hash = if let Self::EndPoint(hash) = self { hash.as_slice() } else { &[] };
        BASE64_STANDARD.encode([self.gs2_header().as_bytes(), hash].concat())
    }
}

/// What PBKDF2 gives for one password, salt and iteration count; a caller may keep it to save the work. It is
/// as good as the password for logging in: keep it as one.
#[derive(Clone, Debug)]
pub struct ScramKeys {
    /// The salt that the keys belong to.
    pub salt: Vec<u8>,
    /// The iteration count that they belong to.
    pub iterations: u32,
    /// ClientKey of RFC 5802.
    pub client_key: Secret<[u8; 32]>,
    /// ServerKey of RFC 5802.
    pub server_key: Secret<[u8; 32]>,
}

impl ScramKeys {
    fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        let prepared = prepare(password);
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2::pbkdf2_hmac::<Sha256>(prepared.as_bytes(), salt, iterations, salted.as_mut());
        Self {
            salt: salt.to_vec(),
            iterations,
            client_key: Secret::new(hmac(&salted, b"Client Key")),
            server_key: Secret::new(hmac(&salted, b"Server Key")),
        }
    }
}

/// Why the exchange failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScramError {
    /// Not a message of RFC 5802; says what is wrong with it.
    Malformed(&'static str),
    /// A message, nonce or salt over our cap; says which.
    TooLong(&'static str),
    /// More iterations than our cap.
    TooManyIterations {
        /// The cap.
        max: u32,
    },
    /// The server's nonce does not begin with ours: an answer to someone else's question.
    ForeignNonce,
    /// The server's signature is wrong: it does not know the password.
    WrongSignature,
    /// The server refuses, with its own reason.
    Refused(String),
}

impl fmt::Display for ScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "malformed SCRAM message: {what}"),
            Self::TooLong(what) => write!(f, "SCRAM {what} is too long"),
            Self::TooManyIterations { max } => write!(f, "asks for more than {max} SCRAM iterations"),
            Self::ForeignNonce => f.write_str("SCRAM nonce does not begin with ours"),
            Self::WrongSignature => {
                f.write_str("SCRAM server signature is wrong: it does not know the password")
            }
            Self::Refused(reason) => write!(f, "refuses the SCRAM exchange: {reason}"),
        }
    }
}

impl std::error::Error for ScramError {}

/// Expects the server-first message.
#[derive(Debug)]
pub struct AwaitServerFirst {
    password: Secret<String>,
    binding: ChannelBinding,
    cached: Option<ScramKeys>,
    max_iterations: u32,
    nonce: String,
    first_bare: String,
}

impl AwaitServerFirst {
    /// `cached` is used only if the server names the same salt and iterations; that it belongs to this
    /// password is the caller's to know. Iterations outside 1 to `max_iterations` are refused.
    pub fn new(
        password: Secret<String>,
        binding: ChannelBinding,
        cached: Option<ScramKeys>,
        max_iterations: u32,
        random: &mut dyn Random,
    ) -> Self {
        let mut bytes = [0; NONCE_BYTES];
        random.fill(&mut bytes);
        let nonce = BASE64_STANDARD.encode(bytes);
        // PostgreSQL takes the user from the startup packet; libpq too leaves it empty here.
        let first_bare = format!("n=,r={nonce}");
        Self { password, binding, cached, max_iterations, nonce, first_bare }
    }

    /// The client-first message.
    pub fn client_first(&self) -> Vec<u8> {
        [self.binding.gs2_header().as_bytes(), self.first_bare.as_bytes()].concat()
    }

    /// Takes the server-first message; gives the client-final message.
    pub fn handle(self, server_first: &[u8]) -> Result<(Vec<u8>, AwaitServerFinal), ScramError> {
        let text = checked(server_first)?;
        let asked = parse_server_first(text)?;
        if !asked.nonce.starts_with(&self.nonce) || asked.nonce.len() == self.nonce.len() {
            return Err(ScramError::ForeignNonce);
        }
        let iterations = asked
            .iterations
            .parse()
            .ok()
            .filter(|&count: &u32| count <= self.max_iterations)
            .ok_or(ScramError::TooManyIterations { max: self.max_iterations })?;
        if iterations == 0 {
            return Err(ScramError::Malformed("zero iterations"));
        }
        let keys = self
            .cached
            .filter(|keys| keys.salt == asked.salt && keys.iterations == iterations)
            .unwrap_or_else(|| ScramKeys::derive(self.password.expose(), &asked.salt, iterations));

        let without_proof = format!("c={},r={}", self.binding.encoded(), asked.nonce);
        let auth_message = format!("{},{text},{without_proof}", self.first_bare);
        let stored_key: [u8; 32] = Sha256::digest(keys.client_key.expose()).into();
        let mut proof = Zeroizing::new(hmac(&stored_key, auth_message.as_bytes()));
        for (byte, key) in proof.iter_mut().zip(keys.client_key.expose()) {
            *byte ^= key;
        }
        let client_final = format!("{without_proof},p={}", BASE64_STANDARD.encode(*proof));
        let signature = hmac(keys.server_key.expose(), auth_message.as_bytes());
        Ok((client_final.into_bytes(), AwaitServerFinal { keys, signature }))
    }
}

/// Expects the server-final message.
#[derive(Debug)]
pub struct AwaitServerFinal {
    keys: ScramKeys,
    signature: [u8; 32],
}

impl AwaitServerFinal {
    /// Takes the server-final message. The keys come out only if the server proved that it knows them.
    pub fn handle(self, server_final: &[u8]) -> Result<ScramKeys, ScramError> {
        let text = checked(server_final)?;
        let first = text.split(',').next().unwrap_or_default();
        if let Some(reason) = first.strip_prefix("e=") {
            return Err(ScramError::Refused(legible(reason.as_bytes())));
        }
        let verifier =
            first.strip_prefix("v=").ok_or(ScramError::Malformed("server-final has no verifier"))?;
        let signature = BASE64_STANDARD
            .decode(verifier)
            .map_err(|_| ScramError::Malformed("the verifier is not base64"))?;
        if bool::from(signature.ct_eq(&self.signature)) {
            Ok(self.keys)
        } else {
            Err(ScramError::WrongSignature)
        }
    }
}

struct ServerFirst<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    /// Decimal digits, as many as the server likes.
    iterations: &'a str,
}

/// `r=nonce,s=salt,i=iterations`, and extensions that we may skip. A mandatory one (`m=`) would stand first.
fn parse_server_first(text: &str) -> Result<ServerFirst<'_>, ScramError> {
    let mut attributes = text.split(',');
    let mut next = |prefix, missing| {
        attributes.next().and_then(|part| part.strip_prefix(prefix)).ok_or(ScramError::Malformed(missing))
    };
    let nonce = next("r=", "server-first has no nonce first")?;
    let salt = next("s=", "server-first has no salt")?;
    let iterations = next("i=", "server-first has no iteration count")?;
    if nonce.len() > NONCE_MAX_BYTES {
        return Err(ScramError::TooLong("nonce"));
    }
    if !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ScramError::Malformed("the nonce is not printable"));
    }
    let salt = BASE64_STANDARD.decode(salt).map_err(|_| ScramError::Malformed("the salt is not base64"))?;
    if salt.is_empty() {
        return Err(ScramError::Malformed("the salt is empty"));
    }
    if salt.len() > SALT_MAX_BYTES {
        return Err(ScramError::TooLong("salt"));
    }
    if iterations.is_empty() || !iterations.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScramError::Malformed("the iteration count is not a number"));
    }
    Ok(ServerFirst { nonce, salt, iterations })
}

fn checked(message: &[u8]) -> Result<&str, ScramError> {
    if message.len() > MESSAGE_MAX_BYTES {
        return Err(ScramError::TooLong("message"));
    }
    std::str::from_utf8(message).map_err(|_| ScramError::Malformed("not UTF-8"))
}

/// SASLprep (RFC 4013), or the text as it is where that fails: so does the server when it stores a password.
fn prepare(password: &str) -> Zeroizing<String> {
    let prepared = stringprep::saslprep(password).ok().filter(|prepared| !prepared.is_empty());
    Zeroizing::new(prepared.map_or_else(|| password.to_owned(), |prepared| prepared.into_owned()))
}

/// HMAC-SHA-256 under a 32-byte key. HMAC pads a short key with zeros to the hash's block, so the padded key
/// is the same key; it makes the call one that cannot fail.
fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    for (padded, byte) in block.iter_mut().zip(key) {
        *padded = *byte;
    }
    let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into());
    block.zeroize();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    /// The client of RFC 7677, section 3.
    fn rfc_7677() -> AwaitServerFirst {
        AwaitServerFirst {
            password: Secret::new("pencil".into()),
            binding: ChannelBinding::Unused,
            cached: None,
            max_iterations: MAX_ITERATIONS,
            nonce: "rOprNGfwEbeRWgbNEkqO".into(),
            first_bare: "n=user,r=rOprNGfwEbeRWgbNEkqO".into(),
        }
    }

    fn refusal(server_first: &str) -> ScramError {
        rfc_7677().handle(server_first.as_bytes()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn the_exchange_of_rfc_7677() {
        let client = rfc_7677();
        assert_eq!(client.client_first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (client_final, server) = client.handle(SERVER_FIRST.as_bytes()).unwrap();
        assert_eq!(
            String::from_utf8(client_final).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let keys = server.handle(SERVER_FINAL.as_bytes()).unwrap();
        assert_eq!(keys.iterations, 4096);
    }

    #[test]
    fn kept_keys_give_the_same_proof_without_the_password() {
        let (proof, server) = rfc_7677().handle(SERVER_FIRST.as_bytes()).unwrap();
        let keys = server.handle(SERVER_FINAL.as_bytes()).unwrap();
        let with_keys = |keys| AwaitServerFirst {
            password: Secret::new("not the password".into()),
            cached: Some(keys),
            ..rfc_7677()
        };
        assert_eq!(with_keys(keys.clone()).handle(SERVER_FIRST.as_bytes()).unwrap().0, proof);
        // Another salt or count: the keys are not used, so the wrong password shows.
        for other in [ScramKeys { iterations: 4095, ..keys.clone() }, ScramKeys { salt: vec![1], ..keys }] {
            assert_ne!(with_keys(other).handle(SERVER_FIRST.as_bytes()).unwrap().0, proof);
        }
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_not_believed() {
        let (_, server) = rfc_7677().handle(SERVER_FIRST.as_bytes()).unwrap();
        let forged = SERVER_FINAL.replace("v=6r", "v=7r");
        assert_eq!(server.handle(forged.as_bytes()).unwrap_err(), ScramError::WrongSignature);
        for malformed in ["", "v", "v=", "v=AA==", "v=!", "x=1", "v6rri"] {
            let (_, server) = rfc_7677().handle(SERVER_FIRST.as_bytes()).unwrap();
            assert!(server.handle(malformed.as_bytes()).is_err(), "{malformed}");
        }
    }

    #[test]
    fn a_servers_own_refusal_is_told_apart() {
        let (_, server) = rfc_7677().handle(SERVER_FIRST.as_bytes()).unwrap();
        let error = server.handle(b"e=invalid-proof\n").unwrap_err();
        assert_eq!(error, ScramError::Refused("invalid-proof ".into()));
    }

    #[test]
    fn two_billion_iterations_burn_no_cpu() {
        for count in ["600001", "2147483647", "4294967296", "99999999999999999999"] {
            let asked = SERVER_FIRST.replace("4096", count);
            assert_eq!(refusal(&asked), ScramError::TooManyIterations { max: MAX_ITERATIONS });
        }
        for count in ["0", "-1", "+1", "", "4096x", " 4096", "4e3"] {
            assert!(
                matches!(refusal(&SERVER_FIRST.replace("4096", count)), ScramError::Malformed(_)),
                "{count}"
            );
        }
    }

    #[test]
    fn a_nonce_of_a_megabyte_a_foreign_one_and_our_own_sent_back_are_refused() {
        let nonce = |nonce: &str| format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        assert_eq!(
            refusal(&nonce(&format!("rOprNGfwEbeRWgbNEkqO{}", "x".repeat(1 << 20)))),
            ScramError::TooLong("message")
        );
        assert_eq!(
            refusal(&nonce(&format!("rOprNGfwEbeRWgbNEkqO{}", "x".repeat(600)))),
            ScramError::TooLong("nonce")
        );
        assert_eq!(refusal(&nonce("rOprNGfwEbeRWgbNEkqP%hvY")), ScramError::ForeignNonce);
        assert_eq!(refusal(&nonce("rOprNGfwEbeRWgbNEkqO")), ScramError::ForeignNonce);
        assert_eq!(refusal(&nonce("")), ScramError::ForeignNonce);
        assert!(matches!(refusal(&nonce("rOprNGfwEbeRWgbNEkqO\x7f")), ScramError::Malformed(_)));
    }

    #[test]
    fn malformed_first_messages_are_refused() {
        for text in [
            "",
            ",",
            "r=",
            "m=ext,r=x,s=AA==,i=1",
            "s=AA==,r=x,i=1",
            "r=rOprNGfwEbeRWgbNEkqOx,s=,i=1",
            "r=rOprNGfwEbeRWgbNEkqOx,s=!,i=1",
            "r=rOprNGfwEbeRWgbNEkqOx,i=1,s=AA==",
        ] {
            assert!(matches!(refusal(text), ScramError::Malformed(_)), "{text}");
        }
        let salt = BASE64_STANDARD.encode([7; 300]);
        assert_eq!(refusal(&format!("r=rOprNGfwEbeRWgbNEkqOx,s={salt},i=1")), ScramError::TooLong("salt"));
        assert!(rfc_7677().handle(b"\xff").is_err());
    }

    #[test]
    fn extensions_behind_the_iteration_count_are_skipped() {
        assert!(rfc_7677().handle(format!("{SERVER_FIRST},x=1").as_bytes()).is_ok());
    }

    #[test]
    fn each_channel_binding_has_its_flag() {
        for (binding, first, c) in [
            (ChannelBinding::Unused, "n,,n", "biws"),
            (ChannelBinding::NotOffered, "y,,n", "eSws"),
            (
                ChannelBinding::EndPoint(vec![1, 2]),
                "p=tls-server-end-point,,n",
                "cD10bHMtc2VydmVyLWVuZC1wb2ludCwsAQI=",
            ),
        ] {
            let client = AwaitServerFirst { binding, ..rfc_7677() };
            assert!(client.client_first().starts_with(first.as_bytes()));
            let (client_final, _) = client.handle(SERVER_FIRST.as_bytes()).unwrap();
            assert!(client_final.starts_with(format!("c={c},r=").as_bytes()));
        }
    }

    #[test]
    fn passwords_are_prepared_as_the_server_prepares_them() {
        // RFC 4013, section 3, and the server's way with what it cannot prepare.
        assert_eq!(*prepare("I\u{ad}X"), "IX");
        assert_eq!(*prepare("\u{2168}"), "IX");
        assert_eq!(*prepare("\u{aa}"), "a");
        assert_eq!(*prepare("a\u{a0}b"), "a b");
        assert_eq!(*prepare("a\x07b"), "a\x07b");
        assert_eq!(*prepare("\u{627}1"), "\u{627}1");
        assert_eq!(*prepare("\u{ad}"), "\u{ad}");
    }

    #[test]
    fn debug_shows_neither_password_nor_keys() {
        let client = rfc_7677();
        assert!(!format!("{client:?}").contains("pencil"));
        let (_, server) = client.handle(SERVER_FIRST.as_bytes()).unwrap();
        assert!(format!("{server:?}").contains("client_key: ***, server_key: ***"));
    }
}
