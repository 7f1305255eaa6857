//! Bind, read for the recording: parameters as typed values.

use crate::caches::Turn;
use crate::live::Live;
use crate::live::names::{Bound, Nature};
use hoopwire_postgres_policy::{Denial, Grant, check_setting};
use hoopwire_recording::{Bind, Direction, Frame, Parameter};
use hoopwire_wire::Reader;

/// A value longer than this is recorded by its beginning and its full length.
const VALUE_KEPT_BYTES: usize = 16 * 1024;

/// What was recorded of a Bind.
pub(crate) struct Recorded<'a> {
    pub(crate) portal: &'a [u8],
    pub(crate) bound: Bound,
    /// The frame says all that the message holds; else its bytes must be kept by digest.
    pub(crate) complete: bool,
}

/// Records a Bind whose body (or the part of it that is here) is `body`; `raw` is what will be forwarded.
/// `None` if not even its names can be read.
pub(crate) fn record<'a>(
    live: &Live,
    body: &'a [u8],
    raw: &[u8],
    turn: &mut Turn<'_>,
) -> Option<Recorded<'a>> {
    let mut reader = Reader::new(body);
    let portal = reader.cstr().ok()?;
    let name = reader.cstr().ok()?;
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
    let (parameters, complete) = parameters(&mut reader, types);
    let frame =
        Frame::Bind(Bind { no: bound.no, portal, name, parameters: &parameters, bytes: raw.len() as u64 });
    turn.frames.push(live.no, turn.unix_us, Direction::Upstream, &frame);
    Some(Recorded { portal, bound, complete })
}

/// Behind the names of a Bind: may its parameters name the settings that its statement reads by them?
///
/// # Errors
/// The denial, also for what is not here as a whole.
pub(crate) fn check_settings(reader: &mut Reader<'_>, asked: u32, grant: &Grant) -> Result<(), Denial> {
    let mut values = || -> Option<Vec<&[u8]>> {
        formats(reader)?;
        let count = u32::from(reader.u16().ok()?).min(u32::BITS);
        let mut named = Vec::new();
        for bit in 0..count {
            let value = value(reader)?;
            // of NULL nothing is read
            named.extend(value.filter(|_| (asked >> bit) & 1 == 1));
        }
        Some(named)
    };
    // text and varchar are the same in both formats
    let named = values().map_or_else(|| check_setting(grant, None).map(|()| Vec::new()), Ok)?;
    named.into_iter().try_for_each(|name| check_setting(grant, std::str::from_utf8(name).ok()))
}

/// As many parameters as are whole in what is here, and whether that, with well-formed result formats behind
/// it, is all there is. A malformed rest is the target's to refuse.
fn parameters<'a>(reader: &mut Reader<'a>, types: &[u32]) -> (Vec<Parameter<'a>>, bool) {
    let mut parameters = Vec::new();
    let complete = read(reader, types, &mut parameters).unwrap_or(false);
    (parameters, complete)
}

fn read<'a>(reader: &mut Reader<'a>, types: &[u32], parameters: &mut Vec<Parameter<'a>>) -> Option<bool> {
    let formats = formats(reader)?;
    let count = usize::from(reader.u16().ok()?);
    let mut complete = matches!(formats.len(), 0 | 1) || formats.len() == count;
    for index in 0..count {
        let value = value(reader)?;
        let format = match formats {
            [] => 0,
            [all] => i16::from_be_bytes(*all),
            each => each.get(index).map_or(0, |each| i16::from_be_bytes(*each)),
        };
        let oid = types.get(index).copied().unwrap_or(0);
        let length = value.map_or(0, |value| value.len() as u64);
        let kept = value.map(|value| value.get(..VALUE_KEPT_BYTES).unwrap_or(value));
        complete &= kept == value;
        parameters.push(Parameter { oid, format, value: kept, length });
    }
    let of_results = formats_are_plain(self::formats(reader)?);
    Some(complete && (count > 0 || formats.is_empty()) && of_results && reader.is_empty())
}

/// Of two bytes each.
fn formats<'a>(reader: &mut Reader<'a>) -> Option<&'a [[u8; 2]]> {
    let count = usize::from(reader.u16().ok()?);
    let (formats, _) = reader.bytes(count.saturating_mul(2)).ok()?.as_chunks();
    Some(formats)
}

/// Text and binary: what a server knows.
fn formats_are_plain(formats: &[[u8; 2]]) -> bool {
    formats.iter().all(|format| matches!(i16::from_be_bytes(*format), 0 | 1))
}

/// One value; the inner `None` is SQL's NULL, the outer one "not whole".
fn value<'a>(reader: &mut Reader<'a>) -> Option<Option<&'a [u8]>> {
    match reader.i32().ok()? {
        -1 => Some(None),
        length => Some(Some(reader.bytes(usize::try_from(length).ok()?).ok()?)),
    }
}
