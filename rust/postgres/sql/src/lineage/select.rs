//! SELECT, VALUES and set operations.

use super::expression::Usage;
use super::figure::column_name;
use super::scope::{Item, Reference, Scope};
use super::shape::{Col, Title, first_mark};
use super::{Found, Walk, Walker};
use pg_raw_parse::const_val::ConstValue;
use pg_raw_parse::list::CastNodeList;
use pg_raw_parse::raw::SetOperation;
use pg_raw_parse::{Node, nodes};

impl Walker<'_> {
    /// The columns that a SELECT puts out.
    pub(super) fn select(&mut self, select: &nodes::SelectStmt, scope: &Scope<'_>) -> Walk<Vec<Col>> {
        self.deeper(|walker| walker.inner_select(select, scope))
    }

    fn inner_select(&mut self, select: &nodes::SelectStmt, scope: &Scope<'_>) -> Walk<Vec<Col>> {
        let ctes = self.with(select.with_clause(), scope)?;
        let level = scope.with_ctes(&ctes);
        let cols = if select.op != SetOperation::SETOP_NONE {
            self.set_operation(select, &level)?
        } else if !select.values_lists().is_empty() {
            self.values(select, &level)?
        } else {
            self.plain_select(select, &level)?
        };
        self.expression(select.limit_offset(), &level, Usage::never("in LIMIT"))?;
        self.expression(select.limit_count(), &level, Usage::never("in LIMIT"))?;
        if let (Some(_), Some(mark)) = (select.into_clause(), first_mark(&cols)) {
            return Err(mark.found("into a table"));
        }
        Ok(cols)
    }

    fn plain_select(&mut self, select: &nodes::SelectStmt, level: &Scope<'_>) -> Walk<Vec<Col>> {
        let items = self.items(select.from_clause(), level)?;
        let scope = level.with_items(&items);
        let cols = self.outputs(select.target_list(), &scope)?;
        self.expression(select.where_clause(), &scope, Usage::comparing("in WHERE"))?;
        for node in select.group_clause() {
            self.group(node, &scope, &cols)?;
        }
        self.expression(select.having_clause(), &scope, Usage::comparing("in HAVING"))?;
        for node in select.window_clause() {
            self.expression(node, &scope, Usage::never("in a window"))?;
        }
        for sort in select.sort_clause() {
            self.order(sort.node(), &scope, &cols, Usage::comparing("in ORDER BY"))?;
        }
        let distinct = Usage::comparing("in DISTINCT");
        for node in select.distinct_clause() {
            match node {
                // DISTINCT without ON is a list of one NULL.
                Node::None => cols.iter().filter_map(Col::mark).try_for_each(|mark| distinct.check(mark))?,
                node => self.order(node, &scope, &cols, distinct)?,
            }
        }
        Ok(cols)
    }

    fn values(&mut self, select: &nodes::SelectStmt, level: &Scope<'_>) -> Walk<Vec<Col>> {
        let mut width = 0;
        for row in select.values_lists() {
            width = row.as_node_list().map_or(0, |row| row.len());
            self.expression(row, level, Usage::never("in VALUES"))?;
        }
        for sort in select.sort_clause() {
            self.expression(sort.node(), level, Usage::never("in ORDER BY"))?;
        }
        Ok((1..=width).map(|number| Col::clear(Title::sure(&format!("column{number}")))).collect())
    }

    fn set_operation(&mut self, select: &nodes::SelectStmt, level: &Scope<'_>) -> Walk<Vec<Col>> {
        let odd = || Found::new("", "in a query that is not understood");
        // Chains lean to the left and are walked along.
        let mut arms = Vec::new();
        let mut next = select;
        loop {
            arms.push(next.rarg().ok_or_else(odd)?);
            let left = next.larg().ok_or_else(odd)?;
            if !is_plain_set_operation(left) {
                arms.push(left);
                break;
            }
            next = left;
        }
        // The first one gives the names.
        let mut names = None;
        for arm in arms.into_iter().rev() {
            let cols = self.select(arm, level)?;
            if let Some(mark) = first_mark(&cols) {
                return Err(mark.found("through UNION, INTERSECT or EXCEPT"));
            }
            names.get_or_insert(cols);
        }
        let cols = names.unwrap_or_default();
        let items = [Item::new(Title::Unknown, cols.clone())];
        let scope = level.with_items(&items);
        for sort in select.sort_clause() {
            self.order(sort.node(), &scope, &cols, Usage::never("in ORDER BY"))?;
        }
        Ok(cols)
    }

    /// A list of outputs.
    pub(super) fn outputs(
        &mut self,
        targets: &CastNodeList<nodes::ResTarget>,
        scope: &Scope<'_>,
    ) -> Walk<Vec<Col>> {
        let mut cols = Vec::new();
        for target in targets {
            self.output(target, scope, &mut cols)?;
        }
        Ok(cols)
    }

    /// One output: only a plain column keeps its origin, so only there a masked one may be.
    pub(super) fn output(
        &mut self,
        target: &nodes::ResTarget,
        scope: &Scope<'_>,
        cols: &mut Vec<Col>,
    ) -> Walk<()> {
        let before = cols.len();
        match target.val() {
            Node::ColumnRef(column) => {
                let reference = Reference::read(column);
                let (known, mark) = match reference {
                    Reference::Bare(name) => (name, self.bare(scope, name)?),
                    Reference::Of { schema, item, column } => {
                        (column, self.qualified(scope, schema, item, column)?)
                    }
                    Reference::Star | Reference::StarOf { .. } => {
                        let more = self.star(scope, &reference)?;
                        cols.extend(more);
                        return keep_origin(cols.get(before..).unwrap_or_default());
                    }
                    Reference::Odd => return Err(Found::new("", "in a name that is not understood")),
                };
                cols.push(Col::One { title: Title::sure(target.name().unwrap_or(known)), mark });
                keep_origin(cols.get(before..).unwrap_or_default())
            }
            value => {
                self.expression(value, scope, Usage::never("inside an expression"))?;
                let spread = matches!(value, Node::A_Indirection(indirection)
                    if matches!(indirection.indirection().iter().next_back(), Some(Node::A_Star(_))));
                cols.push(match (spread, target.name()) {
                    (true, _) => Col::Rest,
                    (false, Some(name)) => Col::clear(Title::sure(name)),
                    (false, None) => Col::clear(Title::likely(column_name(value))),
                });
                Ok(())
            }
        }
    }

    fn group(&mut self, node: Node<'_>, scope: &Scope<'_>, cols: &[Col]) -> Walk<()> {
        let usage = Usage::comparing("in GROUP BY");
        match node {
            Node::GroupingSet(set) => self
                .deeper(|walker| set.content().iter().try_for_each(|node| walker.group(node, scope, cols))),
            Node::RowExpr(row) => {
                self.deeper(|walker| row.args().iter().try_for_each(|node| walker.group(node, scope, cols)))
            }
            Node::ColumnRef(column) => {
                self.work(cols.len())?;
                if let Reference::Bare(name) = Reference::read(column)
                    && named_output(cols, name, usage)?.is_some()
                {
                    // An input column of that name wins over the output, if there is one.
                    return self.input_if_any(name, scope, usage);
                }
                self.expression(node, scope, usage)
            }
            node => self.order(node, scope, cols, usage),
        }
    }

    /// An item of ORDER BY or DISTINCT ON: an output by name or position before anything else.
    fn order(&mut self, node: Node<'_>, scope: &Scope<'_>, cols: &[Col], usage: Usage) -> Walk<()> {
        match node {
            Node::A_Const(constant) => match constant.val() {
                Some(ConstValue::Integer(number)) => {
                    self.work(cols.len())?;
                    position(cols, number, usage)
                }
                _ => Ok(()),
            },
            Node::ColumnRef(column) => {
                if let Reference::Bare(name) = Reference::read(column) {
                    self.work(cols.len())?;
                    match named_output(cols, name, usage)? {
                        Some(Title::Sure(_)) => return Ok(()),
                        // If the output has another name after all, an input column is meant.
                        Some(_) => return self.input_if_any(name, scope, usage),
                        None => {}
                    }
                }
                self.expression(node, scope, usage)
            }
            node => self.expression(node, scope, usage),
        }
    }

    /// A name that an output has, where a column of FROM may be meant instead.
    fn input_if_any(&mut self, name: &str, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        match self.bare(scope, name)? {
            Some(mark) if mark.known => usage.check(&mark),
            _ => Ok(()),
        }
    }
}

