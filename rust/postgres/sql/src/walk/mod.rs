//! From the raw tree of a statement to what it does.
//!
//! The tree is walked by explicit matches. A node kind that no match knows becomes [`Effect::Unknown`], so a
//! construct of a newer grammar is refused and not overlooked. Each function names the fields of its node (PostgreSQL
//! 18, `parsenodes.h`) that it leaves out, and why none of them can hold a relation, a function or an expression.
//!
//! Types are not accesses: `null::secrets` reads no row. Neither are operators, casts and collations calls: what
//! they run is the target's own business.

mod alter;
mod ddl;
mod dml;
mod expr;
mod json;
mod names;
mod query;
mod returning;
mod room;
mod session;
mod sets;
mod statement;
mod width;

use crate::steps::Steps;
use crate::{Access, Call, Effect, Name, Statement, Verbs};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::SelectStmt;
use returning::Returning;
pub use room::Room;
use sets::{Indexed, SHORT, Scope};
use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::hash::Hash;
use width::Returned;

/// How deep trees may nest. Left-deep chains (`a + b + c`, `a UNION b UNION c`, joins) do not count: they are walked
/// in a loop. A build with `opt-level = 1` needs up to 640 bytes of stack per level, so 256 KiB for all of them; see
/// `tests/limits.rs`.
const MAX_DEPTH: u32 = 400;

/// Which columns are written.
enum Columns<'a> {
    /// Nothing is written to columns.
    Unnamed,
    /// These.
    Named(Vec<&'a str>),
    /// All, or it is not known which.
    All,
}

/// Where things are in long lists.
#[derive(Default)]
struct Indexes<'a> {
    accesses: Indexed<Name<&'a str>>,
    calls: Indexed<(Name<&'a str>, bool)>,
    attributes: Indexed<&'a str>,
}

/// What is known so far of one statement.
pub(crate) struct Walk<'a> {
    found: Statement<&'a str>,
    /// Made when the first list is long.
    indexes: Option<Box<Indexes<'a>>>,
    /// Which of the accesses write to all columns, though others of the same relation may name theirs.
    whole: BTreeSet<usize>,
    /// Names of WITH that are visible at this place.
    scope: Scope<'a>,
    depth: u32,
    too_deep: bool,
    /// What is left for the text.
    steps: &'a Steps,
    /// Nodes looked at; they are taken from the steps when the statement is done.
    nodes: usize,
    /// How many steps were left when it began.
    most: usize,
    /// How many column references were seen: an UPDATE whose values have none reads nothing.
    column_refs: usize,
    /// The query whose select list is walked: its WHERE may say what a column of it is.
    listed: Option<&'a SelectStmt>,
    /// Its parameters are those of a Bind: no other statement's are (EXECUTE gives those of what PREPARE has, a function's
    /// caller those of its body).
    is_bound: bool,
    /// The settings that this WHERE leaves are noted already, as those that `current_setting` of this schema reads.
    listed_settings: Option<Option<&'a str>>,
    /// Where in a RETURNING the walk is.
    returning: Returning<'a>,
    /// How wide its lists of RETURNING may be.
    returned: Returned,
}

impl<'a> Walk<'a> {
    #[inline]
    pub(crate) fn new(room: &mut Room, steps: &'a Steps) -> Walk<'a> {
        Walk {
            found: Statement {
                command: "",
                accesses: std::mem::take(&mut room.accesses),
                calls: std::mem::take(&mut room.calls),
                attributes: std::mem::take(&mut room.attributes),
                effects: Vec::new(),
            },
            indexes: None,
            whole: BTreeSet::new(),
            scope: Scope::default(),
            depth: 0,
            too_deep: false,
            steps,
            nodes: 0,
            most: steps.left(),
            column_refs: 0,
            listed: None,
            is_bound: false,
            listed_settings: None,
            returning: Returning::Outside,
            returned: Returned::default(),
        }
    }

    /// Walks a raw statement.
    #[inline]
    pub(crate) fn run(&mut self, node: Node<'a>) {
        self.is_bound = matches!(
            node,
            Node::SelectStmt(_)
                | Node::InsertStmt(_)
                | Node::UpdateStmt(_)
                | Node::DeleteStmt(_)
                | Node::MergeStmt(_)
        );
        self.found.command = self.statement(node);
        if self.too_deep {
            self.found.effects.push(Effect::TooDeep);
        }
        if !self.steps.take(self.nodes) {
            self.found.effects.push(Effect::Unknown { what: "more work than its length allows".to_owned() });
        }
    }

    /// What it does. It stays here, to be looked at: it is too large to be moved about for each statement.
    #[inline]
    pub(crate) fn found(&self) -> &Statement<&'a str> {
        &self.found
    }

    /// Notes an access; verbs of the same name add up.
    fn touch(&mut self, schema: Option<&'a str>, name: &'a str, verbs: Verbs) {
        self.touch_columns(schema, name, verbs, Columns::Unnamed, true);
    }

