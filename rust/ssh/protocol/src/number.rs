//! Numbers of the transport's own messages: RFC 4250 section 4.1, RFC 5656 section 7.1, RFC 8308.

pub(crate) const DISCONNECT: u8 = 1;
pub(crate) const IGNORE: u8 = 2;
pub(crate) const UNIMPLEMENTED: u8 = 3;
pub(crate) const DEBUG: u8 = 4;
pub(crate) const SERVICE_REQUEST: u8 = 5;
pub(crate) const SERVICE_ACCEPT: u8 = 6;
pub(crate) const EXT_INFO: u8 = 7;
pub(crate) const KEXINIT: u8 = 20;
pub(crate) const NEWKEYS: u8 = 21;
/// SSH_MSG_KEX_ECDH_INIT, and SSH_MSG_KEX_HYBRID_INIT of the hybrid method.
pub(crate) const KEX_INIT: u8 = 30;
/// SSH_MSG_KEX_ECDH_REPLY, and SSH_MSG_KEX_HYBRID_REPLY of the hybrid method.
pub(crate) const KEX_REPLY: u8 = 31;
/// From here on it is a client's authentication, and after that connections.
pub(crate) const FIRST_OF_USERAUTH: u8 = 50;

/// Whether a message of this number waits while keys are exchanged, RFC 4253 section 7.1: services, and
/// whatever runs on them.
pub(crate) fn waits_for_keys(number: u8) -> bool {
    matches!(number, SERVICE_REQUEST | SERVICE_ACCEPT) || number >= FIRST_OF_USERAUTH
}
