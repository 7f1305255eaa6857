//! Relations that share rows with one that a deny rule names: its partitions and children, and what it is a part of.
//!
//! What reads or writes a parent without ONLY reads or writes all below it; what is below a denied relation is part of
//! it. So a deny reaches down to all below what it names, and from there up to all that hold these. What only stands
//! beside (another partition of the same parent) it leaves alone.

use crate::glob::Object;
use crate::rules::Rule;
use hoopwire_postgres_sql::{Access, Verbs};
use rustc_hash::{FxHashMap, FxHashSet};

/// A partition or child, and what it is a part of, each with schema and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inheritance {
    /// The partition or child.
    pub child: (String, String),
    /// What it is a part of.
    pub parent: (String, String),
    /// The parent is partitioned: it has no rows of its own, and gives those that it gets to its partitions.
    pub partitioned: bool,
}

/// That a relation is kin of what a deny rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kin {
    /// Place of the rule among the denies.
    rule: usize,
    /// It holds rows of what is denied besides others.
    above: bool,
    /// As in [`Inheritance`].
    partitioned: bool,
}

/// By name, then by schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinship(FxHashMap<String, Vec<(String, Kin)>>);

type Key<'a> = (&'a str, &'a str);

impl Kinship {
    pub(crate) fn new(inheritance: &[Inheritance], deny: &[Rule]) -> Kinship {
        let mut kinship = Kinship::default();
        let mut below: FxHashMap<Key<'_>, Vec<Key<'_>>> = FxHashMap::default();
        let mut above: FxHashMap<Key<'_>, Vec<Key<'_>>> = FxHashMap::default();
        let mut partitioned: FxHashSet<Key<'_>> = FxHashSet::default();
        let mut all: FxHashSet<Key<'_>> = FxHashSet::default();
        for each in inheritance {
            let (child, parent) = (key(&each.child), key(&each.parent));
            below.entry(parent).or_default().push(child);
            above.entry(child).or_default().push(parent);
            all.extend([child, parent]);
            if each.partitioned {
                partitioned.insert(parent);
            }
        }
        for (at, rule) in deny.iter().enumerate() {
            let object = |(schema, name): Key<'_>| rule.touches(Object::new(schema, name));
            let named: FxHashSet<Key<'_>> = all.iter().copied().filter(|key| object(*key)).collect();
            let parts = reached(&named, &below, rule);
            let holders = reached(&parts, &above, rule);
            for relation in holders.difference(&named) {
                let kin = Kin {
                    rule: at,
                    above: !parts.contains(relation),
                    partitioned: partitioned.contains(relation),
                };
                let (schema, name) = *relation;
                kinship.0.entry(name.to_owned()).or_default().push((schema.to_owned(), kin));
            }
        }
        // the order of a set is not that of the next one
        for relations in kinship.0.values_mut() {
            relations.sort_by(|(a, kin), (b, other)| (a, kin.rule).cmp(&(b, other.rule)));
        }
        kinship
    }

    /// The verbs of this access that touch what the denies name.
    pub(crate) fn denied(&self, object: Object<'_>, access: &Access<&str>, deny: &[Rule]) -> Verbs {
        let Some(relations) = self.0.get(object.name) else { return Verbs::default() };
        let of_schema = relations.iter().filter(|(schema, _)| schema == object.schema);
        of_schema.fold(Verbs::default(), |denied, (_, kin)| {
            let verbs = deny.get(kin.rule).map_or_else(Verbs::default, |rule| rule.verbs);
            let asked = access.verbs.without(access.verbs.without(verbs));
            denied.with(if kin.above { kin.shared(asked, access.children) } else { asked })
        })
    }
}

impl Kin {
    /// Of these verbs on what holds denied rows besides others: those that go down to them.
    fn shared(self, verbs: Verbs, children: bool) -> Verbs {
        match (self.partitioned, children) {
            // rows are put into partitions, and into no children
            (false, true) => verbs.without(Verbs::INSERT),
            (false, false) => Verbs::default(),
            (true, true) => verbs,
            // a definition may be of the parent alone
            (true, false) => verbs.without(Verbs::DDL),
        }
    }
}

fn key((schema, name): &(String, String)) -> Key<'_> {
    (schema, name)
}

