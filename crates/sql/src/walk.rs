//! The walk over a syntax tree, which everybody shares. sqlparser's own is generic: each visitor of its own compiles to some
//! 800 functions, one for every kind of node. Behind a trait object there is one walk that changes and one that only looks,
//! which halved what this crate takes to compile.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, Select, TableFactor, Visit, VisitMut, Visitor, VisitorMut};

use crate::error::SqlError;

/// What is changed at the places of a tree, before or after what is inside of them. An error ends the walk.
pub(crate) trait Rewrite {
    fn pre_visit_query(&mut self, _: &mut Query) -> Result<(), SqlError> {
        Ok(())
    }
    fn post_visit_query(&mut self, _: &mut Query) -> Result<(), SqlError> {
        Ok(())
    }
    fn pre_visit_select(&mut self, _: &mut Select) -> Result<(), SqlError> {
        Ok(())
    }
    fn post_visit_select(&mut self, _: &mut Select) -> Result<(), SqlError> {
        Ok(())
    }
    fn post_visit_table_factor(&mut self, _: &mut TableFactor) -> Result<(), SqlError> {
        Ok(())
    }
    fn pre_visit_expr(&mut self, _: &mut Expr) -> Result<(), SqlError> {
        Ok(())
    }
    fn post_visit_expr(&mut self, _: &mut Expr) -> Result<(), SqlError> {
        Ok(())
    }
}

/// What is looked at in a tree, before or after what is inside. An error ends the walk.
pub(crate) trait Inspect {
    fn pre_visit_query(&mut self, _: &Query) -> Result<(), SqlError> {
        Ok(())
    }
    fn post_visit_query(&mut self, _: &Query) -> Result<(), SqlError> {
        Ok(())
    }
    fn pre_visit_table_factor(&mut self, _: &TableFactor) -> Result<(), SqlError> {
        Ok(())
    }
    fn pre_visit_expr(&mut self, _: &Expr) -> Result<(), SqlError> {
        Ok(())
    }
}

/// Walks over a query, an expression or an item of a select list, and changes it.
///
/// # Errors
/// The first error of `by`; what was changed before it stays changed.
pub(crate) fn rewrite(tree: &mut impl VisitMut, by: &mut dyn Rewrite) -> Result<(), SqlError> {
    ended(tree.visit(&mut Rewriter(by)))
}

/// Walks over a query or an expression without changing it.
///
/// # Errors
/// The first error of `by`.
pub(crate) fn inspect(tree: &impl Visit, by: &mut dyn Inspect) -> Result<(), SqlError> {
    ended(tree.visit(&mut Inspector(by)))
}

/// Boxed, because sqlparser hands it through every level of the tree.
type Flow = ControlFlow<Box<SqlError>>;

fn ended(flow: Flow) -> Result<(), SqlError> {
    match flow {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn flow(result: Result<(), SqlError>) -> Flow {
    result.map_or_else(|error| ControlFlow::Break(Box::new(error)), ControlFlow::Continue)
}

struct Rewriter<'a>(&'a mut dyn Rewrite);

impl VisitorMut for Rewriter<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &mut Query) -> Flow {
        flow(self.0.pre_visit_query(query))
    }
    fn post_visit_query(&mut self, query: &mut Query) -> Flow {
        flow(self.0.post_visit_query(query))
    }
    fn pre_visit_select(&mut self, select: &mut Select) -> Flow {
        flow(self.0.pre_visit_select(select))
    }
    fn post_visit_select(&mut self, select: &mut Select) -> Flow {
        flow(self.0.post_visit_select(select))
    }
    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> Flow {
        flow(self.0.post_visit_table_factor(factor))
    }
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        flow(self.0.pre_visit_expr(expr))
    }
    fn post_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        flow(self.0.post_visit_expr(expr))
    }
}

struct Inspector<'a>(&'a mut dyn Inspect);

impl Visitor for Inspector<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        flow(self.0.pre_visit_query(query))
    }
    fn post_visit_query(&mut self, query: &Query) -> Flow {
        flow(self.0.post_visit_query(query))
    }
    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        flow(self.0.pre_visit_table_factor(factor))
    }
    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        flow(self.0.pre_visit_expr(expr))
    }
}
