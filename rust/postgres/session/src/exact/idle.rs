//! What of a policy matches nothing at the target: mostly slips of the pen.
//!
//! Masks come with the catalogue, since a grant may say that they must match. Rules are asked for once, by the first
//! session of a reactor that has them: nothing is decided by it.

use crate::ending::Ending;
use crate::exact::inquiry::{Row, like, literal};
use hoopwire_grant::Party;
use hoopwire_postgres_policy::{Catalogue, Grant, Pattern, Rule};
use hoopwire_postgres_protocol::error::{ErrorReport, Sqlstate};
use hoopwire_postgres_sql::Verbs;

/// Most columns that a refusal names.
const NAMED_MAX: usize = 10;
/// Temporary relations come and go, in schemas of other names.
const TEMPORARY: &str = "pg_temp";

/// Asks which rules match nothing: rows `n` with what the policy says (`deny public.x`, `allow call app.f`, `except
/// public.y`). `None` if there is nothing to ask. As in a decision, a star reaches no system schema.
pub(crate) fn question(grant: &Grant) -> Option<String> {
    let rights = grant.rights.rules.as_ref()?;
    let mut rows = Vec::new();
    for rule in &rights.deny {
        rows.extend(rule.objects.iter().filter_map(|pattern| row("deny", rule, pattern)));
    }
    for rule in &rights.allow {
        // what `ddl` names may be made yet
        if !rule.verbs.intersects(Verbs::DDL) {
            rows.extend(rule.objects.iter().filter_map(|pattern| row("allow", rule, pattern)));
        }
    }
    for rule in rights.deny.iter().chain(&rights.allow) {
        rows.extend(rule.except.iter().filter_map(|pattern| row("except", rule, pattern)));
    }
    rows.sort();
    rows.dedup();
    if rows.is_empty() {
        return None;
    }
    // a plain name is looked up by the catalogue's index: there may be hundreds
    let found = |kind: &str, from: &str, name: &str| {
        format!(
            "r.kind = '{kind}' AND CASE r.star WHEN 'none' THEN EXISTS (SELECT FROM {from} \
             WHERE n.nspname = r.schema::pg_catalog.name AND {name} = r.name::pg_catalog.name) \
             ELSE EXISTS (SELECT FROM {from} WHERE n.nspname::pg_catalog.text LIKE r.schema::pg_catalog.text \
             AND {name}::pg_catalog.text LIKE r.name::pg_catalog.text AND (r.star = 'name' \
             OR n.nspname::pg_catalog.text !~ '^(information_schema|pg_(catalog|toast|temp)|pg_(toast_)?temp_.*)$')) END"
        )
    };
    let relation = found(
        "r",
        "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
        "c.relname",
    );
    let function = found(
        "f",
        "pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace",
        "p.proname",
    );
    Some(format!(
        "SELECT 'n', r.said, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL \
         FROM (VALUES {}) r(kind, star, schema, name, said) WHERE NOT ({relation} OR {function})",
        rows.join(", ")
    ))
}

fn row(what: &str, rule: &Rule, pattern: &Pattern) -> Option<String> {
    let Pattern { schema, name } = pattern;
    if schema == TEMPORARY || (schema == "*" && name == "*") {
        return None;
    }
    let (kind, call) = if rule.verbs == Verbs::CALL { ('f', "call ") } else { ('r', "") };
    let (star, text): (_, fn(&str) -> String) = match (schema.contains('*'), name.contains('*')) {
        (true, _) => ("schema", like),
        (false, true) => ("name", like),
        (false, false) => ("none", literal),
    };
    let said = literal(&format!("{what} {call}{schema}.{name}"));
    Some(format!("('{kind}', '{star}', {}, {}, {said})", text(schema), text(name)))
}

/// Takes the answer to [`question`] out of the rows.
pub(crate) fn take(rows: &mut Vec<Row>) -> Result<Vec<String>, Ending> {
    let is_said = |row: &Row| row.first().and_then(Option::as_deref) == Some("n");
    let (idle, rest): (Vec<Row>, Vec<Row>) = std::mem::take(rows).into_iter().partition(is_said);
    *rows = rest;
    let said = idle.into_iter().map(|row| row.into_iter().nth(1).flatten());
    said.collect::<Option<_>>().ok_or_else(|| Ending::no_catalogue("an answer that cannot be read"))
}

