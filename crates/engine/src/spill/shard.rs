//! A shard: the keys of an operator whose hashes begin alike, with an operator of their own. It is in memory
//! or lies on the shelf; rows that come while it lies there wait for its turn.

use millstream_record::{Batch, Mark, Millis};

use super::Spill;
use super::stage::bytes_of;
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
    /// What it has not worked on, by input.
    queue: Vec<(usize, Batch)>,
    waiting_rows: usize,
    waiting_bytes: usize,
    /// Bytes of the operator in memory.
    size: usize,
    pub wake: Wake,
    /// How far its output has come.
    pub reached: Millis,
}

impl Shard {
    /// A shard whose state lies on the shelf.
    pub fn away(prefix: Prefix, pieces: Vec<Piece>, wake: Wake) -> Shard {
        Shard {
            prefix,
            operator: None,
            pieces,
            queue: Vec::new(),
            waiting_rows: 0,
            waiting_bytes: 0,
            size: 0,
            wake,
            reached: Millis::MIN,
        }
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
        self.size + self.waiting_bytes
    }

    /// Bytes of its state in memory.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Bytes of rows that wait.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Whether rows wait.
    pub fn has_rows(&self) -> bool {
        self.waiting_rows > 0
    }

    /// Whether rows wait, or the watermark calls for it.
    pub fn has_work(&self, watermark: Millis) -> bool {
        self.waiting_rows > 0 || (!self.queue.is_empty() && self.wake.is_due(watermark))
    }

    /// Puts rows and marks behind those that wait.
    pub fn push(&mut self, port: usize, batch: Batch) {
        if batch.is_empty() {
            let Some(watermark) = batch.watermark() else { return };
            if let Some((_, last)) = self.queue.last_mut() {
                // Without a row between them only the last mark counts; it says the same on every input.
                let after = last.len() as u32;
                last.marks.retain(|mark| mark.after < after);
                last.marks.push(Mark { after, watermark });
                return;
            }
        }
        self.waiting_rows += batch.len();
        self.waiting_bytes += bytes_of(&batch.rows);
        self.queue.push((port, batch));
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
        (self.waiting_rows, self.waiting_bytes) = (0, 0);
        let mut own = Output::default();
        for (port, batch) in std::mem::take(&mut self.queue) {
            operator.on_batch(port, batch, &mut own)?;
            let (batches, late, watermark) = own.take();
            for mut batch in batches {
                self.reached = batch.watermark().unwrap_or(self.reached);
                batch.marks.clear();
                out.emit(batch);
            }
            late.into_iter().for_each(|rows| out.late(rows));
            self.reached = watermark.unwrap_or(self.reached);
        }
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

    fn write(&mut self, tables: &Tables) -> Result<Piece> {
        let piece = self.memory.shelf().write(tables)?;
        self.counts.writes += 1;
        self.counts.bytes += piece.bytes();
        Ok(piece)
    }

    /// Pieces that are not needed here any more; a checkpoint may still hold them.
    fn free(&mut self, pieces: Vec<Piece>) {
        self.counts.bytes -= pieces.iter().map(|piece| piece.bytes()).sum::<u64>();
    }
}