    /// `children`: not ONLY.
    fn touch_columns(
        &mut self,
        schema: Option<&'a str>,
        name: &'a str,
        verbs: Verbs,
        columns: Columns<'a>,
        children: bool,
    ) {
        let relation = Name { schema, name };
        let found = find(
            &mut self.indexes,
            |indexes| &mut indexes.accesses,
            &self.found.accesses,
            relation,
            |access| access.relation,
        );
        let at = found.unwrap_or(self.found.accesses.len());
        if found.is_none() {
            self.found.accesses.push(Access { relation, verbs, columns: Vec::new(), children: false });
        }
        let Some(access) = self.found.accesses.get_mut(at) else { return };
        access.verbs = access.verbs.with(verbs);
        access.children |= children;
        match columns {
            Columns::Unnamed => {}
            Columns::All => {
                access.columns.clear();
                self.whole.insert(at);
            }
            Columns::Named(names) if !self.whole.contains(&at) => add(&mut access.columns, names),
            Columns::Named(_) => {}
        }
    }

    /// Notes a call. `set_config` and `current_setting` are kept each time, for their arguments differ.
    fn call(&mut self, schema: Option<&'a str>, name: &'a str, procedure: bool) {
        let function = Name { schema, name };
        let key = (function, procedure);
        let found = find(
            &mut self.indexes,
            |indexes| &mut indexes.calls,
            &self.found.calls,
            key,
            |call| (call.function, call.procedure),
        );
        if found.is_none() {
            self.found.calls.push(Call { function, setting: None, parameter: 0, procedure });
        }
    }

    /// A call of `set_config`, `current_setting`, or a function of sequences.
    fn call_of_setting(&mut self, schema: Option<&'a str>, name: &'a str, setting: Option<(&str, &str)>) {
        let setting = setting.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let function = Name { schema, name };
        let call = Call { function, setting, parameter: 0, procedure: false };
        // rows of VALUES say the same again and again
        if call.setting.is_none() || self.found.calls.last() != Some(&call) {
            self.found.calls.push(call);
        }
    }

    /// A call of `current_setting` whose argument is told when the statement is bound.
    fn call_of_told_setting(&mut self, schema: Option<&'a str>, name: &'a str, parameter: u32) {
        let function = Name { schema, name };
        self.found.calls.push(Call { function, setting: None, parameter, procedure: false });
    }

    /// Notes that `x.name` was written, which is a call of `name(x)` if x has no such column.
    fn attribute(&mut self, name: &'a str) {
        let known = find(
            &mut self.indexes,
            |indexes| &mut indexes.attributes,
            &self.found.attributes,
            name,
            |known| *known,
        );
        if known.is_none() {
            self.found.attributes.push(name);
        }
    }

    /// Effects are few, but for who writes function bodies: looking through them is counted.
    fn effect(&mut self, effect: Effect) {
        if self.steps.take(self.found.effects.len()) && !self.found.effects.contains(&effect) {
            self.found.effects.push(effect);
        }
    }

    fn administer(&mut self, what: &'static str) {
        self.effect(Effect::Administer { what });
    }

    /// Fails closed.
    fn unknown(&mut self, node: Node<'_>) {
        self.unknown_text(&kind(node));
    }

    fn unknown_text(&mut self, what: &str) {
        if !self.steps.take(self.found.effects.len()) {
            return;
        }
        let known = self
            .found
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Unknown { what: it } if it == what));
        if !known {
            self.found.effects.push(Effect::Unknown { what: what.to_owned() });
        }
    }

    /// Goes a level down, if it is not too deep; [`Walk::leave`] must follow then.
    fn enter(&mut self) -> bool {
        if self.depth >= MAX_DEPTH || self.nodes > self.most {
            self.too_deep |= self.depth >= MAX_DEPTH;
            return false;
        }
        self.depth += 1;
        self.nodes += 1;
        true
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }
}

/// The place of the entry that has this key. Entries may only have been added at the end since the last call.
#[inline]
fn find<'a, T, K: Copy + Eq + Hash>(
    indexes: &mut Option<Box<Indexes<'a>>>,
    which: impl for<'b> Fn(&'b mut Indexes<'a>) -> &'b mut Indexed<K>,
    entries: &[T],
    key: K,
    key_of: impl Fn(&T) -> K,
) -> Option<usize> {
    if entries.len() <= SHORT {
        return entries.iter().position(|entry| key_of(entry) == key);
    }
    which(indexes.get_or_insert_default()).find(entries, key, key_of)
}

impl<'a> Columns<'a> {
    fn add(&mut self, other: Columns<'a>) {
        match (&mut *self, other) {
            (_, Columns::Unnamed) | (Columns::All, _) => {}
            (Columns::Named(names), Columns::Named(more)) => add(names, more),
            (_, other) => *self = other,
        }
    }
}

fn add<'a>(names: &mut Vec<&'a str>, more: Vec<&'a str>) {
    for name in more {
        // A long list may hold a name twice, which is harmless; finding out is not worth its time.
        if names.len() > 64 || !names.contains(&name) {
            names.push(name);
        }
    }
}

/// The name of a node's kind. `Debug` would go down the whole tree, so it is cut off behind the first word.
fn kind(node: Node<'_>) -> String {
    struct Word(String);
    impl Write for Word {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let word: &str =
                text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
            self.0.push_str(word);
            if word.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
        }
    }
    if let Node::Invalid(raw) = node {
        return format!("node {}", raw.type_);
    }
    let mut word = Word(String::new());
    // An error is how the first word ends.
    let _ = write!(word, "{node:?}");
    word.0
}
