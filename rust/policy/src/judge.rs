//! One statement against a grant's rights.

use crate::builtin::{
    Builtin, CATALOG, STANDARD, builtin, is_catalog_relation, is_dangerous, is_sensitive, is_statistics,
    reads_sequences, secret_column,
};
use crate::catalogue::Catalogue;
use crate::glob::{Object, USER, WHOLE};
use crate::grant::Grant;
use crate::mask::Mask;
use crate::refusal::Reason;
use crate::rights::{Rights, Words};
use crate::settings::{check_set, check_set_config};
use hoopwire_sql::{Access, Call, Effect, Name, Parsed, Statement, Verbs};

/// What a statement is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) rights: &'a Rights,
    pub(crate) masks: &'a [Mask],
    /// The grant limits how long statements run.
    pub(crate) may_wait: bool,
    pub(crate) catalogue: Option<&'a Catalogue>,
    /// The text, and which statement of it is judged: to look closer where names are not enough.
    pub(crate) place: Option<(&'a Parsed, usize)>,
}

impl<'a> Scope<'a> {
    /// `None` for grants whose statements are not looked at.
    pub(crate) fn new(grant: &'a Grant, catalogue: Option<&'a Catalogue>) -> Option<Scope<'a>> {
        Some(Scope {
            rights: grant.rights.as_deref()?,
            masks: &grant.masks,
            may_wait: grant.budgets.wall_time.is_some(),
            catalogue,
            place: None,
        })
    }

    /// For this statement of this text.
    pub(crate) fn at<'b>(&self, parsed: &'b Parsed, statement: usize) -> Scope<'b>
    where
        'a: 'b,
    {
        Scope { place: Some((parsed, statement)), ..*self }
    }

    /// Allows the statement, or says why not. Masks of what is read are the lineage's matter, not judged here.
    pub(crate) fn judge(&self, statement: &Statement<&str>) -> Result<(), Reason> {
        for effect in &statement.effects {
            self.judge_effect(effect, statement)?;
        }
        for access in &statement.accesses {
            self.judge_access(access)?;
        }
        statement.calls.iter().try_for_each(|call| self.judge_call(call))?;
        statement.attributes.iter().try_for_each(|&name| self.judge_attribute(name))
    }

    /// `x.name` is `name(x)` where x has no such column. Which it is, cannot be seen here, so that a function of
    /// this name must be allowed if there is one.
    fn judge_attribute(&self, name: &str) -> Result<(), Reason> {
        let builtin = builtin(name);
        let catalog = (builtin != Builtin::Unknown).then_some(CATALOG);
        let others = self.catalogue.map_or(&[][..], |catalogue| catalogue.schemas_of(name));
        for schema in catalog.into_iter().chain(others.iter().map(String::as_str)) {
            self.judge_function(schema, name, builtin, false)?;
        }
        Ok(())
    }

    fn judge_effect(&self, effect: &Effect, statement: &Statement<&str>) -> Result<(), Reason> {
        let word = match effect {
            Effect::Listen => Words::LISTEN,
            Effect::Notify => Words::NOTIFY,
            Effect::Do => Words::DO,
            Effect::DefineCode => Words::DEFINE_CODE,
            Effect::CopyFile => Words::COPY_FILE,
            Effect::CopyProgram => Words::COPY_PROGRAM,
            Effect::TwoPhase => Words::TWO_PHASE,
            Effect::Transaction { read_write: true } if self.rights.read_only => {
                return Err(Reason::ReadOnly);
            }
            Effect::Set { name, value } => return check_set(self.rights, name, value),
            Effect::Cascade => return self.judge_cascade(statement),
            Effect::Administer { what } => return Err(Reason::NotUnderstood { what: (*what).to_owned() }),
            Effect::Unknown { what } => return Err(Reason::NotUnderstood { what: what.clone() }),
            // what a prepared statement or a cursor does was judged when it was made
            Effect::Transaction { .. }
            | Effect::Show
            | Effect::Prepare { .. }
            | Effect::Execute { .. }
            | Effect::Deallocate { .. }
            | Effect::DeclareCursor
            | Effect::Cursor
            | Effect::Discard => return Ok(()),
        };
        if self.rights.words.contains(word) {
            Ok(())
        } else {
            Err(Reason::Word { word, command: statement.command })
        }
    }

    /// CASCADE may reach anything, so it needs a rule for everything.
    fn judge_cascade(&self, statement: &Statement<&str>) -> Result<(), Reason> {
        let all = statement.accesses.iter().fold(Verbs::default(), |all, access| all.with(access.verbs));
        let verbs = if all.contains(Verbs::TRUNCATE) { Verbs::TRUNCATE } else { Verbs::DDL };
        let covered = self.rights.allow.iter().any(|rule| rule.covers_all(verbs));
        if covered && self.rights.deny.is_empty() && self.masks.is_empty() {
            Ok(())
        } else {
            Err(Reason::Cascade { verbs })
        }
    }

    fn judge_access(&self, access: &Access<&str>) -> Result<(), Reason> {
        for schema in self.relations(access.relation).iter() {
            let object = Object::new(schema, access.relation.name);
            self.check_denies(object, access.verbs)?;
            let missing = self.missing(object, access.verbs);
            if !missing.is_empty() {
                return Err(Reason::Relation { relation: named(object), verbs: missing });
            }
            self.check_masks(object, access.verbs)?;
        }
        Ok(())
    }

    /// The schemas that a name may stand for. Never empty.
    pub(crate) fn relations<'b>(&'b self, relation: Name<&'b str>) -> Candidates<'b> {
        if relation.schema.is_some() {
            return Candidates { first: relation.schema, rest: &[] };
        }
        if is_catalog_relation(relation.name) {
            return Candidates { first: Some(CATALOG), rest: &[] };
        }
        // a newer server may have more catalogues than the list
        let maybe = relation.name.starts_with("pg_") || self.rights.search_path.is_empty();
        Candidates { first: maybe.then_some(CATALOG), rest: &self.rights.search_path }
    }

    /// The verbs that no rule covers.
    fn missing(&self, object: Object<'_>, verbs: Verbs) -> Verbs {
        let is_system = object.is_system();
        let sensitive = is_system
            && is_sensitive(object.schema, object.name)
            && !self.hides_secret(object)
            && !(reads_sequences(object.schema, object.name) && self.reads_all());
        let mut missing = verbs;
        if is_system
            && !sensitive
            && [CATALOG, STANDARD].contains(&object.schema)
            && self.rights.words.contains(Words::CATALOG)
        {
            missing = missing.without(Verbs::SELECT);
        }
        for rule in self.rights.allow.iter().filter(|rule| rule.verbs.intersects(verbs)) {
            if rule.covers(object, sensitive) {
                missing = missing.without(rule.verbs);
            }
        }
        missing
    }

    /// Every relation that is not the system's may be read.
    fn reads_all(&self) -> bool {
        self.rights.deny.is_empty() && self.rights.allow.iter().any(|rule| rule.covers_all(Verbs::SELECT))
    }

    /// The statement reads a relation with a secret column, and cannot show that.
    fn hides_secret(&self, object: Object<'_>) -> bool {
        match (secret_column(object.schema, object.name), self.place) {
            (Some(column), Some((parsed, statement))) => !parsed.may_show(statement, column),
            _ => false,
        }
    }

    /// There is a deny that may match something that is done.
    fn denies(&self, verbs: Verbs) -> bool {
        self.rights.deny.iter().any(|rule| rule.verbs.intersects(verbs))
    }

    fn check_denies(&self, object: Object<'_>, verbs: Verbs) -> Result<(), Reason> {
        let mut denied = Verbs::default();
        for rule in self.rights.deny.iter().filter(|rule| rule.verbs.intersects(verbs)) {
            if rule.touches(object) {
                denied = denied.with(verbs.without(verbs.without(rule.verbs)));
            }
        }
        if denied.is_empty() { Ok(()) } else { Err(Reason::Denied { object: named(object), verbs: denied }) }
    }

    /// Masks go by name, so nothing of a masked relation may be renamed, and its values stand in the planner's
    /// statistics, too.
    fn check_masks(&self, object: Object<'_>, verbs: Verbs) -> Result<(), Reason> {
        if !self.masks.is_empty() && is_statistics(object.schema, object.name) {
            let column = object.name.to_owned();
            return Err(Reason::Masked { column, place: "in the planner's statistics" });
        }
        if self.masks.is_empty() || !verbs.contains(Verbs::DDL) {
            return Ok(());
        }
        let here = |schema: &str, name: &str| {
            (object.schema == schema || object.schema == USER)
                && (object.name == name || object.name == WHOLE)
        };
        // partitions, too, that the policy does not name
        let relations = self.catalogue.map_or(&[][..], Catalogue::relations).iter();
        let parts = relations.filter(|relation| relation.columns.iter().any(|column| column.mask.is_some()));
        let named = self.masks.iter().map(|mask| (&mask.schema, &mask.relation));
        let mut all = named.chain(parts.map(|relation| (&relation.schema, &relation.name)));
        match all.find(|(schema, name)| here(schema, name)) {
            Some((_, name)) => {
                Err(Reason::Masked { column: name.clone(), place: "in a relation that would be changed" })
            }
            None => Ok(()),
        }
    }

    fn judge_call(&self, call: &Call<&str>) -> Result<(), Reason> {
        let name = call.function.name;
        let builtin = builtin(name);
        if self.is_plainly_harmless(call, builtin) {
            return Ok(());
        }
        let mut known = false;
        for schema in self.candidates(call.function, builtin).iter() {
            known = true;
            if schema == CATALOG && name == "set_config" {
                self.check_denies(Object::new(schema, name), Verbs::CALL)?;
                check_set_config(self.rights, call.setting.as_ref())?;
            } else {
                self.judge_function(schema, name, builtin, call.procedure)?;
            }
        }
        if known { Ok(()) } else { Err(Reason::FunctionUnknown { function: call.function.to_owned() }) }
    }

    /// What most calls are, told at once: a harmless built-in function, and no other schema has one of its name.
    fn is_plainly_harmless(&self, call: &Call<&str>, builtin: Builtin) -> bool {
        let is_builtin = builtin == Builtin::Harmless && call.function.schema.is_none() && !call.procedure;
        let others = self.catalogue.map_or(&[][..], |catalogue| catalogue.schemas_of(call.function.name));
        is_builtin && others.is_empty() && !self.denies(Verbs::CALL)
    }

    fn judge_function(
        &self,
        schema: &str,
        name: &str,
        builtin: Builtin,
        procedure: bool,
    ) -> Result<(), Reason> {
        let harmless = !procedure
            && (builtin.is_harmless(schema, name, self.may_wait)
                || (reads_sequences(schema, name) && self.reads_all()));
        if harmless && !self.denies(Verbs::CALL) {
            return Ok(());
        }
        let object = Object::new(schema, name);
        self.check_denies(object, Verbs::CALL)?;
        // `call pg_catalog.*` is written for what one forgot to name, not for files, settings and other sessions
        let literal = is_dangerous(schema, name);
        let is_given = || {
            let mut rules = self.rights.allow.iter();
            rules.any(|rule| rule.verbs.contains(Verbs::CALL) && rule.covers(object, literal))
        };
        if harmless || is_given() { Ok(()) } else { Err(Reason::Function { function: named(object) }) }
    }

    /// The schemas whose function a call may reach: overloads of one name may lie in several.
    pub(crate) fn functions<'b>(&'b self, function: Name<&'b str>) -> Candidates<'b> {
        self.candidates(function, builtin(function.name))
    }

    fn candidates<'b>(&'b self, function: Name<&'b str>, builtin: Builtin) -> Candidates<'b> {
        if function.schema.is_some() {
            return Candidates { first: function.schema, rest: &[] };
        }
        let name = function.name;
        let first = builtin.may_be_there(name).then_some(CATALOG);
        let rest = match self.catalogue {
            // it has the schema of the session's user under its true name, so the path is not asked
            Some(catalogue) => catalogue.schemas_of(name),
            None if builtin != Builtin::Unknown => &[],
            None => self.rights.search_path.as_slice(),
        };
        Candidates { first, rest }
    }
}

/// The schemas that a name may stand for.
#[derive(Clone, Copy)]
pub(crate) struct Candidates<'a> {
    first: Option<&'a str>,
    rest: &'a [String],
}

impl<'a> Candidates<'a> {
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a str> {
        self.first.into_iter().chain(self.rest.iter().map(String::as_str))
    }

    /// The schema, if only one may be meant.
    pub(crate) fn only(self) -> Option<&'a str> {
        let mut all = self.iter();
        all.next().filter(|_| all.next().is_none())
    }
}

fn named(object: Object<'_>) -> Name {
    Name { schema: Some(object.schema.to_owned()), name: object.name.to_owned() }
}

#[cfg(test)]
mod tests;
