//! What a source tells of itself, partition by partition, and the unreadable records that were kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millstream_plan::NodeId;
use millstream_record::{Millis, PartitionId, Rejected};

use crate::inspect::{Partition, Reason, Source};
use crate::woven::Tally;

/// The counters of one source. Clones share them.
#[derive(Clone, Debug)]
pub struct SourceCounters(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tap: String,
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    progress: SourceProgress,
    kept: VecDeque<Rejected>,
    untimed: u64,
    stalled_since: Option<Millis>,
    /// Since when it waits, and up to when that is counted.
    held: Option<Millis>,
    counted: Option<Millis>,
    ended: bool,
    partitions: BTreeMap<PartitionId, Partition>,
}

/// A time further ahead of the clock than this is not a record's, but a broken clock's or a wrong unit's.
const FUTURE_MS: i64 = 86_400_000;

/// So many places of each reason are told.
const PLACES: usize = 5;

/// What one source has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceProgress {
    /// The uid of its scan; empty where nobody knows the graph.
    pub uid: String,
    /// The tap.
    pub tap: String,
    /// Records taken from the topic.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records that could not be read or had no event time.
    pub bad: u64,
    /// Keys that stood more than once in their JSON object; the last of them counted.
    pub duplicate_keys: u64,
    /// Records that wait behind the reader, if known.
    pub lag: Option<u64>,
    /// The watermark, if the tap has event time.
    pub watermark: Option<Millis>,
    /// Why nothing comes at the moment.
    pub stalled: Option<String>,
    /// Partitions that are idle.
    pub idle: Vec<PartitionId>,
    /// For how many milliseconds it had to wait, because what follows was slow.
    pub held_ms: u64,
}

