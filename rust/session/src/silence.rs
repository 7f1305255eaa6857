//! How long nobody has said anything in a session, against what its grant allows.
//!
//! What is heard moves no timer: that would cost a call into the reactor's timers for each message. The session asks to
//! be called when its shortest limit could be over at the earliest, looks, and asks again.

use crate::admission::after;
use std::time::{Duration, Instant};

/// Since when a session is silent, and when that is looked at again.
///
/// ```text
///  unwatched ──a limit──▶ watched ──look: too long──▶ the session ends
///      ▲                   │  ▲ │
///      └──no limit─────────┘  └─┘ look: not yet
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    heard_at: Instant,
    look_at: Option<Instant>,
}

impl Silence {
    /// Nobody is watched yet.
    #[must_use]
    pub fn new(now: Instant) -> Silence {
        Silence { heard_at: now, look_at: None }
    }

    /// Somebody said something.
    #[inline]
    pub fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// From now on the shortest limit is this one.
    pub fn watch(&mut self, shortest: Option<Duration>) {
        self.look_at = shortest.map(|shortest| after(self.heard_at, shortest));
    }

    /// When [`Silence::is_too_long`] wants to be asked.
    #[must_use]
    pub fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// `limit` is what holds in the session's present state: `None` while somebody works, or where there is none.
    /// `shortest` is the shortest that could hold in any: whoever is silent does not change the state.
    pub fn is_too_long(&mut self, now: Instant, limit: Option<Duration>, shortest: Option<Duration>) -> bool {
        let over_at = limit.map(|limit| after(self.heard_at, limit));
        self.look_at = shortest.map(|shortest| {
            let next = after(now, shortest);
            over_at.map_or(next, |over_at| over_at.min(next))
        });
        over_at.is_some_and(|over_at| over_at <= now)
    }
}

/// A limit as people read it: `90 s`, `15 min`, `0.5 s`.
#[must_use]
pub fn lasting(time: Duration) -> String {
    match (time.as_secs(), time.subsec_millis()) {
        (seconds, 0) if seconds >= 120 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        (seconds, 0) => format!("{seconds} s"),
        _ => format!("{} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    #[allow(clippy::disallowed_methods)] // some instant to count from
    fn it_is_looked_at_seldom_and_ends_to_the_second() {
        let start = Instant::now();
        let at = |seconds| start + S(seconds);
        let mut silence = Silence::new(start);
        assert_eq!(silence.look_at(), None);
        silence.watch(Some(S(10)));
        // what is heard moves no timer
        for second in 1..=9 {
            silence.heard(at(second));
            assert_eq!(silence.look_at(), Some(at(10)));
        }
        assert!(!silence.is_too_long(at(10), Some(S(10)), Some(S(10))));
        assert_eq!(silence.look_at(), Some(at(19)));
        assert!(!silence.is_too_long(at(18), Some(S(10)), Some(S(10))));
        assert!(silence.is_too_long(at(19), Some(S(10)), Some(S(10))));
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn a_shorter_limit_of_another_state_is_not_slept_through() {
        // With a limit of 100 s now and of 10 s in a transaction, a look only after 100 s would come too late for a
        // transaction that begins at once.
        let start = Instant::now();
        let at = |seconds| start + S(seconds);
        let mut silence = Silence::new(start);
        silence.watch(Some(S(10)));
        assert!(!silence.is_too_long(at(10), Some(S(100)), Some(S(10))));
        silence.heard(at(11));
        assert!(silence.look_at() <= Some(at(21)));
        assert!(!silence.is_too_long(at(20), Some(S(10)), Some(S(10))));
        assert_eq!(silence.look_at(), Some(at(21)));
        assert!(silence.is_too_long(at(21), Some(S(10)), Some(S(10))));
        // while somebody works nothing is over, and it is looked again
        assert!(!silence.is_too_long(at(500), None, Some(S(10))));
        assert_eq!(silence.look_at(), Some(at(510)));
        silence.watch(None);
        assert_eq!(silence.look_at(), None);
    }

    #[test]
    fn limits_read_well() {
        let texts = [1, 90, 120, 900, 3601].map(|seconds| lasting(S(seconds)));
        assert_eq!(texts, ["1 s", "90 s", "2 min", "15 min", "3601 s"]);
        assert_eq!(lasting(Duration::from_millis(1500)), "1.5 s");
    }
}
