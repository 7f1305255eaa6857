//! A question of the gateway's own to the target, in the session's own connection.
//!
//! It is asked before the principal may use the session, and between its requests when the last answer is too old, by
//! named objects of the extended protocol: a simple Query would destroy the principal's unnamed statement. Its rows
//! come as text. Every name in it has its schema, types too: a temporary one is looked for before pg_catalog's own. A
//! target that answers otherwise than with rows, or with too many, ends the session: without the
//! catalogue, masks and functions could not be decided.

use crate::ending::Ending;
use crate::exact::catalogue::{Root, denies, search_path};
use crate::exact::idle;
use hoopwire_postgres_policy::{Grant, KEPT_SETTINGS_MAX, Mask, Rule};
use hoopwire_postgres_protocol::backend::{DataRow, Tag, TransactionStatus};
use hoopwire_postgres_protocol::error::{ServerReport, Sqlstate};
use hoopwire_postgres_protocol::frontend::{self, Kind};
use hoopwire_postgres_protocol::message::{HEADER_BYTES, Piece, Scanner, Take};
use hoopwire_postgres_sql::Verbs;

/// Most bytes of rows that are taken.
const ROWS_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Largest single message of an answer.
const MESSAGE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// A cancel, `statement_timeout`; `lock_timeout`.
const INTERRUPTIONS: &[Option<Sqlstate>] =
    &[Some(Sqlstate::QUERY_CANCELED), Some(Sqlstate::LOCK_NOT_AVAILABLE)];

/// A row: its fields as text.
pub(crate) type Row = Vec<Option<String>>;

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    /// Whole messages that came with it and are the principal's.
    pub(crate) aside: Vec<u8>,
    /// There is none: a cancel, or a time limit of the principal's own, hit the question. An open transaction has failed.
    pub(crate) is_interrupted: bool,
}

/// An answer on its way.
#[derive(Debug)]
pub(crate) struct Inquiry {
    scanner: Scanner<Tag>,
    rows: Vec<Row>,
    bytes: usize,
    failed: Option<String>,
    is_interrupted: bool,
    /// What is the principal's all the same: notifications, notices, changed parameters.
    aside: Vec<u8>,
    /// The transaction status that the session had, and must have afterwards. `None` behind a request of the
    /// principal's without its Sync: then ReadyForQuery is not asked for.
    status: Option<TransactionStatus>,
    /// How many CloseComplete are still to come: what ends a question without its Sync.
    to_close: u8,
}

fn take(tag: Tag, body_len: usize) -> Take {
    match tag {
        Tag::ParseComplete
        | Tag::BindComplete
        | Tag::CloseComplete
        | Tag::DataRow
        | Tag::CommandComplete
        | Tag::ReadyForQuery
        | Tag::ErrorResponse
        | Tag::NotificationResponse
        | Tag::NoticeResponse
        | Tag::ParameterStatus
            if body_len <= MESSAGE_MAX_BYTES =>
        {
            Take::Whole
        }
        _ => Take::Refuse,
    }
}

impl Inquiry {
    /// Asked in a session with this transaction status; `None` in the middle of a round. So many objects of its own are
    /// closed by it.
    pub(crate) fn new(status: Option<TransactionStatus>, to_close: u8) -> Inquiry {
        Inquiry {
            scanner: Scanner::default(),
            rows: Vec::new(),
            bytes: 0,
            failed: None,
            is_interrupted: false,
            aside: Vec::new(),
            status,
            to_close,
        }
    }

    /// The answer is not seen through a transaction of the session's own.
    pub(crate) fn is_outside_transactions(&self) -> bool {
        self.status == Some(TransactionStatus::Idle)
    }

    fn answer(&mut self) -> Answer {
        Answer {
            rows: std::mem::take(&mut self.rows),
            aside: std::mem::take(&mut self.aside),
            is_interrupted: self.is_interrupted,
        }
    }

