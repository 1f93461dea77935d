//! The contract of an operator, and what it writes to.
//!
//! An operator sees batches whose marks are its own watermark: the minimum over its inputs, which the
//! lane keeps. It must treat a batch exactly as its rows and marks one by one. Most operators get that
//! for nothing: they say at which watermark they would next act ([`Operator::deadline`]), and the batch is
//! cut there and only there: they take rows ([`Operator::on_rows`]). Those that act at almost every mark (sessions,
//! interval joins), or at none, take the whole batch ([`Operator::on_batch`]) and walk the marks themselves.

use millstream_record::{Batch, Mark, Millis};

use crate::error::{EngineError, Result};
use crate::inspect::Detail;
use crate::state::{Piece, Tables};

/// One step of the computation, with its state.
pub trait Operator: Send {
    /// Takes rows, with its own watermark in the marks. The default cuts the batch at the deadlines.
    fn on_batch(&mut self, port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let mut start = 0;
        let mut held: Vec<Mark> = Vec::new();
        let mut deadline = self.deadline(port, &batch);
        for mark in &batch.marks {
            if mark.watermark < deadline {
                held.push(*mark);
                continue;
            }
            let end = mark.after as usize;
            self.feed(port, &batch, start..end, &mut held, out)?;
            start = end;
            let reached = self.on_watermark(mark.watermark, out)?;
            out.watermark(reached);
            deadline = self.deadline(port, &batch);
        }
        self.feed(port, &batch, start..batch.len(), &mut held, out)
    }

    /// Takes some rows of a batch, and marks below the deadline that stand among them.
    #[doc(hidden)]
    fn feed(
        &mut self,
        port: usize,
        batch: &Batch,
        rows: std::ops::Range<usize>,
        held: &mut Vec<Mark>,
        out: &mut Output,
    ) -> Result<()> {
        if !rows.is_empty() {
            self.on_rows(port, batch.slice(rows.start, rows.len()), out)?;
        }
        if let Some(last) = held.drain(..).next_back() {
            let reached = self.on_watermark(last.watermark, out)?;
            out.watermark(reached);
        }
        Ok(())
    }

    /// Takes rows that no deadline cuts; the batch has no marks. Every operator has this or `on_batch` of its own.
    fn on_rows(&mut self, port: usize, rows: Batch, out: &mut Output) -> Result<()> {
        self.on_batch(port, rows, out)
    }

    /// The watermark has reached `watermark`; says how far the operator's output has.
    fn on_watermark(&mut self, watermark: Millis, _out: &mut Output) -> Result<Millis> {
        Ok(watermark)
    }

    /// The lowest watermark above the present one at which this operator would emit, drop or forget
    /// something, given its state and these coming rows.
    fn deadline(&self, _port: usize, _rows: &Batch) -> Millis {
        Millis::MAX
    }

    /// An input has ended: nothing more comes through this port. Said once, behind its last row.
    fn on_end(&mut self, _port: usize, _out: &mut Output) -> Result<()> {
        Ok(())
    }

    /// The state as plain tables.
    fn save(&mut self) -> Result<Tables>;

    /// Takes the state that `save` gave. Called before the first row.
    fn load(&mut self, tables: Tables) -> Result<()>;

    /// Bytes of state in memory, roughly.
    fn size(&self) -> usize;

    /// Whether it has said all that it will ever say, whatever still comes.
    fn is_satisfied(&self) -> bool {
        false
    }

    /// When it wants to hear the watermark although no row comes.
    fn wake(&self) -> Wake {
        Wake::Soon(Millis::MIN)
    }

    /// A barrier is behind this: rows that were put off come out now, since the cut does not hold them.
    fn settle(&mut self, _out: &mut Output) -> Result<()> {
        Ok(())
    }

    /// Whether what it has to say was too much for once: then it is to [`Operator::go_on`] before it hears anything.
    fn has_more(&self) -> bool {
        false
    }

