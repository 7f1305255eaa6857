//! What a compiled grant opens at a PostgreSQL target, checked.

use crate::limits::patience;
use hoopwire_postgres_policy::{
    Actions, DecisionKey, Mask, MaskKey, MaskKind, Pattern, Rights, Rule, Rules, Words,
};
use hoopwire_postgres_sql::Verbs;
use serde::Deserialize;
use serde_bytes::ByteBuf;
use std::sync::Arc;

/// Field names as in `hoopwire.model.postgres.rights.CompiledPostgres`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompiledPostgres {
    actions: Vec<String>,
    rules: Option<CompiledRules>,
    action_texts: Vec<String>,
    masks: Vec<CompiledMask>,
    masks_must_match: bool,
    mask_key: ByteBuf,
    target_id: String,
    idle_in_transaction_s: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompiledRules {
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
struct CompiledMask {
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

impl CompiledPostgres {
    pub(crate) fn check(self) -> Result<Rights, String> {
        let mut actions = Actions::default();
        for name in &self.actions {
            let action = Actions::from_name(name).ok_or_else(|| format!("unknown action \"{name}\""))?;
            actions = actions.with(action);
        }
        if actions.contains(Actions::STATEMENTS) != self.rules.is_some() {
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
        let masks = self.masks.into_iter().map(CompiledMask::check).collect::<Result<Vec<Mask>, String>>()?;
        if !masks.is_empty() && self.rules.is_none() {
            return Err("masks without exact rights".to_owned());
        }
        Ok(Rights {
            actions,
            rules: self.rules.map(CompiledRules::check).transpose()?.map(Arc::new),
            action_texts: self.action_texts,
            mask_key: mask_key(&self.mask_key, !masks.is_empty())?,
            masks: masks.into(),
            masks_must_match: self.masks_must_match,
            target_id: self.target_id,
            idle_in_transaction: patience(self.idle_in_transaction_s)?,
            decision_key: DecisionKey::default(),
        })
    }
}

fn mask_key(bytes: &[u8], needed: bool) -> Result<MaskKey, String> {
    match (bytes, needed) {
        ([], false) => Ok(MaskKey::default()),
        _ => Ok(MaskKey::new(bytes.try_into().map_err(|_| "mask_key is not 32 bytes")?)),
    }
}

impl CompiledRules {
    pub(crate) fn check(self) -> Result<Rules, String> {
        let mut words = Words::default();
        for name in &self.words {
            words = words.with(Words::from_name(name).ok_or_else(|| format!("unknown word \"{name}\""))?);
        }
        Ok(Rules {
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