    /// Bytes of the target. Once ReadyForQuery has come (in a round, all that was asked for), the rows, and whole
    /// messages that are the principal's; what follows stays in `input`.
    pub(crate) fn handle(&mut self, input: &mut &[u8]) -> Result<Option<Answer>, Ending> {
        while let Some(piece) = self.scanner.next(input, &take).map_err(|error| failed(&error.to_string()))? {
            let Piece::Whole { tag, raw } = piece else { continue };
            let body = raw.get(HEADER_BYTES..).unwrap_or_default();
            match tag {
                Tag::DataRow => {
                    self.bytes = self.bytes.saturating_add(raw.len());
                    if self.bytes > ROWS_MAX_BYTES {
                        return Err(failed("its catalogue is too large"));
                    }
                    self.rows.push(row(body).ok_or_else(|| failed("a malformed row"))?);
                }
                Tag::NotificationResponse | Tag::NoticeResponse | Tag::ParameterStatus => {
                    self.bytes = self.bytes.saturating_add(raw.len());
                    if self.bytes > ROWS_MAX_BYTES {
                        return Err(failed("its answer is too large"));
                    }
                    self.aside.extend_from_slice(raw);
                }
                Tag::ErrorResponse => {
                    let report = ServerReport::parse(body);
                    if self.status.is_none() {
                        return Err(failed(&report.to_string()));
                    }
                    self.is_interrupted = INTERRUPTIONS.contains(&report.sqlstate);
                    self.failed = Some(report.to_string());
                }
                Tag::CloseComplete if self.status.is_none() => {
                    self.to_close = self.to_close.saturating_sub(1);
                    if self.to_close == 0 {
                        return Ok(Some(self.answer()));
                    }
                }
                Tag::ReadyForQuery => {
                    let status = TransactionStatus::read(body);
                    return match self.failed.take() {
                        Some(_) if self.is_interrupted => Ok(Some(self.answer())),
                        Some(reason) => Err(failed(&reason)),
                        None if status.is_none() || status != self.status => {
                            Err(failed("another transaction status"))
                        }
                        None => Ok(Some(self.answer())),
                    };
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

/// Takes a row of this kind out of an answer: what it says.
pub(crate) fn take_row(rows: &mut Vec<Row>, kind: &str) -> Option<Row> {
    let at = rows.iter().position(|row| row.first().and_then(Option::as_deref) == Some(kind))?;
    Some(rows.remove(at))
}

fn row(body: &[u8]) -> Option<Row> {
    let text = |value: Option<&[u8]>| match value {
        None => Some(None),
        Some(bytes) => String::from_utf8(bytes.to_vec()).ok().map(Some),
    };
    DataRow::read(body).ok()?.map(|value| text(value.ok()?)).collect()
}

fn failed(reason: &str) -> Ending {
    Ending::no_catalogue(reason)
}

/// Name of the statement and of the portal.
const NAME: &str = "hoopwire_catalogue";

/// Ends a question: with a Flush if the principal's round goes on, else with a Sync.
pub(crate) fn end(in_round: bool, out: &mut Vec<u8>) {
    if in_round { frontend::flush(out) } else { frontend::sync(out) }
}

/// Appends the requests that ask for the catalogue; how many objects they close. It is the functions in the schemas of
/// the search path, and for masks the masked relations with all that shares their columns (partitions, children,
/// parents) and all that reads them (views, through other views).
///
/// Rows: `f`, schema, function; `c`, schema and name of the masked relation, schema, name and OID of the relation
/// that has the column, its number, name and type, whether it is generated (with letters for what the catalogues
/// hold of it: a missing value, a default, bounds of partitions); `v`, OID, schema, name, definition;
/// `x`, schema and name that are now those of a relation which the transaction's snapshot does not show; `p`, the
/// session's search_path; `i`, schema and name of a partition or child, those of its parent, and what the parent is;
/// `s` alone where the session's user may read the settings that
/// roles and databases have, and `s` with the name of each such setting.
///
/// In a transaction with a snapshot of its own the rows are as old as that, but the target looks names up as they are
/// now (PostgreSQL documentation, 13.6). There names come from functions that do the same.
pub(crate) fn ask(grant: &Grant, known: &[Root], out: &mut Vec<u8>) -> u8 {
    prepare(NAME, &question(grant, known), out) + run(NAME, out)
}

/// The same, and what of the grant's rules matches nothing at the target (`idle.rs`).
pub(crate) fn ask_all(grant: &Grant, known: &[Root], out: &mut Vec<u8>) -> u8 {
    let mut text = question(grant, known);
    if let Some(idle) = idle::question(grant) {
        text.push_str(" UNION ALL ");
        text.push_str(&idle);
    }
    prepare(NAME, &text, out) + run(NAME, out)
}

fn question(grant: &Grant, known: &[Root]) -> String {
    let mut text = functions(search_path(grant));
    text.push_str(" UNION ALL ");
    text.push_str(&settings());
    if !grant.rights.masks.is_empty() {
        text.push_str(" UNION ALL ");
        text.push_str(&relations(&grant.rights.masks, known));
    }
    if let Some(kin) = kin(denies(grant)) {
        text.push_str(" UNION ALL ");
        text.push_str(&kin);
    }
    text
}

/// Prepares a statement; how many objects that closes. A question that was interrupted behind its Parse has left its
/// statement at the target, since what closes it was skipped.
pub(crate) fn prepare(name: &str, text: &str, out: &mut Vec<u8>) -> u8 {
    frontend::close(Kind::Statement, name.as_bytes(), out);
    frontend::parse(name.as_bytes(), text.as_bytes(), out);
    1
}

/// Binds, runs and closes a statement without parameters; how many objects that closes.
pub(crate) fn run(name: &str, out: &mut Vec<u8>) -> u8 {
    frontend::bind(name.as_bytes(), name.as_bytes(), out);
    frontend::execute(name.as_bytes(), out);
    frontend::close(Kind::Portal, name.as_bytes(), out);
    frontend::close(Kind::Statement, name.as_bytes(), out);
    2
}

fn functions(search_path: &[String]) -> String {
    let schemas: Vec<String> = search_path.iter().map(|schema| literal(schema)).collect();
    format!(
        "SELECT 'f', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL, NULL \
         FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
         WHERE n.nspname::pg_catalog.text = ANY (ARRAY[{}]::pg_catalog.text[]) GROUP BY n.nspname, p.proname \
         UNION ALL SELECT 'p', pg_catalog.current_setting('search_path'), \
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
        schemas.join(", ")
    )
}

/// The names, not the values. The catalogue is read by a text that the target runs only where its user may: one that
/// was taken from it (REVOKE) would fail the whole question, and `ts_stat` is the one function of every version that
/// runs a text for its rows.
fn settings() -> String {
    let names = format!(
        "SELECT pg_catalog.array_to_tsvector(ARRAY[k.name]) FROM (\
           SELECT DISTINCT pg_catalog.substr(pg_catalog.split_part(e.entry, '=', 1), 1, 200) AS name \
           FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) e(entry) LIMIT {}) k",
        KEPT_SETTINGS_MAX + 1
    );
    format!(
        "SELECT 's', k.name, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM (SELECT pg_catalog.has_column_privilege(\
           'pg_catalog.pg_db_role_setting'::pg_catalog.regclass, 'setconfig', 'SELECT') AS may) p, LATERAL (\
           SELECT NULL::pg_catalog.text AS name UNION ALL SELECT t.word FROM pg_catalog.ts_stat(\
             CASE WHEN p.may THEN {} ELSE 'SELECT NULL::pg_catalog.tsvector' END) t) k WHERE p.may",
        literal(&names)
    )
}

fn relations(masks: &[Mask], known: &[Root]) -> String {
    let by_oid: String = known
        .iter()
        .map(|(schema, relation, oid)| {
            format!(
                "UNION SELECT {}, {}, c.oid FROM pg_catalog.pg_class c WHERE c.oid = {oid} ",
                literal(schema),
                literal(relation)
            )
        })
        .collect();
    format!(
        "SELECT * FROM (WITH RECURSIVE snapshot(is_old) AS (\
           SELECT pg_catalog.current_setting('transaction_isolation') IN ('repeatable read', 'serializable')\
         ), wanted(schema, relation) AS (VALUES {}), root(schema, relation, oid) AS (\
           SELECT v.schema::pg_catalog.text, v.relation::pg_catalog.text, c.oid \
           FROM wanted v \
           JOIN pg_catalog.pg_namespace n ON n.nspname::pg_catalog.text = v.schema::pg_catalog.text \
           JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname::pg_catalog.text = v.relation::pg_catalog.text \
           {by_oid}\
         ), family(schema, relation, oid) AS (\
           SELECT schema, relation, oid FROM root \
           UNION \
           SELECT f.schema, f.relation, CASE WHEN i.inhparent = f.oid THEN i.inhrelid ELSE i.inhparent END \
           FROM family f JOIN pg_catalog.pg_inherits i ON f.oid IN (i.inhparent, i.inhrelid)\
         ), reader(oid) AS (\
           SELECT r.ev_class FROM family f \
           JOIN pg_catalog.pg_depend d ON d.refobjid = f.oid \
           JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid \
           WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
             AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.ev_class <> f.oid \
           UNION \
           SELECT r.ev_class FROM reader v \
           JOIN pg_catalog.pg_depend d ON d.refobjid = v.oid \
           JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid \
           WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
             AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.ev_class <> v.oid\
         ) \
         SELECT 'c', f.schema, f.relation, coalesce(now.names[1], n.nspname::pg_catalog.text), \
           coalesce(now.names[2], c.relname::pg_catalog.text), c.oid::pg_catalog.text, a.attnum::pg_catalog.text, \
           coalesce(now.names[3], a.attname::pg_catalog.text), a.atttypid::pg_catalog.oid::pg_catalog.text, \
           pg_catalog.concat(a.attgenerated <> '', CASE WHEN a.atthasmissing THEN 'M' END, \
             CASE WHEN a.atthasdef AND a.attgenerated = '' THEN 'D' END, CASE WHEN EXISTS (\
               SELECT FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = c.oid \
               AND (a.attnum = ANY (p.partattrs::pg_catalog.int2[]) OR p.partexprs IS NOT NULL)) THEN 'P' END) \
         FROM family f JOIN pg_catalog.pg_class c ON c.oid = f.oid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         LEFT JOIN LATERAL (SELECT i.object_names AS names FROM snapshot, pg_catalog.pg_identify_object_as_address(\
           'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, a.attnum) i WHERE is_old) now ON true \
         UNION ALL \
         SELECT 'x', schema, relation, NULL, NULL, NULL, NULL, NULL, NULL, NULL \
         FROM (SELECT v.schema::pg_catalog.text, v.relation::pg_catalog.text, CASE WHEN pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
           THEN pg_catalog.to_regclass(pg_catalog.quote_ident(v.schema) || '.' || pg_catalog.quote_ident(v.relation)) \
           END AS oid FROM snapshot, wanted v JOIN pg_catalog.pg_namespace n ON n.nspname::pg_catalog.text = v.schema::pg_catalog.text \
           WHERE is_old) now \
         WHERE now.oid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = now.oid) \
         UNION ALL \
         SELECT 'v', c.oid::pg_catalog.text, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, pg_catalog.pg_get_viewdef(c.oid), \
           NULL, NULL, NULL, NULL, NULL \
         FROM reader v JOIN pg_catalog.pg_class c ON c.oid = v.oid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm')) masked",
        named(masks)
    )
}

/// What shares rows with relations that a deny may match: each edge of their families. The rules themselves are applied
/// to the answer, so that a pattern means one thing. `None` if no relation is denied.
fn kin(deny: &[Rule]) -> Option<String> {
    let rules = deny.iter().filter(|rule| rule.verbs != Verbs::CALL);
    let mut patterns: Vec<String> = rules
        .flat_map(|rule| &rule.objects)
        .map(|pattern| format!("({}, {})", like(&pattern.schema), like(&pattern.name)))
        .collect();
    patterns.sort();
    patterns.dedup();
    if patterns.is_empty() {
        return None;
    }
    Some(format!(
        "SELECT * FROM (WITH RECURSIVE denied(schema, relation) AS (VALUES {}), edge(here, there) AS (\
           SELECT inhparent, inhrelid FROM pg_catalog.pg_inherits \
           UNION ALL SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits\
         ), family(oid) AS (\
           SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
           WHERE c.oid IN (SELECT here FROM edge) AND c.relkind IN ('r', 'p', 'f') AND EXISTS (\
             SELECT FROM denied d WHERE n.nspname::pg_catalog.text LIKE d.schema::pg_catalog.text \
             AND c.relname::pg_catalog.text LIKE d.relation::pg_catalog.text) \
           UNION SELECT e.there FROM family f JOIN edge e ON e.here = f.oid\
         ) \
         SELECT 'i', cn.nspname::pg_catalog.text, c.relname::pg_catalog.text, pn.nspname::pg_catalog.text, \
           p.relname::pg_catalog.text, p.relkind::pg_catalog.text, NULL, NULL, NULL, NULL \
         FROM family f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.oid \
         JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace \
         JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace) kin",
        patterns.join(", ")
    ))
}

/// A pattern of a policy as one of LIKE.
pub(crate) fn like(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '*' => text.push('%'),
            '%' | '_' | '\\' => text.extend(['\\', c]),
            c => text.push(c),
        }
    }
    literal(&text)
}

