//! What a source tells of itself, and the unreadable records that were kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millstream_record::{Fetched, Millis, PartitionId, Rejected};

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
}

/// What one source has done so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceProgress {
    /// The tap.
    pub tap: String,
    /// Records taken from the topic.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records that could not be read or had no event time.
    pub bad: u64,
    /// Records that wait behind the reader, if known.
    pub lag: Option<u64>,
    /// The watermark, if the tap has event time.
    pub watermark: Option<Millis>,
    /// Why nothing comes at the moment.
    pub stalled: Option<String>,
    /// Partitions that are idle.
    pub idle: Vec<PartitionId>,
}

impl SourceCounters {
    /// Nothing counted yet; at most `kept` unreadable records are kept.
    pub fn new(tap: &str, kept: usize) -> Self {
        let progress = SourceProgress {
            tap: tap.into(),
            records: 0,
            bytes: 0,
            bad: 0,
            lag: None,
            watermark: None,
            stalled: None,
            idle: Vec::new(),
        };
        let state = Mutex::new(State { progress, kept: VecDeque::new() });
        SourceCounters(Arc::new(Shared { tap: tap.into(), limit: kept, state }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records were taken from the topic.
    pub fn fetched(&self, fetched: &Fetched) {
        let mut state = self.state();
        state.progress.records += fetched.records;
        state.progress.bytes += fetched.bytes;
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
    pub fn stalled(&self, reason: Option<String>) {
        self.state().progress.stalled = reason;
    }

    /// These partitions are idle.
    pub fn idle(&self, idle: Vec<PartitionId>) {
        self.state().progress.idle = idle;
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
