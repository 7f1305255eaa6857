//! One statement against a grant's rights.

use crate::builtin::{
    Builtin, CATALOG, STANDARD, builtin, is_catalog_relation, is_dangerous, reads_sequences,
};
use crate::catalogue::{Catalogue, CatalogueRelation, Stored};
use crate::closed::{
    SETTINGS, closed_columns, is_of_extension, is_sensitive, is_statistics, keeps_settings, says_stored,
    stored_columns,
};
use crate::glob::{Object, USER, WHOLE};
use crate::instead::{Instead, instead, wanted};
use crate::mask::Mask;
use crate::readable::is_readable;
use crate::refusal::Reason;
use crate::rights::Grant;
use crate::rules::{Rules, Words};
use crate::sequence;
use crate::settings::{check_set, check_set_config};
use hoopwire_postgres_sql::{Access, Call, Closed, Effect, Name, Parsed, Statement, Verbs};

/// They change a sequence that their argument names, or say where it is.
const SEQUENCE_CALLS: &[&str] = &["nextval", "setval", "currval"];
/// What the view of the settings calls.
const ALL_SETTINGS: &str = "pg_show_all_settings";
/// Where a value of a masked column stands.
const IN_CATALOGUE: &str = "in the target's catalogue, which has values of masked columns there";

/// What a statement is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) rights: &'a Rules,
    pub(crate) masks: &'a [Mask],
    /// The grant limits how long statements run.
    pub(crate) may_wait: bool,
    pub(crate) catalogue: Option<&'a Catalogue>,
    /// The session's database.
    pub(crate) database: &'a str,
    /// The text as read, which statement of it is judged, and the text: to look closer where names are not enough.
    pub(crate) place: Option<(&'a Parsed, usize, &'a str)>,
}

