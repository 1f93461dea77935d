//! Event time of a watched step: how far each partition has come, where its watermark stands and who holds it, which
//! windows are open, and where late rows fell.

use arrow::array::RecordBatch;
use arrow::datatypes::TimeUnit;
use millstream_engine::Counters;
use millstream_engine::inspect::{Detail, Inspection};
use millstream_plan::{Graph, NodeId};
use millstream_record::Millis;

use crate::render::gate;
use crate::render::value::{Value, value};

/// So many of the newest late rows have their mark.
const MARKS: usize = 500;

/// Event time at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// The partitions of all taps.
    pub partitions: Vec<Partition>,
    /// The windows that close next.
    pub windows: Vec<Window>,
    /// How many are open in all.
    pub open: u64,
    /// The event times of late rows.
    pub late: Vec<Millis>,
    /// How many rows came late in all.
    pub late_rows: u64,
    /// The watermark of the result.
    pub watermark: Option<Millis>,
}

/// How far a partition has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// `trades/3`.
    pub name: String,
    /// The lowest and the highest event time.
    pub times: Option<(Millis, Millis)>,
    /// Its watermark, if it has begun.
    pub watermark: Option<Millis>,
    /// Whether it is left out because it was silent for too long.
    pub idle: bool,
    /// Whether it has been read to its end.
    pub ended: bool,
    /// Whether all others wait for it.
    pub holds: bool,
}

/// A window that is open, in instants.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Whose window: `bars`.
    pub step: String,
    /// The first millisecond in it.
    pub start: Millis,
    /// The watermark at which it closes.
    pub closes: Millis,
    /// Rows in it.
    pub rows: u64,
    /// Keys in it.
    pub keys: u64,
}

impl Timeline {
    /// The lowest and the highest moment of which there is something to draw.
    pub fn range(&self) -> Option<(Millis, Millis)> {
        let times = self.partitions.iter().filter_map(|partition| partition.times);
        let windows = self.windows.iter().map(|window| (window.start, window.closes));
        let marks = self.late.iter().map(|at| (*at, *at));
        let all = times.chain(windows).chain(marks);
        all.reduce(|(low, high), (from, to)| (low.min(from), high.max(to)))
    }
}

/// Event time of a run.
pub fn of(graph: &Graph, counters: &Counters, inside: &Inspection) -> Timeline {
    let mut timeline = Timeline::default();
    for source in &inside.sources {
        let holder = source.holder().map(|holder| &holder.id);
        let several = source.partitions.len() > 1;
        timeline.partitions.extend(source.partitions.iter().map(|partition| Partition {
            name: format!("{}/{}", gate::shown(&source.tap), partition.id.number),
            times: partition.times,
            watermark: Some(partition.watermark).filter(|at| *at != Millis::MIN),
            idle: partition.idle,
            ended: partition.ended,
            holds: several && holder == Some(&partition.id),
        }));
    }
    for (id, operator) in inside.operators.iter().enumerate() {
        timeline.late_rows += operator.late;
        if operator.late > 0 {
            timeline.late.extend(late(graph, counters, NodeId(id)));
        }
        if let Detail::Windows(windows) = &operator.detail {
            let step = gate::shown(operator.uid.split('/').next().unwrap_or_default()).into_owned();
            timeline.open += windows.open;
            timeline.windows.extend(windows.first.iter().map(|window| Window {
                step: step.clone(),
                // The length is that of the wall clock, and the end is where the watermark closes it.
                start: Millis(window.closes.0.saturating_sub(window.end.saturating_sub(window.start))),
                closes: window.closes,
                rows: window.rows,
                keys: window.keys,
            }));
        }
    }
    let outputs = graph.outputs.iter().map(|output| inside.operators[output.node.0].watermark);
    timeline.watermark = outputs.min().filter(|at| *at != Millis::MIN);
    timeline
}

/// The event times of the newest late rows of an operator.
fn late(graph: &Graph, counters: &Counters, id: NodeId) -> Vec<Millis> {
    let inputs = graph.node(id).inputs.iter().map(|input| &graph.node(*input).row);
    let names: Vec<&String> =
        inputs.flat_map(|row| row.times.iter().map(|time| row.schema.field(*time).name())).collect();
    let mut found = Vec::new();
    for rows in counters.late_rows(id).iter().rev() {
        let column = names.iter().find_map(|name| rows.schema().index_of(name).ok());
        let Some(column) = column.filter(|_| found.len() < MARKS) else { break };
        let room = MARKS - found.len();
        found.extend((0..rows.num_rows()).rev().take(room).filter_map(|row| moment(rows, column, row)));
    }
    found
}

fn moment(rows: &RecordBatch, column: usize, row: usize) -> Option<Millis> {
    let (Value::Timestamp(ticks, unit) | Value::Instant(ticks, unit)) = value(rows.column(column).as_ref(), row) else {
        return None;
    };
    Some(Millis(match unit {
        TimeUnit::Second => ticks.saturating_mul(1000),
        TimeUnit::Millisecond => ticks,
        TimeUnit::Microsecond => ticks.div_euclid(1000),
        TimeUnit::Nanosecond => ticks.div_euclid(1_000_000),
    }))
}
