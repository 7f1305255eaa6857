//! Every list of the grammar, at any length: for what must stay in proportion to its text.

/// So many items, written one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Before the first.
    pub head: &'static str,
    /// Each; `#` is its number.
    pub item: &'static str,
    /// Between two of them.
    pub between: &'static str,
}

/// A text that grows with the length of its lists.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// What grows.
    pub name: &'static str,
    /// Several of them are as long as each other.
    pub parts: &'static [Part],
    /// Behind the last.
    pub tail: &'static str,
}

impl List {
    /// With so many items in each part.
    pub fn text(&self, items: usize) -> String {
        let mut text = String::new();
        for part in self.parts {
            text.push_str(part.head);
            for at in 0..items {
                if at > 0 {
                    text.push_str(part.between);
                }
                let mut pieces = part.item.split('#');
                text.push_str(pieces.next().unwrap_or_default());
                for piece in pieces {
                    text.push_str(&at.to_string());
                    text.push_str(piece);
                }
            }
        }
        text.push_str(self.tail);
        text
    }
}

const fn part(head: &'static str, item: &'static str) -> Part {
    Part { head, item, between: ", " }
}

const fn run(head: &'static str, item: &'static str) -> Part {
    Part { head, item, between: " " }
}

const fn list(name: &'static str, parts: &'static [Part], tail: &'static str) -> List {
    List { name, parts, tail }
}

