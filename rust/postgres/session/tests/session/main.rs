//! Dialogues with a session, without sockets: a scripted principal, a target that behaves (or not), a clock of
//! their own. What must hold in every one of them is in `link/check.rs`.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod budgets;
mod copies;
mod endings;
mod exact;
#[path = "../link/mod.rs"]
mod link;
mod login;
mod naming;
mod phases;
mod queries;
mod replication;
mod server;
mod settings;
mod silence;
mod splits;
mod transactions;
