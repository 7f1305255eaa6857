//! Masks in a session: which columns of the running result are masked, and what else may show their values.
//!
//! Two rules:
//! 1. In a session with masks, no row is delivered before the description of its result was read: the simple
//!    protocol sends one ahead, and in the extended protocol the gateway asks for one itself before each Execute.
//! 2. What carries values outside rows (DETAIL and context of errors, notices) is not delivered.

use crate::caches::Turn;
use crate::ending::Ending;
use crate::live::Live;
use hoopwire_grant::{Fault, Party};
use hoopwire_postgres_policy::{
    Catalogue, Code, ColumnMask, CopyMask, CopyOut, Denial, Grant, MaskedField, RowMask,
};
use hoopwire_postgres_protocol::backend::{Column, RowDescription, Tag};
use hoopwire_postgres_protocol::error::{ErrorReport, ServerReport, Sqlstate, field, rewritten};
use hoopwire_postgres_protocol::frontend::{self, Kind};
use hoopwire_postgres_protocol::message::{HEADER_BYTES, MessageTag};
use hoopwire_postgres_protocol::pipeline::Owed;
use std::collections::{HashMap, HashSet};

/// Largest row that is masked; it is held while it is rewritten.
pub(crate) const ROW_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most COPY statements of a session with masks that run or are prepared.
const COPIES_MAX: usize = 1024;
const WITHHELD: &[u8] = b"the target's message is withheld: it may show masked values";

/// A COPY to the principal.
#[derive(Debug, Default)]
enum Copying {
    /// None was announced.
    #[default]
    No,
    /// Nothing of it is masked.
    Plain,
    Masked(CopyMask),
}

/// The masks of a session, and of the result that is running.
#[derive(Debug, Default)]
pub(crate) struct Masking {
    needed: bool,
    /// The rows that come were described.
    described: bool,
    rows: Option<RowMask>,
    copy: Copying,
    /// COPY statements by number, with what they deliver of masked columns.
    copies: HashMap<u64, Option<CopyOut>>,
}

impl Masking {
    pub(crate) fn new(grant: &Grant) -> Masking {
        Masking { needed: !grant.rights.masks.is_empty(), ..Masking::default() }
    }

    /// The grant has masks.
    pub(crate) fn is_needed(&self) -> bool {
        self.needed
    }

    /// A result ended, or another begins.
    pub(crate) fn rest(&mut self) {
        self.described = false;
        self.rows = None;
        self.copy = Copying::No;
    }

    /// RowDescription of the result that follows.
    pub(crate) fn describe(
        &mut self,
        body: &[u8],
        grant: &Grant,
        catalogue: &Catalogue,
    ) -> Result<(), Ending> {
        self.described = true;
        let columns = RowDescription::read(body).map_err(|_| malformed())?;
        let mut fields = Vec::with_capacity(usize::from(columns.left()));
        for column in columns {
            let Column { table, number, type_oid, format } = column.map_err(|_| malformed())?;
            let mask = column_mask(grant, catalogue, table, number);
            fields.push(mask.map(|mask| MaskedField { mask: mask.with_type(type_oid), format }));
        }
        self.rows = RowMask::new(fields);
        Ok(())
    }

    /// CopyOutResponse for statement `no`.
    pub(crate) fn begin_copy(&mut self, no: u64, grant: &Grant, catalogue: &Catalogue) -> Result<(), Ending> {
        let copy = self.copies.get(&no).ok_or_else(unknown_copy)?;
        self.copy = match copy {
            Some(plan) => Copying::Masked(CopyMask::of_plan(plan, grant, catalogue).ok_or_else(malformed)?),
            None => Copying::Plain,
        };
        Ok(())
    }