    /// Says more.
    fn go_on(&mut self, _out: &mut Output) -> Result<()> {
        Ok(())
    }

    /// What of the state that was saved last lies on a shelf.
    fn pieces(&self) -> Vec<Piece> {
        Vec::new()
    }

    /// Takes the state that `save` gave together with these pieces. Called before the first row.
    fn load_pieces(&mut self, tables: Tables, pieces: Vec<Piece>) -> Result<()> {
        if pieces.is_empty() {
            return self.load(tables);
        }
        Err(EngineError::Compute("its state lies in pieces, and this operator holds it in one".into()))
    }

    /// What of its state is not in memory.
    fn spilled(&self) -> Spilled {
        Spilled::default()
    }

    /// What it knows besides what is counted for it.
    fn inspect(&self) -> Detail {
        Detail::Plain
    }
}

/// When an operator wants to hear the watermark although no row comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// It does nothing at any watermark.
    Never,
    /// At this one, for much of what it holds: a window ends.
    At(Millis),
    /// At this one, for some key or other; at almost every one there is such a key.
    Soon(Millis),
}

impl Wake {
    /// Whether a watermark calls for it.
    pub fn is_due(self, watermark: Millis) -> bool {
        match self {
            Wake::Never => false,
            Wake::At(at) | Wake::Soon(at) => at <= watermark,
        }
    }

    /// For some key or other at this time, if there is one.
    pub fn soon(at: Option<i64>) -> Wake {
        at.map_or(Wake::Never, |at| Wake::Soon(Millis(at)))
    }
}

/// State that is not in memory, and what that costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spilled {
    /// Bytes on the shelf.
    pub bytes: u64,
    /// How often a part of it was read, since the run began.
    pub reads: u64,
    /// How often one was written.
    pub writes: u64,
}

/// What an operator emits, in order.
#[derive(Debug, Default)]
pub struct Output {
    batches: Vec<Batch>,
    late: Vec<Batch>,
    watermark: Option<Millis>,
}

impl Output {
    /// Emits rows, with marks between them if it has any.
    pub fn emit(&mut self, mut batch: Batch) {
        if batch.is_empty() && batch.marks.is_empty() {
            return;
        }
        self.settle();
        // A watermark that no batch carries yet stands before these rows.
        if let Some(watermark) = self.watermark.take()
            && batch.marks.first().is_none_or(|first| first.watermark > watermark)
        {
            batch.marks.insert(0, Mark { after: 0, watermark });
        }
        self.batches.push(batch);
    }

    /// Says that the watermark of the output stands at `watermark` behind all that was emitted.
    pub fn watermark(&mut self, watermark: Millis) {
        if watermark > Millis::MIN {
            self.watermark = Some(watermark);
        }
    }

    /// How many rows were emitted since they were last taken.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(Batch::len).sum()
    }

    /// Gives up rows that came after their time. They keep the columns of the operator's input.
    pub fn late(&mut self, rows: Batch) {
        if !rows.is_empty() {
            self.late.push(rows);
        }
    }

    /// The watermark behind all that was emitted since it was last taken, if there was any.
    pub fn reached(&self) -> Option<Millis> {
        self.watermark.or_else(|| self.batches.last()?.watermark())
    }

    /// What was emitted since the last call: batches in order, rows that were late, and the watermark behind
    /// it all if no batch carries it.
    pub fn take(&mut self) -> (Vec<Batch>, Vec<Batch>, Option<Millis>) {
        self.settle();
        (std::mem::take(&mut self.batches), std::mem::take(&mut self.late), self.watermark.take())
    }

    /// Puts a watermark that was said behind the rows it follows.
    fn settle(&mut self) {
        if let (Some(watermark), Some(last)) = (self.watermark, self.batches.last_mut()) {
            if last.watermark().is_none_or(|reached| reached < watermark) {
                last.marks.push(Mark { after: last.len() as u32, watermark });
            }
            self.watermark = None;
        }
    }
}
