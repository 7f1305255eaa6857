//! Ways out for a masked column, and the statements that are fine: one row each.

#![allow(clippy::panic, reason = "tests fail by panicking")]

#[path = "lineage_rows/leaks.rs"]
mod leaks;
#[path = "lineage_rows/passes.rs"]
mod passes;

use hoopwire_postgres_sql::{
    Column, CopyFormat, Leak, Lineage, MaskedRelations, Name, RelationColumns, parse,
};

/// `public.customers`: email may not be compared, phone may. `public.staff` masks one column called like another of
/// customers. `contacts` is a view over customers without masks. Everything else has no masks.
struct Shop {
    customers: RelationColumns,
    staff: RelationColumns,
    contacts: RelationColumns,
}

fn relation(columns: &[(&str, bool, bool, bool)]) -> RelationColumns {
    let columns = columns.iter().zip(1..).map(|(&(name, masked, compare, generated), attnum)| Column {
        name: name.to_owned(),
        masked,
        compare,
        attnum,
        generated,
    });
    RelationColumns { columns: columns.collect(), opaque: false }
}

impl Shop {
    fn new() -> Shop {
        Shop {
            customers: relation(&[
                ("id", false, false, false),
                ("name", false, false, false),
                ("email", true, false, false),
                ("phone", true, true, false),
                ("city", false, false, false),
                ("label", false, false, true),
            ]),
            staff: relation(&[
                ("id", false, false, false),
                ("pin", true, false, false),
                ("city", false, false, false),
                ("system_user", true, false, false),
            ]),
            contacts: RelationColumns { columns: Vec::new(), opaque: true },
        }
    }
}

impl MaskedRelations for Shop {
    fn columns(&self, relation: &Name) -> Option<&RelationColumns> {
        if !matches!(relation.schema.as_deref(), None | Some("public")) {
            return None;
        }
        match relation.name.as_str() {
            "customers" => Some(&self.customers),
            "staff" => Some(&self.staff),
            "contacts" => Some(&self.contacts),
            _ => None,
        }
    }

    fn schema<'a>(&'a self, relation: &'a Name) -> Option<&'a str> {
        Some(relation.schema.as_deref().unwrap_or("public"))
    }
}

/// Two schemas in the search path: `entries` may be `audit.entries`, whose `what` is masked, or `public.entries`, of
/// which nothing is. `public.staff` has masked columns called like clear ones of `audit.entries`.
struct Path {
    entries: RelationColumns,
    staff: RelationColumns,
}

impl MaskedRelations for Path {
    fn columns(&self, relation: &Name) -> Option<&RelationColumns> {
        match (relation.schema.as_deref(), relation.name.as_str()) {
            (None | Some("audit"), "entries") => Some(&self.entries),
            (None | Some("public"), "staff") => Some(&self.staff),
            _ => None,
        }
    }
}

fn lineage(sql: &str) -> Result<Vec<Lineage>, Leak> {
    parse(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}")).lineage(&Shop::new())
}

