//! The referee: DataFusion computes the final rows of a graph over a recording in one batch. The recorded
//! rows become tables that carry, besides their own columns, the number of their arrival and the watermarks
//! that judged them.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::MemTable;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::prelude::{SessionConfig, SessionContext};
use millstream_engine::Options;
use millstream_plan::{Graph, NodeId, Tap, TapColumn};
use millstream_record::{Fetched, Kind};

use super::batch::{ARRIVAL, Batches, KIND, Stop, judge, judges, millis, named};
use super::clock::{Clock, Tick};
use super::{CheckError, Heard, Recording};

/// The recorded rows of one scan: the number of the first of each piece, and the piece.
type Arrived<'a> = Vec<(i64, &'a Fetched)>;

/// The final rows of the graph's first output, or why no batch can give them.
pub fn answer(
    graph: &Graph,
    recording: &Recording,
    options: &Options,
    wish: &millstream_record::Stop,
) -> Result<Result<Vec<RecordBatch>, String>, CheckError> {
    // DataFusion wants a runtime of its own; whoever asks may live in one already.
    let answer = std::thread::scope(|scope| {
        let runtime = match tokio::runtime::Builder::new_current_thread().build() {
            Ok(runtime) => runtime,
            Err(error) => return Some(Err(Stop::Failed(DataFusionError::External(error.into())))),
        };
        let thread = scope.spawn(move || runtime.block_on(unless(wish, compute(graph, recording, options))));
        let panicked = || Stop::Failed(DataFusionError::Execution("it panicked".into()));
        thread.join().unwrap_or_else(|_| Some(Err(panicked())))
    });
    match answer {
        None => Err(CheckError::Stopped),
        Some(Ok(rows)) => Ok(Ok(rows)),
        Some(Err(Stop::Cannot(reason))) => Ok(Err(reason)),
        Some(Err(Stop::Failed(error))) => Err(CheckError::Batch(error)),
    }
}

/// What comes of `work`, or nothing once the wish to stop is there. DataFusion gives way after every few batches; then
/// it is looked at.
async fn unless<T>(wish: &millstream_record::Stop, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| if wish.raised() { Poll::Ready(None) } else { work.as_mut().poll(context).map(Some) }).await
}

async fn compute(graph: &Graph, recording: &Recording, options: &Options) -> Result<Vec<RecordBatch>, Stop> {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let (arrived, mut ticks) = arrivals(graph, recording);
    for (scan, tap, _) in graph.scans() {
        tell_watermarks(&context, scan, tap, options, &arrived[&scan], &mut ticks).await?;
    }
    let clock = Clock::follow(graph, options, ticks);
    let judges = judges(graph);
    let mut tables = BTreeMap::new();
    for (scan, tap, _) in graph.scans() {
        tables.insert(scan, table(tap, options, &arrived[&scan], &judges[scan.0], &clock)?);
    }
    let mut batches = Batches::new(graph, judges, tables);
    let plan = batches.answer()?;
    for (proviso, reason) in batches.provisos() {
        let broken: usize = run(&context, proviso).await?.iter().map(RecordBatch::num_rows).sum();
        if broken > 0 {
            return Err(Stop::Cannot(reason.replace("{}", &crate::status::count(broken as u64))));
        }
    }
    run(&context, plan).await.map_err(|error| match error.find_root() {
        // A value that DataFusion cannot represent says nothing against the stream, which could.
        DataFusionError::ArrowError(error, _) => Stop::Cannot(format!("DataFusion cannot compute it ({error})")),
        _ => Stop::Failed(error),
    })
}

async fn run(context: &SessionContext, plan: LogicalPlan) -> Result<Vec<RecordBatch>, DataFusionError> {
    DataFrame::new(context.state(), plan).collect().await
}

/// Numbers the rows of every scan in the order in which they arrive, and notes what moves watermarks.
fn arrivals<'a>(graph: &Graph, recording: &'a Recording) -> (BTreeMap<NodeId, Arrived<'a>>, Vec<Tick>) {
    let mut arrived: BTreeMap<NodeId, Arrived<'a>> = graph.scans().map(|(id, ..)| (id, Vec::new())).collect();
    let mut ticks = Vec::new();
    let mut next = 0;
    for (name, heard) in recording.all() {
        for (scan, ..) in graph.scans().filter(|(_, tap, _)| tap.name == name) {
            match heard {
                Heard::Rows(rows) => {
                    let (partition, count) = (rows.partition.clone(), rows.rows.num_rows());
                    ticks.extend((0..count).map(|_| Tick::Row { scan, partition: partition.clone(), value: None }));
                    arrived.entry(scan).or_default().push((next, rows));
                    next += count as i64;
                }
                Heard::Partition(partition) => ticks.push(Tick::Partition { scan, partition: partition.clone() }),
                Heard::PartitionEnd(partition) => ticks.push(Tick::PartitionEnd { scan, partition: partition.clone() }),
                Heard::End => ticks.push(Tick::End { scan }),
            }
        }
    }
    (arrived, ticks)
}

