//! Whether an answer depends on the order of arrival: the records of a stretch of tape, in the order of the tape
//! and in others that keep the order of each partition. Every other order is a function of its seed.
//!
//! Where an answer depends on it, records are taken away as long as it still does, until none can be spared
//! (delta debugging, Zeller and Hildebrandt 2002), which leaves an example that can be read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{Field, Schema, SchemaRef};
use millstream_engine::{Options, Order, Replay, Stretch, Tally, Woven};
use millstream_plan::{Graph, Tap};
use millstream_record::{Batch, Clock, Kind, Kinds, Millis, PartitionId};

use super::clock::TapeClock;
use super::head::not_on;
use super::reel::{self, Reel};
use super::replaying::Replaying;
use crate::check::alike;
use crate::doors;
use crate::fault::{Class, Fault};
use crate::fold::Fold;
use crate::session::Session;

/// So many records are laid in other orders of a graph that has to take them one by one.
const MOST_SINGLE: usize = 100_000;
/// So many records are handed to a graph at a time.
const PIECE: usize = 8192;
/// So many times an example is made smaller at most, and so many records are run for that.
const MOST_TRIES: usize = 400;
const MOST_RUN: usize = 20_000_000;
/// So many orders are tried with each smaller example.
const SEEDS_TO_SHRINK: u64 = 6;

/// A graph with the records that it is to be run over.
pub struct Orders {
    graph: Graph,
    options: Options,
    taps: Vec<Taken>,
    partitions: Vec<(usize, PartitionId)>,
    records: Vec<Record>,
    /// Records at a time.
    piece: usize,
    /// The number behind the last record.
    end: u64,
    at: Millis,
}

/// The rows of a tap.
struct Taken {
    name: String,
    /// All physical columns; those that nobody reads are null.
    schema: SchemaRef,
    /// Those that are read, as indices into the schema.
    wanted: Vec<usize>,
    rows: RecordBatch,
    kinds: Option<Vec<Kind>>,
}

