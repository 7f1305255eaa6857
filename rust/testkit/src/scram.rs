//! The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677): it holds the stored key, not the password.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// What the server added to the client's nonce.
pub const SERVER_NONCE: &str = "+server";
const SALT: &[u8] = b"salt";

/// One exchange, after the client-first message.
#[derive(Debug)]
pub struct Exchange {
    gs2_header: String,
    first_bare: String,
    /// The server-first message.
    pub server_first: String,
    iterations: u32,
}

impl Exchange {
    /// Answers a client-first message.
    pub fn begin(client_first: &str, iterations: u32) -> Self {
        let (gs2_header, first_bare) =
            client_first.split_at(client_first.find("n=,r=").expect("an empty user name"));
        let nonce = first_bare.strip_prefix("n=,r=").unwrap();
        let server_first =
            format!("r={nonce}{SERVER_NONCE},s={},i={iterations}", BASE64_STANDARD.encode(SALT));
        Self { gs2_header: gs2_header.into(), first_bare: first_bare.into(), server_first, iterations }
    }

    /// Answers a client-final message; `None` if the proof, nonce or channel binding is wrong.
    /// `end_point` is the hash of this server's certificate.
    pub fn finish(&self, client_final: &str, password: &str, end_point: &[u8]) -> Option<String> {
        let (without_proof, proof) = client_final.split_once(",p=")?;
        let bound = if self.gs2_header.starts_with("p=") { end_point } else { b"" };
        let binding = BASE64_STANDARD.encode([self.gs2_header.as_bytes(), bound].concat());
        let nonce = self.server_first.split(',').next()?;
        if without_proof != format!("c={binding},{nonce}") {
            return None;
        }
        let mut salted = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), SALT, self.iterations, &mut salted);
        let stored_key = Sha256::digest(hmac(&salted, b"Client Key"));
        let auth_message = format!("{},{},{without_proof}", self.first_bare, self.server_first);
        let signature = hmac(&stored_key, auth_message.as_bytes());
        let proof = BASE64_STANDARD.decode(proof).ok()?;
        let client_key: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        let verifier = hmac(&hmac(&salted, b"Server Key"), auth_message.as_bytes());
        (Sha256::digest(client_key) == stored_key).then(|| format!("v={}", BASE64_STANDARD.encode(verifier)))
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
