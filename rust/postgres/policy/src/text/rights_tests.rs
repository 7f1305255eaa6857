//! What may be read of catalogues, settings and extensions, and names of three parts.

use super::tests::{VIEW, code, reader};
use crate::catalogue::{Catalogue, CatalogueColumn, CatalogueRelation, KEPT_SETTINGS_MAX, Stored, View};
use crate::mask::{Mask, MaskKind};
use crate::rights::Grant;
use crate::rules::{Pattern, Rule};
use hoopwire_postgres_sql::Verbs;
use std::sync::Arc;

fn with(mut grant: Grant, verbs: Verbs, schema: &str, name: &str) -> Grant {
    let mut rights = grant.rights.rules.as_deref().cloned().unwrap();
    let objects = vec![Pattern { schema: schema.into(), name: name.into() }];
    rights.allow.push(Rule { verbs, objects, except: Vec::new() });
    grant.rights.rules = Some(Arc::new(rights));
    grant.rights.decision_key = crate::cache::DecisionKey::default();
    grant
}

/// H6: settings with secrets were read under any grant, by SHOW, `current_setting` and `pg_settings`.
#[test]
fn settings_are_read_by_an_allow_list() {
    let grant = reader();
    for text in [
        "show search_path",
        "SHOW Server_Version_Num",
        "show time zone",
        "show transaction isolation level",
        "show hnsw.ef_search",
        "select current_setting('server_version_num')::int, pg_catalog.current_setting('TimeZone', true)",
        "select orders.pg_catalog.current_setting('work_mem'::text)",
        "select setting from pg_catalog.pg_settings where name = 'max_index_keys'",
        "select * from pg_settings where name in ('server_encoding', 'block_size') order by 1",
        "select set_config('bytea_output', 'hex', false) from pg_show_all_settings() where name = 'bytea_output'",
        "select set_config(name, 'view', false) from pg_settings where name = 'restrict_nonsystem_relation_kind'",
        "select s.name, pg_catalog.current_setting(s.name) from pg_catalog.pg_settings s \
         where pg_catalog.lower(s.name) operator(pg_catalog.~) '^(work_mem)$' collate pg_catalog.default order by 1",
        "select lower(name) from pg_settings where lower(name) like 'work%' and context != 'internal'",
        "select name, unit, category, short_desc, vartype, enumvals from pg_settings order by name",
        "select case when x.a > 0 then current_setting('is_superuser') end from (select 1 as a) x",
    ] {
        assert_eq!(code(&grant, text, &VIEW), "ok", "{text}");
    }
    for (text, expected) in [
        ("show primary_conninfo", "setting_not_readable"),
        ("show \"Primary_Conninfo\"", "setting_not_readable"),
        ("show app.jwt_secret", "setting_not_readable"),
        ("show all", "setting_not_readable"),
        ("select 1; show app.jwt_secret", "setting_not_readable"),
        ("select current_setting('app.jwt_secret', true)", "setting_not_readable"),
        ("select current_setting('work_mem'), current_setting('app.jwt_secret')", "setting_not_readable"),
        ("select current_setting('app.jwt_' || 'secret')", "setting_not_readable"),
        ("select current_setting($33)", "setting_not_readable"),
        ("select current_setting($1::name)", "setting_not_readable"),
        ("explain select current_setting($1)", "setting_not_readable"),
        ("prepare p(text) as select current_setting($1)", "setting_not_readable"),
        ("select current_setting(setting_name => 'app.jwt_secret')", "setting_not_readable"),
        ("select current_setting(n) from (values ('app.jwt_secret')) v(n)", "setting_not_readable"),
        (
            "select current_setting(name) from pg_settings where name = 'app.jwt_secret'",
            "setting_not_readable",
        ),
        ("select current_setting(name) from pg_settings where category like 'x'", "setting_not_readable"),
        ("select x.current_setting from unnest(array['app.jwt_secret']) x", "function_not_granted"),
        ("select * from current_setting('app.jwt_secret')", "setting_not_readable"),
        ("select 1 order by current_setting('app.jwt_secret')::int", "setting_not_readable"),
        ("select * from pg_settings", "relation_not_granted"),
        ("select setting from pg_settings where name like 'app.%'", "relation_not_granted"),
        ("select s.to_jsonb from pg_settings s", "relation_not_granted"),
        ("select boot_val from pg_settings", "relation_not_granted"),
        ("select * from pg_show_all_settings()", "function_not_granted"),
        ("select pg_show_all_settings()", "function_not_granted"),
        ("select (pg_show_all_settings()).setting", "function_not_granted"),
        ("select setconfig from pg_db_role_setting", "relation_not_granted"),
        (
            "select array_to_string(s.setconfig, '') from pg_catalog.pg_db_role_setting s",
            "relation_not_granted",
        ),
        ("select rolconfig from pg_roles", "relation_not_granted"),
        ("select * from pg_roles", "relation_not_granted"),
        ("select useconfig from pg_user", "relation_not_granted"),
        ("select u.row_to_json from pg_user u", "relation_not_granted"),
    ] {
        assert_eq!(code(&grant, text, &VIEW), expected, "{text}");
    }
    let all = with(reader(), Verbs::SELECT, "pg_catalog", "pg_settings");
    for text in [
        "show app.jwt_secret",
        "show all",
        "select current_setting($33)",
        "select * from pg_settings",
        "select * from pg_show_all_settings()",
    ] {
        assert_eq!(code(&all, text, &VIEW), "ok", "{text}");
        let stars = with(reader(), Verbs::SELECT, "pg_catalog", "pg_s*");
        assert_ne!(code(&stars, text, &VIEW), "ok", "{text}");
    }
    let one = with(reader(), Verbs::CALL, "pg_catalog", "current_setting");
    assert_eq!(code(&one, "select current_setting($1)", &VIEW), "ok");
    assert_eq!(code(&one, "show app.jwt_secret", &VIEW), "setting_not_readable");
}

