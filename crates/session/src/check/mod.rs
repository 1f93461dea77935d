//! Whether a streamed answer is right: the same graph over the same records, once row by row through the
//! engine and once as a batch through DataFusion, which knows neither watermarks nor panes nor state. Final
//! rows are compared.
//!
//! The batch answer is made from the definitions: windows are columns computed from event time, sessions are
//! SQL window functions, and a row is late if the watermark before it, worked out from the order of arrival,
//! had passed the end of its window. Where the answer depends on the order of arrival in a way that no batch
//! can tell, the verdict says so instead.

mod batch;
mod clock;
mod compare;
mod recording;
mod referee;

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use millstream_engine::{EngineError, Options, Replay};
use millstream_plan::Graph;
use millstream_record::{Batch, ManualClock, Stop};

pub use compare::alike;
pub use recording::{Heard, Recording};

use crate::status::count;

/// What came of a comparison.
#[derive(Debug)]
pub enum Verdict {
    /// Both were computed.
    Compared(Comparison),
    /// No batch can say what the answer should be: why, as the end of a sentence.
    NotComparable(String),
}

/// A streamed answer beside the batch answer.
#[derive(Debug)]
pub struct Comparison {
    /// Final rows of the streamed answer.
    pub streamed: usize,
    /// Rows of the batch answer.
    pub batch: usize,
    /// Rows that came too late for their windows; the batch left them out as well.
    pub late: u64,
    /// Rows that the stream lacks.
    pub missing: RecordBatch,
    /// Rows that the stream has too many.
    pub extra: RecordBatch,
}

/// Why a comparison could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The streamed run failed.
    #[error(transparent)]
    Stream(#[from] EngineError),
    /// The batch failed.
    #[error("the batch that the stream is compared with failed: {0}")]
    Batch(#[from] DataFusionError),
    /// Whoever asked does not want to wait any longer.
    #[error("stopped")]
    Stopped,
    /// The answers could not be laid side by side.
    #[error("the streamed rows and the batch rows cannot be compared: {0}")]
    Compare(#[from] ArrowError),
}

impl Comparison {
    /// Whether both answers are the same.
    pub fn equal(&self) -> bool {
        self.missing.num_rows() == 0 && self.extra.num_rows() == 0
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = |number: usize| format!("{} row{}", count(number as u64), if number == 1 { "" } else { "s" });
        write!(f, "streamed: {} · computed as one batch: {} · ", rows(self.streamed), rows(self.batch))?;
        match self.equal() {
            true => f.write_str("equal")?,
            false => {
                write!(f, "missing: {}, too many: {}", rows(self.missing.num_rows()), rows(self.extra.num_rows()))?
            }
        }
        if self.late > 0 {
            write!(f, " · late rows left out of both: {}", count(self.late))?;
        }
        Ok(())
    }
}

/// Compares the streamed answer of a graph's first output over a recording with the batch answer.
/// `options` are those of the run: where watermarks start and how they are spaced enters the meaning. The
/// signal that this thread attends to ends it.
pub fn check(graph: &Graph, recording: &Recording, options: &Options) -> Result<Verdict, CheckError> {
    let stop = &Stop::attended();
    // Which times are believed hangs on the clock; it stands still, so that both sides believe the same.
    let clock = Arc::new(ManualClock::at(options.clock.now()));
    let options = Options { parallelism: 1, clock, ..options.clone() };
    let (emitted, late) = stream(graph, recording, &options, stop)?;
    let batch = match referee::answer(graph, recording, &options, stop)? {
        Ok(batch) => batch,
        Err(reason) => return Ok(Verdict::NotComparable(reason)),
    };
    let schema = &graph.node(graph.outputs[0].node).row.schema;
    Ok(Verdict::Compared(compare::compare(schema, &emitted, &batch, late)?))
}

/// What the engine emits, and how many rows were late.
fn stream(
    graph: &Graph,
    recording: &Recording,
    options: &Options,
    stop: &Stop,
) -> Result<(Vec<Batch>, u64), CheckError> {
    let mut replay = Replay::new(graph, options)?;
    let mut emitted = Vec::new();
    let mut emit = |output: usize, batch: Batch| {
        emitted.extend((output == 0).then_some(batch));
        Ok(())
    };
    for (tap, heard) in recording.all() {
        if stop.raised() {
            return Err(CheckError::Stopped);
        }
        match heard {
            Heard::Partition(partition) => replay.partition(tap, partition),
            Heard::Rows(rows) => replay.feed(tap, rows, &mut emit)?,
            Heard::PartitionEnd(partition) => replay.partition_ended(tap, partition, &mut emit)?,
            Heard::End => replay.end_tap(tap, &mut emit)?,
        }
    }
    replay.end(&mut emit)?;
    let late = replay.counters().operators().iter().map(|operator| operator.late).sum();
    Ok((emitted, late))
}
