//! The gateway's own cancel keys, and the request that asks a target to cancel.
//!
//! A frontend never sees the target's key. What it gets names the reactor and session by its process id, and
//! proves by a MAC over both that the gateway made it. Nothing is stored: the key is made again to check it.
//! PostgreSQL documentation, "Canceling Requests in Progress" and BackendKeyData.

use blake3::Hash;
use hoopwire_wire::{Secret, message_untagged};
use subtle::ConstantTimeEq;

/// The request code of CancelRequest, 1234.5678.
pub(crate) const CANCEL_REQUEST: u32 = (1234 << 16) | 5678;

/// 23 bits for the session and 8 for the reactor: libpq holds the process id in a signed int.
const SESSION_BITS: u32 = 23;
const SESSION_MASK: u64 = (1 << SESSION_BITS) - 1;

/// What BackendKeyData carries to a frontend.
#[derive(Clone, Debug)]
pub struct CancelKey {
    /// The "process id": positive as a signed 32-bit integer.
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

    /// The key of the session with serial number `session` on `reactor` (0 to 255).
    /// A 4-byte key can be guessed in 2^32 tries: the caller limits how often it may be tried.
    pub fn mint(&self, reactor: u16, session: u64, minor: u16) -> CancelKey {
        let length = key_length(minor);
        let mac = self.mac(reactor, session, length);
        let key = mac.as_bytes().iter().copied().take(length).collect();
        CancelKey { pid: Self::pid(reactor, session), key: Secret::new(key) }
    }

    /// Whether `key` is the one minted for this session, compared in constant time.
    pub fn check(&self, reactor: u16, session: u64, minor: u16, key: &[u8]) -> bool {
        let minted = self.mint(reactor, session, minor);
        minted.key.expose().ct_eq(key).into()
    }

    /// The process id of a session. Never 0, which some clients take for "no key". Sessions of one reactor
    /// share it only if their serial numbers are a multiple of 2^23 - 1 apart.
    pub fn pid(reactor: u16, session: u64) -> u32 {
        let slot = u32::try_from(session % SESSION_MASK + 1).unwrap_or(1);
        (u32::from(reactor & 0xff) << SESSION_BITS) | slot
    }

    /// The reactor that a process id names; `None` if no session has such a process id.
    pub fn reactor(pid: u32) -> Option<u16> {
        let slot = u64::from(pid) & SESSION_MASK;
        u16::try_from(pid >> SESSION_BITS).ok().filter(|&reactor| reactor <= 0xff && slot != 0)
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
            assert!(keys.check(1, 42, minor, own.key.expose()));
            assert!(!keys.check(1, 43, minor, own.key.expose()));
            assert!(!keys.check(2, 42, minor, own.key.expose()));
            assert!(!keys.check(1, 42, minor, &vec![0; own.key.expose().len()]));
            assert!(!CancelKeys::new([8; 32]).check(1, 42, minor, own.key.expose()));
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let keys = CancelKeys::new(KEYS);
        let long = keys.mint(0, 0, 2);
        let short = keys.mint(0, 0, 0);
        assert_eq!((long.key.expose().len(), short.key.expose().len()), (32, 4));
        assert!(!keys.check(0, 0, 2, &long.key.expose()[..4]), "the start of a key is no key");
        assert!(
            !keys.check(0, 0, 0, &long.key.expose()[..4]),
            "a short key is not the start of the long one"
        );
        assert!(!keys.check(0, 0, 2, b""));
    }

    #[test]
    fn printing_a_key_shows_nothing() {
        let key = CancelKeys::new(KEYS).mint(0, 0, 0);
        assert_eq!(format!("{key:?}"), "CancelKey { pid: 1, key: *** }");
    }

    #[test]
    fn a_cancel_request_is_laid_out_as_the_protocol_says() {
        let mut out = Vec::new();
        encode_request(0x0102_0304, b"\xaa\xbb\xcc\xdd", &mut out);
        assert_eq!(out, b"\0\0\0\x10\x04\xd2\x16\x2e\x01\x02\x03\x04\xaa\xbb\xcc\xdd");
    }

    #[test]
    fn process_ids_that_no_session_has() {
        assert_eq!(CancelKeys::reactor(0), None);
        assert_eq!(CancelKeys::reactor(5 << 23), None);
        assert_eq!(CancelKeys::reactor(0x8000_0001), None);
        assert_eq!(CancelKeys::reactor(u32::MAX), None);
    }

    proptest! {
        #[test]
        fn a_process_id_is_positive_and_leads_back_to_its_reactor(reactor in 0u16..256, session: u64) {
            let pid = CancelKeys::pid(reactor, session);
            prop_assert!(i32::try_from(pid).is_ok_and(|pid| pid > 0));
            prop_assert_eq!(CancelKeys::reactor(pid), Some(reactor));
        }
    }
}