/// H6: pg_dump -Fc and `select * from pg_roles` were refused everywhere, also where nobody had set a secret.
#[test]
fn settings_of_roles_and_databases_are_closed_where_one_may_be_a_secret() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let many = vec!["work_mem".to_owned(); KEPT_SETTINGS_MAX + 1];
    let roads = [
        "select setconfig from pg_db_role_setting",
        "select unnest(setconfig) from pg_catalog.pg_db_role_setting where setrole = 0",
        "select a.* from pg_catalog.pg_roles a",
        "select r.to_jsonb from pg_roles r",
        "select useconfig from pg_user",
    ];
    let known: [(Option<&[String]>, &str); 6] = [
        (Some(&[]), "ok"),
        (Some(&names(&["work_mem", "search_path", "TimeZone", "hnsw.ef_search"])), "ok"),
        (Some(&names(&["work_mem", "app.jwt_secret"])), "relation_not_granted"),
        (Some(&names(&["archive_command"])), "relation_not_granted"),
        (Some(&many), "relation_not_granted"),
        (None, "relation_not_granted"),
    ];
    for (settings, expected) in known {
        let catalogue = Catalogue::new(1, [], Vec::new()).with_settings(settings);
        let view = View { catalogue: Some(&catalogue), ..VIEW };
        for text in roads {
            assert_eq!(code(&reader(), text, &view), expected, "{text} {settings:?}");
        }
        for text in [
            "select setting from pg_settings",
            "select subconninfo from pg_subscription",
            "select useconfig from pg_shadow",
            "show app.jwt_secret",
            "delete from pg_db_role_setting",
        ] {
            assert_ne!(code(&reader(), text, &view), "ok", "{text} {settings:?}");
        }
    }
}

/// H5: a function of the whole row, written as a column, showed a foreign server's password.
#[test]
fn secrets_of_the_catalogue_by_whole_rows() {
    let grant = reader();
    for text in [
        "select m.to_jsonb from pg_user_mappings m",
        "select m.json_agg from pg_user_mappings m",
        "select pg_catalog.pg_user_mappings.row_to_json from pg_catalog.pg_user_mappings",
        "select usename from pg_user_mappings natural join (select 'guess' as umoptions) g",
        "select 1 from pg_subscription natural join (select 'host=x' as subconninfo) g",
        "explain select s.to_json from pg_subscription s",
    ] {
        assert_eq!(code(&grant, text, &VIEW), "relation_not_granted", "{text}");
    }
    let writes = with(with(reader(), Verbs::UPDATE, "pg_catalog", "*"), Verbs::INSERT, "public", "*");
    for (text, expected) in [
        (
            "update pg_catalog.pg_subscription set subconninfo = 'x' where subname = 'y'",
            "relation_not_granted",
        ),
        ("insert into orders select rolname from pg_roles", "ok"),
        ("insert into orders select r.to_jsonb from pg_roles r", "relation_not_granted"),
    ] {
        assert_eq!(code(&writes, text, &VIEW), expected, "{text}");
    }
}

/// H7: texts of other sessions were read through the extension's view, which is mostly in public.
#[test]
fn relations_of_extensions_that_show_others() {
    let whole = with(reader(), Verbs::SELECT, "*", "*");
    for text in [
        "select query from pg_stat_statements",
        "select query from public.pg_stat_statements",
        "select * from monitoring.pg_stat_statements_info",
        "select command from cron.job",
        "select decrypted_secret from vault.decrypted_secrets",
        "select passwd from \"pg_dist_authinfo\"",
    ] {
        assert_eq!(code(&whole, text, &VIEW), "relation_not_granted", "{text}");
    }
    let calls = with(reader(), Verbs::CALL, "public", "*");
    assert_eq!(code(&calls, "select public.pg_stat_statements(true)", &VIEW), "function_not_granted");
    assert_eq!(code(&calls, "select public.dblink('x', 'y')", &VIEW), "function_not_granted");
    assert_eq!(code(&calls, "select public.mine()", &VIEW), "ok");
    let named = with(whole, Verbs::SELECT, "public", "pg_stat_statements");
    assert_eq!(code(&named, "select query from public.pg_stat_statements", &VIEW), "ok");
    assert_eq!(code(&named, "select * from public.job, app.secrets, public.queue", &VIEW), "ok");
}

