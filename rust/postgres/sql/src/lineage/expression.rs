//! Expressions: no masked column may be in one, unless it is compared and its mask allows that.

use super::scope::{Reference, Scope};
use super::shape::{Mark, first_mark};
use super::{Found, Walk, Walker};
use pg_raw_parse::list::NodeList;
use pg_raw_parse::raw::{A_Expr_Kind, SubLinkType};
use pg_raw_parse::{Node, nodes};

/// What an expression is for.
#[derive(Clone, Copy)]
pub(super) struct Usage {
    /// Where it is, for the leak's text.
    pub(super) place: &'static str,
    /// A column whose mask allows comparing may be here.
    compare: bool,
}

impl Usage {
    pub(super) const fn never(place: &'static str) -> Usage {
        Usage { place, compare: false }
    }

    pub(super) const fn comparing(place: &'static str) -> Usage {
        Usage { place, compare: true }
    }

    /// Inside something that computes.
    const fn computed(self) -> Usage {
        Usage { place: self.place, compare: false }
    }

    pub(super) fn check(self, mark: &Mark) -> Walk<()> {
        if self.compare && mark.compare { Ok(()) } else { Err(mark.found(self.place)) }
    }
}

impl Walker<'_> {
    pub(super) fn expression(&mut self, node: Node<'_>, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        self.deeper(|walker| walker.inner_expression(node, scope, usage))
    }

    pub(super) fn expressions(&mut self, nodes: &NodeList, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        nodes.iter().try_for_each(|node| self.expression(node, scope, usage))
    }

    fn inner_expression(&mut self, node: Node<'_>, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        let computed = usage.computed();
        match node {
            Node::None
            | Node::ParamRef(_)
            | Node::A_Const(_)
            | Node::SetToDefault(_)
            | Node::CurrentOfExpr(_)
            | Node::SQLValueFunction(_)
            | Node::MergeSupportFunc(_)
            | Node::String(_)
            | Node::A_Star(_)
            | Node::TypeName(_) => Ok(()),
            Node::ColumnRef(column) => self.column(column, scope, usage),
            Node::NodeList(list) => self.expressions(list, scope, usage),
            Node::A_Expr(operator) => self.operators(operator, scope, usage),
            Node::BoolExpr(expr) => self.expressions(expr.args(), scope, usage),
            Node::NullTest(test) => self.expression(test.arg(), scope, usage),
            Node::BooleanTest(test) => self.expression(test.arg(), scope, usage),
            Node::SubLink(link) => self.sublink(link, scope, usage),
            Node::TypeCast(cast) => self.expression(cast.arg(), scope, computed),
            Node::CollateClause(collate) => self.expression(collate.arg(), scope, computed),
            Node::FuncCall(call) => self.call(call, scope, computed),
            Node::A_Indirection(indirection) => {
                self.expression(indirection.arg(), scope, computed)?;
                self.expressions(indirection.indirection(), scope, computed)
            }
            Node::A_Indices(indices) => {
                self.expression(indices.lidx(), scope, computed)?;
                self.expression(indices.uidx(), scope, computed)
            }
            Node::A_ArrayExpr(array) => self.expressions(array.elements(), scope, computed),
            Node::CaseExpr(case) => {
                self.expression(case.arg(), scope, computed)?;
                self.expressions(case.args(), scope, computed)?;
                self.expression(case.defresult(), scope, computed)
            }
            Node::CaseWhen(when) => {
                self.expression(when.expr(), scope, computed)?;
                self.expression(when.result(), scope, computed)
            }
            Node::RowExpr(row) => self.expressions(row.args(), scope, computed),
            Node::CoalesceExpr(expr) => self.expressions(expr.args(), scope, computed),
            Node::MinMaxExpr(expr) => self.expressions(expr.args(), scope, computed),
            Node::GroupingFunc(grouping) => self.expressions(grouping.args(), scope, computed),
            Node::NamedArgExpr(argument) => self.expression(argument.arg(), scope, computed),
            // All columns of `(a, b) = (1, 2)` share one source: it is read with the first.
            Node::MultiAssignRef(assign) if assign.colno > 1 => Ok(()),
            Node::MultiAssignRef(assign) => self.expression(assign.source(), scope, computed),
            Node::ResTarget(target) => {
                self.expressions(target.indirection(), scope, computed)?;
                self.expression(target.val(), scope, computed)
            }
            Node::SortBy(sort) => self.expression(sort.node(), scope, computed),
            Node::WindowDef(window) => self.window(window, scope, computed),
            Node::XmlExpr(xml) => {
                self.expressions(xml.named_args(), scope, computed)?;
                self.expressions(xml.args(), scope, computed)
            }
            Node::XmlSerialize(xml) => self.expression(xml.expr(), scope, computed),
            _ => self.json(node, scope, computed),
        }
    }

    /// Chains of operators lean to the left and are walked along.
    fn operators(&mut self, mut operator: &nodes::A_Expr, scope: &Scope<'_>, mut usage: Usage) -> Walk<()> {
        loop {
            self.work(0)?;
            // NULLIF gives its argument back: it is a function that looks like an operator.
            if operator.kind == A_Expr_Kind::AEXPR_NULLIF {
                usage = usage.computed();
            }
            self.expression(operator.rexpr(), scope, usage)?;
            match operator.lexpr() {
                Node::A_Expr(left) => operator = left,
                left => return self.expression(left, scope, usage),
            }
        }
    }

    fn column(&mut self, node: &nodes::ColumnRef, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        let reference = Reference::read(node);
        let mark = match reference {
            Reference::Bare(name) => self.bare(scope, name)?,
            Reference::Of { schema, item, column } => self.qualified(scope, schema, item, column)?,
            Reference::Star | Reference::StarOf { .. } => {
                let cols = self.star(scope, &reference)?;
                return match first_mark(&cols) {
                    Some(mark) => Err(mark.found("in a whole row")),
                    None => Ok(()),
                };
            }
            Reference::Odd => return Err(Found::new("", "in a name that is not understood")),
        };
        mark.map_or(Ok(()), |mark| usage.check(&mark))
    }

    fn call(&mut self, call: &nodes::FuncCall, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        // The grammar's word since PostgreSQL 16; an older server reads a column of the name.
        if let Some(name @ "system_user") = call.funcname().iter().next_back().and_then(Node::as_str)
            && let Some(mark) = {
                self.work(scope.levels().flat_map(|level| level.items).map(|item| item.cols.steps()).sum())?;
                scope.marked(name)
            }
        {
            return usage.check(&mark);
        }
        self.expressions(call.args(), scope, usage)?;
        for sort in call.agg_order() {
            self.expression(sort.node(), scope, usage)?;
        }
        self.expression(call.agg_filter(), scope, usage)?;
        call.over().map_or(Ok(()), |window| self.window(window, scope, usage))
    }

    pub(super) fn window(&mut self, window: &nodes::WindowDef, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        self.expressions(window.partition_clause(), scope, usage)?;
        for sort in window.order_clause() {
            self.expression(sort.node(), scope, usage)?;
        }
        self.expression(window.start_offset(), scope, usage)?;
        self.expression(window.end_offset(), scope, usage)
    }

    fn sublink(&mut self, link: &nodes::SubLink, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        let kind = link.sub_link_type;
        let compares = kind == SubLinkType::ANY_SUBLINK || kind == SubLinkType::ALL_SUBLINK;
        self.expression(link.testexpr(), scope, if compares { usage } else { usage.computed() })?;
        let outputs = self.query(link.subselect(), scope)?;
        if kind == SubLinkType::EXISTS_SUBLINK {
            // What its query puts out, nobody sees.
            return Ok(());
        }
        for mark in outputs.iter().filter_map(super::shape::Col::mark) {
            let usage =
                Usage { place: "through a subquery in an expression", compare: compares && usage.compare };
            usage.check(mark)?;
        }
        Ok(())
    }

    /// The SQL/JSON constructors and functions; anything else is not understood.
    fn json(&mut self, node: Node<'_>, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        match node {
            Node::JsonObjectConstructor(object) => {
                object.exprs().iter().try_for_each(|pair| self.json_pair(Some(pair), scope, usage))
            }
            Node::JsonArrayConstructor(array) => {
                array.exprs().iter().try_for_each(|value| self.json_value(Some(value), scope, usage))
            }
            Node::JsonArrayQueryConstructor(array) => {
                let outputs = self.query(array.query(), scope)?;
                match first_mark(&outputs) {
                    Some(mark) => Err(mark.found("through a subquery in an expression")),
                    None => Ok(()),
                }
            }
            Node::JsonObjectAgg(aggregate) => {
                self.json_pair(aggregate.arg(), scope, usage)?;
                self.json_aggregate(aggregate.constructor(), scope, usage)
            }
            Node::JsonArrayAgg(aggregate) => {
                self.json_value(aggregate.arg(), scope, usage)?;
                self.json_aggregate(aggregate.constructor(), scope, usage)
            }
            Node::JsonKeyValue(pair) => self.json_pair(Some(pair), scope, usage),
            Node::JsonValueExpr(value) => self.json_value(Some(value), scope, usage),
            Node::JsonParseExpr(parse) => self.json_value(parse.expr(), scope, usage),
            Node::JsonScalarExpr(scalar) => self.expression(scalar.expr(), scope, usage),
            Node::JsonSerializeExpr(serialize) => self.json_value(serialize.expr(), scope, usage),
            Node::JsonIsPredicate(predicate) => self.expression(predicate.expr(), scope, usage),
            Node::JsonArgument(argument) => self.json_value(argument.val(), scope, usage),
            Node::JsonFuncExpr(function) => {
                self.json_value(function.context_item(), scope, usage)?;
                self.expression(function.pathspec(), scope, usage)?;
                self.expressions(function.passing(), scope, usage)?;
                self.json_behavior(function.on_empty(), scope, usage)?;
                self.json_behavior(function.on_error(), scope, usage)
            }
            _ => Err(Found::new("", "in an expression that is not understood")),
        }
    }

    fn json_pair(&mut self, pair: Option<&nodes::JsonKeyValue>, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        let Some(pair) = pair else { return Ok(()) };
        self.expression(pair.key(), scope, usage)?;
        self.json_value(pair.value(), scope, usage)
    }

    pub(super) fn json_value(
        &mut self,
        value: Option<&nodes::JsonValueExpr>,
        scope: &Scope<'_>,
        usage: Usage,
    ) -> Walk<()> {
        let Some(value) = value else { return Ok(()) };
        self.expression(value.raw_expr(), scope, usage)?;
        self.expression(value.formatted_expr(), scope, usage)
    }

    pub(super) fn json_behavior(
        &mut self,
        behavior: Option<&nodes::JsonBehavior>,
        scope: &Scope<'_>,
        usage: Usage,
    ) -> Walk<()> {
        behavior.map_or(Ok(()), |behavior| self.expression(behavior.expr(), scope, usage))
    }

    fn json_aggregate(
        &mut self,
        aggregate: Option<&nodes::JsonAggConstructor>,
        scope: &Scope<'_>,
        usage: Usage,
    ) -> Walk<()> {
        let Some(aggregate) = aggregate else { return Ok(()) };
        self.expression(aggregate.agg_filter(), scope, usage)?;
        self.expressions(aggregate.agg_order(), scope, usage)?;
        aggregate.over().map_or(Ok(()), |window| self.window(window, scope, usage))
    }
}
