//! Aggregations as DataFusion computes them, in the types that Flink's functions have.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::first_last::{first_value_udaf, last_value_udaf};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::string_agg::string_agg_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::{AggregateUDF, Expr, LogicalPlanBuilder, cast, lit};
use millstream_plan::{AggregateCall, AggregateKind, GroupAggregate, NodeId, WindowAggregate, WindowInput};

use super::window::{END, START, columns_of, local, millis, windows};
use super::{ARRIVAL, Batches, Part, Stop, cannot, judge, named};

/// Wide enough for any sum of whole numbers.
const WHOLE: DataType = DataType::Decimal128(38, 0);

impl Batches<'_> {
    pub(super) fn group_aggregate(&mut self, id: NodeId, group: &GroupAggregate) -> Result<Part, Stop> {
        let input = self.graph.node(id).inputs[0];
        let part = self.part(input)?;
        let ordered = part.ordered;
        let (rows, results) = self.grouped(input, part.plan.into(), &group.keys, &[], &group.aggregates, ordered)?;
        self.first_shape(id, rows, results)
    }

    pub(super) fn window_aggregate(&mut self, id: NodeId, aggregate: &WindowAggregate) -> Result<Part, Stop> {
        let input = self.graph.node(id).inputs[0];
        let part = self.part(input)?;
        let ordered = part.ordered;
        let watermark = named(&judge(id));
        let (rows, zone) = match &aggregate.input {
            WindowInput::Time { window, time, zone } => {
                let zone = zone.as_deref();
                let time = self.column(input, *time);
                if local(zone).is_some() {
                    let rows = LogicalPlanBuilder::from(part.plan.clone());
                    let behind = rows.filter(millis(time.clone()).lt_eq(watermark.clone()))?;
                    self.provide(behind, "{} rows came behind the watermark of a window on a zone's wall clock")?;
                }
                (windows(part.plan, *window, time, zone)?, zone)
            }
            WindowInput::Attached { start, end, zone } => {
                let (start, end) = (self.column(input, *start), self.column(input, *end));
                let rows = LogicalPlanBuilder::from(part.plan);
                let columns: Vec<Expr> = rows.schema().columns().iter().map(|column| named(&column.name)).collect();
                let own = [millis(start).alias(START), millis(end).alias(END)];
                (rows.project(columns.into_iter().chain(own))?, zone.as_deref())
            }
        };
        // Late: the watermark had passed the last millisecond of the window. On a zone's clock none may be.
        let rows = match local(zone) {
            None => rows.filter(watermark.lt(named(END) - lit(1i64)))?,
            Some(_) => rows,
        };
        self.windowed(id, input, rows, aggregate, zone, ordered)
    }

    pub(super) fn session_aggregate(
        &mut self,
        id: NodeId,
        aggregate: &WindowAggregate,
        gap: i64,
        time: usize,
        zone: Option<&str>,
    ) -> Result<Part, Stop> {
        let input = self.graph.node(id).inputs[0];
        let part = self.part(input)?;
        let ordered = part.ordered;
        let keys = aggregate.keys.iter().map(|&key| self.column(input, key)).collect();
        let time = self.column(input, time);
        let rows = self.sessions(id, part, keys, time, gap, zone)?;
        self.windowed(id, input, rows, aggregate, zone, ordered)
    }

    fn windowed(
        &mut self,
        id: NodeId,
        input: NodeId,
        rows: LogicalPlanBuilder,
        aggregate: &WindowAggregate,
        zone: Option<&str>,
        ordered: bool,
    ) -> Result<Part, Stop> {
        let window = [named(START), named(END)];
        let (rows, mut results) =
            self.grouped(input, rows, &aggregate.keys, &window, &aggregate.aggregates, ordered)?;
        results.extend(columns_of(zone));
        self.first_shape(id, rows, results)
    }

    /// Groups rows; the expressions of keys and aggregates over what comes out.
    fn grouped(
        &self,
        input: NodeId,
        rows: LogicalPlanBuilder,
        keys: &[usize],
        window: &[Expr],
        calls: &[AggregateCall],
        ordered: bool,
    ) -> Result<(LogicalPlanBuilder, Vec<Expr>), Stop> {
        let keys: Vec<Expr> = keys.iter().map(|&key| self.column(input, key)).collect();
        let mut computed = Vec::new();
        let mut results = keys.clone();
        for call in calls {
            results.push(self.call(input, call, ordered, &mut computed)?);
        }
        computed.push(count(vec![lit(1i64)], false, None).alias("@rows"));
        let groups = keys.into_iter().chain(window.iter().cloned());
        let rows = rows.aggregate(groups, computed)?;
        // A stream says nothing of a group without rows; a batch without keys would.
        Ok((rows.filter(named("@rows").gt(lit(0i64)))?, results))
    }

    /// Adds what a call needs computed; its result in terms of that.
    fn call(&self, input: NodeId, call: &AggregateCall, ordered: bool, computed: &mut Vec<Expr>) -> Result<Expr, Stop> {
        let args: Vec<Expr> = call.args.iter().map(|&arg| self.column(input, arg)).collect();
        let kind = call.args.first().map(|&arg| self.graph.node(input).row.data_type(arg).clone());
        let filter = call.filter.map(|column| Box::new(self.column(input, column)));
        let mut add = |function: Expr| {
            let name = format!("@result{}", computed.len());
            computed.push(function.alias(&name));
            named(&name)
        };
        let whole = kind.as_ref().is_some_and(DataType::is_integer);
        let of = |udaf: Arc<AggregateUDF>, args: Vec<Expr>| {
            let function = AggregateFunction::new_udf(udaf, args, call.distinct, filter.clone(), Vec::new(), None);
            Expr::AggregateFunction(function)
        };
        let arg = |kind: &DataType| args.iter().map(|arg| cast(arg.clone(), kind.clone())).collect::<Vec<_>>();
        let arrival = || match ordered {
            true => Ok(vec![named(ARRIVAL).sort(true, false)]),
            false => Err(cannot(&format!("{} hangs on the order in which rows are made", call.kind.name()))),
        };
        Ok(match &call.kind {
            AggregateKind::Count if args.is_empty() => add(count(vec![lit(1i64)], false, filter)),
            AggregateKind::Count => add(count(args, call.distinct, filter)),
            AggregateKind::Sum if whole => add(of(sum_udaf(), arg(&WHOLE))),
            AggregateKind::Sum => add(of(sum_udaf(), arg(&call.data_type))),
            AggregateKind::Avg if whole => {
                let sum = cast(add(of(sum_udaf(), arg(&WHOLE))), DataType::Int64);
                // Whole numbers are divided toward zero; without any value the sum is null already.
                let values = add(count(args, call.distinct, filter));
                sum / datafusion::functions::core::nullif().call(vec![values, lit(0i64)])
            }
            AggregateKind::Avg if matches!(kind, Some(DataType::Decimal128(..))) => {
                return Err(cannot("DataFusion rounds the AVG of a DECIMAL otherwise"));
            }
            AggregateKind::Avg => add(of(avg_udaf(), arg(&DataType::Float64))),
            AggregateKind::Min => add(of(min_udaf(), args)),
            AggregateKind::Max => add(of(max_udaf(), args)),
            AggregateKind::First | AggregateKind::Last if call.distinct => {
                return Err(cannot("a DISTINCT value by order of arrival has no batch form"));
            }
            AggregateKind::First => add(by_arrival(first_value_udaf(), args, filter, arrival()?)),
            AggregateKind::Last => add(by_arrival(last_value_udaf(), args, filter, arrival()?)),
            AggregateKind::ListAgg { .. } if call.distinct => {
                return Err(cannot("LISTAGG of DISTINCT values hangs on the order of arrival"));
            }
            AggregateKind::ListAgg { separator } => {
                let args = args.into_iter().chain([lit(separator.clone())]).collect();
                let order = arrival()?;
                let function = AggregateFunction::new_udf(string_agg_udaf(), args, false, filter, order, None);
                add(Expr::AggregateFunction(function))
            }
            AggregateKind::Single => add(of(first_value_udaf(), args)),
            AggregateKind::Lag { .. } => return Err(cannot("LAG counts rows in order")),
            AggregateKind::Borrowed(function) => add(of(function.clone(), args)),
        })
    }
}

fn count(args: Vec<Expr>, distinct: bool, filter: Option<Box<Expr>>) -> Expr {
    Expr::AggregateFunction(AggregateFunction::new_udf(count_udaf(), args, distinct, filter, Vec::new(), None))
}

fn by_arrival(
    udaf: Arc<AggregateUDF>,
    args: Vec<Expr>,
    filter: Option<Box<Expr>>,
    order: Vec<datafusion::logical_expr::SortExpr>,
) -> Expr {
    let nulls = Some(NullTreatment::IgnoreNulls);
    Expr::AggregateFunction(AggregateFunction::new_udf(udaf, args, false, filter, order, nulls))
}
