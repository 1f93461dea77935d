//! Which tables and views a query reads, by name: the edges between the steps of a workbook; and which functions it
//! calls. The text alone tells, so that the edges are known of a step whose own inputs are gone.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::{Expr, Function, Ident, Query, TableFactor, Visit};

use crate::catalog::key;
use crate::error::SqlError;
use crate::walk::{Inspect, inspect};

/// The names that a query reads, as the catalogue knows them. Its own `WITH` names are not among them.
pub fn reads(query: &Query) -> BTreeSet<String> {
    let mut reads = Reads { names: BTreeSet::new(), open: Vec::new() };
    inspect(query, &mut reads).expect("nothing is refused");
    reads.names
}

/// The names of all functions that a query calls, in lower case.
pub fn calls(query: &Query) -> BTreeSet<String> {
    called(query)
}

/// The same of an expression.
pub fn calls_of(expr: &Expr) -> BTreeSet<String> {
    called(expr)
}

/// Not public: a walk for every kind of tree would be compiled again in each crate that asks.
fn called(tree: &impl Visit) -> BTreeSet<String> {
    let mut calls = Calls(BTreeSet::new());
    inspect(tree, &mut calls).expect("nothing is refused");
    calls.0
}

struct Calls(BTreeSet<String>);

impl Inspect for Calls {
    fn pre_visit_expr(&mut self, expr: &Expr) -> Result<(), SqlError> {
        if let Expr::Function(Function { name, .. }) = expr {
            self.0.extend(name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_lowercase()));
        }
        Ok(())
    }
}

struct Reads {
    names: BTreeSet<String>,
    /// The queries that the walk is inside of, outermost first.
    open: Vec<Scope>,
}

/// The `WITH` of a query. A query of the list sees the names before its own: the walk meets the list in
/// order and before the body, so a name holds once its query is left.
struct Scope {
    coming: Vec<(*const Query, String)>,
    names: Vec<String>,
}

impl Reads {
    fn add<'a>(&mut self, parts: impl DoubleEndedIterator<Item = &'a Ident>) {
        let mut parts = parts.rev().map(|part| part.value.as_str());
        let (Some(table), database) = (parts.next(), parts.next()) else { return };
        let own = || self.open.iter().flat_map(|scope| &scope.names).any(|name| name == table);
        if database.is_some() || !own() {
            self.names.insert(key(database, table));
        }
    }
}

impl Inspect for Reads {
    fn pre_visit_query(&mut self, query: &Query) -> Result<(), SqlError> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        let coming = tables.map(|table| (std::ptr::from_ref(table.query.as_ref()), table.alias.name.value.clone()));
        self.open.push(Scope { coming: coming.collect(), names: Vec::new() });
        Ok(())
    }

    fn post_visit_query(&mut self, query: &Query) -> Result<(), SqlError> {
        self.open.pop();
        if let Some(outer) = self.open.last_mut() {
            let named = outer.coming.iter().find(|(table, _)| std::ptr::eq(*table, query));
            outer.names.extend(named.map(|(_, name)| name.clone()));
        }
        Ok(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Result<(), SqlError> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            self.add(name.0.iter().filter_map(|part| part.as_ident()));
        }
        Ok(())
    }

    /// `TABLE t` as the argument of a windowing function.
    fn pre_visit_expr(&mut self, expr: &Expr) -> Result<(), SqlError> {
        if let Expr::Prefixed { prefix, value } = expr
            && prefix.value.eq_ignore_ascii_case("TABLE")
        {
            match value.as_ref() {
                Expr::Identifier(name) => self.add(std::iter::once(name)),
                Expr::CompoundIdentifier(parts) => self.add(parts.iter()),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_where_a_table_can_stand_is_seen() {
        for (sql, wanted) in [
            ("SELECT * FROM a, b x JOIN c ON x.k = c.k", &["a", "b", "c"][..]),
            ("FROM demo.bids |> WHERE price > 1 |> CALL TUMBLE(DESCRIPTOR(ts), INTERVAL '1' SECOND)", &["demo.bids"]),
            ("SELECT * FROM TABLE(TUMBLE(TABLE bars@2, DESCRIPTOR(ts), INTERVAL '1' SECOND))", &["bars@2"]),
            ("SELECT * FROM HOP(t, ts, INTERVAL '1' SECOND, INTERVAL '2' SECOND)", &["t"]),
            ("SELECT * FROM (SELECT * FROM a UNION ALL SELECT * FROM `b c`)", &["a", "b c"]),
            ("WITH a AS (SELECT * FROM a), b AS (SELECT * FROM a) SELECT * FROM a, b, c", &["a", "c"]),
            ("WITH a AS (WITH b AS (SELECT * FROM x) SELECT * FROM b) SELECT * FROM a, b", &["b", "x"]),
            ("SELECT 1", &[]),
        ] {
            let query = crate::query(sql).expect("is a query");
            assert_eq!(reads(&query).iter().map(String::as_str).collect::<Vec<_>>(), wanted, "{sql}");
        }
    }
}
