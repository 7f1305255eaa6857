//! What must hold for any text: no panic, an answer that is the same each time, spans that lie in the text in order,
//! and a statement for each that PostgreSQL's grammar finds.

use hoopwire_postgres_sql::{Effect, Statement, Verbs, parse};

pub(crate) fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(parsed) = parse(text) else {
        return assert!(parse(text).is_err(), "read the second time");
    };
    let statements = parsed.statements();
    assert_eq!(statements.len(), parsed.len());
    assert_eq!(parsed.is_empty(), statements.is_empty());
    assert_eq!(statements, parsed.statements(), "a second look sees something else");

    let mut end = 0;
    let spans = parsed.spans(text);
    assert_eq!(spans.len(), statements.len());
    for (statement, span) in statements.iter().zip(spans) {
        assert!(span.start >= end && span.start <= span.end);
        end = span.end;
        let piece = text.get(span).expect("a span cuts a character or leaves the text");
        assert!(!statement.command.is_empty() || deep(statement));
        legible(statement);
        alone(piece, statement);
    }
}

/// Each name once, no empty sets of verbs, and names that the server could have.
fn legible(statement: &Statement) {
    for (at, access) in statement.accesses.iter().enumerate() {
        assert!(!access.verbs.is_empty());
        assert!(access.relation.name.len() < 64);
        let twice = statement.accesses.iter().skip(at + 1).any(|other| other.relation == access.relation);
        assert!(!twice, "{:?} is there twice", access.relation);
        let writes = Verbs::INSERT.with(Verbs::UPDATE);
        assert!(access.columns.is_empty() || access.verbs.intersects(writes));
    }
    for call in &statement.calls {
        assert!(
            call.setting.is_none()
                || ["set_config", "current_setting"].contains(&call.function.name.as_str())
        );
    }
}

/// A statement by itself does what it does in company.
fn alone(piece: &str, statement: &Statement) {
    let Ok(parsed) = parse(piece) else {
        // A comment may be open at the end of the text only.
        return assert!(piece.contains("/*") || piece.contains("--"), "{piece:?} is no statement by itself");
    };
    let again = parsed.statements();
    let [again] = again.as_slice() else { panic!("{piece:?} is more than a statement") };
    assert_eq!(
        (&again.command, &again.accesses, &again.calls, &again.attributes, &again.effects),
        (
            &statement.command,
            &statement.accesses,
            &statement.calls,
            &statement.attributes,
            &statement.effects
        )
    );
}

fn deep(statement: &Statement) -> bool {
    statement.effects.iter().any(|effect| matches!(effect, Effect::Unknown { .. }))
}
