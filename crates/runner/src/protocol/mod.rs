//! The protocol of checkpoints, without I/O: prepared on disk, then decided, by a Kafka transaction or by
//! the manifest itself. [`step`] is a function from what is known and what has just happened to what is
//! known now and what to do next; the job performs one action at a time and says how it went.
//!
//! An epoch is *sealed* when its manifest is durable, *decided* when the decider says so, *finished* when
//! its output is there for all to see. With Kafka as the decider, the truth is a *marker* that is committed
//! in the same transaction as the output; without, it is the newest manifest. Two rules carry all:
//! a commit is asked for only when the epoch is sealed, and whoever restarts fences first and reads the
//! marker after that. The tests let every action fail, and the process die behind each.

mod start;
mod words;

pub use words::{Action, Decider, Event, Exit, Failure, Marker, Sealed};

use words::Phase;

/// What a job knows of its checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    decider: Decider,
    /// This process.
    run: u128,
    phase: Phase,
    /// The manifests on disk, by epoch.
    sealed: Vec<Sealed>,
    /// The epoch known to be decided when the job was stopped, by a note on disk.
    current: u64,
    /// The epoch that is decided; 0 before the first.
    decided: u64,
    generation: u64,
    /// Whether the checkpoint under way is the last one.
    last: bool,
}

impl State {
    /// A job at its start: the manifests that are sound, and the note of the newest decided epoch (0 for
    /// none). The first action follows.
    pub fn start(decider: Decider, run: u128, sealed: Vec<Sealed>, current: u64) -> (State, Action) {
        let state =
            State { decider, run, phase: Phase::Looking, sealed, current, decided: 0, generation: 0, last: false };
        match decider {
            Decider::Kafka => (state, Action::Look),
            Decider::Manifest => {
                let decided = state.sealed.iter().map(|sealed| sealed.epoch).max().unwrap_or(0);
                state.decided(decided)
            }
        }
    }

    /// The epoch that the job goes on from, or has decided last; 0 before the first.
    pub fn epoch(&self) -> u64 {
        self.decided
    }

    /// Whether a checkpoint may be asked for.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// The manifest of an epoch.
    fn manifest(&self, epoch: u64) -> Option<Sealed> {
        self.sealed.iter().find(|sealed| sealed.epoch == epoch).copied()
    }

    fn go(mut self, phase: Phase, action: Action) -> (State, Action) {
        self.phase = phase;
        (self, action)
    }

    fn exit(self, exit: Exit) -> (State, Action) {
        self.go(Phase::Over, Action::Exit(exit))
    }

    /// The marker that names `epoch`, as this process writes it.
    fn marker(&self, epoch: u64) -> Marker {
        let digest = self.manifest(epoch).map_or(0, |sealed| sealed.digest);
        Marker { epoch, run: self.run, generation: self.generation, digest }
    }
}

/// What follows from `event`.
pub fn step(state: &State, event: Event) -> (State, Action) {
    let mut next = state.clone();
    match (state.phase, event) {
        (Phase::Over, _) => next.go(Phase::Over, Action::Wait),
        (_, Event::Failed(failure)) => next.failed(failure),
        (
            Phase::Looking | Phase::Fencing | Phase::Reading | Phase::Claiming | Phase::Forgetting | Phase::Restoring,
            event,
        ) => next.starting(event),
        (Phase::Idle, Event::Due { last }) => {
            next.last = last;
            let epoch = next.decided + 1;
            next.go(Phase::Aligning, Action::Barrier { epoch, last })
        }
        (Phase::Aligning, Event::Cut) => {
            let epoch = next.decided + 1;
            next.go(Phase::Sealing, Action::Seal { epoch })
        }
        (Phase::Sealing, Event::Sealed { digest }) => {
            let epoch = next.decided + 1;
            next.sealed.push(Sealed { epoch, digest });
            let marker = next.marker(epoch);
            match next.decider {
                Decider::Kafka => next.go(Phase::Deciding, Action::Decide { marker }),
                Decider::Manifest => next.finish(epoch),
            }
        }
        (Phase::Deciding, Event::Decided) => {
            let epoch = next.decided + 1;
            next.finish(epoch)
        }
        (Phase::Finishing, Event::Finished) => {
            next.current = next.decided;
            let keep = next.decided;
            next.go(Phase::Collecting, Action::Collect { decided: keep })
        }
        (Phase::Collecting, Event::Collected { kept }) => {
            next.sealed = kept;
            if next.last { next.exit(Exit::Done) } else { next.go(Phase::Idle, Action::Wait) }
        }
        (Phase::Doubting, Event::Marker(marker)) => match marker {
            Some(marker) if marker.run != next.run => next.exit(Exit::Fenced),
            // Our own transaction was given up by the broker: begin again with a new producer.
            _ => next.go(Phase::Tearing, Action::TearDown),
        },
        (Phase::Tearing, Event::TornDown) => match next.decider {
            Decider::Kafka => next.go(Phase::Fencing, Action::Fence),
            Decider::Manifest => {
                let decided = next.sealed.iter().map(|sealed| sealed.epoch).max().unwrap_or(0);
                next.decided(decided)
            }
        },
        (phase, event) => unreachable!("{event:?} cannot happen while {phase:?}"),
    }
}

impl State {
    fn finish(mut self, epoch: u64) -> (State, Action) {
        self.decided = epoch;
        self.go(Phase::Finishing, Action::Finish { epoch })
    }

    fn failed(self, failure: Failure) -> (State, Action) {
        match (failure, self.phase) {
            (Failure::Fatal(exit), _) => self.exit(exit),
            // Somebody newer fenced us between our own fence and our claim.
            (Failure::Fenced, Phase::Claiming) => self.exit(Exit::Fenced),
            // Whoever has not looked yet must not disturb anybody.
            (Failure::Unknown, phase @ (Phase::Looking | Phase::Doubting)) => self.go(phase, Action::Look),
            (Failure::Fenced, _) if self.decider == Decider::Kafka => self.go(Phase::Doubting, Action::Look),
            (Failure::Fenced | Failure::Unknown, _) => self.go(Phase::Tearing, Action::TearDown),
        }
    }
}
