//! Statements made at random out of every clause that can hold a name: each name must come out, whatever it is
//! hidden in. The C tree walker of PostgreSQL is asked, too, where it knows the statement.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use hoopwire_postgres_sql::{Effect, parse};
use pg_raw_parse::{Node, walk};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// `{e}` is an expression, `{q}` a query, `{i}` an item of FROM, `{d}` a write, `{t}` a relation, `{f}` a function;
/// in each list, the first is the smallest.
const EXPRESSIONS: &[&str] = &[
    "{f}()",
    "{f}({e}, {e})",
    "s.{f}(variadic {e})",
    "{f}(a => {e})",
    "({e} + {e})",
    "(- {e})",
    "({q})",
    "array({q})",
    "exists ({q})",
    "({e} in ({q}))",
    "({e} in ({e}, {e}))",
    "({e} = any ({q}))",
    "({e} > all ({e}))",
    "(({e}, {e}) = ({q}))",
    "case {e} when {e} then {e} else {e} end",
    "coalesce({e}, {e})",
    "greatest({e}, {e})",
    "nullif({e}, {e})",
    "array[{e}, {e}]",
    "array[[{e}]]",
    "row({e}, {e})",
    "cast({e} as numeric({e}))",
    "({e})::int[]",
    "count(*) filter (where {e})",
    "{f}({e}) over (partition by {e} order by {e} rows between ({e}) preceding and ({e}) following)",
    "{f}({e} order by {e})",
    "{f}({e}) within group (order by {e})",
    "(({e}) between symmetric ({e}) and ({e}))",
    "({e} like {e} escape {e})",
    "({e} similar to {e})",
    "({e} is null)",
    "({e} is not true)",
    "({e} is distinct from {e})",
    "({e} is json)",
    "({e} collate \"C\")",
    "({e} at time zone {e})",
    "({e})[{e}]",
    "({e})[{e}:{e}]",
    "(({e})).x",
    "(not {e})",
    "({e} and {e} or {e})",
    "extract(year from {e})",
    "substring({e} from {e} for {e})",
    "trim(both {e} from {e})",
    "overlay({e} placing {e} from {e})",
    "json_object(({e}): {e}, ({e}) value {e} returning text)",
    "json_array({e}, {e})",
    "json_array({q})",
    "json_objectagg(({e}): {e}) filter (where {e})",
    "json_arrayagg({e} order by {e}) over (order by {e})",
    "json({e})",
    "json_scalar({e})",
    "json_serialize({e})",
    "json_exists({e}, {e} passing {e} as a)",
    "json_query({e}, '$' default {e} on empty)",
    "json_value({e}, '$' default {e} on empty default {e} on error)",
    "xmlelement(name a, xmlattributes({e} as b), {e})",
    "xmlforest({e} as a)",
    "xmlserialize(content {e} as text)",
    "xmlparse(document {e})",
    "xmlexists(({e}) passing ({e}))",
];

const QUERIES: &[&str] = &[
    "table {t}",
    "select {e}",
    "select {e}, {e} as x from {i}",
    "select {e} from {i}, {i} where {e} group by {e}, rollup ({e}) having {e} order by {e} limit {e} offset {e}",
    "select distinct on ({e}) {e} from {i} group by grouping sets (({e}), cube ({e}))",
    "select 1 from {i} window w as (partition by {e} order by {e})",
    "select 1 from {i} order by {e} using < fetch first ({e}) rows with ties",
    "values ({e}, {e}), ({e}, {e})",
    "select 1 from {i} for update",
    "({q}) union all ({q})",
    "({q}) except ({q}) order by {e}",
    "with w as ({q}) select {e} from w, {i}",
    "with recursive w as ({q}), v as ({q}) select {e} from v",
    "with w as ({d}) select {e}",
];

const ITEMS: &[&str] = &[
    "{t}",
    "only {t} as x",
    "s.{t} x (a, b)",
    "{i} join {i} on {e}",
    "({i} natural full join {i}) j",
    "lateral ({q}) x",
    "{f}({e}) with ordinality",
    "lateral rows from ({f}({e}), {f}() as (a numeric({e})))",
    "{t} tablesample {f}({e}) repeatable ({e})",
    "xmltable(xmlnamespaces(({e}) as a), ({e}) passing ({e}) columns b int path ({e}) default ({e}))",
    "json_table({e}, '$' passing {e} as a columns (nested path '$' columns (b int path '$' default {e} on empty)))",
];

const WRITES: &[&str] = &[
    "delete from {t}",
    "insert into {t} {q}",
    "insert into s.{t} (a[{e}]) values ({e}, default) returning {e}",
    "insert into {t} values ({e}) on conflict ({f}({e})) where {e} do update set a = {e} where {e}",
    "with w as ({q}) insert into {t} select {e} from w",
    "update {t} set a = {e}, b[{e}] = {e}, (c, d) = ({q}) from {i} where {e} returning {e}",
    "delete from {t} using {i} where {e} returning {e}",
    "merge into {t} using {i} on {e} when matched and {e} then update set a = {e} when not matched then insert (b) \
     values ({e}) returning {e}",
];

