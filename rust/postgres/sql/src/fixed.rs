//! Settings that a query reads by constant names: `pg_settings WHERE name = 'constant'` and its like.
//!
//! A condition that fixes the name only counts where the target cannot evaluate anything else of the row before it: an
//! error would quote what it read. So it has to be the whole WHERE over one item, in a query that is no part of a FROM.

use crate::tree::{all, children, query_of};
use crate::{Parsed, Steps};
use pg_raw_parse::list::NodeList;
use pg_raw_parse::nodes::{A_Expr, Alias, ColumnRef, FuncCall, SelectStmt, TypeCast};
use pg_raw_parse::raw::{A_Expr_Kind, BoolExprType, SubLinkType};
use pg_raw_parse::{ConstValue, Node};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Most names that a condition is read for: it is read again for each column that it may fix.
const NAMES_MAX: usize = 64;
const VIEW: &str = "pg_settings";
const FUNCTION: &str = "pg_show_all_settings";

impl Parsed {
    /// The settings that this statement reads of `pg_settings` and `pg_show_all_settings()`, if all of them are told
    /// by constants.
    #[must_use]
    pub fn fixed_settings(&self, statement: usize) -> Option<Vec<&str>> {
        let query = self.statement(statement).and_then(query_of)?;
        // the walker of the grammar's own fails on what it does not know
        catch_unwind(AssertUnwindSafe(|| fixed(query, self.steps()))).ok().flatten()
    }
}

fn fixed<'a>(query: Node<'a>, steps: &Steps) -> Option<Vec<&'a str>> {
    let mut names = Vec::new();
    let mut levels = 0;
    // whether a query's rows go nowhere but out, so that no condition of another query is evaluated on them
    let mut waiting = vec![(query, true)];
    let mut below = Vec::new();
    while let Some((node, is_apart)) = waiting.pop() {
        if !steps.take(1) {
            return None;
        }
        if let Node::SelectStmt(select) = node
            && items(select).iter().any(|item| is_source(*item))
        {
            let (_, found) = fixed_names(select).filter(|_| is_apart)?;
            names.extend(found);
            levels += 1;
        }
        let is_scalar = matches!(node, Node::SubLink(link)
            if matches!(link.sub_link_type, SubLinkType::EXPR_SUBLINK | SubLinkType::ARRAY_SUBLINK));
        let is_union = matches!(node, Node::SelectStmt(_)) && is_apart;
        children(node, &mut below);
        let apart = |child: &Node<'_>| matches!(child, Node::SelectStmt(_)) && (is_scalar || is_union);
        waiting.extend(below.drain(..).map(|child| (child, apart(&child))));
    }
    // each must be one of those
    (all(query, steps)?.into_iter().filter(|node| is_named(*node)).count() == levels).then_some(names)
}

/// The items of a query's own FROM, those of joins one by one.
pub(crate) fn items(select: &SelectStmt) -> Vec<Node<'_>> {
    let mut waiting: Vec<Node<'_>> = select.from_clause().iter().collect();
    let mut items = Vec::new();
    while let Some(node) = waiting.pop() {
        match node {
            Node::JoinExpr(join) => waiting.extend([join.larg(), join.rarg()]),
            Node::RangeTableSample(sample) => waiting.push(sample.relation()),
            item => items.push(item),
        }
    }
    items
}

/// The view or the function, wherever it stands.
fn is_named(node: Node<'_>) -> bool {
    match node {
        Node::RangeVar(range) => range.relname() == Some(VIEW),
        Node::FuncCall(call) => call.funcname().iter().next_back().and_then(Node::as_str) == Some(FUNCTION),
        Node::ColumnRef(column) => {
            column.fields().iter().next_back().and_then(Node::as_str) == Some(FUNCTION)
        }
        Node::A_Indirection(fields) => {
            fields.indirection().iter().any(|field| field.as_str() == Some(FUNCTION))
        }
        _ => false,
    }
}

