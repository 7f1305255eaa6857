//! Names of relations and functions as the tree has them.

use super::{Columns, Walk};
use crate::{Effect, Verbs};
use pg_raw_parse::list::NodeList;
use pg_raw_parse::nodes::RangeVar;
use pg_raw_parse::{Node, nodes};

/// A name without or with a schema.
pub(super) type Qualified<'a> = (Option<&'a str>, &'a str);

/// `RangeVar.relpersistence` of a temporary relation.
pub(super) const TEMPORARY: std::ffi::c_char = b't' as std::ffi::c_char;

impl<'a> Walk<'a> {
    /// One, two or three parts, of which the first of three is a database; anything else is said to be unknown.
    pub(super) fn parts(&mut self, parts: impl Iterator<Item = Option<&'a str>>) -> Option<Qualified<'a>> {
        let mut three = [None; 3];
        for (count, part) in parts.enumerate() {
            let (Some(part), Some(slot)) = (part, three.get_mut(count)) else {
                self.unknown_text("a name");
                return None;
            };
            *slot = Some(part);
        }
        match three {
            [Some(name), None, None] => Some((None, name)),
            [Some(schema), Some(name), None] => Some((Some(schema), name)),
            [Some(database), Some(schema), Some(name)] => {
                self.database(database);
                Some((Some(schema), name))
            }
            _ => {
                self.unknown_text("a name");
                None
            }
        }
    }

    /// Notes that a name begins with this database.
    pub(super) fn database(&mut self, name: &str) {
        let mut others = 0;
        let known = |effect: &Effect| match effect {
            Effect::NameDatabase { name: it } if it == name => true,
            Effect::NameDatabase { .. } => {
                others += 1;
                false
            }
            _ => false,
        };
        // of two databases one is refused, so that a third need not be known
        if !self.found.effects.iter().any(known) && others < 2 {
            self.found.effects.push(Effect::NameDatabase { name: name.to_owned() });
        }
    }

    /// A name of which only the database counts, with so many parts at most behind it.
    pub(super) fn passing(&mut self, parts: &'a NodeList, behind: usize) {
        // Nearly every name ends here.
        let Some(more @ 1..) = parts.len().checked_sub(behind) else { return };
        match parts.first().and_then(Node::as_str) {
            Some(database) if more == 1 => self.database(database),
            _ => self.unknown_text("a name"),
        }
    }

    pub(super) fn name_of(&mut self, list: &'a NodeList) -> Option<Qualified<'a>> {
        self.parts(list.iter().map(Node::as_str))
    }

    pub(super) fn name_of_strings(
        &mut self,
        list: &'a pg_raw_parse::list::CastNodeList<nodes::String>,
    ) -> Option<Qualified<'a>> {
        self.parts(list.iter().map(nodes::String::sval))
    }

    /// A list of names with something behind the relation's (a column, a trigger): all but the last.
    pub(super) fn name_before_last(&mut self, list: &'a NodeList) -> Option<Qualified<'a>> {
        let before = list.len().saturating_sub(1);
        self.parts(list.iter().take(before).map(Node::as_str))
    }

    /// The name of a relation as written; CTEs are the caller's.
    pub(super) fn range_name(&mut self, range: &'a RangeVar) -> Option<Qualified<'a>> {
        // Left out: inh (ONLY) is the caller's; alias, location.
        if let Some(database) = range.catalogname() {
            self.database(database);
        }
        let name = range.relname();
        if name.is_none() {
            self.unknown_text("a relation without a name");
        }
        name.map(|name| (range.schemaname(), name))
    }

    /// A relation that is never a CTE: a target, or one of a utility command.
    pub(super) fn range(&mut self, range: Option<&'a RangeVar>, verbs: Verbs) {
        self.range_columns(range, verbs, Columns::Unnamed);
    }

    pub(super) fn range_columns(&mut self, range: Option<&'a RangeVar>, verbs: Verbs, columns: Columns<'a>) {
        let Some(range) = range else { return self.unknown_text("a relation without a name") };
        if let Some((schema, name)) = self.range_name(range) {
            self.touch_columns(schema, name, verbs, columns, range.inh);
        }
    }

    /// A relation whose children the statement leaves alone, whatever is written.
    pub(super) fn range_alone(&mut self, range: Option<&'a RangeVar>, verbs: Verbs, columns: Columns<'a>) {
        let Some(range) = range else { return self.unknown_text("a relation without a name") };
        if let Some((schema, name)) = self.range_name(range) {
            self.touch_columns(schema, name, verbs, columns, false);
        }
    }

    /// A relation that is made here: a temporary one goes to `pg_temp`, whatever the search path.
    pub(super) fn made(&mut self, range: Option<&'a RangeVar>) {
        match range {
            Some(made) if made.relpersistence == TEMPORARY && made.schemaname().is_none() => {
                if let Some((_, name)) = self.range_name(made) {
                    self.touch(Some("pg_temp"), name, Verbs::DDL);
                }
            }
            _ => self.range(range, Verbs::DDL),
        }
    }

    /// A list of relations (RangeVar nodes).
    pub(super) fn ranges(&mut self, list: &'a NodeList, verbs: Verbs) {
        for node in list {
            match node {
                Node::RangeVar(range) => self.range(Some(range), verbs),
                other => self.unknown(other),
            }
        }
    }

    pub(super) fn ddl_name(&mut self, name: Option<Qualified<'a>>) {
        if let Some((schema, name)) = name {
            self.touch(schema, name, Verbs::DDL);
        }
    }

    /// All of a schema.
    pub(super) fn schema(&mut self, schema: Option<&'a str>, verbs: Verbs) {
        match schema {
            Some(schema) => self.touch(Some(schema), "*", verbs),
            None => self.unknown_text("a schema without a name"),
        }
    }
}
