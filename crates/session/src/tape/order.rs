//! Whether an answer depends on the order of arrival: the records of a stretch of tape, in the order of the tape
//! and in others that keep the order of each partition. Every other order is a function of its seed.
//!
//! Where an answer depends on it, records are taken away as long as it still does, until none can be spared
//! (delta debugging, Zeller and Hildebrandt 2002), which leaves an example that can be read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use millstream_engine::{Options, Replay};
use millstream_plan::Graph;
use millstream_record::{Batch, Clock, Fetched, PartitionId};

use super::clock::TapeClock;
use super::head::not_on;
use super::heard::piece;
use super::reel::{self, Reel};
use super::replaying::Replaying;
use crate::doors;
use crate::fault::{Class, Fault};
use crate::fold::Fold;
use crate::session::Session;

/// More records than this are not laid in other orders.
const MOST_RECORDS: usize = 100_000;
/// So many times an example is made smaller at most.
const MOST_TRIES: usize = 400;
/// So many orders are tried with each smaller example.
const SEEDS_TO_SHRINK: u64 = 6;

/// A graph with the records that it is to be run over.
pub struct Orders {
    graph: Graph,
    options: Options,
    taps: Vec<String>,
    partitions: Vec<(usize, PartitionId)>,
    records: Vec<Record>,
}

/// A record of one of the taps.
struct Record {
    /// Its number on the tape.
    number: u64,
    tap: usize,
    /// The number of its partition over all taps.
    partition: usize,
    fetched: Fetched,
}

/// An answer that depends on the order of arrival.
pub struct Depends {
    /// The seed of the order that gave another answer.
    pub seed: u64,
    /// The numbers of a few records that are enough, in the order of the tape.
    pub records: Vec<u64>,
    /// The same in the other order.
    pub other: Vec<u64>,
    /// The final rows in the order of the tape.
    pub rows: Fold,
    /// The final rows in the other order.
    pub other_rows: Fold,
}

impl Orders {
    /// The records of the tape that a graph reads.
    pub fn new(session: &Session, graph: Graph, replaying: &Replaying) -> Result<Orders, Fault> {
        let tape = &replaying.tape;
        let clock = Arc::new(TapeClock::at(tape.meta().until));
        let options = Options { parallelism: 1, clock: clock as Arc<dyn Clock>, ..Options::default() };
        let mut orders = Orders { graph, options, taps: Vec::new(), partitions: Vec::new(), records: Vec::new() };
        for (_, tap, _) in orders.graph.clone().scans() {
            if orders.taps.contains(&tap.name) {
                continue;
            }
            let Some(number) = reel::recorded(tape, tap) else {
                if doors::source(session, tap)?.bounded() {
                    let message =
                        format!("'{}' is not on the tape; its records have no place in other orders", tap.name);
                    return Err(Fault::new(Class::Query, "E0918", message).hint("record it together with the others"));
                }
                return Err(not_on(tape, &tap.name));
            };
            let all: Vec<usize> = (0..tap.physical().len()).collect();
            let mut reel = Reel::new(session, tape, tap, number, &all)?;
            orders.add(&mut reel, replaying)?;
        }
        orders.records.sort_by_key(|record| record.number);
        Ok(orders)
    }

    fn add(&mut self, reel: &mut Reel, replaying: &Replaying) -> Result<(), Fault> {
        let tap = self.taps.len();
        self.taps.push(reel.tap().to_string());
        self.partitions.extend(reel.partitions().into_iter().map(|partition| (tap, partition)));
        let tape = &replaying.tape;
        for chunk in tape.chunk_of(replaying.from)..tape.outlines().len() {
            let Some(frames) = reel.frames(chunk)? else { continue };
            for (index, record) in frames.records.iter().enumerate() {
                if !(replaying.from..replaying.to).contains(&record.number) {
                    continue;
                }
                let (number, fetched) = piece(&frames, index..index + 1);
                let own = |(of, id): &(usize, PartitionId)| *of == tap && *id == fetched.partition;
                let partition = self.partitions.iter().position(own).unwrap_or(0);
                self.records.push(Record { number, tap, partition, fetched });
            }
            if self.records.len() > MOST_RECORDS {
                let most = crate::status::count(MOST_RECORDS as u64);
                let fault =
                    Fault::new(Class::Query, "E0916", format!("at most {most} records are laid in other orders"));
                return Err(fault.hint("replay a stretch of the tape: REPLAY name FROM 12:04 TO 12:05;"));
            }
        }
        Ok(())
    }

    /// How many records, and over how many partitions.
    pub fn size(&self) -> (usize, usize) {
        let used: BTreeSet<usize> = self.records.iter().map(|record| record.partition).collect();
        (self.records.len(), used.len())
    }

