//! What the target said of its catalogue, kept for the sessions of a reactor.

use crate::ending::Ending;
use crate::exact::inquiry::Row;
use hoopwire_postgres_policy::{
    Catalogue, CatalogueColumn, CatalogueRelation, Grant, Inheritance, Mask, Rule, Rules, Stored,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How old what is known may be: of functions, and of masked relations where they are not asked for each time.
const FUNCTIONS_MAX_AGE: Duration = Duration::from_secs(10);
const MASKED_MAX_AGE: Duration = Duration::from_secs(2);
/// Most masked relations and their columns that are asked for before each statement: more of them (hundreds of
/// partitions) would cost more than the statement.
const EACH_TIME_MAX: usize = 2000;
/// Most databases and policies that are remembered.
const KEPT_MAX: usize = 256;

/// A relation that the policy masks by this schema and name, by its OID: whatever it is called later.
pub(crate) type Root = (String, String, u32);

#[derive(Debug)]
struct Kept {
    target_id: String,
    search_path: Vec<String>,
    masks: Arc<[Mask]>,
    deny: Vec<Rule>,
    rows: Vec<Row>,
    /// The OIDs of `rows`, and what was said of them in the moment before (`watch.rs`).
    oids: Vec<u32>,
    print: Option<String>,
    catalogue: Arc<Catalogue>,
    roots: Vec<Root>,
    asked_at: Instant,
}

/// The catalogues that a reactor knows, by target and by what the grant asks of them.
#[derive(Debug, Default)]
pub(crate) struct Catalogues {
    kept: Vec<Kept>,
    versions: u64,
    /// Where it was asked what of whose rights matches nothing.
    looked_over: Vec<(String, Arc<Rules>)>,
}

impl Catalogues {
    /// What is known for this grant, and when it was asked, if that is not too long ago.
    pub(crate) fn find(&self, grant: &Grant, now: Instant) -> Option<(Arc<Catalogue>, Instant)> {
        let kept = self.kept.iter().find(|kept| kept.is_for(grant))?;
        let fresh = !is_old(grant, &kept.catalogue, kept.asked_at, now);
        fresh.then(|| (Arc::clone(&kept.catalogue), kept.asked_at))
    }

    /// What of these rights matches nothing was asked before, by a session of this reactor.
    pub(crate) fn has_looked_over(&self, grant: &Grant) -> bool {
        grant.rights.rules.as_ref().is_none_or(|rights| {
            let mut all = self.looked_over.iter();
            all.any(|(target_id, known)| *target_id == grant.rights.target_id && known == rights)
        })
    }

    /// It has been asked now.
    pub(crate) fn looks_over(&mut self, grant: &Grant) {
        let Some(rights) = grant.rights.rules.as_ref().filter(|_| !self.has_looked_over(grant)) else {
            return;
        };
        if self.looked_over.len() >= KEPT_MAX {
            self.looked_over.drain(..KEPT_MAX / 2);
        }
        self.looked_over.push((grant.rights.target_id.clone(), Arc::clone(rights)));
    }

    /// The relations that were found by the names of this grant's masks so far.
    pub(crate) fn roots(&self, grant: &Grant) -> &[Root] {
        self.kept.iter().find(|kept| kept.is_for(grant)).map_or(&[], |kept| kept.roots.as_slice())
    }

    /// The OIDs that this catalogue was read from, and what was said of them in the moment before, if that is known.
    pub(crate) fn watched(&self, grant: &Grant, known: &Arc<Catalogue>) -> Option<(&[u32], Option<&str>)> {
        let kept = self.kept.iter().find(|kept| kept.is_for(grant) && Arc::ptr_eq(&kept.catalogue, known))?;
        Some((&kept.oids, kept.print.as_deref()))
    }

    /// What an answer says. If nothing changed, the old catalogue is kept, so that cached decisions stay valid. It is
    /// kept for other sessions if it `is_common`. `print` is what was said right before of the OIDs known till then.
    pub(crate) fn keep(
        &mut self,
        grant: &Grant,
        rows: Vec<Row>,
        print: Option<String>,
        is_common: bool,
        now: Instant,
    ) -> Result<Arc<Catalogue>, Ending> {
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.is_for(grant) && kept.rows == rows) {
            if is_common {
                kept.asked_at = now;
                kept.print = print.or(kept.print.take());
            }
            return Ok(Arc::clone(&kept.catalogue));
        }
        self.versions = self.versions.saturating_add(1);
        let known = self.roots(grant).to_vec();
        let (fresh, roots) = read(&rows, &grant.rights.masks, denies(grant), known, self.versions)
            .ok_or_else(|| Ending::no_catalogue("an answer that cannot be read"))?;
        let kept = self.kept.iter_mut().find(|kept| kept.is_for(grant));
        if !is_common {
            let same = kept.filter(|kept| kept.catalogue.says_the_same(&fresh));
            return Ok(same.map_or_else(|| Arc::new(fresh), |kept| Arc::clone(&kept.catalogue)));
        }
        if let Some(kept) = kept {
            kept.asked_at = now;
            kept.roots = roots;
            kept.oids = oids(&rows);
            kept.rows = rows;
            kept.print = None;
            if !kept.catalogue.says_the_same(&fresh) {
                kept.catalogue = Arc::new(fresh);
            }
            return Ok(Arc::clone(&kept.catalogue));
        }
        if self.kept.len() >= KEPT_MAX {
            self.kept.sort_by_key(|kept| kept.asked_at);
            self.kept.drain(..KEPT_MAX / 2);
        }
        let catalogue = Arc::new(fresh);
        self.kept.push(Kept {
            target_id: grant.rights.target_id.clone(),
            search_path: search_path(grant).to_vec(),
            masks: Arc::clone(&grant.rights.masks),
            deny: denies(grant).to_vec(),
            oids: oids(&rows),
            rows,
            print: None,
            catalogue: Arc::clone(&catalogue),
            roots,
            asked_at: now,
        });
        Ok(catalogue)
    }
}