#[test]
fn each_way_out_for_a_masked_column_is_a_leak() {
    let mut wrong = Vec::new();
    for (sql, place) in leaks::LEAKS {
        match lineage(sql) {
            Err(leak) if leak.place.contains(place) => {}
            other => wrong.push(format!("{sql}\n    wanted {place:?}, got {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn statements_that_show_only_plain_columns_pass() {
    let mut wrong = Vec::new();
    for (sql, touches) in passes::PASSES {
        match lineage(sql) {
            Ok(lines) if lines.iter().any(|line| line.touches) == *touches => {}
            other => wrong.push(format!("{sql}\n    wanted touches {touches}, got {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

/// H1c: a column with its schema was looked for in an item of that name, whatever schema that is of; and what a
/// relation has was believed of a name that may mean another one.
#[test]
fn a_name_that_may_mean_several_relations_hides_nothing() {
    let path = Path {
        entries: relation(&[
            ("id", false, false, false),
            ("what", true, false, false),
            ("note", false, false, false),
        ]),
        staff: relation(&[("id", false, false, false), ("note", true, false, false)]),
    };
    let leak = |sql: &str| parse(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}")).lineage(&path).err();
    for sql in [
        "select id, (select audit.entries.what from entries limit 1) from audit.entries",
        "select id, (select db.audit.entries.what from entries limit 1) from audit.entries",
        "select id, (select row_to_json(audit.entries.*) from entries limit 1) from audit.entries",
        "select id, (select x from (select audit.entries.* from entries) t(i, x) limit 1) from audit.entries",
        "select id, (select audit.entries.row_to_json from entries limit 1) from audit.entries",
        "select id, (select count(*) from entries where audit.entries.what = 'a') from audit.entries",
        "select id, (select 1 from entries order by audit.entries.what) from audit.entries",
        "select id, (select count(*) from entries e, entries where audit.entries.what = 'a') from audit.entries",
        "select id, (select audit.entries.what from public.entries limit 1) from audit.entries",
        "select id, (select row_to_json(audit.entries.*) from public.entries limit 1) from audit.entries",
        "select id, (select public.staff.note from entries, staff limit 1) from public.staff",
        "select id, (select note from entries limit 1) from staff",
        "select id, (select note from entries e limit 1) from staff",
        "select id, (select note from (select * from entries) e limit 1) from staff",
        "select id, (select count(*) from entries where note = 'a') from staff",
        "select id, (select what from entries limit 1) from staff",
        "select upper(what) from entries",
        // public.entries may have less columns, or more.
        "select upper(d) from (select entries.*, s.* from entries, public.staff s) t(a, b, c, d, e)",
        "select upper(d) from (entries cross join public.staff s) as t(a, b, c, d, e)",
        "with t(a, b, c, d, e) as (select * from entries, public.staff) select upper(d) from t",
        "select entries.*, s.* from entries, public.staff s order by 4",
        "copy (select entries.*, s.* from entries, public.staff s) to stdout",
    ] {
        assert!(leak(sql).is_some(), "{sql}");
    }
    for sql in [
        "select id, what, note from entries order by id, note",
        "select e.id, e.what, upper(e.note) from entries e where e.note > 'a' and e.id = 3",
        "select * from entries order by id",
        "select id, upper(note) from entries where note like 'a%' group by id, note",
        "select e.id, (select s.id from staff s where s.id = e.id) from entries e",
        "select id, (select note from audit.entries limit 1) from staff",
        "select id, (select e.note from entries e limit 1) from staff",
        "select public.staff.note, audit.entries.what from entries, public.staff, audit.entries",
        "select public.staff.*, upper(audit.entries.note) from public.staff, audit.entries",
        "select e.what from entries e join staff s using (id) where e.id = 1",
        "select id from entries union select id from staff order by id",
        "select * from entries, staff order by entries.id, staff.id",
        "select t.what, upper(t.note) from (select * from entries) t",
        "copy entries to stdout",
        "copy (select id, what from entries) to stdout",
    ] {
        assert_eq!(leak(sql), None, "{sql}");
    }
}

#[test]
fn a_leak_says_which_column_of_which_statement() {
    let leak = lineage("select 1; select 2; select id from customers c where c.email = 'a'").unwrap_err();
    assert_eq!(leak, Leak { statement: 2, column: "customers.email".into(), place: "in WHERE" });
}

#[test]
fn copy_out_says_which_field_is_which_masked_column() {
    let field = |schema: Option<&str>, name: &str, column: &str| {
        Some((Name { schema: schema.map(str::to_owned), name: name.to_owned() }, column.to_owned()))
    };
    let email = || field(None, "customers", "email");
    let phone = || field(None, "customers", "phone");
    // The whole table leaves out the generated column.
    let rows: Vec<(&str, CopyFormat, bool, Vec<_>)> = vec![
        ("copy customers to stdout", CopyFormat::Text, false, vec![None, None, email(), phone(), None]),
        ("copy customers (phone, id) to stdout", CopyFormat::Text, false, vec![phone(), None]),
        (
            "copy public.customers (email) to stdout (format csv, header)",
            CopyFormat::Csv,
            true,
            vec![field(Some("public"), "customers", "email")],
        ),
        ("copy customers (email) to stdout csv header", CopyFormat::Csv, true, vec![email()]),
        (
            "copy customers (email) to stdout (format csv, header false)",
            CopyFormat::Csv,
            false,
            vec![email()],
        ),
        ("copy customers (email) to stdout (header 1)", CopyFormat::Text, true, vec![email()]),
        ("copy customers (email) to stdout (format binary)", CopyFormat::Binary, false, vec![email()]),
        ("copy customers (email) to stdout binary", CopyFormat::Binary, false, vec![email()]),
        (
            "copy (select id, email as x from customers) to stdout",
            CopyFormat::Text,
            false,
            vec![None, email()],
        ),
        (
            "copy (select 1, upper(name), t.y from (select name, email as y from customers) t) to stdout (format 'csv')",
            CopyFormat::Csv,
            false,
            vec![None, None, email()],
        ),
        ("copy (delete from customers returning phone) to stdout", CopyFormat::Text, false, vec![phone()]),
    ];
    for (sql, format, header, fields) in rows {
        let lines = lineage(sql).unwrap_or_else(|leak| panic!("{sql}: {leak:?}"));
        let copy = lines[0].copy_out.as_ref().unwrap_or_else(|| panic!("{sql}: nothing to mask"));
        assert_eq!((copy.format, copy.header, &copy.fields), (format, header, &fields), "{sql}");
    }
    for sql in
        ["copy (select id from customers) to stdout", "copy orders to stdout", "copy customers from stdin"]
    {
        assert_eq!(lineage(sql).unwrap()[0].copy_out, None, "{sql}");
    }
}

#[test]
fn nesting_beyond_the_bound_is_a_leak_and_not_a_crash() {
    let sql = format!("select {}1{}", "abs(".repeat(300), ")".repeat(300));
    if let Ok(parsed) = parse(&sql) {
        assert_eq!(parsed.lineage(&Shop::new()).unwrap_err().place, "nested too deeply");
    }
    assert!(lineage(&format!("select {}1{}", "abs(".repeat(100), ")".repeat(100))).is_ok());
}

#[test]
fn columns_doubled_at_each_level_do_not_eat_the_memory() {
    let mut sql = "select * from customers".to_owned();
    for level in 0..40 {
        sql = format!("select *, * from ({sql}) t{level}");
    }
    assert_eq!(lineage(&sql).unwrap_err().place, "in a statement with too many columns");
}
