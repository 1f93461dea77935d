//! From the words of a story to a graph of one operator.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::logical_expr::{Expr, ident};
use millstream_plan::{
    AggregateCall, AggregateKind, AssignWindow, Changes, Equality, Graph, GroupAggregate, IntervalJoin, Join, JoinKind,
    NodeId, Op, Output, RowType, Tap, TapChanges, Target, TemporalJoin, Window, WindowAggregate, WindowInput,
    WindowJoin,
};

use crate::story::{Input, Story};
use crate::{patterns, ranks};

/// The graph of a story: a scan per input, and the step.
pub fn graph(story: &Story) -> Graph {
    let mut graph = Graph::default();
    let inputs: Vec<NodeId> = story.inputs.iter().map(|input| scan(&mut graph, input)).collect();
    let rows: Vec<RowType> = inputs.iter().map(|&input| graph.node(input).row.clone()).collect();
    let (op, row) = step(&story.step, &rows);
    let node = graph.add(op, inputs, row, "test");
    graph.outputs.push(Output { node, target: Target::Result });
    graph
}

fn scan(graph: &mut Graph, input: &Input) -> NodeId {
    let fields: Vec<Field> =
        input.columns.iter().map(|(name, data_type)| Field::new(name, type_of(data_type), true)).collect();
    let times = input.columns.iter().enumerate().filter(|(_, (_, data_type))| data_type == "time");
    let row = RowType {
        times: times.map(|(column, _)| column).collect(),
        schema: Arc::new(Schema::new(fields)),
        changes: if input.changes { Changes::Retract } else { Changes::Append },
    };
    let tap = Tap {
        name: input.name.clone(),
        columns: Vec::new(),
        watermark: None,
        primary_key: Vec::new(),
        changes: TapChanges::Append,
        partitioned_by: Vec::new(),
        options: BTreeMap::new(),
        connector: "story".into(),
    };
    graph.add(Op::Scan { tap: Arc::new(tap), columns: Vec::new() }, Vec::new(), row, &input.name)
}

fn type_of(word: &str) -> DataType {
    match word {
        "text" => DataType::Utf8,
        "int" => DataType::Int64,
        "double" => DataType::Float64,
        "bool" => DataType::Boolean,
        "time" => time(),
        "ltz" => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        other => panic!("no type is called {other}"),
    }
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, None)
}

/// The words of a step, taken one by one.
pub struct Words<'a> {
    words: std::iter::Peekable<std::str::SplitWhitespace<'a>>,
    schema: SchemaRef,
}

impl Words<'_> {
    pub fn next(&mut self) -> &str {
        self.words.next().expect("the step has another word")
    }

    pub fn number(&mut self) -> i64 {
        let word = self.next();
        word.parse().unwrap_or_else(|_| panic!("{word} is no number"))
    }

    /// The number behind a word, if the word stands here.
    fn after(&mut self, word: &str) -> Option<i64> {
        self.words.next_if_eq(&word).map(|_| self.number())
    }

    /// Whether this word stands here.
    pub fn flag(&mut self, word: &str) -> bool {
        self.words.next_if_eq(&word).is_some()
    }

    /// The columns that the words may name.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub fn text_after(&mut self, word: &str) -> Option<String> {
        self.words.next_if_eq(&word).map(|_| self.next().to_string())
    }

    fn column(&mut self) -> usize {
        let schema = self.schema.clone();
        schema.index_of(self.next()).expect("a column of the input")
    }

    /// `by a,b`, if it stands here.
    pub fn keys(&mut self) -> Vec<usize> {
        let schema = self.schema.clone();
        let names = self.text_after("by").unwrap_or_default();
        names.split(',').filter(|name| !name.is_empty()).map(|name| schema.index_of(name).expect("a key")).collect()
    }
}

fn step(text: &str, inputs: &[RowType]) -> (Op, RowType) {
    if text.starts_with("match ") {
        return patterns::step(text, &inputs[0]);
    }
    let (head, calls) = text.split_once(": ").map_or((text, ""), |(head, calls)| (head, calls));
    let mut words = Words { words: head.split_whitespace().peekable(), schema: inputs[0].schema.clone() };
    let calls: Vec<AggregateCall> =
        calls.split(", ").filter(|call| !call.is_empty()).map(|call| aggregate(call, &inputs[0].schema)).collect();
    match words.next() {
        "group" => group(&mut words, calls, &inputs[0]),
        "attached" => {
            let (start, end) = (words.column(), words.column());
            let zone = words.text_after("zone");
            aggregation(WindowInput::Attached { start, end, zone }, words.keys(), calls, &inputs[0])
        }
        "rows" => assign(&mut words, &inputs[0]),
        "normalize" => {
            let key = words.keys();
            (Op::Normalize { key }, RowType { changes: Changes::Retract, ..inputs[0].clone() })
        }
        "current-watermark" => {
            let time = inputs[0].schema.fields().last().expect("the time is the last column");
            let met = Field::new("met", time.data_type().clone(), true);
            let fields: Vec<_> = inputs[0].schema.fields().iter().cloned().chain([Arc::new(met)]).collect();
            (Op::CurrentWatermark, RowType { schema: Arc::new(Schema::new(fields)), ..inputs[0].clone() })
        }
        "limit" => {
            let op = Op::Limit {
                fetch: words.after("fetch").map(|n| n as usize),
                skip: words.after("skip").unwrap_or(0) as usize,
            };
            (op, inputs[0].clone())
        }
        "over" => ranks::over(&mut words, calls, &inputs[0]),
        "rank" => ranks::rank(&mut words, &inputs[0]),
        "sort" => ranks::sort(&mut words, &inputs[0]),
        "interval-join" => interval_join(&mut words, inputs),
        "join" => regular_join(&mut words, inputs),
        "window-join" => window_join(&mut words, inputs),
        "temporal-join" => temporal_join(&mut words, inputs),
        "table-join" => table_join(&mut words, inputs),
        name => {
            let name = name.to_string();
            let window = window(&name, &mut words);
            words.text_after("on").map(|name| words.schema.index_of(&name).expect("the time"));
            let time = inputs[0].schema.index_of("ts").expect("the time column is called ts");
            let zone = words.text_after("zone");
            aggregation(WindowInput::Time { window, time, zone }, words.keys(), calls, &inputs[0])
        }
    }
}

