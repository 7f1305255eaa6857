//! Bind, read for the recording: parameters as typed values.

use crate::live::Live;
use crate::turn::Turn;
use hoopwire_recording::{Bind, Direction, Frame, Parameter};
use hoopwire_wire::Reader;

/// A value longer than this is recorded by its beginning and its full length; the digest of the whole
/// message is in the frame that follows a streamed Bind.
const VALUE_KEPT_BYTES: usize = 16 * 1024;

/// Records a Bind whose body (or the part of it that is here) is `body`; `raw` is what will be forwarded.
/// Gives the number of the statement bound, or `None` if the message is malformed.
pub(crate) fn record(live: &mut Live, body: &[u8], raw: &[u8], turn: &mut Turn<'_>) -> Option<u64> {
    let mut reader = Reader::new(body);
    let portal = reader.cstr().ok()?;
    let name = reader.cstr().ok()?;
    let prepared = live.names.prepared(name);
    let no = prepared.map_or(0, |prepared| prepared.no);
    let types = prepared.map_or(&[][..], |prepared| prepared.types.as_slice());
    let parameters = parameters(&mut reader, types);
    let frame = Frame::Bind(Bind { no, portal, name, parameters: &parameters, bytes: raw.len() as u64 });
    turn.frames.push(live.no, turn.unix_us, Direction::Upstream, &frame);
    live.names.bind(portal, no);
    Some(no)
}

/// As many parameters as are whole in what is here. A malformed rest is the target's to refuse: the frame
/// then holds what could be read, and the bytes are the same either way.
fn parameters<'a>(reader: &mut Reader<'a>, types: &[u32]) -> Vec<Parameter<'a>> {
    let mut read = || -> Option<Vec<Parameter<'a>>> {
        let count = reader.u16().ok()?;
        let formats = (0..count).map(|_| reader.i16().ok()).collect::<Option<Vec<i16>>>()?;
        let count = reader.u16().ok()?;
        let mut parameters = Vec::with_capacity(usize::from(count).min(256));
        for index in 0..usize::from(count) {
            let Some(value) = value(reader) else { break };
            let format = match formats.as_slice() {
                [] => 0,
                [all] => *all,
                each => each.get(index).copied().unwrap_or(0),
            };
            let oid = types.get(index).copied().unwrap_or(0);
            let length = value.map_or(0, |value| value.len() as u64);
            let value = value.map(|value| value.get(..VALUE_KEPT_BYTES).unwrap_or(value));
            parameters.push(Parameter { oid, format, value, length });
        }
        Some(parameters)
    };
    read().unwrap_or_default()
}

/// One value; the inner `None` is SQL's NULL, the outer one "not whole".
fn value<'a>(reader: &mut Reader<'a>) -> Option<Option<&'a [u8]>> {
    match reader.i32().ok()? {
        -1 => Some(None),
        length => Some(Some(reader.bytes(usize::try_from(length).ok()?).ok()?)),
    }
}
