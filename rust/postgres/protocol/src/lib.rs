//! The PostgreSQL protocol, version 3, both directions, without any I/O.
//!
//! Bytes in, bytes out: this crate opens no socket, reads no clock, makes no randomness and does not know what
//! SQL means or who may do what.
//!
//! - Toward a frontend: [`startup`] (the first packet), [`params`] (what it asks for), [`cancel`].
//! - Toward a backend: [`login`] (up to ReadyForQuery), with [`scram`].
//! - Between them: [`message`] (the frame), [`frontend`] and [`backend`] (the types of message of a direction, and what
//!   they say, read once), [`values`] (what bodies are made of), [`pipeline`] (which replies are owed), [`error`] (ErrorResponse and NoticeResponse).
#![forbid(unsafe_code)]

pub mod backend;
pub mod cancel;
pub mod error;
pub mod frontend;
pub mod login;
pub mod message;
pub mod params;
pub mod pipeline;
pub mod scram;
pub mod startup;
pub mod values;
