#![allow(clippy::disallowed_methods)] // a test needs some instant to count from

use super::*;
use crate::rules::{Pattern, Rule, Rules, Words};
use crate::{Catalogue, Mask, MaskKind, TestGrant, explain};
use hoopwire_grant::Fault;
use hoopwire_postgres_sql::Verbs;
use std::time::Instant;

pub(super) const VIEW: View<'static> = View { utf8: true, catalogue: None };

fn rule(verbs: Verbs, schema: &str, name: &str) -> Rule {
    let objects = vec![Pattern { schema: schema.into(), name: name.into() }];
    Rule { verbs, objects, except: Vec::new() }
}

/// What the preset `read-only` makes, with a deny.
pub(super) fn reader() -> Grant {
    let rights = Rules {
        allow: vec![rule(Verbs::SELECT, "*", "*")],
        deny: vec![rule(Verbs::SELECT, "public", "secrets")],
        words: Words::CATALOG,
        search_path: vec!["public".into()],
        read_only: true,
    };
    Grant::for_tests(Instant::now()).with_rules(rights)
}

pub(super) fn code(grant: &Grant, text: &str, view: &View<'_>) -> &'static str {
    match &decide_text(grant, text.as_bytes(), view, &mut DecisionCache::default()).outcome {
        Ok(_) => "ok",
        Err(refusal) => refusal.code().name(),
    }
}

#[test]
fn what_an_agent_with_read_only_rights_may_send() {
    let grant = reader();
    for text in [
        "",
        ";;",
        "select 1",
        "select o.id, sum(total) from orders o join customers c on c.id = o.customer group by 1 having count(*) > 2",
        "with recent as (select * from orders where at > now() - interval '1 day') select * from recent",
        "explain analyze select * from orders",
        "begin; select 1; commit",
        "set search_path = public; show search_path",
        "declare c cursor for select * from orders; fetch 10 from c; close c",
        "prepare p as select * from orders where id = $1; execute p(1); deallocate p",
        "copy orders to stdout",
        "copy (select * from orders) to stdout with csv",
        "select relname from pg_class where relkind = 'r'",
        "select count(*) from pg_subscription where subdbid = 1",
        "select subname from pg_catalog.pg_subscription s",
        "select um.srvname, um.usename from pg_user_mappings um order by 1, 2",
        "select * from information_schema.tables",
        "select pg_catalog.set_config('search_path', '', false)",
        "table orders; values (1), (2)",
        "select jsonb_agg(o) from orders o",
        "select lower(name) || upper(name), random() from customers tablesample system (1)",
    ] {
        let explained = explain(&grant, text, &VIEW);
        assert_eq!(code(&grant, text, &VIEW), "ok", "{text}: {explained:?}");
        assert!(explained.iter().all(|one| one.denial.is_none()), "{text}: {explained:?}");
    }
}

/// Everything of SQL/JSON was refused, as a function that nobody knows: PostgreSQL 16 and 17 made it grammar.
#[test]
fn words_of_newer_grammar_are_functions_only_where_one_of_the_name_is() {
    let grant = reader();
    let empty = Catalogue::new(1, [], Vec::new());
    let shadowed = Catalogue::new(2, [("public".to_owned(), "json_array".to_owned())], Vec::new());
    let code = |text, catalogue| code(&grant, text, &View { catalogue: Some(catalogue), ..VIEW });
    for text in [
        "select json_object('a': 1), json_array(1, 2), json_array(select 1), json_scalar(1), json('1')",
        "select json_arrayagg(id), json_objectagg(id: total) from orders",
        "select json_value(o.a, '$'), json_query(o.a, '$'), json_exists(o.a, '$'), json_serialize(o.a) from orders o",
        "select t.* from orders o, json_table(o.a, '$[*]' columns (n int path '$')) t",
    ] {
        assert_eq!(code(text, &empty), "ok", "{text}");
    }
    assert_eq!(code("select json_array(1)", &shadowed), "function_not_granted");
    assert_eq!(code("select json_array(nextval('s'))", &empty), "function_not_granted");
    assert_eq!(code("select public.json_array(1)", &empty), "function_not_granted");
}

/// pg_sequences showed the last values of sequences that the grant excepts; pg_dump 18, which asks a function for
/// all of them, was refused under a grant that reads everything.
#[test]
fn last_values_of_sequences_are_for_who_reads_everything() {
    let but_secrets = reader();
    let mut rights = but_secrets.rights.rules.as_deref().unwrap().clone();
    rights.deny.clear();
    let everything = Grant::for_tests(Instant::now()).with_rules(rights.clone());
    rights.allow[0].except.push(Pattern { schema: "public".into(), name: "secrets".into() });
    let excepting = Grant::for_tests(Instant::now()).with_rules(rights);
    for (text, expected) in [
        ("select last_value from pg_sequences", "relation_not_granted"),
        ("select * from pg_sequences", "relation_not_granted"),
        ("select pg_sequence_last_value(1)", "function_not_granted"),
        ("select last_value from pg_sequence, pg_get_sequence_data(seqrelid)", "function_not_granted"),
    ] {
        assert_eq!(code(&everything, text, &VIEW), "ok", "{text}");
        for narrow in [&but_secrets, &excepting] {
            assert_eq!(code(narrow, text, &VIEW), expected, "{text}");
        }
    }
    for grant in [&everything, &but_secrets, &excepting] {
        assert_eq!(code(grant, "select sequencename, data_type from pg_sequences", &VIEW), "ok");
    }
}

#[test]
fn ways_to_write_or_to_read_more_with_read_only_rights() {
    let grant = reader();
    for (text, expected) in [
        ("delete from orders", "relation_not_granted"),
        ("with d as (delete from orders returning *) select * from d", "relation_not_granted"),
        ("select 1; drop table orders", "relation_not_granted"),
        ("select * into copied from orders", "relation_not_granted"),
        ("create table copied as select * from orders", "relation_not_granted"),
        ("explain analyze delete from orders", "relation_not_granted"),
        ("prepare p as update orders set total = 0", "relation_not_granted"),
        ("select * from orders for update", "relation_not_granted"),
        ("copy orders from stdin", "relation_not_granted"),
        ("truncate orders", "relation_not_granted"),
        (
            "merge into orders using customers on false when not matched then insert values (1)",
            "relation_not_granted",
        ),
        ("select * from secrets", "denied_by_rule"),
        ("select * from public.secrets", "denied_by_rule"),
        ("select * from \"public\".\"secrets\"", "denied_by_rule"),
        ("select * from SECRETS", "denied_by_rule"),
        ("select * from U&\"s\\0065crets\"", "denied_by_rule"),
        ("select (select max(x) from secrets)", "denied_by_rule"),
        ("select 1 from orders where exists (table secrets)", "denied_by_rule"),
        ("copy (select * from secrets) to stdout", "denied_by_rule"),
        ("declare c cursor for select * from secrets", "denied_by_rule"),
        ("with secrets as (select * from public.secrets) select * from secrets", "denied_by_rule"),
        ("select * from pg_authid", "relation_not_granted"),
        ("select s from pg_subscription s", "relation_not_granted"),
        ("select subconninfo from pg_subscription", "relation_not_granted"),
        ("select * from pg_user_mappings", "relation_not_granted"),
        ("select most_common_vals from pg_stats", "relation_not_granted"),
        ("select query_to_xml('select * from secrets', true, true, '')", "function_not_granted"),
        ("select table_to_xml('secrets', true, true, '')", "function_not_granted"),
        ("select nextval('s')", "function_not_granted"),
        ("select pg_terminate_backend(1)", "function_not_granted"),
        ("select pg_read_file('/etc/passwd')", "function_not_granted"),
        ("select lo_export(1, '/tmp/x')", "function_not_granted"),
        ("select x.pg_sleep from generate_series(1, 1) x", "function_not_granted"),
        ("select pg_notify('a', 'b')", "function_not_granted"),
        ("select dblink('host=x', 'select 1')", "function_not_granted"),
        ("do $$ begin execute 'dr' || 'op table orders'; end $$", "statement_not_granted"),
        ("notify a", "statement_not_granted"),
        ("copy (select 1) to program 'sh'", "statement_not_granted"),
        ("copy (select 1) to '/tmp/x'", "statement_not_granted"),
        ("prepare transaction 'x'", "statement_not_granted"),
        ("call p()", "function_not_granted"),
        ("alter system set work_mem = '1GB'", "statement_not_understood"),
        ("grant select on secrets to app", "statement_not_understood"),
        ("set role admin", "setting_not_permitted"),
        ("set session authorization admin", "setting_not_permitted"),
        ("set standard_conforming_strings = off", "setting_not_permitted"),
        ("set client_encoding = 'SJIS'", "setting_not_permitted"),
        ("set names 'GBK'", "setting_not_permitted"),
        ("set default_transaction_read_only = \"off\"", "setting_not_permitted"),
        ("set default_transaction_read_only to E'off'", "setting_not_permitted"),
        ("set local role none", "setting_not_permitted"),
        ("reset app.tenant", "setting_not_permitted"),
        ("set transaction_read_only to default", "setting_not_permitted"),
        ("reset transaction_read_only", "setting_not_permitted"),
        ("select set_config('transaction_read_only', 'off', true)", "setting_not_permitted"),
        ("select set_config(n, v, true) from (values ('role', 'admin')) s(n, v)", "setting_not_permitted"),
        ("set app.tenant = '7'", "setting_not_permitted"),
        ("set search_path = secret", "setting_not_permitted"),
        ("selekt 1", "syntax_error"),
        ("select 'open", "syntax_error"),
    ] {
        assert_eq!(code(&grant, text, &VIEW), expected, "{text}");
        let explained = explain(&grant, text, &VIEW);
        assert!(explained.iter().any(|one| one.denial.is_some()), "{text}: {explained:?}");
    }
}

/// The text as it goes up.
fn sent(grant: &Grant, text: &str) -> String {
    let verdict = decide_text(grant, text.as_bytes(), &VIEW, &mut DecisionCache::default());
    let plans = verdict.outcome.as_ref().unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
    let all: Vec<Instead> = plans.iter().flat_map(|plan| plan.instead.iter().cloned()).collect();
    applied(text, &all).unwrap()
}

#[test]
fn a_driver_that_always_says_read_write() {
    // O4: every transaction of Go's database/sql began READ WRITE, and was refused under a grant that only reads.
    let grant = reader();
    for (text, expected) in [
        ("begin read write", "begin read ONLY "),
        (
            "BEGIN ISOLATION LEVEL SERIALIZABLE, READ WRITE, DEFERRABLE",
            "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY , DEFERRABLE",
        ),
        ("begin read only, read\n\twrite", "begin read only, read\n\tONLY "),
        (
            "select 'é'; start transaction read write; select 1; commit",
            "select 'é'; start transaction read ONLY ; select 1; commit",
        ),
        ("set transaction read write, read write", "set transaction read ONLY , read ONLY "),
        (
            "set session characteristics as transaction read write",
            "set session characteristics as transaction read ONLY ",
        ),
        ("set default_transaction_read_only = off", "set default_transaction_read_only = 1  "),
        ("SET default_transaction_read_only TO 'off'", "SET default_transaction_read_only TO 1    "),
        (
            "set local transaction_read_only to FALSE; select 1",
            "set local transaction_read_only to 1    ; select 1",
        ),
        ("set transaction_read_only = 0", "set transaction_read_only = 1"),
        ("begin read only", "begin read only"),
        ("select 'begin read write'", "select 'begin read write'"),
    ] {
        assert_eq!(sent(&grant, text), expected);
    }
    let mut writer = reader();
    let rights = Rules { read_only: false, ..(**writer.rights.rules.as_ref().unwrap()).clone() };
    writer = writer.with_rules(rights);
    for text in ["begin read write", "set default_transaction_read_only = off"] {
        assert_eq!(sent(&writer, text), text);
    }
}

#[test]
fn a_role_that_is_only_given_up() {
    // O2: SET ROLE NONE gives the session user's rights, also where the target begins sessions with fewer.
    let grant = reader();
    assert_eq!(sent(&grant, "set role none"), "RESET ROLE   ");
    assert_eq!(
        sent(&grant, "select 1; SET SESSION /* é */ ROLE 'none' ; select 2")
            .trim_end_matches("; select 2")
            .trim_end(),
        "select 1; RESET ROLE"
    );
    for text in
        ["reset role", "set role to default", "set session authorization default", "reset all", "unlisten *"]
    {
        assert_eq!(sent(&grant, text), text);
    }
}

#[test]
fn one_refused_statement_refuses_the_text_and_is_named() {
    let outcome = decide_text(
        &reader(),
        b"select 1; select 2; delete from orders",
        &VIEW,
        &mut DecisionCache::default(),
    );
    let refusal = outcome.outcome.as_ref().unwrap_err();
    assert_eq!((refusal.statement, refusal.command), (2, "DELETE"));
}

#[test]
fn text_that_the_target_may_read_in_another_way() {
    let grant = reader();
    let text = "select '\u{8868}'";
    assert_eq!(code(&grant, text, &VIEW), "ok");
    let other = View { utf8: false, ..VIEW };
    assert_eq!(code(&grant, text, &other), "encoding_not_utf8");
    assert_eq!(code(&grant, "select 1", &other), "ok");
    // Names are cut at 63 bytes, which are other letters there.
    for text in ["select 1 as U&\"\\00e9\"", "select 1 as u&\"!00e9\" uescape '!'"] {
        assert_eq!(
            (code(&grant, text, &VIEW), code(&grant, text, &other)),
            ("ok", "encoding_not_utf8"),
            "{text}"
        );
    }
    assert_eq!(code(&grant, "select U&'\\00e9'", &other), "ok");
    let mut cache = DecisionCache::default();
    let sjis = decide_text(&grant, b"select '\x95\x5c'", &VIEW, &mut cache);
    assert_eq!(sjis.outcome.as_ref().unwrap_err().code().name(), "encoding_not_utf8");
}

#[test]
fn a_grant_without_rights() {
    let mut grant = Grant::for_tests(Instant::now());
    assert_eq!(code(&grant, "select 1", &VIEW), "action_not_granted");
    assert!(explain(&grant, "select 1", &VIEW)[0].denial.is_some());
    grant.rights.actions = Actions::QUERY;
    assert_eq!(code(&grant, "no sql at all", &VIEW), "ok");
    assert!(explain(&grant, "no sql at all", &VIEW)[0].denial.is_none());
}

#[test]
fn plans_say_what_outlives_the_decision() {
    let verdict = decide_text(
        &reader(),
        b"select 1; prepare p as select 1; declare c cursor for select 1",
        &VIEW,
        &mut DecisionCache::default(),
    );
    let plans = verdict.outcome.as_ref().unwrap();
    assert_eq!(plans.iter().map(|plan| plan.prepares).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(plans[0].command, "SELECT");
}

/// Decides a text until it is kept.
fn kept(grant: &Grant, text: &[u8], view: &View<'_>, cache: &mut DecisionCache) -> Arc<Verdict> {
    let _ = decide_text(grant, text, view, cache);
    decide_text(grant, text, view, cache)
}

#[test]
fn a_decision_that_is_found_under_another_grants_rights() {
    let mut cache = DecisionCache::default();
    // one that no other text shares its verdict with
    let (reader, text) = (reader(), b"prepare p as select * from orders".as_slice());
    let first = kept(&reader, text, &VIEW, &mut cache);
    assert!(first.outcome.is_ok());
    let mut same = reader.clone();
    same.id = "g_2".into();
    assert!(Arc::ptr_eq(&first, &decide_text(&same, text, &VIEW, &mut cache)), "grants of one policy share");
    let nobody = reader.clone().with_rules(Rules::default());
    assert!(decide_text(&nobody, text, &VIEW, &mut cache).outcome.is_err());
    let other = View { utf8: false, ..VIEW };
    assert!(!Arc::ptr_eq(&first, &decide_text(&reader, text, &other, &mut cache)));
    let (one, two) = (Catalogue::new(0, [], Vec::new()), Catalogue::new(1, [], Vec::new()));
    for catalogue in [&one, &two] {
        let view = View { catalogue: Some(catalogue), ..VIEW };
        assert!(!Arc::ptr_eq(&first, &decide_text(&reader, text, &view, &mut cache)), "another catalogue");
    }
    let mut waits = reader.clone();
    waits.budgets.wall_time = Some(std::time::Duration::from_secs(1));
    assert!(decide_text(&reader, b"select pg_sleep(1)", &VIEW, &mut cache).outcome.is_err());
    assert!(decide_text(&waits, b"select pg_sleep(1)", &VIEW, &mut cache).outcome.is_ok());
    assert!(decide_text(&reader, b"select pg_sleep(1)", &VIEW, &mut cache).outcome.is_err());
}

#[test]
fn a_flood_of_texts_that_empties_the_cache_of_what_is_used_all_the_time() {
    let mut cache = DecisionCache::new(200_000);
    let grant = reader();
    let hot = kept(&grant, b"prepare hot as select 1", &VIEW, &mut cache);
    for number in 0..2_000 {
        let _ = kept(&grant, format!("select {number}, 2").as_bytes(), &VIEW, &mut cache);
        if number % 20 == 0 {
            let again = decide_text(&grant, b"prepare hot as select 1", &VIEW, &mut cache);
            assert!(Arc::ptr_eq(&hot, &again), "{number}");
        }
        assert!(cache.bytes() <= 200_000, "{} bytes with {number}", cache.bytes());
    }
    assert!(cache.len() > 200, "{} entries", cache.len());
    let long = format!("select 1 --{}", "x".repeat(65 * 1024));
    let before = cache.len();
    assert!(kept(&grant, long.as_bytes(), &VIEW, &mut cache).outcome.is_ok());
    assert_eq!(cache.len(), before, "long texts are not kept");
    for number in 0..20_000 {
        let _ = decide_text(&grant, format!("select 3, {number}").as_bytes(), &VIEW, &mut cache);
    }
    assert!(cache.len() <= before + 2, "texts that come once are not kept");
}

#[test]
fn entries_that_hold_more_than_their_text() {
    let grant = reader();
    let bytes = |texts: &[&str]| {
        let mut cache = DecisionCache::default();
        let verdicts: Vec<_> =
            texts.iter().map(|text| kept(&grant, text.as_bytes(), &VIEW, &mut cache)).collect();
        (cache.bytes(), verdicts)
    };
    let (plain, _) = bytes(&["select 1"]);
    let (longer, _) = bytes(&["select 1 "]);
    assert_eq!(longer - plain, 1, "the text itself");
    let (two, verdicts) = bytes(&["select 1", "select 2"]);
    assert!(Arc::ptr_eq(&verdicts[0], &verdicts[1]) && two > plain, "a verdict is held once, an entry twice");
    let (many, _) = bytes(&["select 1;select 1;select 1"]);
    assert!(many >= plain + 18 + 3 * size_of::<crate::StatementPlan>(), "the plans");
    let name = "x".repeat(60);
    let (refused, _) = bytes(&[&format!("select {name}()")]);
    assert!(refused >= plain + 61 + name.len(), "the name is in the text and in the refusal");
}

mod masks {
    use super::*;
    use crate::{CatalogueColumn, CatalogueRelation};

    fn masked_grant() -> Grant {
        let mask = |column: &str, compare| Mask {
            schema: "public".into(),
            relation: "customers".into(),
            column: column.into(),
            kind: MaskKind::Null,
            compare,
        };
        reader().with_masks([mask("email", false), mask("phone", true)])
    }

    fn catalogue() -> Catalogue {
        let columns = ["id", "email", "phone"].iter().zip(1..).map(|(name, attnum)| CatalogueColumn {
            name: (*name).to_owned(),
            attnum,
            type_oid: 25,
            generated: false,
            mask: usize::try_from(attnum - 2).ok(),
        });
        let customers = CatalogueRelation {
            oid: 7,
            schema: "public".into(),
            name: "customers".into(),
            opaque: false,
            columns: columns.collect(),
        };
        Catalogue::new(1, [], vec![customers])
    }

    #[test]
    fn a_masked_column_that_leaves_by_another_way_than_its_own() {
        let (grant, catalogue) = (masked_grant(), catalogue());
        for view in [View { catalogue: Some(&catalogue), ..VIEW }, VIEW] {
            for (text, expected) in [
                ("select email from customers", "ok"),
                ("select id from customers where phone = '1'", "ok"),
                ("select * from orders", "ok"),
                ("select id from customers where email like 'a%'", "masked_column"),
                ("select lower(c.email) from public.customers c", "masked_column"),
                ("select id from customers order by email", "masked_column"),
                ("select 1; select email || '' from customers", "masked_column"),
                ("select to_jsonb(c) from customers c", "masked_column"),
            ] {
                assert_eq!(code(&grant, text, &view), expected, "{text} {view:?}");
                let explained = explain(&grant, text, &view);
                assert_eq!(explained.iter().any(|one| one.denial.is_some()), expected != "ok", "{text}");
            }
        }
        let missing = Catalogue::new(2, [], Vec::new());
        let view = View { catalogue: Some(&missing), ..VIEW };
        assert_eq!(
            code(&grant, "select email from customers", &view),
            "masked_column",
            "no number to mask it by"
        );
    }

    /// H1c: an unqualified name was taken for the relation of another schema that has its name.
    #[test]
    fn a_name_means_one_relation_with_one_schema_in_the_path() {
        let mask = |schema: &str, relation: &str, column: &str| Mask {
            schema: schema.into(),
            relation: relation.into(),
            column: column.into(),
            kind: MaskKind::Null,
            compare: false,
        };
        let relation = |oid, schema: &str, name: &str, columns: &[(&str, Option<usize>)]| CatalogueRelation {
            oid,
            schema: schema.into(),
            name: name.into(),
            opaque: false,
            columns: columns
                .iter()
                .zip(1..)
                .map(|(&(name, mask), attnum)| CatalogueColumn {
                    name: name.to_owned(),
                    attnum,
                    type_oid: 25,
                    generated: false,
                    mask,
                })
                .collect(),
        };
        let catalogue = Catalogue::new(
            1,
            [],
            vec![
                relation(7, "audit", "entries", &[("id", None), ("what", Some(0)), ("note", None)]),
                relation(8, "public", "staff", &[("id", None), ("note", Some(1))]),
            ],
        );
        let view = View { catalogue: Some(&catalogue), ..VIEW };
        let allow = [rule(Verbs::SELECT, "*", "*")];
        let grant = |path: &[&str]| {
            let search_path = path.iter().map(|schema| (*schema).to_owned()).collect();
            let rights = Rules { allow: allow.to_vec(), search_path, ..Rules::default() };
            let masks = [mask("audit", "entries", "what"), mask("public", "staff", "note")];
            reader().with_masks(masks).with_rules(rights)
        };
        let (one, other) = (grant(&["public"]), grant(&["audit"]));
        let several = [grant(&["public", "audit"]), grant(&["$user", "audit"])];
        let schema = "select id, (select audit.entries.what from entries limit 1) from audit.entries";
        let hidden = "select id, (select note from entries limit 1) from public.staff";
        for grant in [&one, &several[0], &several[1]] {
            assert_eq!(code(grant, schema, &view), "masked_column", "{:?}", grant.rights.rules);
            assert_eq!(code(grant, hidden, &view), "masked_column", "{:?}", grant.rights.rules);
        }
        // The one schema has it, and the catalogue knows its column.
        assert_eq!(code(&other, hidden, &view), "ok");
        for grant in [&one, &other, &several[0], &several[1]] {
            let plain = "select e.what, upper(e.note), s.note from audit.entries e, public.staff s";
            assert_eq!(code(grant, plain, &view), "ok", "{:?}", grant.rights.rules);
        }
        assert_eq!(
            code(&several[0], "select what, upper(note), e.id from entries e order by note", &view),
            "ok"
        );
    }

    #[test]
    fn copy_stands_alone_under_masks() {
        // EXECUTE beside it may run another COPY, one that was prepared: its rows would be taken for those of this one.
        let (grant, catalogue) = (masked_grant(), catalogue());
        let view = View { catalogue: Some(&catalogue), ..VIEW };
        for text in ["copy (select 1) to stdout; execute s", "select 1; copy orders to stdout"] {
            assert_eq!(code(&grant, text, &view), "copy_not_alone", "{text}");
        }
        assert_eq!(code(&grant, "copy (select 1) to stdout", &view), "ok");
        assert_eq!(code(&reader(), "copy (select 1) to stdout; select 1", &view), "ok");
    }

    #[test]
    fn copy_says_which_fields_are_masked_with_the_schema() {
        let (grant, catalogue) = (masked_grant(), catalogue());
        let view = View { catalogue: Some(&catalogue), ..VIEW };
        let verdict = decide_text(&grant, b"copy customers to stdout", &view, &mut DecisionCache::default());
        let plans = verdict.outcome.as_ref().unwrap();
        let copy = plans[0].copy_out.as_ref().unwrap();
        assert!(copy.fields[0].is_none());
        let (relation, column) = copy.fields[1].as_ref().unwrap();
        assert_eq!((relation.schema.as_deref(), column.as_str()), (Some("public"), "email"));
    }
}

/// What may be done with everything, and so many patterns besides.
fn with_patterns(patterns: usize) -> Grant {
    let pattern = |at: usize| Pattern { schema: "public".into(), name: format!("*_{at}_*") };
    let deny =
        Rule { verbs: Verbs::SELECT, objects: (0..patterns).map(pattern).collect(), except: Vec::new() };
    let rights = Rules {
        allow: vec![rule(Verbs::SELECT, "*", "*")],
        deny: vec![deny],
        search_path: vec!["public".into()],
        ..Rules::default()
    };
    Grant::for_tests(Instant::now()).with_rules(rights)
}

/// H2: names by patterns. A text of sixty thousand names under a policy of a thousand patterns held a reactor for
/// seconds, whether it was allowed or not.
#[test]
fn names_that_are_compared_with_patterns_are_counted() {
    let names = |many: usize| {
        let all: Vec<String> = (0..many).map(|at| format!("relation_{at}")).collect();
        format!("select 1 from {}", all.join(", "))
    };
    assert_eq!(code(&with_patterns(10), &names(60_000), &VIEW), "ok");
    assert_eq!(code(&with_patterns(1_000), &names(1_000), &VIEW), "ok");
    assert_eq!(code(&with_patterns(1_000), &names(60_000), &VIEW), "statement_too_complex");
    let explained = explain(&with_patterns(1_000), &names(60_000), &VIEW);
    assert_eq!(explained.len(), 1);
    assert_eq!(explained[0].denial.as_ref().map(|denial| denial.code.name()), Some("statement_too_complex"));
}

/// H2: whatever is found out by half when the steps run out is neither a permit nor another reason.
#[test]
fn a_text_whose_steps_run_out_says_so() {
    let list =
        |item: &str| (0..27_000).map(|at| item.replace('#', &at.to_string())).collect::<Vec<_>>().join(", ");
    let mask = Mask {
        schema: "public".into(),
        relation: "people".into(),
        column: "email".into(),
        kind: MaskKind::Null,
        compare: false,
    };
    let grant = reader().with_masks([mask]);
    let text = format!("select {} from {}", list("p#.email"), list("people p#"));
    let Err(refusal) = &decide_text(&grant, text.as_bytes(), &VIEW, &mut DecisionCache::default()).outcome
    else {
        panic!("it passed");
    };
    let denial = refusal.denial(&grant);
    assert_eq!((denial.fault, denial.code.name()), (Fault::OverLimit, "statement_too_complex"));
    assert!(
        denial.detail.ends_with("code: statement_too_complex") && denial.hint.contains("Split"),
        "{denial:?}"
    );
}

/// H2: the grammar alone needs a second for four megabytes of names.
#[test]
fn a_text_of_too_many_tokens_is_not_read() {
    for text in [
        format!("select {}1", "1, ".repeat(160_000)),
        format!("select {}1 from from", "a.b, ".repeat(90_000)),
    ] {
        let Err(refusal) =
            &decide_text(&reader(), text.as_bytes(), &VIEW, &mut DecisionCache::default()).outcome
        else {
            panic!("it passed");
        };
        let denial = refusal.denial(&reader());
        assert_eq!((denial.fault, denial.code.name()), (Fault::OverLimit, "statement_too_many_tokens"));
        assert!(denial.message.contains("300000") && denial.hint.contains("COPY"), "{denial:?}");
    }
}

/// Nesting of 400 to 10,000 levels was said not to be understood, and under masks to use a masked column.
#[test]
fn a_text_that_is_nested_too_deeply_says_so() {
    let mask = Mask {
        schema: "public".into(),
        relation: "people".into(),
        column: "email".into(),
        kind: MaskKind::Null,
        compare: false,
    };
    let masked = reader().with_masks([mask]);
    for (open, middle, close) in [
        ("select (", "select 1", ")"),
        ("select * from (", "select id from people", ") x"),
        ("select 1 where exists (", "select 1", ")"),
    ] {
        for (depth, grant) in
            [(300, &masked), (390, &reader()), (600, &reader()), (600, &masked), (3_000, &reader())]
        {
            let text = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
            let said = code(grant, &text, &VIEW);
            assert!(said == "statement_too_deep" || (depth < 400 && said == "ok"), "{open} {depth}: {said}");
        }
    }
}
