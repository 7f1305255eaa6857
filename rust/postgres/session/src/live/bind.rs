//! Bind, read for the recording: parameters as typed values.

use crate::caches::Turn;
use crate::live::Live;
use crate::live::names::{Bound, Nature};
use hoopwire_postgres_policy::{Denial, Grant, check_setting};
use hoopwire_postgres_protocol::frontend::Bind;
use hoopwire_recording::{self as recording, Direction, Frame, Parameter};
use hoopwire_session::Recorded;

/// A value longer than this is recorded by its beginning and its full length.
const VALUE_KEPT_BYTES: usize = 16 * 1024;

/// What was recorded of a Bind.
pub(crate) struct Told {
    pub(crate) bound: Bound,
    /// The frame says all that the message holds; else its bytes must be kept by digest.
    pub(crate) kept: Option<Recorded>,
}

/// Records a Bind; `raw` is what will be forwarded of it.
pub(crate) fn record(live: &Live, bind: &Bind<'_>, raw: &[u8], turn: &mut Turn<'_>) -> Told {
    let name = bind.statement;
    let prepared = live.prepared(name);
    let bound = Bound {
        no: prepared.map_or(0, |prepared| prepared.no),
        nature: Nature {
            // what is not known may
            fetches: prepared.is_none_or(|prepared| prepared.nature.fetches),
            ends: prepared.map_or_else(|| live.surely_ends(name), |prepared| prepared.nature.ends),
            asks: 0,
        },
    };
    let types = prepared.map_or(&[][..], |prepared| prepared.types());
    let (parameters, complete) = parameters(bind, types);
    let frame = Frame::Bind(recording::Bind {
        no: bound.no,
        portal: bind.portal,
        name,
        parameters: &parameters,
        bytes: raw.len() as u64,
    });
    let kept = turn.record(live.tally.no, Direction::Upstream, &frame);
    Told { bound, kept: complete.then_some(kept) }
}

/// May the parameters of a Bind name the settings that its statement reads by them?
///
/// # Errors
/// The denial, also for what is not here as a whole.
pub(crate) fn check_settings(bind: &Bind<'_>, asked: u32, grant: &Grant) -> Result<(), Denial> {
    let values = || -> Option<Vec<&[u8]>> {
        let mut parameters = bind.parameters()?;
        let mut named = Vec::new();
        for bit in 0..u32::from(parameters.count).min(u32::BITS) {
            let parameter = parameters.next()?;
            // of NULL nothing is read
            named.extend(parameter.value.filter(|_| (asked >> bit) & 1 == 1));
        }
        Some(named)
    };
    // text and varchar are the same in both formats
    let named = values().map_or_else(|| check_setting(grant, None).map(|()| Vec::new()), Ok)?;
    named.into_iter().try_for_each(|name| check_setting(grant, std::str::from_utf8(name).ok()))
}

/// As many parameters as are whole in what is here, and whether that, with well-formed result formats behind
/// it, is all there is. A malformed rest is the target's to refuse.
fn parameters<'a>(bind: &Bind<'a>, types: &[u32]) -> (Vec<Parameter<'a>>, bool) {
    let mut parameters = Vec::new();
    let complete = read(bind, types, &mut parameters).unwrap_or(false);
    (parameters, complete)
}

fn read<'a>(bind: &Bind<'a>, types: &[u32], parameters: &mut Vec<Parameter<'a>>) -> Option<bool> {
    let mut bound = bind.parameters()?;
    let (formats, count) = (bound.formats, bound.count);
    let mut complete = formats.fit(usize::from(count)) && (count > 0 || formats.is_empty());
    for (index, parameter) in bound.by_ref().enumerate() {
        let value = parameter.value;
        let oid = types.get(index).copied().unwrap_or(0);
        let length = value.map_or(0, |value| value.len() as u64);
        let kept = value.map(|value| value.get(..VALUE_KEPT_BYTES).unwrap_or(value));
        complete &= kept == value;
        parameters.push(Parameter { oid, format: parameter.format, value: kept, length });
    }
    Some(complete && bound.result_formats()?.are_plain())
}
