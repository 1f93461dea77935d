//! The way of one source into the graph: what its reader says, as messages for its scan, and the counters
//! that tell of it.

use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::compute::{max, min};
use millstream_plan::NodeId;
use millstream_record::{DeadLetters, Fetched, Message, Millis, PartitionId, Rejected};

use crate::doors::{BadRecords, Options};
use crate::error::{EngineError, Result};
use crate::intake::{Intake, Taken};
use crate::progress::{SourceCounters, future};
use crate::run::watermarks_key;
use crate::state::{StateStore, Tables};
use crate::woven::{Order, Woven};

/// Feeds one scan.
pub struct Feed {
    /// The scan.
    pub scan: NodeId,
    tap: String,
    intake: Intake,
    bad: BadRecords,
    dead_letters: Option<Arc<dyn DeadLetters>>,
    counters: SourceCounters,
}

impl Feed {
    /// A feed for a scan of `tap`.
    pub fn new(scan: NodeId, tap: &str, intake: Intake, options: &Options, counters: SourceCounters) -> Self {
        let dead_letters = options.dead_letters.clone();
        Feed { scan, tap: tap.into(), intake, bad: options.bad_records, dead_letters, counters }
    }

    /// The intake.
    pub fn intake(&mut self) -> &mut Intake {
        &mut self.intake
    }

    /// Rows came from one partition.
    pub fn rows(&mut self, fetched: Fetched, now: Millis) -> Result<Message> {
        self.woven(Woven::of(fetched, now))
    }

    /// Rows came, in one order over their partitions.
    pub fn woven(&mut self, woven: Woven) -> Result<Message> {
        let Woven { rows, kinds, order, tallies, rejected, duplicate_keys } = woven;
        let now = order.stretches.last().map_or(Millis::MIN, |stretch| stretch.at);
        for (partition, tally) in order.partitions.iter().zip(tallies) {
            self.counters.fetched(partition, tally, now);
        }
        self.counters.duplicates(duplicate_keys);
        self.reject(rejected)?;
        let Taken { batch, failed, untimed, ahead, latest_ahead, times, order } =
            self.intake.take(rows, kinds, order)?;
        self.reject(failed)?;
        self.counters.untimed(untimed.len());
        self.reject(untimed)?;
        self.timed(&order, times.as_ref(), &ahead, latest_ahead, now);
        self.reject(ahead)?;
        self.counters.watermark(self.intake.watermark());
        Ok(Message::Batch(batch))
    }