/// Computes the watermark values of a scan's rows, and writes them into the rows' ticks.
async fn tell_watermarks(
    context: &SessionContext,
    scan: NodeId,
    tap: &Tap,
    options: &Options,
    arrived: &Arrived<'_>,
    ticks: &mut [Tick],
) -> Result<(), Stop> {
    let Some(watermark) = &tap.watermark else { return Ok(()) };
    let time = tap.columns[watermark.column].name();
    let value = LogicalPlanBuilder::from(columns(tap, rows_of(tap, arrived, Vec::new())?)?)
        .filter(believed(time, tap, options))?
        .project([named(ARRIVAL), watermark.expr.clone().alias("value")])?
        .build()?;
    let mut values = BTreeMap::new();
    for rows in run(context, value).await? {
        let arrivals = rows.column(0).as_primitive::<Int64Type>();
        let millis = cast(rows.column(1), &DataType::Timestamp(TimeUnit::Millisecond, None))
            .and_then(|column| cast(&column, &DataType::Int64))
            .map_err(DataFusionError::from)?;
        let millis = millis.as_primitive::<Int64Type>();
        values.extend(arrivals.values().iter().zip(millis).filter_map(|(at, value)| Some((*at, value?))));
    }
    let rows = ticks.iter_mut().filter_map(|tick| match tick {
        Tick::Row { scan: of, value, .. } => Some((*of, value)),
        _ => None,
    });
    for (arrival, (of, value)) in (0i64..).zip(rows) {
        if of == scan {
            *value = values.get(&arrival).copied();
        }
    }
    Ok(())
}

/// The recorded rows of a tap as a plan: all its columns, the arrival and the kind of each row, and the
/// watermark before it of each operator that judges it.
fn table(
    tap: &Tap,
    options: &Options,
    arrived: &Arrived<'_>,
    judges: &[NodeId],
    clock: &Clock<'_>,
) -> Result<LogicalPlan, Stop> {
    let rows = rows_of(
        tap,
        arrived,
        judges
            .iter()
            .map(|&node| (judge(node), node))
            .map(|(name, node)| {
                let before = move |arrival: i64| clock.before(node, arrival);
                (name, Box::new(before) as Box<dyn Fn(i64) -> i64 + '_>)
            })
            .collect(),
    )?;
    let plan = columns(tap, rows)?;
    match &tap.watermark {
        Some(watermark) => {
            let time = tap.columns[watermark.column].name();
            Ok(LogicalPlanBuilder::from(plan).filter(believed(time, tap, options))?.build()?)
        }
        None => Ok(plan),
    }
}

/// A row without event time is unreadable, for the stream and for the batch; so is one of the far future.
fn believed(time: &str, tap: &Tap, options: &Options) -> Expr {
    let given = named(time).is_not_null();
    match options.timing(tap).max_future {
        Some(ahead) => given.and(millis(named(time)).lt_eq(lit(options.clock.now().plus(ahead).0))),
        None => given,
    }
}

/// A column that is a function of a row's arrival.
type OfArrival<'a> = (String, Box<dyn Fn(i64) -> i64 + 'a>);

fn rows_of(tap: &Tap, arrived: &Arrived<'_>, more: Vec<OfArrival<'_>>) -> Result<MemTable, Stop> {
    let own = tap.physical().into_iter().map(|column| Field::new(column.name, column.data_type, true));
    let hidden = [Field::new(ARRIVAL, DataType::Int64, false), Field::new(KIND, DataType::Utf8, false)];
    let more_fields = more.iter().map(|(name, _)| Field::new(name, DataType::Int64, false));
    let schema: SchemaRef = Schema::new(own.chain(hidden).chain(more_fields).collect::<Vec<_>>()).into();
    let mut batches = Vec::with_capacity(arrived.len());
    for (first, fetched) in arrived {
        let numbers = *first..*first + fetched.rows.num_rows() as i64;
        let kind = |row: usize| fetched.kinds.as_ref().map_or(Kind::Insert, |kinds| kinds.get(row)).mark();
        let mut columns: Vec<ArrayRef> = fetched.rows.columns().to_vec();
        columns.push(Arc::new(Int64Array::from_iter_values(numbers.clone())));
        columns.push(Arc::new(StringArray::from_iter_values((0..fetched.rows.num_rows()).map(kind))));
        for (_, value) in &more {
            columns.push(Arc::new(Int64Array::from_iter_values(numbers.clone().map(value))));
        }
        batches.push(RecordBatch::try_new(schema.clone(), columns).map_err(DataFusionError::from)?);
    }
    Ok(MemTable::try_new(schema, vec![batches])?)
}

/// All columns of a tap, computed ones included, and the hidden ones, under plain names.
fn columns(tap: &Tap, rows: MemTable) -> Result<LogicalPlan, Stop> {
    let scan = LogicalPlanBuilder::scan("recorded", provider_as_source(Arc::new(rows)), None)?;
    let plain: Vec<Expr> = scan
        .schema()
        .columns()
        .into_iter()
        .map(|column| {
            let name = column.name.clone();
            Expr::Column(column).alias(name)
        })
        .collect();
    let computed = tap.columns.iter().filter_map(|column| match column {
        TapColumn::Computed(column) => Some(column.expr.clone().alias(&column.name)),
        TapColumn::Physical(_) => None,
    });
    let physical: Vec<Expr> = scan.schema().columns().into_iter().map(|column| named(&column.name)).collect();
    Ok(scan.project(plain)?.project(physical.into_iter().chain(computed))?.build()?)
}