fn window(name: &str, words: &mut Words) -> Window {
    let size = words.number();
    match name {
        "tumble" => Window::Tumble { size, offset: words.after("offset").unwrap_or(0) },
        "hop" => {
            let slide = words.after("every").expect("hop SIZE every SLIDE");
            Window::Hop { size, slide, offset: words.after("offset").unwrap_or(0) }
        }
        "cumulate" => {
            let step = words.after("step").expect("cumulate SIZE step STEP");
            Window::Cumulate { size, step, offset: words.after("offset").unwrap_or(0) }
        }
        "session" => Window::Session { gap: size },
        other => panic!("no step is called {other}"),
    }
}

fn aggregate(text: &str, schema: &SchemaRef) -> AggregateCall {
    let (call, filter) = text.split_once(" if ").map_or((text, None), |(call, filter)| (call, Some(filter)));
    let (name, arg) = call.strip_suffix(')').and_then(|call| call.split_once('(')).expect("NAME(argument)");
    let (arg, distinct) = arg.strip_prefix("distinct ").map_or((arg, false), |arg| (arg, true));
    let args: Vec<usize> = if arg == "*" { Vec::new() } else { vec![schema.index_of(arg).expect("an argument")] };
    let kind = match name {
        "count" => AggregateKind::Count,
        "sum" => AggregateKind::Sum,
        "avg" => AggregateKind::Avg,
        "min" => AggregateKind::Min,
        "max" => AggregateKind::Max,
        "first" => AggregateKind::First,
        "last" => AggregateKind::Last,
        "listagg" => AggregateKind::ListAgg { separator: ",".into() },
        "stddev" => AggregateKind::Borrowed(datafusion::functions_aggregate::stddev::stddev_pop_udaf()),
        other => ranks::kind(other).unwrap_or_else(|| panic!("no aggregate is called {other}")),
    };
    let data_type = match name {
        "count" | "rank" => DataType::Int64,
        "stddev" => DataType::Float64,
        _ => schema.field(args[0]).data_type().clone(),
    };
    let filter = filter.map(|name| schema.index_of(name).expect("a filter"));
    AggregateCall { kind, args, distinct, filter, name: text.into(), data_type, nullable: name != "count" }
}

pub fn columns(keys: &[usize], calls: &[AggregateCall], input: &RowType) -> Vec<Field> {
    let keys = keys.iter().map(|&key| input.schema.field(key).clone());
    keys.chain(calls.iter().map(|call| Field::new(&call.name, call.data_type.clone(), call.nullable))).collect()
}

fn window_fields(local: bool) -> [Field; 3] {
    let instant = if local { DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())) } else { time() };
    [
        Field::new("window_start", time(), false),
        Field::new("window_end", time(), false),
        Field::new("window_time", instant, false),
    ]
}

fn aggregation(
    windows: WindowInput,
    keys: Vec<usize>,
    aggregates: Vec<AggregateCall>,
    input: &RowType,
) -> (Op, RowType) {
    let (WindowInput::Time { zone, .. } | WindowInput::Attached { zone, .. }) = &windows;
    let mut fields = columns(&keys, &aggregates, input);
    fields.extend(window_fields(zone.is_some()));
    let times = vec![fields.len() - 1];
    let row = RowType { schema: Arc::new(Schema::new(fields)), times, changes: Changes::Append };
    (Op::WindowAggregate(WindowAggregate { input: windows, keys, aggregates }), row)
}

fn group(words: &mut Words, aggregates: Vec<AggregateCall>, input: &RowType) -> (Op, RowType) {
    let keys = words.keys();
    let schema = Arc::new(Schema::new(columns(&keys, &aggregates, input)));
    let row = RowType { schema, times: Vec::new(), changes: Changes::Retract };
    (Op::GroupAggregate(GroupAggregate { keys, aggregates }), row)
}

