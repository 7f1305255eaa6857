//! Views over masked relations.

use crate::{Catalogue, CatalogueRelation};
use hoopwire_postgres_sql::{Column, MaskedRelations, Name, RelationColumns, parse};

/// True unless it is certain that a view shows nothing of the masked columns of the relations in the catalogue:
/// neither in its columns nor by which rows it has. `definition` is its query as pg_get_viewdef writes it.
#[must_use]
pub fn shows_masked(schema: &str, name: &str, definition: &str, catalogue: &Catalogue) -> bool {
    if catalogue.by_name(schema, name).is_some() {
        return true;
    }
    // To define a view over masked columns is a leak; so this one is defined again, under a name that nothing has.
    let Ok(parsed) = parse(&format!("create view pg_temp.\"\\shown\" as {definition}")) else { return true };
    parsed.len() != 1 || parsed.lineage(&Known::of(catalogue)).is_err()
}

/// The relations of a catalogue, by any schema where a name has none.
struct Known {
    relations: Vec<(String, String, RelationColumns)>,
    unclear: RelationColumns,
}

impl Known {
    fn of(catalogue: &Catalogue) -> Known {
        let known = |relation: &CatalogueRelation| {
            (relation.schema.clone(), relation.name.clone(), columns(relation))
        };
        Known {
            relations: catalogue.relations().iter().map(known).collect(),
            unclear: RelationColumns { columns: Vec::new(), opaque: true },
        }
    }
}

impl MaskedRelations for Known {
    fn columns(&self, relation: &Name) -> Option<&RelationColumns> {
        let mut fitting = self.relations.iter().filter(|(schema, name, _)| {
            *name == relation.name && relation.schema.as_ref().is_none_or(|wanted| wanted == schema)
        });
        match (fitting.next(), fitting.next()) {
            (None, _) => None,
            (Some((_, _, columns)), None) => Some(columns),
            (Some(_), Some(_)) => Some(&self.unclear),
        }
    }
}

fn columns(relation: &CatalogueRelation) -> RelationColumns {
    let column = |column: &crate::CatalogueColumn| Column {
        name: column.name.clone(),
        masked: column.mask.is_some(),
        // Comparing is allowed by name, in a statement that is decided: not by a view that somebody else made.
        compare: false,
        attnum: column.attnum,
        generated: column.generated,
    };
    RelationColumns { columns: relation.columns.iter().map(column).collect(), opaque: relation.opaque }
}
