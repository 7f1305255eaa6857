//! Depth, length, threads: nothing that a text holds may end the process.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod rows;

use hoopwire_postgres_sql::{Effect, ParseError, parse};

/// Half of what a thread of the gateway has at the least: the rest is for what calls the parser.
const STACK: usize = 1 << 20;

#[allow(clippy::disallowed_methods, reason = "a test of threads has threads")]
fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap()
}

fn nested(open: &str, middle: &str, close: &str, depth: usize) -> String {
    format!("{}{middle}{}", open.repeat(depth), close.repeat(depth))
}

/// Deep nesting must not overflow the stack of a thread: it is refused, whatever it is made of.
#[test]
fn deep_nesting_is_refused_on_a_small_stack() {
    let shapes: &[(&str, &str, &str)] = &[
        ("select f(", "select 1", ")"),
        ("select (", "select 1", ")"),
        ("select * from (", "select 1", ") x"),
        ("select * from (select 1) a, lateral (", "select 1", ") x"),
        ("with a as (", "select 1", ") select * from a"),
        ("select 1 where exists (", "select 1", ")"),
        ("select array(", "select 1", ")"),
        ("insert into t (with a as (", "select 1", ") select * from a)"),
    ];
    for (open, middle, close) in shapes {
        for depth in [300, 1_500, 3_000] {
            let text = if *open == "select f(" {
                format!("select {}", nested("f(", "1", ")", depth))
            } else {
                nested(open, middle, close, depth)
            };
            let shape = *open;
            on_a_small_stack(move || match parse(&text) {
                Ok(parsed) => {
                    let statements = parsed.statements();
                    assert!(
                        depth < 400 || statements.iter().all(|s| s.effects.contains(&Effect::TooDeep)),
                        "{shape} {depth} deep passed"
                    );
                }
                Err(error) => assert!(
                    matches!(error, ParseError::TooDeep | ParseError::Syntax { .. }),
                    "{shape} {depth}: {error:?}"
                ),
            });
        }
    }
}

/// Each kind of expression that nests must fit into the stack at the depth where it is refused.
#[test]
fn deep_expressions_are_refused_on_a_small_stack() {
    let shapes: &[(&str, &str, &str)] = &[
        ("f(", "1", ")"),
        ("f(1, ", "1", ")"),
        ("(1 + ", "1", ")"),
        ("array[1, ", "1", "]"),
        ("row(1, ", "1", ")"),
        ("case when true then ", "1", " end"),
        ("coalesce(1, ", "1", ")"),
        ("(a)[", "1", "]"),
        ("count(*) filter (where ", "true", ")"),
        ("sum(1) over (order by ", "1", ")"),
        ("(1 in (1, ", "1", "))"),
        ("json_object('a': ", "1", ")"),
        ("json_arrayagg(1 order by ", "1", ")"),
        ("xmlelement(name x, 1, ", "1", ")"),
        ("(true and ", "true", ")"),
    ];
    for (open, middle, close) in shapes {
        let text = format!("select {}", nested(open, middle, close, 700));
        let shape = *open;
        let effects = on_a_small_stack(move || match parse(&text) {
            Ok(parsed) => parsed.statements().remove(0).effects,
            Err(error) => panic!("{shape}: {error:?}"),
        });
        assert_eq!(effects, [Effect::TooDeep], "{shape}");
    }
}

/// Long chains are ordinary, machines write them: they must pass, and all of them must be read.
#[test]
fn long_chains_are_not_deep() {
    let chains: &[(&str, &str, &str, &str)] = &[
        ("select a()", " + 1", "", "a()"),
        ("select a() = 1", " and a.x = 1", "", "a(), .x"),
        ("select a() = 1", " or b() = 1", "", "b(), a()"),
        ("select a()", " || b()", "", "b(), a()"),
        ("select a()", "::int", "", "a()"),
        ("select 1", " union all select * from t", "", "select t"),
        ("select 1", " except select f()", "", "f()"),
        ("select * from t", " cross join u", "", "select u, select t"),
        ("select * from t", " left join u on f()", "", "select u, select t, f()"),
        ("select a() in (1", ", 1", ")", "a()"),
        ("insert into t values (1)", ", (f())", "", "insert t, f()"),
        ("select a()", " is null", "", "a()"),
        ("select (a())", "[1]", "", "a()"),
    ];
    for (start, term, end, expected) in chains {
        let text = format!("{start}{}{end}", term.repeat(5_000));
        let found = on_a_small_stack(move || rows::facts(&text));
        assert_eq!(&found, expected, "{start}{term}...");
    }
}

/// A statement that names very many things: all of them are found. `tests/steps.rs` says what that may take.
#[test]
fn many_names_are_found() {
    let list = |item: fn(u32) -> String| (0..20_000).map(item).collect::<Vec<_>>().join(", ");
    let tables = format!("select 1 from {}", list(|n| format!("s.t{n}")));
    let calls = format!("select {}", list(|n| format!("f{n}()")));
    let columns = format!("select {}", list(|n| format!("t.c{n}")));
    let ctes = format!(
        "with {} select 1 from {}",
        list(|n| format!("a{n} as (select 1)")),
        list(|n| format!("a{n}"))
    );
    let statements = "select 1 from t;".repeat(20_000);
    let found = on_a_small_stack(move || {
        [tables, calls, columns, ctes, statements].map(|text| {
            let all = parse(&text).unwrap().statements();
            let first = &all[0];
            (all.len(), first.accesses.len(), first.calls.len(), first.attributes.len())
        })
    });
    let many = 20_000;
    assert_eq!(found, [(1, many, 0, 0), (1, 0, many, 0), (1, 0, 0, many), (1, 0, 0, 0), (many, 1, 0, 0)]);
}

/// The parser is C with state of its own: threads must not see each other's, nor memory be freed twice.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test of threads has threads")]
fn threads_do_not_see_each_other() {
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            std::thread::spawn(move || {
                let mut kept = Vec::new();
                for round in 0..300 {
                    let text = format!("select * from t{thread}_{round} where f{thread}() = {round}");
                    assert_eq!(rows::facts(&text), format!("select t{thread}_{round}, f{thread}()"));
                    assert!(parse("select (").is_err());
                    kept.push(parse(&text).unwrap());
                }
                kept
            })
        })
        .collect();
    // Trees go to another thread, and die there after their own has ended.
    for thread in threads {
        for parsed in thread.join().unwrap() {
            assert_eq!(parsed.statements().len(), 1);
        }
    }
}

/// A node where the grammar's own comments say that none can be: a panic inside, never outside.
#[test]
fn a_tree_of_another_shape_is_unknown() {
    rows::check(&[(
        "create statistics s on a, b from (select 1) x; select 1 from t",
        "unknown a tree of another shape | select t",
    )]);
}
