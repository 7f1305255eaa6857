//! SSH's bytes: one leg's transport in either role, keys and certificates, and typed views of what comes.
//!
//! Sans-IO: bytes and times go in, bytes and typed views come out. No socket, no clock, no grant is known
//! here, and no cryptographic primitive is written here: they are aws-lc-rs's.
#![forbid(unsafe_code)]

pub mod certificate;
pub mod channel;
mod fields;
pub mod gatekeep;
pub mod keys;
pub mod plain;
pub mod sftp;
pub mod userauth;
