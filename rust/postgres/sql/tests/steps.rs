//! H2: a text whose reading took time with the square of its length, so that a reactor stood still for minutes. Every
//! list of the grammar takes steps in proportion to its text, or is stopped by its budget; counted, not timed.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use hoopwire_postgres_sql::{
    Closed, Column, Effect, Leak, Lineage, MAX_TOKENS, MaskedRelations, Name, ParseError, Parsed,
    RelationColumns, count_tokens, parse,
};
use hoopwire_testkit::lists::{LISTS, List};

/// `people`, with an `email` that is masked.
struct People(RelationColumns);

impl People {
    fn new() -> People {
        let column = |(attnum, name): (i16, &str)| Column {
            name: name.to_owned(),
            masked: name == "email",
            compare: false,
            attnum,
            generated: false,
        };
        let columns = (1..).zip(["id", "email", "dept", "a", "b"]).map(column).collect();
        People(RelationColumns { columns, opaque: false })
    }
}

impl MaskedRelations for People {
    fn columns(&self, relation: &Name) -> Option<&RelationColumns> {
        (relation.name == "people").then_some(&self.0)
    }
}

const SEQUENCES: Closed<'_> =
    Closed { relation: "pg_sequences", columns: &["last_value"], known: &["last_value"] };

const STACK: usize = 4 << 20;

#[allow(clippy::disallowed_methods, reason = "a test of stacks has threads")]
fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap()
}

/// What all walks over a text take, and whether it was too much.
fn steps(text: String, with_masks: bool) -> Option<(u64, bool)> {
    on_a_small_stack(move || {
        let parsed = parse(&text).ok()?;
        drop(parsed.statements());
        for at in 0..parsed.len().min(3) {
            let _ = parsed.may_show(at, &SEQUENCES);
        }
        if with_masks {
            let _: Result<Vec<Lineage>, Leak> = parsed.lineage(&People::new());
        }
        Some((parsed.steps().taken(), parsed.steps().are_spent()))
    })
}

/// Lists that meet in a way where each item of one is compared with each of the other; the budget stops them.
fn may_be_stopped(list: &List) -> bool {
    let of_two = |name: &&str| list.name.starts_with(name);
    list.name.contains('×') || ["joins", "ctes of", "lateral of", "create function"].iter().any(of_two)
}

#[test]
fn the_steps_of_every_list_are_in_proportion_to_its_text() {
    for list in LISTS {
        for with_masks in [false, true] {
            let (short, long) = (list.text(500), list.text(5_000));
            let longer = long.len() as f64 / short.len() as f64;
            // what the grammar does not take, has no steps
            let (Some((few, false)), Some((many, spent))) =
                (steps(short, with_masks), steps(long, with_masks))
            else {
                continue;
            };
            let name = list.name;
            if spent {
                assert!(
                    with_masks && may_be_stopped(list) || name == "create function",
                    "{name} was stopped"
                );
            } else if !may_be_stopped(list) {
                let grew = many as f64 / few.max(100) as f64;
                assert!(
                    grew < longer * 1.5,
                    "{name}: {grew:.1} times the steps for {longer:.1} times the text"
                );
            }
        }
    }
}

/// The reading of a text ends when its steps do, whatever it is made of.
#[test]
fn no_text_takes_more_steps_than_its_budget() {
    for list in LISTS {
        let text = list.text(8_000);
        let most = 4_000_000 + 36 * text.len().min(MAX_TOKENS) as u64;
        if let Some((taken, _)) = steps(text, true) {
            assert!(taken <= most, "{}: {taken} of {most}", list.name);
        }
    }
}

#[test]
fn a_budget_that_is_spent_shows_in_each_statement() {
    let list = LISTS.iter().find(|list| list.name == "create function").unwrap();
    let effects = parse(&list.text(20_000)).unwrap().statements().remove(0).effects;
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Unknown { what } if what.contains("more work")))
    );
}

/// A chain of a hundred thousand operators over a relation with a secret column: the walk for that column went down the
/// chain by recursion, and the process died of its stack.
#[test]
fn a_long_chain_over_a_relation_with_a_secret() {
    for (head, item, tail) in [
        ("select 1", " + 1", " from pg_sequences"),
        ("select 1", "::int", " from pg_sequences"),
        ("select 1 from pg_sequences", " cross join t", ""),
        ("select 1 from pg_sequences", " union all select 1", ""),
    ] {
        let text = format!("{head}{}{tail}", item.repeat(40_000));
        let shows = on_a_small_stack(move || {
            let parsed: Parsed = parse(&text).unwrap();
            parsed.may_show(0, &SEQUENCES)
        });
        assert!(!shows, "{head}{item}");
    }
}

