//! The answer to a text: what each statement will do, or why nothing of it may pass.

use crate::instead::Instead;
use crate::refusal::Refusal;
use hoopwire_postgres_sql::{CopyOut, Name};

/// The command's words of COPY, in whatever direction.
pub(crate) const COPY: &str = "COPY";

/// What the gateway needs to know of an allowed statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementPlan {
    /// The command's words, for recordings and texts.
    pub command: &'static str,
    /// COPY to the client that delivers masked columns, their relations with schemas.
    pub copy_out: Option<CopyOut>,
    /// The prepared statement that EXECUTE runs.
    pub executes: Option<Box<str>>,
    /// PREPARE or DECLARE: what it makes may outlive the decision.
    pub prepares: bool,
    /// The target looks names of relations up when it runs: those written, or those of what EXECUTE runs.
    pub looks_up: bool,
    /// It may show settings of roles and databases, since none of them is a secret as far as is known.
    pub shows_settings: bool,
    /// The parameters that name settings to read, a bit for each (`$1` is the lowest): a Bind's values must be ones that
    /// anybody may read ([`check_setting`](crate::check_setting)).
    pub asks: u32,
    /// What goes up in place of some words of the text.
    pub instead: Box<[Instead]>,
}

/// The decision on one text. It is shared between grants of one policy and names none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// All statements in order (empty for an empty text, and where statements are not looked at); or why not.
    pub outcome: Result<Vec<StatementPlan>, Refusal>,
}

impl StatementPlan {
    /// COPY, in whatever direction.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        self.command == COPY
    }

    /// COMMIT, ROLLBACK, BEGIN and the like: whether it may run rests on nothing that is known of the target.
    #[must_use]
    pub fn only_moves_transaction(&self) -> bool {
        let words = [
            "COMMIT",
            "ROLLBACK",
            "ROLLBACK TO SAVEPOINT",
            "BEGIN",
            "START TRANSACTION",
            "SAVEPOINT",
            "RELEASE",
        ];
        words.contains(&self.command)
    }

    /// There is nothing to say but the command, and whether it looks names up.
    pub(crate) fn is_plain(&self) -> bool {
        self.copy_out.is_none()
            && self.executes.is_none()
            && !self.prepares
            && !self.shows_settings
            && self.asks == 0
            && self.instead.is_empty()
    }

    /// What it holds outside itself, in bytes.
    fn bytes(&self) -> usize {
        let executes = self.executes.as_ref().map_or(0, |name| name.len());
        let instead =
            self.instead.iter().map(|instead| size_of::<Instead>().saturating_add(instead.words.len()));
        let without_copy = executes.saturating_add(instead.sum());
        let Some(copy) = &self.copy_out else { return without_copy };
        let fields = copy.fields.capacity().saturating_mul(size_of::<Option<(Name, String)>>());
        let texts = copy.fields.iter().flatten().map(|(relation, column)| {
            relation.schema.as_ref().map_or(0, String::capacity)
                + relation.name.capacity()
                + column.capacity()
        });
        fields.saturating_add(texts.sum()).saturating_add(without_copy)
    }
}

impl Verdict {
    /// What it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let held = match &self.outcome {
            Ok(plans) => plans
                .iter()
                .map(|plan| size_of::<StatementPlan>().saturating_add(plan.bytes()))
                .fold(0, usize::saturating_add),
            Err(refusal) => refusal.bytes(),
        };
        size_of::<Verdict>().saturating_add(held)
    }
}

/// The plans of a text. Most texts are one statement: they need no vector.
pub(crate) enum Plans {
    None,
    One(StatementPlan),
    Many(Vec<StatementPlan>),
}

impl Plans {
    pub(crate) fn add(&mut self, plan: StatementPlan) {
        *self = match std::mem::replace(self, Plans::None) {
            Plans::None => Plans::One(plan),
            Plans::One(first) => Plans::Many(vec![first, plan]),
            Plans::Many(mut plans) => {
                plans.push(plan);
                Plans::Many(plans)
            }
        };
    }

    pub(crate) fn as_slice(&self) -> &[StatementPlan] {
        match self {
            Plans::None => &[],
            Plans::One(plan) => std::slice::from_ref(plan),
            Plans::Many(plans) => plans,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [StatementPlan] {
        match self {
            Plans::None => &mut [],
            Plans::One(plan) => std::slice::from_mut(plan),
            Plans::Many(plans) => plans,
        }
    }

    pub(crate) fn into_vec(self) -> Vec<StatementPlan> {
        match self {
            Plans::None => Vec::new(),
            Plans::One(plan) => vec![plan],
            Plans::Many(plans) => plans,
        }
    }
}