impl Kept {
    fn is_for(&self, grant: &Grant) -> bool {
        self.target_id == grant.rights.target_id
            && self.search_path == search_path(grant)
            && self.masks == grant.rights.masks
            && self.deny == denies(grant)
    }
}

/// What was asked at `asked_at` is too old to decide by; masked relations may be so earlier ([`is_asked_each_time`]).
pub(crate) fn is_old(grant: &Grant, known: &Catalogue, asked_at: Instant, now: Instant) -> bool {
    let is_seldom_asked = !grant.rights.masks.is_empty() && !is_asked_each_time(grant, known);
    let max_age = if is_seldom_asked { MASKED_MAX_AGE } else { FUNCTIONS_MAX_AGE };
    now.saturating_duration_since(asked_at) >= max_age
}

/// What is known of masked relations is asked anew for each statement that looks names up.
pub(crate) fn is_asked_each_time(grant: &Grant, known: &Catalogue) -> bool {
    let size = known.relations().iter().map(|relation| relation.columns.len().saturating_add(1));
    !grant.rights.masks.is_empty() && size.sum::<usize>() <= EACH_TIME_MAX
}

/// The schemas that the grant's sessions look in.
pub(crate) fn search_path(grant: &Grant) -> &[String] {
    grant.rights.rules.as_ref().map_or(&[], |rights| rights.search_path.as_slice())
}

/// What the grant denies: whose kin is asked for.
pub(crate) fn denies(grant: &Grant) -> &[Rule] {
    grant.rights.rules.as_ref().map_or(&[], |rights| rights.deny.as_slice())
}

/// A relation on its way: the named relations whose columns it shares, its columns.
#[derive(Default)]
struct Gathered {
    schema: String,
    name: String,
    roots: Vec<(String, String)>,
    columns: BTreeMap<i16, CatalogueColumn>,
    /// What of a column stands in the target's catalogues.
    stored: BTreeMap<i16, Stored>,
}

