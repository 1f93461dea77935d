//! Two answers side by side, as bags of rows. Floating point is compared within a few units of the last
//! place, because a sum may be added up in any order.

use std::collections::HashMap;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Float64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use millstream_record::Batch;

use super::Comparison;
use crate::fold::Fold;

/// Numbers that differ by this part of their size, or less, are equal.
const CLOSE: f64 = 1e-9;

/// Compares what a stream emitted, folded, with the rows of a batch.
pub fn compare(
    schema: &SchemaRef,
    emitted: &[Batch],
    batch: &[RecordBatch],
    late: u64,
) -> Result<Comparison, ArrowError> {
    let schema = &loose(schema);
    let mut fold = Fold::new(schema.clone())?;
    emitted.iter().try_for_each(|rows| fold.take(rows))?;
    if fold.unmatched() > 0 {
        return Err(ArrowError::ComputeError(format!("{} rows were taken back that had not come", fold.unmatched())));
    }
    let streamed = concat_batches(schema, &fold.batches(usize::MAX)?)?;
    let batch = concat_batches(schema, &batch.iter().map(|rows| fit(rows, schema)).collect::<Result<Vec<_>, _>>()?)?;
    let (missing, extra) = differences(&batch, &streamed)?;
    let (missing, extra) = approximate(missing, extra)?;
    Ok(Comparison { streamed: streamed.num_rows(), batch: batch.num_rows(), late, missing, extra })
}

/// Whether two folded answers have the same rows, as often as each, apart from the last places of floating point.
pub fn alike(left: &Fold, right: &Fold) -> Result<bool, ArrowError> {
    if left.has_rows_of(right) {
        return Ok(true);
    }
    let all = |fold: &Fold| concat_batches(&loose(fold.schema()), &fold.batches(usize::MAX)?);
    let (missing, extra) = differences(&all(left)?, &all(right)?)?;
    let (missing, extra) = approximate(missing, extra)?;
    Ok(missing.num_rows() + extra.num_rows() == 0)
}

/// The same columns, each of which may hold null: types are compared, not promises.
fn loose(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Schema::new(fields.collect::<Vec<_>>()).into()
}

/// The batch's rows in the stream's types.
fn fit(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = rows.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema.clone(), columns)
}

/// The rows of `left` that `right` lacks, and the other way round.
fn differences(left: &RecordBatch, right: &RecordBatch) -> Result<(RecordBatch, RecordBatch), ArrowError> {
    let fields = left.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let converter = RowConverter::new(fields)?;
    let (lefts, rights) = (converter.convert_columns(left.columns())?, converter.convert_columns(right.columns())?);
    let mut places: HashMap<&[u8], Vec<u32>> = HashMap::new();
    for (row, bytes) in (0u32..).zip(rights.iter()) {
        places.entry(bytes.data()).or_default().push(row);
    }
    let mut missing = Vec::new();
    for (row, bytes) in (0u32..).zip(lefts.iter()) {
        if places.get_mut(bytes.data()).and_then(Vec::pop).is_none() {
            missing.push(row);
        }
    }
    let mut extra: Vec<u32> = places.into_values().flatten().collect();
    extra.sort_unstable();
    let pick = |rows: &RecordBatch, places: Vec<u32>| take_record_batch(rows, &UInt32Array::from(places));
    Ok((pick(left, missing)?, pick(right, extra)?))
}

/// Leaves out rows that differ in the last places of floating point only: both sides are sorted by all exact
/// columns, then by the others, and equal places are paired.
fn approximate(left: RecordBatch, right: RecordBatch) -> Result<(RecordBatch, RecordBatch), ArrowError> {
    let floating = |column: &ArrayRef| column.data_type().is_floating();
    if left.num_rows() != right.num_rows() || !left.columns().iter().any(floating) {
        return Ok((left, right));
    }
    let (left, right) = (sorted(&left)?, sorted(&right)?);
    let mut differs = vec![false; left.num_rows()];
    for (ours, theirs) in left.columns().iter().zip(right.columns()) {
        let close = if floating(ours) { close(ours, theirs)? } else { same(ours, theirs)? };
        differs.iter_mut().zip(close).for_each(|(differs, close)| *differs |= !close);
    }
    let places: Vec<u32> = (0u32..).zip(&differs).filter(|(_, differs)| **differs).map(|(row, _)| row).collect();
    let places = UInt32Array::from(places);
    Ok((take_record_batch(&left, &places)?, take_record_batch(&right, &places)?))
}