/// An item of FROM that is one of them.
fn is_source(item: Node<'_>) -> bool {
    match item {
        Node::RangeVar(_) => is_named(item),
        _ => source_call(item).is_some(),
    }
}

/// The call in `FROM pg_show_all_settings()`.
fn source_call(item: Node<'_>) -> Option<&FuncCall> {
    let Node::RangeFunction(function) = item else { return None };
    let Some(Node::NodeList(pair)) = function.functions().first() else { return None };
    match pair.first().filter(|_| function.functions().len() == 1) {
        Some(Node::FuncCall(call)) if is_named(Node::FuncCall(call)) => Some(call),
        _ => None,
    }
}

/// How a query over one of them calls it, and the settings that its WHERE leaves.
pub(crate) fn fixed_names(select: &SelectStmt) -> Option<(&str, Vec<&str>)> {
    let from = select.from_clause();
    let item = from.first().filter(|item| from.len() == 1 && is_source(*item))?;
    let is_here = |schema: Option<&str>| matches!(schema, None | Some("pg_catalog"));
    let (alias, name) = match item {
        Node::RangeVar(range) if is_here(range.schemaname()) && range.catalogname().is_none() => {
            (range.alias(), VIEW)
        }
        Node::RangeFunction(function) => {
            operator(source_call(item)?.funcname())?;
            (function.alias(), FUNCTION)
        }
        _ => return None,
    };
    if alias.is_some_and(|alias| !alias.colnames().is_empty())
        || !matches!(select.having_clause(), Node::None)
    {
        return None;
    }
    let row = alias.and_then(Alias::aliasname).unwrap_or(name);
    let mut names = Vec::new();
    let mut waiting = vec![select.where_clause()];
    while let Some(condition) = waiting.pop() {
        match condition {
            Node::BoolExpr(either)
                if either.boolop == BoolExprType::OR_EXPR && either.args().len() <= NAMES_MAX =>
            {
                waiting.extend(either.args().iter());
            }
            Node::A_Expr(comparison) => names.extend(compared(comparison, row)?),
            _ => return None,
        }
        if names.len() > NAMES_MAX {
            return None;
        }
    }
    Some((row, names))
}

/// `name`, or `row.name`.
pub(crate) fn is_name(column: &ColumnRef, row: &str) -> bool {
    let mut fields = column.fields().iter().map(|field| field.as_str());
    match column.fields().len() {
        1 => fields.next() == Some(Some("name")),
        2 => fields.next() == Some(Some(row)) && fields.next() == Some(Some("name")),
        _ => false,
    }
}

/// The constants that a comparison of the name leaves.
fn compared<'a>(comparison: &'a A_Expr, row: &str) -> Option<Vec<&'a str>> {
    let is_column = |node: Node<'_>| matches!(node, Node::ColumnRef(column) if is_name(column, row));
    let (left, right) = (comparison.lexpr(), comparison.rexpr());
    match (operator(comparison.name())?, comparison.kind) {
        ("=", A_Expr_Kind::AEXPR_OP) if is_column(left) => constant(right).map(|name| vec![name]),
        ("=", A_Expr_Kind::AEXPR_OP) if is_column(right) => constant(left).map(|name| vec![name]),
        ("=", A_Expr_Kind::AEXPR_IN) if is_column(left) => match right {
            Node::NodeList(list) => constants(list),
            _ => None,
        },
        ("=", A_Expr_Kind::AEXPR_OP_ANY) if is_column(left) => match right {
            Node::A_ArrayExpr(array) => constants(array.elements()),
            Node::TypeCast(cast) if is_text(cast, true) => array_literal(string(cast.arg())?),
            other => array_literal(string(other)?),
        },
        // as psql has it: lower(name) ~ '^(work_mem)$'
        ("~", A_Expr_Kind::AEXPR_OP) => match left {
            Node::FuncCall(call)
                if operator(call.funcname()) == Some("lower")
                    && call.args().len() == 1
                    && call.args().first().is_some_and(is_column) =>
            {
                let pattern = match right {
                    Node::CollateClause(collate) => string(collate.arg())?,
                    other => string(other)?,
                };
                let name = pattern.strip_prefix("^(")?.strip_suffix(")$")?;
                is_plain(name).then(|| vec![name])
            }
            _ => None,
        },
        _ => None,
    }
}

