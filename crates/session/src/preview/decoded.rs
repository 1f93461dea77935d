//! The columns of samples: what is kept of a table, decoded once into all its columns, so that every preview
//! over it begins with columns.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millstream_plan::Tap;
use millstream_record::{Error, Fetched, Limits, Millis, PartitionId, Poll, Sample, Scan, Source, Stop};

use crate::fault::Fault;
use crate::session::Session;

/// Records in a piece of each partition, together: in so far the order of arrival across partitions is kept
/// only roughly. Between two pieces it is looked whether anybody still wants the answer.
const PIECE: usize = 512;

/// The decoded samples of a session, by table.
#[derive(Default)]
pub struct Decoded(Mutex<HashMap<String, Kept>>);

struct Kept {
    /// The table, and when its sample was drawn: with another of either these columns are old.
    tap: Arc<Tap>,
    drawn: Millis,
    columns: Arc<Columns>,
}

/// The decoded sample of one table.
pub struct Columns {
    /// All partitions, also those of which there is no record.
    pub partitions: Vec<PartitionId>,
    /// Rows of all physical columns, in the order in which they came.
    pub pieces: Vec<Fetched>,
    /// How long before the newest record of the sample the last one of each piece came: milliseconds. Empty where
    /// nobody knows when rows came.
    pub before: Vec<i64>,
    /// Whether this is all there is and ever will be.
    pub whole: bool,
    /// How many records.
    pub records: u64,
}

impl Decoded {
    /// The columns of a table's sample.
    pub fn of(&self, session: &Session, tap: &Arc<Tap>) -> Result<Arc<Columns>, Fault> {
        let sample = session.sample_of(tap)?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = kept.get(&tap.name)
            && there.drawn == sample.drawn
            && there.columns.records == sample.len() as u64
            && same(&there.tap, tap)
        {
            return Ok(there.columns.clone());
        }
        let limits = Limits::default();
        let few =
            sample.len() < limits.records && sample.records().is_none_or(|records| records.bytes() < limits.bytes);
        let whole = few && crate::doors::source(session, tap)?.bounded();
        let mut columns = read(sample.source(session, tap)?.as_ref(), whole, &session.stop)?;
        columns.before = sample.records().map(|records| before(records, &columns.pieces)).unwrap_or_default();
        let columns = Arc::new(columns);
        if sample.is_empty() {
            // There may be something the next time.
            session.samples.forget(&tap.name);
        }
        kept.insert(tap.name.clone(), Kept { tap: tap.clone(), drawn: sample.drawn, columns: columns.clone() });
        Ok(columns)
    }
}

/// Whether two taps read the same bytes in the same way.
fn same(left: &Arc<Tap>, right: &Arc<Tap>) -> bool {
    Arc::ptr_eq(left, right)
        || (left.connector == right.connector && left.options == right.options && left.physical() == right.physical())
}

/// Reads a source that ends.
fn read(source: &dyn Source, whole: bool, stop: &Stop) -> Result<Columns, Fault> {
    let columns = (0..source.schema().fields().len()).collect();
    let mut reader = source.open(Scan { columns, resume: None, batch_rows: PIECE, stop: stop.clone() })?;
    let mut read = Columns { partitions: Vec::new(), pieces: Vec::new(), before: Vec::new(), whole, records: 0 };
    loop {
        if stop.raised() {
            return Err(Error::Stopped.into());
        }
        match reader.poll(Duration::ZERO)? {
            Poll::Partition(partition) => read.partitions.push(partition),
            Poll::Rows(fetched) => {
                read.records += fetched.records;
                read.pieces.push(fetched);
            }
            Poll::PartitionEnd(_) | Poll::Nothing | Poll::Stalled(_) => {}
            Poll::End => return Ok(read),
        }
    }
}

/// How long before the newest record the last record of each piece came.
fn before(sample: &Sample, pieces: &[Fetched]) -> Vec<i64> {
    let mut arrivals: HashMap<&PartitionId, VecDeque<i64>> = HashMap::new();
    let mut newest = i64::MIN;
    for (record, arrival) in sample.records() {
        newest = newest.max(arrival.at.0);
        arrivals.entry(record.partition).or_default().push_back(arrival.at.0);
    }
    let last = |piece: &Fetched| {
        let left = arrivals.get_mut(&piece.partition)?;
        left.drain(..(piece.records as usize).min(left.len())).next_back()
    };
    let last: Vec<Option<i64>> = pieces.iter().map(last).collect();
    last.into_iter().map(|last| newest.saturating_sub(last.unwrap_or(newest))).collect()
}

impl Columns {
    /// When a piece came, where its sample ended at `end`.
    pub fn came(&self, piece: usize, end: Millis) -> Millis {
        Millis(end.0.saturating_sub(self.before.get(piece).copied().unwrap_or_default()))
    }

    /// When the first piece came, where the sample ended at `end`.
    pub fn began(&self, end: Millis) -> Millis {
        Millis(end.0.saturating_sub(self.before.iter().copied().max().unwrap_or_default()))
    }

    /// Where in the sample a piece ends, from 0 to 1: samples of several tables are fed side by side.
    pub fn share(&self, piece: usize) -> f64 {
        (piece + 1) as f64 / self.pieces.len().max(1) as f64
    }
}
