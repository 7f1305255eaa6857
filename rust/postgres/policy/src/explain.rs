//! What a grant would say to a text, statement by statement, for people and for `hoopwire explain`.

use crate::catalogue::View;
use crate::judge::Scope;
use crate::masked::lineage;
use crate::refusal::{Reason, Refusal};
use crate::rights::{Actions, Denial, Grant};
use crate::text::read;
use hoopwire_postgres_sql::{Name, Statement, Verbs};
use std::ops::Range;

/// One statement's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The command's words; empty if the text could not be read.
    pub command: &'static str,
    /// Its bytes within the text.
    pub span: Range<usize>,
    /// Why it would be refused.
    pub denial: Option<Denial>,
    /// What it reads and writes; the schema is filled in where there is only one candidate.
    pub relations: Vec<(Name, Verbs)>,
    /// What it calls, likewise.
    pub functions: Vec<Name>,
}

/// Decides each statement of the text by itself; a text that cannot be read is one refused statement. A text passes
/// if none of its statements is refused.
#[must_use]
pub fn explain(grant: &Grant, text: &str, view: &View<'_>) -> Vec<Explained> {
    let parsed = match read(text.as_bytes(), view) {
        Ok((parsed, _)) => parsed,
        // a grant that does not look at statements lets the target say what is wrong
        Err(_) if reads_nothing(grant) => return vec![whole(text, None)],
        Err(refusal) => return vec![whole(text, Some(refusal.denial(grant)))],
    };
    let statements: Vec<Statement<&str>> = parsed.views();
    if statements.len() != parsed.len() && !reads_nothing(grant) {
        let reason = Reason::NotUnderstood { what: "text".to_owned() };
        return vec![whole(text, Some(Refusal { statement: 0, command: "", reason }.denial(grant)))];
    }
    let commands: Vec<&str> = statements.iter().map(|statement| statement.command).collect();
    let scope = Scope::new(grant, view.catalogue);
    // the lineage answers for the text as a whole; it blames one statement
    let masked = scope.and_then(|scope| lineage(&parsed, &scope, &commands).err());
    let judged = statements.iter().enumerate().map(|(at, statement)| {
        let blamed = masked.as_ref().filter(|refusal| refusal.statement == at);
        match scope {
            Some(scope) => scope
                .at(&parsed, at, text)
                .judge(statement)
                .err()
                .or_else(|| blamed.map(|refusal| refusal.reason.clone())),
            None if reads_nothing(grant) => None,
            None => Some(Reason::NoStatements),
        }
    });
    let judged: Vec<Option<Reason>> = judged.collect();
    if scope.is_some() && parsed.steps().are_spent() {
        let refusal = Refusal { statement: 0, command: "", reason: Reason::TooComplex };
        return vec![whole(text, Some(refusal.denial(grant)))];
    }
    let one = |at: usize, statement: &Statement<&str>, span: Range<usize>, reason: Option<Reason>| {
        let refusal = reason.map(|reason| Refusal { statement: at, command: statement.command, reason });
        Explained {
            command: statement.command,
            span,
            denial: refusal.map(|refusal| refusal.denial(grant)),
            relations: (statement.accesses.iter())
                .map(|access| {
                    let name = access.relation;
                    (
                        resolved(name, scope.as_ref().and_then(|scope| scope.relations(name).only())),
                        access.verbs,
                    )
                })
                .collect(),
            functions: (statement.calls.iter())
                .map(|call| {
                    let name = call.function;
                    resolved(name, scope.as_ref().and_then(|scope| scope.functions(name).only()))
                })
                .collect(),
        }
    };
    let all = statements.iter().zip(parsed.spans(text)).zip(judged).enumerate();
    all.map(|(at, ((statement, span), reason))| one(at, statement, span, reason)).collect()
}

fn reads_nothing(grant: &Grant) -> bool {
    grant.rights.rules.is_none() && grant.rights.actions.contains(Actions::QUERY)
}

fn whole(text: &str, denial: Option<Denial>) -> Explained {
    Explained { command: "", span: 0..text.len(), denial, relations: Vec::new(), functions: Vec::new() }
}

fn resolved(name: Name<&str>, only: Option<&str>) -> Name {
    Name { schema: only.or(name.schema), name: name.name }.to_owned()
}
