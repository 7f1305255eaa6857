//! The decision on a text of statements.

use crate::cache::{Decided, DecisionCache};
use crate::catalogue::View;
use crate::grant::{Actions, Grant};
use crate::judge::Scope;
use crate::masked::lineage;
use crate::plan::{StatementPlan, Verdict};
use crate::refusal::{Reason, Refusal};
use hoopwire_sql::{Effect, Lineage, ParseError, Parsed, Statement, parse};
use std::sync::Arc;

/// Decides a text: every statement of it, all or nothing. The answer comes from `cache` if the same text was
/// decided before for a grant of the same policy.
///
/// A grant whose statements are not looked at (action `query`) gets an empty list. The deadline is not judged here:
/// [`decide`](crate::decide) does that.
#[must_use]
pub fn decide_text(grant: &Grant, text: &[u8], view: &View<'_>, cache: &mut DecisionCache) -> Arc<Verdict> {
    if grant.rights.is_none() {
        return Arc::new(decide_unread(grant));
    }
    cache.verdict(grant, text, view, || {
        decide_cold(grant, text, view)
            .unwrap_or_else(|refusal| Decided::Verdict(Verdict { outcome: Err(refusal) }))
    })
}

fn decide_unread(grant: &Grant) -> Verdict {
    let outcome = if grant.actions.contains(Actions::QUERY) {
        Ok(Vec::new())
    } else {
        Err(refusal(Reason::NoStatements))
    };
    Verdict { outcome }
}

fn refusal(reason: Reason) -> Refusal {
    Refusal { statement: 0, command: "", reason }
}

fn decide_cold(grant: &Grant, text: &[u8], view: &View<'_>) -> Result<Decided, Refusal> {
    let parsed = read(text, view)?;
    let statements = statements(&parsed)?;
    let scope = Scope::new(grant, view.catalogue).ok_or_else(|| refusal(Reason::NoStatements))?;
    judge_all(&scope, &parsed, &statements)?;
    let plans: Vec<StatementPlan> = if scope.masks.is_empty() {
        if let [statement] = statements.as_slice()
            && !makes_what_stays(statement)
        {
            return Ok(Decided::Plain(statement.command));
        }
        statements.iter().map(|statement| plan(statement, Lineage::default())).collect()
    } else {
        let lineages = lineage(&parsed, &scope, &statements)?;
        statements.iter().zip(lineages).map(|(statement, lineage)| plan(statement, lineage)).collect()
    };
    Ok(Decided::Verdict(Verdict { outcome: Ok(plans) }))
}

/// The text as the target will read it.
pub(crate) fn read(text: &[u8], view: &View<'_>) -> Result<Parsed, Refusal> {
    let text = match std::str::from_utf8(text) {
        Ok(text) if view.utf8 || text.is_ascii() => text,
        _ => return Err(refusal(Reason::Encoding)),
    };
    parse(text).map_err(|error| {
        refusal(match error {
            ParseError::Syntax { message, position } => Reason::Syntax { message, position },
            ParseError::TooDeep => Reason::TooDeep,
            ParseError::Internal => Reason::NotUnderstood { what: "text".to_owned() },
        })
    })
}

/// What the statements do: one entry for each that the grammar saw.
pub(crate) fn statements(parsed: &Parsed) -> Result<Vec<Statement>, Refusal> {
    let statements = parsed.statements();
    if statements.len() == parsed.len() {
        Ok(statements)
    } else {
        // whatever was left out must not pass
        Err(refusal(Reason::NotUnderstood { what: "text".to_owned() }))
    }
}

pub(crate) fn judge_all(scope: &Scope<'_>, parsed: &Parsed, statements: &[Statement]) -> Result<(), Refusal> {
    for (at, statement) in statements.iter().enumerate() {
        scope.at(parsed, at).judge(statement).map_err(|reason| Refusal {
            statement: at,
            command: statement.command,
            reason,
        })?;
    }
    Ok(())
}

/// PREPARE and DECLARE.
fn makes_what_stays(statement: &Statement) -> bool {
    let stays = |effect: &Effect| matches!(effect, Effect::Prepare { .. } | Effect::DeclareCursor);
    statement.effects.iter().any(stays)
}

fn plan(statement: &Statement, lineage: Lineage) -> StatementPlan {
    let Lineage { touches: touches_masked, copy_out } = lineage;
    let prepares = makes_what_stays(statement);
    StatementPlan { command: statement.command, touches_masked, copy_out, prepares }
}

#[cfg(test)]
mod tests;
