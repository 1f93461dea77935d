//! Timers: what is to be looked at when a time is reached, earliest first.
//!
//! A calendar queue (Brown 1988): time is cut into days, and a timer of a later day lies in that day's list
//! unsorted. A list is sorted when its day has come; so most timers cost one push and their share of a
//! short sort, where a heap over all of them would miss the cache at every level.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// So many days lie in the span for which timers are usually set; also the length of the calendar. A power of two.
const DAYS: i64 = 1024;

/// A queue of timers, ordered by their time and then by what they are for.
#[derive(Debug)]
pub struct Timers<T> {
    /// How long a day is, as a power of two: it is asked for at every timer.
    day: u32,
    /// The present day.
    today: i64,
    /// The present day's timers, last first.
    due: Vec<(i64, T)>,
    /// Timers that were set for the present day or an earlier one when it had come.
    late: BinaryHeap<Reverse<(i64, T)>>,
    /// The lists of the days that follow, by their number modulo [`DAYS`].
    calendar: Vec<Vec<(i64, T)>>,
    /// How many timers are in the calendar.
    noted: usize,
    /// Days that were behind the end of the calendar.
    far: BTreeMap<i64, Vec<(i64, T)>>,
}

impl<T: Copy + Ord> Timers<T> {
    /// No timer yet; they will mostly be set within `span` from now, which matters for speed only.
    pub fn new(span: i64) -> Self {
        Timers {
            day: (span / DAYS).max(1).ilog2(),
            today: i64::MIN,
            due: Vec::new(),
            late: BinaryHeap::new(),
            calendar: (0..DAYS).map(|_| Vec::new()).collect(),
            noted: 0,
            far: BTreeMap::new(),
        }
    }

    /// Sets a timer.
    pub fn set(&mut self, at: i64, what: T) {
        let day = at >> self.day;
        if day <= self.today {
            self.late.push(Reverse((at, what)));
        } else if day <= self.today.saturating_add(DAYS) {
            self.calendar[slot(day)].push((at, what));
            self.noted += 1;
        } else {
            self.far.entry(day).or_default().push((at, what));
        }
    }

    /// Takes the first timer that goes off at `now` or before.
    pub fn due(&mut self, now: i64) -> Option<(i64, T)> {
        let day = now >> self.day;
        while self.due.is_empty() && self.late.is_empty() && self.today < day {
            self.turn(day);
        }
        let late = match (self.due.last(), self.late.peek()) {
            (Some(first), Some(Reverse(late))) => late < first,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let (at, _) = if late { &self.late.peek()?.0 } else { self.due.last()? };
        if *at > now {
            None
        } else if late {
            self.late.pop().map(|Reverse(first)| first)
        } else {
            self.due.pop()
        }
    }

    /// Goes to the next day that has timers, or to `last` if no day up to there has any.
    fn turn(&mut self, last: i64) {
        let end = if self.noted == 0 { self.today } else { last.min(self.today.saturating_add(DAYS)) };
        let noted = (self.today..end).map(|day| day + 1).find(|&day| !self.calendar[slot(day)].is_empty());
        let far = self.far.first_key_value().map(|(&day, _)| day).filter(|&day| day <= last);
        self.today = noted.into_iter().chain(far).min().unwrap_or(last);
        if noted == Some(self.today) {
            std::mem::swap(&mut self.due, &mut self.calendar[slot(self.today)]);
            self.noted -= self.due.len();
        }
        if far == Some(self.today) {
            self.due.extend(self.far.pop_first().into_iter().flat_map(|(_, timers)| timers));
        }
        self.due.sort_unstable_by(|one, other| other.cmp(one));
    }

    /// When the first timer goes off.
    pub fn first(&self) -> Option<i64> {
        let today = self.due.last().map(|&(at, _)| at);
        let late = self.late.peek().map(|Reverse((at, _))| *at);
        // No list of a later day has an earlier timer.
        let days = || (1..=DAYS).map(|ahead| &self.calendar[slot(self.today.saturating_add(ahead))]);
        let noted = if self.noted == 0 { None } else { days().find(|timers| !timers.is_empty()) };
        let far = self.far.values().next();
        let earliest = |timers: &Vec<(i64, T)>| timers.iter().map(|&(at, _)| at).min();
        [today, late, noted.and_then(earliest), far.and_then(earliest)].into_iter().flatten().min()
    }

    /// All timers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &(i64, T)> {
        let late = self.late.iter().map(|Reverse(timer)| timer);
        self.due.iter().chain(late).chain(self.calendar.iter().flatten()).chain(self.far.values().flatten())
    }

    /// Bytes in use, roughly.
    pub fn size(&self) -> usize {
        let far: usize = self.far.values().map(Vec::len).sum();
        (self.due.len() + self.late.len() + self.noted + far) * size_of::<(i64, T)>()
    }
}

/// The place of a day in the calendar.
fn slot(day: i64) -> usize {
    (day & (DAYS - 1)) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a sorted set: timers before, in and far behind the present, while time passes in steps.
        #[test]
        fn timers_go_off_in_order(span in 0i64..20_000, steps in prop::collection::vec((-50i64..30_000, 0i64..900), 1..200)) {
            let (mut timers, mut model, mut now) = (Timers::new(span), BTreeSet::new(), -1_000);
            for (number, (ahead, passes)) in steps.into_iter().enumerate() {
                timers.set(now + ahead, number);
                model.insert((now + ahead, number));
                now += passes;
                while let Some(first) = timers.due(now) {
                    prop_assert_eq!(Some(first), model.pop_first());
                    prop_assert!(first.0 <= now);
                }
                prop_assert!(model.first().is_none_or(|first| first.0 > now));
                prop_assert_eq!(timers.first(), model.first().map(|first| first.0));
                prop_assert_eq!(timers.iter().copied().collect::<BTreeSet<_>>(), model.clone());
            }
        }
    }

    #[test]
    fn the_ends_of_time_are_no_trap() {
        let mut timers = Timers::new(i64::MAX);
        for at in [i64::MAX, i64::MIN, 0, i64::MAX - 1] {
            timers.set(at, ());
        }
        assert_eq!(timers.due(i64::MIN), Some((i64::MIN, ())));
        assert_eq!(timers.due(-1), None);
        timers.set(-5, ());
        assert_eq!(timers.due(-1), Some((-5, ())));
        let rest: Vec<i64> = std::iter::from_fn(|| timers.due(i64::MAX)).map(|(at, ())| at).collect();
        assert_eq!(rest, [0, i64::MAX - 1, i64::MAX]);
        assert_eq!(timers.size(), 0);
    }
}
