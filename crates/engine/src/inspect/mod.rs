//! A run seen from inside, at one moment: what came from each partition and who holds the watermark, what each
//! filter lets through and what it saw, which windows are open and when they close, what the sides of a join
//! hold, and whether anybody takes what comes out. `WHY` reads it.
//!
//! What is counted anyway is read from the counters. What only an operator knows is told by its lane when
//! somebody asks, between two messages, and once more when the lane ends: so asking costs a run nothing
//! while nobody asks, and works when the run is over.

mod conjunct;
mod reports;
mod sample;

pub(crate) use conjunct::Probe;
pub use conjunct::{Conjunct, Seen, compared};
pub(crate) use reports::{LaneReport, Reports, SeatReport};
pub(crate) use sample::KeySample;

use millstream_plan::{Graph, NodeId};
use millstream_record::{Millis, Offset, PartitionId};

/// At most so many open windows of an operator are told one by one, the first to close first.
pub const TOLD_WINDOWS: usize = 8;

/// A run at one moment.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// When the run started, by its clock.
    pub started: Millis,
    /// Whether every lane has answered; one that is held up by a slow taker of results cannot.
    pub complete: bool,
    /// Whether no lane works any more.
    pub ended: bool,
    /// One per scan, in the order of the graph.
    pub sources: Vec<Source>,
    /// One per node, in the order of the graph.
    pub operators: Vec<Operator>,
    /// One per output.
    pub outputs: Vec<Output>,
}

/// What came from one tap.
#[derive(Clone, Debug)]
pub struct Source {
    /// The scan that reads it.
    pub scan: NodeId,
    /// The tap.
    pub tap: String,
    /// Records taken from the topic.
    pub records: u64,
    /// Records that could not be read or had no event time.
    pub bad: u64,
    /// Those of them that had no event time.
    pub untimed: u64,
    /// Why records were refused, the most frequent reason first. Only of those that were kept.
    pub reasons: Vec<Reason>,
    /// Records that wait behind the reader, if known.
    pub lag: Option<u64>,
    /// The watermark, if the tap has event time.
    pub watermark: Option<Millis>,
    /// Why nothing comes, and since when.
    pub stalled: Option<(String, Millis)>,
    /// Since when the reader waits because too much is under way behind it.
    pub held: Option<Millis>,
    /// Whether all has been read.
    pub ended: bool,
    /// Its partitions, in order.
    pub partitions: Vec<Partition>,
}

/// A reason for which records were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The reason, in one sentence. Not to be trusted: it may hold parts of the record.
    pub text: String,
    /// How many records.
    pub records: u64,
    /// Where the first of them stand.
    pub places: Vec<(PartitionId, Offset)>,
}

/// One partition of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Which one.
    pub id: PartitionId,
    /// Records taken from it.
    pub records: u64,
    /// When the last record came, or else when the partition was first seen; by the run's clock.
    pub heard: Millis,
    /// The lowest and the highest event time.
    pub times: Option<(Millis, Millis)>,
    /// Rows whose event time lay more than a day ahead of the clock.
    pub future: u64,
    /// Its own watermark.
    pub watermark: Millis,
    /// Whether it does not hold the others back, because it was silent for too long.
    pub idle: bool,
    /// Whether it has been read to its end.
    pub ended: bool,
}

/// What one operator did and holds, over all its lanes.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Its uid.
    pub uid: String,
    /// Rows that it took, per input.
    pub rows_in: Vec<u64>,
    /// Rows that it gave.
    pub rows_out: u64,
    /// Rows that came after their time.
    pub late: u64,
    /// How far its output has come.
    pub watermark: Millis,
    /// The watermark of each of its inputs, lowest of its lanes.
    pub inputs: Vec<Input>,
    /// What it alone knows.
    pub detail: Detail,
}

/// How far one input of an operator has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its watermark.
    pub watermark: Millis,
    /// Whether it is idle.
    pub idle: bool,
}

/// What an operator alone knows.
#[derive(Clone, Debug, Default)]
pub enum Detail {
    /// Nothing besides its counters.
    #[default]
    Plain,
    /// The parts of a condition, joined by `AND`, over all rows up to the first that passed.
    Filter(Vec<Conjunct>),
    /// Lists that had no element.
    Lists {
        /// Rows whose list was empty.
        empty: u64,
        /// Rows whose list was null.
        null: u64,
    },
    /// Windows or sessions that are open.
    Windows(Windows),
    /// The two sides of a join.
    Join(Box<[Side; 2]>),
    /// What a limit still lets through; `None` for all.
    Limit {
        /// Rows that are still to be left out.
        skip: u64,
        /// Rows that may still pass.
        fetch: Option<u64>,
    },
}

