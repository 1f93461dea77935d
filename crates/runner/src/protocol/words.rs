//! What the protocol speaks of: manifests and markers, what happens and what is to be done.

use serde::{Deserialize, Serialize};

/// Who says that an epoch is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decider {
    /// The Kafka transaction that holds the epoch's output: the job has a sink with exactly-once.
    Kafka,
    /// The manifest, as soon as it is durable.
    Manifest,
}

/// A manifest that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sealed {
    /// Its epoch, from 1.
    pub epoch: u64,
    /// A value that another manifest does not have.
    pub digest: u64,
}

/// What is committed together with the output of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Marker {
    /// The epoch that is decided; 0 is written by the first start, before any epoch.
    pub epoch: u64,
    /// The process that wrote it.
    pub run: u128,
    /// How often the job has been started.
    pub generation: u64,
    /// The digest of the epoch's manifest; 0 where there is none.
    pub digest: u64,
}

/// How a job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// The last checkpoint is finished.
    Done,
    /// Settings or rights do not fit (10).
    Configuration,
    /// The policy on lost data says stop (11).
    DataLoss,
    /// The decided epoch cannot be restored from this disk (12).
    State,
    /// A newer copy of the job runs (13).
    Fenced,
    /// The sink refuses for good (14).
    Sink,
    /// The disk refuses (15).
    Disk,
    /// State has grown beyond its limit (16).
    Limit,
    /// The query itself failed (1).
    Query,
}

impl Exit {
    /// The exit code of the process.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Query => 1,
            Exit::Configuration => 10,
            Exit::DataLoss => 11,
            Exit::State => 12,
            Exit::Fenced => 13,
            Exit::Sink => 14,
            Exit::Disk => 15,
            Exit::Limit => 16,
        }
    }
}

/// What is to be done next. Each is answered by one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read the marker without disturbing anybody.
    Look,
    /// Make a new producer and fence all older ones; settle what is in doubt.
    Fence,
    /// Read the marker, which cannot change any more.
    Read,
    /// Commit a transaction that holds only this marker.
    Claim {
        /// The same epoch, another run.
        marker: Marker,
    },
    /// Delete all manifests above this epoch.
    Forget {
        /// The decided epoch.
        above: u64,
    },
    /// Load an epoch (0: begin anew), finish its output, start the graph.
    Restore {
        /// The decided epoch.
        epoch: u64,
    },
    /// Let the graph work until something happens.
    Wait,
    /// Send a barrier through the graph and gather the cut.
    Barrier {
        /// The new epoch.
        epoch: u64,
        /// Whether no row may follow.
        last: bool,
    },
    /// Make the cut durable.
    Seal {
        /// The new epoch.
        epoch: u64,
    },
    /// Commit the transaction that holds the output, with this marker in it.
    Decide {
        /// The new epoch.
        marker: Marker,
    },
    /// Note the epoch as decided; make its output visible.
    Finish {
        /// The decided epoch.
        epoch: u64,
    },
    /// Delete old checkpoints, never this one nor newer ones.
    Collect {
        /// The decided epoch.
        decided: u64,
    },
    /// Drop the graph and the producer.
    TearDown,
    /// Leave.
    Exit(Exit),
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The marker was read.
    Marker(Option<Marker>),
    /// All older producers are fenced.
    Fenced,
    /// The claim is committed.
    Claimed,
    /// Newer manifests are gone.
    Forgotten,
    /// The graph runs.
    Restored,
    /// It is time for a checkpoint.
    Due {
        /// Whether it is to be the last one.
        last: bool,
    },
    /// All parts of the cut are there.
    Cut,
    /// The manifest is durable.
    Sealed {
        /// Its digest.
        digest: u64,
    },
    /// The transaction is committed.
    Decided,
    /// The output is there for all to see.
    Finished,
    /// Old checkpoints are gone; these are kept.
    Collected {
        /// By epoch.
        kept: Vec<Sealed>,
    },
    /// Graph and producer are dropped.
    TornDown,
    /// The action failed.
    Failed(Failure),
}

/// How an action failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The broker says that our producer is not the newest.
    Fenced,
    /// Nobody knows whether it was done, or it was not and may be tried again from the decided epoch.
    Unknown,
    /// There is no point in trying again.
    Fatal(Exit),
}

/// Where a job is in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Looking,
    Fencing,
    Reading,
    Claiming,
    Forgetting,
    Restoring,
    Idle,
    Aligning,
    Sealing,
    Deciding,
    Finishing,
    Collecting,
    Doubting,
    Tearing,
    Over,
}
