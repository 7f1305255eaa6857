//! Patterns of names: `*` stands for any run of characters, also for none.

use crate::builtin::is_system_schema;
use crate::rules::{Pattern, Rule};
use hoopwire_postgres_sql::Verbs;

/// In a search path: the schema named like the session's user. Which one that is, we do not know.
pub(crate) const USER: &str = "$user";
/// As an object's name: everything in the schema.
pub(crate) const WHOLE: &str = "*";

/// True if `pattern` matches all of `text`.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    // most patterns are a star, a name, or the beginning of a name
    if pattern == WHOLE || pattern == text {
        return true;
    }
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    // most names are another from the first letter on
    if pattern.first().is_some_and(|first| *first != b'*') && pattern.first() != text.first() {
        return false;
    }
    match pattern.iter().position(|byte| *byte == b'*') {
        None => return false,
        Some(star) if star + 1 == pattern.len() => {
            return pattern.strip_suffix(b"*").is_some_and(|start| text.starts_with(start));
        }
        Some(_) => {}
    }
    let (mut p, mut t) = (0, 0);
    // where to go on if what follows the last `*` does not fit: behind the star, one byte of text later
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), text.get(t)) {
            (Some(b'*'), _) => {
                retry = Some((p + 1, t));
                p += 1;
            }
            (Some(a), Some(b)) if a == b => (p, t) = (p + 1, t + 1),
            (None, None) => return true,
            _ => match retry {
                Some((behind, from)) if from < text.len() => {
                    retry = Some((behind, from + 1));
                    (p, t) = (behind, from + 1);
                }
                _ => return false,
            },
        }
    }
}

/// A pattern of nothing but stars: it matches whatever the name turns out to be.
fn is_any(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().all(|byte| byte == b'*')
}

/// An object with its schema, of which not everything may be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Object<'a> {
    /// [`USER`] if it is not known, [`WHOLE`] for all of them (a VACUUM without names).
    pub(crate) schema: &'a str,
    /// [`WHOLE`] for everything in the schema.
    pub(crate) name: &'a str,
    /// The schema is one that no star matches.
    is_system: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn new(schema: &'a str, name: &'a str) -> Object<'a> {
        Object { schema, name, is_system: is_system_schema(schema) }
    }

    /// In a schema that no star matches.
    pub(crate) fn is_system(&self) -> bool {
        self.is_system
    }

    /// A pattern with a star never matches a system schema.
    fn schema_matches(&self, pattern: &str) -> bool {
        if self.is_system { pattern == self.schema } else { glob(pattern, self.schema) }
    }

    /// The pattern covers this object for sure, whatever is not known.
    pub(crate) fn is_covered(&self, pattern: &Pattern) -> bool {
        let schema = match self.schema {
            USER => is_any(&pattern.schema),
            _ => self.schema_matches(&pattern.schema),
        };
        let name = match self.name {
            WHOLE => is_any(&pattern.name),
            name => glob(&pattern.name, name),
        };
        schema && name
    }

    /// The pattern may match this object or a part of it.
    pub(crate) fn is_touched(&self, pattern: &Pattern) -> bool {
        let name = self.name == WHOLE || glob(&pattern.name, self.name);
        name && ([USER, WHOLE].contains(&self.schema) || self.schema_matches(&pattern.schema))
    }
}

impl Rule {
    /// How many patterns an object may be compared with.
    pub(crate) fn patterns(&self) -> usize {
        self.objects.len().saturating_add(self.except.len())
    }

    /// The rule covers the object for sure. `literal`: only a pattern with the object's own name counts.
    pub(crate) fn covers(&self, object: Object<'_>, literal: bool) -> bool {
        let counts = |pattern: &Pattern| !literal || !pattern.name.contains('*');
        self.objects.iter().any(|pattern| counts(pattern) && object.is_covered(pattern))
            && !self.except.iter().any(|pattern| object.is_touched(pattern))
    }

    /// The rule, a deny, may match the object.
    pub(crate) fn touches(&self, object: Object<'_>) -> bool {
        self.objects.iter().any(|pattern| object.is_touched(pattern))
            && !self.except.iter().any(|pattern| object.is_covered(pattern))
    }

    /// The rule covers every object that is no system object.
    pub(crate) fn covers_all(&self, verbs: Verbs) -> bool {
        self.verbs.contains(verbs)
            && self.except.is_empty()
            && self.objects.iter().any(|pattern| is_any(&pattern.schema) && is_any(&pattern.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slow(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=text.len()).any(|from| slow(rest, &text[from..])),
            (Some((a, rest)), Some((b, text))) => a == b && slow(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_glob_matches_what_the_plain_definition_matches(pattern in "[ab*]{0,8}", text in "[ab]{0,8}") {
            prop_assert_eq!(glob(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn what_is_covered_is_touched(schema in "[ab*]{1,3}", name in "[ab*]{1,3}", s in "[ab]{1,3}|\\$user", n in "[ab]{1,3}|\\*") {
            let pattern = Pattern { schema, name };
            let object = Object::new(&s, &n);
            prop_assert!(!object.is_covered(&pattern) || object.is_touched(&pattern));
        }
    }

    #[test]
    fn a_glob_that_takes_exponential_time() {
        assert!(!glob(&"*a".repeat(2000), &"a".repeat(1999)));
        assert!(glob("", "") && !glob("", "a") && glob("*", "") && !glob("a", ""));
    }

    fn object<'a>(schema: &'a str, name: &'a str) -> Object<'a> {
        Object::new(schema, name)
    }

    #[test]
    fn a_star_that_reaches_into_a_system_schema() {
        let pattern = |schema: &str, name: &str| Pattern { schema: schema.into(), name: name.into() };
        for schema in ["pg_catalog", "information_schema", "pg_toast", "pg_temp", "pg_temp_4"] {
            for glob in ["*", "pg_*", "*_*", "pg_catalog*", "information*"] {
                assert!(!object(schema, "x").is_covered(&pattern(glob, "*")), "{glob} {schema}");
            }
            assert!(object(schema, "x").is_covered(&pattern(schema, "*")), "{schema}");
        }
    }

    #[test]
    fn what_is_not_known_is_covered_only_by_all_and_touched_by_any() {
        let pattern = |schema: &str, name: &str| Pattern { schema: schema.into(), name: name.into() };
        assert!(object(USER, "t").is_covered(&pattern("*", "t")));
        assert!(!object(USER, "t").is_covered(&pattern("app", "t")));
        assert!(object(USER, "t").is_touched(&pattern("app", "t")));
        assert!(object("app", WHOLE).is_covered(&pattern("app", "*")));
        assert!(!object("app", WHOLE).is_covered(&pattern("app", "t*")));
        assert!(object("app", WHOLE).is_touched(&pattern("app", "secrets")));
        // VACUUM and REINDEX DATABASE reached what was denied: no schema of a pattern was "all schemas".
        assert!(object(WHOLE, WHOLE).is_touched(&pattern("app", "secrets")));
        assert!(!object(WHOLE, WHOLE).is_covered(&pattern("app", "*")));
        assert!(object(WHOLE, WHOLE).is_covered(&pattern("*", "*")));
    }
}
