//! The way of one source into the graph: what its reader says, as messages for its scan, and the counters
//! that tell of it.

use arrow::array::Int64Array;
use arrow::compute::{max, min};
use millstream_plan::NodeId;
use millstream_record::{Fetched, Message, Millis, PartitionId, Rejected};

use crate::doors::BadRecords;
use crate::error::{EngineError, Result};
use crate::intake::{Intake, Taken};
use crate::progress::{SourceCounters, future};
use crate::run::watermarks_key;
use crate::state::{StateStore, Tables};

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
        self.counters.fetched(&fetched, now);
        let partition = fetched.partition.clone();
        let unreadable = std::mem::take(&mut fetched.rejected);
        self.reject(unreadable)?;
        if let Some(generator) = self.intake.generator() {
            generator.heard(&fetched.partition, now);
        }
        let Taken { batch, rejected, times } = self.intake.take(fetched)?;
        self.counters.untimed(rejected.len());
        self.reject(rejected)?;
        if let (Some(generator), Some(times)) = (self.intake.generator(), &times) {
            let extremes = min(times).zip(max(times)).map(|(lowest, highest)| (Millis(lowest), Millis(highest)));
            self.counters.timed(&partition, extremes, ahead(times, extremes, now), generator.watermark_of(&partition));
        }
        self.counters.watermark(self.intake.watermark());
        Ok(Message::Batch(batch))
    }

    /// A partition exists from now on.
    pub fn partition(&mut self, partition: &PartitionId, now: Millis) {
        self.counters.partition(partition, now);
        if let Some(generator) = self.intake.generator() {
            generator.partition(partition, now);
            // One that was restored has come somewhere already.
            self.counters.timed(partition, None, 0, generator.watermark_of(partition));
        }
    }

    /// A partition has been read to its end.
    pub fn partition_ended(&mut self, partition: &PartitionId) -> Option<Message> {
        self.counters.partition_ended(partition);
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

    /// The watermarks of the partitions, if the tap has event time.
    pub fn save(&mut self) -> Result<Option<Tables>> {
        let Some(generator) = self.intake.generator() else { return Ok(None) };
        Ok(Some([("partitions".into(), generator.save()?)].into()))
    }

    /// Takes what `save` gave, from under the uid of the scan. Called before the first rows.
    pub fn load(&mut self, store: &dyn StateStore, uid: &str) -> Result<()> {
        let tables = store.get(&watermarks_key(uid))?;
        if let (Some(generator), Some(table)) = (self.intake.generator(), tables.get("partitions")) {
            generator.load(table);
        }
        Ok(())
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

/// How many of these times are too far ahead of the clock to be true. They are counted only if there are any.
fn ahead(times: &Int64Array, extremes: Option<(Millis, Millis)>, now: Millis) -> u64 {
    let limit = future(now);
    match extremes {
        Some((_, highest)) if now != Millis::MIN && highest > limit => {
            times.values().iter().filter(|&&time| time > limit.0).count() as u64
        }
        _ => 0,
    }
}
