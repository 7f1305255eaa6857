//! Requests that the target has not answered, by their numbers: the client's, and the gateway's own among them.

use super::question::{Need, Question};
use std::collections::HashMap;

/// So many at once; more wait. OpenSSH's client has 64, asyncssh 128.
const IN_FLIGHT_MAX: usize = 1024;

/// What an answer means.
#[derive(Debug)]
pub(super) enum Waiting {
    /// Nothing more than it says.
    Plain,
    /// A handle comes, or why not.
    Open { needs: Vec<Need>, about: Vec<u8> },
    /// What comes of a file is counted.
    Read { file: u64, offset: u64 },
    /// It may have failed.
    Write { file: u64 },
    /// A file is closed.
    Close { file: u64 },
    /// It is told of by its outcome. With `holds_others`, what comes behind it waits.
    Change { name: &'static str, about: Vec<u8>, holds_others: bool },
    /// How long messages may be: no longer than the gateway reads.
    Limits,
    /// A path, which the client may be told if it may look there.
    Where { question: Question },
    /// The gateway asked this itself.
    Probe { no: usize },
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    by_id: HashMap<u32, Waiting>,
    /// So many that change names.
    changes: usize,
    last_own: u32,
}

impl InFlight {
    /// Nothing more is passed on for now.
    pub(super) fn holds_others(&self) -> bool {
        self.changes > 0 || self.by_id.len() >= IN_FLIGHT_MAX
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn insert(&mut self, id: u32, waiting: Waiting) {
        if let Waiting::Change { holds_others: true, .. } = waiting {
            self.changes = self.changes.saturating_add(1);
        }
        self.by_id.insert(id, waiting);
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Waiting> {
        let waiting = self.by_id.remove(&id)?;
        if let Waiting::Change { holds_others: true, .. } = waiting {
            self.changes = self.changes.saturating_sub(1);
        }
        Some(waiting)
    }

    /// A number of the gateway's own for one more question: one that nobody waits for.
    pub(super) fn ask_own(&mut self, no: usize) -> u32 {
        loop {
            self.last_own = self.last_own.wrapping_sub(1);
            if !self.by_id.contains_key(&self.last_own) {
                self.by_id.insert(self.last_own, Waiting::Probe { no });
                return self.last_own;
            }
        }
    }
}
