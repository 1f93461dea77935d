//! Alignment of barriers, as Flink calls it: whoever has several inputs reads on from one that has
//! delivered the barrier only when all have. What an input says meanwhile is held, so that the state at
//! the barrier holds all that stands before it and nothing that stands behind it (Carbone et al., 2015,
//! "Lightweight Asynchronous Snapshots for Distributed Dataflows").

use std::collections::VecDeque;

use millstream_record::Epoch;

/// Follows the barriers of all inputs of one taker. `T` is what the inputs say.
#[derive(Debug)]
pub struct Alignment<T> {
    /// Per input: whether it has delivered the barrier that is awaited.
    arrived: Vec<bool>,
    held: VecDeque<T>,
}

/// What to do with what an input said.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// It may be worked on.
    Pass(T),
    /// It is held: its input is ahead.
    Held,
    /// It was a barrier that other inputs still owe.
    Arrived,
    /// It was the last barrier: the epoch is complete. What was held follows, see [`Alignment::release`].
    Complete(Epoch),
}

impl<T> Alignment<T> {
    /// For a taker with so many inputs.
    pub fn new(inputs: usize) -> Self {
        Alignment { arrived: vec![false; inputs], held: VecDeque::new() }
    }

    /// Input `input` says `item`; `barrier` is the epoch if that is a barrier.
    pub fn take(&mut self, input: usize, item: T, barrier: Option<Epoch>) -> Step<T> {
        match barrier {
            _ if self.arrived[input] => {
                self.held.push_back(item);
                Step::Held
            }
            None => Step::Pass(item),
            Some(epoch) => {
                self.arrived[input] = true;
                if !self.arrived.iter().all(|&arrived| arrived) {
                    return Step::Arrived;
                }
                self.arrived.fill(false);
                Step::Complete(epoch)
            }
        }
    }

    /// What was held while the barrier was awaited, in the order in which it came. It has to go through
    /// [`Alignment::take`] again, before anything else.
    pub fn release(&mut self) -> VecDeque<T> {
        std::mem::take(&mut self.held)
    }

    /// How much is held.
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `(input, Some(row))` or `(input, None)` for a barrier; the barriers of an input count up from 1.
    fn run(inputs: usize, script: &[(usize, Option<u32>)]) -> Vec<Result<(usize, u32), Epoch>> {
        let mut alignment = Alignment::new(inputs);
        let mut epochs = vec![0; inputs];
        let mut out = Vec::new();
        for &(input, row) in script {
            let barrier = row.is_none().then(|| {
                epochs[input] += 1;
                Epoch(epochs[input])
            });
            let mut waiting = VecDeque::from([(input, row, barrier)]);
            while let Some(item @ (input, _, barrier)) = waiting.pop_front() {
                match alignment.take(input, item, barrier) {
                    Step::Pass((input, row, _)) => out.push(Ok((input, row.expect("a barrier never passes")))),
                    Step::Held | Step::Arrived => {}
                    Step::Complete(epoch) => {
                        out.push(Err(epoch));
                        let mut released = alignment.release();
                        released.append(&mut waiting);
                        waiting = released;
                    }
                }
            }
        }
        out
    }

    #[test]
    fn an_input_that_is_ahead_waits() {
        let script = [(0, Some(1)), (0, None), (0, Some(2)), (1, Some(3)), (1, None), (1, Some(4))];
        assert_eq!(run(2, &script), [Ok((0, 1)), Ok((1, 3)), Err(Epoch(1)), Ok((0, 2)), Ok((1, 4))]);
    }

    proptest! {
        /// Whatever the interleaving: rows of an input keep their order, and exactly those that it said
        /// before its n-th barrier come out before epoch n is complete.
        #[test]
        fn a_cut_divides_every_input_where_its_barrier_stands(
            inputs in 1usize..4,
            script in prop::collection::vec((0usize..4, prop::option::weighted(0.7, any::<u32>())), 0..60),
        ) {
            let mut script: Vec<_> = script.into_iter().map(|(input, row)| (input % inputs, row)).collect();
            let barriers = |input: usize| script.iter().filter(|(at, row)| *at == input && row.is_none()).count();
            let most = (0..inputs).map(barriers).max().unwrap_or(0);
            let missing: Vec<_> = (0..inputs).flat_map(|input| vec![(input, None); most - barriers(input)]).collect();
            script.extend(missing);
            let out = run(inputs, &script);
            for input in 0..inputs {
                let said: Vec<Option<u32>> = script.iter().filter(|(at, _)| *at == input).map(|(_, row)| *row).collect();
                let heard: Vec<Option<u32>> = out
                    .iter()
                    .filter_map(|item| match item {
                        Ok((at, row)) => (*at == input).then_some(Some(*row)),
                        Err(_) => Some(None),
                    })
                    .collect();
                prop_assert_eq!(said, heard);
            }
        }
    }
}