/// Refuses a session whose masks must match, and do not.
pub(crate) fn check_masks(grant: &Grant, known: &Catalogue) -> Result<(), Ending> {
    let idle = known.idle_masks();
    if !grant.rights.masks_must_match || idle.is_empty() {
        return Ok(());
    }
    let mut listed = idle.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    if let Some(more) = idle.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        listed.push_str(&format!(" and {more} more"));
    }
    let report = ErrorReport::fatal(
        Sqlstate::INSUFFICIENT_PRIVILEGE,
        format!("policy \"{}\" masks what \"{}\" does not have", grant.policy, grant.rights.target_id),
    )
    .with_detail(format!(
        "No column of the target is {listed}, and the policy lets nobody in while a mask matches nothing.\n\
         code: masks_unmatched"
    ))
    .with_hint(
        "Tell the gateway's operators: the policy misspells the column, or it was renamed or dropped at the target.",
    );
    Err(Ending::fatal(Party::Gateway, &format!("masks_unmatched: {listed}"), report))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoopwire_postgres_policy::{Rules, TestGrant};

    fn rule(verbs: Verbs, objects: &[(&str, &str)], except: &[(&str, &str)]) -> Rule {
        let patterns = |all: &[(&str, &str)]| {
            let pattern = |(schema, name): &(&str, &str)| Pattern {
                schema: (*schema).to_owned(),
                name: (*name).to_owned(),
            };
            all.iter().map(pattern).collect()
        };
        Rule { verbs, objects: patterns(objects), except: patterns(except) }
    }

    fn asked(allow: Vec<Rule>, deny: Vec<Rule>) -> Option<String> {
        let rights = Rules { allow, deny, ..Rules::default() };
        #[allow(clippy::disallowed_methods)] // some instant
        let grant = Grant::for_tests(std::time::Instant::now()).with_rules(rights);
        question(&grant)
    }

    #[test]
    fn what_is_asked_for_and_what_is_not() {
        // H12: a slip in a rule, in what it leaves out, or in a function's name was heard of by nobody.
        let text = asked(
            vec![
                rule(Verbs::SELECT, &[("public", "ordrs"), ("*", "*")], &[("public", "secrts")]),
                rule(Verbs::CALL, &[("app", "fetch*")], &[]),
            ],
            vec![
                rule(Verbs::CALL, &[("pg_catalog", "pg_slep")], &[]),
                rule(Verbs::SELECT, &[("sh_p", "*"), ("*_log", "x")], &[]),
            ],
        )
        .unwrap_or_default();
        for row in [
            "('r', 'none', 'public', 'ordrs', 'allow public.ordrs')",
            "('r', 'none', 'public', 'secrts', 'except public.secrts')",
            "('f', 'name', 'app', 'fetch%', 'allow call app.fetch*')",
            "('f', 'none', 'pg_catalog', 'pg_slep', 'deny call pg_catalog.pg_slep')",
            r"('r', 'name', 'sh\_p', '%', 'deny sh_p.*')",
            r"('r', 'schema', '%\_log', 'x', 'deny *_log.x')",
        ] {
            assert!(text.contains(row), "{row} in {text}");
        }
        assert!(!text.contains("'*.*'") && !text.contains("allow *.*"), "{text}");
        // what may be made yet, what comes and goes, what is everything
        let made = rule(Verbs::SELECT.with(Verbs::DDL), &[("app", "new_*")], &[]);
        let rest = rule(Verbs::SELECT, &[("pg_temp", "*"), ("*", "*")], &[]);
        assert_eq!(asked(vec![made, rest], vec![]), None);
    }

    #[test]
    fn an_answer_is_taken_out_of_the_rows() {
        let row = |kind: &str, said: Option<&str>| vec![Some(kind.to_owned()), said.map(str::to_owned)];
        let mut rows =
            vec![row("n", Some("deny a.b")), row("f", Some("public")), row("n", Some("allow c.d"))];
        assert_eq!(take(&mut rows).unwrap_or_default(), ["deny a.b", "allow c.d"]);
        assert_eq!(rows, [row("f", Some("public"))]);
        assert!(take(&mut vec![row("n", None)]).is_err());
    }

    #[test]
    fn a_session_whose_masks_must_match_is_refused_by_name() {
        #[allow(clippy::disallowed_methods)] // some instant
        let mut grant = Grant::for_tests(std::time::Instant::now());
        let columns = |many: u32| (0..many).map(|at| format!("public.t.c{at}")).collect();
        let known = |many| Catalogue::default().with_idle_masks(columns(many));
        assert!(check_masks(&grant, &known(1)).is_ok(), "the policy does not ask for it");
        grant.rights.masks_must_match = true;
        assert!(check_masks(&grant, &known(0)).is_ok());
        for (many, listed) in [(1, "public.t.c0,"), (12, "public.t.c9 and 2 more,")] {
            let ending = check_masks(&grant, &known(many)).err();
            let report = ending.as_ref().and_then(|ending| ending.report.as_ref());
            let detail = report.and_then(|report| report.detail.clone()).unwrap_or_default();
            assert!(detail.contains(listed) && detail.ends_with("\ncode: masks_unmatched"), "{detail}");
            assert_eq!(ending.and_then(|ending| ending.sqlstate), Some(Sqlstate::INSUFFICIENT_PRIVILEGE));
        }
    }
}