impl<'a> Scope<'a> {
    /// `None` for grants whose statements are not looked at.
    pub(crate) fn new(grant: &'a Grant, catalogue: Option<&'a Catalogue>) -> Option<Scope<'a>> {
        Some(Scope {
            rights: grant.rights.rules.as_deref()?,
            masks: &grant.rights.masks,
            may_wait: grant.budgets.wall_time.is_some(),
            catalogue,
            database: &grant.database,
            place: None,
        })
    }

    /// For this statement of this text.
    pub(crate) fn at<'b>(&self, parsed: &'b Parsed, statement: usize, text: &'b str) -> Scope<'b>
    where
        'a: 'b,
    {
        Scope { place: Some((parsed, statement, text)), ..*self }
    }

    /// Takes steps from the text's budget: for each pattern that a name is compared with.
    fn spend(&self, steps: usize) -> Result<(), Reason> {
        let is_there = self.place.is_none_or(|(parsed, ..)| parsed.steps().take(steps));
        if is_there { Ok(()) } else { Err(Reason::TooComplex) }
    }

    /// Allows the statement, or says why not. Masks of what is read are the lineage's matter, not judged here.
    pub(crate) fn judge(&self, statement: &Statement<&str>) -> Result<(), Reason> {
        for effect in &statement.effects {
            self.judge_effect(effect, statement)?;
        }
        for access in &statement.accesses {
            self.judge_access(access)?;
            if statement.command == "CLUSTER" {
                self.check_order(access.relation)?;
            }
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

    /// What goes up in place of some words of the statement, which passes for it.
    pub(crate) fn instead(&self, statement: &Statement<&str>) -> Vec<Instead> {
        let all = statement.effects.iter().filter_map(|effect| self.instead_of(effect));
        all.flatten().collect()
    }

    fn instead_of(&self, effect: &Effect) -> Option<Vec<Instead>> {
        let wanted = wanted(self.rights, effect)?;
        let (parsed, statement, text) = self.place?;
        instead(wanted, parsed, statement, text)
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
                return self.instead_of(effect).map(|_| ()).ok_or(Reason::ReadOnly);
            }
            Effect::Set { name, value } => {
                return check_set(self.rights, name, value)
                    .or_else(|reason| self.instead_of(effect).map(|_| ()).ok_or(reason));
            }
            Effect::Cascade => return self.judge_cascade(statement),
            Effect::Show { name } => return self.judge_setting(Some(name)),
            Effect::NameDatabase { name } if name == self.database => return Ok(()),
            Effect::NameDatabase { name } => return Err(Reason::OtherDatabase { name: name.clone() }),
            Effect::Administer { what } => return Err(Reason::NotUnderstood { what: (*what).to_owned() }),
            Effect::TestsAbsentRow => return Err(Reason::AbsentRow),
            Effect::TooWide => return Err(Reason::TooWide),
            Effect::TooDeep => return Err(Reason::TooDeep),
            Effect::Unknown { what } => return Err(Reason::NotUnderstood { what: what.clone() }),
            // what a prepared statement or a cursor does was judged when it was made
            Effect::Transaction { .. }
            | Effect::Prepare { .. }
            | Effect::Execute { .. }
            | Effect::Deallocate { .. }
            | Effect::DeclareCursor
            | Effect::Cursor
            // what only gives up what the session holds passes, as DISCARD ALL does
            | Effect::Unlisten
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

    pub(crate) fn judge_access(&self, access: &Access<&str>) -> Result<(), Reason> {
        for schema in self.relations(access.relation).iter() {
            let object = Object::new(schema, access.relation.name);
            self.check_denies(object, access.verbs)?;
            self.check_kin(object, access)?;
            let missing = self.missing(object, access.verbs)?;
            if !missing.is_empty() {
                return Err(Reason::Relation { relation: named(object), verbs: missing });
            }
            self.check_masks(object, access.verbs)?;
        }
        Ok(())
    }

    /// CLUSTER sorts rows by an index, so that where they lie would tell the order of masked values.
    fn check_order(&self, relation: Name<&str>) -> Result<(), Reason> {
        let every = relation.name == WHOLE && !self.masks.is_empty();
        let is_masked = self.relations(relation).iter().any(|schema| {
            self.masks.iter().any(|mask| mask.schema == schema && mask.relation == relation.name)
                || self.catalogue.and_then(|known| known.by_name(schema, relation.name)).is_some()
        });
        if every || is_masked {
            return Err(Reason::Masked {
                column: relation.name.to_owned(),
                place: "in CLUSTER, which would show the order of masked values",
            });
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
        let is_known = || self.rights.search_path.iter().any(|schema| is_of_extension(schema, relation.name));
        let maybe = relation.name.starts_with("pg_") && !is_known() || self.rights.search_path.is_empty();
        Candidates { first: maybe.then_some(CATALOG), rest: &self.rights.search_path }
    }

    /// The verbs that no rule covers.
    fn missing(&self, object: Object<'_>, verbs: Verbs) -> Result<Verbs, Reason> {
        let is_system = object.is_system();
        let sensitive = (is_system
            && is_sensitive(object.schema, object.name)
            && !(verbs.without(Verbs::SELECT).is_empty() && self.hides_secret(object))
            && !(reads_sequences(object.schema, object.name) && self.reads_all()))
            || is_of_extension(object.schema, object.name);
        // `call pg_catalog.*` is written for what one forgot to name, not for files, settings and other sessions
        let literal = sensitive || verbs.contains(Verbs::CALL) && is_dangerous(object.schema, object.name);
        let mut missing = verbs;
        if is_system
            && !sensitive
            && [CATALOG, STANDARD].contains(&object.schema)
            && self.rights.words.contains(Words::CATALOG)
        {
            missing = missing.without(Verbs::SELECT);
        }
        self.spend(self.rights.allow.len())?;
        for rule in self.rights.allow.iter().filter(|rule| rule.verbs.intersects(verbs)) {
            self.spend(rule.patterns())?;
            if rule.covers(object, literal) {
                missing = missing.without(rule.verbs);
            }
        }
        Ok(missing)
    }

    /// Every relation that is not the system's may be read.
    pub(crate) fn reads_all(&self) -> bool {
        self.rights.deny.is_empty() && self.rights.allow.iter().any(|rule| rule.covers_all(Verbs::SELECT))
    }

    /// The statement reads a relation with secret columns, and cannot show those.
    fn hides_secret(&self, object: Object<'_>) -> bool {
        closed_columns(object.schema, object.name).is_some_and(|closed| !self.may_show(&closed))
            || (keeps_settings(object.name) && self.catalogue.is_some_and(Catalogue::shows_settings))
            || (object.name == SETTINGS && self.reads_fixed_settings())
    }

    /// The statement may show what ALTER ROLE and ALTER DATABASE have set, since no secret is among it now.
    pub(crate) fn shows_settings(&self, statement: &Statement<&str>) -> bool {
        let may_show = |access: &Access<&str>| {
            keeps_settings(access.relation.name)
                && closed_columns(CATALOG, access.relation.name).is_some_and(|closed| self.may_show(&closed))
        };
        self.catalogue.is_some_and(Catalogue::shows_settings) && statement.accesses.iter().any(may_show)
    }

    fn may_show(&self, closed: &Closed<'_>) -> bool {
        self.place.is_none_or(|(parsed, statement, _)| parsed.may_show(statement, closed))
    }

    /// All that the statement reads of the settings are ones that anybody may read, by constant names.
    fn reads_fixed_settings(&self) -> bool {
        let fixed = self.place.and_then(|(parsed, statement, _)| parsed.fixed_settings(statement));
        fixed.is_some_and(|names| names.iter().all(|name| is_readable(name)))
    }

    /// A rule has the settings' own name: all of them may be read.
    fn reads_all_settings(&self) -> bool {
        let settings = Object::new(CATALOG, SETTINGS);
        self.check_denies(settings, Verbs::SELECT).is_ok()
            && self
                .rights
                .allow
                .iter()
                .any(|rule| rule.verbs.contains(Verbs::SELECT) && rule.covers(settings, true))
    }

    /// SHOW and `current_setting`; `None` where it cannot be told which setting.
    fn judge_setting(&self, name: Option<&str>) -> Result<(), Reason> {
        if name.is_some_and(is_readable) || self.reads_all_settings() {
            return Ok(());
        }
        Err(Reason::SettingRead { name: name.map(str::to_owned) })
    }

    /// The parameters that name settings to read and are not free, a bit for each: those of a Bind must be looked at.
    pub(crate) fn asks(&self, statement: &Statement<&str>) -> u32 {
        let asked = statement.calls.iter().fold(0, |all, call| all | told_at_bind(call));
        let is_free = || {
            let function = Object::new(CATALOG, "current_setting");
            self.reads_all_settings()
                || self.missing(function, Verbs::CALL).is_ok_and(|missing| missing.is_empty())
        };
        if asked == 0 || is_free() { 0 } else { asked }
    }

    /// The values of masked columns that stand in the target's catalogues.
    fn stored(&self) -> Stored {
        match self.catalogue {
            Some(catalogue) if !self.masks.is_empty() => catalogue.stored(),
            _ => Stored::default(),
        }
    }

    /// There is a deny that may match something that is done.
    fn denies(&self, verbs: Verbs) -> bool {
        self.rights.deny.iter().any(|rule| rule.verbs.intersects(verbs))
    }

    fn check_denies(&self, object: Object<'_>, verbs: Verbs) -> Result<(), Reason> {
        let mut denied = Verbs::default();
        self.spend(self.rights.deny.len())?;
        for rule in self.rights.deny.iter().filter(|rule| rule.verbs.intersects(verbs)) {
            self.spend(rule.patterns())?;
            if rule.touches(object) {
                denied = denied.with(verbs.without(verbs.without(rule.verbs)));
            }
        }
        if denied.is_empty() { Ok(()) } else { Err(Reason::Denied { object: named(object), verbs: denied }) }
    }

    /// What shares rows with a denied relation, by partitions or children.
    fn check_kin(&self, object: Object<'_>, access: &Access<&str>) -> Result<(), Reason> {
        let Some(catalogue) = self.catalogue.filter(|_| !self.rights.deny.is_empty()) else { return Ok(()) };
        let verbs = catalogue.denied_by_kin(object, access, &self.rights.deny);
        if verbs.is_empty() { Ok(()) } else { Err(Reason::DeniedKin { object: named(object), verbs }) }
    }

    /// Masks go by name, so nothing of a masked relation may be renamed, and its values stand in the planner's
    /// statistics, too.
    fn check_masks(&self, object: Object<'_>, verbs: Verbs) -> Result<(), Reason> {
        if !self.masks.is_empty() && is_statistics(object.schema, object.name) {
            let column = object.name.to_owned();
            return Err(Reason::Masked { column, place: "in the planner's statistics" });
        }
        if let Some(closed) = stored_columns(object.schema, object.name, self.stored())
            && self.may_show(&closed)
        {
            let column = format!("{}.{}", closed.relation, closed.columns.join("."));
            return Err(Reason::Masked { column, place: IN_CATALOGUE });
        }
        if self.masks.is_empty() || !verbs.contains(Verbs::DDL) {
            return Ok(());
        }
        let changed = |name: &str| {
            let column = name.to_owned();
            Err(Reason::Masked { column, place: "in a relation that would be changed" })
        };
        self.spend(self.masks.len())?;
        let here = |schema: &str, name: &str| {
            (object.schema == schema || object.schema == USER)
                && (object.name == name || object.name == WHOLE)
        };
        if let Some(mask) = self.masks.iter().find(|mask| here(&mask.schema, &mask.relation)) {
            return changed(&mask.relation);
        }
        let Some(catalogue) = self.catalogue else { return Ok(()) };
        // partitions, too, that the policy does not name
        let is_masked =
            |relation: &CatalogueRelation| relation.columns.iter().any(|column| column.mask.is_some());
        if object.schema != USER && object.name != WHOLE {
            let known = catalogue.by_name(object.schema, object.name);
            return known.filter(|known| is_masked(known)).map_or(Ok(()), |known| changed(&known.name));
        }
        for relation in catalogue.relations() {
            self.spend(relation.columns.len())?;
            if here(&relation.schema, &relation.name) && is_masked(relation) {
                return changed(&relation.name);
            }
        }
        Ok(())
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
            let object = Object::new(schema, name);
            if schema == CATALOG && name == "set_config" {
                self.check_denies(object, Verbs::CALL)?;
                check_set_config(self.rights, call.setting.as_ref())?;
            } else if schema == CATALOG && name == "current_setting" && !call.procedure {
                self.check_denies(object, Verbs::CALL)?;
                // what a parameter names is looked at when it is bound
                if told_at_bind(call) == 0 && !self.missing(object, Verbs::CALL)?.is_empty() {
                    self.judge_setting(call.setting.as_ref().map(|(name, _)| name.as_str()))?;
                }
            } else {
                self.judge_function(schema, name, builtin, call.procedure)?;
                if schema == CATALOG && SEQUENCE_CALLS.contains(&name) {
                    self.check_sequence(call)?;
                }
            }
        }
        if known { Ok(()) } else { Err(Reason::FunctionUnknown { function: call.function.to_owned() }) }
    }

    /// `nextval` and its like are given by a rule that says nothing of sequences: the denies say what they may not reach.
    fn check_sequence(&self, call: &Call<&str>) -> Result<(), Reason> {
        let verbs = Verbs::SELECT.with(Verbs::UPDATE);
        if !self.denies(verbs) {
            return Ok(());
        }
        let Some(sequence) = call.setting.as_ref().and_then(|(_, text)| sequence::named(text)) else {
            let what = format!("{} of what no constant names, beside denies", call.function.name);
            return Err(Reason::NotUnderstood { what });
        };
        let name = sequence.as_ref();
        self.relations(name)
            .iter()
            .try_for_each(|schema| self.check_denies(Object::new(schema, name.name), verbs))
    }

    /// What most calls are, told at once: a harmless built-in function, and no other schema has one of its name.
    fn is_plainly_harmless(&self, call: &Call<&str>, builtin: Builtin) -> bool {
        let is_builtin = builtin == Builtin::Harmless && call.function.schema.is_none() && !call.procedure;
        let others = self.catalogue.map_or(&[][..], |catalogue| catalogue.schemas_of(call.function.name));
        let says_masked = !self.masks.is_empty() && says_stored(call.function.name, self.stored());
        is_builtin && others.is_empty() && !self.denies(Verbs::CALL) && !says_masked
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
                || (reads_sequences(schema, name) && self.reads_all())
                || (schema == CATALOG && name == ALL_SETTINGS && self.lists_settings()));
        if schema == CATALOG && says_stored(name, self.stored()) {
            return Err(Reason::Masked { column: name.to_owned(), place: IN_CATALOGUE });
        }
        if harmless && !self.denies(Verbs::CALL) {
            return Ok(());
        }
        let object = Object::new(schema, name);
        self.check_denies(object, Verbs::CALL)?;
        if harmless || self.missing(object, Verbs::CALL)?.is_empty() {
            Ok(())
        } else {
            Err(Reason::Function { function: named(object) })
        }
    }

    /// `pg_show_all_settings()`, which the view of the settings is made of.
    fn lists_settings(&self) -> bool {
        self.reads_fixed_settings() || self.reads_all_settings()
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

/// The bit of the parameter that names the setting which is read, if it is one of those that a Bind's values are looked
/// at for.
fn told_at_bind(call: &Call<&str>) -> u32 {
    call.parameter.checked_sub(1).and_then(|bit| 1_u32.checked_shl(bit)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
