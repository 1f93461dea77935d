//! The way of one source into the graph: what its reader says, as messages for its scan, and the counters
//! that tell of it.

use millstream_plan::NodeId;
use millstream_record::{Fetched, Message, Millis, PartitionId, Rejected};

use crate::doors::BadRecords;
use crate::error::{EngineError, Result};
use crate::intake::{Intake, Taken};
use crate::progress::SourceCounters;

/// Feeds one scan.
pub struct Feed {
    /// The scan.
    pub scan: NodeId,
    tap: String,
    intake: Intake,
    bad: BadRecords,
    counters: SourceCounters,
}

impl Feed {
    /// A feed for a scan of `tap`.
    pub fn new(scan: NodeId, tap: &str, intake: Intake, bad: BadRecords, counters: SourceCounters) -> Self {
        Feed { scan, tap: tap.into(), intake, bad, counters }
    }

    /// The intake.
    pub fn intake(&mut self) -> &mut Intake {
        &mut self.intake
    }

    /// Rows came.
    pub fn rows(&mut self, mut fetched: Fetched, now: Millis) -> Result<Message> {
        self.counters.fetched(&fetched);
        let unreadable = std::mem::take(&mut fetched.rejected);
        self.reject(unreadable)?;
        if let Some(generator) = self.intake.generator() {
            generator.heard(&fetched.partition, now);
        }
        let Taken { batch, rejected } = self.intake.take(fetched)?;
        self.reject(rejected)?;
        self.counters.watermark(self.intake.watermark());
        Ok(Message::Batch(batch))
    }

    /// A partition exists from now on.
    pub fn partition(&mut self, partition: &PartitionId, now: Millis) {
        if let Some(generator) = self.intake.generator() {
            generator.partition(partition, now);
        }
    }

    /// A partition has been read to its end.
    pub fn partition_ended(&mut self, partition: &PartitionId) -> Option<Message> {
        let moved = self.intake.generator()?.ended(partition);
        self.counters.watermark(self.intake.watermark());
        moved.map(Message::Watermark)
    }

    /// Time went by.
    pub fn silence(&mut self, now: Millis) -> Vec<Message> {
        let Some(generator) = self.intake.generator() else { return Vec::new() };
        let (moved, all_idle) = generator.silence(now);
        self.counters.idle(generator.idle().cloned().collect());
        self.counters.watermark(self.intake.watermark());
        moved.map(Message::Watermark).into_iter().chain(all_idle.then_some(Message::Idle)).collect()
    }

    fn reject(&self, rejected: Vec<Rejected>) -> Result<()> {
        match (self.bad, rejected.first()) {
            (BadRecords::Fail, Some(first)) => Err(EngineError::Unreadable {
                tap: self.tap.clone(),
                place: match first.offset.0 {
                    -1 => first.partition.to_string(),
                    offset => format!("{} offset {offset}", first.partition),
                },
                reason: first.reason.clone(),
            }),
            _ => {
                self.counters.rejected(rejected, self.bad == BadRecords::Keep);
                Ok(())
            }
        }
    }
}
