//! A shard: the keys of an operator whose hashes begin alike, with an operator of their own. It is in memory
//! or lies on the shelf; rows that come while it lies there wait for its turn.

use millstream_record::Millis;

use super::Spill;
use super::queue::Queue;
use crate::error::Result;
use crate::exchange::Division;
use crate::operator::{Operator, Output, Wake};
use crate::spread::regroup;
use crate::state::{Piece, Tables};

/// The keys whose hashes have these first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The bits.
    pub bits: u32,
    /// How many they are.
    pub depth: u32,
}

impl Prefix {
    /// Those whose next bits are these.
    pub fn child(self, bits: u32, count: u32) -> Prefix {
        Prefix { bits: self.bits << count | bits, depth: self.depth + count }
    }
}

/// Keys that begin alike, and their state.
pub struct Shard {
    pub prefix: Prefix,
    /// The operator, unless it was put away.
    operator: Option<Box<dyn Operator>>,
    /// Its state on the shelf, of several lanes if it comes from another parallelism. Empty when the operator
    /// has gone on since.
    pub pieces: Vec<Piece>,
    /// What it has not worked on.
    pub queue: Queue,
    /// Bytes of the operator in memory.
    size: usize,
    pub wake: Wake,
    /// How far its output has come.
    pub reached: Millis,
}

impl Shard {
    /// A shard whose state lies on the shelf.
    pub fn away(prefix: Prefix, pieces: Vec<Piece>, wake: Wake) -> Shard {
        Shard { prefix, operator: None, pieces, queue: Queue::default(), size: 0, wake, reached: Millis::MIN }
    }

    /// All keys, with the operator that has held them in one piece.
    pub fn whole(operator: Box<dyn Operator>, reached: Millis) -> Shard {
        let shard = Shard::away(Prefix { bits: 0, depth: 0 }, Vec::new(), operator.wake());
        Shard { size: operator.size(), operator: Some(operator), reached, ..shard }
    }

    /// Whether its operator is in memory.
    pub fn is_loaded(&self) -> bool {
        self.operator.is_some()
    }

    /// Bytes in memory, of its state and of rows that wait.
    pub fn bytes(&self) -> usize {
        self.size + self.queue.bytes()
    }

    /// Bytes of its state in memory.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether rows wait, or the watermark calls for it.
    pub fn has_work(&self, watermark: Millis) -> bool {
        self.queue.has_rows() || (!self.queue.is_empty() && self.wake.is_due(watermark))
    }

    /// Whether so much waits that reading the state for it is worth it.
    pub fn is_worth_reading(&self) -> bool {
        self.queue.all_bytes() >= self.pieces.iter().map(|piece| piece.bytes()).sum()
    }

    /// Works on all that waits; what comes out goes to `out`, without its marks.
    pub fn work(&mut self, spill: &mut Spill, out: &mut Output) -> Result<()> {
        if self.queue.is_empty() {
            return Ok(());
        }
        let mut operator = match self.operator.take() {
            Some(operator) => operator,
            None => spill.load(&self.pieces)?,
        };
        spill.free(std::mem::take(&mut self.pieces));
        let (mut own, mut reached) = (Output::default(), self.reached);
        self.queue.take(spill, |port, batch| {
            operator.on_batch(port, batch, &mut own)?;
            let (batches, late, watermark) = own.take();
            for mut batch in batches {
                reached = batch.watermark().unwrap_or(reached);
                batch.marks.clear();
                out.emit(batch);
            }
            late.into_iter().for_each(|rows| out.late(rows));
            reached = watermark.unwrap_or(reached);
            Ok(())
        })?;
        self.reached = reached;
        self.size = operator.size();
        self.wake = operator.wake();
        self.operator = Some(operator);
        Ok(())
    }

    /// Writes its state down, if what lies on the shelf is not the same.
    pub fn write(&mut self, spill: &mut Spill) -> Result<()> {
        if let (Some(operator), true) = (&mut self.operator, self.pieces.is_empty()) {
            self.pieces = vec![spill.write(&operator.save()?)?];
        }
        Ok(())
    }

    /// Puts its operator away.
    pub fn put_away(&mut self, spill: &mut Spill) -> Result<()> {
        self.write(spill)?;
        self.operator = None;
        self.size = 0;
        Ok(())
    }

    /// Its keys in so many shards as the next bits tell apart, all put away.
    pub fn split(&mut self, bits: u32, spill: &mut Spill) -> Result<Vec<Shard>> {
        let Some(mut operator) = self.operator.take() else { return Ok(Vec::new()) };
        let tables = operator.save()?;
        drop(operator);
        spill.free(std::mem::take(&mut self.pieces));
        let division = Division::Bits { skip: self.prefix.depth, bits };
        let parts = regroup(&spill.op, vec![tables], division)?;
        let shard = |(number, tables): (u32, _)| -> Result<Shard> {
            let piece = spill.write(&tables)?;
            Ok(Shard { reached: self.reached, ..Shard::away(self.prefix.child(number, bits), vec![piece], self.wake) })
        };
        (0..).zip(parts).map(shard).collect()
    }
}

impl Spill {
    /// An operator with the state in these pieces.
    fn load(&mut self, pieces: &[Piece]) -> Result<Box<dyn Operator>> {
        let mut parts = pieces.iter().map(|piece| piece.read()).collect::<Result<Vec<_>>>()?;
        self.counts.reads += pieces.len() as u64;
        if parts.len() > 1 {
            parts = regroup(&self.op, parts, Division::Lanes(1))?;
        }
        let mut operator = (self.make)()?;
        parts.into_iter().try_for_each(|tables| operator.load(tables))?;
        Ok(operator)
    }

    /// Puts tables on the shelf.
    pub fn write(&mut self, tables: &Tables) -> Result<Piece> {
        let piece = self.memory.shelf().write(tables)?;
        self.counts.writes += 1;
        self.counts.bytes += piece.bytes();
        Ok(piece)
    }

    /// Pieces that are not needed here any more; a checkpoint may still hold them.
    pub fn free(&mut self, pieces: Vec<Piece>) {
        self.counts.bytes -= pieces.iter().map(|piece| piece.bytes()).sum::<u64>();
    }
}
