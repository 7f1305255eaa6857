//! The name PostgreSQL gives to a result column that has none.
//!
//! It differs between versions and rests on the tree after analysis, so that it is never more than likely: see `Title`.

use super::mutation::Mutation;
use pg_raw_parse::Node;
use pg_raw_parse::raw::{A_Expr_Kind, SubLinkType};

/// The name, or `None` where it is not known (FigureColname knows more than is known here).
pub(super) fn column_name(node: Node<'_>) -> Option<&str> {
    match figure(node)? {
        ("", _) => Some("?column?"),
        (name, _) => Some(name),
    }
}

/// A name, and whether it is a good one: a cast or CASE around it keeps only those. No name is an empty one.
fn figure(node: Node<'_>) -> Option<(&str, bool)> {
    match node {
        Node::ColumnRef(column) => good(column.fields().iter().next_back().and_then(Node::as_str)),
        Node::FuncCall(call) => good(call.funcname().iter().next_back().and_then(Node::as_str)),
        Node::A_Indirection(indirection) => {
            match indirection.indirection().iter().filter_map(Node::as_str).next_back() {
                Some(field) => Some((field, true)),
                None => figure(indirection.arg()),
            }
        }
        Node::TypeCast(cast) => match figure(cast.arg())? {
            (name, true) => Some((name, true)),
            _ => Some((cast.type_name()?.names().iter().next_back()?.sval()?, false)),
        },
        Node::CollateClause(collate) => figure(collate.arg()),
        Node::CaseExpr(case) => match figure(case.defresult())? {
            (name, true) => Some((name, true)),
            _ => Some(("case", false)),
        },
        Node::SubLink(link) => match link.sub_link_type {
            SubLinkType::EXISTS_SUBLINK => Some(("exists", true)),
            SubLinkType::ARRAY_SUBLINK => Some(("array", true)),
            SubLinkType::EXPR_SUBLINK => match link.subselect() {
                // The subquery's own output has its name by then, and keeps it.
                Node::SelectStmt(select) => {
                    let first = select.target_list().first()?;
                    if let (None, true) = (first.name(), Mutation::DerivedName.is_made()) {
                        return figure(first.val());
                    }
                    let name = first.name().map_or_else(|| column_name(first.val()), Some);
                    name.map(|name| (name, true))
                }
                _ => None,
            },
            _ => Some(("", false)),
        },
        Node::A_Expr(expr) if expr.kind == A_Expr_Kind::AEXPR_NULLIF => Some(("nullif", true)),
        Node::A_ArrayExpr(_) => Some(("array", true)),
        Node::RowExpr(_) => Some(("row", true)),
        Node::CoalesceExpr(_) => Some(("coalesce", true)),
        Node::GroupingFunc(_) => Some(("grouping", true)),
        Node::None
        | Node::A_Const(_)
        | Node::A_Expr(_)
        | Node::BoolExpr(_)
        | Node::NullTest(_)
        | Node::BooleanTest(_)
        | Node::ParamRef(_) => Some(("", false)),
        _ => None,
    }
}

fn good(name: Option<&str>) -> Option<(&str, bool)> {
    name.map(|name| (name, true))
}
