//! Expressions.

use super::Walk;
use super::returning::Returning;
use crate::fixed::{constant, fixed_names, fixed_setting, is_cast_to, is_name, operator, parameter};
use crate::walk::query::Locked;
use pg_raw_parse::list::NodeList;
use pg_raw_parse::nodes::{ColumnRef, FuncCall, ResTarget, SelectStmt, TypeName};
use pg_raw_parse::{ConstValue, Node};

impl<'a> Walk<'a> {
    /// An expression, or a list of them. What leans to the left is walked along.
    pub(super) fn expr(&mut self, node: Node<'a>) {
        // Most expressions are leaves, and cost no level.
        self.nodes += 1;
        match node {
            Node::None | Node::A_Const(_) | Node::ParamRef(_) => return,
            Node::ColumnRef(column) => return self.column_ref(column),
            _ => {}
        }
        if !self.enter() {
            return;
        }
        let mut next = node;
        while let Some(left) = self.step(next) {
            self.nodes += 1;
            next = left;
        }
        self.leave();
    }

    pub(super) fn exprs(&mut self, list: &'a NodeList) {
        for node in list {
            self.expr(node);
        }
    }

    /// Does a node but for its left part, which it gives back.
    fn step(&mut self, node: Node<'a>) -> Option<Node<'a>> {
        match node {
            // Leaves. SQLValueFunction is CURRENT_USER and its like: what it runs is fixed by the grammar.
            Node::None
            | Node::A_Const(_)
            | Node::ParamRef(_)
            | Node::SetToDefault(_)
            | Node::SQLValueFunction(_)
            | Node::CurrentOfExpr(_)
            | Node::A_Star(_)
            | Node::Integer(_)
            | Node::Float(_)
            | Node::Boolean(_)
            | Node::String(_)
            | Node::BitString(_) => None,
            Node::ColumnRef(column) => {
                self.column_ref(column);
                None
            }
            Node::A_Expr(expr) => {
                // Left out: kind, rexpr_list_start, rexpr_list_end; name is an operator's.
                self.operator(expr.name());
                self.expr(expr.rexpr());
                match self.returning {
                    Returning::Own(rows) => self.returned_row(expr, rows),
                    _ => Some(expr.lexpr()),
                }
            }
            Node::TypeCast(cast) => {
                self.type_name(cast.type_name());
                Some(cast.arg())
            }
            Node::CollateClause(collate) => {
                self.operator(collate.collname());
                Some(collate.arg())
            }
            // Left out: nulltesttype, argisrow; booltesttype.
            Node::NullTest(test) => Some(test.arg()),
            Node::BooleanTest(test) => Some(test.arg()),
            // Left out: boolop; op; row_format and the fields of analysis.
            Node::BoolExpr(expr) => self.first_last(expr.args()),
            Node::CoalesceExpr(expr) => self.first_last(expr.args()),
            Node::MinMaxExpr(expr) => self.first_last(expr.args()),
            // Left out: colnames, which only analysis sets.
            Node::RowExpr(row) => self.first_last(row.args()),
            Node::A_ArrayExpr(array) => self.first_last(array.elements()),
            Node::NodeList(list) => self.first_last(list),
            Node::GroupingFunc(grouping) => self.first_last(grouping.args()),
            Node::GroupingSet(set) => self.first_last(set.content()),
            Node::A_Indirection(indirection) => {
                self.indirection(indirection.indirection());
                Some(indirection.arg())
            }
            Node::FuncCall(call) => {
                self.func_call(call, false);
                None
            }
            // Left out: name, argnumber.
            Node::NamedArgExpr(arg) => Some(arg.arg()),
            Node::SubLink(link) => {
                // Left out: sub_link_type, sub_link_id; oper_name is an operator's.
                self.operator(link.oper_name());
                if let Returning::Own(rows) = self.returning {
                    self.returned_link(link, rows);
                    return None;
                }
                match link.subselect() {
                    Node::SelectStmt(select) => self.select(select, &Locked::None),
                    other => self.unknown(other),
                }
                Some(link.testexpr())
            }
            Node::CaseExpr(case) => {
                self.exprs(case.args());
                self.expr(case.defresult());
                Some(case.arg())
            }
            Node::CaseWhen(when) => {
                self.expr(when.result());
                Some(when.expr())
            }
            Node::ResTarget(target) => {
                self.res_target(target);
                None
            }
            Node::SortBy(sort) => {
                self.sort_by(sort);
                None
            }
            // Left out: ncolumns. All columns of `(a, b) = (1, 2)` share one source: it is read with the first.
            Node::MultiAssignRef(multi) if multi.colno > 1 => None,
            Node::MultiAssignRef(multi) => Some(multi.source()),
            Node::XmlExpr(xml) => {
                // Left out: op, name (of an element), arg_names (analysis), xmloption, indent. Its functions have
                // been keywords in every version.
                self.exprs(xml.named_args());
                self.first_last(xml.args())
            }
            Node::XmlSerialize(xml) => {
                self.type_name(xml.type_name());
                Some(xml.expr())
            }
            other => {
                self.json_expr(other);
                None
            }
        }
    }

    /// A list: all but the first here, the first as the left part.
    fn first_last(&mut self, list: &'a NodeList) -> Option<Node<'a>> {
        let mut nodes = list.iter();
        let first = nodes.next();
        for node in nodes {
            self.expr(node);
        }
        first
    }

    /// A column, or a row. `t.f` is a call of f(t) where t has no column f: the last name is noted.
    fn column_ref(&mut self, column: &'a ColumnRef) {
        self.column_refs += 1;
        let fields = column.fields();
        if let Returning::Test(rows) = self.returning {
            self.tested_column(column, rows);
        }
        let mut last = None;
        for node in fields {
            match node {
                Node::String(_) | Node::A_Star(_) => last = Some(node),
                other => return self.unknown(other),
            }
        }
        match fields.len() {
            0 | 1 => {}
            _ => {
                // Three parts and a column are a name of a database, a star counts as one.
                self.passing(fields, 3);
                if let Some(name) = last.and_then(Node::as_str) {
                    self.attribute(name);
                }
            }
        }
    }

    /// Fields and subscripts behind an expression; a field may be a call, as in [`Walk::column_ref`].
    fn indirection(&mut self, list: &'a NodeList) {
        for node in list {
            match node {
                Node::String(name) => {
                    if let Some(name) = name.sval() {
                        self.attribute(name);
                    }
                }
                Node::A_Star(_) => {}
                Node::A_Indices(indices) => {
                    self.expr(indices.lidx());
                    self.expr(indices.uidx());
                }
                other => self.unknown(other),
            }
        }
    }

    /// An item of a select list, or an assignment. Left out: name (an alias, or a column written).
    pub(super) fn res_target(&mut self, target: &'a ResTarget) {
        self.res_target_subscripts(target);
        self.expr(target.val());
    }

    pub(super) fn res_target_subscripts(&mut self, target: &'a ResTarget) {
        for node in target.indirection() {
            match node {
                // Fields of the column that is written: never calls.
                Node::String(_) | Node::A_Star(_) => {}
                Node::A_Indices(indices) => {
                    self.expr(indices.lidx());
                    self.expr(indices.uidx());
                }
                other => self.unknown(other),
            }
        }
    }

    /// The name of an operator, a collation or an operator class: not a call.
    pub(super) fn operator(&mut self, name: &'a NodeList) {
        self.passing(name, 2);
    }

    /// Left out: agg_within_group, agg_star, agg_distinct, func_variadic, funcformat (flags).
    pub(super) fn func_call(&mut self, call: &'a FuncCall, procedure: bool) {
        if let Some((schema, name)) = self.name_of(call.funcname()) {
            if name == "set_config" && !procedure {
                let setting = setting(call.args(), self.listed);
                self.call_of_setting(schema, name, setting);
            } else if SEQUENCES.contains(&name) && !procedure {
                let named = sequence(call.args()).map(|text| (SEQUENCE, text));
                self.call_of_setting(schema, name, named);
            } else if name == "current_setting" && !procedure {
                self.current_setting(schema, name, call.args());
            } else {
                self.call(schema, name, procedure);
                // The grammar says `pg_catalog` here for a word that older servers look up along the path.
                if name == "json_object" && schema == Some("pg_catalog") {
                    self.call(None, name, procedure);
                }
            }
        }
        self.exprs(call.args());
        self.sorted(call.agg_order().len());
        for sort in call.agg_order() {
            self.sort_by(sort);
        }
        self.expr(call.agg_filter());
        if let Some(window) = call.over() {
            self.window(window);
        }
    }

    /// What is read is known where the setting is a constant, or a column that WHERE fixes.
    fn current_setting(&mut self, schema: Option<&'a str>, name: &'a str, args: &'a NodeList) {
        let setting = match args.first() {
            Some(Node::ColumnRef(column)) => {
                let fixed = self.listed.and_then(fixed_names);
                let Some((_, names)) = fixed.filter(|(row, _)| is_name(column, row)) else {
                    return self.call_of_setting(schema, name, None);
                };
                // the same for each such call in one list
                match self.listed_settings.replace(schema) {
                    Some(noted) if noted == schema => {}
                    Some(_) => self.call_of_setting(schema, name, None),
                    None => {
                        for setting in names {
                            self.call_of_setting(schema, name, Some((setting, "")));
                        }
                    }
                }
                return;
            }
            Some(other) => {
                if let Some(parameter) = parameter(other).filter(|_| self.is_bound) {
                    return self.call_of_told_setting(schema, name, parameter);
                }
                constant(other)
            }
            None => None,
        };
        self.call_of_setting(schema, name, setting.map(|setting| (setting, "")));
    }

    /// A type is no access, but its modifiers are expressions to the grammar. Left out: type_oid, setof, pct_type,
    /// typemod, array_bounds (integers).
    pub(super) fn type_name(&mut self, name: Option<&'a TypeName>) {
        let Some(name) = name else { return };
        // `a.b.c%TYPE` is a column of a schema.
        let behind = if name.pct_type { 3 } else { 2 };
        match (
            name.names().len().checked_sub(behind),
            name.names().first().and_then(pg_raw_parse::nodes::String::sval),
        ) {
            (None | Some(0), _) => {}
            (Some(1), Some(database)) => self.database(database),
            _ => self.unknown_text("a name"),
        }
        self.exprs(name.typmods());
    }
}

/// Functions of a sequence that its first argument names.
const SEQUENCES: [&str; 3] = ["nextval", "setval", "currval"];
/// What stands for the name of a setting there.
const SEQUENCE: &str = "sequence";

/// The constant that names a sequence, or the table that has it: `pg_get_serial_sequence('table', 'column')`.
fn sequence(args: &NodeList) -> Option<&str> {
    match args.first()? {
        Node::FuncCall(call) => {
            let function = call.funcname();
            let is_of_table = operator(function) == Some("pg_get_serial_sequence") && call.args().len() == 2;
            is_of_table.then(|| constant(call.args().first()?)).flatten()
        }
        Node::TypeCast(cast) if is_cast_to(cast, "regclass", false) => constant(cast.arg()),
        other => constant(other),
    }
}

/// The first two arguments of set_config where both are plain constants (by name, they could be in any order), or
/// the first is a column that the query's WHERE fixes.
fn setting<'a>(args: &'a NodeList, query: Option<&'a SelectStmt>) -> Option<(&'a str, &'a str)> {
    let text = |at| match args.get(at) {
        Some(Node::A_Const(value)) => match value.val() {
            Some(ConstValue::String(text)) => Some(text),
            _ => None,
        },
        Some(Node::ColumnRef(column)) => fixed_setting(query?, column),
        _ => None,
    };
    Some((text(0)?, text(1)?))
}