fn constants(list: &NodeList) -> Option<Vec<&str>> {
    if list.len() > NAMES_MAX {
        return None;
    }
    list.iter().map(constant).collect()
}

/// The last part of a name without a schema, or in pg_catalog.
pub(crate) fn operator(name: &NodeList) -> Option<&str> {
    let mut parts = name.iter().map(|part| part.as_str());
    match name.len() {
        1 => parts.next()?,
        2 => parts.next().filter(|schema| *schema == Some("pg_catalog")).and(parts.next()?),
        _ => None,
    }
}

/// A constant text, also with a cast to text.
pub(crate) fn constant(node: Node<'_>) -> Option<&str> {
    match node {
        Node::TypeCast(cast) if is_text(cast, false) => string(cast.arg()),
        other => string(other),
    }
}

/// The number of a parameter, also with a cast to text or varchar (SQLAlchemy writes one for each).
pub(crate) fn parameter(node: Node<'_>) -> Option<u32> {
    match node {
        Node::TypeCast(cast) if is_text(cast, false) || is_varchar(cast) => match cast.arg() {
            Node::ParamRef(parameter) => u32::try_from(parameter.number).ok(),
            _ => None,
        },
        Node::ParamRef(parameter) => u32::try_from(parameter.number).ok(),
        _ => None,
    }
    .filter(|number| *number > 0)
}

/// A cast to VARCHAR of any length, as the grammar has it.
fn is_varchar(cast: &TypeCast) -> bool {
    cast.type_name().is_some_and(|name| {
        let mut parts = name.names().iter().map(pg_raw_parse::nodes::String::sval);
        name.names().len() == 2
            && parts.next() == Some(Some("pg_catalog"))
            && parts.next() == Some(Some("varchar"))
            && name.typmods().is_empty()
            && name.array_bounds().is_empty()
    })
}

fn string(node: Node<'_>) -> Option<&str> {
    match node {
        Node::A_Const(value) => match value.val() {
            Some(ConstValue::String(text)) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// A cast to text, or to an array of it.
fn is_text(cast: &TypeCast, array: bool) -> bool {
    is_cast_to(cast, "text", array)
}

/// A cast to this type of pg_catalog, or to an array of it.
pub(crate) fn is_cast_to(cast: &TypeCast, wanted: &str, array: bool) -> bool {
    cast.type_name().is_some_and(|name| {
        let mut parts = name.names().iter().map(pg_raw_parse::nodes::String::sval);
        let is_named = match name.names().len() {
            1 => parts.next() == Some(Some(wanted)),
            2 => parts.next() == Some(Some("pg_catalog")) && parts.next() == Some(Some(wanted)),
            _ => false,
        };
        is_named && name.typmods().is_empty() && name.array_bounds().is_empty() != array
    })
}

/// `{a,b}` of plain words.
fn array_literal(text: &str) -> Option<Vec<&str>> {
    let words = text.strip_prefix('{')?.strip_suffix('}')?.split(',');
    words.take(NAMES_MAX + 1).map(|word| is_plain(word).then_some(word)).collect()
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `FROM pg_settings WHERE name = 'constant'`, as pg_dump has it around a call of set_config: what the column is in
/// every row. As `fixed_names`, but for what is set rather than read: of more than one name none counts.
pub(crate) fn fixed_setting<'a>(select: &'a SelectStmt, column: &ColumnRef) -> Option<&'a str> {
    let (row, names) = fixed_names(select)?;
    match names.as_slice() {
        [name] if is_name(column, row) => Some(name),
        _ => None,
    }
}
