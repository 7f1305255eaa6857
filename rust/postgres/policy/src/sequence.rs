//! Which relation a text names that PostgreSQL reads as a name: the argument of `nextval` and its like.

use hoopwire_postgres_sql::Name;

/// Names are cut at so many bytes.
const NAME_MAX_BYTES: usize = 63;

/// The name in a text, as `regclass` reads it: one or two parts, in quotes or in lower case. `None` for what is an OID, has
/// three parts, or is not plain.
pub(crate) fn named(text: &str) -> Option<Name> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, behind) = part(rest)?;
        parts.push(part);
        match behind.strip_prefix('.') {
            Some(behind) => rest = behind,
            None if behind.is_empty() => break,
            None => return None,
        }
    }
    let name = parts.pop()?;
    let schema = parts.pop();
    parts.is_empty().then_some(Name { schema, name })
}

fn part(text: &str) -> Option<(String, &str)> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(quoted) => {
            let (name, rest) = quoted.split_once('"')?;
            (name.to_owned(), rest)
        }
        None => {
            let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            (is_word.then(|| name.to_ascii_lowercase())?, rest)
        }
    };
    (!name.is_empty() && name.len() <= NAME_MAX_BYTES && !rest.starts_with('"')).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_regclass_reads_them() {
        let read = |text| named(text).map(|name| (name.schema.unwrap_or_default(), name.name));
        let is = |schema: &str, name: &str| Some((schema.to_owned(), name.to_owned()));
        assert_eq!(read("Notes_id_seq"), is("", "notes_id_seq"));
        assert_eq!(read("public.x"), is("public", "x"));
        assert_eq!(read("\"Public\".\"a b\""), is("Public", "a b"));
        for text in
            ["", "16400", "a.b.c", "a b", " a", "a.", ".a", "\"a", "\"a\"\"b\"", "\"\"", "é", &"x".repeat(64)]
        {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
