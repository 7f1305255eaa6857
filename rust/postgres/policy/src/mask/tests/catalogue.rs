//! Masks found over the catalogue: those of a COPY, and views that show masked columns.

use super::*;
use crate::{Catalogue, CatalogueColumn, CatalogueRelation, Grant, TestGrant};
use hoopwire_postgres_sql::{CopyFormat, CopyOut, Name};
use std::time::Instant;

fn catalogue() -> Catalogue {
    let column = |(attnum, name): (i16, &str)| CatalogueColumn {
        name: name.to_owned(),
        attnum,
        type_oid: 25,
        generated: false,
        mask: (name == "email").then_some(0),
    };
    let relation = |oid, schema: &str, opaque| CatalogueRelation {
        oid,
        schema: schema.to_owned(),
        name: if opaque { "contacts" } else { "customers" }.to_owned(),
        opaque,
        columns: [(1, "id"), (2, "name"), (3, "email")].map(column).to_vec(),
    };
    Catalogue::new(
        1,
        [],
        vec![relation(1, "public", false), relation(2, "crm", false), relation(3, "crm", true)],
    )
}

fn grant() -> Grant {
    #[allow(clippy::disallowed_methods, reason = "a test has to begin somewhere")]
    let mut grant = Grant::for_tests(Instant::now());
    grant.rights.masks = [Mask {
        schema: "public".into(),
        relation: "customers".into(),
        column: "email".into(),
        kind: MaskKind::Fixed("-".into()),
        compare: true,
    }]
    .into();
    grant.rights.mask_key = KEY;
    grant
}

#[test]
fn a_copy_whose_masks_are_not_found_delivers_nothing() {
    // A relation dropped and a column renamed between the decision and the first row.
    let field = |schema: Option<&str>, relation: &str, column: &str| {
        Some((Name { schema: schema.map(str::to_owned), name: relation.to_owned() }, column.to_owned()))
    };
    let plan = |fields| CopyOut { format: CopyFormat::Text, header: false, fields };
    for gone in [
        field(Some("public"), "clients", "email"),
        field(Some("public"), "customers", "mail"),
        field(Some("public"), "customers", "name"),
        field(None, "customers", "email"),
    ] {
        assert!(
            CopyMask::of_plan(&plan(vec![None, gone.clone()]), &grant(), &catalogue()).is_none(),
            "{gone:?}"
        );
    }
    let mut without = grant();
    without.rights.masks = [].into();
    let there = plan(vec![None, field(Some("public"), "customers", "email")]);
    assert!(CopyMask::of_plan(&there, &without, &catalogue()).is_none());

    let mut out = Vec::new();
    let mut copy = CopyMask::of_plan(&there, &grant(), &catalogue()).unwrap();
    copy.rewrite(b'd', b"1\tsecret\n", &mut out).unwrap();
    assert_eq!(out, b"d\0\0\0\x081\t-\n");
}

#[test]
fn a_view_that_shows_a_masked_column_or_rows_by_it_is_told_from_others() {
    let rows = [
        (true, " SELECT customers.id,\n    customers.email\n   FROM public.customers;"),
        (true, " SELECT upper(customers.email) AS mail FROM public.customers;"),
        (true, " SELECT customers.id FROM public.customers WHERE customers.email ~~ 'a%'::text;"),
        (true, " SELECT c.id FROM public.orders o JOIN crm.customers c ON o.mail = c.email;"),
        (true, " SELECT contacts.id FROM crm.contacts;"),
        (true, " SELECT c.* FROM public.customers c;"),
        (true, " SELECT c.c AS whole FROM (SELECT c.* AS c FROM public.customers c) c;"),
        (true, " SELECT id FROM customers;"),
        (true, " SELECT 1; SELECT 2;"),
        (true, "this is no query"),
        (true, ""),
        (false, " SELECT customers.id, upper(customers.name) AS name FROM public.customers;"),
        (false, " SELECT o.email FROM public.orders o;"),
        (false, " SELECT customers.email FROM other.customers;"),
        (
            false,
            " SELECT count(*) AS count FROM public.customers WHERE customers.id > 3 GROUP BY customers.name;",
        ),
    ];
    for (shows, definition) in rows {
        assert_eq!(shows_masked("public", "v", definition, &catalogue()), shows, "{definition}");
    }
    // One that the policy masks itself is never asked about; if it is, it is no other relation.
    assert!(shows_masked("crm", "contacts", "SELECT 1;", &catalogue()));
}
