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
mod session;
mod sets;
mod statement;

use crate::{Access, Call, Effect, Name, Statement, Verbs};
use pg_raw_parse::Node;
use sets::{Indexed, Scope};
use std::fmt::{self, Write};
use std::ops::Range;

/// How deep trees may nest. Left-deep chains (`a + b + c`, `a UNION b UNION c`, joins) do not count: they are walked
/// in a loop. A debug build needs about 1.1 KiB of stack per level, see `tests/limits.rs`.
const MAX_DEPTH: u32 = 400;

/// What [`Walk`] says of a name such as `db.schema.rel`.
const CROSS_DATABASE: &str = "a name of three parts (database.schema.name)";

/// A relation while the walk goes on: borrowed from the tree.
struct Touched<'a> {
    schema: Option<&'a str>,
    name: &'a str,
    verbs: Verbs,
    columns: Columns<'a>,
}

/// Which columns are written.
enum Columns<'a> {
    /// Nothing is written to columns.
    Unnamed,
    /// These.
    Named(Vec<&'a str>),
    /// All, or it is not known which.
    All,
}

struct Called<'a> {
    schema: Option<&'a str>,
    name: &'a str,
    setting: Option<(&'a str, &'a str)>,
    procedure: bool,
}

/// What is known so far of one statement.
pub(crate) struct Walk<'a> {
    touched: Vec<Touched<'a>>,
    touched_index: Indexed<(Option<&'a str>, &'a str)>,
    calls: Vec<Called<'a>>,
    calls_index: Indexed<(Option<&'a str>, &'a str, bool)>,
    attributes: Vec<&'a str>,
    attributes_index: Indexed<&'a str>,
    effects: Vec<Effect>,
    /// Names of WITH that are visible at this place.
    scope: Scope<'a>,
    depth: u32,
    too_deep: bool,
    /// How many column references were seen: an UPDATE whose values have none reads nothing.
    column_refs: usize,
}

/// What one raw statement does.
pub(crate) fn statement(node: Node<'_>, span: Range<usize>) -> Statement {
    let mut walk = Walk {
        touched: Vec::new(),
        touched_index: Indexed::default(),
        calls: Vec::new(),
        calls_index: Indexed::default(),
        attributes: Vec::new(),
        attributes_index: Indexed::default(),
        effects: Vec::new(),
        scope: Scope::default(),
        depth: 0,
        too_deep: false,
        column_refs: 0,
    };
    let command = walk.statement(node);
    walk.finish(command, span)
}

impl<'a> Walk<'a> {
    fn finish(mut self, command: &'static str, span: Range<usize>) -> Statement {
        if self.too_deep {
            self.effects.push(Effect::Unknown { what: "nested too deep".to_owned() });
        }
        let owned = |text: &str| text.to_owned();
        Statement {
            command,
            span,
            accesses: self
                .touched
                .into_iter()
                .map(|touched| Access {
                    relation: Name { schema: touched.schema.map(owned), name: touched.name.to_owned() },
                    verbs: touched.verbs,
                    columns: match touched.columns {
                        Columns::Named(names) => names.into_iter().map(owned).collect(),
                        Columns::Unnamed | Columns::All => Vec::new(),
                    },
                })
                .collect(),
            calls: self
                .calls
                .into_iter()
                .map(|call| Call {
                    function: Name { schema: call.schema.map(owned), name: call.name.to_owned() },
                    setting: call.setting.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())),
                    procedure: call.procedure,
                })
                .collect(),
            attributes: self.attributes.into_iter().map(owned).collect(),
            effects: self.effects,
        }
    }

    /// Notes an access; verbs of the same name add up.
    fn touch(&mut self, schema: Option<&'a str>, name: &'a str, verbs: Verbs) {
        self.touch_columns(schema, name, verbs, Columns::Unnamed);
    }

    fn touch_columns(&mut self, schema: Option<&'a str>, name: &'a str, verbs: Verbs, columns: Columns<'a>) {
        let found = self.touched_index.find(&self.touched, (schema, name), |t| (t.schema, t.name));
        match found.and_then(|at| self.touched.get_mut(at)) {
            Some(touched) => {
                touched.verbs = touched.verbs.with(verbs);
                touched.columns.add(columns);
            }
            None => self.touched.push(Touched { schema, name, verbs, columns }),
        }
    }

    /// Notes a call. `set_config` is kept each time, for its arguments differ.
    fn call(&mut self, schema: Option<&'a str>, name: &'a str, procedure: bool) {
        let key = (schema, name, procedure);
        if self.calls_index.find(&self.calls, key, |c| (c.schema, c.name, c.procedure)).is_none() {
            self.calls.push(Called { schema, name, setting: None, procedure });
        }
    }

    fn call_set_config(&mut self, schema: Option<&'a str>, setting: Option<(&'a str, &'a str)>) {
        self.calls.push(Called { schema, name: "set_config", setting, procedure: false });
    }

    /// Notes that `x.name` was written, which is a call of `name(x)` if x has no such column.
    fn attribute(&mut self, name: &'a str) {
        if self.attributes_index.find(&self.attributes, name, |known| *known).is_none() {
            self.attributes.push(name);
        }
    }

    fn effect(&mut self, effect: Effect) {
        if !self.effects.contains(&effect) {
            self.effects.push(effect);
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
        let known =
            self.effects.iter().any(|effect| matches!(effect, Effect::Unknown { what: it } if it == what));
        if !known {
            self.effects.push(Effect::Unknown { what: what.to_owned() });
        }
    }

    /// Goes a level down, if it is not too deep; [`Walk::leave`] must follow then.
    fn enter(&mut self) -> bool {
        if self.depth >= MAX_DEPTH {
            self.too_deep = true;
            return false;
        }
        self.depth += 1;
        true
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }
}

impl<'a> Columns<'a> {
    fn add(&mut self, other: Columns<'a>) {
        match (&mut *self, other) {
            (_, Columns::Unnamed) | (Columns::All, _) => {}
            (Columns::Named(names), Columns::Named(more)) => {
                for name in more {
                    // A long list may hold a name twice, which is harmless; finding out is not worth its time.
                    if names.len() > 64 || !names.contains(&name) {
                        names.push(name);
                    }
                }
            }
            (_, other) => *self = other,
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
