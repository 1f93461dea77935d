//! Drives a pipeline with the events of a story, one by one or regrouped into batches, with or without a
//! recovery on the way, and writes down what comes out.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use millstream_engine::{Counters, Memory, MemoryShelf, MemoryStore, Pipeline, Spilled};
use millstream_plan::{Graph, NodeId, Op};
use millstream_record::{Batch, Epoch, Kinds, Mark, Message, Millis};

use crate::story::Event;

/// How the events are handed over.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// At most so many rows in a batch, marks included; `None`: every event is a message of its own.
    pub batch_rows: Option<usize>,
    /// Save, drop, load behind every so-manyth message, beginning with message `.0`.
    pub recover: Option<(usize, usize)>,
    /// Send a barrier to the first input before message `.0`, to each further one `.1` messages later, and go
    /// on from the cut in a fresh pipeline.
    pub cut: Option<(usize, usize)>,
    /// How many worker lanes.
    pub lanes: usize,
    /// How many bytes of memory there are for state; before and behind a cut.
    pub memory: [Option<u64>; 2],
}

/// Every event alone, no recovery, one lane, and memory for all.
pub const PLAIN: Manner = Manner { batch_rows: None, recover: None, cut: None, lanes: 1, memory: [None; 2] };

/// What came out: lines for rows (`+I | a | 1`) and watermarks (`~ | 10`), and how many events had been taken
/// when each of them came; late rows.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub lines: Vec<(usize, String)>,
    pub late: Vec<String>,
    /// What was put away since the last recovery.
    pub spilled: Spilled,
    /// In how many pieces the state lay at the cut.
    pub pieces: usize,
}

impl Outcome {
    /// The rows and watermarks in order; of watermarks without a row between them only the last.
    pub fn flow(&self) -> Vec<String> {
        let mut flow: Vec<String> = Vec::new();
        for (_, line) in &self.lines {
            if line.starts_with('~') && flow.last().is_some_and(|last| last.starts_with('~')) {
                flow.pop();
            }
            flow.push(line.clone());
        }
        flow
    }

    /// The last watermark that was said, if any was.
    pub fn last_watermark(&self) -> Vec<String> {
        self.lines.iter().rev().map(|(_, line)| line.clone()).find(|line| line.starts_with('~')).into_iter().collect()
    }

    /// The rows alone, sorted.
    pub fn rows(&self) -> Vec<String> {
        let mut rows: Vec<String> =
            self.lines.iter().map(|(_, line)| line.clone()).filter(|line| !line.starts_with('~')).collect();
        rows.sort();
        rows
    }
}

/// A column of these cells.
pub fn column(cells: &[Option<String>], data_type: &DataType) -> ArrayRef {
    let texts = cells.iter().map(|cell| cell.as_deref());
    match data_type {
        DataType::Utf8 => Arc::new(texts.collect::<StringArray>()),
        DataType::Boolean => Arc::new(texts.map(|cell| cell.map(|cell| cell == "true")).collect::<BooleanArray>()),
        DataType::Float64 => Arc::new(
            texts.map(|cell| cell.map(|cell| cell.parse::<f64>().expect("a number"))).collect::<Float64Array>(),
        ),
        other => {
            let numbers: Int64Array =
                texts.map(|cell| cell.map(|cell| cell.parse::<i64>().expect("a number"))).collect();
            cast(&numbers, other).expect("numbers become times")
        }
    }
}

/// A cell as text: times in milliseconds, null as `_`.
fn cell(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "_".into();
    }
    match column.data_type() {
        DataType::Timestamp(_, _) => {
            let plain = cast(column, &DataType::Int64).expect("times are numbers");
            array_value_to_string(&plain, row).expect("a number")
        }
        _ => array_value_to_string(column, row).expect("can be shown"),
    }
}

fn row(rows: &RecordBatch, row: usize) -> String {
    rows.columns().iter().map(|column| cell(column, row)).collect::<Vec<_>>().join(" | ")
}

/// One message and how many events it holds.
type Handed = (usize, Message, usize);

