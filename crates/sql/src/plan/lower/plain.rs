//! What keeps no state: projections, filters, and the first rows of a stream.

use datafusion::logical_expr::{Expr, FetchType, Filter, Limit, LogicalPlan, Projection, SkipType};
use millstream_plan::{Changes, Op, Window};

use super::columns::Columns;
use super::rows::{Attached, Rows, Slot};
use super::{Lowering, place};
use crate::SqlError;
use crate::plan::refuse::unsupported;

impl Lowering<'_> {
    /// Columns picked and renamed need no node; computed ones do.
    pub(super) fn projection(&mut self, projection: &Projection) -> Result<Rows, SqlError> {
        if let LogicalPlan::EmptyRelation(empty) = projection.input.as_ref()
            && empty.produce_one_row
        {
            return Ok(self.literal_row(&projection.expr, &projection.schema));
        }
        let schema = projection.input.schema();
        let mut input = self.lower(&projection.input)?;
        self.drop_number(&input, &projection.expr, schema);
        let plain: Vec<Option<Slot>> =
            projection.expr.iter().map(|expr| input.plain(schema, expr)).collect::<Result<_, _>>()?;
        if let Some(slots) = plain.iter().copied().collect::<Option<Vec<Slot>>>() {
            return Ok(Rows { slots, ..input });
        }
        let computes = |expr: &&Expr| !matches!(input.plain(schema, expr), Ok(Some(_)));
        if projection.expr.iter().filter(computes).any(|expr| input.reads_window(schema, expr)) {
            input = self.with_window(input);
        }
        let (input, watermark) = self.with_watermark(input, schema, &projection.expr)?;
        self.computed(&input, projection, watermark.as_deref())
    }

    fn computed(&mut self, input: &Rows, projection: &Projection, met: Option<&str>) -> Result<Rows, SqlError> {
        let schema = projection.input.schema();
        let row = self.row(input);
        let mut columns = Columns::default();
        let mut slots = Vec::with_capacity(projection.expr.len());
        for (expr, field) in projection.expr.iter().zip(projection.schema.fields()) {
            slots.push(match input.plain(schema, expr)? {
                Some(Slot::Column(column)) => Slot::Column(match columns_named(&columns, row, column) {
                    Some(place) => place,
                    None => columns.push_named(row, column, field.name()),
                }),
                Some(window) => window,
                None => Slot::Column(columns.add(input.resolve_past(schema, row, expr, met)?, field)),
            });
        }
        let pending = input.pending.clone().map(|pending| pending.moved(&mut |column| columns.keep(row, column)));
        let attached = input.attached.as_ref().map(|attached| {
            let moved = |old: &Vec<usize>| old.iter().filter_map(|&at| columns_named(&columns, row, at)).collect();
            Attached {
                starts: moved(&attached.starts),
                ends: moved(&attached.ends),
                times: moved(&attached.times),
                zone: attached.zone.clone(),
            }
        });
        let node = self.project(input.node, columns);
        Ok(Rows { node, slots, pending, attached })
    }

    /// A filter on a row's own columns may stand before its window is cut, but not before a session is.
    pub(super) fn filter(&mut self, filter: &Filter) -> Result<Rows, SqlError> {
        if let Some(rows) = self.ranked(filter)? {
            return Ok(rows);
        }
        let schema = filter.input.schema();
        let mut input = self.lower(&filter.input)?;
        let session = input.pending.as_ref().is_some_and(|pending| matches!(pending.window, Window::Session { .. }));
        if session || input.reads_window(schema, &filter.predicate) {
            input = self.with_window(input);
        }
        let (input, met) = self.with_watermark(input, schema, [&filter.predicate])?;
        let row = self.row(&input).clone();
        let predicate = input.resolve_past(schema, &row, &filter.predicate, met.as_deref())?;
        let node = self.add(Op::Filter(predicate), vec![input.node], row);
        Ok(Rows { node, ..input })
    }

    /// `LIMIT` without an order: the first rows that come. Over changes that would be another query.
    pub(super) fn limit(&mut self, limit: &Limit) -> Result<Rows, SqlError> {
        let exprs = || limit.fetch.iter().chain(&limit.skip).map(Box::as_ref);
        let number = || SqlError::new("E0412", "LIMIT and OFFSET take a whole number").at(place(exprs()));
        let skip = match limit.get_skip_type() {
            Ok(SkipType::Literal(skip)) => skip,
            _ => return Err(number()),
        };
        let fetch = match limit.get_fetch_type() {
            Ok(FetchType::Literal(fetch)) => fetch,
            _ => return Err(number()),
        };
        if let (true, Some(fetch)) = (is_ordered(&limit.input), fetch) {
            self.limit = Some((skip, fetch));
            return self.lower(&limit.input);
        }
        let input = self.lower(&limit.input)?;
        let input = self.with_window(input);
        let row = self.row(&input).clone();
        if row.changes == Changes::Retract {
            return Err(unsupported("limit-over-changes", "LIMIT over a result that changes", place(exprs())));
        }
        let node = self.add(Op::Limit { skip, fetch }, vec![input.node], row);
        Ok(Rows { node, ..input })
    }
}

/// Whether rows come from an order, at most picked and computed on the way.
fn is_ordered(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(projection) => is_ordered(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_ordered(&alias.input),
        _ => false,
    }
}

/// Where a column of the edge below stands among those that were kept.
fn columns_named(columns: &Columns, row: &millstream_plan::RowType, column: usize) -> Option<usize> {
    let expr = super::rows::named(row.schema.field(column).name());
    columns.exprs().iter().position(|there| *there == expr)
}
