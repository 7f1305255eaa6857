use super::*;
use crate::mask::MaskKind;
use crate::rules::{Pattern, Rule};
use crate::{CatalogueColumn, CatalogueRelation};
use hoopwire_postgres_sql::SettingValue;
use proptest::prelude::*;

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts
        .iter()
        .map(|text| {
            let (schema, name) = text.split_once('.').unwrap();
            Pattern { schema: schema.into(), name: name.into() }
        })
        .collect()
}

fn rule(verbs: Verbs, objects: &[&str], except: &[&str]) -> Rule {
    Rule { verbs, objects: patterns(objects), except: patterns(except) }
}

fn rights(allow: Vec<Rule>) -> Rules {
    Rules { allow, search_path: vec!["public".into()], ..Rules::default() }
}

fn statement() -> Statement<&'static str> {
    Statement {
        command: "X",
        accesses: Vec::new(),
        calls: Vec::new(),
        attributes: Vec::new(),
        effects: Vec::new(),
    }
}

fn name(text: &str) -> Name<&str> {
    match text.split_once('.') {
        Some((schema, name)) => Name { schema: Some(schema), name },
        None => Name { schema: None, name: text },
    }
}

fn access(relation: &str, verbs: Verbs) -> Statement<&str> {
    let accesses = vec![Access { relation: name(relation), verbs, columns: Vec::new(), children: true }];
    Statement { accesses, ..statement() }
}

fn call(function: &str) -> Statement<&str> {
    let calls = vec![Call { function: name(function), setting: None, parameter: 0, procedure: false }];
    Statement { calls, ..statement() }
}

fn effect(effect: Effect) -> Statement<&'static str> {
    Statement { effects: vec![effect], ..statement() }
}

fn scope(rights: &Rules) -> Scope<'_> {
    Scope { rights, masks: &[], may_wait: false, catalogue: None, database: "orders", place: None }
}

fn code(rights: &Rules, statement: &Statement<&str>) -> &'static str {
    match scope(rights).judge(statement) {
        Ok(()) => "ok",
        Err(reason) => crate::Refusal { statement: 0, command: "", reason }.code().name(),
    }
}

const READ: Verbs = Verbs::SELECT;

#[test]
fn a_rule_covers_its_verbs_and_objects_and_nothing_else() {
    let rights = rights(vec![
        rule(READ, &["public.*"], &["public.secret*"]),
        rule(Verbs::UPDATE, &["public.orders"], &[]),
    ]);
    for (relation, verbs, expected) in [
        ("public.orders", READ, "ok"),
        ("orders", READ, "ok"),
        ("orders", READ.with(Verbs::UPDATE), "ok"), // of two rules
        ("customers", READ.with(Verbs::UPDATE), "relation_not_granted"),
        ("public.secrets", READ, "relation_not_granted"),
        ("app.orders", READ, "relation_not_granted"),
        ("orders", Verbs::DELETE, "relation_not_granted"),
        ("Orders", READ, "ok"),
        ("pg_class", READ, "relation_not_granted"), // pg_catalog's, though the path has public.*
        ("pg_class_of_2031", READ, "relation_not_granted"), // perhaps pg_catalog's
        ("public.pg_class", READ, "ok"),
        ("pg_temp.orders", READ, "relation_not_granted"),
        ("public.*", Verbs::DDL, "relation_not_granted"),
    ] {
        assert_eq!(code(&rights, &access(relation, verbs)), expected, "{relation} {verbs:?}");
    }
}

#[test]
fn an_unqualified_name_that_the_target_finds_in_another_schema_of_the_path() {
    let mut rights = rights(vec![rule(READ, &["public.*"], &[])]);
    rights.search_path = vec!["public".into(), "app".into()];
    assert_eq!(code(&rights, &access("orders", READ)), "relation_not_granted");
    rights.allow.push(rule(READ, &["app.*"], &[]));
    assert_eq!(code(&rights, &access("orders", READ)), "ok");
    rights.deny.push(rule(READ, &["app.orders"], &[]));
    assert_eq!(code(&rights, &access("orders", READ)), "denied_by_rule");
    rights.search_path = vec!["$user".into()];
    assert_eq!(code(&rights, &access("orders", READ)), "denied_by_rule", "the user may be named app");
    rights.deny.clear();
    assert_eq!(code(&rights, &access("orders", READ)), "relation_not_granted");
    rights.allow.push(rule(READ, &["*.*"], &[]));
    assert_eq!(code(&rights, &access("orders", READ)), "ok");
    rights.search_path = Vec::new();
    assert_eq!(code(&rights, &access("orders", READ)), "relation_not_granted", "an empty path finds nothing");
}

