//! Verdicts of the lineage of masked columns in bulk, for the oracles (`support.masks`).
//!
//! ```text
//! lineage CATALOGUE [MUTATION...]
//! ```
//!
//! CATALOGUE is a file of lines: `path SCHEMA` for each schema of the search path, and for each column of the
//! relations with masks `SCHEMA<tab>RELATION<tab>COLUMN<tab>NUMBER<tab>masked|clear`; a relation with the column `*` and
//! the word `opaque` is a view that may not be read. Standard input has statements, each behind its length in four
//! bytes. Each gets a line: `clear` or `touches` (a masked relation is named), `leak PLACE: COLUMN`, or `syntax`.

use hoopwire_postgres_sql::{Column, MaskedRelations, Name, RelationColumns, parse};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};

#[derive(Default)]
struct Catalogue {
    path: Vec<String>,
    relations: BTreeMap<(String, String), RelationColumns>,
    /// Two relations that one name may stand for.
    unclear: RelationColumns,
}

impl Catalogue {
    fn read(text: &str) -> Result<Catalogue, Box<dyn Error>> {
        let mut read = Catalogue::default();
        read.unclear.opaque = true;
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            if let Some(schema) = line.strip_prefix("path ") {
                read.path.push(schema.to_owned());
                continue;
            }
            let [schema, relation, column, number, word] = fields.as_slice() else {
                return Err(format!("not a line of a catalogue: {line:?}").into());
            };
            let columns = read.relations.entry(((*schema).to_owned(), (*relation).to_owned())).or_default();
            if *word == "opaque" {
                columns.opaque = true;
                continue;
            }
            columns.columns.push(Column {
                name: (*column).to_owned(),
                masked: *word == "masked",
                compare: false,
                attnum: number.parse()?,
                generated: false,
            });
        }
        Ok(read)
    }
}

impl MaskedRelations for Catalogue {
    fn columns(&self, relation: &Name) -> Option<&RelationColumns> {
        let schemas = relation.schema.as_ref().map_or(self.path.as_slice(), std::slice::from_ref);
        let mut found =
            schemas.iter().filter_map(|schema| self.relations.get(&(schema.clone(), relation.name.clone())));
        match (found.next(), found.next()) {
            (first, None) => first,
            _ => Some(&self.unclear),
        }
    }

    fn schema<'a>(&'a self, relation: &'a Name) -> Option<&'a str> {
        match (&relation.schema, self.path.as_slice()) {
            (Some(schema), _) => Some(schema),
            (None, [only]) => Some(only),
            _ => None,
        }
    }
}

fn verdict(sql: &str, catalogue: &Catalogue) -> String {
    let Ok(parsed) = parse(sql) else { return "syntax".to_owned() };
    match parsed.lineage(catalogue) {
        Err(leak) => format!("leak {}: {}", leak.place, leak.column.replace('\n', " ")),
        Ok(lineages) if lineages.iter().any(|lineage| lineage.touches) => "touches".to_owned(),
        Ok(_) => "clear".to_owned(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().ok_or("usage: lineage CATALOGUE [MUTATION...]")?;
    let catalogue = Catalogue::read(&std::fs::read_to_string(place)?)?;
    for name in arguments {
        let mutation =
            hoopwire_postgres_sql::Mutation::named(&name).ok_or(format!("no mutation {name:?}"))?;
        mutation.put_back();
    }
    let mut input = BufReader::new(std::io::stdin().lock());
    let mut output = BufWriter::new(std::io::stdout().lock());
    loop {
        let mut length = [0; 4];
        match input.read_exact(&mut length) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let mut text = vec![0; usize::try_from(u32::from_be_bytes(length))?];
        input.read_exact(&mut text)?;
        writeln!(output, "{}", verdict(&String::from_utf8_lossy(&text), &catalogue))?;
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
}
