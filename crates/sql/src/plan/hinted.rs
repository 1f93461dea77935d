//! Two things that stand beside a relation in the tree and that DataFusion would pass over: the options of a
//! hint behind a table's name, and `SELECT * RENAME (a AS b)`, which pipes leave behind.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{
    Ident, IdentWithAlias, Query, RenameSelectItem, Select, SelectItem, SetExpr, TableFactor,
};

use super::fault::outside;
use super::rewrite;
use super::source::TapSource;
use crate::error::{Span, SqlError};
use crate::shape;
use crate::walk::{self, Rewrite};

/// The scan of a table, with the options of its hint instead of those it was declared with.
pub(super) fn with_options(
    plan: LogicalPlan,
    options: Vec<(String, String)>,
    place: Option<Span>,
) -> Result<LogicalPlan> {
    let refused = |message: String| outside(SqlError::new("E0302", message).at(place));
    let LogicalPlan::TableScan(mut scan) = plan else {
        return Err(refused("only a table takes the options of a hint, a view has none".into()));
    };
    let Some(source) = scan.source.downcast_ref::<TapSource>() else {
        return Err(refused("only a table takes the options of a hint".into()));
    };
    if options.iter().any(|(key, _)| key == "connector") {
        return Err(refused("a hint cannot give a table another connector".into()));
    }
    let mut tap = source.tap.as_ref().clone();
    tap.options.extend(options);
    scan.source = Arc::new(TapSource::new(Arc::new(tap)));
    Ok(LogicalPlan::TableScan(scan))
}

/// Puts every `SELECT * RENAME …` into a subquery, where the planner of relations finds it.
pub(super) fn nest_renames(query: &mut Query) -> Result<(), SqlError> {
    walk::rewrite(query, &mut Renames)
}

struct Renames;

impl Rewrite for Renames {
    fn post_visit_select(&mut self, select: &mut Select) -> Result<(), SqlError> {
        let renames = |item: &SelectItem| matches!(item, SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) if options.opt_rename.is_some());
        if !select.projection.iter().any(renames) {
            return Ok(());
        }
        if !matches!(select.projection.as_slice(), [SelectItem::Wildcard(_)]) {
            let error = SqlError::new("E0501", "RENAME stands behind a * that is alone").at(Span::of(select));
            return Err(error);
        }
        let name = match select.from.as_slice() {
            [from] if from.joins.is_empty() => shape::visible_name(&from.relation),
            _ => None,
        };
        let outer = shape::select(vec![shape::wildcard()], Vec::new());
        let inner = Box::new(shape::query(SetExpr::Select(Box::new(std::mem::replace(select, outer)))));
        select.from = shape::from(shape::derived(inner, name));
        Ok(())
    }
}

/// Takes the mappings of `SELECT * RENAME …` out of a subquery.
pub(super) fn take_rename(factor: &mut TableFactor) -> Option<Vec<IdentWithAlias>> {
    let TableFactor::Derived { lateral: false, subquery, .. } = factor else { return None };
    let SetExpr::Select(select) = subquery.body.as_mut() else { return None };
    let [SelectItem::Wildcard(options)] = select.projection.as_mut_slice() else { return None };
    Some(match options.opt_rename.take()? {
        RenameSelectItem::Single(mapping) => vec![mapping],
        RenameSelectItem::Multiple(mappings) => mappings,
    })
}

/// Gives columns other names, in their places.
pub(super) fn renamed(plan: LogicalPlan, mappings: &[IdentWithAlias]) -> Result<LogicalPlan> {
    let mut names: Vec<String> = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
    let before = names.clone();
    for IdentWithAlias { ident, alias } in mappings {
        let at = before.iter().position(|name| *name == ident.value).ok_or_else(|| unknown(ident, &before))?;
        names[at].clone_from(&alias.value);
    }
    rewrite::rename(plan, &names).map_err(outside)
}

fn unknown(ident: &Ident, known: &[String]) -> datafusion::common::DataFusionError {
    let error = SqlError::new("E0204", format!("there is no column '{}' to rename", ident.value));
    outside(error.at(Span::at(ident.span)).did_you_mean(&ident.value, known.iter().map(String::as_str)))
}