#[test]
fn system_catalogues_need_their_word_and_secrets_their_own_name() {
    let everything = rights(vec![rule(READ, &["*.*"], &[])]);
    assert_eq!(code(&everything, &access("pg_class", READ)), "relation_not_granted");
    let mut rights = Rules { words: Words::CATALOG, ..everything };
    for relation in ["pg_class", "pg_catalog.pg_proc", "information_schema.tables"] {
        assert_eq!(code(&rights, &access(relation, READ)), "ok", "{relation}");
    }
    let secrets = [
        "pg_authid",
        "pg_catalog.pg_shadow",
        "pg_stats",
        "pg_statistic",
        "pg_largeobject",
        "pg_user_mapping",
        "pg_settings",
        "pg_roles",
        "pg_db_role_setting",
        "pg_subscription",
        "pg_stat_activity",
        "pg_hba_file_rules",
        "information_schema.user_mapping_options",
        "pg_toast.pg_toast_1234",
    ];
    rights.allow.push(rule(READ, &["pg_catalog.*", "pg_catalog.pg_s*", "information_schema.*"], &[]));
    for relation in secrets {
        assert_eq!(code(&rights, &access(relation, READ)), "relation_not_granted", "{relation}");
    }
    assert_eq!(code(&rights, &access("pg_class", Verbs::UPDATE)), "relation_not_granted");
    rights.allow.push(rule(READ, &["pg_catalog.pg_authid", "pg_toast.*"], &[]));
    assert_eq!(code(&rights, &access("pg_authid", READ)), "ok");
    assert_eq!(code(&rights, &access("pg_toast.pg_toast_1234", READ)), "ok");
    rights.deny.push(rule(READ, &["pg_catalog.pg_auth*"], &[]));
    assert_eq!(code(&rights, &access("pg_authid", READ)), "denied_by_rule");
}

#[test]
fn a_schema_as_a_whole_needs_a_rule_for_all_of_it() {
    let all = Verbs::DDL;
    assert_eq!(code(&rights(vec![rule(all, &["app.*"], &[])]), &access("app.*", all)), "ok");
    for (objects, except) in [(&["app.t*"], &[][..]), (&["app.*"], &["app.audit"]), (&["*.*"], &["*.audit"])]
    {
        let rights = rights(vec![rule(all, objects, except)]);
        assert_eq!(code(&rights, &access("app.*", all)), "relation_not_granted", "{objects:?} {except:?}");
    }
    let mut rights = rights(vec![rule(all, &["app.*"], &[])]);
    rights.deny.push(rule(all, &["app.audit"], &[]));
    assert_eq!(code(&rights, &access("app.*", all)), "denied_by_rule");
}

#[test]
fn a_function_with_effects_needs_a_call_rule() {
    let mut rights = rights(vec![rule(Verbs::CALL, &["app.*", "pg_catalog.nextval"], &[])]);
    for (function, expected) in [
        ("lower", "ok"),
        ("pg_catalog.lower", "ok"),
        ("public.lower", "function_not_granted"),
        ("nextval", "ok"),
        ("setval", "function_not_granted"),
        ("pg_catalog.setval", "function_not_granted"),
        ("app.f", "ok"),
        ("f", "function_not_granted"),
        ("pg_sleep", "function_not_granted"),
        ("query_to_xml", "function_not_granted"),
        ("pg_terminate_backend", "function_not_granted"),
        ("information_schema._pg_truetypid", "ok"),
        ("set_config", "setting_not_permitted"),
        ("public.set_config", "function_not_granted"),
        ("pg_temp.lower", "function_not_granted"),
        ("LOWER", "function_not_granted"),
    ] {
        assert_eq!(code(&rights, &call(function)), expected, "{function}");
    }
    rights.allow.push(rule(Verbs::CALL, &["*.*"], &[]));
    assert_eq!(code(&rights, &call("f")), "ok");
    assert_eq!(
        code(&rights, &call("pg_new_in_2031")),
        "function_not_granted",
        "may be a built-in of a newer target"
    );
    rights.deny.push(rule(Verbs::CALL, &["pg_catalog.lower"], &[]));
    assert_eq!(code(&rights, &call("lower")), "denied_by_rule");
    rights.allow.push(rule(Verbs::CALL, &["pg_catalog.*"], &[]));
    assert_eq!(code(&rights, &call("set_config")), "setting_not_permitted", "no rule opens it");
}