    /// Appends a DataRow or CopyData as the principal may see it. `raw` is one whole message.
    pub(crate) fn deliver(&mut self, tag: Tag, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Ending> {
        let body = raw.get(HEADER_BYTES..).unwrap_or_default();
        match (tag, &self.rows, &mut self.copy) {
            (Tag::DataRow, ..) if !self.described => {
                Err(Ending::misbehaved_target("a row that was not described, under masks"))
            }
            (Tag::DataRow, Some(rows), _) => rows.rewrite(tag.byte(), body, out).map_err(|_| malformed()),
            (Tag::CopyData, _, Copying::No) => {
                Err(Ending::misbehaved_target("COPY data that was not announced, under masks"))
            }
            (Tag::CopyData, _, Copying::Masked(copy)) => {
                copy.rewrite(tag.byte(), body, out).map_err(|_| malformed())
            }
            _ => {
                out.extend_from_slice(raw);
                Ok(())
            }
        }
    }
}

/// What stands in place of this column, if the grant masks it.
fn column_mask(grant: &Grant, catalogue: &Catalogue, oid: u32, attnum: i16) -> Option<ColumnMask> {
    let relation = catalogue.by_oid(oid)?;
    let column = relation.columns.iter().find(|column| column.attnum == attnum)?;
    let mask = grant.rights.masks.get(column.mask?)?;
    Some(ColumnMask::new(mask, column.type_oid, &grant.rights.mask_key))
}

fn too_many_copies() -> Denial {
    Denial {
        fault: Fault::OverLimit,
        code: Code::TooManyCopies,
        message: "too many prepared COPY statements in one session".to_owned(),
        detail: format!("Under a grant with masks there may be {COPIES_MAX}.\ncode: too_many_copies"),
        hint: "Close some of them, or connect again.".to_owned(),
        position: None,
    }
}

fn malformed() -> Ending {
    Ending::misbehaved_target("a row that does not fit its description")
}

/// Rows of a COPY come without saying what they are.
fn unknown_copy() -> Ending {
    let report = ErrorReport::fatal(
        Sqlstate::INSUFFICIENT_PRIVILEGE,
        "the gateway cannot tell which COPY of this session runs, and so not what of it is masked",
    )
    .with_detail(
        "A prepared COPY was run by EXECUTE, or by a name that a pipeline had just given to another one.",
    )
    .with_hint("Connect again, and send the COPY as a query, or execute it by the protocol's own messages.");
    Ending::fatal(Party::Gateway, "a COPY that is not known", report)
}

/// A row of a masked result that is too large to be held.
pub(crate) fn row_too_large() -> Ending {
    let report = ErrorReport::fatal(Sqlstate::PROGRAM_LIMIT_EXCEEDED, "a row is too large to be masked")
        .with_detail(format!("Under a grant with masks a row may have {ROW_MAX_BYTES} bytes."))
        .with_hint("Select fewer or shorter columns, and connect again.");
    Ending::fatal(Party::Gateway, "a row too large to be masked", report)
}

impl Live {
    pub(crate) fn masking(&mut self) -> Option<&mut Masking> {
        self.exact.as_mut().map(|exact| &mut exact.masking).filter(|masking| masking.needed)
    }

    pub(crate) fn has_masks(&self) -> bool {
        self.exact.as_ref().is_some_and(|exact| exact.masking.needed)
    }

    /// A COPY. `masked` is what it delivers of masked columns.
    pub(crate) fn note_copy(&mut self, no: u64, masked: Option<CopyOut>) -> Result<(), Denial> {
        let Some(exact) = &mut self.exact else { return Ok(()) };
        let copies = &mut exact.masking.copies;
        if copies.len() >= COPIES_MAX {
            let known: HashSet<u64> = self.names.numbers().chain(self.pipeline.numbers()).collect();
            copies.retain(|no, _| known.contains(no));
        }
        if copies.len() >= COPIES_MAX {
            return Err(too_many_copies());
        }
        copies.insert(no, masked);
        Ok(())
    }

    /// Asks for the description of a portal that is about to be executed.
    pub(crate) fn describe_first(&mut self, portal: &[u8], turn: &mut Turn<'_>) {
        if !self.has_masks() {
            return;
        }
        self.say_own(turn, |_, out| frontend::describe(Kind::Portal, portal, out));
        self.pipeline.push(Owed::OwnDescribe);
    }

