//! A protocol of lines that only tests speak: what a wing has to bring, at its smallest. It is never shipped.
//!
//! ```text
//!  principal                            gateway                            target
//!  TLS, HELLO name target secret ────▶  asks for a grant, dials ────▶ HELLO user password
//!                             OK ◀────                          ◀──── OK
//!  GET key  or  PUT key value    ────▶  decides, records, forwards ─▶
//!                                ◀────  records, delivers       ◀──── one line
//!              ERR code: message ◀────  refused: the target hears nothing of it
//! ```
//!
//! One thing at a time: while an answer is owed, the principal is not read.

#![forbid(unsafe_code)]

mod lines;
mod live;
mod rights;
mod session;
mod words;

pub use rights::{Action, Code, Denial, Grant, Rights};
pub use session::{ALPN, Caches, Session, Turn};
pub use words::{code, turned_away};
