//! Which message may come when and from whom: one table, and what isn't in it is refused.
//!
//! RFC 4250 section 4.1.2 has the numbers, RFC 4253 section 7.1 what may be said between KEXINIT and NEWKEYS, RFC 4252 and
//! RFC 8308 what before a login. Strict key exchange, which forbids more during the first one, is the transport's.

use crate::channel::{Global, Message, Open, Request};

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that connected.
    Client,
    /// The one that was connected to.
    Server,
}

/// Where the sender stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has not sent its first KEXINIT.
    BeforeKex,
    /// It has sent a KEXINIT and not yet the NEWKEYS that ends it.
    Kex,
    /// It has keys, and the client is not logged in.
    BeforeLogin,
    /// The client is logged in.
    AfterLogin,
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Read it.
    Take,
    /// Forget it, as the standard says.
    Ignore,
    /// Nobody knows the number: it is answered with UNIMPLEMENTED, and never passed on.
    Unimplemented,
    /// End the connection: an honest peer doesn't say this now.
    Refuse,
}

/// What to do with a message of this number.
#[must_use]
pub fn verdict(phase: Phase, from: Side, number: u8) -> Verdict {
    use Phase::{AfterLogin, BeforeKex, BeforeLogin, Kex};
    use Side::{Client, Server};
    match (phase, from, number) {
        // DISCONNECT is heard at any time.
        (_, _, 1) => Verdict::Take,
        // IGNORE, UNIMPLEMENTED, DEBUG
        (Kex | BeforeLogin | AfterLogin, _, 2..=4) => Verdict::Take,
        // SERVICE_REQUEST and its answer, EXT_INFO
        (BeforeLogin, Client, 5) | (BeforeLogin, Server, 6) | (BeforeLogin, _, 7) => Verdict::Take,
        // KEXINIT; NEWKEYS; the two steps of each kex that is known here
        (BeforeKex | BeforeLogin | AfterLogin, _, 20) => Verdict::Take,
        (Kex, _, 21) | (Kex, Client, 30) | (Kex, Server, 31) => Verdict::Take,
        // USERAUTH_REQUEST and INFO_RESPONSE; FAILURE, SUCCESS, BANNER and the answers of a method
        (BeforeLogin, Client, 50 | 61) | (BeforeLogin, Server, 51..=53 | 60) => Verdict::Take,
        // RFC 4252 section 5.1: a client may have sent more requests before it heard of its success.
        (AfterLogin, Client, 50) => Verdict::Ignore,
        // Global requests, channels
        (AfterLogin, _, 80..=82 | 90..=100) => Verdict::Take,
        // Numbers that stand for nothing, or for what is not spoken here.
        (BeforeLogin | AfterLogin, _, 0 | 8..=19 | 54..=59 | 62..=79 | 83..=89 | 101..) => {
            Verdict::Unimplemented
        }
        _ => Verdict::Refuse,
    }
}

/// Whether this side may ask so. A reply or data may come from both; whether it is owed, the pipe knows. What no side
/// may ask is refused by its own answer, as what is not known here.
#[must_use]
pub fn may_ask(from: Side, message: &Message<'_>) -> bool {
    match message {
        Message::Global { global, .. } => may_ask_globally(from, global),
        Message::Open { open, .. } => may_open(from, open),
        Message::Request { request, .. } => may_ask_on_channel(from, request),
        Message::Unknown(_) => false,
        _ => true,
    }
}

fn may_ask_globally(from: Side, global: &Global<'_>) -> bool {
    match global {
        Global::Keepalive => true,
        Global::HostKeys { .. } => from == Side::Server,
        Global::Listen { .. }
        | Global::Unlisten { .. }
        | Global::ListenStreamlocal { .. }
        | Global::UnlistenStreamlocal { .. }
        | Global::NoMoreSessions
        | Global::HostKeysProve { .. } => from == Side::Client,
        Global::Other { .. } => false,
    }
}

fn may_open(from: Side, open: &Open<'_>) -> bool {
    match open {
        Open::Session | Open::DirectTcpip { .. } | Open::DirectStreamlocal { .. } => from == Side::Client,
        Open::ForwardedTcpip { .. } | Open::ForwardedStreamlocal { .. } | Open::X11 { .. } | Open::Agent => {
            from == Side::Server
        }
        Open::Other { .. } => false,
    }
}

fn may_ask_on_channel(from: Side, request: &Request<'_>) -> bool {
    match request {
        Request::EndOfWrite | Request::Keepalive => true,
        Request::XonXoff { .. } | Request::ExitStatus { .. } | Request::ExitSignal { .. } => {
            from == Side::Server
        }
        Request::Pty { .. }
        | Request::Env { .. }
        | Request::Exec { .. }
        | Request::Shell
        | Request::Subsystem { .. }
        | Request::Signal { .. }
        | Request::WindowChange { .. }
        | Request::Break { .. }
        | Request::X11 { .. }
        | Request::Agent => from == Side::Client,
        Request::Other { .. } => false,
    }
}
