//! A pattern as an automaton, built from its end to its beginning as Flink's compiler does it
//! (`NFACompiler`; the method is that of Agrawal, Diao, Gyllstrom, Immerman: Efficient Pattern Matching over
//! Event Streams, 2008). Rows follow each other strictly, so there are two kinds of steps: a row is taken, or
//! the next state is entered without one.
//!
//! Greed is a condition, not a preference: behind a variable that hoards, every step of the state that follows
//! it asks that the row could *not* be taken by that variable. So a match may fail that a reader of regular
//! expressions would expect: after the last `B` of `B{2,3} C`, a row that is both B and C ends nothing.

use millstream_plan::{PatternVariable, Repeats};

/// A state of the automaton, by its place.
pub type StateId = u16;

/// The state in which a match is complete.
pub const COMPLETE: StateId = 0;

/// A pattern, ready to run.
#[derive(Debug)]
pub struct Automaton {
    states: Vec<Vec<Step>>,
    start: StateId,
}

/// A way out of a state.
#[derive(Clone, Debug)]
pub struct Step {
    /// The variable that takes the row; without one, the state is left without a row.
    pub takes: Option<usize>,
    /// Variables that must not be able to take the row.
    pub unless: Vec<usize>,
    /// Where it leads.
    pub to: StateId,
}

impl Automaton {
    /// The automaton of a pattern.
    pub fn new(variables: &[PatternVariable]) -> Automaton {
        let mut automaton = Automaton { states: vec![Vec::new()], start: COMPLETE };
        for (variable, described) in variables.iter().enumerate().rev() {
            automaton.start = automaton.variable(variable, described.repeats, automaton.start);
        }
        automaton
    }

    /// The state in which no row has been taken.
    pub fn start(&self) -> StateId {
        self.start
    }

    /// The ways out of a state, in the order in which they are tried.
    pub fn steps(&self, state: StateId) -> &[Step] {
        &self.states[usize::from(state)]
    }

    /// The variables that may be asked about the next row in a state, ascending.
    pub fn asks(&self, state: StateId) -> Vec<usize> {
        let (mut asked, mut open) = (Vec::new(), vec![state]);
        while let Some(state) = open.pop() {
            for step in self.steps(state) {
                asked.extend(step.takes.into_iter().chain(step.unless.iter().copied()));
                match step.takes {
                    // Whether the match may end behind the row is asked about the same row.
                    Some(_) => asked.extend(self.asks_to_end(step.to)),
                    None => open.push(step.to),
                }
            }
        }
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    /// The variables asked on the way from a state to the end without a row.
    fn asks_to_end(&self, state: StateId) -> Vec<usize> {
        let free = self.steps(state).iter().filter(|step| step.takes.is_none());
        free.flat_map(|step| step.unless.iter().copied().chain(self.asks_to_end(step.to))).collect()
    }

    /// How many states there are.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// The states of a variable before the state `next`; the first of them.
    fn variable(&mut self, variable: usize, repeats: Repeats, next: StateId) -> StateId {
        let optional = (repeats.least == 0).then_some(next);
        let least = repeats.least.max(1);
        let Some(most) = repeats.most else {
            let looping = self.add(Vec::new());
            self.states[usize::from(looping)] = vec![pass(next), take(variable, looping)];
            self.hold_back(next, variable, repeats);
            let rest = (1..least).fold(looping, |to, _| self.add(vec![take(variable, to)]));
            return self.single(variable, rest, optional);
        };
        self.hold_back(next, variable, repeats);
        let mut to = next;
        for _ in least..most {
            to = self.single(variable, to, Some(next));
        }
        for _ in 1..least {
            to = self.single(variable, to, None);
        }
        self.single(variable, to, optional)
    }

    /// A state that takes one row, or is passed over.
    fn single(&mut self, variable: usize, to: StateId, over: Option<StateId>) -> StateId {
        self.add(std::iter::once(take(variable, to)).chain(over.map(pass)).collect())
    }

    /// Lets nothing happen in a state with a row that a hoarding variable before it could take.
    fn hold_back(&mut self, state: StateId, variable: usize, repeats: Repeats) {
        if repeats.hoards() {
            self.states[usize::from(state)].iter_mut().for_each(|step| step.unless.push(variable));
        }
    }

    fn add(&mut self, steps: Vec<Step>) -> StateId {
        self.states.push(steps);
        (self.states.len() - 1) as StateId
    }
}

fn take(variable: usize, to: StateId) -> Step {
    Step { takes: Some(variable), unless: Vec::new(), to }
}

fn pass(to: StateId) -> Step {
    Step { takes: None, unless: Vec::new(), to }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn automaton(pattern: &[(u32, Option<u32>, bool)]) -> Automaton {
        let variable = |&(least, most, greedy): &(u32, Option<u32>, bool)| PatternVariable {
            name: String::new(),
            repeats: Repeats { least, most, greedy },
            condition: None,
        };
        Automaton::new(&pattern.iter().map(variable).collect::<Vec<_>>())
    }

    #[test]
    fn a_plain_pattern_is_a_chain() {
        let plain = automaton(&[(1, Some(1), true), (1, Some(1), true)]);
        let first = &plain.steps(plain.start())[0];
        assert_eq!((first.takes, plain.len()), (Some(0), 3));
        assert_eq!((plain.steps(first.to)[0].takes, plain.steps(first.to)[0].to), (Some(1), COMPLETE));
        assert_eq!((plain.asks(plain.start()), plain.asks(first.to)), (vec![0], vec![1]));
    }

    #[test]
    fn what_follows_a_hoarding_variable_asks_for_it_too() {
        let greedy = automaton(&[(1, None, true), (1, Some(1), true)]);
        let looping = greedy.steps(greedy.start())[0].to;
        assert_eq!(greedy.asks(looping), [0, 1]);
        let follower = greedy.steps(looping)[0].to;
        assert_eq!(greedy.steps(follower)[0].unless, [0]);
        let reluctant = automaton(&[(1, None, false), (1, Some(1), true)]);
        let follower = reluctant.steps(reluctant.steps(reluctant.start())[0].to)[0].to;
        assert!(reluctant.steps(follower)[0].unless.is_empty());
    }

    #[test]
    fn so_many_times_is_so_many_states() {
        assert_eq!(automaton(&[(3, Some(3), true)]).len(), 4);
        assert_eq!(automaton(&[(2, Some(5), false), (1, Some(1), true)]).len(), 7);
        assert_eq!(automaton(&[(4, None, false), (1, Some(1), true)]).len(), 7);
    }
}