/// The relations that are masked by name, as rows of a VALUES list.
pub(crate) fn named(masks: &[Mask]) -> String {
    let mut rows: Vec<String> = masks
        .iter()
        .map(|mask| format!("({}, {})", literal(&mask.schema), literal(&mask.relation)))
        .collect();
    rows.sort();
    rows.dedup();
    rows.join(", ")
}

/// A string constant; names come from the config file.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoopwire_postgres_policy::{Rules, TestGrant};
    use hoopwire_testkit::messages::framed;

    fn data_row(fields: &[Option<&str>]) -> Vec<u8> {
        let mut body = u16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
        for field in fields {
            match field {
                None => body.extend((-1_i32).to_be_bytes()),
                Some(text) => {
                    body.extend(i32::try_from(text.len()).unwrap().to_be_bytes());
                    body.extend(text.as_bytes());
                }
            }
        }
        framed(b'D', &body)
    }

    #[test]
    fn rows_come_in_any_split_and_what_follows_is_left() {
        let answer = [
            framed(b'1', b""),
            framed(b'2', b""),
            framed(b'A', b"\0\0\0\x01channel\0payload\0"),
            data_row(&[Some("f"), None]),
            data_row(&[Some(""), Some("é")]),
            framed(b'C', b"SELECT 2\0"),
            framed(b'Z', b"I"),
            b"next".to_vec(),
        ]
        .concat();
        for size in 1..answer.len() {
            let mut inquiry = Inquiry::new(Some(TransactionStatus::Idle), 2);
            let (mut rows, mut left) = (None, Vec::new());
            for mut piece in answer.chunks(size) {
                if rows.is_none() {
                    rows = inquiry.handle(&mut piece).unwrap();
                }
                left.extend_from_slice(piece);
            }
            let Answer { rows, aside, .. } = rows.unwrap();
            assert_eq!(aside, framed(b'A', b"\0\0\0\x01channel\0payload\0"));
            assert_eq!(rows[0], [Some("f".to_owned()), None]);
            assert_eq!(rows[1], [Some(String::new()), Some("é".to_owned())]);
            assert_eq!(left, b"next");
        }
    }

    #[test]
    fn a_target_that_does_not_answer_with_rows_ends_the_session() {
        // A catalogue that could not be read must not be taken for an empty one: nothing would be masked.
        let error = framed(b'E', b"SERROR\0C42501\0Mpermission denied\0\0");
        for answer in [
            [error, framed(b'Z', b"I")].concat(),
            framed(b'D', b"\0\x01\0\0\0\x09short"),
            framed(b'D', b"\0\x01\0\0\0\x01\xff"),
            framed(b'G', b"\0\0\0"),
            framed(b'Z', b"T"),
            framed(b'Z', b""),
        ] {
            assert!(
                Inquiry::new(Some(TransactionStatus::Idle), 2).handle(&mut answer.as_slice()).is_err(),
                "{answer:?}"
            );
        }
    }

    #[test]
    fn names_are_quoted() {
        let mut out = Vec::new();
        let rights = Rules { search_path: vec!["o'brien".to_owned()], ..Rules::default() };
        #[allow(clippy::disallowed_methods)] // some instant
        let grant = Grant::for_tests(std::time::Instant::now()).with_rules(rights);
        ask(&grant, &[], &mut out);
        let text = String::from_utf8_lossy(&out);
        assert!(text.contains("ARRAY['o''brien']"), "{text}");
    }
}
