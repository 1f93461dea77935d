//! One partition: the rows that its matches under way have taken, and those matches. What a row does to them is
//! Flink's `NFA`, with its order of steps: runs are moved on as they lie in the queue, complete matches wait
//! until no run that began earlier is under way, and the first of them takes others with it as the skip
//! strategy says.

use std::collections::VecDeque;

use millstream_plan::AfterMatch;

use super::automaton::{Automaton, COMPLETE, StateId};
use super::queue::{Queue, Run};
use crate::error::{EngineError, Result};

/// A pattern, what follows a match, and how long one may take.
pub struct Search {
    pub automaton: Automaton,
    pub after: AfterMatch,
    pub within: Option<i64>,
    /// The names of the variables, for what goes wrong.
    pub names: Vec<String>,
}

/// The rows and runs of one partition.
#[derive(Debug, Default)]
pub struct Partition {
    /// The rows that runs may look at, in order, by their numbers in the store.
    pub rows: VecDeque<u64>,
    /// The place of the first of them among all rows of the partition.
    pub first: u64,
    /// Runs under way, with the one that has not begun.
    pub runs: Queue,
    /// Complete matches that wait for runs that began earlier.
    pub complete: Queue,
    /// How many of its rows wait for the watermark.
    pub waiting: u32,
    /// Whether a timer is set for it.
    pub timed: bool,
}

/// Says of the row at hand whether a variable could take it in a run: the place of the run in the queue, and the
/// variable.
pub type Verdict<'a> = dyn FnMut(usize, usize) -> Result<bool> + 'a;

impl Partition {
    /// Whether nothing would be lost with it.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0 && self.complete.first().is_none() && self.runs.runs().iter().all(|run| !run.has_begun())
    }

    /// The number in the store of a row, by its place among all rows of the partition.
    pub fn number(&self, place: u64) -> u64 {
        self.rows[(place - self.first) as usize]
    }

    /// Makes the run that has not begun, where there is none.
    pub fn prepare(&mut self, search: &Search) {
        if self.runs.first().is_none() {
            self.runs.push(Run::unbegun(search.automaton.start(), search.names.len()));
        }
    }

    /// Takes the next row, of this number and time; matches that come out are added to `found`.
    pub fn take(
        &mut self,
        search: &Search,
        number: u64,
        time: i64,
        verdict: &mut Verdict<'_>,
        found: &mut Vec<Run>,
    ) -> Result<()> {
        let place = self.first + self.rows.len() as u64;
        self.rows.push_back(number);
        let (mut runs, mut ended) = (Queue::default(), Queue::default());
        for (at, run) in self.runs.drain().into_iter().enumerate() {
            let mut may = |variable: usize| verdict(at, variable);
            for (variable, to) in takes(&search.automaton, run.state, &mut may)? {
                let next = moved(&run, variable, to, place, time);
                if to == COMPLETE {
                    ended.push(next);
                    continue;
                }
                let over = ends_behind(&search.automaton, to, &mut may)?.then(|| next.clone());
                runs.push(next);
                if let Some(over) = over {
                    ended.push(Run { state: COMPLETE, ..over });
                }
            }
            if !run.has_begun() {
                runs.push(run);
            }
        }
        self.runs = runs;
        ended.drain().into_iter().for_each(|run| self.complete.push(run));
        self.release(search, found)
    }

    /// Drops runs whose time is over at `now`; that may let matches out.
    pub fn expire(&mut self, search: &Search, now: i64, found: &mut Vec<Run>) -> Result<()> {
        let Some(within) = search.within else { return Ok(()) };
        let over = |run: &Run| run.has_begun() && now.saturating_sub(run.begun) >= within;
        if !self.runs.runs().iter().any(over) {
            return Ok(());
        }
        let kept = self.runs.drain().into_iter().filter(|run| !over(run));
        let mut runs = Queue::default();
        kept.for_each(|run| runs.push(run));
        self.runs = runs;
        self.release(search, found)
    }

    /// When the time of the run is over that began first.
    pub fn expires_at(&self, search: &Search) -> Option<i64> {
        let first = self.runs.first().filter(|run| run.has_begun())?;
        Some(first.begun.saturating_add(search.within?))
    }

    /// Lets complete matches out that no run under way can come before.
    fn release(&mut self, search: &Search, found: &mut Vec<Run>) -> Result<()> {
        while let Some(first) = self.complete.first() {
            if self.runs.first().is_some_and(|run| run.start < first.start) {
                break;
            }
            let Some(matched) = self.complete.pop() else { break };
            let from = search.goes_on_at(&matched)?;
            let gone = |run: &Run| run.has_begun() && run.start < from;
            self.runs.remove(gone);
            self.complete.remove(gone);
            found.push(matched);
        }
        Ok(())
    }

    /// Gives up rows that no run looks at any more.
    pub fn trim(&mut self, mut release: impl FnMut(u64)) {
        let end = self.first + self.rows.len() as u64;
        // The run that has not begun stands behind all others.
        let starts = [self.runs.first(), self.complete.first()].into_iter().flatten().map(|run| run.start);
        let needed = starts.min().unwrap_or(end).min(end);
        while self.first < needed {
            self.rows.pop_front().into_iter().for_each(&mut release);
            self.first += 1;
        }
    }

    /// Bytes in use, roughly.
    pub fn size(&self) -> usize {
        let runs = self.runs.runs().iter().chain(self.complete.runs());
        let runs: usize = runs.map(|run| size_of::<Run>() + run.taken.len() * 4).sum();
        size_of::<Partition>() + self.rows.len() * 8 + runs
    }
}

