//! Rows for which a user's function fails. A stage computes whole batches, and one row spoils them all: where the
//! policy is to go on without it, the batch is halved until the row stands alone. A stage keeps nothing from batch
//! to batch, so that a part may be computed twice.

use arrow::array::BooleanArray;
use millstream_record::{Batch, Mark};

use crate::error::{EngineError, Result};
use crate::progress::NodeCounters;
use crate::stage::Stage;

/// What comes of a batch, in its order. Rows that fail are left out and counted.
pub fn apply_sparing(stage: &mut dyn Stage, batch: Batch, counters: &NodeCounters) -> Result<Vec<Batch>> {
    let (mut open, mut done) = (vec![batch], Vec::new());
    while let Some(batch) = open.pop() {
        match stage.apply(batch.clone()) {
            Ok(applied) => done.push(applied),
            Err(EngineError::Row(reason)) if batch.len() == 1 => {
                counters.failed(reason);
                // The watermarks beside the row go on.
                done.push(stage.apply(batch.filter(&BooleanArray::from(vec![false]))?)?);
            }
            Err(EngineError::Row(_)) => {
                let (first, second) = halves(&batch);
                open.extend([second, first]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The halves of a batch. A watermark that stands between them belongs to the first.
fn halves(batch: &Batch) -> (Batch, Batch) {
    let half = batch.len() / 2;
    let split = batch.marks.partition_point(|mark| mark.after as usize <= half);
    let (before, behind) = batch.marks.split_at(split);
    let behind = behind.iter().map(|mark| Mark { after: mark.after - half as u32, ..*mark }).collect();
    let first = Batch { marks: before.to_vec(), ..batch.slice(0, half) };
    (first, Batch { marks: behind, ..batch.slice(half, batch.len() - half) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::cast::AsArray;
    use arrow::array::{Int64Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use millstream_record::Millis;

    use super::*;

    /// Fails for numbers that seven divides.
    struct NoSevens;

    impl Stage for NoSevens {
        fn apply(&mut self, batch: Batch) -> Result<Batch> {
            let numbers = batch.rows.column(0).as_primitive::<Int64Type>();
            match numbers.values().iter().find(|number| *number % 7 == 0) {
                Some(number) => Err(EngineError::Row(format!("{number} is a multiple of seven"))),
                None => Ok(batch),
            }
        }
    }

    fn batch(numbers: Vec<i64>, marks: Vec<Mark>) -> Batch {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let rows = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(numbers))]).expect("one column");
        Batch { marks, ..Batch::insert(rows) }
    }

    #[test]
    fn only_the_rows_that_fail_are_left_out_and_watermarks_stay_in_their_places() {
        let counters = NodeCounters::alone("n", 10);
        let marks = vec![
            Mark { after: 1, watermark: Millis(1) },
            Mark { after: 14, watermark: Millis(2) },
            Mark { after: 20, watermark: Millis(3) },
        ];
        let done = apply_sparing(&mut NoSevens, batch((1..=20).collect(), marks), &counters).expect("goes on");
        let (mut numbers, mut seen) = (Vec::new(), Vec::new());
        for batch in &done {
            let own = batch.rows.column(0).as_primitive::<Int64Type>().values();
            seen.extend(batch.marks.iter().map(|mark| (numbers.len() + mark.after as usize, mark.watermark.0)));
            numbers.extend_from_slice(own);
        }
        assert_eq!(numbers, (1..=20).filter(|number| number % 7 != 0).collect::<Vec<i64>>());
        assert_eq!(seen, [(1, 1), (12, 2), (18, 3)]);
        let told = counters.progress();
        assert_eq!((told.bad, told.failure.as_deref()), (2, Some("14 is a multiple of seven")));
    }

    #[test]
    fn other_errors_end_the_run() {
        struct Broken;
        impl Stage for Broken {
            fn apply(&mut self, _: Batch) -> Result<Batch> {
                Err(EngineError::Compute("division by zero".into()))
            }
        }
        let counters = NodeCounters::alone("n", 10);
        let error = apply_sparing(&mut Broken, batch(vec![1, 2], vec![]), &counters).expect_err("fails");
        assert_eq!(error.to_string(), "division by zero");
        assert_eq!(counters.progress().bad, 0);
    }
}