/// These and all that the edges lead to, but for what the rule itself leaves out by name.
fn reached<'a>(
    from: &FxHashSet<Key<'a>>,
    edges: &FxHashMap<Key<'a>, Vec<Key<'a>>>,
    rule: &Rule,
) -> FxHashSet<Key<'a>> {
    let mut found = from.clone();
    let mut waiting: Vec<Key<'a>> = from.iter().copied().collect();
    while let Some(relation) = waiting.pop() {
        for &next in edges.get(&relation).map_or(&[][..], Vec::as_slice) {
            let (schema, name) = next;
            let is_left_out = rule.except.iter().any(|pattern| Object::new(schema, name).is_covered(pattern));
            if !is_left_out && found.insert(next) {
                waiting.push(next);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Pattern;

    fn part(child: &str, parent: &str, partitioned: bool) -> Inheritance {
        let key = |name: &str| ("public".to_owned(), name.to_owned());
        Inheritance { child: key(child), parent: key(parent), partitioned }
    }

    fn deny(verbs: Verbs, objects: &[&str], except: &[&str]) -> Rule {
        let patterns = |names: &[&str]| {
            names.iter().map(|name| Pattern { schema: "public".into(), name: (*name).into() }).collect()
        };
        Rule { verbs, objects: patterns(objects), except: patterns(except) }
    }

    fn denied(inheritance: &[Inheritance], rule: &Rule, name: &str, verbs: Verbs, children: bool) -> bool {
        let kinship = Kinship::new(inheritance, std::slice::from_ref(rule));
        let relation = hoopwire_postgres_sql::Name { schema: None, name };
        let access = Access { relation, verbs, columns: Vec::new(), children };
        !kinship.denied(Object::new("public", name), &access, std::slice::from_ref(rule)).is_empty()
    }

    const ALL: Verbs = Verbs::SELECT.with(Verbs::INSERT).with(Verbs::DELETE).with(Verbs::DDL);

    #[test]
    fn a_parent_that_shows_a_denied_partition() {
        // H8: the deny was by name, and `select * from ledger` had the rows of ledger_2026.
        let tree = [
            part("ledger_2025", "ledger", true),
            part("ledger_2026", "ledger", true),
            part("ledger_2026_01", "ledger_2026", true),
            part("ledger", "books", false),
            part("notes", "papers", false),
        ];
        let rule = deny(ALL, &["ledger_2026"], &[]);
        for (name, expected) in [
            ("ledger", true),
            ("books", true),
            ("ledger_2026_01", true),
            ("ledger_2025", false),
            ("papers", false),
            ("ledger_2026", false), // by its own name
        ] {
            assert_eq!(denied(&tree, &rule, name, Verbs::SELECT, true), expected, "{name}");
        }
        assert!(!denied(&tree, &deny(Verbs::DELETE, &["ledger_2026"], &[]), "ledger", Verbs::SELECT, true));
    }

    #[test]
    fn only_and_what_rows_are_put_into() {
        let tree = [part("kid", "plain", false), part("piece", "parted", true)];
        let rule = deny(ALL, &["kid", "piece"], &[]);
        for (name, verbs, children, expected) in [
            ("plain", Verbs::SELECT, true, true),
            ("plain", Verbs::SELECT, false, false),
            ("plain", Verbs::INSERT, true, false),
            ("plain", Verbs::DELETE, true, true),
            ("parted", Verbs::SELECT, false, true),
            ("parted", Verbs::INSERT, false, true),
            ("parted", Verbs::DDL, true, true),
            ("parted", Verbs::DDL, false, false),
        ] {
            assert_eq!(denied(&tree, &rule, name, verbs, children), expected, "{name} {verbs:?} {children}");
        }
    }

    #[test]
    fn a_second_parent_and_what_the_rule_leaves_out() {
        let tree = [part("both", "left", false), part("both", "right", false), part("other", "left", false)];
        let rule = deny(ALL, &["left"], &[]);
        assert!(denied(&tree, &rule, "both", Verbs::SELECT, false), "part of what is denied, also ONLY");
        assert!(denied(&tree, &rule, "right", Verbs::SELECT, true), "it holds rows of a part");
        assert!(!denied(&tree, &rule, "right", Verbs::SELECT, false));
        let rule = deny(ALL, &["*"], &["right", "other"]);
        assert!(!denied(&tree, &rule, "right", Verbs::SELECT, true));
        assert!(!denied(&tree, &rule, "other", Verbs::SELECT, true));
    }
}
