//! The cached rows of an interval join: per key and side a queue in order of time, rows of one time in order
//! of arrival, and one timer per queue.
//!
//! The timer is set for the first row of a queue and, when it goes off, for the oldest row that remains. So a
//! row that came out of order may stay a little longer than its own time says; Flink does the same, and it
//! shows in when an outer row is padded.

use std::collections::{HashMap, VecDeque};

use crate::timers::Timers;

/// A cached row.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Its event time.
    pub time: i64,
    /// Its number in the store of its side.
    pub number: u64,
}

/// Which queue a timer is for. Those of one moment go off in the order in which they were first set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// The how-manyth queue it was set for.
    pub order: i64,
    /// The key of the queue.
    pub key: u32,
    /// The side of the queue.
    pub side: u8,
}

/// The cached rows of both sides.
pub struct Cache {
    /// Per side, how far partners may lie before and behind a row.
    reach: [(i64, i64); 2],
    keys: Vec<[VecDeque<Held>; 2]>,
    timers: Timers<Waiting>,
    orders: i64,
}

impl Cache {
    /// An empty cache.
    pub fn new(reach: [(i64, i64); 2]) -> Self {
        let span = reach[0].1.saturating_add(reach[1].1);
        Cache { reach, keys: Vec::new(), timers: Timers::new(span), orders: 0 }
    }

    /// Makes room for keys `0..keys`.
    pub fn resize(&mut self, keys: usize) {
        self.keys.resize_with(keys.max(self.keys.len()), Default::default);
    }

    /// The last time that a partner of a row may have.
    pub fn partner_end(&self, side: usize, time: i64) -> i64 {
        time.saturating_add(self.reach[side].1)
    }

    /// Rows of this side up to this time have no partner to come.
    fn expired(&self, side: usize, now: i64) -> i64 {
        if now == i64::MAX { now } else { now.saturating_sub(self.reach[side].1).saturating_sub(1) }
    }

    /// Calls `found` with the cached partners of a row, in order of their time. False if none can be there,
    /// because the row is so late that the time of all its partners is over.
    pub fn partners(&self, side: usize, key: u32, time: i64, now: i64, mut found: impl FnMut(Held)) -> bool {
        let end = self.partner_end(side, time);
        if self.expired(1 - side, now) >= end {
            return false;
        }
        let queue = &self.keys[key as usize][1 - side];
        let start = time.saturating_sub(self.reach[side].0);
        let from = queue.partition_point(|held| held.time < start);
        queue.range(from..).take_while(|held| held.time <= end).for_each(|held| found(*held));
        true
    }

    /// Puts a row behind those of its time.
    pub fn insert(&mut self, side: usize, key: u32, held: Held) {
        let queue = &mut self.keys[key as usize][side];
        if queue.is_empty() {
            self.timers.set(leaves(held, self.reach[side].1), Waiting { order: self.orders, key, side: side as u8 });
            self.orders += 1;
        }
        put(queue, held);
    }

    /// Takes the oldest row of a queue if its time is over.
    pub fn pop_expired(&mut self, side: usize, key: u32, now: i64) -> Option<Held> {
        let expired = self.expired(side, now);
        let queue = &mut self.keys[key as usize][side];
        queue.pop_front_if(|held| held.time <= expired)
    }

    /// The first timer.
    pub fn first_timer(&self) -> Option<i64> {
        self.timers.first()
    }

    /// Takes a timer that has gone off.
    pub fn due(&mut self, now: i64) -> Option<Waiting> {
        self.timers.due(now).map(|(_, waiting)| waiting)
    }

    /// Sets a timer for the oldest row that remains; whether there is one.
    pub fn rearm(&mut self, waiting: Waiting) -> bool {
        let side = usize::from(waiting.side);
        let queue = &mut self.keys[waiting.key as usize][side];
        match queue.front() {
            Some(oldest) => {
                self.timers.set(leaves(*oldest, self.reach[side].1), waiting);
                true
            }
            None => {
                // A short queue keeps its place in memory: the next key will use it.
                if queue.capacity() > 64 {
                    *queue = VecDeque::new();
                }
                false
            }
        }
    }

    /// Whether a key has no row on either side.
    pub fn is_empty(&self, key: u32) -> bool {
        self.keys[key as usize].iter().all(VecDeque::is_empty)
    }

    /// The timer of each cached row's queue, by the row's number: when, and the order.
    pub fn timers_of(&self, side: usize) -> HashMap<u64, (i64, i64)> {
        let timers = self.timers.iter().filter(|(_, waiting)| usize::from(waiting.side) == side);
        timers
            .flat_map(|&(at, waiting)| {
                let queue = &self.keys[waiting.key as usize][side];
                queue.iter().map(move |held| (held.number, (at, waiting.order)))
            })
            .collect()
    }

    /// Takes back a row that was saved; rows come in the order of their numbers.
    pub fn restore(&mut self, held: Held, at: i64, waiting: Waiting) {
        let queue = &mut self.keys[waiting.key as usize][usize::from(waiting.side)];
        if queue.is_empty() {
            self.timers.set(at, waiting);
        }
        put(queue, held);
    }

    /// How many timers were ever set for a new queue.
    pub fn orders(&self) -> i64 {
        self.orders
    }

    /// See [`Cache::orders`].
    pub fn set_orders(&mut self, orders: i64) {
        self.orders = orders;
    }

    /// Bytes in use, roughly.
    pub fn size(&self) -> usize {
        self.keys.capacity() * size_of::<[VecDeque<Held>; 2]>() + self.timers.size()
    }
}

fn put(queue: &mut VecDeque<Held>, held: Held) {
    if queue.back().is_none_or(|last| last.time <= held.time) {
        queue.push_back(held);
    } else {
        queue.insert(queue.partition_point(|other| other.time <= held.time), held);
    }
}

/// When a row leaves the cache, if partners may lie so far behind it.
fn leaves(held: Held, reach: i64) -> i64 {
    held.time.saturating_add(reach).saturating_add(1)
}