/// The catalogue, and `roots` with what was found; `None` if a row is not as asked for.
fn read(
    rows: &[Row],
    masks: &[Mask],
    deny: &[Rule],
    mut roots: Vec<Root>,
    version: u64,
) -> Option<(Catalogue, Vec<Root>)> {
    let mut functions = Vec::new();
    let mut relations: BTreeMap<u32, Gathered> = BTreeMap::new();
    let mut views = Vec::new();
    let mut inheritance = Vec::new();
    let mut settings: Option<Vec<String>> = None;
    for row in rows {
        let mut fields = row.iter().cloned();
        match fields.next()??.as_str() {
            "f" => functions.push((fields.next()??, fields.next()??)),
            "c" => column(&mut fields, &mut relations)?,
            "s" => settings.get_or_insert_default().extend(fields.next()?),
            "i" => inheritance.push(Inheritance {
                child: (fields.next()??, fields.next()??),
                parent: (fields.next()??, fields.next()??),
                partitioned: fields.next()?? == "p",
            }),
            "v" => {
                let oid: u32 = fields.next()??.parse().ok()?;
                views.push((oid, fields.next()??, fields.next()??, fields.next()??));
            }
            _ => return None,
        }
    }
    for (oid, gathered) in &relations {
        for (schema, name) in &gathered.roots {
            let root = (schema.clone(), name.clone(), *oid);
            if *schema == gathered.schema && *name == gathered.name && !roots.contains(&root) {
                roots.push(root);
            }
        }
    }
    let idle_masks = idle(masks, &relations, &roots);
    let mut stored = Stored::default();
    let mut masked = Vec::with_capacity(relations.len());
    for (oid, mut gathered) in relations {
        let kinds = std::mem::take(&mut gathered.stored);
        let relation = gathered.relation(oid, masks, &roots);
        for (attnum, kind) in kinds {
            // where a masked column got lost, any may be it
            let is_masked = |column: &CatalogueColumn| column.attnum == attnum && column.mask.is_some();
            if relation.opaque || relation.columns.iter().any(is_masked) {
                stored = stored.with(kind);
            }
        }
        masked.push(relation);
    }
    add_views(views, &mut masked, version);
    let catalogue = Catalogue::new(version, functions, masked).with_stored(stored);
    let catalogue = catalogue.with_settings(settings.as_deref());
    Some((catalogue.with_kinship(&inheritance, deny).with_idle_masks(idle_masks), roots))
}

/// Columns of masks that no relation of the mask's own name (now, or when it was found) has. One that only a child or
/// parent has is not what the policy says.
fn idle(masks: &[Mask], relations: &BTreeMap<u32, Gathered>, roots: &[Root]) -> Vec<String> {
    let is_there = |mask: &Mask| {
        let of_name =
            roots.iter().filter(|(schema, name, _)| *schema == mask.schema && *name == mask.relation);
        let mut found = of_name.filter_map(|(.., oid)| relations.get(oid));
        found.any(|relation| relation.columns.values().any(|column| column.name == mask.column))
    };
    let idle = masks.iter().filter(|mask| !is_there(mask));
    idle.map(|mask| format!("{}.{}.{}", mask.schema, mask.relation, mask.column)).collect()
}

/// The OIDs of the relations in an answer.
fn oids(rows: &[Row]) -> Vec<u32> {
    let oid = |row: &Row| {
        let at = match row.first()?.as_deref()? {
            "c" => 5,
            "v" => 1,
            _ => return None,
        };
        row.get(at)?.as_deref()?.parse().ok()
    };
    let mut oids: Vec<u32> = rows.iter().filter_map(oid).collect();
    oids.sort_unstable();
    oids.dedup();
    oids
}

fn column(
    fields: &mut impl Iterator<Item = Option<String>>,
    relations: &mut BTreeMap<u32, Gathered>,
) -> Option<()> {
    let root = (fields.next()??, fields.next()??);
    let (schema, name) = (fields.next()??, fields.next()??);
    let gathered = relations.entry(fields.next()??.parse().ok()?).or_default();
    (gathered.schema, gathered.name) = (schema, name);
    if !gathered.roots.contains(&root) {
        gathered.roots.push(root);
    }
    let attnum: i16 = fields.next()??.parse().ok()?;
    let (name, type_oid) = (fields.next()??, fields.next()??.parse().ok()?);
    let facts = fields.next()??;
    for (letter, kind) in [('M', Stored::MISSING), ('D', Stored::DEFAULT), ('P', Stored::BOUND)] {
        if facts.contains(letter) {
            let all = gathered.stored.entry(attnum).or_default();
            *all = all.with(kind);
        }
    }
    let generated = facts.starts_with('t');
    gathered.columns.insert(attnum, CatalogueColumn { attnum, name, type_oid, generated, mask: None });
    Some(())
}

impl Gathered {
    fn relation(mut self, oid: u32, masks: &[Mask], roots: &[Root]) -> CatalogueRelation {
        let mut missing = false;
        for (at, mask) in masks.iter().enumerate() {
            if !self.roots.iter().any(|(schema, name)| *schema == mask.schema && *name == mask.relation) {
                continue;
            }
            let column = self.columns.values_mut().find(|column| column.name == mask.column);
            match column {
                Some(column) => column.mask = column.mask.or(Some(at)),
                // dropped or renamed: which column holds the values now, nobody here knows. A parent or sibling
                // may do without it.
                None => {
                    missing |= roots.iter().any(|(schema, name, root)| {
                        *root == oid && *schema == mask.schema && *name == mask.relation
                    });
                }
            }
        }
        // a generated column may be computed from a masked one: it is masked likewise, unless the policy says how
        let first = self.columns.values().find_map(|column| column.mask);
        for column in self.columns.values_mut().filter(|column| column.generated) {
            column.mask = column.mask.or(first);
        }
        CatalogueRelation {
            oid,
            schema: self.schema,
            name: self.name,
            opaque: missing,
            columns: self.columns.into_values().collect(),
        }
    }
}

