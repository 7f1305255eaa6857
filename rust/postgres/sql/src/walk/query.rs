//! SELECT, VALUES, TABLE, their FROM and WITH.

use super::{Columns, Walk};
use crate::Verbs;
use pg_raw_parse::list::{CastNodeList, NodeList};
use pg_raw_parse::nodes::{
    Alias, IntoClause, LockingClause, RangeFunction, RangeTableFunc, RangeTableSample, RangeVar, SelectStmt,
    WindowDef, WithClause,
};
use pg_raw_parse::{Node, nodes};
use std::collections::HashSet;
use std::rc::Rc;

/// Which relations of a FROM are locked by FOR UPDATE and its like.
#[derive(Clone)]
pub(super) enum Locked<'a> {
    None,
    All,
    /// Those that the clauses of a query name.
    Named(Rc<HashSet<Option<&'a str>>>),
}

impl<'a> Locked<'a> {
    /// What these clauses lock: all if one names none, or something that is not known.
    fn by(clauses: &'a CastNodeList<LockingClause>) -> Locked<'a> {
        let mut names = HashSet::new();
        for clause in clauses {
            if clause.locked_rels().is_empty() {
                return Locked::All;
            }
            for node in clause.locked_rels() {
                match node {
                    Node::RangeVar(range) => names.insert(range.relname()),
                    _ => return Locked::All,
                };
            }
        }
        Locked::Named(Rc::new(names))
    }

    /// True if the item of this name (an alias, or a relation without one) is locked.
    fn names(&self, alias: Option<&str>) -> bool {
        match self {
            Locked::None => false,
            Locked::All => true,
            Locked::Named(names) => names.contains(&alias),
        }
    }

    /// What is locked inside of an item of this name.
    fn inside(&self, alias: Option<&str>) -> Locked<'a> {
        if self.names(alias) { Locked::All } else { Locked::None }
    }
}

impl<'a> Walk<'a> {
    /// A query, whole. UNION chains lean to the left and are walked along.
    pub(super) fn select(&mut self, select: &'a SelectStmt, locked: &Locked<'a>) {
        if !self.enter() {
            return;
        }
        let mark = self.scope.mark();
        let mut select = select;
        let mut locked = locked.clone();
        loop {
            self.with(select.with_clause());
            let clauses = select.locking_clause();
            // A FOR UPDATE outside goes for what is inside, too.
            if !clauses.is_empty() && !matches!(locked, Locked::All) {
                locked = Locked::by(clauses);
            }
            self.select_level(select, &locked);
            if let Some(right) = select.rarg() {
                self.select(right, &locked);
            }
            match select.larg() {
                Some(left) => select = left,
                None => break,
            }
        }
        self.scope.back_to(mark);
        self.leave();
    }

    /// One level. Left out: group_distinct, limit_option, op, all (flags).
    fn select_level(&mut self, select: &'a SelectStmt, locked: &Locked<'a>) {
        if let Some(into) = select.into_clause() {
            self.made_of(into);
        }
        // names in FROM may be of other items there
        self.listed = None;
        for node in select.from_clause() {
            self.item(node, locked);
        }
        for node in select.distinct_clause() {
            self.expr(node);
        }
        (self.listed, self.listed_settings) = (Some(select), None);
        for target in select.target_list() {
            self.res_target(target);
        }
        self.listed = None;
        self.expr(select.where_clause());
        self.exprs(select.group_clause());
        self.expr(select.having_clause());
        for node in select.window_clause() {
            match node {
                Node::WindowDef(window) => self.window(window),
                other => self.unknown(other),
            }
        }
        self.exprs(select.values_lists());
        for sort in select.sort_clause() {
            self.sort_by(sort);
        }
        self.expr(select.limit_offset());
        self.expr(select.limit_count());
        for clause in select.locking_clause() {
            // Left out: strength (any is a lock), wait_policy. The names are of FROM items, read in `Locked`.
            for node in clause.locked_rels() {
                match node {
                    Node::RangeVar(range) if range.schemaname().is_none() => {}
                    other => self.unknown(other),
                }
            }
        }
    }

    /// SELECT INTO and CREATE TABLE AS. Left out: col_names, access_method, on_commit, table_space_name,
    /// skip_data; view_query is made by analysis, never by the grammar.
    pub(super) fn made_of(&mut self, into: &'a IntoClause) {
        self.made(into.rel());
        self.options(into.options());
    }

    /// WITH: each name is visible in what follows; with RECURSIVE, in all of the WITH, too.
    pub(super) fn with(&mut self, with: Option<&'a WithClause>) {
        let Some(with) = with else { return };
        if with.recursive {
            for cte in with.ctes() {
                self.scope.add(cte.ctename().unwrap_or(""));
            }
        }
        for cte in with.ctes() {
            // Left out: aliascolnames (names), ctematerialized; the fields of analysis (cterecursive and on).
            self.nested(cte.ctequery());
            if let Some(search) = cte.search_clause() {
                // Names of the CTE's own columns only.
                self.leaves(search.search_col_list());
            }
            if let Some(cycle) = cte.cycle_clause() {
                self.leaves(cycle.cycle_col_list());
                self.expr(cycle.cycle_mark_value());
                self.expr(cycle.cycle_mark_default());
            }
            if !with.recursive {
                self.scope.add(cte.ctename().unwrap_or(""));
            }
        }
    }

