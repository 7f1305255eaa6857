//! Verdicts of texts seen before.

use crate::plan::Verdict;
use std::sync::{Arc, OnceLock};

/// Digest of everything in a grant that a decision on a text depends on. Copies begin empty, so that a changed
/// copy of a grant never answers with the original's decisions.
#[derive(Debug, Default)]
pub struct DecisionKey(OnceLock<[u8; 32]>);

impl Clone for DecisionKey {
    fn clone(&self) -> DecisionKey {
        DecisionKey::default()
    }
}

impl PartialEq for DecisionKey {
    fn eq(&self, _: &DecisionKey) -> bool {
        true
    }
}

/// Verdicts of texts seen before, bounded in bytes. One per reactor.
#[derive(Debug)]
pub struct DecisionCache {
    _verdicts: Vec<Arc<Verdict>>,
}

impl DecisionCache {
    /// With room for about this many bytes.
    #[must_use]
    pub fn new(_capacity: usize) -> DecisionCache {
        DecisionCache { _verdicts: Vec::new() }
    }
}
