//! Timers: what is to be looked at when a time is reached, earliest first.
//!
//! A calendar queue (Brown 1988): time is cut into days, a timer of a later day lies in that day's list
//! unsorted, and only those of the days that have come are in a heap. Most timers are set far ahead, so the
//! heap stays small and in the cache where one over all of them would not.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// So many days lie in the span for which timers are usually set.
const DAYS: i64 = 256;

/// A queue of timers, ordered by their time and then by what they are for.
#[derive(Debug)]
pub struct Timers<T> {
    /// How long a day is.
    day: i64,
    /// The last day of which the timers are in the heap.
    today: i64,
    near: BinaryHeap<Reverse<(i64, T)>>,
    far: BTreeMap<i64, Vec<(i64, T)>>,
    len: usize,
}

impl<T: Copy + Ord> Timers<T> {
    /// No timer yet; they will mostly be set within `span` from now, which matters for speed only.
    pub fn new(span: i64) -> Self {
        Timers { day: (span / DAYS).max(1), today: i64::MIN, near: BinaryHeap::new(), far: BTreeMap::new(), len: 0 }
    }

    /// Sets a timer.
    pub fn set(&mut self, at: i64, what: T) {
        let day = at.div_euclid(self.day);
        if day <= self.today {
            self.near.push(Reverse((at, what)));
        } else {
            self.far.entry(day).or_default().push((at, what));
        }
        self.len += 1;
    }

    /// Takes the first timer that goes off at `now` or before.
    pub fn due(&mut self, now: i64) -> Option<(i64, T)> {
        while self.near.is_empty() {
            let coming = self.far.first_entry()?;
            if *coming.key() > now.div_euclid(self.day) {
                return None;
            }
            let (day, timers) = coming.remove_entry();
            self.today = day;
            self.near = timers.into_iter().map(Reverse).collect();
        }
        let Reverse(first) = self.near.peek()?;
        if first.0 > now {
            return None;
        }
        self.len -= 1;
        self.near.pop().map(|Reverse(first)| first)
    }

    /// All timers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &(i64, T)> {
        self.near.iter().map(|Reverse(timer)| timer).chain(self.far.values().flatten())
    }

    /// Bytes in use, roughly.
    pub fn size(&self) -> usize {
        self.len * size_of::<(i64, T)>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a sorted set: timers before, in and far behind the present, while time passes in steps.
        #[test]
        fn timers_go_off_in_order(span in 0i64..2_000, steps in prop::collection::vec((-50i64..3_000, 0i64..100), 1..200)) {
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
        let rest: Vec<i64> = std::iter::from_fn(|| timers.due(i64::MAX)).map(|(at, ())| at).collect();
        assert_eq!(rest, [0, i64::MAX - 1, i64::MAX]);
        assert_eq!(timers.size(), 0);
    }
}
