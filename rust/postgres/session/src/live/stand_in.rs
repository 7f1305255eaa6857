//! What goes to the target in place of a refused request.
//!
//! A refusal should leave transaction, pipeline and prepared statements as a server's own error would. The surest
//! way is to let the server err: the refused request is replaced by one that cannot succeed, and the client hears
//! the denial instead of that error. Nothing of the refused request is in it (docs/decisions/0007).

use hoopwire_wire::message;

/// No grammar of PostgreSQL has a statement that begins like this: it fails before anything is looked up, also in
/// an aborted transaction.
const TEXT: &[u8] = b"hoopwire: a statement was refused here";
/// A statement of this name is never made.
const NAME: &[u8] = b"hoopwire_refused";

/// Whether a server answers this kind of request at all: Flush has no reply, CopyDone and CopyFail outside a COPY
/// are ignored.
pub(crate) fn is_answered(tag: u8) -> bool {
    !matches!(tag, b'H' | b'c' | b'f' | b'd')
}

/// Appends a request of the same kind as `tag` that the target answers with an error. `name` is that of the
/// statement a Parse would make: a failed Parse of the unnamed statement destroys the unnamed statement, any other
/// destroys nothing.
pub(crate) fn encode(tag: u8, name: &[u8], out: &mut Vec<u8>) {
    match tag {
        b'Q' => message(out, b'Q', |w| w.cstr(TEXT)),
        // the function with OID 0, no arguments, a result as text
        b'F' => message(out, b'F', |w| w.bytes(&[0; 10])),
        _ => message(out, b'P', |w| {
            let unnamed = tag == b'P' && name.is_empty();
            w.cstr(if unnamed { b"" } else { NAME });
            w.cstr(TEXT);
            w.bytes(&[0, 0]);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_request_keeps_its_kind_and_nothing_of_itself() {
        let mut out = Vec::new();
        encode(b'Q', b"", &mut out);
        assert_eq!((out[0], out.ends_with(b"refused here\0")), (b'Q', true));
        out.clear();
        encode(b'F', b"", &mut out);
        assert_eq!(out, b"F\0\0\0\x0e\0\0\0\0\0\0\0\0\0\0");
        for (tag, name, kept) in [(b'P', &b""[..], &b""[..]), (b'P', b"mine", NAME), (b'B', b"", NAME)] {
            out.clear();
            encode(tag, name, &mut out);
            assert_eq!((out[0], out[5..].split(|byte| *byte == 0).next()), (b'P', Some(kept)));
        }
    }
}