fn assign(words: &mut Words, input: &RowType) -> (Op, RowType) {
    let name = words.next().to_string();
    let window = window(&name, words);
    let zone = words.text_after("zone");
    let partition = words.keys();
    let time = input.schema.index_of("ts").expect("the time column is called ts");
    let fields: Vec<Field> = input.schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    let fields = [fields, window_fields(zone.is_some()).to_vec()].concat();
    let row = RowType { times: vec![fields.len() - 1], schema: Arc::new(Schema::new(fields)), changes: input.changes };
    (Op::AssignWindow(AssignWindow { window, time, zone, partition }), row)
}

fn join_kind(word: &str) -> JoinKind {
    match word {
        "inner" => JoinKind::Inner,
        "left" => JoinKind::Left,
        "right" => JoinKind::Right,
        "full" => JoinKind::Full,
        "semi" => JoinKind::Semi,
        "anti" => JoinKind::Anti,
        other => panic!("no join is called {other}"),
    }
}

/// `on a=b,c==d`, where `==` lets null equal null, and `where a<b`.
fn conditions(words: &mut Words, inputs: &[RowType]) -> (Vec<Equality>, Option<Expr>) {
    let on = words.text_after("on").unwrap_or_default();
    let pair = |text: &str| {
        let null_equal = text.contains("==");
        let (left, right) = text.split_once(if null_equal { "==" } else { "=" }).expect("left=right");
        let left = inputs[0].schema.index_of(left).expect("a left column");
        Equality { left, right: inputs[1].schema.index_of(right).expect("a right column"), null_equal }
    };
    let on = on.split(',').filter(|text| !text.is_empty()).map(pair).collect();
    let residual = words.text_after("where").map(|text| {
        let (left, right) = text.split_once('<').expect("left<right");
        ident(left).lt(ident(right))
    });
    (on, residual)
}

fn joined(kind: JoinKind, inputs: &[RowType]) -> SchemaRef {
    let semi = matches!(kind, JoinKind::Semi | JoinKind::Anti);
    let right = inputs[1].schema.fields().iter().filter(|_| !semi);
    Arc::new(Schema::new(inputs[0].schema.fields().iter().chain(right).cloned().collect::<Vec<_>>()))
}

fn interval_join(words: &mut Words, inputs: &[RowType]) -> (Op, RowType) {
    let kind = join_kind(words.next());
    let (lower, upper) = (words.number(), words.number());
    let (on, residual) = conditions(words, inputs);
    let schema = joined(kind, inputs);
    let (left_time, right_time) = (inputs[0].times[0], inputs[1].times[0]);
    let times = vec![left_time, inputs[0].schema.fields().len() + right_time];
    let join = IntervalJoin { kind, on, left_time, right_time, lower, upper, residual };
    (Op::IntervalJoin(join), RowType { schema, times, changes: Changes::Append })
}

fn regular_join(words: &mut Words, inputs: &[RowType]) -> (Op, RowType) {
    let kind = join_kind(words.next());
    let (on, residual) = conditions(words, inputs);
    let adds =
        matches!(kind, JoinKind::Inner | JoinKind::Semi) && inputs.iter().all(|input| input.changes == Changes::Append);
    let changes = if adds { Changes::Append } else { Changes::Retract };
    (
        Op::Join(Join { kind, on, residual, lookup: false }),
        RowType { schema: joined(kind, inputs), times: Vec::new(), changes },
    )
}

/// The ends of the windows are the columns `e` and `re`.
fn window_join(words: &mut Words, inputs: &[RowType]) -> (Op, RowType) {
    let kind = join_kind(words.next());
    let (on, residual) = conditions(words, inputs);
    let end = |side: usize, name: &str| inputs[side].schema.index_of(name).expect("the end of the window");
    let plan =
        WindowJoin { join: Join { kind, on, residual, lookup: false }, ends: [end(0, "e"), end(1, "re")], zone: None };
    let row = RowType { schema: joined(kind, inputs), times: Vec::new(), changes: Changes::Append };
    (Op::WindowJoin(plan), row)
}

/// The times of both sides are their first ones; `retracts` lets a `-U` end a version.
fn temporal_join(words: &mut Words, inputs: &[RowType]) -> (Op, RowType) {
    let kind = join_kind(words.next());
    let (on, residual) = conditions(words, inputs);
    let (left_time, right_time) = (inputs[0].times[0], inputs[1].times[0]);
    let join = Join { kind, on, residual, lookup: false };
    let plan = TemporalJoin { join, left_time, right_time, retracts: words.flag("retracts") };
    let times = vec![left_time, inputs[0].schema.fields().len() + right_time];
    (Op::TemporalJoin(plan), RowType { schema: joined(kind, inputs), times, changes: inputs[0].changes })
}

fn table_join(words: &mut Words, inputs: &[RowType]) -> (Op, RowType) {
    let kind = join_kind(words.next());
    let (on, residual) = conditions(words, inputs);
    let row = RowType { schema: joined(kind, inputs), times: inputs[0].times.clone(), changes: inputs[0].changes };
    (Op::TableJoin(Join { kind, on, residual, lookup: false }), row)
}
