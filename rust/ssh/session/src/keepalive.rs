//! What only keeps a connection open. It says nothing: a session with nothing else is idle.
//!
//! Clients ask for what nobody knows (OpenSSH `keepalive@openssh.com`, others names of their own) or send IGNORE, which
//! the transport takes; sshd asks on a channel (`ClientAliveInterval`). Each is answered, and an answer says nothing either.

use hoopwire_ssh_protocol::channel::{Global, Message, Request};
use hoopwire_wire::Redacted;

/// Somebody does something by it.
pub(crate) fn is_said(message: &Message<'_>) -> bool {
    match message {
        Message::Global { global, .. } => {
            matches!(global, Global::Listen { .. } | Global::ListenStreamlocal { .. })
        }
        Message::Request { request: Request::Keepalive, .. } => false,
        Message::Request { request: Request::Other { name, .. }, .. } => !name.starts_with(b"keepalive@"),
        Message::Data { data: Redacted(data), .. } => !data.is_empty(),
        Message::RequestSuccess { .. }
        | Message::RequestFailure
        | Message::Success { .. }
        | Message::Failure { .. }
        | Message::WindowAdjust { .. }
        | Message::Unknown(_) => false,
        _ => true,
    }
}