/// Views that read masked relations: one that shows nothing of a masked column is as any relation, any other may
/// not be read, unless the policy masks columns of its own.
fn add_views(
    mut views: Vec<(u32, String, String, String)>,
    relations: &mut Vec<CatalogueRelation>,
    version: u64,
) {
    views.retain(|(oid, ..)| !relations.iter().any(|relation| relation.oid == *oid));
    // a view over a view is judged by what is known of that one: until nothing changes any more
    loop {
        let known = Catalogue::new(version, [], relations.clone());
        let (shows, rest): (Vec<_>, Vec<_>) = views.into_iter().partition(|(_, schema, name, definition)| {
            hoopwire_postgres_policy::shows_masked(schema, name, definition, &known)
        });
        views = rest;
        if shows.is_empty() {
            return;
        }
        relations.extend(shows.into_iter().map(|(oid, schema, name, _)| CatalogueRelation {
            oid,
            schema,
            name,
            opaque: true,
            columns: Vec::new(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoopwire_postgres_policy::{MaskKind, TestGrant};

    fn mask(relation: &str, column: &str) -> Mask {
        Mask {
            schema: "public".into(),
            relation: relation.into(),
            column: column.into(),
            kind: MaskKind::Null,
            compare: false,
        }
    }

    fn row(text: &str) -> Row {
        text.split('|').map(|field| (!field.is_empty()).then(|| field.to_owned())).collect()
    }

    #[test]
    fn masks_that_match_nothing_are_told() {
        // H12: a mask on the child of a masked parent was told as one that matches nothing, since the parent's mask
        // came first; and one on a column that only a child has was not.
        let rows = [
            "c|public|people|public|people|10|1|id|23|f",
            "c|public|people|public|people|10|2|email|25|f",
            "c|public|people|public|people_1|11|1|email|25|f",
            "c|public|people|public|people_1|11|2|extra|25|f",
            "c|public|people_1|public|people|10|2|email|25|f",
            "c|public|people_1|public|people_1|11|1|email|25|f",
        ];
        let masks = [
            mask("people", "email"),
            mask("people_1", "email"),
            mask("people", "extra"),
            mask("people", "mail"),
            mask("peple", "email"),
        ];
        let idle = |rows: &[&str], roots| {
            let rows: Vec<Row> = rows.iter().map(|text| row(text)).collect();
            let (catalogue, roots) = read(&rows, &masks, &[], roots, 1).unwrap();
            (catalogue.idle_masks().join(" "), roots, catalogue)
        };
        let (said, roots, first) = idle(&rows, vec![]);
        assert_eq!(said, "public.people.extra public.people.mail public.peple.email");
        // renamed while it was known: its mask goes by OID
        let renamed = rows.map(|text| text.replace("|public|people|10|", "|public|persons|10|"));
        let (said, ..) = idle(&renamed.each_ref().map(String::as_str), roots);
        assert_eq!(said, "public.people.extra public.people.mail public.peple.email");
        let (said, _, second) = idle(&[], vec![]);
        assert_eq!(said.split(' ').count(), 5);
        assert!(!first.says_the_same(&second), "it would be kept, and what it says of masks with it");
    }

    #[test]
    fn a_child_of_a_masked_relation_is_masked() {
        // Masks by name alone: the partition under the masked parent showed everything.
        let rows = [
            "c|public|people|public|people|10|1|id|23|f",
            "c|public|people|public|people|10|2|email|25|f",
            "c|public|people|public|people_1|11|1|email|25|f",
            "f|public|notify",
        ];
        let (catalogue, _) = read(&rows.map(row), &[mask("people", "email")], &[], vec![], 1).unwrap();
        let masked = |oid| catalogue.by_oid(oid).unwrap().columns.iter().map(|c| c.mask).collect::<Vec<_>>();
        assert_eq!((masked(10), masked(11)), (vec![None, Some(0)], vec![Some(0)]));
        assert_eq!(catalogue.schemas_of("notify"), ["public"]);
    }

    #[test]
    fn settings_that_roles_and_databases_have_are_told_by_their_names() {
        // An answer without a row for them says nothing, not that there are none.
        let read = |rows: &[&str]| {
            let rows: Vec<Row> = rows.iter().map(|text| row(text)).collect();
            read(&rows, &[], &[], vec![], 1).unwrap().0
        };
        let shown = read(&["f|public|notify", "s|", "s|work_mem"]);
        assert!(shown.shows_settings() && read(&["s|"]).shows_settings());
        let secret = read(&["f|public|notify", "s|", "s|app.jwt_secret", "s|work_mem"]);
        assert!(!secret.shows_settings() && !read(&["f|public|notify"]).shows_settings());
        assert!(!shown.says_the_same(&secret), "decisions of before would stay");
    }

    #[test]
    fn a_generated_column_beside_a_masked_one_is_masked() {
        // lower(email) GENERATED ALWAYS ... STORED showed the e-mail address under another name.
        let rows = [
            "c|public|people|public|people|10|2|email|25|f",
            "c|public|people|public|people|10|3|lower|25|t",
        ];
        let (catalogue, _) = read(&rows.map(row), &[mask("people", "email")], &[], vec![], 1).unwrap();
        assert_eq!(catalogue.by_oid(10).unwrap().columns[1].mask, Some(0));
    }

    #[test]
    fn a_masked_column_that_is_gone_closes_the_relation() {
        // A column that was renamed between two sessions was no longer masked.
        let rows = vec![row("c|public|people|public|people|10|2|mail|25|f")];
        let (catalogue, _) = read(&rows, &[mask("people", "email")], &[], vec![], 1).unwrap();
        assert!(catalogue.by_oid(10).unwrap().opaque);
    }

    #[test]
    fn a_masked_relation_keeps_its_mask_under_another_name() {
        // The table was renamed while the gateway ran: what was asked by its old name only was no longer masked.
        let masks = [mask("people", "email")];
        let (_, roots) =
            read(&[row("c|public|people|public|people|10|2|email|25|f")], &masks, &[], vec![], 1).unwrap();
        assert_eq!(roots, [("public".to_owned(), "people".to_owned(), 10)]);
        let rows = [
            "c|public|people|public|persons|10|2|email|25|f",
            "c|public|people|public|people|20|1|mail|25|f",
        ];
        let (catalogue, _) = read(&rows.map(row), &masks, &[], roots, 2).unwrap();
        assert_eq!(catalogue.by_name("public", "persons").unwrap().columns[0].mask, Some(0));
        assert!(catalogue.by_oid(20).unwrap().opaque, "what has its name now has no such column");
    }

    #[test]
    fn what_a_transaction_sees_is_not_what_others_are_decided_by() {
        // A session in REPEATABLE READ was answered out of its old snapshot, one in a transaction out of what it had not
        // committed; for two seconds all other sessions of the policy were decided by that.
        #[allow(clippy::disallowed_methods)] // some instant
        let now = Instant::now();
        let grant = Grant::for_tests(now).with_masks([mask("people", "email")]);
        let rows = |name: &str| vec![row(&format!("c|public|people|public|people|10|2|{name}|25|f"))];
        let mut catalogues = Catalogues::default();
        let own = catalogues.keep(&grant, rows("email"), None, false, now).unwrap();
        assert!(catalogues.find(&grant, now).is_none() && catalogues.roots(&grant).is_empty());
        let common = catalogues.keep(&grant, rows("mail"), None, true, now).unwrap();
        catalogues.keep(&grant, rows("email"), None, false, now).unwrap();
        let (found, _) = catalogues.find(&grant, now).unwrap();
        assert!(Arc::ptr_eq(&found, &common) && found.version() != own.version());
    }

    #[test]
    fn hundreds_of_partitions_are_not_asked_for_before_each_statement() {
        #[allow(clippy::disallowed_methods)] // some instant
        let grant = Grant::for_tests(Instant::now()).with_masks([mask("people", "email")]);
        let of = |parts: u32| {
            let rows: Vec<Row> =
                (0..parts).map(|n| row(&format!("c|public|people|public|p{n}|{n}|1|email|25|f"))).collect();
            read(&rows, &grant.rights.masks, &[], vec![], 1).unwrap().0
        };
        assert!(is_asked_each_time(&grant, &of(1000)));
        assert!(!is_asked_each_time(&grant, &of(1001)));
        let without = grant.clone().with_masks([]);
        assert!(!is_asked_each_time(&without, &of(1)));
    }

    #[test]
    fn an_answer_that_is_not_as_asked_for_is_none() {
        for bad in ["x|a|b", "f|a", "c|public|people|public|people|ten|2|mail|25|f", "v|1|public|v"] {
            assert!(read(&[row(bad)], &[], &[], vec![], 1).is_none(), "{bad}");
        }
    }
}
