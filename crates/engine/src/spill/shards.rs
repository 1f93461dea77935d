//! The shards of one operator: rows are given to them, and they are worked on in turns.

use std::cmp::Reverse;
use std::collections::VecDeque;

use millstream_record::{Batch, Millis};

use super::Spill;
use super::listed::Listed;
use super::shard::{Prefix, Shard};
use super::stage::{Stage, divide};
use crate::error::{EngineError, Result};
use crate::exchange::Division;
use crate::operator::{Operator, Output, Wake};
use crate::state::{Piece, Tables};

/// An operator is divided into two to the power of so many shards first.
const FIRST_BITS: u32 = 4;
/// A prefix is never longer.
const MOST_BITS: u32 = 12;
/// A shard is split when it holds more than this part of the operator's share,
const SHARE_OF_A_SHARD: usize = 8;
/// but no shard as small as this.
const SMALL_SHARD: usize = 64 << 10;
/// So much of its share an operator uses for rows that wait.
const SHARE_OF_WAITING: usize = 4;

/// When so many rows have come out of shards, they are handed on before the next shard has its turn.
const ENOUGH_ROWS: usize = 1 << 16;

/// The shards of one operator.
pub struct Shards {
    all: Vec<Shard>,
    /// The shard of each prefix of [`MOST_BITS`] bits.
    directory: Vec<u16>,
    stage: Stage,
    /// What all shards have heard, or have waiting.
    watermark: Millis,
    /// How far the output has come.
    said: Millis,
    /// An operator without state: it tells at which watermark rows that come would want to be worked on, and
    /// how far the output of a shard comes that has nothing to do at a watermark.
    probe: Box<dyn Operator>,
    probe_reached: Millis,
    /// The lowest watermark that rows on the stage or in queues wait for.
    due: Millis,
    /// The shards whose turn it is.
    agenda: VecDeque<usize>,
    /// Bytes in memory.
    bytes: usize,
}

impl Shards {
    /// Divides what an operator has held in one piece, that has heard `watermark` and answered `reached`.
    pub fn divide(
        operator: Box<dyn Operator>,
        watermark: Millis,
        reached: Millis,
        spill: &mut Spill,
    ) -> Result<Shards> {
        let all = Shard::whole(operator, reached).split(FIRST_BITS, spill)?;
        let mut shards = Shards::of(all, spill)?;
        shards.said = reached;
        shards.hear(&spill.silence(watermark))?;
        Ok(shards)
    }

    /// Takes a list and its pieces back from a cut.
    pub fn load(listed: &Listed, pieces: Vec<Piece>, spill: &mut Spill) -> Result<Shards> {
        spill.counts.bytes += pieces.iter().map(|piece| piece.bytes()).sum::<u64>();
        let mut shards = Shards::of(listed.shards(pieces)?, spill)?;
        shards.said = listed.said;
        // Some of them have heard it, the others hear it before the first row.
        let first = spill.silence(listed.watermark);
        shards.hear(&first)?;
        shards.stage.push(0, first);
        Ok(shards)
    }

    fn of(all: Vec<Shard>, spill: &Spill) -> Result<Shards> {
        let mut shards = Shards {
            all,
            directory: vec![0; 1 << MOST_BITS],
            stage: Stage::default(),
            watermark: Millis::MIN,
            said: Millis::MIN,
            probe: (spill.make)()?,
            probe_reached: Millis::MIN,
            due: Millis::MAX,
            agenda: VecDeque::new(),
            bytes: 0,
        };
        (0..shards.all.len()).for_each(|number| shards.enter(number));
        Ok(shards)
    }

    /// Enters a shard into the directory.
    fn enter(&mut self, number: usize) {
        let Prefix { bits, depth } = self.all[number].prefix;
        let rest = MOST_BITS - depth;
        let places = (bits as usize) << rest..(bits as usize + 1) << rest;
        self.directory[places].fill(number as u16);
    }

    /// Bytes in memory, of shards and of rows that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a batch. Its rows wait, unless a watermark in it calls for them.
    pub fn take(&mut self, port: usize, batch: Batch, spill: &mut Spill, out: &mut Output) -> Result<()> {
        self.due = self.due.min(self.probe.deadline(port, &batch));
        self.hear(&spill.silence(batch.watermark().unwrap_or(Millis::MIN)))?;
        self.stage.push(port, batch);
        if self.watermark == Millis::MAX || self.watermark >= self.due || self.calls_for_a_window() {
            return self.settle(spill, out);
        }
        if self.stage.is_full() || spill.memory.is_short(self.bytes + self.stage.bytes()) {
            self.distribute(spill)?;
            self.make_room(spill)?;
            return self.go_on(spill, out);
        }
        self.say(out);
        Ok(())
    }

    /// The watermark moves to the last mark of a batch without rows, if it has any.
    fn hear(&mut self, silence: &Batch) -> Result<()> {
        let Some(watermark) = silence.watermark() else { return Ok(()) };
        self.watermark = watermark;
        let mut none = Output::default();
        self.probe.on_batch(0, silence.clone(), &mut none)?;
        self.probe_reached = none.reached().unwrap_or(self.probe_reached);
        Ok(())
    }

    /// Whether a window ends that a shard holds.
    fn calls_for_a_window(&self) -> bool {
        self.all.iter().any(|shard| matches!(shard.wake, Wake::At(at) if at <= self.watermark))
    }