/// H13: `call pg_catalog.*` gave pg_read_file, lo_export and pg_terminate_backend to who had named none of them.
#[test]
fn a_star_gives_no_function_that_touches_files_settings_or_others() {
    let wild = rights(vec![
        rule(Verbs::CALL, &["pg_catalog.*", "pg_catalog.pg_*", "pg_catalog.*o*"], &[]),
        rule(Verbs::CALL, &["*.*"], &[]),
    ]);
    let dangerous = [
        "pg_read_file",
        "pg_ls_dir",
        "pg_stat_file",
        "lo_export",
        "lo_import",
        "loread",
        "pg_terminate_backend",
        "pg_cancel_backend",
        "pg_reload_conf",
        "pg_switch_wal",
        "pg_stat_reset",
        "query_to_xml",
        "ts_stat",
        "pg_stat_get_activity",
        "pg_notify",
        "pg_drop_replication_slot",
        "binary_upgrade_set_record_init_privs",
        "pg_new_in_2031",
    ];
    for function in dangerous {
        assert_eq!(code(&wild, &call(function)), "function_not_granted", "{function}");
        let spelled = format!("pg_catalog.{function}");
        assert_eq!(code(&wild, &call(&spelled)), "function_not_granted", "{spelled}");
        let named = rights(vec![rule(Verbs::CALL, &[spelled.as_str()], &[])]);
        assert_eq!(code(&named, &call(&spelled)), "ok", "{function}");
    }
    for function in
        ["nextval", "setval", "pg_advisory_lock", "pg_try_advisory_xact_lock", "pg_sleep", "lower"]
    {
        assert_eq!(code(&wild, &call(function)), "ok", "{function}");
    }
    let except = rights(vec![rule(Verbs::CALL, &["pg_catalog.pg_read_file"], &["pg_catalog.pg_read_*"])]);
    assert_eq!(code(&except, &call("pg_read_file")), "function_not_granted", "an except still cuts");
}

#[test]
fn a_function_of_the_path_that_overloads_a_harmless_one() {
    let rights = rights(vec![rule(Verbs::CALL, &["public.mine"], &[])]);
    let pairs = [("public", "lower"), ("public", "mine"), ("other", "mine2")];
    let functions = pairs.map(|(schema, name)| (schema.to_owned(), name.to_owned()));
    let catalogue = Catalogue::new(1, functions, Vec::new());
    let judge = |function: &str| {
        let scope = Scope { catalogue: Some(&catalogue), ..scope(&rights) };
        let reason = scope.judge(&call(function)).err();
        reason.map_or("ok", |reason| crate::Refusal { statement: 0, command: "", reason }.code().name())
    };
    assert_eq!(judge("lower"), "function_not_granted");
    assert_eq!(judge("upper"), "ok");
    assert_eq!(judge("mine"), "ok");
    assert_eq!(judge("mine2"), "function_not_granted");
    assert_eq!(judge("nobodys"), "function_unknown");
}

#[test]
fn a_function_that_is_called_as_if_it_were_a_column() {
    // select x.pg_sleep from generate_series(1, 1) x
    let mut rights = rights(vec![rule(Verbs::CALL, &["public.mine"], &[])]);
    let functions = ["mine", "total"].map(|name| ("public".to_owned(), name.to_owned()));
    let catalogue = Catalogue::new(1, functions, Vec::new());
    let judge = |rights: &Rules, name: &str| {
        let statement = Statement { attributes: vec![name], ..statement() };
        Scope { catalogue: Some(&catalogue), ..scope(rights) }.judge(&statement).is_ok()
    };
    for (name, expected) in [
        ("id", true),
        ("name", true),
        ("pg_sleep", false),
        ("nextval", false),
        ("total", false),
        ("mine", true),
    ] {
        assert_eq!(judge(&rights, name), expected, "{name}");
    }
    rights.deny.push(rule(Verbs::CALL, &["public.mine"], &[]));
    assert!(!judge(&rights, "mine"));
}

