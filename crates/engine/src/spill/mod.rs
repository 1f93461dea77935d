//! State that is larger than memory.
//!
//! An operator with keys does its work as ever while there is room. When the memory for state runs short its
//! keys are divided by the first bits of their hashes into shards, each with an operator of its own (a hybrid
//! hash join does the same with its build side). Shards that do not fit are written to a shelf and let go.
//! Rows for such a shard wait, on the shelf too if they are many, until it is worth reading it: until a window
//! ends, a barrier comes, or as much waits as the shard itself is. A shard sees its rows and all watermarks in the order in which they came, so what it computes
//! is the same; it only comes later, and the watermark of the output waits for it.
//!
//! Who is in memory stays there, and who comes in when it is full goes again: the shards are visited in
//! turns, and keeping the newest would mean that none of them is ever found in memory.

mod listed;
mod memory;
mod queue;
mod shard;
mod shards;
mod stage;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_plan::Op;
use millstream_record::{Batch, Mark, Millis};

pub use self::listed::Listed;
pub use self::memory::Memory;
pub use self::shard::Prefix;
use self::shards::Shards;

use crate::error::Result;
use crate::inspect::Detail;
use crate::operator::{Operator, Output, Spilled, Wake};
use crate::state::{Piece, Tables};

/// Makes an operator that has seen nothing.
pub type Maker = Box<dyn Fn() -> Result<Box<dyn Operator>> + Send>;

/// What the shards of an operator have in common.
pub struct Spill {
    make: Maker,
    op: Op,
    /// The key columns of each input.
    keys: Vec<Vec<usize>>,
    /// The columns of its first input.
    schema: SchemaRef,
    memory: Arc<Memory>,
    /// How many bytes the memory knows of.
    told: usize,
    counts: Spilled,
}

impl Spill {
    /// Tells the memory what is held.
    fn tell(&mut self, bytes: usize) {
        self.memory.changed(bytes, std::mem::replace(&mut self.told, bytes));
    }

    /// No rows, and this watermark behind them.
    fn silence(&self, watermark: Millis) -> Batch {
        let marks = (watermark > Millis::MIN).then_some(Mark { after: 0, watermark });
        Batch { marks: marks.into_iter().collect(), ..Batch::insert(RecordBatch::new_empty(self.schema.clone())) }
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        self.tell(0);
    }
}

/// An operator that puts state away when memory runs short.
pub struct SpillingOperator {
    spill: Spill,
    held: Held,
    /// What was heard last while the state was in one piece, and how far the output came.
    watermark: Millis,
    reached: Millis,
}

/// The state, or where it is.
enum Held {
    Whole(Box<dyn Operator>),
    Divided(Box<Shards>),
}

impl SpillingOperator {
    /// Wraps the operator that `make` makes, whose inputs have these columns.
    pub fn new(op: &Op, inputs: &[SchemaRef], make: Maker, memory: &Arc<Memory>) -> Result<SpillingOperator> {
        let held = Held::Whole(make()?);
        let keys = (0..inputs.len()).map(|port| op.partition(port).unwrap_or_default()).collect();
        let schema = inputs[0].clone();
        memory.enrol();
        let (memory, counts) = (memory.clone(), Spilled::default());
        let spill = Spill { make, op: op.clone(), keys, schema, memory, told: 0, counts };
        Ok(SpillingOperator { spill, held, watermark: Millis::MIN, reached: Millis::MIN })
    }

    /// Puts away what is too much.
    fn relieve(&mut self) -> Result<()> {
        if let Held::Whole(operator) = &self.held {
            let size = operator.size();
            self.spill.tell(size);
            if !self.spill.memory.is_getting_short(size) {
                return Ok(());
            }
            let fresh = Held::Whole((self.spill.make)()?);
            if let Held::Whole(operator) = std::mem::replace(&mut self.held, fresh) {
                let shards = Shards::divide(operator, self.watermark, self.reached, &mut self.spill)?;
                self.held = Held::Divided(Box::new(shards));
            }
        }
        match &mut self.held {
            Held::Whole(_) => Ok(()),
            Held::Divided(shards) => shards.relieve(&mut self.spill),
        }
    }
}

impl Operator for SpillingOperator {
    fn on_batch(&mut self, port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        match &mut self.held {
            Held::Whole(operator) => {
                self.watermark = batch.watermark().unwrap_or(self.watermark);
                operator.on_batch(port, batch, out)?;
                self.reached = out.reached().unwrap_or(self.reached);
            }
            Held::Divided(shards) => shards.take(port, batch, &mut self.spill, out)?,
        }
        self.relieve()
    }

    fn on_end(&mut self, port: usize, out: &mut Output) -> Result<()> {
        match &mut self.held {
            Held::Whole(operator) => operator.on_end(port, out),
            // The watermark that came with the end has let all out; no operator with keys does more.
            Held::Divided(_) => Ok(()),
        }
    }

    fn has_more(&self) -> bool {
        match &self.held {
            Held::Whole(operator) => operator.has_more(),
            Held::Divided(shards) => shards.has_more(),
        }
    }

    fn go_on(&mut self, out: &mut Output) -> Result<()> {
        match &mut self.held {
            Held::Whole(operator) => operator.go_on(out),
            Held::Divided(shards) => shards.go_on(&mut self.spill, out),
        }
    }

    fn settle(&mut self, out: &mut Output) -> Result<()> {
        match &mut self.held {
            Held::Whole(operator) => operator.settle(out),
            Held::Divided(shards) => shards.settle(&mut self.spill, out),
        }
    }

    fn save(&mut self) -> Result<Tables> {
        match &mut self.held {
            Held::Whole(operator) => operator.save(),
            Held::Divided(shards) => shards.save(&mut self.spill),
        }
    }

    fn pieces(&self) -> Vec<Piece> {
        match &self.held {
            Held::Whole(operator) => operator.pieces(),
            Held::Divided(shards) => shards.pieces(),
        }
    }

    fn load(&mut self, tables: Tables) -> Result<()> {
        match &mut self.held {
            Held::Whole(operator) => operator.load(tables),
            Held::Divided(_) => Ok(()),
        }
    }

    fn load_pieces(&mut self, tables: Tables, pieces: Vec<Piece>) -> Result<()> {
        let Some(listed) = Listed::of(&tables)? else { return self.load(tables) };
        let shards = Shards::load(&listed, pieces, &mut self.spill)?;
        self.held = Held::Divided(Box::new(shards));
        Ok(())
    }

    fn size(&self) -> usize {
        match &self.held {
            Held::Whole(operator) => operator.size(),
            Held::Divided(shards) => shards.bytes(),
        }
    }

    fn wake(&self) -> Wake {
        match &self.held {
            Held::Whole(operator) => operator.wake(),
            Held::Divided(_) => Wake::Soon(Millis::MIN),
        }
    }

    fn spilled(&self) -> Spilled {
        self.spill.counts
    }

    fn inspect(&self) -> Detail {
        match &self.held {
            Held::Whole(operator) => operator.inspect(),
            // What lies on the shelf would have to be read.
            Held::Divided(_) => Detail::Plain,
        }
    }
}
