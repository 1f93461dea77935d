//! One consistent cut through a run: where every source stands, what every operator keeps and what every
//! sink has made ready, all at the same barrier. Sources, lanes and sinks report their parts when the
//! barrier reaches them; when the last part is in, the cut is complete.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use millstream_record::{Epoch, Positions};

use crate::state::{State, Tables};

/// A consistent cut: loaded into a new run of the same graph, it goes on as if nothing had happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cut {
    /// Where sources stand, by the uid of their scan.
    pub sources: BTreeMap<String, Standing>,
    /// What operators keep, by uid and lane; and the watermarks of the partitions of each source.
    pub state: State,
    /// What sinks need to commit the epoch, by the name of the tap.
    pub sinks: BTreeMap<String, Vec<u8>>,
}

/// Where a source stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// The next offsets to read.
    pub positions: Positions,
    /// Whether it has ended.
    pub ended: bool,
}

/// The key of the watermarks of a source.
pub fn watermarks_key(uid: &str) -> String {
    format!("@watermarks/{uid}")
}

/// A part of a cut.
#[derive(Debug)]
pub(super) enum Part {
    /// A source has sent the barrier.
    Source { uid: String, standing: Standing, watermarks: Option<Tables> },
    /// All operators of a lane have saved.
    Lane(State),
    /// A sink has made ready what it was given.
    Sink { name: String, prepared: Vec<u8> },
}

/// Gathers the parts of one cut.
#[derive(Debug)]
pub(super) struct Gathering {
    missing: usize,
    cut: Cut,
}

impl Gathering {
    /// For a run with so many sources, lanes with state and sinks, together.
    pub fn new(parts: usize) -> Self {
        Gathering { missing: parts, cut: Cut::default() }
    }

    /// Takes a part; the whole cut if it was the last.
    pub fn take(&mut self, part: Part) -> Option<Cut> {
        match part {
            Part::Source { uid, standing, watermarks } => {
                self.cut.state.tables.extend(watermarks.map(|tables| (watermarks_key(&uid), tables)));
                self.cut.sources.insert(uid, standing);
            }
            Part::Lane(state) => self.cut.state.extend(state),
            Part::Sink { name, prepared } => drop(self.cut.sinks.insert(name, prepared)),
        }
        self.missing = self.missing.saturating_sub(1);
        (self.missing == 0).then(|| std::mem::take(&mut self.cut))
    }
}

/// What a barrier is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A checkpoint like all others.
    Checkpoint,
    /// A checkpoint that is kept, and with which another job may begin: sinks leave nothing open.
    Savepoint,
    /// The end: no row follows, and sinks leave nothing open.
    End,
}

/// The barrier that sources are asked to send; 0 is none.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    epoch: AtomicU64,
    last: AtomicBool,
    concludes: AtomicBool,
}

impl Wanted {
    /// Asks for a barrier.
    pub fn ask(&self, epoch: Epoch, purpose: Purpose) {
        self.last.store(purpose == Purpose::End, Ordering::Relaxed);
        self.concludes.store(purpose != Purpose::Checkpoint, Ordering::Relaxed);
        self.epoch.store(epoch.0, Ordering::Release);
    }

    /// The barrier that is asked for, if it is not the one that was sent, and whether it is the last.
    pub fn beyond(&self, sent: Epoch) -> Option<(Epoch, bool)> {
        let epoch = Epoch(self.epoch.load(Ordering::Acquire));
        (epoch > sent).then(|| (epoch, self.last.load(Ordering::Relaxed)))
    }

    /// Whether sinks leave nothing open at the barrier that is under way; there is one at a time.
    pub fn concludes(&self) -> bool {
        self.epoch.load(Ordering::Acquire) > 0 && self.concludes.load(Ordering::Relaxed)
    }
}
