//! The data plane's running object: sockets, TLS, reactors, timers, the recording streams.
//!
//! One reactor per configured core, each with its own sessions, which never migrate, its own recording
//! stream and no locks on the way of a byte. A turn of a reactor is: read and hand to the sessions, keep the
//! turn's frames, send. Nothing is sent before the frames of its turn are kept.
//!
//! This crate does *not* know why something is allowed, and nothing of Python: the control plane talks to it
//! by commands that only enqueue and by events that wait behind one file descriptor.

#![forbid(unsafe_code)]
// The engine is the door to the outside: clocks, threads and sockets are its business.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod address;
mod command;
mod config;
mod dial;
mod directory;
mod engine;
mod event;
mod front;
mod leg;
mod reactor;
mod slot;
mod spending;
#[cfg(test)]
mod tests;
mod timer;
mod tls;
mod turn;
mod upstream;

pub use command::{EndWords, Lease, PromptWords};
pub use config::{EngineConfig, LimitConfig, ListenConfig, RecordingConfig};
pub use directory::LiveSession;
pub use engine::{Engine, StartError};
pub use event::Statistics;
