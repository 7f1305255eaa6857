//! A compiled grant's bytes to `policy::Grant`, checked field by field.

use crate::rights::{CompiledBudgets, CompiledMask, CompiledRights, CompiledUsed};
use hoopwire_postgres_policy::{Actions, DecisionKey, Grant, Mask, MaskKey, Record};
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use serde_bytes::ByteBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The version of the seam that this extension speaks.
const VERSION: u32 = 4;

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
    actions: Vec<String>,
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
    rights: Option<CompiledRights>,
    action_texts: Vec<String>,
    masks: Vec<CompiledMask>,
    masks_must_match: bool,
    mask_key: ByteBuf,
    budgets: CompiledBudgets,
    used: CompiledUsed,
    target_id: String,
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
    let mut actions = Actions::default();
    for name in &compiled.actions {
        let action = Actions::from_name(name).ok_or_else(|| format!("unknown action \"{name}\""))?;
        actions = actions.with(action);
    }
    if actions.contains(Actions::STATEMENTS) != compiled.rights.is_some() {
        return Err("action \"statements\" and rights go together".to_owned());
    }
    if actions.contains(Actions::STATEMENTS.with(Actions::QUERY)) {
        return Err("action \"query\" beside exact rights".to_owned());
    }
    if [Actions::FUNCTION_CALL, Actions::REPLICATION]
        .iter()
        .any(|wide| actions.contains(Actions::STATEMENTS.with(*wide)))
    {
        return Err("an action as wide as the target's user beside exact rights".to_owned());
    }
    let masks = compiled.masks.into_iter().map(CompiledMask::check).collect::<Result<Vec<Mask>, String>>()?;
    if !masks.is_empty() && compiled.rights.is_none() {
        return Err("masks without exact rights".to_owned());
    }
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
        actions,
        policy: compiled.policy,
        policy_hash: compiled.policy_hash,
        task: compiled.task,
        record,
        deadline,
        notice_at: (!notice.is_zero()).then(|| deadline.checked_sub(notice)).flatten(),
        expires_unix_us: u64::try_from(expires.as_micros()).unwrap_or(u64::MAX),
        expires_text: compiled.expires_text,
        rights: compiled.rights.map(CompiledRights::check).transpose()?.map(Arc::new),
        action_texts: compiled.action_texts,
        mask_key: mask_key(&compiled.mask_key, !masks.is_empty())?,
        masks: masks.into(),
        masks_must_match: compiled.masks_must_match,
        budgets: compiled.budgets.check()?,
        used: compiled.used.check()?,
        target_id: compiled.target_id,
        decision_key: DecisionKey::default(),
    })
}

fn mask_key(bytes: &[u8], needed: bool) -> Result<MaskKey, String> {
    match (bytes, needed) {
        ([], false) => Ok(MaskKey::default()),
        _ => Ok(MaskKey::new(bytes.try_into().map_err(|_| "mask_key is not 32 bytes")?)),
    }
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
