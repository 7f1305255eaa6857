//! SQL/JSON. Servers before 17 know these words as plain functions, and so each is reported as the call of an
//! unqualified function, too.

use super::Walk;
use pg_raw_parse::list::NodeList;
use pg_raw_parse::nodes::{
    JsonAggConstructor, JsonArgument, JsonBehavior, JsonFuncExpr, JsonOutput, JsonTable, JsonTableColumn,
    JsonValueExpr,
};
use pg_raw_parse::{Node, raw};

impl<'a> Walk<'a> {
    /// The kinds that [`Walk::expr`] passes on. Left out in all: absent_on_null, unique, wrapper, quotes (flags).
    pub(super) fn json_expr(&mut self, node: Node<'a>) {
        match node {
            Node::JsonFuncExpr(expr) => self.json_func(expr),
            Node::JsonParseExpr(expr) => {
                self.word("json");
                self.json_value(expr.expr());
                self.json_output(expr.output());
            }
            Node::JsonScalarExpr(expr) => {
                self.word("json_scalar");
                self.expr(expr.expr());
                self.json_output(expr.output());
            }
            Node::JsonSerializeExpr(expr) => {
                self.word("json_serialize");
                self.json_value(expr.expr());
                self.json_output(expr.output());
            }
            Node::JsonObjectConstructor(json) => {
                self.word("json_object");
                for pair in json.exprs() {
                    self.expr(pair.key());
                    self.json_value(pair.value());
                }
                self.json_output(json.output());
            }
            Node::JsonArrayConstructor(json) => {
                self.word("json_array");
                for value in json.exprs() {
                    self.json_value(Some(value));
                }
                self.json_output(json.output());
            }
            Node::JsonArrayQueryConstructor(json) => {
                // Left out: format.
                self.word("json_array");
                self.nested(json.query());
                self.json_output(json.output());
            }
            Node::JsonObjectAgg(json) => {
                self.word("json_objectagg");
                self.json_aggregate(json.constructor());
                if let Some(pair) = json.arg() {
                    self.expr(pair.key());
                    self.json_value(pair.value());
                }
            }
            Node::JsonArrayAgg(json) => {
                self.word("json_arrayagg");
                self.json_aggregate(json.constructor());
                self.json_value(json.arg());
            }
            Node::JsonValueExpr(value) => self.json_value(Some(value)),
            Node::JsonArgument(argument) => self.json_argument(argument),
            Node::JsonBehavior(behavior) => self.json_behavior(Some(behavior)),
            Node::JsonOutput(output) => self.json_output(Some(output)),
            // `x IS JSON` was never a function. Left out: format, item_type, unique_keys.
            Node::JsonIsPredicate(test) => self.expr(test.expr()),
            Node::MergeSupportFunc(_) => self.word("merge_action"),
            other => self.unknown(other),
        }
    }

    fn word(&mut self, name: &'static str) {
        self.call(None, name, false);
    }

    /// JSON_EXISTS, JSON_QUERY, JSON_VALUE. Left out: column_name.
    fn json_func(&mut self, expr: &'a JsonFuncExpr) {
        match expr.op {
            raw::JsonExprOp::JSON_EXISTS_OP => self.word("json_exists"),
            raw::JsonExprOp::JSON_QUERY_OP => self.word("json_query"),
            raw::JsonExprOp::JSON_VALUE_OP => self.word("json_value"),
            raw::JsonExprOp::JSON_TABLE_OP => self.word("json_table"),
            _ => self.unknown_text("JsonFuncExpr"),
        }
        self.json_value(expr.context_item());
        self.expr(expr.pathspec());
        self.json_passing(expr.passing());
        self.json_output(expr.output());
        self.json_behavior(expr.on_empty());
        self.json_behavior(expr.on_error());
    }

    /// Left out: lateral, alias; the names of the path.
    pub(super) fn json_table(&mut self, table: &'a JsonTable) {
        self.word("json_table");
        self.json_value(table.context_item());
        if let Some(path) = table.pathspec() {
            self.expr(path.string());
        }
        self.json_passing(table.passing());
        for column in table.columns() {
            self.json_column(column);
        }
        self.json_behavior(table.on_error());
    }

    /// Left out: coltype, name, format.
    fn json_column(&mut self, column: &'a JsonTableColumn) {
        if !self.enter() {
            return;
        }
        self.type_name(column.type_name());
        if let Some(path) = column.pathspec() {
            self.expr(path.string());
        }
        for node in column.columns() {
            match node {
                Node::JsonTableColumn(column) => self.json_column(column),
                other => self.unknown(other),
            }
        }
        self.json_behavior(column.on_empty());
        self.json_behavior(column.on_error());
        self.leave();
    }

    fn json_passing(&mut self, passing: &'a NodeList) {
        for node in passing {
            match node {
                Node::JsonArgument(argument) => self.json_argument(argument),
                other => self.unknown(other),
            }
        }
    }

    fn json_argument(&mut self, argument: &'a JsonArgument) {
        // Left out: name.
        self.json_value(argument.val());
    }

    fn json_value(&mut self, value: Option<&'a JsonValueExpr>) {
        let Some(value) = value else { return };
        // Left out: format. The grammar sets raw_expr only, but both are read.
        self.expr(value.raw_expr());
        self.expr(value.formatted_expr());
    }

    fn json_behavior(&mut self, behavior: Option<&'a JsonBehavior>) {
        if let Some(behavior) = behavior {
            // Left out: btype, coerce.
            self.expr(behavior.expr());
        }
    }

    fn json_output(&mut self, output: Option<&'a JsonOutput>) {
        if let Some(output) = output {
            // Left out: returning, which has a format and the fields of analysis.
            self.type_name(output.type_name());
        }
    }

    fn json_aggregate(&mut self, constructor: Option<&'a JsonAggConstructor>) {
        let Some(constructor) = constructor else { return };
        self.json_output(constructor.output());
        self.expr(constructor.agg_filter());
        self.sorted(constructor.agg_order().len());
        self.exprs(constructor.agg_order());
        if let Some(window) = constructor.over() {
            self.window(window);
        }
    }
}
