//! SSH's bytes: one leg's transport in either role, keys and certificates, and typed views of what comes.
//!
//! Sans-IO: bytes and times go in, bytes and typed views come out. No socket, no clock, no grant is known
//! here, and no cryptographic primitive is written here: they are aws-lc-rs's.
#![forbid(unsafe_code)]

mod broken;
pub mod certificate;
pub mod channel;
mod cipher;
mod fields;
pub mod gatekeep;
mod host;
pub mod ident;
mod kex;
mod kexinit;
pub mod keys;
mod number;
mod packet;
pub mod plain;
pub mod sftp;
mod transport;
pub mod userauth;

pub use broken::{Broken, put_debug, put_disconnect, reason};
pub use host::{HostKeys, HostTrust};
pub use transport::{CipherNames, Heard, Transport};

#[cfg(test)]
#[path = "../tests/vectors/mod.rs"]
mod vectors;
