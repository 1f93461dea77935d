//! Windows as columns computed from event time, straight from their definition: a window holds the rows
//! whose time lies in it.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::MemTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::functions::datetime::to_local_time;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit};
use millstream_plan::{AssignWindow, NodeId, Window};

use super::{Batches, Part, Stop, cannot, named};

/// The hidden columns of a window, in milliseconds of the wall clock that cuts it.
pub const START: &str = "@start";
/// See [`START`].
pub const END: &str = "@end";
/// The hidden column of a row's time on that wall clock.
pub const TIME: &str = "@time";

/// So many windows of one row are too many to lay out side by side.
const MOST_WINDOWS: i64 = 1_000_000;

const MILLIS: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

/// A time as milliseconds since the epoch.
pub fn millis(time: Expr) -> Expr {
    cast(cast(time, DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))), DataType::Int64)
}

/// Whether a zone's wall clock differs from UTC.
pub fn local(zone: Option<&str>) -> Option<&str> {
    zone.filter(|zone| !matches!(*zone, "UTC" | "Z" | "GMT"))
}

/// A time as milliseconds on the wall clock of a zone.
pub fn wall_clock(time: Expr, zone: Option<&str>) -> Expr {
    match local(zone) {
        None => millis(time),
        Some(zone) => {
            // Arrow casts no zone into another, but numbers into any.
            let there = cast(millis(time), DataType::Timestamp(TimeUnit::Millisecond, Some(zone.into())));
            cast(to_local_time().call(vec![there]), DataType::Int64)
        }
    }
}

/// The rows of a plan once for each of their windows, with [`START`], [`END`] and [`TIME`].
pub fn windows(rows: LogicalPlan, window: Window, time: Expr, zone: Option<&str>) -> Result<LogicalPlanBuilder, Stop> {
    let (most, last, size) = match window {
        Window::Tumble { size, offset } => (1, floor(size, offset), size),
        Window::Hop { size, slide, offset } => (size / slide + 1, floor(slide, offset), size),
        Window::Cumulate { size, step, offset } => (size / step, floor(size, offset), size),
        Window::Session { .. } => return Err(cannot("a session is no function of one row")),
    };
    if most > MOST_WINDOWS {
        return Err(cannot("every row lies in more than a million windows"));
    }
    let columns: Vec<Expr> = rows.schema().columns().iter().map(|column| named(&column.name)).collect();
    let with_time = columns.iter().cloned().chain([wall_clock(time, zone).alias(TIME)]);
    let rows = LogicalPlanBuilder::from(rows).project(with_time)?;
    let rows = rows.cross_join(numbers(most)?)?;
    let (start, end) = match window {
        Window::Cumulate { step, .. } => (last.clone(), last + (named("@n") + lit(1i64)) * lit(step)),
        Window::Hop { slide, .. } => {
            let start = last - named("@n") * lit(slide);
            (start.clone(), start + lit(size))
        }
        _ => (last.clone(), last + lit(size)),
    };
    let all = columns.into_iter().chain([named(TIME), start.alias(START), end.alias(END)]);
    let within = named(START).lt_eq(named(TIME)).and(named(TIME).lt(named(END)));
    Ok(rows.project(all)?.filter(within)?)
}

/// The last multiple of `step` from `offset` that is not behind the row's time. The remainder is made
/// positive, because times before 1970 are negative.
fn floor(step: i64, offset: i64) -> Expr {
    let over = (named(TIME) - lit(offset)) % lit(step);
    named(TIME) - (over + lit(step)) % lit(step)
}

/// A table of the numbers below `most`, in a column `@n`.
fn numbers(most: i64) -> Result<LogicalPlan, Stop> {
    let column = Arc::new(Int64Array::from_iter_values(0..most));
    let rows = RecordBatch::try_from_iter([("@n", column as _)]).map_err(DataFusionError::from)?;
    let table = MemTable::try_new(rows.schema(), vec![vec![rows]])?;
    let scan = LogicalPlanBuilder::scan("numbers", provider_as_source(Arc::new(table)), None)?;
    let column = Expr::Column(scan.schema().columns().remove(0));
    Ok(scan.project([column.alias("@n")])?.build()?)
}

/// `window_start`, `window_end` and `window_time` from their milliseconds.
pub fn columns_of(zone: Option<&str>) -> [Expr; 3] {
    let at = |digits: Expr| cast(digits, MILLIS);
    let last = at(named(END) - lit(1i64));
    // The digits of a zone's clock become an instant again; DataFusion refuses digits that stand for two.
    let time = match local(zone) {
        Some(zone) => cast(cast(last, DataType::Timestamp(TimeUnit::Millisecond, Some(zone.into()))), DataType::Int64),
        None => last,
    };
    [at(named(START)), at(named(END)), time]
}

impl Batches<'_> {
    pub(super) fn assign_window(&mut self, id: NodeId, assign: &AssignWindow) -> Result<Part, Stop> {
        let input = self.graph.node(id).inputs[0];
        let zone = assign.zone.as_deref();
        let part = self.part(input)?;
        let time = self.column(input, assign.time);
        if let Window::Session { gap } = assign.window {
            let keys = assign.partition.iter().map(|&key| self.column(input, key)).collect();
            let rows = self.sessions(id, part, keys, time, gap, zone)?;
            return self.first_shape(id, rows, self.own(input).into_iter().chain(columns_of(zone)).collect());
        }
        let rows = windows(part.plan, assign.window, time, zone)?;
        self.shape(id, rows, self.own(input).into_iter().chain(columns_of(zone)).collect(), false)
    }
}
