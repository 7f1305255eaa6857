//! The gateway's own cancel keys, and the request that asks a target to cancel.
//!
//! A frontend hears the target's process id and never its key: `pg_backend_pid()` says the same, and no function that
//! takes a process id reaches anybody else by it. The key is a MAC over reactor and session, so that sessions which
//! share a process id (of two targets, or one behind the other) are told apart. Nothing is stored: the key is made
//! again to check it.
//! PostgreSQL documentation, "Canceling Requests in Progress" and BackendKeyData.

use blake3::Hash;
use hoopwire_wire::{Secret, message_untagged};
use subtle::ConstantTimeEq;

/// The request code of CancelRequest, 1234.5678.
pub(crate) const CANCEL_REQUEST: u32 = (1234 << 16) | 5678;

/// Where a target tells no process id, one from here on stands for it: libpq holds it in a signed int, and no system
/// that PostgreSQL runs on counts its processes so far (Linux ends at 2^22).
const STAND_IN: u32 = 1 << 30;

/// What BackendKeyData carries to a frontend.
#[derive(Clone, Debug)]
pub struct CancelKey {
    /// The process id.
    pub pid: u32,
    /// 4 bytes for protocol 3.0, 32 for 3.2.
    pub key: Secret<Vec<u8>>,
}

/// Makes and checks cancel keys. One secret per gateway process, made anew at each start.
#[derive(Debug)]
pub struct CancelKeys {
    secret: Secret<[u8; 32]>,
}

impl CancelKeys {
    /// `secret` is 32 random bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret: Secret::new(secret) }
    }

    /// The key of the session with serial number `session` on `reactor`, with a process id for a target that tells none.
    /// A 4-byte key can be guessed in 2^32 tries: the caller limits how often it may be tried.
    pub fn mint(&self, reactor: u16, session: u64, minor: u16) -> CancelKey {
        let length = key_length(minor);
        let mac = self.mac(reactor, session, length);
        let key = mac.as_bytes().iter().copied().take(length).collect();
        CancelKey { pid: stand_in(session), key: Secret::new(key) }
    }

    /// Whether `key` is the one minted for this session, compared in constant time. That the session was given one of
    /// this length is the caller's to know: the short one of a session with a long one can be guessed, too.
    pub fn check(&self, reactor: u16, session: u64, key: &[u8]) -> bool {
        let minted = self.mint(reactor, session, if key.len() == key_length(0) { 0 } else { 2 });
        minted.key.expose().ct_eq(key).into()
    }

    fn mac(&self, reactor: u16, session: u64, length: usize) -> Hash {
        let mut hasher = blake3::Hasher::new_keyed(self.secret.expose());
        hasher.update(b"hoopwire cancel key");
        hasher.update(&reactor.to_le_bytes());
        hasher.update(&session.to_le_bytes());
        // Else the short key would be the start of the long one.
        hasher.update(&[if length == 4 { 4 } else { 32 }]);
        hasher.finalize()
    }
}

/// Sessions may share it: the key tells them apart.
fn stand_in(session: u64) -> u32 {
    u32::try_from(session % u64::from(STAND_IN)).map_or(STAND_IN, |session| STAND_IN | session)
}

fn key_length(minor: u16) -> usize {
    if minor >= 2 { 32 } else { 4 }
}

/// Appends a CancelRequest packet toward a target, with the process id and key of its BackendKeyData.
pub fn encode_request(pid: u32, key: &[u8], out: &mut Vec<u8>) {
    message_untagged(out, |w| {
        w.u32(CANCEL_REQUEST);
        w.u32(pid);
        w.bytes(key);
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEYS: [u8; 32] = [7; 32];

    #[test]
    fn a_guessed_key_and_another_sessions_key_are_refused() {
        let keys = CancelKeys::new(KEYS);
        for minor in [0, 2] {
            let own = keys.mint(1, 42, minor);
            assert!(keys.check(1, 42, own.key.expose()));
            assert!(!keys.check(1, 43, own.key.expose()));
            assert!(!keys.check(2, 42, own.key.expose()));
            assert!(!keys.check(1, 42, &vec![0; own.key.expose().len()]));
            assert!(!CancelKeys::new([8; 32]).check(1, 42, own.key.expose()));
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let keys = CancelKeys::new(KEYS);
        let long = keys.mint(0, 0, 2);
        let short = keys.mint(0, 0, 0);
        assert_eq!((long.key.expose().len(), short.key.expose().len()), (32, 4));
        assert!(!keys.check(0, 0, &long.key.expose()[..4]), "a short key is not the start of the long one");
        assert!(!keys.check(0, 0, &long.key.expose()[..31]));
        assert!(!keys.check(0, 0, b""));
    }

    #[test]
    fn printing_a_key_shows_nothing() {
        let key = CancelKeys::new(KEYS).mint(0, 0, 0);
        assert_eq!(format!("{key:?}"), "CancelKey { pid: 1073741824, key: *** }");
    }

    #[test]
    fn a_cancel_request_is_laid_out_as_the_protocol_says() {
        let mut out = Vec::new();
        encode_request(0x0102_0304, b"\xaa\xbb\xcc\xdd", &mut out);
        assert_eq!(out, b"\0\0\0\x10\x04\xd2\x16\x2e\x01\x02\x03\x04\xaa\xbb\xcc\xdd");
    }

    proptest! {
        #[test]
        fn a_process_id_of_the_gateways_own_was_that_of_somebody_elses_session(session: u64) {
            // H15: the range of real process ids in a container. pg_terminate_backend of it ended another session.
            let pid = CancelKeys::new(KEYS).mint(0, session, 0).pid;
            prop_assert!(i32::try_from(pid).is_ok_and(|pid| pid >= 1 << 30));
        }
    }
}
