//! Where masked columns go in a statement: asked of the sql room, by the masks of a grant.

use crate::catalogue::CatalogueRelation;
use crate::glob::USER;
use crate::judge::Scope;
use crate::plan::COPY;
use crate::refusal::{Reason, Refusal};
use hoopwire_postgres_sql::{Column, Lineage, MaskedRelations, Name, Parsed, RelationColumns, TOO_DEEP};
use rustc_hash::FxHashMap;

/// Refuses a text through which masked values would show; otherwise says of each statement whether it touches
/// masked columns, and what COPY delivers of them. `commands` are the statements' words.
pub(crate) fn lineage(
    parsed: &Parsed,
    scope: &Scope<'_>,
    commands: &[&'static str],
) -> Result<Vec<Lineage>, Refusal> {
    if scope.masks.is_empty() {
        return Ok(vec![Lineage::default(); commands.len()]);
    }
    if let (Some(statement), true) =
        (commands.iter().position(|command| *command == COPY), commands.len() > 1)
    {
        return Err(Refusal { statement, command: COPY, reason: Reason::CopyNotAlone });
    }
    let masked = Masked::of(scope);
    let lineages = parsed.lineage(&masked).map_err(|leak| {
        let command = commands.get(leak.statement).copied().unwrap_or("");
        let reason = match leak.place {
            TOO_DEEP => Reason::TooDeep,
            place => Reason::Masked { column: leak.column, place },
        };
        Refusal { statement: leak.statement, command, reason }
    })?;
    if lineages.len() != commands.len() {
        let reason = Reason::NotUnderstood { what: "text".to_owned() };
        return Err(Refusal { statement: 0, command: "", reason });
    }
    Ok(lineages.into_iter().map(|lineage| masked.with_schemas(lineage)).collect())
}

/// The relations with masked columns, as the sql room asks for them.
struct Masked<'a> {
    scope: &'a Scope<'a>,
    /// By name, with the schemas that have one of it.
    relations: FxHashMap<&'a str, Vec<(&'a str, RelationColumns)>>,
    /// Two relations that one name may stand for: which columns it has is not known, so it may not be read.
    unclear: RelationColumns,
}

impl<'a> Masked<'a> {
    fn of(scope: &'a Scope<'a>) -> Masked<'a> {
        let mut relations: FxHashMap<&str, Vec<(&str, RelationColumns)>> = FxHashMap::default();
        for relation in scope.catalogue.map_or(&[][..], |catalogue| catalogue.relations()) {
            let same = relations.entry(&relation.name).or_default();
            same.push((&relation.schema, from_catalogue(relation, scope)));
        }
        for (mask, attnum) in scope.masks.iter().zip(1..) {
            let known = scope.catalogue.and_then(|catalogue| catalogue.by_name(&mask.schema, &mask.relation));
            if known.is_some() {
                continue;
            }
            let same = relations.entry(&mask.relation).or_default();
            let at = same.iter().position(|(schema, _)| *schema == mask.schema).unwrap_or(same.len());
            if at == same.len() {
                same.push((&mask.schema, RelationColumns::default()));
            }
            let Some((_, relation)) = same.get_mut(at) else { continue };
            // A relation that the catalogue does not have has no number by which its cells could be masked.
            relation.opaque = scope.catalogue.is_some();
            relation.columns.push(Column {
                name: mask.column.clone(),
                masked: true,
                compare: mask.compare,
                attnum,
                generated: false,
            });
        }
        let unclear = RelationColumns { columns: Vec::new(), opaque: true };
        Masked { scope, relations, unclear }
    }

    /// The masked relations that a name may stand for, with their schemas.
    fn candidates(&self, relation: &Name) -> Vec<(&'a str, &RelationColumns)> {
        let schemas = self.scope.relations(relation.as_ref());
        let all = self.relations.get(relation.name.as_str()).map_or(&[][..], Vec::as_slice).iter();
        let fits = |schema: &str| schemas.iter().any(|wanted| wanted == schema || wanted == USER);
        all.filter(|(schema, _)| fits(schema)).map(|(schema, columns)| (*schema, columns)).collect()
    }

    /// The schema filled in where it was left out, for whoever looks the columns' masks up.
    fn with_schemas(&self, mut lineage: Lineage) -> Lineage {
        let fields = lineage.copy_out.iter_mut().flat_map(|copy| &mut copy.fields);
        for (relation, _) in fields.flatten() {
            if let [(schema, _)] = self.candidates(relation).as_slice() {
                relation.schema = Some((*schema).to_owned());
            }
        }
        lineage
    }
}

impl MaskedRelations for Masked<'_> {
    fn columns(&self, relation: &Name) -> Option<&RelationColumns> {
        match self.candidates(relation).as_slice() {
            [] => None,
            [(_, columns)] => Some(columns),
            _ => Some(&self.unclear),
        }
    }

    /// With one schema in the search path a name without schema is of that one: `pg_temp` comes last, and what is
    /// found there has no masks.
    fn schema<'b>(&'b self, relation: &'b Name) -> Option<&'b str> {
        self.scope.relations(relation.as_ref()).only().filter(|schema| *schema != USER)
    }
}

fn from_catalogue(relation: &CatalogueRelation, scope: &Scope<'_>) -> RelationColumns {
    let columns = relation.columns.iter().map(|column| Column {
        name: column.name.clone(),
        masked: column.mask.is_some(),
        compare: column.mask.and_then(|at| scope.masks.get(at)).is_some_and(|mask| mask.compare),
        attnum: column.attnum,
        generated: column.generated,
    });
    RelationColumns { columns: columns.collect(), opaque: relation.opaque }
}