    /// A query in any place: a CTE's (which may write), a sub-select, what is prepared.
    pub(super) fn nested(&mut self, node: Node<'a>) {
        match node {
            Node::SelectStmt(select) => self.select(select, &Locked::None),
            Node::None => {}
            other => {
                self.statement(other);
            }
        }
    }

    /// A list that may only have names or other constants.
    pub(super) fn leaves(&mut self, list: &'a NodeList) {
        for node in list {
            match node {
                Node::String(_) | Node::A_Star(_) | Node::Integer(_) => {}
                other => self.unknown(other),
            }
        }
    }

    /// An item of FROM, USING or of a MERGE's source. Joins lean to the left and are walked along.
    pub(super) fn item(&mut self, node: Node<'a>, locked: &Locked<'a>) {
        if !self.enter() {
            return;
        }
        let mut node = node;
        let mut locked = locked;
        loop {
            match node {
                Node::JoinExpr(join) => {
                    // Left out: jointype, is_natural, using_clause (names), join_using_alias, rtindex.
                    if join.alias().is_some() && locked.names(alias(join.alias())) {
                        locked = &Locked::All;
                    }
                    self.nodes += 1;
                    self.item(join.rarg(), locked);
                    self.expr(join.quals());
                    node = join.larg();
                    continue;
                }
                Node::RangeVar(range) => self.relation_item(range, locked),
                Node::RangeSubselect(sub) => {
                    // Left out: lateral, alias' column names.
                    let inner = locked.inside(alias(sub.alias()));
                    match sub.subquery() {
                        Node::SelectStmt(select) => self.select(select, &inner),
                        other => self.unknown(other),
                    }
                }
                Node::RangeFunction(function) => self.range_function(function),
                Node::RangeTableFunc(table) => self.range_table_func(table),
                Node::RangeTableSample(sample) => self.table_sample(sample, locked),
                Node::JsonTable(table) => self.json_table(table),
                other => self.unknown(other),
            }
            break;
        }
        self.leave();
    }

    fn relation_item(&mut self, range: &'a RangeVar, locked: &Locked<'a>) {
        let Some((schema, name)) = self.range_name(range) else { return };
        if schema.is_none() && range.catalogname().is_none() && self.scope.contains(name) {
            return;
        }
        let is_locked = locked.names(alias(range.alias()).or(Some(name)));
        let verbs = if is_locked { Verbs::SELECT.with(Verbs::LOCK) } else { Verbs::SELECT };
        self.touch_columns(schema, name, verbs, Columns::Unnamed, range.inh);
    }

    /// Left out: lateral, ordinality, is_rowsfrom, alias.
    fn range_function(&mut self, function: &'a RangeFunction) {
        for pair in function.functions() {
            // Each is a list of the call and its column definitions.
            match pair {
                Node::NodeList(pair) => {
                    for node in pair {
                        self.function_or_columns(node);
                    }
                }
                other => self.unknown(other),
            }
        }
        for column in function.coldeflist() {
            self.column_def(column);
        }
    }

    fn function_or_columns(&mut self, node: Node<'a>) {
        match node {
            Node::NodeList(columns) => {
                for column in columns {
                    match column {
                        Node::ColumnDef(column) => self.column_def(column),
                        other => self.unknown(other),
                    }
                }
            }
            other => self.expr(other),
        }
    }

    /// XMLTABLE. Left out: lateral, alias; of the columns: colname, for_ordinality, is_not_null.
    fn range_table_func(&mut self, table: &'a RangeTableFunc) {
        self.expr(table.docexpr());
        self.expr(table.rowexpr());
        self.exprs(table.namespaces());
        for column in table.columns() {
            self.type_name(column.type_name());
            self.expr(column.colexpr());
            self.expr(column.coldefexpr());
        }
    }

    /// The method is a function on the server: it is a call.
    fn table_sample(&mut self, sample: &'a RangeTableSample, locked: &Locked<'a>) {
        self.item(sample.relation(), locked);
        if let Some((schema, name)) = self.name_of(sample.method()) {
            self.call(schema, name, false);
        }
        self.exprs(sample.args());
        self.expr(sample.repeatable());
    }

    /// A window's definition. Left out: name, refname, frame_options.
    pub(super) fn window(&mut self, window: &'a WindowDef) {
        self.exprs(window.partition_clause());
        for sort in window.order_clause() {
            self.sort_by(sort);
        }
        self.expr(window.start_offset());
        self.expr(window.end_offset());
    }

    /// Left out: sortby_dir, sortby_nulls; use_op is an operator's name.
    pub(super) fn sort_by(&mut self, sort: &'a nodes::SortBy) {
        self.expr(sort.node());
        self.operator(sort.use_op());
    }
}

fn alias(alias: Option<&Alias>) -> Option<&str> {
    alias.and_then(Alias::aliasname)
}
