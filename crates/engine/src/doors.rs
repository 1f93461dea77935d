//! What a run is given from outside: opened sources and sinks, a clock, and how it should behave.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_plan::Tap;
use millstream_record::{Clock, DeadLetters, Millis, Sink, Source, Stop, SystemClock, parse_duration};

use crate::spill::Memory;
use crate::watermark::Timing;

/// Sources and sinks by the names of their taps.
#[derive(Default)]
pub struct Doors {
    /// What scans read.
    pub sources: BTreeMap<String, Box<dyn Source>>,
    /// Where `INSERT INTO` writes.
    pub sinks: BTreeMap<String, Box<dyn Sink>>,
}

/// What happens to a record that cannot be read, or has no event time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRecords {
    /// It is counted and kept (up to a limit) where one can look at it, and the run goes on.
    #[default]
    Keep,
    /// The run fails.
    Fail,
    /// It is counted, and the run goes on.
    Skip,
}

/// How a run behaves.
#[derive(Clone)]
pub struct Options {
    /// Worker lanes for operators with keys.
    pub parallelism: usize,
    /// At most so many rows in a batch.
    pub batch_rows: usize,
    /// What happens to records that cannot be read.
    pub bad_records: BadRecords,
    /// What happens to a row for which a user's function fails. It is counted where the run goes on; one that goes
    /// into an aggregate fails the run whatever is said here, for nobody knows what it has left in its cell.
    pub row_errors: BadRecords,
    /// So many late rows per operator, and unreadable records per tap, are kept.
    pub kept: usize,
    /// Where watermarks start: `Millis::MIN`, or zero as in Flink.
    pub watermark_start: Millis,
    /// A watermark is emitted when it has advanced by more than this many milliseconds.
    pub watermark_interval: i64,
    /// Where records go that cannot be read, besides being counted; nowhere, if there is none.
    pub dead_letters: Option<Arc<dyn DeadLetters>>,
    /// Raised when the run, or the opening of its sources, should stop.
    pub stop: Stop,
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
    /// The memory for state, if it is limited. Of one run only.
    pub memory: Option<Arc<Memory>>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            parallelism: 1,
            batch_rows: 8192,
            bad_records: BadRecords::Keep,
            row_errors: BadRecords::Fail,
            kept: 10_000,
            watermark_start: Millis::MIN,
            watermark_interval: 0,
            dead_letters: None,
            stop: Stop::default(),
            clock: Arc::new(SystemClock),
            memory: None,
        }
    }
}

impl Options {
    /// How the watermarks of a tap are made.
    pub fn timing(&self, tap: &Tap) -> Timing {
        let idle = tap.options.get("scan.watermark.idle-timeout").and_then(|text| parse_duration(text));
        Timing {
            start: self.watermark_start,
            interval: self.watermark_interval,
            idle: idle.filter(|idle| !idle.is_zero()),
            max_future: max_future(tap),
        }
    }
}

/// The option that says how far ahead of the clock event times are believed; 0 believes all.
pub const MAX_FUTURE: &str = "scan.watermark.max-future";
/// Its default in milliseconds: a day.
const A_DAY: i64 = 86_400_000;

fn max_future(tap: &Tap) -> Option<i64> {
    let given = tap.options.get(MAX_FUTURE).and_then(|text| parse_duration(text));
    let ahead = given.map_or(A_DAY, |ahead| i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX));
    (ahead > 0).then_some(ahead)
}
