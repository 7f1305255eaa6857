//! The parts of a compiled grant that say what a statement may do, checked.

use hoopwire_postgres_policy::{Budgets, Mask, MaskKind, Pattern, Rights, Rule, Used, Words};
use hoopwire_postgres_sql::Verbs;
use serde::Deserialize;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompiledRights {
    allow: Vec<CompiledRule>,
    deny: Vec<CompiledRule>,
    words: Vec<String>,
    search_path: Vec<String>,
    read_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompiledRule {
    verbs: Vec<String>,
    objects: Vec<(String, String)>,
    except: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompiledMask {
    schema: String,
    relation: String,
    column: String,
    kind: String,
    value: String,
    first: u16,
    last: u16,
    step: f64,
    compare: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompiledBudgets {
    rows: Option<u64>,
    bytes: Option<u64>,
    statements: Option<u64>,
    wall_time_s: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompiledUsed {
    rows: u64,
    bytes: u64,
    statements: u64,
    wall_time_s: f64,
}

impl CompiledRights {
    pub(crate) fn check(self) -> Result<Rights, String> {
        let mut words = Words::default();
        for name in &self.words {
            words = words.with(Words::from_name(name).ok_or_else(|| format!("unknown word \"{name}\""))?);
        }
        Ok(Rights {
            allow: self.allow.into_iter().map(CompiledRule::check).collect::<Result<_, _>>()?,
            deny: self.deny.into_iter().map(CompiledRule::check).collect::<Result<_, _>>()?,
            words,
            search_path: self.search_path,
            read_only: self.read_only,
        })
    }
}

impl CompiledRule {
    fn check(self) -> Result<Rule, String> {
        let mut verbs = Verbs::default();
        for name in &self.verbs {
            verbs = verbs.with(Verbs::from_name(name).ok_or_else(|| format!("unknown verb \"{name}\""))?);
        }
        let patterns = |list: Vec<(String, String)>| {
            list.into_iter().map(|(schema, name)| Pattern { schema, name }).collect()
        };
        Ok(Rule { verbs, objects: patterns(self.objects), except: patterns(self.except) })
    }
}

impl CompiledMask {
    pub(crate) fn check(self) -> Result<Mask, String> {
        let kind = match self.kind.as_str() {
            "null" => MaskKind::Null,
            "fixed" => MaskKind::Fixed(self.value),
            "hash" => MaskKind::Hash,
            "partial" => MaskKind::Partial { first: self.first, last: self.last },
            "range" if self.step.is_finite() && self.step > 0.0 => MaskKind::Range { step: self.step },
            "range" => return Err("the step of a range mask is not above 0".to_owned()),
            other => return Err(format!("unknown kind of mask \"{other}\"")),
        };
        let Self { schema, relation, column, compare, .. } = self;
        Ok(Mask { schema, relation, column, kind, compare })
    }
}

impl CompiledBudgets {
    pub(crate) fn check(&self) -> Result<Budgets, String> {
        let wall_time = self.wall_time_s.map(Duration::try_from_secs_f64).transpose();
        Ok(Budgets {
            rows: self.rows,
            bytes: self.bytes,
            statements: self.statements,
            wall_time: wall_time.map_err(|error| error.to_string())?,
        })
    }
}

impl CompiledUsed {
    pub(crate) fn check(&self) -> Result<Used, String> {
        Ok(Used {
            rows: self.rows,
            bytes: self.bytes,
            statements: self.statements,
            wall_time: Duration::try_from_secs_f64(self.wall_time_s).map_err(|error| error.to_string())?,
        })
    }
}