/// A set operation without anything of its own around it.
fn is_plain_set_operation(select: &nodes::SelectStmt) -> bool {
    select.op != SetOperation::SETOP_NONE
        && select.with_clause().is_none()
        && select.into_clause().is_none()
        && select.sort_clause().is_empty()
        && matches!(select.limit_offset(), Node::None)
        && matches!(select.limit_count(), Node::None)
}

/// The title of the outputs of this name, the surest, if there are any; they may be used so.
fn named_output<'c>(cols: &'c [Col], name: &str, usage: Usage) -> Walk<Option<&'c Title>> {
    let mut found = None;
    for col in cols {
        if let Col::One { title, mark } = col
            && title.is(name)
        {
            mark.as_ref().map_or(Ok(()), |mark| usage.check(mark))?;
            found = found.filter(|_| !title.is_surely(name)).or(Some(title));
        }
    }
    Ok(found)
}

/// The output at a position.
fn position(cols: &[Col], number: i32, usage: Usage) -> Walk<()> {
    let Some(index) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) else {
        return Ok(());
    };
    let upto = cols.get(..=index).unwrap_or(cols);
    if upto.iter().any(|col| matches!(col, Col::Rest)) {
        // Which one it is cannot be said.
        return cols.iter().filter_map(Col::mark).try_for_each(|mark| usage.check(mark));
    }
    cols.get(index).and_then(Col::mark).map_or(Ok(()), |mark| usage.check(mark))
}

/// A leak if one of these outputs is a masked column of which the result would not say so.
fn keep_origin(cols: &[Col]) -> Walk<()> {
    for mark in cols.iter().filter_map(Col::mark) {
        if let Some(why) = mark.lost {
            return Err(mark.found(why));
        }
    }
    Ok(())
}
