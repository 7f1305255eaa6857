//! What a session is at, as to its life and to what it is told; each with its diagram.

use hoopwire_postgres_policy::Denial;
use std::time::Instant;

/// ```text
///  LoggingIn ──welcomed──▶ Ready ──the gateway drains──▶ Draining
///      │                     │                              │
///      └─────────────────────┴────────── end ◀──────────────┘
///                                         │
///                                         ▼
///                               Ended { was_welcomed }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// At the target.
    #[default]
    LoggingIn,
    Ready,
    /// It ends as soon as it is idle.
    Draining,
    Ended {
        was_welcomed: bool,
    },
}

impl Stage {
    pub(crate) fn welcome(&mut self) {
        if *self == Stage::LoggingIn {
            *self = Stage::Ready;
        }
    }

    pub(crate) fn drain(&mut self) {
        if *self == Stage::Ready {
            *self = Stage::Draining;
        }
    }

    /// Says, once, whether the principal was welcomed before.
    pub(crate) fn end(&mut self) -> Option<bool> {
        let was_welcomed = self.is_welcomed();
        match std::mem::replace(self, Stage::Ended { was_welcomed }) {
            Stage::Ended { .. } => None,
            _ => Some(was_welcomed),
        }
    }

    /// The principal was told that it is in.
    pub(crate) fn is_welcomed(self) -> bool {
        !matches!(self, Stage::LoggingIn | Stage::Ended { was_welcomed: false })
    }

    pub(crate) fn is_ended(self) -> bool {
        matches!(self, Stage::Ended { .. })
    }
}

/// The word to the principal that its time is nearly over.
///
/// ```text
///  NotDue ──the moment has come──▶ Due ──at a message boundary──▶ Said
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Notice {
    #[default]
    NotDue,
    Due,
    Said,
}

impl Notice {
    pub(crate) fn fall_due(&mut self) {
        if *self == Notice::NotDue {
            *self = Notice::Due;
        }
    }

    pub(crate) fn said(&mut self) {
        if *self == Notice::Due {
            *self = Notice::Said;
        }
    }
}

/// What of the target's answers is left out, since a budget cut the running result.
///
/// ```text
///  No ──cut──▶ Result ──a round of the gateway's own follows──▶ Round
///  ▲             │ ▲                                              │
///  └─its round───┘ └──────────────its ReadyForQuery───────────────┘
///      ends
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cut {
    #[default]
    No,
    /// The rest of the result, up to ReadyForQuery.
    Result,
    /// The same, and one ReadyForQuery before it.
    Round,
}

impl Cut {
    pub(crate) fn cut(&mut self) {
        if *self == Cut::No {
            *self = Cut::Result;
        }
    }

    pub(crate) fn add_round(&mut self) {
        if *self == Cut::Result {
            *self = Cut::Round;
        }
    }

    /// A ReadyForQuery came. True if it is one that is left out.
    pub(crate) fn ready(&mut self) -> bool {
        let is_left_out = *self == Cut::Round;
        *self = if is_left_out { Cut::Result } else { Cut::No };
        is_left_out
    }

    pub(crate) fn is_on(self) -> bool {
        self != Cut::No
    }
}

/// The running statement is cancelled for its time, again and again.
#[derive(Debug, Default)]
pub(crate) struct Overtime {
    /// What its end is called.
    pub(crate) denial: Option<Denial>,
    /// When it is cancelled again.
    pub(crate) cancel_at: Option<Instant>,
    /// How often it was.
    pub(crate) cancels: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrow_of_a_stage_and_no_other() {
        let ended = |was_welcomed| Stage::Ended { was_welcomed };
        for (from, welcomed, draining, end) in [
            (Stage::LoggingIn, Stage::Ready, Stage::LoggingIn, Some(false)),
            (Stage::Ready, Stage::Ready, Stage::Draining, Some(true)),
            (Stage::Draining, Stage::Draining, Stage::Draining, Some(true)),
            (ended(false), ended(false), ended(false), None),
            (ended(true), ended(true), ended(true), None),
        ] {
            let after = |act: fn(&mut Stage)| {
                let mut stage = from;
                act(&mut stage);
                stage
            };
            assert_eq!((after(Stage::welcome), after(Stage::drain)), (welcomed, draining), "{from:?}");
            let mut stage = from;
            assert_eq!(stage.end(), end, "{from:?}");
            assert_eq!((stage, stage.is_ended()), (ended(from.is_welcomed()), true));
        }
    }

    #[test]
    fn every_arrow_of_a_notice_and_no_other() {
        for (from, due, said) in [
            (Notice::NotDue, Notice::Due, Notice::NotDue),
            (Notice::Due, Notice::Due, Notice::Said),
            (Notice::Said, Notice::Said, Notice::Said),
        ] {
            let (mut one, mut other) = (from, from);
            one.fall_due();
            other.said();
            assert_eq!((one, other), (due, said), "{from:?}");
        }
    }

    #[test]
    fn every_arrow_of_a_cut_and_no_other() {
        for (from, cut, round, ready) in [
            (Cut::No, Cut::Result, Cut::No, (Cut::No, false)),
            (Cut::Result, Cut::Result, Cut::Round, (Cut::No, false)),
            (Cut::Round, Cut::Round, Cut::Round, (Cut::Result, true)),
        ] {
            let (mut one, mut other, mut third) = (from, from, from);
            one.cut();
            other.add_round();
            let is_left_out = third.ready();
            assert_eq!((one, other, (third, is_left_out)), (cut, round, ready), "{from:?}");
            assert_eq!(from.is_on(), from != Cut::No);
        }
    }
}
