//! The limits of a compiled grant, checked.

use hoopwire_grant::{Budgets, Used};
use serde::Deserialize;
use std::time::Duration;

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

/// Seconds to a time; none is no limit.
fn duration(seconds: Option<f64>) -> Result<Option<Duration>, String> {
    seconds.map(Duration::try_from_secs_f64).transpose().map_err(|error| error.to_string())
}

/// How long somebody may be silent: more than nothing.
pub(crate) fn patience(seconds: Option<f64>) -> Result<Option<Duration>, String> {
    match duration(seconds)? {
        Some(Duration::ZERO) => Err("a limit of no time at all".to_owned()),
        limit => Ok(limit),
    }
}

impl CompiledBudgets {
    pub(crate) fn check(&self) -> Result<Budgets, String> {
        Ok(Budgets {
            rows: self.rows,
            bytes: self.bytes,
            statements: self.statements,
            wall_time: duration(self.wall_time_s)?,
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
