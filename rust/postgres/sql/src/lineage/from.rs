//! FROM: relations, subqueries, functions and joins.

use super::expression::Usage;
use super::mutation::Mutation;
use super::query::names;
use super::scope::{Item, Scope};
use super::shape::{COPIED, Col, Cols, Mark, Title, first_mark, has_unknown, of_relation, renamed};
use super::{Found, Walk, Walker};
use crate::Name;
use pg_raw_parse::list::NodeList;
use pg_raw_parse::{Node, nodes};
use std::rc::Rc;

/// The name of a relation as written.
pub(super) fn relation_name(relation: &nodes::RangeVar) -> Name {
    Name {
        schema: relation.schemaname().map(str::to_owned),
        name: relation.relname().unwrap_or_default().to_owned(),
    }
}

impl Walker<'_> {
    /// The items of a FROM list.
    pub(super) fn items(&mut self, list: &NodeList, level: &Scope<'_>) -> Walk<Vec<Item>> {
        let mut items = Vec::new();
        for node in list {
            let more = self.item(node, level, &items)?;
            items.extend(more);
        }
        Ok(items)
    }

    /// One node of FROM. `left` is what LATERAL sees.
    pub(super) fn item(&mut self, node: Node<'_>, level: &Scope<'_>, left: &[Item]) -> Walk<Vec<Item>> {
        self.deeper(|walker| walker.inner_item(node, level, left))
    }

    fn inner_item(&mut self, node: Node<'_>, level: &Scope<'_>, left: &[Item]) -> Walk<Vec<Item>> {
        let lateral = level.with_items(left);
        match node {
            Node::RangeVar(relation) => Ok(vec![self.relation(relation, level)?]),
            Node::RangeSubselect(subquery) => {
                let scope = if subquery.lateral { &lateral } else { level };
                let cols = self.query(subquery.subquery(), scope)?;
                Ok(vec![aliased(Title::Unknown, subquery.alias(), cols)?])
            }
            Node::JoinExpr(join) => self.join(join, level, left),
            Node::RangeTableSample(sample) => {
                // They see nothing of this FROM, only the queries around.
                let usage = Usage::never("in TABLESAMPLE");
                let scope = if Mutation::TableSample.is_made() { &lateral } else { level };
                self.expressions(sample.args(), scope, usage)?;
                self.expression(sample.repeatable(), scope, usage)?;
                self.item(sample.relation(), level, left)
            }
            Node::RangeFunction(function) => {
                let usage = Usage::never("in a function in FROM");
                self.expressions_of_functions(function, &lateral, usage)?;
                let name =
                    function.functions().first().and_then(first_of_pair).and_then(super::figure::column_name);
                let defined = function.coldeflist();
                let cols = if defined.is_empty() {
                    vec![Col::Rest]
                } else {
                    let title = |name: Option<&str>| name.map_or(Title::Unknown, Title::sure);
                    let defined = defined.iter().map(|column| Col::clear(title(column.colname())));
                    defined.chain([Col::Rest]).collect()
                };
                Ok(vec![aliased(Title::likely(name), function.alias(), cols)?])
            }
            Node::RangeTableFunc(table) => {
                let usage = Usage::never("in a function in FROM");
                self.expression(table.docexpr(), &lateral, usage)?;
                self.expression(table.rowexpr(), &lateral, usage)?;
                self.expressions(table.namespaces(), &lateral, usage)?;
                for column in table.columns() {
                    self.expression(column.colexpr(), &lateral, usage)?;
                    self.expression(column.coldefexpr(), &lateral, usage)?;
                }
                Ok(vec![aliased(Title::likely(Some("xmltable")), table.alias(), vec![Col::Rest])?])
            }
            Node::JsonTable(table) => {
                let usage = Usage::never("in a function in FROM");
                self.json_value(table.context_item(), &lateral, usage)?;
                let path = table.pathspec().map_or(Node::None, nodes::JsonTablePathSpec::string);
                self.expression(path, &lateral, usage)?;
                self.expressions(table.passing(), &lateral, usage)?;
                self.json_behavior(table.on_error(), &lateral, usage)?;
                for column in table.columns() {
                    self.json_column(column, &lateral, usage)?;
                }
                Ok(vec![aliased(Title::likely(Some("json_table")), table.alias(), vec![Col::Rest])?])
            }
            _ => Err(Found::new("", "in an item of FROM that is not understood")),
        }
    }

    fn json_column(&mut self, column: &nodes::JsonTableColumn, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        self.deeper(|walker| {
            let path = column.pathspec().map_or(Node::None, nodes::JsonTablePathSpec::string);
            walker.expression(path, scope, usage)?;
            walker.json_behavior(column.on_empty(), scope, usage)?;
            walker.json_behavior(column.on_error(), scope, usage)?;
            for nested in column.columns() {
                match nested {
                    Node::JsonTableColumn(nested) => walker.json_column(nested, scope, usage)?,
                    _ => return Err(Found::new("", "in an item of FROM that is not understood")),
                }
            }
            Ok(())
        })
    }

    /// ROWS FROM is a list of pairs: a call, and a list of column definitions.
    fn expressions_of_functions(
        &mut self,
        function: &nodes::RangeFunction,
        scope: &Scope<'_>,
        usage: Usage,
    ) -> Walk<()> {
        for pair in function.functions() {
            match pair {
                Node::NodeList(pair) => {
                    let Some(call) = pair.first() else { continue };
                    self.expression(call, scope, usage)?;
                }
                call => self.expression(call, scope, usage)?,
            }
        }
        Ok(())
    }

    /// A relation or CTE that is read.
    fn relation(&mut self, relation: &nodes::RangeVar, scope: &Scope<'_>) -> Walk<Item> {
        self.work(scope.levels().map(|level| level.ctes.len().saturating_add(1)).sum())?;
        if let (None, Some(name)) = (relation.schemaname(), relation.relname())
            && let Some(cte) = scope.cte(name)
        {
            self.copies(cte.cols.as_ref().map_or(1, Vec::len))?;
            let cols = cte.cols.clone().unwrap_or_else(|| {
                cte.early.set(true);
                vec![Col::Rest]
            });
            return aliased(Title::sure(name), relation.alias(), cols);
        }
        self.target(relation)
    }

    /// A relation by its own name: what is written to, or read where no CTE has the name.
    pub(super) fn target(&mut self, relation: &nodes::RangeVar) -> Walk<Item> {
        let name = relation_name(relation);
        let schema = self.catalogue.schema(&name);
        let cols = match self.catalogue.columns(&name) {
            None => Rc::new(Cols::new(vec![Col::Rest])),
            Some(known) => {
                self.touches = true;
                if known.opaque {
                    return Err(Found::new(name.name, "through a view"));
                }
                match self.relations.get(&name) {
                    Some(cols) => Rc::clone(cols),
                    None => {
                        self.copies(known.columns.len().saturating_mul(COPIED))?;
                        let mut cols = of_relation(&name, &known.columns, schema.is_some());
                        if schema.is_none() {
                            // If it is another relation, it may have more columns or less.
                            cols.insert(0, Col::Rest);
                        }
                        let cols = Rc::new(Cols::new(cols));
                        self.relations.insert(name.clone(), Rc::clone(&cols));
                        cols
                    }
                }
            }
        };
        let title = Title::sure(&name.name);
        let renames = relation.alias().is_some_and(|alias| !alias.colnames().is_empty());
        let mut item = if renames {
            self.copies(cols.len())?;
            aliased(title, relation.alias(), cols.to_vec())?
        } else {
            let alias = relation.alias().and_then(nodes::Alias::aliasname);
            Item::of(alias.map_or(title, Title::sure), cols)
        };
        item.relation = relation.alias().is_none();
        let schema = if Mutation::Qualified.is_made() { relation.schemaname() } else { schema };
        item.schema = schema.filter(|_| item.relation).map(Rc::from);
        Ok(item)
    }

    fn join(&mut self, join: &nodes::JoinExpr, level: &Scope<'_>, left: &[Item]) -> Walk<Vec<Item>> {
        let mut items = self.item(join.larg(), level, left)?;
        // a relation sees nothing of what is to its left
        let looks_left = !matches!(join.rarg(), Node::RangeVar(_));
        let seen: Vec<Item> = left.iter().chain(&items).filter(|_| looks_left).cloned().collect();
        self.copies(seen.len())?;
        let right = self.item(join.rarg(), level, &seen)?;
        let bare = items.iter().chain(&right).filter(|item| item.bare);
        self.copies(bare.map(|item| item.cols.len()).sum())?;
        let lcols = bare_cols(&items);
        let rcols = bare_cols(&right);
        items.extend(right);
        self.expression(join.quals(), &level.with_items(&items), Usage::comparing("in a join condition"))?;

        let using: Vec<&str> = join.using_clause().iter().filter_map(|name| name.sval()).collect();
        self.compares(&using, join.is_natural, &lcols, &rcols)?;
        let (merged, cols) = if join.is_natural {
            natural(&lcols, &rcols)?
        } else if using.is_empty() {
            (Vec::new(), lcols.into_iter().chain(rcols).collect())
        } else {
            merge(&using, &lcols, &rcols)?
        };
        if let Some(alias) = join.alias() {
            return Ok(vec![aliased(Title::Unknown, Some(alias), cols)?]);
        }
        // what has no name is reached through the columns of the whole
        items.retain(|item| item.title.name().is_some());
        let mut items: Vec<Item> = items.into_iter().map(Item::hidden).collect();
        if let Some(alias) = join.join_using_alias() {
            items.push(aliased(Title::Unknown, Some(alias), merged)?.hidden());
        }
        items.push(Item::new(Title::Unknown, cols));
        Ok(items)
    }
}