    /// Tells the event times of what came, by partition.
    fn timed(
        &mut self,
        order: &Order,
        times: Option<&Int64Array>,
        disbelieved: &[Rejected],
        latest: Option<Millis>,
        now: Millis,
    ) {
        let (Some(generator), Some(times)) = (self.intake.generator(), times) else { return };
        for ((number, partition), extremes) in order.partitions.iter().enumerate().zip(extremes(order, times)) {
            let future = disbelieved.iter().filter(|record| record.partition == *partition).count() as u64;
            let told = match (extremes, latest.filter(|_| future > 0)) {
                (Some((lowest, highest)), Some(ahead)) => Some((lowest, highest.max(ahead))),
                (extremes, ahead) => extremes.or(ahead.map(|ahead| (ahead, ahead))),
            };
            let future = future + ahead(order, number, times, extremes, now);
            self.counters.timed(partition, told, future, generator.watermark_of(partition));
        }
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

    /// Makes dead letters safe, if there are any.
    pub fn flush(&self) -> Result<()> {
        self.dead_letters.as_ref().map_or(Ok(()), |letters| letters.flush().map_err(undelivered))
    }

    fn reject(&self, rejected: Vec<Rejected>) -> Result<()> {
        if let Some(letters) = self.dead_letters.as_ref().filter(|_| !rejected.is_empty()) {
            letters.send(&rejected).map_err(undelivered)?;
        }
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

fn undelivered(source: millstream_record::Error) -> EngineError {
    EngineError::Door { name: "dead letters".into(), source }
}

/// The lowest and the highest event time of each partition.
fn extremes(order: &Order, times: &Int64Array) -> Vec<Option<(Millis, Millis)>> {
    if order.partitions.len() == 1 {
        return vec![min(times).zip(max(times)).map(|(lowest, highest)| (Millis(lowest), Millis(highest)))];
    }
    let mut found: Vec<Option<(Millis, Millis)>> = vec![None; order.partitions.len()];
    for (start, stretch) in order.starts() {
        for &time in &times.values()[start..start + stretch.rows] {
            let of = &mut found[stretch.partition];
            let (lowest, highest) = of.unwrap_or((Millis(time), Millis(time)));
            *of = Some((lowest.min(Millis(time)), highest.max(Millis(time))));
        }
    }
    found
}

/// How many of them are too far ahead of the clock to be true. They are counted only if there are any.
fn ahead(order: &Order, partition: usize, times: &Int64Array, extremes: Option<(Millis, Millis)>, now: Millis) -> u64 {
    let limit = future(now);
    match extremes {
        Some((_, highest)) if now != Millis::MIN && highest > limit => {
            let own = order.starts().filter(|(_, stretch)| stretch.partition == partition);
            let times = own.flat_map(|(start, stretch)| &times.values()[start..start + stretch.rows]);
            times.filter(|&&time| time > limit.0).count() as u64
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::array::cast::AsArray;
    use arrow::array::{Int64Array, RecordBatch, TimestampMillisecondArray};
    use arrow::datatypes::{DataType, TimeUnit};
    use datafusion::logical_expr::col;
    use millstream_plan::{Tap, TapChanges, TapColumn, Watermark};
    use millstream_record::{Column, Origin};

    use super::*;

    const NOW: i64 = 1_700_000_000_000;
    const HOUR: i64 = 3_600_000;

    fn tap(option: Option<&str>) -> Arc<Tap> {
        let column = |name: &str, data_type| {
            TapColumn::Physical(Column { name: name.into(), data_type, nullable: true, origin: Origin::Payload })
        };
        let time = DataType::Timestamp(TimeUnit::Millisecond, None);
        Arc::new(Tap {
            name: "t".into(),
            columns: vec![column("id", DataType::Int64), column("ts", time)],
            watermark: Some(Watermark { column: 1, expr: col("ts"), text: "ts".into() }),
            primary_key: Vec::new(),
            changes: TapChanges::Append,
            partitioned_by: Vec::new(),
            options: option.map(|value| (crate::MAX_FUTURE.to_string(), value.to_string())).into_iter().collect(),
            connector: "test".into(),
        })
    }

    /// The ids that pass, the watermarks between them, and how many rows were refused.
    fn fed(option: Option<&str>, now: i64, times: &[i64]) -> (usize, Vec<(u32, i64)>, u64) {
        let (tap, options) = (tap(option), Options::default());
        let counters = SourceCounters::new("t", 10);
        let intake = Intake::new(&tap, &[0, 1], options.timing(&tap)).expect("binds");
        let mut feed = Feed::new(NodeId(0), "t", intake, &options, counters.clone());
        let ids: arrow::array::ArrayRef = Arc::new(Int64Array::from_iter_values(0..times.len() as i64));
        let stamps: arrow::array::ArrayRef = Arc::new(TimestampMillisecondArray::from(times.to_vec()));
        let fetched = Fetched {
            partition: PartitionId::new("t", 0),
            rows: RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("ts", stamps, true)]).expect("fits"),
            kinds: None,
            rejected: Vec::new(),
            records: times.len() as u64,
            bytes: 0,
            duplicate_keys: 0,
        };
        match feed.rows(fetched, Millis(now)).expect("taken") {
            Message::Batch(batch) => {
                let marks = batch.marks.iter().map(|mark| (mark.after, mark.watermark.0)).collect();
                (batch.len(), marks, counters.progress().bad)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_of_the_far_future_is_set_aside_and_moves_no_watermark() {
        let far = NOW + 10 * 365 * 24 * HOUR;
        let times = [NOW, far, NOW + 23 * HOUR];
        assert_eq!(fed(None, NOW, &times), (2, vec![(1, NOW), (2, NOW + 23 * HOUR)], 1));
        assert_eq!(fed(Some("1 h"), NOW, &times), (1, vec![(1, NOW)], 2));
        assert_eq!(fed(Some("0 s"), NOW, &times), (3, vec![(1, NOW), (2, far)], 0));
        assert_eq!(fed(None, Millis::MIN.0, &times).2, 0, "without a clock nothing is too far ahead");
        assert_eq!(fed(None, NOW, &[i64::MAX, i64::MIN]), (1, vec![], 1));
    }

    /// A user's function that takes no number above two.
    #[derive(Debug)]
    struct Small;

    impl millstream_plan::Routine for Small {
        fn run(
            &self,
            _: millstream_plan::Work,
            columns: &[arrow::array::ArrayRef],
            _: usize,
        ) -> std::result::Result<arrow::array::ArrayRef, String> {
            match max(columns[0].as_primitive::<arrow::datatypes::Int64Type>()).filter(|most| *most > 2) {
                Some(most) => Err(format!("panicked: {most} is large")),
                None => Ok(columns[0].clone()),
            }
        }
    }

    #[test]
    fn a_record_whose_computed_column_fails_is_one_that_cannot_be_read() {
        use millstream_plan::{Argument, ComputedColumn, UserFunction, UserKind};
        let function = Arc::new(UserFunction {
            name: "small".into(),
            arguments: vec![Argument { name: "n".into(), data_type: DataType::Int64, sees_null: false }],
            gives: DataType::Int64,
            nullable: false,
            kind: UserKind::Scalar,
            signature: "small(n BIGINT) -> BIGINT".into(),
            language: "RUST",
            source: "".into(),
            version: 1,
            retracts: false,
            layout: 0,
            routine: Arc::new(Small),
        });
        let expr = function.scalar().expect("is one of rows").call(vec![col("id")]);
        let mut tap = Tap::clone(&tap(None));
        let (name, text) = ("own".to_string(), "small(id)".to_string());
        tap.columns.push(TapColumn::Computed(ComputedColumn {
            name,
            expr,
            text,
            data_type: DataType::Int64,
            nullable: true,
        }));
        let (tap, options) = (Arc::new(tap), Options::default());
        let counters = SourceCounters::new("t", 10);
        let intake = Intake::new(&tap, &[0, 2], options.timing(&tap)).expect("binds");
        let mut feed = Feed::new(NodeId(0), "t", intake, &options, counters.clone());
        let ids: arrow::array::ArrayRef = Arc::new(Int64Array::from(vec![1, 7, 2, 0, 9]));
        let stamps: arrow::array::ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![NOW; 5]));
        let fetched = Fetched {
            partition: PartitionId::new("t", 0),
            rows: RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("ts", stamps, true)]).expect("fits"),
            kinds: None,
            rejected: Vec::new(),
            records: 5,
            bytes: 0,
            duplicate_keys: 0,
        };
        let Message::Batch(batch) = feed.rows(fetched, Millis(NOW)).expect("goes on") else { panic!("a batch") };
        assert_eq!(batch.rows.column(1).as_ref(), &Int64Array::from(vec![1, 2, 0]));
        let reasons: Vec<String> = counters.kept().1.into_iter().map(|record| record.reason).collect();
        assert_eq!(reasons, ["small panicked: 7 is large", "small panicked: 9 is large"]);
        assert_eq!(counters.progress().bad, 2);
    }

    #[test]
    fn what_is_set_aside_says_why() {
        let letters = Arc::new(Letters::default());
        let (tap, options) = (tap(None), Options { dead_letters: Some(letters.clone()), ..Options::default() });
        let intake = Intake::new(&tap, &[0], options.timing(&tap)).expect("binds");
        let feed = Feed::new(NodeId(0), "t", intake, &options, SourceCounters::new("t", 10));
        feed.reject(vec![Rejected::new(PartitionId::new("t", 0), millstream_record::Offset(7), "no", b"x")])
            .expect("ok");
        feed.flush().expect("ok");
        assert_eq!(*letters.0.lock().expect("alone"), BTreeMap::from([("no".to_string(), 1)]));
    }

    #[derive(Default)]
    struct Letters(std::sync::Mutex<BTreeMap<String, usize>>);

    impl DeadLetters for Letters {
        fn send(&self, rejected: &[Rejected]) -> millstream_record::Result<()> {
            let mut seen = self.0.lock().expect("alone");
            rejected.iter().for_each(|record| *seen.entry(record.reason.clone()).or_default() += 1);
            Ok(())
        }

        fn flush(&self) -> millstream_record::Result<()> {
            Ok(())
        }
    }
}
