//! Sessions by SQL window functions: a row opens a session if the row before it, by time, lies further back
//! than the gap; the sum of such rows numbers the sessions.
//!
//! A session that is told is gone: a row that would have joined it opens a new one. No batch can see that,
//! so the rows must show that it did not happen.

use arrow::datatypes::DataType;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::lead_lag::{lag, lead};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlanBuilder, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowFunctionDefinition, cast, is_true, lit, not, when,
};
use datafusion::scalar::ScalarValue;
use millstream_plan::NodeId;

use super::window::{END, START, TIME, local, millis, wall_clock};
use super::{Batches, Part, Stop, judge, named};

/// The other rows of a key that the functions below look at.
struct Line {
    keys: Vec<Expr>,
}

impl Line {
    fn by_time(&self, call: Expr) -> Result<Expr, Stop> {
        let order = vec![named(TIME).sort(true, false)];
        Ok(call.partition_by(self.keys.clone()).order_by(order).build()?)
    }
}

fn over(udaf: std::sync::Arc<datafusion::logical_expr::AggregateUDF>, argument: Expr) -> Expr {
    Expr::from(WindowFunction::new(WindowFunctionDefinition::AggregateUDF(udaf), vec![argument]))
}

impl Batches<'_> {
    /// The rows with the start and end of their session.
    pub(super) fn sessions(
        &mut self,
        id: NodeId,
        part: Part,
        keys: Vec<Expr>,
        time: Expr,
        gap: i64,
        zone: Option<&str>,
    ) -> Result<LogicalPlanBuilder, Stop> {
        let watermark = named(&judge(id));
        let rows = LogicalPlanBuilder::from(part.plan);
        let columns: Vec<Expr> = rows.schema().columns().iter().map(|column| named(&column.name)).collect();
        let behind = rows.clone().filter(millis(time.clone()).lt_eq(watermark.clone() + lit(1i64)))?;
        let rows = rows.project(columns.into_iter().chain([wall_clock(time, zone).alias(TIME)]))?;
        let line = Line { keys };
        let neighbours = [
            line.by_time(lag(named(TIME), Some(1), None))?.alias("@before"),
            line.by_time(lead(named(TIME), Some(1), None))?.alias("@after"),
            line.by_time(lag(watermark, Some(1), None))?.alias("@judged"),
        ];
        let rows = rows.window(neighbours)?;
        let rows = match local(zone) {
            Some(_) => {
                self.provide(behind, "{} rows came behind the watermark of a session on a zone's wall clock")?;
                rows
            }
            None => self.in_time(id, rows, gap)?,
        };
        self.number(rows, line, gap)
    }

    /// Leaves out late rows, and asks that no session was told before a row came that belongs to it.
    fn in_time(&mut self, id: NodeId, rows: LogicalPlanBuilder, gap: i64) -> Result<LogicalPlanBuilder, Stop> {
        let watermark = named(&judge(id));
        let near = |distance: Expr| is_true(distance.lt_eq(lit(gap)));
        let (joins_before, joins_after) = (near(named(TIME) - named("@before")), near(named("@after") - named(TIME)));
        let over_already = watermark.clone().gt_eq(named(TIME) + lit(gap - 1));
        let told_before = named("@judged").gt(watermark.clone());
        let latest = when(told_before, named("@judged")).otherwise(watermark)?;
        let broken = joins_before.clone().and(latest.gt_eq(named("@before") + lit(gap - 1)));
        let joins = joins_before.or(joins_after);
        let doubtful = broken.or(over_already.clone().and(joins.clone()));
        self.provide(
            rows.clone().filter(doubtful)?,
            "{} rows came when the watermark may have closed the session next to them, so which session they belong \
             to hangs on the order of arrival",
        )?;
        Ok(rows.filter(not(over_already.and(not(joins))))?)
    }

    /// Numbers the sessions, and gives every row the borders of its own.
    fn number(&self, rows: LogicalPlanBuilder, line: Line, gap: i64) -> Result<LogicalPlanBuilder, Stop> {
        let opens = named("@before").is_null().or((named(TIME) - named("@before")).gt(lit(gap)));
        let columns: Vec<Expr> = rows.schema().columns().iter().map(|column| named(&column.name)).collect();
        let rows = rows.project(columns.into_iter().chain([cast(opens, DataType::Int64).alias("@opens")]))?;
        let before = WindowFrame::new_bounds(
            WindowFrameUnits::Rows,
            WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
            WindowFrameBound::CurrentRow,
        );
        let order = vec![named(TIME).sort(true, false)];
        let number = over(sum_udaf(), named("@opens"))
            .partition_by(line.keys.clone())
            .order_by(order)
            .window_frame(before)
            .build()?;
        let rows = rows.window([number.alias("@session")])?;
        let session: Vec<Expr> = line.keys.into_iter().chain([named("@session")]).collect();
        let first = over(min_udaf(), named(TIME)).partition_by(session.clone()).build()?;
        let last = over(max_udaf(), named(TIME)).partition_by(session).build()?;
        let rows = rows.window([first.alias(START), last.alias("@last")])?;
        let columns: Vec<Expr> = rows.schema().columns().iter().map(|column| named(&column.name)).collect();
        Ok(rows.project(columns.into_iter().chain([(named("@last") + lit(gap)).alias(END)]))?)
    }
}