    /// The first of the seeds `1..=seeds` whose order gives another answer than that of the tape, with a small
    /// example.
    pub fn depends(&self, seeds: u64, session: &Session) -> Result<Option<Depends>, Fault> {
        let all: Vec<usize> = (0..self.records.len()).collect();
        let base = self.answer(&all)?;
        for seed in 1..=seeds {
            if session.stop.raised() {
                return Err(millstream_record::Error::Stopped.into());
            }
            if self.differs(&base, &self.shuffled(&all, seed))? {
                return self.smallest(all, seed, session).map(Some);
            }
        }
        Ok(None)
    }

    fn differs(&self, base: &Fold, order: &[usize]) -> Result<bool, Fault> {
        let other = self.answer(order)?;
        Ok(!same(base, &other)?)
    }

    /// Takes records away as long as some order of the rest still gives another answer.
    fn smallest(&self, mut kept: Vec<usize>, mut seed: u64, session: &Session) -> Result<Depends, Fault> {
        let (mut size, mut tries) = (kept.len().div_ceil(2), 0);
        while size > 0 && tries < MOST_TRIES && !session.stop.raised() {
            let (mut start, mut smaller) = (0, false);
            while start < kept.len() && tries < MOST_TRIES {
                let end = (start + size).min(kept.len());
                let rest: Vec<usize> = kept[..start].iter().chain(&kept[end..]).copied().collect();
                tries += 1;
                match self.seed_of(&rest, seed)? {
                    Some(found) => (kept, seed, smaller) = (rest, found, true),
                    None => start = end,
                }
            }
            // A pass that took nothing away is followed by one with smaller pieces.
            size = if smaller && size == 1 { 1 } else { size / 2 };
        }
        let order = self.shuffled(&kept, seed);
        let (rows, other_rows) = (self.answer(&kept)?, self.answer(&order)?);
        let numbers = |of: &[usize]| of.iter().map(|&record| self.records[record].number).collect();
        Ok(Depends { seed, records: numbers(&kept), other: numbers(&order), rows, other_rows })
    }

    /// A seed whose order of these records gives another answer than that of the tape.
    fn seed_of(&self, records: &[usize], first: u64) -> Result<Option<u64>, Fault> {
        let base = self.answer(records)?;
        for seed in std::iter::once(first).chain(1..=SEEDS_TO_SHRINK) {
            if self.differs(&base, &self.shuffled(records, seed))? {
                return Ok(Some(seed));
            }
        }
        Ok(None)
    }

    /// These records in an order that keeps that of each partition: who comes next is drawn among the records
    /// that are left.
    fn shuffled(&self, records: &[usize], seed: u64) -> Vec<usize> {
        let mut queues: BTreeMap<usize, VecDeque<usize>> = BTreeMap::new();
        for &record in records {
            queues.entry(self.records[record].partition).or_default().push_back(record);
        }
        let (mut dice, mut order) = (Dice(seed), Vec::with_capacity(records.len()));
        while order.len() < records.len() {
            let mut drawn = (dice.next() % (records.len() - order.len()) as u64) as usize;
            for queue in queues.values_mut() {
                if drawn < queue.len() {
                    order.extend(queue.pop_front());
                    break;
                }
                drawn -= queue.len();
            }
        }
        order
    }

    /// The final rows when records arrive in this order.
    fn answer(&self, order: &[usize]) -> Result<Fold, Fault> {
        let output = self.graph.outputs[0].node;
        let mut fold = Fold::new(self.graph.node(output).row.schema.clone())?;
        let mut replay = Replay::new(&self.graph, &self.options)?;
        let mut take = |_: usize, batch: Batch| Ok(fold.take(&batch)?);
        replay.literals(&mut take)?;
        self.partitions.iter().for_each(|(tap, partition)| replay.partition(&self.taps[*tap], partition));
        for &record in order {
            let Record { tap, fetched, .. } = &self.records[record];
            replay.feed(&self.taps[*tap], fetched, &mut take)?;
        }
        replay.end(&mut take)?;
        Ok(fold)
    }
}

/// Whether two answers have the same rows, as often as each.
fn same(left: &Fold, right: &Fold) -> Result<bool, Fault> {
    if left.len() != right.len() {
        return Ok(false);
    }
    let lines = |fold: &Fold| -> Result<Vec<String>, Fault> {
        let options = arrow::util::display::FormatOptions::default().with_null("NULL");
        let mut lines = Vec::with_capacity(fold.len());
        for batch in fold.batches(8192)? {
            let columns = batch.columns().iter();
            let columns: Vec<_> = columns
                .map(|column| arrow::util::display::ArrayFormatter::try_new(column, &options))
                .collect::<Result<_, _>>()?;
            for row in 0..batch.num_rows() {
                let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
                lines.push(cells.join("\u{0}"));
            }
        }
        lines.sort_unstable();
        Ok(lines)
    };
    Ok(lines(left)? == lines(right)?)
}

/// Numbers that look random and follow from a seed (SplitMix64; Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