fn sorted(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let (floats, exact): (Vec<&ArrayRef>, Vec<&ArrayRef>) =
        rows.columns().iter().partition(|column| column.data_type().is_floating());
    let order: Vec<ArrayRef> = exact.into_iter().chain(floats).cloned().collect();
    let fields = order.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let encoded = RowConverter::new(fields)?.convert_columns(&order)?;
    let mut places: Vec<u32> = (0..rows.num_rows() as u32).collect();
    places.sort_by(|a, b| encoded.row(*a as usize).cmp(&encoded.row(*b as usize)));
    take_record_batch(rows, &UInt32Array::from(places))
}

fn close(left: &ArrayRef, right: &ArrayRef) -> Result<Vec<bool>, ArrowError> {
    let (left, right) = (cast(left, &DataType::Float64)?, cast(right, &DataType::Float64)?);
    let (left, right) = (left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>());
    let near = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= CLOSE * a.abs().max(b.abs());
    Ok(left
        .iter()
        .zip(right)
        .map(|pair| matches!(pair, (None, None)) || matches!(pair, (Some(a), Some(b)) if near(a, b)))
        .collect())
}

fn same(left: &ArrayRef, right: &ArrayRef) -> Result<Vec<bool>, ArrowError> {
    let converter = RowConverter::new(vec![SortField::new(left.data_type().clone())])?;
    let (left, right) = (
        converter.convert_columns(std::slice::from_ref(left))?,
        converter.convert_columns(std::slice::from_ref(right))?,
    );
    Ok(left.iter().zip(right.iter()).map(|(a, b)| a == b).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array};
    use proptest::prelude::*;

    use super::*;

    fn rows(rows: &[(i64, f64)]) -> RecordBatch {
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
        let values: ArrayRef = Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.1)));
        RecordBatch::try_from_iter([("k", keys), ("v", values)]).expect("two columns")
    }

    fn verdict(stream: &[(i64, f64)], batch: &[(i64, f64)]) -> (usize, usize) {
        let (stream, batch) = (rows(stream), rows(batch));
        let found = compare(&batch.schema(), &[Batch::insert(stream)], &[batch], 0).expect("compares");
        (found.missing.num_rows(), found.extra.num_rows())
    }

    #[test]
    fn a_row_more_a_row_less_and_a_row_twice_are_seen() {
        assert_eq!(verdict(&[(1, 1.0), (2, 2.0)], &[(2, 2.0), (1, 1.0)]), (0, 0));
        assert_eq!(verdict(&[(1, 1.0)], &[(1, 1.0), (1, 1.0)]), (1, 0));
        assert_eq!(verdict(&[(1, 1.0), (3, 1.0)], &[(1, 1.0)]), (0, 1));
        assert_eq!(verdict(&[(1, 1.0)], &[(1, 1.001)]), (1, 1));
    }

    #[test]
    fn the_last_place_of_a_sum_does_not_count() {
        let (sum, other) = (0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1);
        assert_ne!(sum, other);
        assert_eq!(verdict(&[(1, sum), (2, other)], &[(1, other), (2, sum)]), (0, 0));
    }

    proptest! {
        #[test]
        fn what_is_left_is_the_difference_of_two_bags(left in prop::collection::vec((0i64..4, 0i64..3), 0..30), right in prop::collection::vec((0i64..4, 0i64..3), 0..30)) {
            let bag = |rows: &[(i64, i64)]| rows.iter().map(|&(k, v)| (k, v as f64)).collect::<Vec<_>>();
            let lacks = |of: &[(i64, i64)], other: &[(i64, i64)]| {
                let mut rest = other.to_vec();
                of.iter().filter(|row| match rest.iter().position(|held| held == *row) {
                    Some(place) => { rest.remove(place); false }
                    None => true,
                }).count()
            };
            prop_assert_eq!(verdict(&bag(&left), &bag(&right)), (lacks(&right, &left), lacks(&left, &right)));
        }
    }
}
