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