/// Lists of one kind of thing, and of two that meet each other. `people` is masked where masks are tried.
pub const LISTS: &[List] = &[
    list("targets", &[part("select ", "c#")], ""),
    list("targets, qualified", &[part("select ", "t.c#")], " from t"),
    list("targets, one name", &[part("select ", "a.b")], " from a"),
    list("targets, aliases", &[part("select ", "1 as c#")], ""),
    list("constants", &[part("select ", "#")], ""),
    list("strings", &[part("select ", "'a'")], ""),
    list("values, rows", &[part("values ", "(#, 'a', null)")], ""),
    list("values, one row", &[part("insert into t values (", "#")], ")"),
    list("in", &[part("select 1 where a in (", "#")], ")"),
    list("in, rows", &[part("select 1 where (a, b) in (", "(#, 2)")], ")"),
    list("any array", &[part("select 1 where a = any(array[", "#")], "])"),
    list("arguments", &[part("select concat(", "#")], ")"),
    list("arguments, named", &[part("select f(", "a# => 1")], ")"),
    list("calls", &[part("select ", "f#()")], ""),
    list("calls, one name", &[part("select ", "lower(a)")], ""),
    list("calls, dotted names", &[part("select ", "pg_catalog.lower(a)")], ""),
    list("aggregates", &[part("select ", "count(a order by b) filter (where c)")], " from t"),
    list("row", &[part("select row(", "#")], ")"),
    list("array", &[part("select array[", "#")], "]"),
    list("coalesce", &[part("select coalesce(", "a#")], ")"),
    list("case", &[run("select case ", "when a = # then b")], " end"),
    list("and", &[Part { head: "select 1 where ", item: "a = #", between: " and " }], ""),
    list("or", &[Part { head: "select 1 where ", item: "a# = b", between: " or " }], ""),
    list("not", &[run("select ", "not")], " true"),
    list("plus", &[Part { head: "select ", item: "a", between: " + " }], ""),
    list("concatenation", &[Part { head: "select ", item: "a", between: "||" }], ""),
    list("signs", &[run("select ", "-")], " 1"),
    list("signs together", &[Part { head: "select ", item: "+", between: "" }], "1"),
    list("signs and a comment", &[Part { head: "select ", item: "+", between: "" }], "/**/1"),
    list("casts", &[Part { head: "select a", item: "::int", between: "" }], ""),
    list("collates", &[run("select a ", "collate \"C\"")], ""),
    list("is null", &[run("select a ", "is null")], ""),
    list("at time zone", &[run("select a ", "at time zone 'UTC'")], ""),
    list("subscripts", &[Part { head: "select a", item: "[#]", between: "" }], ""),
    list("fields", &[Part { head: "select (a)", item: ".b#", between: "" }], ""),
    list("name of many parts", &[Part { head: "select a", item: ".b", between: "" }], ""),
    list("operator of many parts", &[Part { head: "select 1 operator(", item: "a.", between: "" }], "+) 1"),
    list("parentheses", &[Part { head: "select ", item: "(", between: "" }], "1"),
    list("type modifiers", &[part("select 1::numeric(", "#")], ")"),
    list("array bounds", &[Part { head: "select null::int", item: "[]", between: "" }], ""),
    list("parameters", &[part("select ", "$#")], ""),
    list("json object", &[part("select json_object(", "'a': #")], ")"),
    list("xml elements", &[part("select xmlforest(", "a as b#")], ")"),
    list("from", &[part("select 1 from ", "t#")], ""),
    list("from, one name", &[part("select 1 from ", "public.t")], ""),
    list("from, aliases", &[part("select 1 from ", "t a#")], ""),
    list("from, functions", &[part("select 1 from ", "generate_series(1, 2) a#")], ""),
    list("from, rows from", &[part("select 1 from rows from (", "generate_series(1, #)")], ") x"),
    list("from, subqueries", &[part("select 1 from ", "(select 1) a#")], ""),
    list("from, lateral", &[part("select 1 from ", "lateral (select 1) a#")], ""),
    list("from, samples", &[part("select 1 from ", "t a# tablesample system(1)")], ""),
    list("columns of a function", &[part("select 1 from f() as x(", "c# int")], ")"),
    list("column aliases", &[part("select 1 from t a(", "c#")], ")"),
    list("xmltable", &[part("select 1 from xmltable('/a' passing b columns ", "c# int")], ") x"),
    list("json_table", &[part("select 1 from json_table(a, '$' columns (", "c# int")], ")) x"),
    list("joins", &[run("select 1 from t ", "join u a# on true")], ""),
    list("joins, using", &[run("select 1 from t ", "join u using (a)")], ""),
    list("joins, natural", &[run("select 1 from t ", "natural join u a#")], ""),
    list("joins, cross", &[run("select 1 from t ", "cross join u")], ""),
    list("using", &[part("select 1 from t join u using (", "c#")], ")"),
    list("group by", &[part("select 1 from t group by ", "c#")], ""),
    list("grouping sets", &[part("select 1 from t group by grouping sets (", "(a, b#)")], ")"),
    list("order by", &[part("select 1 from t order by ", "c# desc")], ""),
    list("distinct on", &[part("select distinct on (", "c#")], ") 1 from t"),
    list("windows", &[part("select 1 from t window ", "w# as (partition by a order by b)")], ""),
    list("partitions", &[part("select count(*) over (partition by ", "c#")], ") from t"),
    list("union all", &[Part { head: "", item: "select # from t", between: " union all " }], ""),
    list("except", &[Part { head: "", item: "select a from t#", between: " except " }], ""),
    list("locks", &[run("select 1 from t ", "for update of t")], ""),
    list("ctes", &[part("with ", "a# as (select 1)")], " select 1"),
    list("ctes, recursive", &[part("with recursive ", "a# as (select 1)")], " select 1"),
    list("statements", &[Part { head: "", item: "select 1", between: ";" }], ""),
    list("statements, empty", &[Part { head: "", item: ";", between: "" }], ""),
    list("statements, names", &[Part { head: "", item: "select a from t#", between: ";" }], ""),
    list(
        "statements, catalogues",
        &[Part { head: "", item: "select 1 from pg_sequences", between: ";" }],
        "",
    ),
    list(
        "sequence of a chain",
        &[Part { head: "select 1", item: " + 1", between: "" }],
        " from pg_sequences",
    ),
    list("insert, columns", &[part("insert into t (", "c#")], ") values (1)"),
    list("insert, set", &[part("insert into t values (1) on conflict (a) do update set ", "c# = 1")], ""),
    list("insert, conflict", &[part("insert into t values (1) on conflict (", "c#")], ") do nothing"),
    list("update", &[part("update t set ", "c# = 1")], ""),
    list("update, many at once", &[part("update t set (", "c#"), part(") = (", "#")], ")"),
    list("delete, using", &[part("delete from t using ", "u#")], ""),
    list("merge", &[run("merge into t using u on true ", "when matched then update set a# = 1")], ""),
    list("returning", &[part("delete from t returning ", "c#")], ""),
    list("copy", &[part("copy t (", "c#")], ") to stdout"),
    list("copy from", &[part("copy t (", "c#")], ") from stdin"),
    list("set", &[part("set search_path = ", "a#")], ""),
    list("set_config", &[part("select ", "set_config('search_path', 'a#', true)")], ""),
    list("set_config, one path", &[part("select set_config('search_path', '", "a#")], "', true)"),
    list("begin", &[part("begin ", "read only")], ""),
    list("prepare", &[part("prepare p (", "int")], ") as select 1"),
    list("execute", &[part("execute p (", "#")], ")"),
    list("truncate", &[part("truncate ", "t#")], ""),
    list("lock", &[part("lock table ", "t#")], ""),
    list("vacuum", &[part("vacuum ", "t# (a)")], ""),
    list("analyze, columns", &[part("analyze t (", "c#")], ")"),
    list("create table", &[part("create table t (", "c# int default 1 not null check (c# > 0)")], ")"),
    list("create table, keys", &[part("create table t (a int, primary key (", "c#")], "))"),
    list("create table, parents", &[part("create table t () inherits (", "t#")], ")"),
    list("create table, like", &[part("create table t (", "like t#")], ")"),
    list("create table, partition", &[part("create table t partition of u for values in (", "#")], ")"),
    list(
        "create table, global",
        &[Part { head: "", item: "create global temp table t ()", between: ";" }],
        "",
    ),
    list("create index", &[part("create index on t (", "c#")], ")"),
    list("create type", &[part("create type t as enum (", "'a#'")], ")"),
    list("create view", &[part("create view v (", "c#"), part(") as select ", "1 as a#")], ""),
    list(
        "create function",
        &[Part {
            head: "create function f() returns int begin atomic ",
            item: "deallocate a#;",
            between: " ",
        }],
        " end",
    ),
    list("create schema", &[run("create schema s ", "create table t# ()")], ""),
    list("alter table", &[part("alter table t ", "add c# int")], ""),
    list("drop table", &[part("drop table ", "t#")], ""),
    list("grant", &[part("grant select on ", "t#"), part(" to ", "r#")], ""),
    list("comments", &[run("select 1 ", "/* a */")], ""),
    list("comments, nested", &[Part { head: "select 1 ", item: "/*", between: "" }], ""),
    list("comments, nested, apart", &[run("select 1 ", "/*")], ""),
    list("line comments", &[Part { head: "select 1 ", item: "-- a\n", between: "" }], ""),
    list("identifiers", &[part("select ", "\"a b\"")], ""),
    list("dollar quotes", &[part("select ", "$a$b$a$")], ""),
    list("escapes", &[part("select ", "e'a\\'b'")], ""),
    list("unicode", &[part("select ", "U&'d\\0061t'")], ""),
    list("a syntax error", &[part("select ", "c#")], " from from"),
    list("a syntax error, one word", &[run("select a ", "a")], ""),
    list("subqueries", &[part("select ", "(select 1)")], ""),
    list(
        "subqueries, exists",
        &[Part { head: "select 1 where ", item: "exists (select 1)", between: " and " }],
        "",
    ),
    // two lists that meet
    list("locks × from", &[part("select 1 from ", "t a#"), part(" for share of ", "b#")], ""),
    list("lock clauses × from", &[part("select 1 from ", "t a#"), run(" ", "for share of a#")], ""),
    list("ctes × from", &[part("with ", "a# as (select 1)"), part(" select 1 from ", "a#")], ""),
    list("outputs × order by", &[part("select ", "a as c#"), part(" from people order by ", "c#")], ""),
    list("outputs × group by", &[part("select ", "a as c#"), part(" from people group by ", "c#")], ""),
    list(
        "outputs × distinct on",
        &[part("select distinct on (", "c#"), part(") ", "id as c#")],
        " from people",
    ),
    list("rows × from", &[part("select ", "p#"), part(" from ", "orders p#")], ""),
    list("rows × from, masked", &[part("select ", "o#"), part(" from people, ", "orders o#")], ""),
    list("rows × from, catalogues", &[part("select ", "p#"), part(" from pg_sequences, ", "orders p#")], ""),
    list("qualified × from", &[part("select ", "p#.dept"), part(" from ", "people p#")], ""),
    list("qualified × one name", &[part("select ", "p.dept"), part(" from ", "people p")], ""),
    list("bare × from", &[part("select ", "dept"), part(" from ", "people p#")], ""),
    list("bare, unknown × from", &[part("select ", "zz#"), part(" from people, ", "orders p#")], ""),
    list("stars × from", &[part("select ", "p#.id"), part(" from ", "people p#")], " where true"),
    list("stars", &[part("select ", "*")], " from people"),
    list("stars of all × from", &[part("select ", "dept.*"), part(" from ", "people p#")], ""),
    list("system_user × from", &[part("select ", "system_user"), part(" from ", "people p#")], ""),
    list("using × columns", &[part("select 1 from people a join people b using (", "c#")], ")"),
    list(
        "using × outputs",
        &[
            part("select 1 from people, (select ", "1 as c#"),
            part(") a join (select ", "1 as c#"),
            part(") b using (", "c#"),
        ],
        ")",
    ),
    list(
        "natural × outputs",
        &[part("select 1 from people, (select ", "1 as c#"), part(") a natural join (select ", "1 as c#")],
        ") b",
    ),
    list("qualified × outputs", &[part("select ", "x.c#"), part(" from people, (select ", "1 as c#")], ") x"),
    list("bare × outputs", &[part("select ", "c#"), part(" from people, (select ", "1 as c#")], ") x"),
    list("joins of people", &[run("select 1 from people p ", "join people p# on true")], ""),
    list("joins of people, on", &[run("select 1 from people p ", "join people p# on p#.id = p.id")], ""),
    list("joins of people, using", &[run("select 1 from people p ", "join people p# using (id)")], ""),
    list("joins of people, natural", &[run("select 1 from people p ", "natural join people p#")], ""),
    list("union of people", &[Part { head: "", item: "select id from people", between: " union all " }], ""),
    list(
        "ctes of people",
        &[part("with ", "a# as (select id from people)"), part(" select 1 from ", "a#")],
        "",
    ),
    list("lateral of people", &[part("select 1 from people p, ", "lateral (select p.id) a#")], ""),
    list("statements of people", &[Part { head: "", item: "select id from people", between: ";" }], ""),
    list("copy of people", &[part("copy people (", "id")], ") to stdout"),
    list(
        "chain of people",
        &[Part { head: "select id from people where id = 1", item: " + 1", between: "" }],
        "",
    ),
    list("in of people", &[part("select id from people where id in (", "#")], ")"),
    list("insert of people", &[part("insert into people (id) values ", "(#)")], ""),
    list("drop of people", &[part("drop table ", "people#")], ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_as_long_as_it_is_asked_for() {
        const PARTS: &[Part] = &[part("select ", "a# + #"), run(" from ", "t")];
        let list = list("x", PARTS, ";");
        assert_eq!(list.text(2), "select a0 + 0, a1 + 1 from t t;");
        let names: std::collections::BTreeSet<_> = LISTS.iter().map(|list| list.name).collect();
        assert_eq!(names.len(), LISTS.len(), "each has a name of its own");
    }
}
