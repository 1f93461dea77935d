//! Rows in columns, with what streaming adds to them: the kind of each change, and the watermarks that
//! were reached between the rows. The marks make a batch mean exactly what the same rows mean one by
//! one, so an operator may work on whole columns and still be right to the row.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch, UInt8Array, UInt32Array};
use arrow::compute::{filter, filter_record_batch, take, take_record_batch};
use arrow::error::ArrowError;

use crate::Millis;

/// What a row does to the result that went before it; the words and marks are Flink's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// `+I`: a new row.
    Insert = 0,
    /// `-U`: the old version of a row that is about to be replaced.
    UpdateBefore = 1,
    /// `+U`: the new version of a row.
    UpdateAfter = 2,
    /// `-D`: a row goes away.
    Delete = 3,
}

impl Kind {
    /// All kinds, at the index of their number.
    pub const ALL: [Kind; 4] = [Kind::Insert, Kind::UpdateBefore, Kind::UpdateAfter, Kind::Delete];

    /// The kind with this number, if there is one.
    pub fn from_u8(number: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(number)).copied()
    }

    /// Whether the row leaves the result (`-U`, `-D`).
    pub fn is_retraction(self) -> bool {
        matches!(self, Kind::UpdateBefore | Kind::Delete)
    }

    /// `+I`, `-U`, `+U` or `-D`.
    pub fn mark(self) -> &'static str {
        ["+I", "-U", "+U", "-D"][self as usize]
    }

    /// The kind written so, if it is one of the four marks.
    pub fn from_mark(mark: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.mark() == mark)
    }
}

/// The kinds of a batch's rows, one byte each; never null.
#[derive(Clone, Debug, PartialEq)]
pub struct Kinds(Arc<UInt8Array>);

impl Kinds {
    /// Kinds in row order.
    pub fn new(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Kinds(Arc::new(UInt8Array::from_iter_values(kinds.into_iter().map(|kind| kind as u8))))
    }

    /// Kinds from their numbers; `None` if one of the numbers is no kind.
    pub fn from_numbers(numbers: Vec<u8>) -> Option<Self> {
        let known = numbers.iter().all(|&number| Kind::from_u8(number).is_some());
        known.then(|| Kinds(Arc::new(UInt8Array::from(numbers))))
    }

    /// The kind of one row.
    pub fn get(&self, row: usize) -> Kind {
        Kind::ALL[usize::from(self.0.value(row))]
    }

    /// The numbers of all rows.
    pub fn numbers(&self) -> &[u8] {
        self.0.values()
    }

    /// The kinds as an Arrow column.
    pub fn array(&self) -> &UInt8Array {
        &self.0
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn map(
        &self,
        with: impl FnOnce(&UInt8Array) -> Result<arrow::array::ArrayRef, ArrowError>,
    ) -> Result<Kinds, ArrowError> {
        let array = with(&self.0)?;
        let numbers = array.as_any().downcast_ref::<UInt8Array>().expect("take, filter and slice keep the type");
        Ok(Kinds(Arc::new(numbers.clone())))
    }
}

/// The watermark moved to `watermark` when `after` rows of the batch had been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// How many rows of the batch stand before the mark: `0..=rows`.
    pub after: u32,
    /// The watermark from here on.
    pub watermark: Millis,
}

/// Rows, the kinds of their changes and the watermarks between them.
///
/// `marks` rise strictly in `watermark` and do not fall in `after`. `kinds` is `None` where every row is
/// an insertion, which is so on every edge of a plan that cannot retract.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The columns.
    pub rows: RecordBatch,
    /// The kind of each row, or `None` when all are `+I`.
    pub kinds: Option<Kinds>,
    /// The watermarks that were reached between the rows.
    pub marks: Vec<Mark>,
}

impl Batch {
    /// Insertions without a watermark.
    pub fn insert(rows: RecordBatch) -> Self {
        Batch { rows, kinds: None, marks: Vec::new() }
    }

