//! The life of a sink: one thread that takes the rows of all lanes. In a plain run it flushes now and
//! then. In a run with checkpoints it waits at each barrier, until all lanes have reached it; makes ready
//! what it has; and reads on only when the epoch has been decided and committed. Rows that come meanwhile
//! wait, and count as under way, so that the sources feel it.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use millstream_record::{Batch, Epoch, Message, Millis, Sink};

use super::cut::Part;
use super::{FLUSH_MS, LOOK, Shared};
use crate::align::{Alignment, Step};
use crate::error::{EngineError, Result};

/// What a sink is told.
pub(super) enum Order {
    /// A lane of an output hands over rows or a barrier; `input` is its number among all that write here.
    Take { input: usize, output: usize, message: Message },
    /// Nothing follows.
    Quit,
}

/// A sink at work.
pub(super) struct Outflow {
    pub name: String,
    pub sink: Box<dyn Sink>,
    pub alignment: Alignment<Order>,
    pub inbox: Receiver<Order>,
    /// The epochs that have been decided.
    pub decided: Receiver<Epoch>,
    /// Held, so that whoever takes results hears of the end only when all has been written.
    pub _open: Sender<Batch>,
}

impl Outflow {
    /// Works until nothing follows.
    pub fn work(&mut self, shared: &Shared) -> Result<()> {
        let mut flushed = shared.options.clock.now();
        let mut dirty = false;
        loop {
            if shared.stop.raised() {
                return self.leave(shared);
            }
            match self.inbox.recv_timeout(LOOK) {
                Ok(Order::Quit) | Err(RecvTimeoutError::Disconnected) => return self.leave(shared),
                Ok(order) => {
                    dirty = true;
                    self.take(order, shared)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now: Millis = shared.options.clock.now();
            if dirty && !shared.checkpoints && now.0 - flushed.0 >= FLUSH_MS {
                self.flush()?;
                (flushed, dirty) = (now, false);
            }
        }
    }

    /// Takes an order, and what was held until it came.
    fn take(&mut self, order: Order, shared: &Shared) -> Result<()> {
        let mut waiting = std::collections::VecDeque::from([order]);
        while let Some(order) = waiting.pop_front() {
            let Order::Take { input, message, .. } = &order else { continue };
            let barrier = match message {
                Message::Barrier(epoch) => Some(*epoch),
                _ => None,
            };
            match self.alignment.take(*input, order, barrier) {
                Step::Pass(Order::Take { message: Message::Batch(batch), output, .. }) => {
                    let (counters, clock) = (shared.counters.output(output), &shared.options.clock);
                    counters.offer(clock.now());
                    self.write(&batch)?;
                    counters.taken(batch.len(), clock.now());
                    shared.left();
                }
                Step::Pass(_) | Step::Arrived => shared.left(),
                // Rows behind a barrier stay under way.
                Step::Held => {}
                Step::Complete(epoch) => {
                    shared.left();
                    self.checkpoint(epoch, shared)?;
                    let mut released = self.alignment.release();
                    released.append(&mut waiting);
                    waiting = released;
                }
            }
        }
        Ok(())
    }

    /// Makes an epoch ready, waits for the decision, commits.
    fn checkpoint(&mut self, epoch: Epoch, shared: &Shared) -> Result<()> {
        let prepared = match shared.wanted.concludes() {
            true => self.sink.conclude(epoch),
            false => self.sink.prepare(epoch),
        };
        let prepared = prepared.map_err(|source| self.failed(source))?;
        shared.report(Part::Sink { name: self.name.clone(), prepared });
        loop {
            match self.decided.recv_timeout(LOOK) {
                Ok(decided) if decided == epoch => break,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) if !shared.stop.raised() => {}
                // The run is torn down: what was made ready is settled when the job starts again.
                Err(_) => return Ok(()),
            }
        }
        self.sink.commit(epoch).map_err(|source| self.failed(source))?;
        shared.committed();
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<()> {
        self.sink.write(batch).map_err(|source| self.failed(source))
    }

    fn flush(&mut self) -> Result<()> {
        self.sink.flush().map_err(|source| self.failed(source))
    }

    /// The end. In a run with checkpoints whatever is not committed is not wanted.
    fn leave(&mut self, shared: &Shared) -> Result<()> {
        if shared.checkpoints || shared.has_failed() {
            return Ok(());
        }
        while let Ok(order) = self.inbox.recv_timeout(Duration::ZERO) {
            self.take(order, shared)?;
        }
        self.flush()
    }

    fn failed(&self, source: millstream_record::Error) -> EngineError {
        EngineError::Door { name: self.name.clone(), source }
    }
}
