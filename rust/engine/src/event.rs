//! What the engine tells the control plane, and the queue behind the wake-up file descriptor.

use crate::directory::BudgetUse;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// One fact; field names as in `hoopwire.model.events`. Times are Unix seconds.
#[derive(Serialize)]
#[serde(tag = "type")]
#[allow(missing_docs)] // the Structs of hoopwire.model.events document the fields
pub(crate) enum Event<'a> {
    GrantNeeded {
        session: &'a str,
        peer: &'a str,
        user: &'a str,
        database: &'a str,
        application_name: &'a str,
        replication: bool,
        protocol: &'a str,
        credential: &'a str,
        proved: bool,
        prompt: bool,
    },
    Answered {
        session: &'a str,
        answer: &'a str,
        withdrawn: bool,
    },
    SessionStarted {
        session: &'a str,
        grant: &'a str,
        target: &'a str,
        database: &'a str,
        peer: &'a str,
        at: f64,
    },
    Unmatched {
        session: &'a str,
        unmatched: &'a [String],
        at: f64,
    },
    SessionEnded {
        session: &'a str,
        grant: &'a str,
        closed_by: &'a str,
        reason: &'a str,
        code: &'a str,
        statements: u64,
        rows: u64,
        bytes_in: u64,
        bytes_out: u64,
        budget: BudgetUse,
        at: f64,
    },
    ConnectionRefused {
        peer: &'a str,
        phase: &'a str,
        reason: &'a str,
        at: f64,
    },
    SegmentSealed {
        stream: u16,
        path: &'a str,
        sequence: u64,
    },
    Checkpoint {
        stream: u16,
        line: &'a str,
    },
    RecordingFailed {
        stream: u16,
        error: &'a str,
    },
    RecordingResumed {
        stream: u16,
    },
    Recovered {
        stream: u16,
        path: &'a str,
        sessions: &'a [String],
        dropped_bytes: u64,
    },
    Panicked {
        session: &'a str,
        message: &'a str,
    },
    Drained {},
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    count: u32,
    /// The file descriptor is readable already.
    raised: bool,
}

/// Events that wait to be drained. Rare by design: no event is per message.
pub(crate) struct EventQueue {
    waiting: Mutex<Waiting>,
    fd: OwnedFd,
}

/// Refused connections are facts that a stranger can make at will: beyond this many waiting they are counted only.
const REFUSALS_MAX: u32 = 10_000;

impl EventQueue {
    pub(crate) fn new() -> std::io::Result<EventQueue> {
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(EventQueue { waiting: Mutex::default(), fd })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(crate) fn push(&self, event: &Event<'_>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.count >= REFUSALS_MAX && matches!(event, Event::ConnectionRefused { .. }) {
            return;
        }
        let before = waiting.bytes.len();
        if rmp_serde::encode::write_named(&mut waiting.bytes, event).is_err() {
            waiting.bytes.truncate(before);
            return;
        }
        waiting.count = waiting.count.saturating_add(1);
        if !waiting.raised {
            // an eventfd write fails only when the counter is full, and then it is readable anyway
            waiting.raised = rustix::io::write(&self.fd, &1_u64.to_ne_bytes()).is_ok();
        }
    }

    /// All waiting events as one MessagePack array.
    pub(crate) fn drain(&self) -> Vec<u8> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = rustix::io::read(&self.fd, &mut [0_u8; 8]);
        let Waiting { bytes, count, .. } = std::mem::take(&mut *waiting);
        let mut out = Vec::with_capacity(bytes.len().saturating_add(5));
        out.push(0xdd); // array 32
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&bytes);
        out
    }
}

/// Counters since start, shared by the reactors.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) sessions: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) recording_failures: AtomicU64,
    pub(crate) recorded_bytes: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

pub(crate) fn subtract(counter: &AtomicU64, by: u64) {
    counter.fetch_sub(by, Ordering::Relaxed);
}

/// A copy of the counters; field names as in `hoopwire.model.statistics.EngineStatistics`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Statistics {
    /// Open now, admitted or not.
    pub connections: u64,
    /// Live now.
    pub sessions: u64,
    /// Connections accepted since start.
    pub accepted: u64,
    /// Connections that ended before admission.
    pub refused: u64,
    /// Sessions ended by a bug.
    pub panics: u64,
    /// Failed writes of a recording.
    pub recording_failures: u64,
    /// Bytes of recording written.
    pub recorded_bytes: u64,
}

impl Counters {
    pub(crate) fn statistics(&self) -> Statistics {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            connections: load(&self.connections),
            sessions: load(&self.sessions),
            accepted: load(&self.accepted),
            refused: load(&self.refused),
            panics: load(&self.panics),
            recording_failures: load(&self.recording_failures),
            recorded_bytes: load(&self.recorded_bytes),
        }
    }
}

/// Wall clock in Unix microseconds.
pub(crate) fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Unix microseconds as the seconds that events carry.
pub(crate) fn unix_s(us: u64) -> f64 {
    us as f64 / 1e6
}