impl SourceCounters {
    /// Nothing counted yet; at most `kept` unreadable records are kept.
    pub fn new(tap: &str, kept: usize) -> Self {
        let progress = SourceProgress { tap: tap.into(), ..SourceProgress::default() };
        let state = State {
            progress,
            kept: VecDeque::new(),
            untimed: 0,
            stalled_since: None,
            held: None,
            counted: None,
            ended: false,
            partitions: BTreeMap::new(),
        };
        SourceCounters(Arc::new(Shared { tap: tap.into(), limit: kept, state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records were taken from the topic.
    pub fn fetched(&self, id: &PartitionId, tally: Tally, now: Millis) {
        let mut state = self.state();
        state.progress.records += tally.records;
        state.progress.bytes += tally.bytes;
        let partition = state.partition(id, now);
        partition.records += tally.records;
        partition.heard = now;
    }

    /// So many keys more stood more than once in their object.
    pub fn duplicates(&self, keys: u64) {
        if keys > 0 {
            self.state().progress.duplicate_keys += keys;
        }
    }

    /// A partition exists from now on.
    pub fn partition(&self, id: &PartitionId, now: Millis) {
        self.state().partition(id, now);
    }

    /// Rows of a partition had these event times, as many of them in the `future` of the clock, and moved its
    /// watermark here.
    pub fn timed(&self, id: &PartitionId, times: Option<(Millis, Millis)>, future: u64, watermark: Millis) {
        let mut state = self.state();
        let Some(partition) = state.partitions.get_mut(id) else { return };
        partition.times = match (partition.times, times) {
            (Some(ours), Some(more)) => Some((ours.0.min(more.0), ours.1.max(more.1))),
            (ours, more) => ours.or(more),
        };
        partition.future += future;
        partition.watermark = watermark;
        partition.idle = false;
    }

    /// A partition has been read to its end.
    pub fn partition_ended(&self, id: &PartitionId) {
        if let Some(partition) = self.state().partitions.get_mut(id) {
            partition.ended = true;
        }
    }

    /// All has been read.
    pub fn ended(&self) {
        let mut state = self.state();
        state.ended = true;
        state.partitions.values_mut().for_each(|partition| partition.ended = true);
    }

    /// Some of the records that could not be used had no event time.
    pub fn untimed(&self, records: usize) {
        self.state().untimed += records as u64;
    }

    /// Records could not be read.
    pub fn rejected(&self, rejected: Vec<Rejected>, keep: bool) {
        if rejected.is_empty() {
            return;
        }
        let mut state = self.state();
        state.progress.bad += rejected.len() as u64;
        let room = if keep { self.0.limit.saturating_sub(state.kept.len()) } else { 0 };
        state.kept.extend(rejected.into_iter().take(room));
    }

    /// The watermark stands here.
    pub fn watermark(&self, watermark: Option<Millis>) {
        self.state().progress.watermark = watermark;
    }

    /// So many records wait.
    pub fn lag(&self, lag: Option<u64>) {
        self.state().progress.lag = lag;
    }

    /// Nothing comes because of this, or it comes again.
    pub fn stalled(&self, reason: Option<String>, now: Millis) {
        let mut state = self.state();
        let since = state.stalled_since.unwrap_or(now);
        state.stalled_since = reason.as_ref().map(|_| since);
        state.progress.stalled = reason;
    }

    /// The reader waits because too much is under way behind it, or reads again.
    pub fn held(&self, held: bool, now: Millis) {
        let mut state = self.state();
        let more = state.counted.map_or(0, |counted| (now.0 - counted.0).max(0) as u64);
        state.progress.held_ms += more;
        state.counted = held.then_some(now);
        state.held = held.then(|| state.held.unwrap_or(now));
    }

    /// These partitions are idle.
    pub fn idle(&self, idle: Vec<PartitionId>) {
        let mut state = self.state();
        for partition in state.partitions.values_mut() {
            partition.idle = idle.contains(&partition.id);
        }
        state.progress.idle = idle;
    }

    /// The source seen from inside.
    pub(super) fn inspect(&self, scan: NodeId) -> Source {
        let state = self.state();
        let progress = &state.progress;
        Source {
            scan,
            tap: progress.tap.clone(),
            records: progress.records,
            bad: progress.bad,
            untimed: state.untimed,
            reasons: reasons(&state.kept),
            lag: progress.lag,
            watermark: progress.watermark,
            stalled: progress.stalled.clone().zip(state.stalled_since),
            held: state.held,
            ended: state.ended,
            partitions: state.partitions.values().cloned().collect(),
        }
    }

    /// What the source has done so far.
    pub fn progress(&self) -> SourceProgress {
        self.state().progress.clone()
    }

    /// The tap and the unreadable records that were kept, oldest first.
    pub fn kept(&self) -> (String, Vec<Rejected>) {
        (self.0.tap.clone(), self.state().kept.iter().cloned().collect())
    }
}

impl State {
    fn partition(&mut self, id: &PartitionId, now: Millis) -> &mut Partition {
        self.partitions.entry(id.clone()).or_insert_with(|| Partition {
            id: id.clone(),
            records: 0,
            heard: now,
            times: None,
            future: 0,
            watermark: Millis::MIN,
            idle: false,
            ended: false,
        })
    }
}

/// The first time that is too far ahead of the clock to be true.
pub fn future(now: Millis) -> Millis {
    now.plus(FUTURE_MS)
}

/// Refused records by reason, the most frequent first.
fn reasons(kept: &VecDeque<Rejected>) -> Vec<Reason> {
    let mut reasons: BTreeMap<&str, Reason> = BTreeMap::new();
    for record in kept {
        let reason = reasons.entry(&record.reason).or_insert_with(|| Reason {
            text: record.reason.clone(),
            records: 0,
            places: Vec::new(),
        });
        reason.records += 1;
        if reason.places.len() < PLACES {
            reason.places.push((record.partition.clone(), record.offset));
        }
    }
    let mut reasons: Vec<Reason> = reasons.into_values().collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.records));
    reasons
}
