//! All nodes of a query, for a closer look at statements that need one.

use crate::Steps;
use pg_raw_parse::Node;
use pg_raw_parse::walk::{Recurse, walk_manual};

/// The query that a statement runs by itself, if it is nothing but reading: a SELECT, also in EXPLAIN, PREPARE, DECLARE
/// CURSOR and COPY ... TO.
pub(crate) fn query_of(statement: Node<'_>) -> Option<Node<'_>> {
    let query = match statement {
        Node::SelectStmt(_) => return Some(statement),
        Node::ExplainStmt(explain) => explain.query(),
        Node::PrepareStmt(prepare) => prepare.query(),
        Node::DeclareCursorStmt(declare) => declare.query(),
        Node::CopyStmt(copy) if !copy.is_from => copy.query(),
        _ => return None,
    };
    matches!(query, Node::SelectStmt(_)).then_some(query)
}

/// Adds what stands right below a node. The grammar's own walker fails on what it does not know: it panics.
pub(crate) fn children<'a>(node: Node<'a>, found: &mut Vec<Node<'a>>) {
    // `SET (a, b) = (...)`: each column has the same source below it
    if matches!(node, Node::MultiAssignRef(assign) if assign.colno > 1) {
        return;
    }
    walk_manual::<()>(node, |child| {
        found.push(child);
        Recurse::no()
    });
}

/// What may be looked at whole: a query, a statement that writes, and what either makes a relation of.
pub(crate) fn readable(statement: Node<'_>) -> Option<Node<'_>> {
    match statement {
        Node::InsertStmt(_) | Node::UpdateStmt(_) | Node::DeleteStmt(_) | Node::MergeStmt(_) => {
            Some(statement)
        }
        Node::ViewStmt(view) => query_of(view.query()),
        Node::CreateTableAsStmt(create) => query_of(create.query()),
        other => query_of(other),
    }
}

/// A node and all below it, in no order. Deep trees need no stack. `None` if they are more than there are steps for.
pub(crate) fn all<'a>(node: Node<'a>, steps: &Steps) -> Option<Vec<Node<'a>>> {
    let mut found = vec![node];
    let mut at = 0;
    while let Some(&next) = found.get(at) {
        if !steps.take(1) {
            return None;
        }
        children(next, &mut found);
        at += 1;
    }
    Some(found)
}
