//! The table as docs/protocols/postgres.md has it.

use super::PART_OF_PATH;
use super::table::{AtStartup, LEAVE_AS_IS, OF_APPLICATION, Row, TABLE, Values};

const PAGE: &str = include_str!("../../../../../docs/protocols/postgres.md");

#[test]
fn the_table_in_the_docs_is_this_one() {
    let page = page();
    assert!(PAGE.contains(&page), "docs/protocols/postgres.md, Settings, should have:\n\n{page}");
}

fn page() -> String {
    let mut groups: Vec<(Vec<&str>, &Row)> = Vec::new();
    for row in TABLE.iter().filter(|row| row.at_startup != AtStartup::NotASetting) {
        let alike = |group: &&mut (Vec<&str>, &Row)| {
            (group.1.values, group.1.at_startup) == (row.values, row.at_startup)
        };
        match groups.iter_mut().find(alike) {
            Some((names, _)) => names.push(row.name),
            None => groups.push((vec![row.name], row)),
        }
    }
    let all_others =
        |row: &Row| row.values == Values::None(LEAVE_AS_IS) && row.at_startup == AtStartup::AsBySet;
    groups.sort_by_key(|(_, row)| all_others(row));
    let mut lines =
        vec!["| setting | by SET, under exact actions | at startup |".to_owned(), "|---|---|---|".to_owned()];
    for (names, row) in &groups {
        let names = match all_others(row) {
            true => format!("{} others of PostgreSQL 13 to 18, such as `work_mem`", names.len()),
            false => names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "),
        };
        lines.push(format!("| {names} | {} | {} |", by_set(row.values), at_startup(row.at_startup)));
    }
    let of_application = by_set(Values::None(OF_APPLICATION));
    lines.push(format!(
        "| names with a dot (`app.tenant`) | {of_application} | {} |",
        at_startup(AtStartup::AsBySet)
    ));
    let unknown =
        "refused under every grant (42704): a target that does not know it could only fail the login";
    lines.push(format!("| any other name | {} | {unknown} |", by_set(Values::None(LEAVE_AS_IS))));
    lines.join("\n") + "\n"
}

fn quoted(name: &str) -> String {
    let any = if name.ends_with('_') { "*" } else { "" };
    format!("`{name}{any}`")
}

fn by_set(values: Values) -> String {
    match values {
        Values::Any => "any value".to_owned(),
        Values::On(why) => format!("on. {why}"),
        Values::Off(why) => format!("off. {why}"),
        Values::OnIfReading => {
            "any value; under a grant that only reads on (off passes, and goes up as on)".to_owned()
        }
        Values::PartOfPath => format!("a part of it, or empty. {PART_OF_PATH}"),
        Values::Utf8 => "UTF8".to_owned(),
        Values::None(why) => format!("refused. {why}"),
    }
}

fn at_startup(at: AtStartup) -> String {
    match at {
        AtStartup::AsBySet => "as by SET".to_owned(),
        AtStartup::Never(why) => format!("refused under every grant. {why}"),
        AtStartup::AnySafeEncoding => {
            "any, but under exact actions none of SJIS, SHIFT_JIS_2004, BIG5, GBK, GB18030, JOHAB, UHC, whose second byte \
             can be a backslash; the gateway reads the session's statements in the encoding that it began with"
                .to_owned()
        }
        AtStartup::NotASetting => String::new(),
    }
}