    /// RowDescription, NoData: of a result that follows, or only told.
    pub(crate) fn described(&mut self, tag: Tag, body: &[u8], follows: bool) -> Result<(), Ending> {
        if !follows {
            return Ok(());
        }
        let Some(exact) = &mut self.exact else { return Ok(()) };
        let Some(catalogue) = exact.catalogue.as_deref().filter(|_| exact.masking.needed) else {
            return Ok(());
        };
        exact.masking.rest();
        if tag == Tag::RowDescription { exact.masking.describe(body, &self.grant, catalogue) } else { Ok(()) }
    }

    /// CopyOutResponse.
    pub(crate) fn copy_begins(&mut self, no: u64) -> Result<(), Ending> {
        let Some(exact) = self.exact.as_mut().filter(|exact| exact.masking.needed) else { return Ok(()) };
        let catalogue = exact.catalogue.as_deref().ok_or_else(unknown_copy)?;
        exact.masking.begin_copy(no, &self.grant, catalogue)
    }
}

/// An ErrorResponse or NoticeResponse without what may show values: its detail, context and internal query, and
/// its text, hint and names of objects where texts of its class quote values or are made by functions.
pub(crate) fn scrub(tag: Tag, body: &[u8]) -> Vec<u8> {
    let sqlstate = ServerReport::parse(body).sqlstate;
    let is_plain =
        tag == Tag::ErrorResponse && sqlstate.is_some_and(|sqlstate| quotes_no_values(sqlstate.as_str()));
    rewritten(tag, body, |code, text| match code {
        field::DETAIL | field::CONTEXT | field::INTERNAL_QUERY | field::INTERNAL_POSITION => None,
        // RAISE ... USING sets these, too
        field::HINT | field::SCHEMA | field::TABLE | field::COLUMN | field::DATA_TYPE | field::CONSTRAINT
            if !is_plain =>
        {
            None
        }
        field::MESSAGE if !is_plain => Some(WITHHELD),
        _ => Some(text),
    })
}

/// Classes of errors whose primary text names objects and limits, never values: syntax and access rules,
/// constraints (their values are in DETAIL), transactions, resources, operator intervention.
fn quotes_no_values(sqlstate: &str) -> bool {
    let class = sqlstate.get(..2).unwrap_or_default();
    matches!(
        class,
        "08" | "0A"
            | "23"
            | "25"
            | "26"
            | "28"
            | "2D"
            | "34"
            | "3B"
            | "3D"
            | "3F"
            | "40"
            | "42"
            | "53"
            | "54"
            | "55"
            | "57"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_does_not_show_a_masked_value() {
        // A check that failed showed the whole row in DETAIL, a cast the value in its text.
        let scrubbed = |tag, body: &[u8]| String::from_utf8_lossy(&scrub(tag, body)).into_owned();
        let check = b"SERROR\0VERROR\0C23514\0Mviolates \"c\"\0DFailing row contains (bob@x).\0sapp\0\0";
        let shown = scrubbed(Tag::ErrorResponse, check);
        assert!(shown.contains("violates") && shown.contains("sapp") && !shown.contains("bob"), "{shown}");
        let cast = b"SERROR\0C22P02\0Minvalid input syntax for type integer: \"bob@x\"\0Wline 1 bob\0\0";
        assert!(!scrubbed(Tag::ErrorResponse, cast).contains("bob"));
        let raise = b"SNOTICE\0C00000\0Mbob@x\0\0";
        assert!(!scrubbed(Tag::NoticeResponse, raise).contains("bob"));
        // the text was withheld, and what else RAISE ... USING sets was not
        let raise = b"SNOTICE\0C00000\0Mx\0Hbob@x\0cbob\0nbob\0dbob\0tbob\0sbob\0FF.c\0\0";
        let shown = scrubbed(Tag::NoticeResponse, raise);
        assert!(!shown.contains("bob") && shown.contains("F.c"), "{shown}");
        assert!(!scrubbed(Tag::ErrorResponse, b"Mbob without a code\0\0").contains("bob"));
        assert!(!scrubbed(Tag::ErrorResponse, b"SERROR\0C42601\0Mcut of bob").contains("bob"));
    }
}