impl Walker<'_> {
    /// Which columns of two sides are the same is found out by comparing their names.
    fn compares(&self, using: &[&str], is_natural: bool, left: &[Col], right: &[Col]) -> Walk<()> {
        let all = left.len().saturating_add(right.len());
        let names = if is_natural {
            left.iter().chain(right).filter(|col| col.mark().is_some()).count().saturating_mul(2)
        } else {
            using.len().saturating_mul(4)
        };
        self.work(names.saturating_mul(all))
    }
}

/// An item under its alias, or else its own name.
fn aliased(own: Title, alias: Option<&nodes::Alias>, cols: Vec<Col>) -> Walk<Item> {
    let Some(alias) = alias else { return Ok(Item::new(own, cols)) };
    let title = alias.aliasname().map_or(own, Title::sure);
    Ok(Item::new(title, renamed(cols, &names(alias.colnames()))?))
}

fn first_of_pair(node: Node<'_>) -> Option<Node<'_>> {
    match node {
        Node::NodeList(pair) => pair.first(),
        node => Some(node),
    }
}

fn bare_cols(items: &[Item]) -> Vec<Col> {
    items.iter().filter(|item| item.bare).flat_map(|item| item.cols.iter().cloned()).collect()
}

/// A merged column: the server computes it in a FULL join and where the types differ.
fn merged_col(name: &str, mark: Option<&Rc<Mark>>) -> Walk<Col> {
    let title = Title::sure(name);
    let Some(mark) = mark else { return Ok(Col::clear(title)) };
    Usage::comparing("in USING").check(mark)?;
    Ok(Col::One { title, mark: Some(Rc::new(mark.losing("merged by USING"))) })
}

/// USING: the merged columns, and all columns of the join.
fn merge(using: &[&str], left: &[Col], right: &[Col]) -> Walk<(Vec<Col>, Vec<Col>)> {
    let mut merged = Vec::new();
    for name in using {
        for side in [left, right] {
            let found = side.iter().any(|col| col.is_named(name));
            if let (false, false, Some(_)) = (found, has_unknown(side), first_mark(side)) {
                return Err(Found::new(*name, "an unknown column"));
            }
        }
        let mut same = left.iter().chain(right).filter(|col| col.is_named(name));
        merged.push(merged_col(name, same.find_map(Col::mark))?);
    }
    let mut cols = merged.clone();
    for side in [left, right] {
        // Where one of them may be another column of this side, how many are left is not known.
        if !using.iter().all(|name| side.iter().any(|col| col.is_surely(name))) {
            cols.push(Col::Rest);
        }
        cols.extend(side.iter().filter(|col| !using.iter().any(|name| col.is_named(name))).cloned());
    }
    Ok((merged, cols))
}

/// NATURAL: every column that both sides have, as far as that can be said.
fn natural(left: &[Col], right: &[Col]) -> Walk<(Vec<Col>, Vec<Col>)> {
    let both = |side: &[Col], other: &[Col]| -> Walk<Vec<Col>> {
        let mut cols = Vec::new();
        for col in side {
            let Col::One { title, mark: Some(mark) } = col else {
                cols.push(col.clone());
                continue;
            };
            match title.name() {
                Some(name) if has_unknown(other) || other.iter().any(|col| col.is_named(name)) => {
                    cols.push(merged_col(name, Some(mark))?);
                }
                Some(_) => cols.push(col.clone()),
                None => return Err(mark.found("in a natural join")),
            }
        }
        Ok(cols)
    };
    let mut cols = vec![Col::Rest];
    cols.extend(both(left, right)?);
    cols.extend(both(right, left)?);
    // A column that one side masks and the other has in the clear is one column: masked.
    let masked: Vec<Rc<str>> = cols
        .iter()
        .filter_map(|col| match col {
            Col::One { title, mark: Some(mark) } if mark.lost.is_some() => title.name().map(Rc::clone),
            _ => None,
        })
        .collect();
    cols.retain(|col| col.mark().is_some() || !masked.iter().any(|name| col.is_named(name)));
    // The order of what is left is the server's: nothing may be counted on.
    cols.insert(0, Col::Rest);
    Ok((Vec::new(), cols))
}
