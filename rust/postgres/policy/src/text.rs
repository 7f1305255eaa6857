//! The decision on a text of statements.

use crate::cache::DecisionCache;
use crate::catalogue::View;
use crate::instead::{Instead, applied};
use crate::judge::Scope;
use crate::masked::lineage;
use crate::plan::{Plans, StatementPlan, Verdict};
use crate::refusal::{Reason, Refusal};
use crate::rights::{Actions, Grant};
use hoopwire_postgres_sql::{Effect, ParseError, Parsed, Room, Statement, parse};
use std::sync::Arc;

/// Decides a text: every statement of it, all or nothing. The answer comes from `cache` if the same text was
/// decided before for a grant of the same policy.
///
/// A grant whose statements are not looked at (action `query`) gets an empty list. The deadline is not judged here:
/// [`decide`](crate::decide) does that.
#[must_use]
pub fn decide_text(grant: &Grant, text: &[u8], view: &View<'_>, cache: &mut DecisionCache) -> Arc<Verdict> {
    if grant.rights.rules.is_none() {
        return Arc::new(decide_unread(grant));
    }
    cache.verdict(grant, text, view, |room| decide_cold(grant, text, view, room))
}

fn decide_unread(grant: &Grant) -> Verdict {
    let outcome = if grant.rights.actions.contains(Actions::QUERY) {
        Ok(Vec::new())
    } else {
        Err(refusal(Reason::NoStatements))
    };
    Verdict { outcome }
}

fn refusal(reason: Reason) -> Refusal {
    Refusal { statement: 0, command: "", reason }
}

fn decide_cold(grant: &Grant, text: &[u8], view: &View<'_>, room: &mut Room) -> Result<Plans, Refusal> {
    let (parsed, text) = read(text, view)?;
    let plans = judge(grant, &parsed, text, view, room)?;
    if plans.as_slice().iter().all(|plan| plan.instead.is_empty()) {
        return Ok(plans);
    }
    check_instead(grant, text, &plans, view, room)?;
    Ok(plans)
}

/// What goes up must pass by itself, too.
fn check_instead(
    grant: &Grant,
    text: &str,
    plans: &Plans,
    view: &View<'_>,
    room: &mut Room,
) -> Result<(), Refusal> {
    let all: Vec<Instead> = plans.as_slice().iter().flat_map(|plan| plan.instead.iter().cloned()).collect();
    let unclear = || refusal(Reason::NotUnderstood { what: "text".to_owned() });
    let text = applied(text, &all).ok_or_else(unclear)?;
    let (parsed, text) = read(text.as_bytes(), view)?;
    let again = judge(grant, &parsed, text, view, room)?;
    let is_plain = again.as_slice().iter().all(|plan| plan.instead.is_empty());
    if is_plain && again.as_slice().len() == plans.as_slice().len() { Ok(()) } else { Err(unclear()) }
}

fn judge(
    grant: &Grant,
    parsed: &Parsed,
    text: &str,
    view: &View<'_>,
    room: &mut Room,
) -> Result<Plans, Refusal> {
    let outcome = judge_each(grant, parsed, text, view, room);
    // whatever was found out when the steps ran out, was found out by half
    if parsed.steps().are_spent() { Err(refusal(Reason::TooComplex)) } else { outcome }
}

fn judge_each(
    grant: &Grant,
    parsed: &Parsed,
    text: &str,
    view: &View<'_>,
    room: &mut Room,
) -> Result<Plans, Refusal> {
    let scope = Scope::new(grant, view.catalogue).ok_or_else(|| refusal(Reason::NoStatements))?;
    let mut plans = Plans::None;
    parsed.each(room, |at, statement| {
        let scope = scope.at(parsed, at, text);
        scope.judge(statement).map_err(|reason| Refusal {
            statement: at,
            command: statement.command,
            reason,
        })?;
        plans.add(plan(statement, &scope));
        Ok(())
    })?;
    if plans.as_slice().len() != parsed.len() {
        // whatever was left out must not pass
        return Err(refusal(Reason::NotUnderstood { what: "text".to_owned() }));
    }
    if scope.masks.is_empty() {
        return Ok(plans);
    }
    let commands: Vec<&str> = plans.as_slice().iter().map(|plan| plan.command).collect();
    let lineages = lineage(parsed, &scope, &commands)?;
    for (plan, lineage) in plans.as_mut_slice().iter_mut().zip(lineages) {
        plan.copy_out = lineage.copy_out;
    }
    Ok(plans)
}

/// The text as the target will read it.
pub(crate) fn read<'a>(text: &'a [u8], view: &View<'_>) -> Result<(Parsed, &'a str), Refusal> {
    let text = match std::str::from_utf8(text) {
        Ok(text) if view.utf8 || (text.is_ascii() && !escapes_names(text)) => text,
        _ => return Err(refusal(Reason::Encoding)),
    };
    parse(text).map(|parsed| (parsed, text)).map_err(|error| {
        refusal(match error {
            ParseError::Syntax { message, position } => Reason::Syntax { message, position },
            ParseError::TooDeep => Reason::TooDeep,
            ParseError::TooManyTokens => Reason::TooManyTokens,
            ParseError::Internal => Reason::NotUnderstood { what: "text".to_owned() },
        })
    })
}

/// `U&"\00e9"` is a name with any letters in it, written in ASCII.
fn escapes_names(text: &str) -> bool {
    text.as_bytes().windows(3).any(|bytes| matches!(bytes, [b'u' | b'U', b'&', b'"']))
}

/// What is known of an allowed statement without its masks.
fn plan(statement: &Statement<&str>, scope: &Scope<'_>) -> StatementPlan {
    let prepares = statement
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::Prepare { .. } | Effect::DeclareCursor));
    let executes = statement.effects.iter().find_map(|effect| match effect {
        Effect::Execute { name } => Some(name.as_str().into()),
        _ => None,
    });
    let looks_up = !statement.accesses.is_empty() || executes.is_some();
    let instead = scope.instead(statement).into();
    let shows_settings = scope.shows_settings(statement);
    let asks = scope.asks(statement);
    StatementPlan {
        command: statement.command,
        copy_out: None,
        executes,
        prepares,
        looks_up,
        shows_settings,
        asks,
        instead,
    }
}

#[cfg(test)]
mod rights_tests;
#[cfg(test)]
mod tests;
