//! A compiled grant's bytes to a grant, checked field by field.

use crate::limits::{CompiledBudgets, CompiledUsed, patience};
use crate::postgres::CompiledPostgres;
use hoopwire_gateway::{Grant, Rights};
use hoopwire_grant::Record;
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use std::time::{Duration, Instant};

/// The version of the seam that this extension speaks.
const VERSION: u32 = 7;

/// Field names as in `hoopwire.model.commands.CompiledGrant`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompiledGrant {
    #[serde(rename = "version")]
    _version: u32,
    id: String,
    issuer: String,
    principal: String,
    principal_name: String,
    principal_kind: String,
    target: String,
    database: String,
    policy: String,
    policy_hash: String,
    task: String,
    record_results: String,
    #[serde(rename = "minted_at")]
    _minted_at: f64,
    expires_at: f64,
    expires_text: String,
    deadline_monotonic_ns: u64,
    notice_s: f64,
    rights: CompiledRights,
    idle_s: Option<f64>,
    budgets: CompiledBudgets,
    used: CompiledUsed,
}

/// What the grant opens, by protocol.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum CompiledRights {
    Postgres(CompiledPostgres),
    /// Field names as in `hoopwire.model.ssh.rights.CompiledSsh`; checked as it is read.
    Ssh(hoopwire_ssh_policy::Rights),
}

impl CompiledRights {
    fn check(self) -> Result<Rights, String> {
        match self {
            CompiledRights::Postgres(rights) => rights.check().map(Rights::Postgres),
            CompiledRights::Ssh(rights) => Ok(Rights::Ssh(rights)),
        }
    }
}

/// Only the version: a grant of another one has other fields, and the error should say which is wrong.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Decodes and checks a compiled grant.
pub(crate) fn grant(bytes: &[u8]) -> Result<Grant, String> {
    let Version { version } = rmp_serde::from_slice(bytes).map_err(|error| error.to_string())?;
    if version != VERSION {
        return Err(format!("grant version {version} where this engine speaks {VERSION}"));
    }
    let compiled: CompiledGrant = rmp_serde::from_slice(bytes).map_err(|error| error.to_string())?;
    let record = match compiled.record_results.as_str() {
        "digest" => Record::Digest,
        "full" => Record::Full,
        other => return Err(format!("unknown record_results \"{other}\"")),
    };
    let deadline = instant(compiled.deadline_monotonic_ns);
    let notice = Duration::try_from_secs_f64(compiled.notice_s).map_err(|error| error.to_string())?;
    let expires = Duration::try_from_secs_f64(compiled.expires_at).map_err(|error| error.to_string())?;
    Ok(Grant {
        id: compiled.id,
        issuer: compiled.issuer,
        principal: compiled.principal,
        principal_name: compiled.principal_name,
        principal_kind: compiled.principal_kind,
        target: compiled.target,
        database: compiled.database,
        policy: compiled.policy,
        policy_hash: compiled.policy_hash,
        task: compiled.task,
        record,
        deadline,
        notice_at: (!notice.is_zero()).then(|| deadline.checked_sub(notice)).flatten(),
        expires_unix_us: u64::try_from(expires.as_micros()).unwrap_or(u64::MAX),
        expires_text: compiled.expires_text,
        rights: compiled.rights.check()?,
        idle: patience(compiled.idle_s)?,
        budgets: compiled.budgets.check()?,
        used: compiled.used.check()?,
    })
}

/// CLOCK_MONOTONIC nanoseconds to an `Instant`, which is the same clock on Linux. What lies in the past is now.
fn instant(monotonic_ns: u64) -> Instant {
    let clock = clock_gettime(ClockId::Monotonic);
    let now = Instant::now();
    let now_ns = u64::try_from(clock.tv_sec)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(clock.tv_nsec).unwrap_or(0));
    now.checked_add(Duration::from_nanos(monotonic_ns.saturating_sub(now_ns))).unwrap_or(now)
}
