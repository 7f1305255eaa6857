//! The sessions that a stream has admitted: what a new segment must say of them, and the room they hold.

use hoopwire_recording::{Direction, Frame, Frames, Kind, Scratch, SessionContinued, SessionEnd};
use std::collections::BTreeMap;

/// Room kept for the closing frames of one session: the report, its span (whole, if results are kept), the end.
pub(crate) const CLOSING_BYTES: u64 = 4096;

#[derive(Debug)]
struct Admitted {
    session: String,
    grant: String,
    /// Its SessionStart (or SessionContinued) is kept.
    begun: bool,
    /// Its SessionEnd is kept.
    ended: bool,
}

/// A session whose end could not be recorded when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unended {
    pub(crate) number: u32,
    pub(crate) session: String,
    pub(crate) grant: String,
    /// For the SessionEnd frame that is owed.
    pub(crate) closed_by: &'static str,
    pub(crate) reason: &'static str,
}

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    admitted: BTreeMap<u32, Admitted>,
    unended: Vec<Unended>,
}

impl Sessions {
    pub(crate) fn owing(unended: Vec<Unended>) -> Sessions {
        Sessions { admitted: BTreeMap::new(), unended }
    }

    /// Bytes that are held for the closing frames of all.
    pub(crate) fn reserve(&self) -> u64 {
        CLOSING_BYTES * (self.admitted.len() as u64)
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        self.admitted.contains_key(&number)
    }

    pub(crate) fn admit(&mut self, number: u32, session: &str, grant: &str) {
        let admitted =
            Admitted { session: session.to_owned(), grant: grant.to_owned(), begun: false, ended: false };
        self.admitted.insert(number, admitted);
    }

    pub(crate) fn release(&mut self, number: u32) {
        let Some(gone) = self.admitted.remove(&number) else { return };
        if gone.begun && !gone.ended {
            self.unended.push(Unended {
                number,
                session: gone.session,
                grant: gone.grant,
                closed_by: "gateway",
                reason: "recording_failed",
            });
        }
    }

    /// What the head of a new segment says: who goes on, and the ends that are owed.
    pub(crate) fn head(&self, unix_us: u64) -> Frames {
        let mut frames = Frames::new();
        let going = self.admitted.iter().filter(|(_, each)| each.begun && !each.ended);
        for (number, each) in going {
            push_continued(&mut frames, *number, unix_us, &each.session, &each.grant);
        }
        for each in &self.unended {
            push_continued(&mut frames, each.number, unix_us, &each.session, &each.grant);
            let end = SessionEnd {
                closed_by: each.closed_by,
                reason: each.reason,
                sqlstate: "",
                statements: 0,
                rows: 0,
                bytes_in: 0,
                bytes_out: 0,
            };
            frames.push(each.number, unix_us, Direction::Gateway, &Frame::SessionEnd(end));
        }
        frames
    }

    /// Ends are owed by sessions that are gone.
    pub(crate) fn owes(&self) -> bool {
        !self.unended.is_empty()
    }

    /// The owed ends are kept.
    pub(crate) fn settle(&mut self) {
        self.unended.clear();
    }

    /// Frames that must stand before `frames`: a session that ends although its start was never kept.
    pub(crate) fn prefix(&self, frames: &Frames, unix_us: u64) -> Frames {
        let mut prefix = Frames::new();
        for frame in frames.iter().filter(|frame| frame.kind == Kind::SessionEnd.byte()) {
            let number = frame.session;
            let starts = |each: hoopwire_recording::RawFrame<'_>| {
                each.session == number && each.kind == Kind::SessionStart.byte()
            };
            if let Some(each) = self.admitted.get(&number).filter(|each| !each.begun)
                && !frames.iter().any(starts)
            {
                push_continued(&mut prefix, number, unix_us, &each.session, &each.grant);
            }
        }
        prefix
    }

    /// Takes in frames that are kept.
    pub(crate) fn kept(&mut self, frames: &Frames) {
        for raw in frames.iter() {
            let Some(each) = self.admitted.get_mut(&raw.session) else { continue };
            let mut scratch = Scratch::default();
            match Kind::from_byte(raw.kind) {
                Some(Kind::SessionStart | Kind::SessionContinued) => each.begun = true,
                Some(Kind::SessionEnd) => {
                    each.begun = true;
                    each.ended = true;
                }
                Some(Kind::GrantChanged) => {
                    if let Ok(Frame::GrantChanged(changed)) =
                        Frame::decode(raw.kind, raw.payload, &mut scratch)
                    {
                        changed.grant.clone_into(&mut each.grant);
                    }
                }
                _ => {}
            }
        }
    }
}

fn push_continued(frames: &mut Frames, number: u32, unix_us: u64, session: &str, grant: &str) {
    let frame = Frame::SessionContinued(SessionContinued { session, grant });
    frames.push(number, unix_us, Direction::Gateway, &frame);
}