const STATEMENTS: &[&str] = &[
    "{q}",
    "{d}",
    "explain analyze {d}",
    "create table {t} as {q}",
    "create materialized view {t} as {q}",
    "create view {t} as {q}",
    "prepare p (numeric({e})) as {d}",
    "execute p ({e})",
    "declare c cursor for {q}",
    "copy ({q}) to stdout",
    "copy {t} from stdin where {e}",
    "create index on {t} (({e}), ({e})) include (a) where {e}",
    "create table {t} (a numeric({e}) default {e} check ({e}) references {t}, b int generated always as ({e}) stored, \
     check ({e}), exclude using gist (({e}) with =) where ({e}), foreign key (a) references {t}, like {t}) \
     inherits ({t}) partition by range (({e}))",
    "create table {t} partition of {t} for values from ({e}) to ({e})",
    "create table {t} partition of {t} for values in ({e})",
    "alter table {t} add a int default {e}, alter b type int using {e}, alter c set default {e}, add check ({e}), \
     add foreign key (a) references {t}, alter d set expression as ({e})",
    "alter table {t} attach partition {t} for values in ({e})",
    "create rule r as on insert to {t} where {e} do also (update {t} set a = {e}; {q})",
    "create trigger r before insert on {t} for each row when ({e}) execute function {f}()",
    "create function x(a int default {e}) returns int begin atomic {q}; {d}; end",
    "create function x() returns int return {e}",
    "create domain d as numeric({e}) default {e} check ({e})",
    "alter domain d add check ({e})",
    "create statistics s on ({e}), ({e}) from {t}",
    "call {f}({e})",
    "select {e} into {t} from {i}",
    "create schema s create table {t} (a int check ({e})) create view {t} as {q}",
    "truncate {t}, only {t}",
    "lock {t}, s.{t}",
    "vacuum {t}, {t}",
    "reindex table {t}",
    "refresh materialized view {t}",
    "drop table {t}, s.{t}",
    "comment on column {t}.a is 'x'",
    "alter table {t} set schema s",
];

/// Puts templates in the place of holes as the choices say; without choices, the smallest.
struct Maker<'c> {
    choices: std::slice::Iter<'c, u8>,
    names: usize,
    text: String,
}

impl Maker<'_> {
    fn fill(&mut self, templates: &[&str], depth: u32) {
        let choice = if depth > 6 { 0 } else { self.choices.next().copied().unwrap_or(0) };
        let template = templates[usize::from(choice) % templates.len()];
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            self.text.push_str(&rest[..at]);
            match &rest[at + 1..at + 2] {
                "e" => self.fill(EXPRESSIONS, depth + 1),
                "q" => self.fill(QUERIES, depth + 1),
                "i" => self.fill(ITEMS, depth + 1),
                "d" => self.fill(WRITES, depth + 1),
                kind => {
                    self.names += 1;
                    self.text.push_str(&format!("{kind}{}", self.names));
                }
            }
            rest = &rest[at + 3..];
        }
        self.text.push_str(rest);
    }
}

fn make(choices: &[u8]) -> (String, usize) {
    let mut maker = Maker { choices: choices.iter(), names: 0, text: String::new() };
    maker.fill(STATEMENTS, 0);
    (maker.text, maker.names)
}

/// All names of the text must be among the relations and functions, and nothing may be unknown.
fn all_names_come_out(text: &str, names: usize) {
    let parsed = parse(text).unwrap_or_else(|error| panic!("{text}\n{error:?}"));
    let statements = parsed.statements();
    let [statement] = statements.as_slice() else { panic!("one statement: {text}") };
    let unknown = statement.effects.iter().find(|effect| matches!(effect, Effect::Unknown { .. }));
    assert_eq!(unknown, None, "{text}");
    let relations: BTreeSet<&str> = statement.accesses.iter().map(|a| a.relation.name.as_str()).collect();
    let functions: BTreeSet<&str> = statement.calls.iter().map(|c| c.function.name.as_str()).collect();
    for number in 1..=names {
        let (t, f) = (format!("t{number}"), format!("f{number}"));
        assert!(
            relations.contains(t.as_str()) || functions.contains(f.as_str()),
            "the name {number} is lost: {text}\n{statement:?}"
        );
    }
    // A second opinion, by PostgreSQL's own walker over the same tree.
    for raw in pg_raw_parse::parse(text).unwrap().stmts() {
        if !matches!(
            raw,
            Node::SelectStmt(_)
                | Node::InsertStmt(_)
                | Node::UpdateStmt(_)
                | Node::DeleteStmt(_)
                | Node::MergeStmt(_)
        ) {
            continue;
        }
        walk::walk(raw, |node| match node {
            Node::RangeVar(range) => {
                let name = range.relname().unwrap();
                assert!(relations.contains(name) || name == "w" || name == "v", "{name}: {text}");
            }
            Node::FuncCall(call) => {
                let name = call.funcname().iter().next_back().and_then(Node::as_str).unwrap();
                assert!(functions.contains(name), "{name}: {text}");
            }
            _ => {}
        });
    }
}

/// Each template on its own, so that none waits for luck.
#[test]
fn every_template_is_read() {
    let choice = |n: usize| u8::try_from(n).unwrap();
    for n in 0..STATEMENTS.len() {
        let (text, names) = make(&[choice(n)]);
        all_names_come_out(&text, names);
    }
    for n in 0..QUERIES.len() {
        let (text, names) = make(&[0, choice(n)]);
        all_names_come_out(&text, names);
    }
    for n in 0..WRITES.len() {
        let (text, names) = make(&[1, choice(n)]);
        all_names_come_out(&text, names);
    }
    for n in 0..EXPRESSIONS.len() {
        let (text, names) = make(&[0, 1, choice(n)]);
        all_names_come_out(&text, names);
    }
    for n in 0..ITEMS.len() {
        let (text, names) = make(&[0, 5, choice(n)]);
        all_names_come_out(&text, names);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A name hidden in any combination of clauses must come out.
    #[test]
    fn every_name_comes_out(choices in prop::collection::vec(any::<u8>(), 1..60)) {
        let (text, names) = make(&choices);
        all_names_come_out(&text, names);
    }
}