    /// Changes without a watermark. `kinds` has one entry a row.
    pub fn changes(rows: RecordBatch, kinds: Kinds) -> Self {
        debug_assert_eq!(rows.num_rows(), kinds.len());
        Batch { rows, kinds: Some(kinds), marks: Vec::new() }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there is no row; there may still be marks.
    pub fn is_empty(&self) -> bool {
        self.rows.num_rows() == 0
    }

    /// The kind of one row.
    pub fn kind(&self, row: usize) -> Kind {
        self.kinds.as_ref().map_or(Kind::Insert, |kinds| kinds.get(row))
    }

    /// The watermark that holds behind the last row, if the batch moves it.
    pub fn watermark(&self) -> Option<Millis> {
        self.marks.last().map(|mark| mark.watermark)
    }

    /// The same kinds and marks around other columns of the same length.
    pub fn with_rows(self, rows: RecordBatch) -> Batch {
        debug_assert_eq!(rows.num_rows(), self.rows.num_rows());
        Batch { rows, ..self }
    }

    /// `length` rows from `offset`, without the marks (zero copy).
    pub fn slice(&self, offset: usize, length: usize) -> Batch {
        let kinds = self.kinds.as_ref().map(|kinds| Kinds(Arc::new(kinds.0.slice(offset, length))));
        Batch { rows: self.rows.slice(offset, length), kinds, marks: Vec::new() }
    }

    /// The rows where `keep` is true (null counts as false). Marks keep their place in the flow.
    pub fn filter(&self, keep: &BooleanArray) -> Result<Batch, ArrowError> {
        let rows = filter_record_batch(&self.rows, keep)?;
        let kinds = match &self.kinds {
            Some(kinds) => Some(kinds.map(|array| filter(array, keep))?),
            None => None,
        };
        let mut kept = 0u32;
        let mut row = 0usize;
        let marks = self.marks.iter().map(|mark| {
            let until = mark.after as usize;
            kept += count_true(keep, row, until);
            row = until;
            Mark { after: kept, ..*mark }
        });
        Ok(Batch { marks: marks.collect(), rows, kinds })
    }

    /// Row `indices[i]` at place `i`; `indices` do not fall, so that marks keep their place in the flow.
    /// This is how one row becomes none or many.
    pub fn expand(&self, indices: &UInt32Array) -> Result<Batch, ArrowError> {
        let rows = take_record_batch(&self.rows, indices)?;
        let kinds = match &self.kinds {
            Some(kinds) => Some(kinds.map(|array| take(array, indices, None))?),
            None => None,
        };
        Ok(Batch { rows, kinds, marks: replace_marks(&self.marks, indices.values()) })
    }
}

/// Puts marks that stood between input rows between output rows, where `origins[i]` is the input row
/// from which output row `i` came. `origins` do not fall.
pub(crate) fn replace_marks(marks: &[Mark], origins: &[u32]) -> Vec<Mark> {
    let mut out = 0usize;
    let place = |mark: &Mark| {
        out += origins[out..].partition_point(|&origin| origin < mark.after);
        Mark { after: out as u32, ..*mark }
    };
    marks.iter().map(place).collect()
}

impl Mark {
    /// See [`Batch::expand`]: the marks of an input between the output rows that came from it.
    pub fn replace(marks: &[Mark], origins: &[u32]) -> Vec<Mark> {
        replace_marks(marks, origins)
    }
}

fn count_true(keep: &BooleanArray, from: usize, to: usize) -> u32 {
    let bits = keep.values();
    match keep.nulls() {
        None if to - from > 64 => bits.slice(from, to - from).count_set_bits() as u32,
        None => (from..to).filter(|&row| bits.value(row)).count() as u32,
        Some(_) => (from..to).filter(|&row| keep.is_valid(row) && bits.value(row)).count() as u32,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::array::cast::AsArray;
    use arrow::datatypes::Int64Type;

    use super::*;

    fn batch(values: Vec<i64>, marks: &[(u32, i64)]) -> Batch {
        let rows = RecordBatch::try_from_iter([("v", Arc::new(Int64Array::from(values)) as _)]).expect("one column");
        let marks = marks.iter().map(|&(after, ms)| Mark { after, watermark: Millis(ms) }).collect();
        Batch { marks, ..Batch::insert(rows) }
    }

    fn places(batch: &Batch) -> Vec<(u32, i64)> {
        batch.marks.iter().map(|mark| (mark.after, mark.watermark.0)).collect()
    }

    #[test]
    fn a_filter_keeps_marks_between_the_rows_that_stay() {
        let all = batch(vec![1, 2, 3, 4], &[(0, 5), (1, 10), (3, 20), (4, 30)]);
        let kept = all.filter(&BooleanArray::from(vec![Some(false), Some(true), None, Some(true)])).expect("fits");
        assert_eq!(kept.rows.column(0).as_primitive::<Int64Type>().values(), &[2, 4]);
        assert_eq!(places(&kept), [(0, 5), (0, 10), (1, 20), (2, 30)]);
    }

    #[test]
    fn expanding_rows_keeps_marks_behind_all_that_came_of_a_row() {
        let all = batch(vec![1, 2, 3], &[(1, 10), (2, 20), (3, 30)]);
        let many = all.expand(&UInt32Array::from(vec![0, 0, 2, 2, 2])).expect("fits");
        assert_eq!(many.rows.column(0).as_primitive::<Int64Type>().values(), &[1, 1, 3, 3, 3]);
        assert_eq!(places(&many), [(2, 10), (2, 20), (5, 30)]);
    }
}
