//! What an operator costs by itself: processor nanoseconds per input row, medians of several runs, over bids
//! and auctions as the project's benchmark data has them (10,000 bids a second, up to 1.9 s out of order,
//! half of them for the 100 newest auctions; 20 new auctions a second), without any decoding.
//! `cargo bench --profile dev --workspace --bench operators`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::logical_expr::{col, lit};
use millstream_engine::{Counters, Pipeline};
use millstream_plan::{
    AggregateCall, AggregateKind, Changes, Equality, Graph, GroupAggregate, IntervalJoin, JoinKind, NodeId, Op, Output,
    RowType, Tap, TapChanges, Target, Window, WindowAggregate, WindowInput,
};
use millstream_record::{Batch, Mark, Message, Millis};

const ROWS: usize = 1_000_000;
const BATCH_ROWS: usize = 8192;
const RUNS: usize = 5;
const START: i64 = 1_767_225_600_000;

fn main() {
    let (bids, auctions) = (bids(), auctions());
    let windows = |window| WindowInput::Time { window, time: 4, zone: None };
    let tumble = Window::Tumble { size: 10_000, offset: 0 };
    let hop = Window::Hop { size: 10_000, slide: 2_000, offset: 0 };
    let three =
        vec![call(AggregateKind::Count, None), call(AggregateKind::Sum, Some(2)), call(AggregateKind::Max, Some(2))];
    let count = vec![call(AggregateKind::Count, None)];
    measure("tumbling 10 s per auction: count, sum, max", windowed(windows(tumble), 0, three), &[&bids]);
    measure("hopping 10 s / 2 s per auction: count", windowed(windows(hop), 0, count.clone()), &[&bids]);
    measure(
        "session, gap 10 s, per bidder: count",
        windowed(windows(Window::Session { gap: 10_000 }), 1, count.clone()),
        &[&bids],
    );
    measure("count per channel, as changes", grouped(3, count), &[&bids]);
    measure("interval join with auctions, 0..20 s", joined(), &[&bids, &auctions]);
    measure("filter that lets half pass", filtered(15_000), &[&bids]);
    measure("filter that lets nothing pass", filtered(30_000), &[&bids]);
}

/// Numbers without a pattern, the same in every run (splitmix64, Steele, Lea, Flood 2014).
fn noise(place: usize) -> usize {
    let mut word = (place as u64).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (word >> 33) as usize
}

fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, None)
}

fn schema(fields: &[(&str, DataType)]) -> SchemaRef {
    Arc::new(Schema::new(fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect::<Vec<_>>()))
}

fn bid_schema() -> SchemaRef {
    let long = DataType::Int64;
    let fields = [("auction", long.clone()), ("bidder", long.clone()), ("price", long), ("channel", DataType::Utf8)];
    schema(&[fields.as_slice(), &[("time", time_type())]].concat())
}

fn auction_schema() -> SchemaRef {
    schema(&[("id", DataType::Int64), ("category", DataType::Int64), ("opened", time_type())])
}

/// Batches with a watermark behind every row that moves it, 2 s behind the newest row.
fn batches(schema: &SchemaRef, columns: Vec<ArrayRef>, times: &[i64]) -> Vec<Batch> {
    let rows = RecordBatch::try_new(schema.clone(), columns).expect("the columns fit");
    let mut newest = i64::MIN;
    let batch = |(number, times): (usize, &[i64])| {
        let mut marks = Vec::new();
        for (after, &time) in (1u32..).zip(times) {
            if time > newest {
                newest = time;
                marks.push(Mark { after, watermark: Millis(time - 2_000) });
            }
        }
        Batch { marks, ..Batch::insert(rows.slice(number * BATCH_ROWS, times.len())) }
    };
    times.chunks(BATCH_ROWS).enumerate().map(batch).collect()
}

fn longs(value: impl Fn(usize) -> i64, rows: usize) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((0..rows).map(value)))
}

fn bids() -> Vec<Batch> {
    let born = |row: usize| 2_000 + row / 500;
    let auction = |row: usize| {
        let among = if noise(row).is_multiple_of(2) { 100 } else { 2_000 };
        (1_000 + born(row) - 1 - noise(row + 7) % among) as i64
    };
    let late = |row: usize| if noise(row + 1).is_multiple_of(5) { noise(row + 2) % 1_900 } else { noise(row + 2) % 50 };
    let times: Vec<i64> = (0..ROWS).map(|row| START + (row / 10) as i64 - late(row) as i64).collect();
    let channel =
        |row: usize| format!("channel-{}", noise(row + 3) % if noise(row + 4).is_multiple_of(2) { 4 } else { 1_000 });
    let columns: Vec<ArrayRef> = vec![
        longs(auction, ROWS),
        longs(|row| (noise(row + 5) % 100_000) as i64, ROWS),
        longs(|row| (noise(row + 6) % 30_000) as i64, ROWS),
        Arc::new(StringArray::from_iter_values((0..ROWS).map(channel).collect::<Vec<_>>())),
        Arc::new(TimestampMillisecondArray::from(times.clone())),
    ];
    batches(&bid_schema(), columns, &times)
}

fn auctions() -> Vec<Batch> {
    let rows = 2_000 + ROWS / 500;
    let times: Vec<i64> = (0..rows).map(|row| START + row.saturating_sub(2_000) as i64 * 50).collect();
    let columns: Vec<ArrayRef> = vec![
        longs(|row| 1_000 + row as i64, rows),
        longs(|row| (noise(row) % 10) as i64, rows),
        Arc::new(TimestampMillisecondArray::from(times.clone())),
    ];
    batches(&auction_schema(), columns, &times)
}

