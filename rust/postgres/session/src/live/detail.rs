//! DETAIL of the target's errors, also in sessions without masks.
//!
//! A constraint that is violated quotes the row, or the key, and PostgreSQL leaves out of it what the session's user may
//! not read (`ExecBuildSlotValueDescription`). That user may mostly read what the grant does not: who may only write a
//! relation, call a function that does, or delete what it refers to, would be told rows of it.

use crate::exact::masking::scrub;
use crate::live::Live;
use hoopwire_postgres_policy::may_quote;
use hoopwire_postgres_protocol::backend::Tag;
use hoopwire_postgres_protocol::error::{Fields, field, rewritten};

/// In place of a DETAIL.
const WITHHELD: &[u8] = b"The gateway withholds it: the grant does not read the relation.";

impl Live {
    /// An error or notice as the principal may see it, if that is not as it came.
    pub(crate) fn with_less_detail(&self, tag: Tag, body: &[u8]) -> Option<Vec<u8>> {
        if self.has_masks() {
            return Some(scrub(tag, body));
        }
        let exact = self.exact.as_ref().filter(|_| tag == Tag::ErrorResponse)?;
        let said = Said::read(body);
        let may_quote = || may_quote(&self.grant, exact.catalogue.as_deref(), said.relation());
        let is_hidden = said.is_of_constraint && said.has_detail && !may_quote();
        is_hidden.then(|| without_detail(body))
    }
}

/// What an error says of itself.
#[derive(Default)]
struct Said<'a> {
    /// Its class may quote rows: integrity constraints, a view's check option.
    is_of_constraint: bool,
    has_detail: bool,
    schema: Option<&'a str>,
    table: Option<&'a str>,
}

impl<'a> Said<'a> {
    fn read(body: &'a [u8]) -> Said<'a> {
        let mut said = Said::default();
        for (code, text) in Fields::read(body) {
            match code {
                field::SQLSTATE => said.is_of_constraint = text.starts_with(b"23") || text.starts_with(b"44"),
                field::DETAIL => said.has_detail = true,
                field::SCHEMA => said.schema = std::str::from_utf8(text).ok(),
                field::TABLE => said.table = std::str::from_utf8(text).ok(),
                _ => {}
            }
        }
        said
    }

    fn relation(&self) -> Option<(&'a str, &'a str)> {
        self.schema.zip(self.table)
    }
}

fn without_detail(body: &[u8]) -> Vec<u8> {
    let instead = |code, text| Some(if code == field::DETAIL { WITHHELD } else { text });
    rewritten(Tag::ErrorResponse, body, instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_error_quotes_and_of_which_relation() {
        let check = b"SERROR\0C23514\0Mviolates \"c\"\0DFailing row contains (1, bob).\0spublic\0tvend\0\0";
        let said = Said::read(check);
        assert!(said.is_of_constraint && said.has_detail);
        assert_eq!(said.relation(), Some(("public", "vend")));
        let option = b"SERROR\0C44000\0Mnew row violates check option\0DFailing row contains (1, bob).\0\0";
        assert!(Said::read(option).is_of_constraint && Said::read(option).relation().is_none());
        let depends = b"SERROR\0C2BP01\0Mcannot drop\0Dview v depends on it\0\0";
        assert!(!Said::read(depends).is_of_constraint);
        let left = String::from_utf8_lossy(&without_detail(check)).into_owned();
        assert!(left.contains("violates") && left.contains("tvend") && !left.contains("bob"), "{left}");
    }
}
