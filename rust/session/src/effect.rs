//! What a session asks of the engine.

use crate::admission::{Answer, Ask};
use crate::ending::Closed;
use hoopwire_wire::Secret;

/// How TLS begins on a connection to the target, where the lease asks for it.
#[derive(Clone, Copy, Debug)]
pub enum Opening {
    /// By a question of the protocol's own, answered with one byte.
    Asked {
        /// The question.
        question: &'static [u8],
        /// The answer behind which TLS begins.
        yes: u8,
        /// The answer of a target without TLS.
        no: u8,
        /// The protocol's name for the question, for people.
        name: &'static str,
        /// The protocol's names in TLS (ALPN, RFC 7301).
        alpn: &'static [&'static [u8]],
    },
    /// With the first byte.
    Direct {
        /// The protocol's names in TLS, or none.
        alpn: &'static [&'static [u8]],
    },
}

impl Opening {
    /// The protocol's names in TLS.
    #[must_use]
    pub fn alpn(self) -> &'static [&'static [u8]] {
        match self {
            Opening::Asked { alpn, .. } | Opening::Direct { alpn } => alpn,
        }
    }
}

/// One short call to the session's target, on a connection of its own. The target answers by closing it.
#[derive(Debug)]
pub struct Call {
    /// How TLS begins.
    pub opening: Opening,
    /// What to say.
    pub packet: Secret<Vec<u8>>,
}

/// What a connection says that concerns another session.
#[derive(Debug)]
pub struct Signal {
    /// Sessions that the connection may mean have this mark.
    pub mark: u64,
    /// What proves that it may.
    pub proof: Secret<Vec<u8>>,
}

/// What a session asks of the engine, in order.
#[derive(Debug)]
pub enum Effect {
    /// The answer to the principal's request is in the buffer: after it is sent, the downstream leg speaks TLS.
    StartTls,
    /// Ask the control plane for a grant.
    AskGrant(Box<Ask>),
    /// Tell the control plane what came of its prompt.
    Answer(Answer),
    /// Connect to the target; answer with `handle_dialed`, or end the session.
    Dial(Opening),
    /// The login at the target is done; the session lives.
    Established,
    /// What of the grant matches nothing at the target, as a policy writes it.
    Unmatched(Vec<String>),
    /// Call the session's target.
    Call(Call),
    /// Find the session that this is for.
    Signal(Signal),
    /// Send what is buffered and close both legs.
    Close(Box<Closed>),
}