/// Cuts the events into messages.
fn messages(graph: &Graph, events: &[Event], batch_rows: Option<usize>) -> Vec<Handed> {
    let mut handed = Vec::new();
    let mut rest = events;
    while let Some(first) = rest.first() {
        let input = first.input();
        let mut rows = 0;
        let takes = |event: &&Event| {
            rows += usize::from(matches!(event, Event::Row { .. }));
            let fits = batch_rows.is_some_and(|most| rows <= most);
            event.input() == input && !matches!(event, Event::End { .. }) && fits
        };
        let count = rest.iter().take_while(takes).count().max(1);
        let (taken, left) = rest.split_at(count);
        handed.push((input, message(graph, input, taken, batch_rows.is_some()), count));
        rest = left;
    }
    handed
}

fn message(graph: &Graph, input: usize, events: &[Event], marks_in_batches: bool) -> Message {
    match events {
        [Event::End { .. }] => return Message::End,
        [Event::Watermark { watermark, .. }] if !marks_in_batches => return Message::Watermark(Millis(*watermark)),
        _ => {}
    }
    let schema = graph.nodes[input].row.schema.clone();
    let (mut rows, mut kinds, mut marks): (Vec<&Vec<Option<String>>>, Vec<_>, Vec<Mark>) = Default::default();
    for event in events {
        match event {
            Event::Row { kind, values, .. } => {
                rows.push(values);
                kinds.push(*kind);
            }
            Event::Watermark { watermark, .. } => {
                marks.push(Mark { after: rows.len() as u32, watermark: Millis(*watermark) });
            }
            Event::End { .. } => unreachable!("an end is a message of its own"),
        }
    }
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let cells: Vec<_> = rows.iter().map(|row| row[index].clone()).collect();
        column(&cells, field.data_type())
    });
    let table = RecordBatch::try_new(schema.clone(), columns.collect()).expect("the cells fit the columns");
    let changes = graph.nodes[input].row.changes == millstream_plan::Changes::Retract;
    let batch = if changes { Batch::changes(table, Kinds::new(kinds)) } else { Batch::insert(table) };
    Message::Batch(Batch { marks, ..batch })
}

/// A pipeline with its counters, which are new after every recovery.
struct Running<'a> {
    graph: &'a Graph,
    lanes: usize,
    memory: [Option<u64>; 2],
    pipeline: Pipeline,
    counters: Counters,
}

impl<'a> Running<'a> {
    fn start(graph: &'a Graph, lanes: usize, memory: [Option<u64>; 2]) -> Running<'a> {
        let counters = Counters::new(graph, 1 << 20);
        let limited = memory[0].map(|limit| Arc::new(Memory::new(limit, Arc::new(MemoryShelf))));
        let pipeline = Pipeline::new(graph, lanes, &counters, limited.as_ref()).expect("the graph can be built");
        Running { graph, lanes, memory, pipeline, counters }
    }

    fn node(&self) -> usize {
        self.graph.nodes.len() - 1
    }

    /// Saves everything, drops it, and goes on with a fresh pipeline.
    fn recover(&mut self, outcome: &mut Outcome) {
        let mut store = MemoryStore::default();
        self.pipeline.save(&mut store).expect("saves");
        self.note_late(outcome);
        *self = Running::start(self.graph, self.lanes, self.memory);
        self.pipeline.load(&store).expect("loads");
    }

    fn note_late(&self, outcome: &mut Outcome) {
        for rows in self.counters.late_rows(NodeId(self.node())) {
            outcome.late.extend((0..rows.num_rows()).map(|number| row(&rows, number)));
        }
    }
}

/// Writes down what leaves the pipeline.
struct Notes<'a> {
    outcome: &'a mut Outcome,
    reached: Millis,
    taken: usize,
    /// Whether the watermark must rise strictly.
    rises: bool,
}

impl Notes<'_> {
    fn take(&mut self, batch: &Batch) {
        let mut marks = batch.marks.iter().peekable();
        for place in 0..=batch.len() {
            while let Some(mark) = marks.next_if(|mark| mark.after as usize <= place) {
                assert!(!self.rises || mark.watermark > self.reached, "the watermark of the output rises strictly");
                self.watermark(mark.watermark);
            }
            if place < batch.len() {
                let line = format!("{} | {}", batch.kind(place).mark(), row(&batch.rows, place));
                self.outcome.lines.push((self.taken, line));
            }
        }
    }

    fn watermark(&mut self, watermark: Millis) {
        self.reached = watermark;
        self.outcome.lines.push((self.taken, format!("~ | {watermark}")));
    }
}

