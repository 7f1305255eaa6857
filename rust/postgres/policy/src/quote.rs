//! Whether what an error quotes of a relation may be seen.

use crate::catalogue::Catalogue;
use crate::judge::Scope;
use crate::rights::Grant;
use hoopwire_postgres_sql::{Access, Name, Verbs};

/// True if the grant reads this relation, given by schema and name: then it may see what an error quotes of its rows.
/// `None`: it is not known which relation, so that the grant must read every one.
///
/// A temporary relation is the session's own. Grants whose statements are not looked at see all that the target says.
#[must_use]
pub fn may_quote(grant: &Grant, catalogue: Option<&Catalogue>, relation: Option<(&str, &str)>) -> bool {
    let Some(scope) = Scope::new(grant, catalogue) else { return true };
    let Some((schema, name)) = relation else { return scope.reads_all() };
    if schema.starts_with("pg_temp_") {
        return true;
    }
    let relation = Name { schema: Some(schema), name };
    scope
        .judge_access(&Access { relation, verbs: Verbs::SELECT, columns: Vec::new(), children: true })
        .is_ok()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // some instant
mod tests {
    use super::*;
    use crate::TestGrant;
    use crate::rules::{Pattern, Rule, Rules};
    use std::time::Instant;

    fn rule(verbs: Verbs, schema: &str, name: &str) -> Rule {
        let objects = vec![Pattern { schema: schema.into(), name: name.into() }];
        Rule { verbs, objects, except: Vec::new() }
    }

    fn grant(allow: Vec<Rule>, deny: Vec<Rule>) -> Grant {
        let rights = Rules { allow, deny, search_path: vec!["public".to_owned()], ..Rules::default() };
        Grant::for_tests(Instant::now()).with_rules(rights)
    }

    #[test]
    fn what_is_written_and_not_read_is_not_quoted() {
        // `update vend set n = -1` under `update on vend` alone was told "Failing row contains" with every column.
        let writes = grant(vec![rule(Verbs::UPDATE, "public", "vend")], vec![]);
        assert!(!may_quote(&writes, None, Some(("public", "vend"))));
        assert!(!may_quote(&writes, None, None));
        assert!(may_quote(&writes, None, Some(("pg_temp_3", "mine"))));
        let all = Verbs::SELECT.with(Verbs::UPDATE);
        let reads = grant(vec![rule(all, "public", "*")], vec![]);
        assert!(may_quote(&reads, None, Some(("public", "vend"))));
        assert!(!may_quote(&reads, None, Some(("hr", "vend"))) && !may_quote(&reads, None, None));
        let denied = grant(vec![rule(all, "*", "*")], vec![rule(Verbs::SELECT, "public", "vend")]);
        assert!(!may_quote(&denied, None, Some(("public", "vend"))) && !may_quote(&denied, None, None));
        assert!(may_quote(&denied, None, Some(("public", "orders"))));
        assert!(may_quote(&grant(vec![rule(all, "*", "*")], vec![]), None, None));
        assert!(may_quote(&Grant::for_tests(Instant::now()), None, None), "query");
    }
}
