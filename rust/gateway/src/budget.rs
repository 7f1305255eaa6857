//! Budgets in a session: what is taken before it passes, and how a statement ends when one is used up.
//!
//! Rows and bytes are taken as they are delivered. The statement that reaches a limit is cut there: the principal
//! gets the error behind the last row that it may have, the target a CancelRequest and a request that fails, and
//! nothing more of that round is delivered but its ReadyForQuery.

use crate::live::Live;
use crate::result::Gathering;
use crate::turn::{Effect, Turn};
use hoopwire_policy::{Budget, Denial, Verdict};
use hoopwire_postgres::pipeline::Owed;
use std::sync::Arc;
use std::time::Instant;

impl Live {
    /// Takes the statements of a text that was allowed.
    pub(crate) fn take_statements(&self, verdict: Option<&Arc<Verdict>>) -> Result<(), Denial> {
        let count = match verdict.map(|verdict| &verdict.outcome) {
            Some(Ok(plans)) => plans.len(),
            _ => 1,
        };
        for _ in 0..count {
            self.meter.take_statement().map_err(|budget| self.meter.denial(budget, &self.grant))?;
        }
        Ok(())
    }

    /// Of `rows` messages in `raw` (whole ones, or the beginning of one of `bytes` bytes), the bytes that may be
    /// delivered, and the budget that ends it there.
    pub(crate) fn take_rows<'r>(
        &mut self,
        raw: &'r [u8],
        rows: u64,
        bytes: u64,
    ) -> (&'r [u8], u64, Option<Budget>) {
        let passed = self.meter.take_rows(rows, bytes);
        if passed >= rows {
            return (raw, rows, None);
        }
        let budget = self.meter.exhausted().unwrap_or(Budget::Rows);
        (first_messages(raw, passed), passed, Some(budget))
    }

    /// The running statement ends here, with these words, and the state that an error leaves: behind it goes a
    /// request that cannot succeed. Where more rounds are on their way already, that would come too late.
    pub(crate) fn cut(&mut self, budget: Budget, span: &mut Gathering, turn: &mut Turn<'_>) {
        let denial = self.meter.denial(budget, &self.grant);
        self.say_denial(&denial, span, turn);
        span.ended = true;
        self.swallowing = true;
        turn.effects.push(Effect::CancelUpstream { pid: self.upstream_pid, key: self.upstream_key.clone() });
        match self.pipeline.rounds() {
            0 => {
                // a server's error in the extended protocol skips to the Sync that is still to come
                self.fail_here(b'P', denial, turn);
                self.discarding = true;
            }
            1 => {
                self.fail_here(b'Q', denial, turn);
                self.rounds_to_swallow = 1;
            }
            _ => {}
        }
    }

    /// Time passed while a statement runs.
    pub(crate) fn tick(&mut self, turn: &mut Turn<'_>) {
        self.meter.tick(turn.now);
        if self.overtime.is_none() && self.meter.exhausted() == Some(Budget::WallTime) {
            self.overtime = Some(self.meter.denial(Budget::WallTime, &self.grant));
            turn.effects
                .push(Effect::CancelUpstream { pid: self.upstream_pid, key: self.upstream_key.clone() });
        }
    }

    /// When [`Live::tick`] is due.
    pub(crate) fn tick_at(&self) -> Option<Instant> {
        if self.overtime.is_some() { None } else { self.meter.wake() }
    }

    /// A request is owed that may run a statement. False if the target skips it.
    pub(crate) fn owe(&mut self, request: Owed<Denial>, turn: &Turn<'_>) -> bool {
        if matches!(request, Owed::Query { .. } | Owed::Execute { .. } | Owed::FunctionCall { .. }) {
            self.meter.start(turn.now);
        }
        self.pipeline.push(request)
    }
}

/// The first `count` whole messages of `raw`.
fn first_messages(raw: &[u8], count: u64) -> &[u8] {
    let mut end = 0_usize;
    for _ in 0..count {
        let Some(word) = raw.get(end.saturating_add(1)..).and_then(|rest| rest.first_chunk::<4>()) else {
            break;
        };
        end = end.saturating_add(1).saturating_add(u32::from_be_bytes(*word) as usize);
    }
    raw.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_between_messages() {
        let raw = b"D\0\0\0\x06\0\0D\0\0\0\x04D\0\0\0\x05x";
        assert_eq!(first_messages(raw, 0), b"");
        assert_eq!(first_messages(raw, 1), &raw[..7]);
        assert_eq!(first_messages(raw, 2), &raw[..12]);
        assert_eq!(first_messages(raw, 9), raw, "no more than there are");
        assert_eq!(
            first_messages(b"D\0\0\0\x09x", 1),
            b"",
            "a length that lies: nothing rather than too much"
        );
    }
}