/// Barriers on their way into a pipeline, and what must be said again behind the cut.
struct Barriers {
    /// Before which message each input gets its barrier.
    due: Vec<usize>,
    sent: Vec<bool>,
    again: Vec<(usize, Message)>,
    done: bool,
}

impl Barriers {
    fn new(graph: &Graph, cut: Option<(usize, usize)>) -> Barriers {
        let inputs = graph.nodes.iter().filter(|node| matches!(node.op, Op::Scan { .. })).count();
        let due = (0..inputs).map(|input| cut.map_or(usize::MAX, |(first, later)| first + input * later));
        Barriers { due: due.collect(), sent: vec![false; inputs], again: Vec::new(), done: cut.is_none() }
    }

    /// Whether an input has got its barrier before message `number`.
    fn behind(&self, input: usize, number: usize) -> bool {
        !self.done && self.due[input] <= number
    }
}

/// Hands all events over, in this manner.
pub fn drive(graph: &Graph, events: &[Event], manner: Manner) -> Outcome {
    let mut running = Running::start(graph, manner.lanes, manner.memory);
    let mut outcome = Outcome::default();
    // Of several lanes each has a watermark of its own; and behind staggered barriers the counters run ahead of
    // the rows that are let out.
    let rises = manner.lanes == 1 && manner.cut.is_none_or(|(_, later)| later == 0);
    let mut notes = Notes { outcome: &mut outcome, reached: Millis::MIN, taken: 0, rises };
    let mut barriers = Barriers::new(graph, manner.cut);
    for (number, (input, message, count)) in messages(graph, events, manner.batch_rows).into_iter().enumerate() {
        running.cut(&mut barriers, number, &mut notes);
        notes.taken += count;
        if barriers.behind(input, number) {
            barriers.again.push((input, message.clone()));
        }
        running.push(input, message, &mut notes);
        if manner.recover.is_some_and(|(first, every)| number >= first && (number - first) % every == 0) {
            running.recover(notes.outcome);
        }
    }
    running.cut(&mut barriers, usize::MAX, &mut notes);
    if manner.memory != [None; 2] {
        running.settle(&mut notes);
    }
    running.note_late(&mut outcome);
    outcome.spilled = running.spilled();
    outcome
}

impl Running<'_> {
    fn push(&mut self, input: usize, message: Message, notes: &mut Notes<'_>) {
        let mut emit = |_: usize, batch: Batch| {
            notes.take(&batch);
            Ok(())
        };
        self.pipeline.push(NodeId(input), message, &mut emit).expect("the operator takes it");
        let said = self.counters.operators()[self.node()].watermark;
        if said > notes.reached {
            notes.watermark(said);
        }
    }

    /// What was put off comes out before a barrier.
    fn settle(&mut self, notes: &mut Notes<'_>) {
        for input in 0..self.graph.nodes.iter().filter(|node| matches!(node.op, Op::Scan { .. })).count() {
            self.push(input, Message::Barrier(Epoch(2)), notes);
        }
    }

    /// What operators have put away, and how often.
    fn spilled(&self) -> Spilled {
        self.counters.operators()[self.node()].spilled
    }

    /// Sends the barriers that are due before message `number`; once the cut is complete, goes on from it in
    /// a fresh pipeline.
    fn cut(&mut self, barriers: &mut Barriers, number: usize, notes: &mut Notes<'_>) {
        for input in 0..barriers.due.len() {
            if !barriers.done && barriers.due[input] <= number && !std::mem::replace(&mut barriers.sent[input], true) {
                self.push(input, Message::Barrier(Epoch(1)), notes);
            }
        }
        // What came out behind the cut comes again.
        let Some((epoch, state)) = self.pipeline.cut(&mut |_, _| Ok(())).expect("the cut is sound") else { return };
        assert_eq!(epoch, Epoch(1));
        notes.outcome.pieces = state.pieces.values().map(Vec::len).sum();
        barriers.done = true;
        self.note_late(notes.outcome);
        *self = Running::start(self.graph, self.lanes, [self.memory[1]; 2]);
        self.pipeline.load(&state).expect("loads");
        for (input, message) in std::mem::take(&mut barriers.again) {
            self.push(input, message, notes);
        }
    }
}