/// What must pass, as programs write it.
#[test]
fn ordinary_long_texts() {
    let rows =
        (0..10_000).map(|at| format!("({at}, 'a name', 1.5, now(), null)")).collect::<Vec<_>>().join(", ");
    let numbers = (0..50_000).map(|at| at.to_string()).collect::<Vec<_>>().join(", ");
    let columns =
        (0..1_600).map(|at| format!("t.column_{at} as t_column_{at}")).collect::<Vec<_>>().join(", ");
    let joined = (1..60).map(|at| format!(" left join people t{at} on t{at}.id = t0.id")).collect::<String>();
    let selected =
        (0..60).map(|at| format!("t{at}.id as c{at}, t{at}.dept as d{at}")).collect::<Vec<_>>().join(", ");
    let arms = (0..1_000).map(|at| format!("select id from people where dept = '{at}'")).collect::<Vec<_>>();
    for text in [
        format!("insert into people (id, dept, a, b, c) values {rows}"),
        format!("select id from people where id in ({numbers})"),
        format!("select id from people where id = any(array[{numbers}])"),
        format!("select {columns} from t"),
        format!("select {selected} from people t0{joined} where t0.dept = 'x' order by t0.id"),
        format!("select {selected} from people t0{joined} where dept = 'x' order by c0, d3, c5"),
        format!("select '{}'::text", "a long document ".repeat(200_000)),
        format!("select $x${}$x$", "it's ".repeat(500_000)),
        format!("select id /* {} */ from people", "-- = ".repeat(200_000)),
        format!("{}\nselect id from people", "-- a line of a header ------------------\n".repeat(10_000)),
        "select id from people where dept = 'a';\n".repeat(10_000),
    ] {
        let start: String = text.chars().take(60).collect();
        let parsed = parse(&text).unwrap_or_else(|error| panic!("{start}: {error:?}"));
        drop(parsed.statements());
        parsed.lineage(&People::new()).unwrap_or_else(|leak| panic!("{start}: {leak:?}"));
        assert!(!parsed.steps().are_spent(), "{start}");
    }
    let union = arms.join(" union all ").replace("people", "t");
    assert_eq!(parse(&union).unwrap().lineage(&People::new()).map(|all| all.len()), Ok(1));
}

#[test]
fn more_tokens_than_the_grammar_is_given() {
    for (item, times) in [
        ("1,", 160_000),
        ("a.b,", 60_000),
        ("(", 310_000),
        ("-- a\n", 260_000),
        ("+", 60_000),
        ("1; create global temp table t (); select ", 5_000),
        ("1; create GLOBAL /**/ temporary table t (); select ", 5_000),
    ] {
        let text = format!("select {}1", item.repeat(times));
        assert!(matches!(parse(&text), Err(ParseError::TooManyTokens)), "{item}");
    }
}

/// Counted by hand.
#[test]
fn tokens() {
    for (text, tokens) in [
        ("", 0),
        (" \n\t", 0),
        ("select 1", 3),
        ("select a.b, $1 from \"T\"\"t\" where x = 1.5e3", 19),
        ("'it''s' 'a' \n 'b' 'c'", 3),
        ("e'it\\'s' 1", 2),
        ("E'a\\\\' 1", 2),
        ("e'a' \n '\\' 1, 2' 3", 2),
        ("'a\\' 1", 2),
        ("type'a\\' 1", 4),
        ("$1e'\\'' 1", 3),
        ("1$a$ ' $a$ 2, 3", 5),
        ("$$ ' $a$ ' $$ 1", 2),
        ("$a$ $$ $b$ $a1$ $a$ 1", 2),
        ("a$a$ 1 $a$", 4),
        ("-- 1 2 ' \n 1", 5),
        ("/* ' /* */ ' */ 1", 5),
        ("a->>'b'", 4),
        ("a<>-1", 5),
        ("a||b", 5),
        ("U&'d\\' 1", 5),
        ("b'01' x'ff' n'a'", 9),
        ("1; 2;", 18),
    ] {
        assert_eq!(count_tokens(text, 100), Some(tokens), "{text}");
        assert_eq!(count_tokens(text, tokens), Some(tokens));
        assert_eq!(tokens.checked_sub(1).and_then(|most| count_tokens(text, most)), None);
    }
}

mod against_the_grammar {
    use super::*;
    use proptest::prelude::*;

    /// What begins and ends strings, names and comments, or looks so.
    const PIECES: &[&str] = &[
        "'", "''", "\\", "\\'", "e'", "E'", "e", "$$", "$a$", "$1", "$", "\"", "u&'", "u&\"", "n'", "b'",
        "x'", "--", "/*", "*/", "\n", "\r", " ", ", ", "1", "1.", "1.5", ".", "a", "as", "+", "-", "/", "*",
        "::", "(", ")", ";", "é", "0x1", "1e5", "_", "select ",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

        /// A text that hides its tokens from the counter, in what looks like a string to it and not to the lexer.
        #[test]
        fn what_the_grammar_reads_was_counted(picked in prop::collection::vec(0..PIECES.len(), 0..9), quote in 0..4_usize) {
            let quoted = ["'a'", "e'a\\'b'", "$a$'$a$", "\"a'b\""][quote];
            let pieces: String = picked.iter().map(|at| PIECES[*at]).collect();
            let calls: String = (0..40).map(|at| format!(", f{at}()")).collect();
            for text in [format!("select 1, {pieces}{calls}"), format!("select {quoted}{pieces} 'b', {quoted}{calls}")] {
                if let Ok(parsed) = parse(&text) {
                    let read: usize = parsed.statements().iter().map(|statement| statement.calls.len()).sum();
                    let counted = count_tokens(&text, usize::MAX).unwrap();
                    prop_assert!(counted >= 3 * read, "{counted} tokens, {read} calls: {text}");
                }
            }
        }
    }
}