impl Search {
    /// The place at which the next match may begin.
    fn goes_on_at(&self, matched: &Run) -> Result<u64> {
        let before = |variable: usize| matched.taken[..variable].iter().map(|&rows| u64::from(rows)).sum::<u64>();
        let (variable, behind) = match self.after {
            AfterMatch::PastLastRow => return Ok(matched.start + matched.len()),
            AfterMatch::ToNextRow => return Ok(matched.start + 1),
            AfterMatch::ToFirst(variable) => (variable, 0),
            AfterMatch::ToLast(variable) => (variable, u64::from(matched.taken[variable].saturating_sub(1))),
        };
        let name = &self.names[variable];
        if matched.taken[variable] == 0 {
            let reason = format!("AFTER MATCH cannot skip to {name}: the match has no such row");
            return Err(EngineError::Compute(reason));
        }
        match before(variable) + behind {
            0 => Err(EngineError::Compute(format!(
                "AFTER MATCH cannot skip to {name}: it is the first row of the match, which would be found again for ever"
            ))),
            rows => Ok(matched.start + rows),
        }
    }
}

/// The run behind a row that a variable has taken.
fn moved(run: &Run, variable: usize, to: StateId, place: u64, time: i64) -> Run {
    let mut taken = run.taken.clone();
    taken[variable] += 1;
    let (start, begun) = if run.has_begun() { (run.start, run.begun) } else { (place, time) };
    Run { start, begun, state: to, taken }
}

/// Who may take the row in a state, and where that leads, in the order of Flink's walk: the steps of the state, then
/// those of the states that are entered without a row, the last one first.
fn takes(
    automaton: &Automaton,
    state: StateId,
    may: &mut impl FnMut(usize) -> Result<bool>,
) -> Result<Vec<(usize, StateId)>> {
    let (mut found, mut open) = (Vec::new(), vec![state]);
    while let Some(state) = open.pop() {
        for step in automaton.steps(state) {
            let wanted = step.takes.map_or(Ok(true), &mut *may)?;
            if !wanted || is_held_back(&step.unless, may)? {
                continue;
            }
            match step.takes {
                Some(variable) => found.push((variable, step.to)),
                None => open.push(step.to),
            }
        }
    }
    Ok(found)
}

/// Whether the end is reached from a state without a row. The steps on the way are asked about the row that was
/// taken last, by the run as it was before.
fn ends_behind(automaton: &Automaton, state: StateId, may: &mut impl FnMut(usize) -> Result<bool>) -> Result<bool> {
    let mut open = vec![state];
    while let Some(state) = open.pop() {
        for step in automaton.steps(state).iter().filter(|step| step.takes.is_none()) {
            if is_held_back(&step.unless, may)? {
                continue;
            }
            if step.to == COMPLETE {
                return Ok(true);
            }
            open.push(step.to);
        }
    }
    Ok(false)
}

fn is_held_back(unless: &[usize], may: &mut impl FnMut(usize) -> Result<bool>) -> Result<bool> {
    for &variable in unless {
        if may(variable)? {
            return Ok(true);
        }
    }
    Ok(false)
}
