//! The start of a job, or its restart within the process: look, fence, read, claim, forget, restore.
//!
//! Looking first means that a copy of the state folder that has fallen behind disturbs nobody. Reading
//! again behind the fence means that the answer cannot change any more. The claim writes the marker anew in
//! this run's name; the very first one makes sure that from then on a marker is always there.

use super::State;
use super::words::{Action, Decider, Event, Exit, Marker, Phase};

impl State {
    /// What follows at the start.
    pub(super) fn starting(self, event: Event) -> (State, Action) {
        match (self.phase, event) {
            (Phase::Looking, Event::Marker(marker)) => match self.known(marker) {
                Ok(_) => self.go(Phase::Fencing, Action::Fence),
                Err(exit) => self.exit(exit),
            },
            (Phase::Fencing, Event::Fenced) => self.go(Phase::Reading, Action::Read),
            (Phase::Reading, Event::Marker(marker)) => match self.known(marker) {
                Ok(epoch) => self.claim(epoch, marker),
                Err(exit) => self.exit(exit),
            },
            (Phase::Claiming, Event::Claimed) => {
                let decided = self.decided;
                self.decided(decided)
            }
            (Phase::Forgetting, Event::Forgotten) => {
                let epoch = self.decided;
                self.go(Phase::Restoring, Action::Restore { epoch })
            }
            (Phase::Restoring, Event::Restored) => self.go(Phase::Idle, Action::Wait),
            (phase, event) => unreachable!("{event:?} cannot happen while {phase:?}"),
        }
    }

    /// The epoch that a marker names, if we can restore it.
    fn known(&self, marker: Option<Marker>) -> Result<u64, Exit> {
        match marker {
            Some(marker) if marker.epoch == 0 => Ok(0),
            Some(marker) => match self.manifest(marker.epoch) {
                Some(sealed) if sealed.digest == marker.digest => Ok(marker.epoch),
                // A foreign or older copy of the state folder, or a damaged checkpoint.
                _ => Err(Exit::State),
            },
            // The marker has expired. That is no doubt unless an epoch was sealed and perhaps decided.
            None if self.sealed.iter().all(|sealed| sealed.epoch <= self.current) => Ok(self.current),
            None => Err(Exit::State),
        }
    }

    fn claim(mut self, epoch: u64, marker: Option<Marker>) -> (State, Action) {
        self.generation = marker.map_or(0, |marker| marker.generation) + 1;
        self.decided = epoch;
        let marker = self.marker(epoch);
        self.go(Phase::Claiming, Action::Claim { marker })
    }

    /// The decided epoch is known: what is sealed above it was never decided.
    pub(super) fn decided(mut self, epoch: u64) -> (State, Action) {
        debug_assert!(self.decider == Decider::Kafka || self.sealed.iter().all(|sealed| sealed.epoch <= epoch));
        self.decided = epoch;
        self.sealed.retain(|sealed| sealed.epoch <= epoch);
        self.go(Phase::Forgetting, Action::Forget { above: epoch })
    }
}
