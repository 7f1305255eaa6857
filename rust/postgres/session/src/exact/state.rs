//! How what is known of the target stands to what is decided now.
//!
//! ```text
//!              ┌──────────────── something was sent, or decided ────────────────┐
//!              ▼                                                                │
//!  Known ──the target is asked──▶ Asking ──it has answered──────────────────▶ Fresh
//!    ▲                              │ ▲  │                                       │
//!    │                              │ └──┼──────────── it is asked again ────────┘
//!    │                              │    └─ all is not as it was: asked for all ─▶ Asking
//!    └──── something was decided ── Interrupted ◀── a cancel or timeout hit the question
//! ```

use crate::exact::inquiry::Inquiry;

/// See the diagram above.
#[derive(Debug, Default)]
pub(crate) enum Knowledge {
    /// As old as it is.
    #[default]
    Known,
    /// It was asked for what is decided now, and the target has run nothing since.
    Fresh,
    /// A question is under way; `is_watching`: only whether all is as it was.
    Asking { inquiry: Inquiry, is_watching: bool },
    /// The question was interrupted: what waited for it cannot be decided.
    Interrupted,
}

impl Knowledge {
    /// What waited for an answer was decided.
    pub(crate) fn decided(&mut self) {
        if matches!(self, Knowledge::Fresh | Knowledge::Interrupted) {
            *self = Knowledge::Known;
        }
    }

    /// Something went to the target: what it runs may take long.
    pub(crate) fn sent(&mut self) {
        if matches!(self, Knowledge::Fresh) {
            *self = Knowledge::Known;
        }
    }

    pub(crate) fn is_fresh(&self) -> bool {
        matches!(self, Knowledge::Fresh)
    }

    pub(crate) fn is_asking(&self) -> bool {
        matches!(self, Knowledge::Asking { .. })
    }

    pub(crate) fn was_interrupted(&self) -> bool {
        matches!(self, Knowledge::Interrupted)
    }
}

/// What was prepared or declared: it outlives the decision that it was made under.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// There is any.
    pub(crate) is_any: bool,
    /// A statement that looks names of relations up was prepared, by a Parse or in SQL. Which one a Bind runs is not told by its
    /// name: the target may have skipped the Parse or Close that we saw last.
    pub(crate) looks_up: bool,
    /// A text was let through since no setting of roles and databases was a secret.
    pub(crate) showed_settings: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_session_does_by_itself_moves_it_along_no_other_arrow() {
        let asking = || Knowledge::Asking { inquiry: Inquiry::new(None, 0), is_watching: false };
        let word = |knowledge: &Knowledge| match knowledge {
            Knowledge::Known => "known",
            Knowledge::Fresh => "fresh",
            Knowledge::Asking { .. } => "asking",
            Knowledge::Interrupted => "interrupted",
        };
        let all: [(fn() -> Knowledge, _, _); 3] = [
            (|| Knowledge::Known, "known", "known"),
            (|| Knowledge::Fresh, "known", "known"),
            (|| Knowledge::Interrupted, "known", "interrupted"),
        ];
        for (from, decided, sent) in all {
            let (mut one, mut other) = (from(), from());
            one.decided();
            other.sent();
            assert_eq!((word(&one), word(&other)), (decided, sent), "{:?}", from());
        }
        let mut waits = asking();
        waits.decided();
        waits.sent();
        assert_eq!((word(&waits), waits.is_asking(), waits.is_fresh()), ("asking", true, false));
    }
}