fn scan(graph: &mut Graph, name: &str, schema: SchemaRef) -> NodeId {
    let tap = Tap {
        name: name.into(),
        columns: Vec::new(),
        watermark: None,
        primary_key: Vec::new(),
        changes: TapChanges::Append,
        partitioned_by: Vec::new(),
        options: BTreeMap::new(),
        connector: "bench".into(),
    };
    let times = vec![schema.fields().len() - 1];
    let row = RowType { schema, times, changes: Changes::Append };
    graph.add(Op::Scan { tap: Arc::new(tap), columns: Vec::new() }, Vec::new(), row, name)
}

fn call(kind: AggregateKind, arg: Option<usize>) -> AggregateCall {
    AggregateCall {
        name: kind.name().into(),
        kind,
        args: arg.into_iter().collect(),
        distinct: false,
        filter: None,
        data_type: DataType::Int64,
        nullable: true,
    }
}

/// A graph of one operator over the scans before it.
fn graph(scans: &[(&str, SchemaRef)], op: Op, out: SchemaRef, changes: Changes) -> Graph {
    let mut graph = Graph::default();
    let inputs = scans.iter().map(|(name, schema)| scan(&mut graph, name, schema.clone())).collect();
    let node = graph.add(op, inputs, RowType { schema: out, times: Vec::new(), changes }, "bench");
    graph.outputs.push(Output { node, target: Target::Result });
    graph
}

fn results(key: usize, calls: &[AggregateCall], windowed: bool) -> SchemaRef {
    let key = bid_schema().field(key).clone();
    let calls = calls.iter().map(|call| Field::new(&call.name, call.data_type.clone(), true));
    let window = ["window_start", "window_end", "window_time"].into_iter().filter(|_| windowed);
    let window = window.map(|name| Field::new(name, time_type(), false));
    Arc::new(Schema::new(std::iter::once(key).chain(calls).chain(window).collect::<Vec<_>>()))
}

fn windowed(input: WindowInput, key: usize, aggregates: Vec<AggregateCall>) -> Graph {
    let out = results(key, &aggregates, true);
    let op = Op::WindowAggregate(WindowAggregate { input, keys: vec![key], aggregates });
    graph(&[("bids", bid_schema())], op, out, Changes::Append)
}

fn grouped(key: usize, aggregates: Vec<AggregateCall>) -> Graph {
    let out = results(key, &aggregates, false);
    let op = Op::GroupAggregate(GroupAggregate { keys: vec![key], aggregates });
    graph(&[("bids", bid_schema())], op, out, Changes::Retract)
}

/// `price >= least AND bidder >= 0`.
fn filtered(least: i64) -> Graph {
    let condition = col("price").gt_eq(lit(least)).and(col("bidder").gt_eq(lit(0i64)));
    graph(&[("bids", bid_schema())], Op::Filter(condition), bid_schema(), Changes::Append)
}

fn joined() -> Graph {
    let on = vec![Equality { left: 0, right: 0, null_equal: false }];
    let (left_time, right_time) = (4, 2);
    let join =
        IntervalJoin { kind: JoinKind::Inner, on, left_time, right_time, lower: 0, upper: 20_000, residual: None };
    let (left, right) = (bid_schema(), auction_schema());
    let out = Arc::new(Schema::new(left.fields().iter().chain(right.fields()).cloned().collect::<Vec<_>>()));
    graph(&[("bids", left), ("auctions", right)], Op::IntervalJoin(join), out, Changes::Append)
}

/// The batches of all inputs in the order of their watermarks.
fn merged(inputs: &[&Vec<Batch>]) -> Vec<(usize, Batch)> {
    let tagged = |(input, batches): (usize, &&Vec<Batch>)| {
        batches.iter().map(move |batch| (input, batch.clone())).collect::<Vec<_>>()
    };
    let mut all: Vec<(usize, Batch)> = inputs.iter().enumerate().flat_map(tagged).collect();
    // An auction's batch spans more time than a bid's: it goes by its first watermark, as files would be read.
    all.sort_by_key(|(_, batch)| batch.marks.first().map(|mark| mark.watermark));
    all
}

fn measure(what: &str, graph: Graph, inputs: &[&Vec<Batch>]) {
    let messages = merged(inputs);
    let rows: usize = messages.iter().map(|(_, batch)| batch.len()).sum();
    let mut emitted = 0;
    let mut run = || {
        let mut pipeline = Pipeline::new(&graph, 1, &Counters::new(&graph, 0), None).expect("the graph can be built");
        let messages = messages.clone();
        emitted = 0;
        let mut emit = |_: usize, batch: Batch| {
            emitted += batch.len();
            Ok(())
        };
        let before = thread_nanos();
        for (input, batch) in messages {
            pipeline.push(NodeId(input), Message::Batch(batch), &mut emit).expect("it runs");
        }
        for input in 0..inputs.len() {
            pipeline.push(NodeId(input), Message::End, &mut emit).expect("it ends");
        }
        (thread_nanos() - before) / rows as f64
    };
    let mut nanos: Vec<f64> = (0..RUNS).map(|_| run()).collect();
    nanos.sort_by(f64::total_cmp);
    println!("{:>6.0} ns a row, {emitted:>8} rows out   {what}", nanos[RUNS / 2]);
}

/// Processor time of this thread, as Linux counts it.
fn thread_nanos() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the benchmarks run on Linux");
    text.split_whitespace().next().and_then(|word| word.parse().ok()).expect("processor time comes first")
}
