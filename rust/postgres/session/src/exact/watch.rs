//! A cheap query sent before each statement: have the masked relations changed since the last full read?
//!
//! The target says what it has under the OIDs of the last whole answer, as one text: names, columns, parents and
//! children, rules over them, and what has the masked names. If the text is the same as in the moment before that whole
//! answer, so would the answer be.

use crate::exact::inquiry::{Row, named, prepare, run, take_row};
use hoopwire_postgres_policy::Mask;

/// Name of the statement and of the portal. They are closed behind the question: a statement that stays could be
/// replaced by one of the principal's, which says what it likes.
const NAME: &str = "hoopwire_watch";

/// Appends the requests; how many objects they close.
pub(crate) fn ask(masks: &[Mask], oids: &[u32], out: &mut Vec<u8>) -> u8 {
    prepare(NAME, &text(masks, oids), out) + run(NAME, out)
}

/// Takes the answer out of rows: the text, and the session's search_path.
pub(crate) fn heard(rows: &mut Vec<Row>) -> Option<(String, String)> {
    let mut fields = take_row(rows, "w")?.into_iter().skip(1);
    Some((fields.next()??, fields.next()??))
}

/// One row: `w`, the text, the search_path. In a transaction with a snapshot of its own, where rows are older than names (`inquiry.rs`),
/// it says so if they differ.
fn text(masks: &[Mask], oids: &[u32]) -> String {
    let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
    format!(
        "WITH snapshot(is_own, oids) AS (\
           SELECT pg_catalog.current_setting('transaction_isolation') IN ('repeatable read', 'serializable'), '{{{}}}'::pg_catalog.oid[]\
         ), wanted(oid, schema, relation) AS (\
           SELECT n.oid, v.schema::pg_catalog.text, v.relation::pg_catalog.text FROM (VALUES {}) v(schema, relation) \
           JOIN pg_catalog.pg_namespace n ON n.nspname = v.schema::pg_catalog.name\
         ) \
         SELECT 'w', pg_catalog.concat_ws(' ', \
           (SELECT pg_catalog.string_agg(pg_catalog.concat_ws('.', c.oid, pg_catalog.quote_ident(n.nspname), \
              pg_catalog.quote_ident(c.relname)), ',' ORDER BY c.oid) \
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
            WHERE c.oid = ANY (oids)), \
           (SELECT pg_catalog.string_agg(pg_catalog.concat_ws('.', a.attrelid, a.attnum, \
              pg_catalog.quote_ident(a.attname), a.atttypid, a.attgenerated, \
              a.atthasmissing, a.atthasdef), ',' ORDER BY a.attrelid, a.attnum) \
            FROM pg_catalog.pg_attribute a \
            WHERE a.attrelid = ANY (oids) AND a.attnum > 0 AND NOT a.attisdropped), \
           (SELECT pg_catalog.string_agg(pg_catalog.concat_ws('.', i.inhrelid, i.inhparent), ',' \
              ORDER BY i.inhrelid, i.inhparent) \
            FROM pg_catalog.pg_inherits i WHERE i.inhrelid = ANY (oids) OR i.inhparent = ANY (oids)), \
           (SELECT pg_catalog.string_agg(pg_catalog.concat_ws('.', r.oid, r.ev_class, r.xmin), ',' ORDER BY r.oid) \
            FROM pg_catalog.pg_rewrite r WHERE r.oid IN (SELECT d.objid FROM pg_catalog.pg_depend d \
              WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = ANY (oids) \
                AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass)), \
           (SELECT pg_catalog.string_agg(c.oid::pg_catalog.text, ',' ORDER BY c.oid) \
            FROM wanted v JOIN pg_catalog.pg_class c ON c.relnamespace = v.oid AND c.relname = v.relation::pg_catalog.name), \
           CASE WHEN is_own THEN (SELECT 'renamed' WHERE EXISTS (\
              SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, \
              pg_catalog.pg_identify_object_as_address('pg_catalog.pg_class'::pg_catalog.regclass, c.oid, a.attnum) i \
              WHERE a.attrelid = ANY (oids) AND a.attnum > 0 AND NOT a.attisdropped \
                AND i.object_names IS DISTINCT FROM ARRAY[n.nspname::pg_catalog.text, c.relname::pg_catalog.text, a.attname::pg_catalog.text]\
            ) OR EXISTS (\
              SELECT FROM wanted v WHERE CASE WHEN pg_catalog.has_schema_privilege(v.oid, 'USAGE') THEN \
                pg_catalog.to_regclass(pg_catalog.quote_ident(v.schema) || '.' || pg_catalog.quote_ident(v.relation))::pg_catalog.oid \
                IS DISTINCT FROM (SELECT c.oid FROM pg_catalog.pg_class c \
                  WHERE c.relnamespace = v.oid AND c.relname = v.relation::pg_catalog.name) END)) END), \
           pg_catalog.current_setting('search_path') \
         FROM snapshot",
        oids.join(","),
        named(masks)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_taken_out_of_the_rows() {
        let row = |fields: &[&str]| fields.iter().map(|field| Some((*field).to_owned())).collect::<Row>();
        let mut rows = vec![row(&["w", "10.public.people", "public"]), row(&["f", "public", "notify"])];
        assert_eq!(heard(&mut rows), Some(("10.public.people".to_owned(), "public".to_owned())));
        assert_eq!((rows.len(), heard(&mut rows)), (1, None));
    }
}