/// O5: a name that begins with the session's own database was not understood, so that dbt ran nothing.
#[test]
fn names_that_begin_with_the_database() {
    let grant = reader();
    for text in [
        "select * from orders.public.customers",
        "select \"orders\".\"public\".\"customers\".\"name\" from \"orders\".\"public\".\"customers\"",
        "select ORDERS.public.customers.* from Orders.Public.Customers",
        "select orders.pg_catalog.lower('X'), 'x'::orders.pg_catalog.text, 1 operator(orders.pg_catalog.+) 2",
        "select 'x' collate orders.pg_catalog.\"C\"",
        "explain select * from orders.public.customers",
    ] {
        assert_eq!(code(&grant, text, &VIEW), "ok", "{text}");
    }
    for (text, expected) in [
        ("select * from orders.public.secrets", "denied_by_rule"),
        ("select * from orders.pg_catalog.pg_authid", "relation_not_granted"),
        ("select orders.pg_catalog.pg_sleep(9)", "function_not_granted"),
        ("delete from orders.public.customers", "relation_not_granted"),
        ("select * from other.public.customers", "other_database"),
        ("select * from \"ORDERS\".public.customers", "other_database"),
        ("select other.public.customers.name from customers", "other_database"),
        ("select other.pg_catalog.lower('X')", "other_database"),
        ("select null::other.pg_catalog.text", "other_database"),
        ("select * from a.orders.public.customers", "syntax_error"),
        ("select a.orders.public.customers.name from customers", "statement_not_understood"),
    ] {
        assert_eq!(code(&grant, text, &VIEW), expected, "{text}");
    }
    // what was decided for one database is no decision for another
    let mut cache = crate::cache::DecisionCache::default();
    let mut elsewhere = reader();
    elsewhere.database = "other".into();
    for _ in 0..3 {
        let text = b"select * from orders.public.customers";
        assert!(crate::decide_text(&grant, text, &VIEW, &mut cache).outcome.is_ok());
        assert!(crate::decide_text(&elsewhere, text, &VIEW, &mut cache).outcome.is_err());
    }
}

/// H9: the value that a masked column got when it was added stood in pg_attribute and in its default.
#[test]
fn values_of_masked_columns_in_the_catalogues() {
    let mut grant = reader();
    let mask = Mask {
        schema: "public".into(),
        relation: "customers".into(),
        column: "token".into(),
        kind: MaskKind::Null,
        compare: false,
    };
    grant.rights.masks = Arc::from([mask]);
    let catalogue = |stored| {
        let token = CatalogueColumn {
            name: "token".into(),
            attnum: 1,
            type_oid: 25,
            generated: false,
            mask: Some(0),
        };
        let customers = CatalogueRelation {
            oid: 5,
            schema: "public".into(),
            name: "customers".into(),
            opaque: false,
            columns: vec![token],
        };
        Catalogue::new(1, [], vec![customers]).with_stored(stored)
    };
    let roads = [
        ("select attmissingval from pg_attribute", Stored::MISSING),
        ("select a.* from pg_attribute a", Stored::MISSING),
        ("select a.to_jsonb from pg_attribute a", Stored::MISSING),
        (
            "select attname from pg_attribute natural join (select '{x}'::text as attmissingval) g",
            Stored::MISSING,
        ),
        ("select pg_get_expr(adbin, adrelid) from pg_attrdef", Stored::DEFAULT),
        ("select column_default from information_schema.columns", Stored::DEFAULT),
        ("select pg_get_expr(relpartbound, oid) from pg_class", Stored::BOUND),
        ("select pg_get_partition_constraintdef(oid) from pg_class", Stored::BOUND),
    ];
    let all = Stored::MISSING.with(Stored::DEFAULT).with(Stored::BOUND);
    for (text, kind) in roads {
        for (stored, expected) in [(Stored::default(), "ok"), (kind, "masked_column"), (all, "masked_column")]
        {
            let catalogue = catalogue(stored);
            let view = View { catalogue: Some(&catalogue), ..VIEW };
            assert_eq!(code(&grant, text, &view), expected, "{text} {stored:?}");
        }
    }
    let catalogue = catalogue(all);
    let view = View { catalogue: Some(&catalogue), ..VIEW };
    // H10: CLUSTER wrote the rows in the order of a masked column, and ctid tells it
    let maintains = with(grant.clone(), Verbs::MAINTAIN, "public", "*");
    for text in
        ["cluster customers", "cluster public.customers using by_token", "cluster (verbose) customers"]
    {
        assert_eq!(code(&maintains, text, &view), "masked_column", "{text}");
    }
    for text in ["cluster orders using orders_pkey", "vacuum full customers", "analyze customers"] {
        assert_eq!(code(&maintains, text, &view), "ok", "{text}");
    }
    for text in [
        "select attname, attnum, atthasdef, atthasmissing from pg_attribute where attrelid = 1",
        "select oid, adrelid, adnum from pg_attrdef",
        "select column_name, data_type from information_schema.columns",
        "select c.relname, c.reltuples from pg_class c",
    ] {
        assert_eq!(code(&grant, text, &view), "ok", "{text}");
    }
}
