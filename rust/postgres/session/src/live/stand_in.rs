//! What goes to the target in place of a refused request.
//!
//! A refusal should leave transaction, pipeline and prepared statements as a server's own error would. The surest
//! way is to let the server err: the refused request is replaced by one that cannot succeed, and the client hears
//! the denial instead of that error. Nothing of the refused request is in it (docs/decisions/0007).

use hoopwire_postgres_protocol::frontend::{self, Tag};

/// No grammar of PostgreSQL has a statement that begins like this: it fails before anything is looked up, also in
/// an aborted transaction.
const TEXT: &[u8] = b"hoopwire: a statement was refused here";
/// A statement of this name is never made.
const NAME: &[u8] = b"hoopwire_refused";

/// Whether a server answers this kind of request at all: Flush has no reply, CopyDone and CopyFail outside a COPY
/// are ignored.
pub(crate) fn is_answered(tag: Tag) -> bool {
    !matches!(tag, Tag::Flush | Tag::CopyDone | Tag::CopyFail | Tag::CopyData)
}

/// Appends a request of the same kind as `tag` that the target answers with an error. `name` is that of the
/// statement a Parse would make: a failed Parse of the unnamed statement destroys the unnamed statement, any other
/// destroys nothing.
pub(crate) fn encode(tag: Tag, name: &[u8], out: &mut Vec<u8>) {
    match tag {
        Tag::Query => frontend::query(TEXT, out),
        // no function has it
        Tag::FunctionCall => frontend::function_call(0, out),
        _ => {
            let unnamed = tag == Tag::Parse && name.is_empty();
            frontend::parse(if unnamed { b"" } else { NAME }, TEXT, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_request_keeps_its_kind_and_nothing_of_itself() {
        let mut out = Vec::new();
        encode(Tag::Query, b"", &mut out);
        assert_eq!((out[0], out.ends_with(b"refused here\0")), (b'Q', true));
        out.clear();
        encode(Tag::FunctionCall, b"", &mut out);
        assert_eq!(out, b"F\0\0\0\x0e\0\0\0\0\0\0\0\0\0\0");
        for (tag, name, kept) in
            [(Tag::Parse, &b""[..], &b""[..]), (Tag::Parse, b"mine", NAME), (Tag::Bind, b"", NAME)]
        {
            out.clear();
            encode(tag, name, &mut out);
            assert_eq!((out[0], out[5..].split(|byte| *byte == 0).next()), (b'P', Some(kept)));
        }
    }
}