/// The open windows of an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    /// How many are open.
    pub open: u64,
    /// Whether they are sessions, of which every key has its own.
    pub sessions: bool,
    /// The first to close, at most [`TOLD_WINDOWS`].
    pub first: Vec<OpenWindow>,
}

/// A window, or a session, that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenWindow {
    /// The watermark at which it closes.
    pub closes: Millis,
    /// The first millisecond behind it, on its wall clock.
    pub end: i64,
    /// The first millisecond in it, on its wall clock.
    pub start: i64,
    /// Rows in it.
    pub rows: u64,
    /// Keys in it.
    pub keys: u64,
}

/// One side of a join.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Rows that are kept because a partner may come.
    pub held: u64,
    /// The lowest and the highest event time of all its rows.
    pub times: Option<(Millis, Millis)>,
    /// Keys of its first rows, as text, the columns of a key joined by a comma. Not to be trusted.
    pub keys: Vec<String>,
    /// Whether all of it has come; says something for the table of a table join only.
    pub whole: bool,
}

/// What left the graph through one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Whose rows.
    pub node: NodeId,
    /// Rows.
    pub rows: u64,
    /// When the last of them left, by the run's clock.
    pub last: Option<Millis>,
    /// Since when nobody takes the next ones.
    pub blocked: Option<Millis>,
}

impl Inspection {
    /// The source of a scan.
    pub fn source(&self, scan: NodeId) -> Option<&Source> {
        self.sources.iter().find(|source| source.scan == scan)
    }
}

impl Source {
    /// The partition that holds the watermark: the lowest of those that are neither idle nor at their end.
    pub fn holder(&self) -> Option<&Partition> {
        let awake = self.partitions.iter().filter(|partition| !partition.idle && !partition.ended);
        awake.min_by_key(|partition| (partition.watermark, partition.heard))
    }
}

impl Detail {
    /// Adds what another lane tells of the same operator.
    pub(crate) fn absorb(&mut self, other: Detail) {
        match (self, other) {
            (Detail::Filter(ours), Detail::Filter(theirs)) => {
                ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| ours.absorb(theirs));
            }
            (Detail::Lists { empty, null }, Detail::Lists { empty: more_empty, null: more_null }) => {
                *empty += more_empty;
                *null += more_null;
            }
            (Detail::Windows(ours), Detail::Windows(theirs)) => ours.absorb(theirs),
            (Detail::Join(ours), Detail::Join(theirs)) => {
                ours.iter_mut().zip(*theirs).for_each(|(ours, theirs)| ours.absorb(theirs));
            }
            (ours @ Detail::Plain, other) => *ours = other,
            _ => {}
        }
    }
}

impl Windows {
    /// The windows of these, of which there are `open`.
    pub(crate) fn of(open: usize, sessions: bool, mut first: Vec<OpenWindow>) -> Windows {
        first.sort_unstable();
        first.truncate(TOLD_WINDOWS);
        Windows { open: open as u64, sessions, first }
    }

    /// The same window in two lanes is one window with the keys of both.
    fn absorb(&mut self, other: Windows) {
        self.open = if self.sessions { self.open + other.open } else { self.open.max(other.open) };
        for window in other.first {
            let same = |ours: &&mut OpenWindow| ours.start == window.start && ours.end == window.end;
            match self.first.iter_mut().find(same) {
                Some(ours) => {
                    ours.rows += window.rows;
                    ours.keys += window.keys;
                }
                None => self.first.push(window),
            }
        }
        self.open = self.open.max(self.first.len() as u64);
        self.first.sort_unstable();
        self.first.truncate(TOLD_WINDOWS);
    }
}

impl Side {
    fn absorb(&mut self, other: Side) {
        self.held += other.held;
        self.times = match (self.times, other.times) {
            (Some(ours), Some(theirs)) => Some((ours.0.min(theirs.0), ours.1.max(theirs.1))),
            (ours, theirs) => ours.or(theirs),
        };
        self.keys.extend(other.keys);
        self.keys.truncate(KeySample::MOST);
        self.whole |= other.whole;
    }
}

/// An operator of which no lane has told anything yet.
pub(crate) fn unknown(graph: &Graph, id: NodeId) -> (Vec<Input>, Detail) {
    let input = Input { watermark: Millis::MIN, idle: false };
    (vec![input; graph.node(id).inputs.len()], Detail::Plain)
}
