//! Joins with versions. A version holds from its own time to that of the next one with its key, so a row's version is found
//! by an ordinary join, as long as neither side came behind the watermark: then a row may have left before its version
//! came, or come when its version had been forgotten.

use datafusion::functions_window::expr_fn::{lead, row_number};
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlanBuilder, lit};
use millstream_plan::{Changes, NodeId, TemporalJoin};

use super::window::millis;
use super::{ARRIVAL, Batches, Part, Stop, cannot, judge, named};

/// The hidden column with the time from which on a version does not hold any more; null for the last.
const UNTIL: &str = "@until";

impl Batches<'_> {
    /// A join of rows with versions that only come.
    pub(super) fn temporal_join(&mut self, id: NodeId, plan: &TemporalJoin) -> Result<Part, Stop> {
        let inputs = self.graph.node(id).inputs.clone();
        if inputs.iter().any(|input| self.graph.node(*input).row.changes == Changes::Retract) {
            return Err(cannot("what a changing table was at each time is not what is left of it"));
        }
        for (input, time) in inputs.iter().zip([plan.left_time, plan.right_time]) {
            let rows = LogicalPlanBuilder::from(self.part(*input)?.plan);
            let behind = millis(self.column(*input, time)).lt_eq(named(&judge(id)));
            self.provide(rows.filter(behind)?, "{} rows came behind the watermark of a join with versions")?;
        }
        let sides = (self.part(inputs[0])?, self.versions(inputs[1], plan)?);
        self.joined_parts(id, (plan.join.kind, plan.join.on.as_slice()), sides, &[UNTIL], |names, width| {
            let (at, since) = (millis(names[plan.left_time].clone()), millis(names[width + plan.right_time].clone()));
            let held = at.clone().gt_eq(since).and(named(UNTIL).is_null().or(at.lt(named(UNTIL))));
            [held].into_iter().chain(plan.join.residual.clone()).collect()
        })
    }

    /// The right rows, of those with one key and time the last that came, with the time until which they hold.
    fn versions(&mut self, input: NodeId, plan: &TemporalJoin) -> Result<Part, Stop> {
        let part = self.part(input)?;
        if !part.ordered {
            return Err(cannot("of versions with one time the last to come holds, and their order is not known"));
        }
        let key: Vec<Expr> = plan.join.on.iter().map(|on| self.column(input, on.right)).collect();
        let since = self.column(input, plan.right_time);
        let same = key.iter().cloned().chain([since.clone()]).collect();
        let last = row_number().partition_by(same).order_by(vec![named(ARRIVAL).sort(false, false)]).build()?;
        let rows = LogicalPlanBuilder::from(part.plan).window([last.alias("@last")])?;
        let rows = rows.filter(named("@last").eq(lit(1u64)))?;
        let until = lead(millis(since.clone()), Some(1), None);
        let until = until.partition_by(key).order_by(vec![since.sort(true, false)]).build()?;
        Ok(Part { plan: rows.window([until.alias(UNTIL)])?.build()?, ordered: true })
    }
}