#[test]
fn a_procedure_needs_a_rule_even_if_a_function_of_its_name_is_harmless() {
    let mut rights = rights(Vec::new());
    let mut statement = call("pg_catalog.lower");
    statement.calls[0].procedure = true;
    assert_eq!(code(&rights, &statement), "function_not_granted");
    rights.allow.push(rule(Verbs::CALL, &["pg_catalog.lower"], &[]));
    assert_eq!(code(&rights, &statement), "ok");
}

#[test]
fn set_config_is_a_set() {
    let rights = rights(Vec::new());
    let config = |setting: Option<(&str, &str)>| {
        let mut statement = call("set_config");
        statement.calls[0].setting = setting.map(|(name, value)| (name.to_owned(), value.to_owned()));
        code(&rights, &statement)
    };
    assert_eq!(config(Some(("search_path", ""))), "ok");
    assert_eq!(config(Some(("ROLE", "admin"))), "setting_not_permitted");
    assert_eq!(config(None), "setting_not_permitted");
}

#[test]
fn sleeping_is_harmless_where_time_is_limited() {
    let rights = rights(Vec::new());
    let scope = Scope { may_wait: true, ..scope(&rights) };
    assert!(scope.judge(&call("pg_sleep")).is_ok() && scope.judge(&call("public.pg_sleep")).is_err());
}

#[test]
fn what_a_statement_does_besides_needs_its_word() {
    let mut rights = rights(vec![rule(READ, &["*.*"], &[])]);
    let effects = [
        (Effect::Listen, Words::LISTEN),
        (Effect::Notify, Words::NOTIFY),
        (Effect::Do, Words::DO),
        (Effect::DefineCode, Words::DEFINE_CODE),
        (Effect::CopyFile, Words::COPY_FILE),
        (Effect::CopyProgram, Words::COPY_PROGRAM),
        (Effect::TwoPhase, Words::TWO_PHASE),
    ];
    for (wanted, word) in &effects {
        for (_, held) in &effects {
            rights.words = *held;
            let expected = if word == held { "ok" } else { "statement_not_granted" };
            assert_eq!(code(&rights, &effect(wanted.clone())), expected, "{wanted:?} with {held:?}");
        }
    }
    let all = effects.iter().fold(Words::CATALOG, |all, (_, word)| all.with(*word));
    rights.words = all;
    rights.allow.push(rule(Verbs::CALL.with(Verbs::DDL), &["*.*"], &[]));
    let administer = effect(Effect::Administer { what: "ALTER SYSTEM" });
    assert_eq!(code(&rights, &administer), "statement_not_understood");
    let unknown = effect(Effect::Unknown { what: "T_NewStmt".into() });
    assert_eq!(code(&rights, &unknown), "statement_not_understood");
    for free in [
        Effect::Show { name: "search_path".into() },
        Effect::Cursor,
        Effect::Unlisten,
        Effect::Discard,
        Effect::Transaction { read_write: true },
    ] {
        assert_eq!(code(&rights, &effect(free.clone())), "ok", "{free:?}");
    }
    rights.read_only = true;
    assert_eq!(code(&rights, &effect(Effect::Transaction { read_write: true })), "read_only_grant");
    assert_eq!(code(&rights, &effect(Effect::Transaction { read_write: false })), "ok");
    let role = |value| Effect::Set { name: "role".into(), value };
    assert_eq!(code(&rights, &effect(role(SettingValue::Default))), "ok");
    let none = SettingValue::Constants(vec!["none".into()]);
    assert_eq!(code(&rights, &effect(role(none))), "setting_not_permitted", "its text is not at hand");
}

#[test]
fn a_cascade_that_reaches_what_a_deny_or_an_exception_protects() {
    let drop = Statement { effects: vec![Effect::Cascade], ..access("app.t", Verbs::DDL) };
    let everything = rule(Verbs::DDL, &["*.*"], &[]);
    assert_eq!(code(&rights(vec![everything.clone()]), &drop), "ok");
    assert_eq!(code(&rights(vec![rule(Verbs::DDL, &["app.*"], &[])]), &drop), "cascade_not_granted");
    assert_eq!(code(&rights(vec![rule(Verbs::DDL, &["*.*"], &["a.b"])]), &drop), "cascade_not_granted");
    let mut denied = rights(vec![everything.clone()]);
    denied.deny.push(rule(READ, &["a.b"], &[]));
    assert_eq!(code(&denied, &drop), "cascade_not_granted");
    let truncate = Statement { effects: vec![Effect::Cascade], ..access("app.t", Verbs::TRUNCATE) };
    assert_eq!(code(&rights(vec![everything]), &truncate), "cascade_not_granted", "another verb");
}

