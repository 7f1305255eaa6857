//! Lists of schemas, as `search_path` has them.

/// The new path is searched only where the pinned one is: names then mean less, and never anything else. Temporary
/// relations come first unless they are named last; named first, new relations would be temporary.
pub(crate) fn is_part_of(list: &[String], pinned: &[String]) -> bool {
    if let [one] = list
        && one.is_empty()
    {
        return true;
    }
    let last = list.len().saturating_sub(1);
    list.iter().enumerate().all(|(at, schema)| match schema.as_str() {
        "pg_catalog" => at == 0,
        "pg_temp" => at == last,
        schema => pinned.iter().any(|pinned| pinned == schema),
    })
}

/// The server's `SplitIdentifierString`: names between commas, folded to lower case unless quoted. `None` if it is
/// not such a list, or if folding is not plain.
pub(crate) fn identifiers(text: &str) -> Option<Vec<String>> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
    let mut rest = text.trim_start_matches(blank);
    let mut names = Vec::new();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let name;
        (name, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_name(quoted)?,
            None => {
                let end = rest.find(|c| c == ',' || blank(c)).unwrap_or(rest.len());
                let (name, rest) = rest.split_at_checked(end)?;
                // a quote inside would go on as part of the name at the server; nobody writes that
                if name.is_empty() || !name.is_ascii() || name.contains('"') {
                    return None;
                }
                (name.to_ascii_lowercase(), rest)
            }
        };
        if name.len() > 63 {
            return None;
        }
        names.push(name);
        rest = rest.trim_start_matches(blank);
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start_matches(blank),
            None => return rest.is_empty().then_some(names),
        }
    }
}

/// Behind the opening quote: the name and what follows the closing one.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, behind) = rest.split_once('"')?;
        name.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, behind)),
        }
    }
}