    /// Gives what is on the stage to the shards.
    fn distribute(&mut self, spill: &Spill) -> Result<()> {
        let division = Division::Bits { skip: 0, bits: MOST_BITS };
        for (port, batch) in self.stage.take()? {
            let shard_of = |hash: u64| usize::from(self.directory[division.part_of(hash)]);
            let parts = divide(&batch, &spill.keys[port], self.all.len(), shard_of)?;
            for (shard, part) in self.all.iter_mut().zip(parts) {
                shard.queue.push(port, part);
            }
        }
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        self.bytes = self.stage.bytes() + self.all.iter().map(Shard::bytes).sum::<usize>();
    }

    /// Works on all that waits: behind this, and what it has more to say, every shard has done what its rows and
    /// the watermark ask for.
    pub fn settle(&mut self, spill: &mut Spill, out: &mut Output) -> Result<()> {
        self.distribute(spill)?;
        self.agenda = self.with_work().into();
        self.due = Millis::MAX;
        self.go_on(spill, out)
    }

    /// The shards that have work: first those in memory, which need nothing that is not there.
    fn with_work(&self) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.all.len()).filter(|&n| self.all[n].has_work(self.watermark)).collect();
        found.sort_by_key(|&n| (!self.all[n].is_loaded(), Reverse(self.all[n].queue.bytes())));
        found
    }

    /// Gives the shards in memory their turn. Of the others rows wait, and those with most of them are read or
    /// their rows put away until the rest takes no more memory than it may.
    fn make_room(&mut self, spill: &mut Spill) -> Result<()> {
        let room = spill.memory.share() / SHARE_OF_WAITING;
        let mut waiting: usize = self.all.iter().map(|shard| shard.queue.bytes()).sum();
        for number in self.with_work() {
            let shard = &mut self.all[number];
            if !shard.is_loaded() && waiting <= room {
                break;
            }
            waiting -= shard.queue.bytes();
            if shard.is_loaded() || shard.is_worth_reading() {
                self.agenda.push_back(number);
            } else {
                shard.queue.write(spill)?;
            }
        }
        self.count();
        spill.tell(self.bytes);
        Ok(())
    }

    /// Whether shards have their turn now.
    pub fn has_more(&self) -> bool {
        !self.agenda.is_empty()
    }

    /// Gives shards their turn until they have said enough for once.
    pub fn go_on(&mut self, spill: &mut Spill, out: &mut Output) -> Result<()> {
        while let Some(number) = self.agenda.pop_front() {
            let shard = &mut self.all[number];
            let before = shard.bytes();
            shard.work(spill, out)?;
            self.bytes = self.bytes - before + shard.bytes();
            spill.tell(self.bytes);
            if spill.memory.is_short(self.bytes) {
                self.put_away(number, spill)?;
                spill.tell(self.bytes);
            }
            if out.rows() >= ENOUGH_ROWS {
                break;
            }
        }
        if self.agenda.is_empty() {
            self.say(out);
        }
        Ok(())
    }

    /// Puts a shard away; one that has grown too large to come back as it is, in two halves.
    fn put_away(&mut self, number: usize, spill: &mut Spill) -> Result<()> {
        let before = self.all[number].bytes();
        let most = (spill.memory.share() / SHARE_OF_A_SHARD).max(SMALL_SHARD);
        let shard = &mut self.all[number];
        if shard.size() > most && shard.prefix.depth < MOST_BITS && shard.queue.is_empty() {
            let mut halves = shard.split(1, spill)?;
            if let (Some(other), Some(one)) = (halves.pop(), halves.pop()) {
                self.all[number] = one;
                self.all.push(other);
                self.enter(number);
                self.enter(self.all.len() - 1);
            }
        } else {
            shard.put_away(spill)?;
        }
        self.bytes = self.bytes - before + self.all[number].bytes();
        Ok(())
    }

    /// Puts shards away until the rest fits. The last go first: who is in stays in.
    pub fn relieve(&mut self, spill: &mut Spill) -> Result<()> {
        self.count();
        spill.tell(self.bytes);
        for number in (0..self.all.len()).rev() {
            if !spill.memory.is_short(self.bytes) {
                break;
            }
            if self.all[number].is_loaded() {
                self.put_away(number, spill)?;
                spill.tell(self.bytes);
            }
        }
        Ok(())
    }

    /// Says how far all shards have come.
    fn say(&mut self, out: &mut Output) {
        let reached =
            |shard: &Shard| if shard.queue.has_rows() { shard.reached } else { shard.reached.max(self.idle(shard)) };
        let stage = if self.stage.has_rows() { self.said } else { Millis::MAX };
        let reached = self.all.iter().map(reached).min().unwrap_or(Millis::MIN).min(stage);
        if reached > self.said {
            self.said = reached;
            out.watermark(reached);
        }
    }

    /// How far a shard without rows has come, if it has nothing to do.
    fn idle(&self, shard: &Shard) -> Millis {
        if shard.wake.is_due(self.watermark) { Millis::MIN } else { self.probe_reached }
    }

    /// Writes down what is not on the shelf; the list of all shards.
    pub fn save(&mut self, spill: &mut Spill) -> Result<Tables> {
        if self.stage.has_rows() || self.all.iter().any(|shard| shard.queue.has_rows()) {
            return Err(EngineError::Compute(
                "its state is saved while rows wait; a barrier lets them go first".into(),
            ));
        }
        self.all.iter_mut().try_for_each(|shard| shard.write(spill))?;
        let lines = self.all.iter().map(|shard| (shard.prefix, shard.pieces.len(), shard.wake));
        Listed::table(lines, self.watermark, self.said)
    }

    /// The pieces of all shards, in the order of the list.
    pub fn pieces(&self) -> Vec<Piece> {
        self.all.iter().flat_map(|shard| shard.pieces.iter().cloned()).collect()
    }
}