#[test]
fn a_masked_column_that_is_renamed_or_read_out_of_the_statistics() {
    let rights = rights(vec![rule(READ.with(Verbs::DDL), &["*.*", "pg_catalog.pg_stats"], &[])]);
    let mask = Mask {
        schema: "public".into(),
        relation: "customers".into(),
        column: "email".into(),
        kind: MaskKind::Null,
        compare: false,
    };
    let scope = Scope { masks: std::slice::from_ref(&mask), ..scope(&rights) };
    let masked =
        |relation: &str, verbs| matches!(scope.judge(&access(relation, verbs)), Err(Reason::Masked { .. }));
    assert!(masked("customers", Verbs::DDL) && masked("public.*", Verbs::DDL) && masked("pg_stats", READ));
    assert!(!masked("orders", Verbs::DDL) && !masked("customers", READ));
}

#[test]
fn the_catalogue_finds_relations_by_number_and_by_name() {
    let column =
        CatalogueColumn { name: "email".into(), attnum: 2, type_oid: 25, generated: false, mask: Some(0) };
    let relation = CatalogueRelation {
        oid: 7,
        schema: "a".into(),
        name: "b".into(),
        opaque: false,
        columns: vec![column],
    };
    let catalogue = Catalogue::new(3, [], vec![relation]);
    assert_eq!(catalogue.by_oid(7), catalogue.by_name("a", "b"));
    assert!(catalogue.by_oid(8).is_none() && catalogue.by_name("b", "a").is_none());
}

fn verbs() -> impl Strategy<Value = Verbs> {
    prop::sample::select(vec![READ, Verbs::INSERT, READ.with(Verbs::UPDATE), Verbs::DDL, Verbs::CALL])
}

fn some_rules(most: usize) -> impl Strategy<Value = Vec<Rule>> {
    let objects = || prop::collection::vec("[ab*]{1,2}\\.[ab*]{1,2}", 0..3);
    let rule = (verbs(), objects(), objects()).prop_map(|(verbs, objects, except)| {
        let parts = |list: Vec<String>| patterns(&list.iter().map(String::as_str).collect::<Vec<_>>());
        Rule { verbs, objects: parts(objects), except: parts(except) }
    });
    prop::collection::vec(rule, 0..=most)
}

fn some_statement() -> impl Strategy<Value = (String, Verbs)> {
    (prop_oneof!["[ab]{1,2}\\.[ab]{1,2}", "[ab]{1,2}", "[ab]\\.\\*"], verbs())
}

fn of((name, verbs): &(String, Verbs)) -> Statement<&str> {
    if *verbs == Verbs::CALL { call(name) } else { access(name, *verbs) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn narrowing_rights_that_allows_more(
        allow in some_rules(4), deny in some_rules(2), more in some_rules(1), statement in some_statement(),
    ) {
        let statement = of(&statement);
        let full = Rules { allow, deny, search_path: vec!["a".into(), "b".into()], ..Rules::default() };
        if scope(&full).judge(&statement).is_err() {
            let mut fewer = full.clone();
            fewer.allow.pop();
            prop_assert!(scope(&fewer).judge(&statement).is_err(), "one rule less");
            let mut denied = full.clone();
            denied.deny.extend(more.clone());
            prop_assert!(scope(&denied).judge(&statement).is_err(), "one deny more");
            let mut excepted = full.clone();
            for rule in &mut excepted.allow {
                rule.except.extend(more.iter().flat_map(|rule| rule.objects.clone()));
            }
            prop_assert!(scope(&excepted).judge(&statement).is_err(), "exceptions more");
            let mut longer = full;
            longer.search_path.push("ab".into());
            prop_assert!(scope(&longer).judge(&statement).is_err(), "one more place to find it");
        }
    }

    #[test]
    fn an_allow_that_outweighs_a_deny(allow in some_rules(4), statement in some_statement(), verbs in verbs()) {
        let statement = of(&statement);
        let mut rights = Rules { allow, search_path: vec!["a".into()], ..Rules::default() };
        rights.deny = vec![rule(verbs, &["*.*"], &[])];
        let touched = statement.accesses.iter().any(|access| access.verbs.intersects(verbs))
            || (verbs == Verbs::CALL && !statement.calls.is_empty());
        prop_assert!(!touched || scope(&rights).judge(&statement).is_err());
    }
}