/// A record of one of the taps.
struct Record {
    /// Its number on the tape.
    number: u64,
    tap: u32,
    /// The number of its partition over all taps.
    partition: u32,
    /// Its rows among those of its tap.
    rows: (u32, u32),
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

/// The rows of a tap while they are read.
struct Reading {
    reel: Reel,
    batches: Vec<RecordBatch>,
    kinds: Option<Vec<Kind>>,
    rows: usize,
}

impl Orders {
    /// The records of the tape that a graph reads, as many as memory holds.
    pub fn new(session: &Session, graph: Graph, replaying: &Replaying) -> Result<Orders, Fault> {
        let (tape, at) = (&replaying.tape, replaying.tape.meta().until);
        let clock = Arc::new(TapeClock::at(at));
        let options = Options { parallelism: 1, clock: clock as Arc<dyn Clock>, ..Options::default() };
        let mut replay = Replay::new(&graph, &options)?;
        let piece = if replay.takes_batches() { PIECE } else { 1 };
        let (taps, partitions, records) = (Vec::new(), Vec::new(), Vec::new());
        let mut orders = Orders { graph, options, taps, partitions, records, piece, end: replaying.from, at };
        let mut readings: Vec<Reading> = Vec::new();
        for (_, tap, _) in orders.graph.clone().scans() {
            if orders.taps.iter().any(|taken| taken.name == tap.name) {
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
            let wanted = replay.columns_of(&tap.name);
            let reel = Reel::new(session, tape, tap, number, &wanted)?;
            let own = reel.partitions().into_iter().map(|partition| (readings.len(), partition));
            orders.partitions.extend(own);
            readings.push(Reading { reel, batches: Vec::new(), kinds: None, rows: 0 });
            let schema = schema(tap, &wanted);
            let rows = RecordBatch::new_empty(Arc::new(schema.project(&wanted)?));
            orders.taps.push(Taken { name: tap.name.clone(), schema, wanted, rows, kinds: None });
        }
        orders.read(session, readings, replaying)?;
        Ok(orders)
    }

    /// Reads chunk by chunk what all taps say, until memory is full.
    fn read(&mut self, session: &Session, mut readings: Vec<Reading>, replaying: &Replaying) -> Result<(), Fault> {
        let (tape, mut bytes) = (&replaying.tape, 0u64);
        let room = session.settings.options().bytes("tape.trace-bytes").unwrap_or(u64::MAX);
        let most = if self.piece == 1 { MOST_SINGLE } else { usize::MAX };
        for chunk in tape.chunk_of(replaying.from)..tape.outlines().len() {
            if session.stop.raised() {
                return Err(millstream_record::Error::Stopped.into());
            }
            let outline = tape.outlines()[chunk];
            if outline.first >= replaying.to || bytes > room || self.records.len() >= most {
                break;
            }
            for (number, reading) in readings.iter_mut().enumerate() {
                bytes += self.add(number, reading, chunk, replaying.from..replaying.to)?;
            }
            self.end = (outline.first + outline.count).min(replaying.to);
        }
        for (taken, reading) in self.taps.iter_mut().zip(readings) {
            taken.rows = concat_batches(taken.rows.schema_ref(), &reading.batches)?;
            taken.kinds = reading.kinds;
        }
        self.records.sort_by_key(|record| record.number);
        Ok(())
    }

    /// Adds the records of a tap in a chunk; the bytes that they take.
    fn add(&mut self, tap: usize, reading: &mut Reading, chunk: usize, inside: Range<u64>) -> Result<u64, Fault> {
        let Some(frames) = reading.reel.frames(chunk)? else { return Ok(0) };
        let partition = |id: &PartitionId| self.partitions.iter().position(|(of, own)| *of == tap && own == id);
        let partitions: Vec<u32> =
            frames.partitions.iter().map(|id| partition(id).map_or(0, |place| place as u32)).collect();
        let number = |record: &millstream_connect::tape::Frame| record.number;
        let first = frames.records.partition_point(|record| number(record) < inside.start);
        let behind = frames.records.partition_point(|record| number(record) < inside.end);
        if first == behind {
            return Ok(0);
        }
        let start = frames.rows_of(first).start;
        let shift = |row: usize| (reading.rows + row - start) as u32;
        for (index, record) in frames.records.iter().enumerate().take(behind).skip(first) {
            let rows = frames.rows_of(index);
            let rows = (shift(rows.start), shift(rows.end));
            let partition = partitions[record.partition];
            self.records.push(Record { number: record.number, tap: tap as u32, partition, rows });
        }
        let end = frames.rows_of(behind - 1).end;
        // Copied: what is not wanted does not stay in memory.
        let rows = frames.rows.project(&self.taps[tap].wanted)?.slice(start, end - start);
        let rows = concat_batches(self.taps[tap].rows.schema_ref(), [&rows])?;
        if let Some(kinds) = &frames.kinds {
            let all = reading.kinds.get_or_insert_with(|| vec![Kind::Insert; reading.rows]);
            all.extend((start..end).map(|row| kinds.get(row)));
        } else if let Some(all) = &mut reading.kinds {
            all.extend(std::iter::repeat_n(Kind::Insert, end - start));
        }
        reading.rows += end - start;
        let bytes = rows.get_array_memory_size() + (behind - first) * size_of::<Record>();
        reading.batches.push(rows);
        Ok(bytes as u64)
    }

    /// How many records, and over how many partitions.
    pub fn size(&self) -> (usize, usize) {
        let used: BTreeSet<u32> = self.records.iter().map(|record| record.partition).collect();
        (self.records.len(), used.len())
    }

    /// The number behind the last record that was read.
    pub fn end(&self) -> u64 {
        self.end
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
        // A sum of floating point hangs on the order in its last places, and nobody means that.
        Ok(!alike(base, &self.answer(order)?)?)
    }

    /// Takes records away as long as some order of the rest still gives another answer.
    fn smallest(&self, mut kept: Vec<usize>, mut seed: u64, session: &Session) -> Result<Depends, Fault> {
        let (mut size, mut tries, mut run) = (kept.len().div_ceil(2), 0, 0);
        while size > 0 && tries < MOST_TRIES && run < MOST_RUN && !session.stop.raised() {
            let (mut start, mut smaller) = (0, false);
            while start < kept.len() && tries < MOST_TRIES && run < MOST_RUN {
                let end = (start + size).min(kept.len());
                let rest: Vec<usize> = kept[..start].iter().chain(&kept[end..]).copied().collect();
                (tries, run) = (tries + 1, run + rest.len() * (SEEDS_TO_SHRINK as usize + 2));
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
        let mut queues: BTreeMap<u32, VecDeque<usize>> = BTreeMap::new();
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
        let mut emit = |_: usize, batch: Batch| Ok(fold.take(&batch)?);
        replay.literals(&mut emit)?;
        self.partitions.iter().for_each(|(tap, partition)| replay.partition(&self.taps[*tap].name, partition));
        let mut at = 0;
        while at < order.len() {
            let tap = self.records[order[at]].tap;
            let same = order[at..].iter().take(self.piece).take_while(|record| self.records[**record].tap == tap);
            let end = at + same.count();
            let taken = &self.taps[tap as usize];
            replay.weave(&taken.name, &self.woven(taken, &order[at..end])?, &mut emit)?;
            at = end;
        }
        replay.end(&mut emit)?;
        Ok(fold)
    }

    /// These records of a tap, in this order.
    fn woven(&self, taken: &Taken, records: &[usize]) -> Result<Woven, Fault> {
        let mut order =
            Order { partitions: self.partitions.iter().map(|(_, id)| id.clone()).collect(), ..Order::default() };
        let (mut tallies, mut rows) = (vec![Tally::default(); order.partitions.len()], Vec::new());
        for &record in records {
            let record = &self.records[record];
            let (partition, own) = (record.partition as usize, record.rows.0..record.rows.1);
            tallies[partition].records += 1;
            match order.stretches.last_mut().filter(|last| last.partition == partition) {
                Some(last) => last.rows += own.len(),
                None => order.stretches.push(Stretch { partition, rows: own.len(), at: self.at }),
            }
            rows.extend(own);
        }
        let rows = UInt32Array::from(rows);
        let column = |(index, field): (usize, &Arc<Field>)| -> Result<ArrayRef, Fault> {
            match taken.wanted.iter().position(|wanted| *wanted == index) {
                Some(place) => Ok(take(taken.rows.column(place), &rows, None)?),
                None => Ok(new_null_array(field.data_type(), rows.len())),
            }
        };
        let columns = taken.schema.fields().iter().enumerate().map(column).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let kinds = taken.kinds.as_ref().map(|kinds| Kinds::new(rows.values().iter().map(|row| kinds[*row as usize])));
        Ok(Woven {
            rows: RecordBatch::try_new_with_options(taken.schema.clone(), columns, &options)?,
            kinds,
            order,
            tallies,
            rejected: Vec::new(),
            duplicate_keys: 0,
        })
    }
}

/// All physical columns of a tap; those that are not wanted may be null.
fn schema(tap: &Tap, wanted: &[usize]) -> SchemaRef {
    let all = millstream_engine::physical_schema(tap);
    let field = |(index, field): (usize, &Arc<Field>)| match wanted.contains(&index) {
        true => field.clone(),
        false => Arc::new(field.as_ref().clone().with_nullable(true)),
    };
    Arc::new(Schema::new(all.fields().iter().enumerate().map(field).collect::<Vec<_>>()))
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
