//! Matches under way, the one that began first in front. It is the binary heap of Java's `PriorityQueue`, step by
//! step: of two matches that began with the same row and end with the same row, Flink gives the one that its
//! queue has in front, and walks over the others in the order of the heap. Any other queue would now and
//! then give another row.

use super::automaton::StateId;

/// Where the run stands that has taken no row.
pub const UNBEGUN: u64 = u64::MAX;

/// A match under way: since rows follow each other strictly and variables stand in order, it is where it began
/// and how many rows each variable has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first row, by its number among those of the partition; [`UNBEGUN`] if none was taken.
    pub start: u64,
    /// The time of that row.
    pub begun: i64,
    /// The state it is in.
    pub state: StateId,
    /// How many rows each variable has taken.
    pub taken: Box<[u32]>,
}

impl Run {
    /// The run that has taken no row.
    pub fn unbegun(state: StateId, variables: usize) -> Run {
        Run { start: UNBEGUN, begun: i64::MAX, state, taken: vec![0; variables].into() }
    }

    /// Whether it has taken a row.
    pub fn has_begun(&self) -> bool {
        self.start != UNBEGUN
    }

    /// How many rows it has taken.
    pub fn len(&self) -> u64 {
        self.taken.iter().map(|&rows| u64::from(rows)).sum()
    }
}

/// Runs by where they began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue(Vec<Run>);

impl Queue {
    /// The runs as they lie in the heap.
    pub fn runs(&self) -> &[Run] {
        &self.0
    }

    /// The same runs as a heap; they come from [`Queue::runs`].
    pub fn restored(runs: Vec<Run>) -> Queue {
        Queue(runs)
    }

    /// The run that began first.
    pub fn first(&self) -> Option<&Run> {
        self.0.first()
    }

    /// Puts a run in.
    pub fn push(&mut self, run: Run) {
        self.0.push(run);
        let mut at = self.0.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.0[at].start >= self.0[parent].start {
                break;
            }
            self.0.swap(at, parent);
            at = parent;
        }
    }

    /// Takes the run that began first out.
    pub fn pop(&mut self) -> Option<Run> {
        if self.0.is_empty() {
            return None;
        }
        let first = self.0.swap_remove(0);
        self.sink(0);
        Some(first)
    }

    /// Takes all runs out, as they lie in the heap.
    pub fn drain(&mut self) -> Vec<Run> {
        std::mem::take(&mut self.0)
    }

    /// Takes out those for which this holds.
    pub fn remove(&mut self, gone: impl Fn(&Run) -> bool) {
        let before = self.0.len();
        self.0.retain(|run| !gone(run));
        if self.0.len() < before {
            (0..self.0.len() / 2).rev().for_each(|at| self.sink(at));
        }
    }

    fn sink(&mut self, mut at: usize) {
        while 2 * at + 1 < self.0.len() {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let child = match self.0.get(right) {
                Some(run) if self.0[left].start > run.start => right,
                _ => left,
            };
            if self.0[at].start <= self.0[child].start {
                break;
            }
            self.0.swap(at, child);
            at = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a sorted list, through pushes, pops and removals.
        #[test]
        fn the_first_to_begin_comes_first(steps in prop::collection::vec((0u64..40, 0u8..6), 1..80)) {
            let (mut queue, mut model) = (Queue::default(), Vec::new());
            for (start, step) in steps {
                match step {
                    0 => prop_assert_eq!(queue.pop().map(|run| run.start), (!model.is_empty()).then(|| model.remove(0))),
                    1 => {
                        queue.remove(|run| run.start < start);
                        model.retain(|&other| other >= start);
                    }
                    _ => {
                        queue.push(Run { start, ..Run::unbegun(1, 1) });
                        model.push(start);
                        model.sort_unstable();
                    }
                }
                prop_assert_eq!(queue.first().map(|run| run.start), model.first().copied());
                prop_assert_eq!(queue.runs().len(), model.len());
            }
        }
    }

    #[test]
    fn alike_runs_lie_as_in_javas_queue() {
        let run = |start, state| Run { start, ..Run::unbegun(state, 1) };
        let mut queue = Queue::default();
        for (start, state) in [(5, 1), (3, 2), (5, 3), (3, 4), (9, 5), (3, 6)] {
            queue.push(run(start, state));
        }
        let states = |queue: &Queue| queue.runs().iter().map(|run| run.state).collect::<Vec<_>>();
        assert_eq!(states(&queue), [2, 4, 6, 1, 5, 3]);
        assert_eq!(queue.pop().map(|run| run.state), Some(2));
        assert_eq!(states(&queue), [4, 3, 6, 1, 5]);
    }
}
