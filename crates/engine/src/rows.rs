//! Rows that an operator keeps, in columns, under running numbers.
//!
//! A batch is kept as it came, without a copy, and rows are asked for by their numbers. Rows that are let go
//! are only marked; their memory comes back when a whole piece is free, or is written anew once most of it
//! is. Small batches are put together as they come, so that a stream that arrives row by row is kept in a
//! few pieces too.

use std::collections::VecDeque;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow::compute::{interleave, take};
use arrow::datatypes::SchemaRef;

use crate::error::Result;

/// The number of a row that is all null.
pub const NO_ROW: u64 = u64::MAX;

/// Neighbours are put together while they have no more rows than this.
const PIECE_ROWS: usize = 8192;

/// Rows under running numbers.
pub struct RowStore {
    schema: SchemaRef,
    pieces: VecDeque<Piece>,
    next: u64,
    bytes: usize,
    /// First numbers of pieces of which little is left.
    sparse: Vec<u64>,
}

/// A stretch of numbers with the rows behind them.
struct Piece {
    first: u64,
    span: usize,
    rows: RecordBatch,
    /// Which numbers, relative to the first, still have a row; all of them, if `None`.
    kept: Option<Vec<u32>>,
    alive: Bits,
    live: usize,
    marked: Bits,
    bytes: usize,
}

/// Where rows lie: the pieces that have any of them, and for each row its piece among those and its place in it. A
/// row that is all null lies in the piece behind the last.
struct Found {
    used: Vec<usize>,
    nulls: bool,
    places: Vec<(usize, usize)>,
}

/// A bit per number.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn all(bits: usize, value: bool) -> Bits {
        Bits(vec![if value { u64::MAX } else { 0 }; bits.div_ceil(64)])
    }

    fn get(&self, bit: usize) -> bool {
        self.0[bit / 64] >> (bit % 64) & 1 == 1
    }

    fn set(&mut self, bit: usize, value: bool) {
        let word = &mut self.0[bit / 64];
        *word = if value { *word | 1 << (bit % 64) } else { *word & !(1 << (bit % 64)) };
    }
}

impl Piece {
    fn new(first: u64, rows: RecordBatch) -> Piece {
        let span = rows.num_rows();
        let size = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
        let bytes = rows.columns().iter().map(size).sum();
        let (alive, marked) = (Bits::all(span, true), Bits::all(span, false));
        Piece { first, span, rows, kept: None, alive, live: span, marked, bytes }
    }

    /// The place in `rows` of a number.
    fn place(&self, number: u64) -> usize {
        let relative = (number - self.first) as usize;
        match &self.kept {
            None => relative,
            Some(kept) => kept.binary_search(&(relative as u32)).expect("a number is not asked for once it was let go"),
        }
    }

    /// Whether most of its rows were let go.
    fn is_sparse(&self) -> bool {
        self.live * 4 <= self.rows.num_rows()
    }

    fn live_numbers(&self) -> impl Iterator<Item = u64> {
        (0..self.span).filter(|&bit| self.alive.get(bit)).map(|bit| self.first + bit as u64)
    }
}

impl RowStore {
    /// An empty store for rows of this schema.
    pub fn new(schema: SchemaRef) -> Self {
        RowStore { schema, pieces: VecDeque::new(), next: 0, bytes: 0, sparse: Vec::new() }
    }

    /// Keeps rows; the number of the first of them.
    pub fn push(&mut self, rows: &RecordBatch) -> u64 {
        let first = self.next;
        if rows.num_rows() > 0 {
            let piece = Piece::new(first, rows.clone());
            self.next += rows.num_rows() as u64;
            self.bytes += piece.bytes;
            self.pieces.push_back(piece);
        }
        first
    }

    /// How many rows are kept.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.live).sum()
    }

    /// The schema of the rows.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn find(&self, number: u64) -> usize {
        self.pieces.partition_point(|piece| piece.first <= number) - 1
    }

    /// Lets a row go. It can be asked for until [`RowStore::settle`].
    pub fn release(&mut self, number: u64) {
        let index = self.find(number);
        let piece = &mut self.pieces[index];
        piece.alive.set((number - piece.first) as usize, false);
        let was_sparse = piece.is_sparse();
        piece.live -= 1;
        if piece.live == 0 || piece.is_sparse() && !was_sparse {
            self.sparse.push(piece.first);
        }
    }

    /// Puts a mark on a row.
    pub fn mark(&mut self, number: u64) {
        let index = self.find(number);
        let piece = &mut self.pieces[index];
        piece.marked.set((number - piece.first) as usize, true);
    }

    /// Whether a row has a mark.
    pub fn marked(&self, number: u64) -> bool {
        let piece = &self.pieces[self.find(number)];
        piece.marked.get((number - piece.first) as usize)
    }

    /// The columns of these rows, in this order; [`NO_ROW`] gives nulls.
    pub fn gather(&self, numbers: &[u64]) -> Result<Vec<ArrayRef>> {
        let found = self.find_all(numbers);
        (0..self.schema.fields().len()).map(|column| self.pick(column, &found)).collect()
    }

    /// One column of these rows.
    pub fn column(&self, column: usize, numbers: &[u64]) -> Result<ArrayRef> {
        self.pick(column, &self.find_all(numbers))
    }

    /// Where these rows lie.
    fn find_all(&self, numbers: &[u64]) -> Found {
        let mut places = Vec::with_capacity(numbers.len());
        let mut used: Vec<usize> = Vec::new();
        let mut slots = vec![usize::MAX; self.pieces.len()];
        let (mut last, mut slot, mut range) = (usize::MAX, 0, 0..0);
        let mut nulls = false;
        for &number in numbers {
            if number == NO_ROW {
                nulls = true;
                places.push((usize::MAX, 0));
                continue;
            }
            if !range.contains(&number) {
                last = self.find(number);
                let piece = &self.pieces[last];
                range = piece.first..piece.first + piece.span as u64;
                if slots[last] == usize::MAX {
                    slots[last] = used.len();
                    used.push(last);
                }
                slot = slots[last];
            }
            places.push((slot, self.pieces[last].place(number)));
        }
        if nulls {
            places.iter_mut().filter(|place| place.0 == usize::MAX).for_each(|place| place.0 = used.len());
        }
        Found { used, nulls, places }
    }

    /// A column of rows that were found.
    fn pick(&self, column: usize, found: &Found) -> Result<ArrayRef> {
        if let ([one], false) = (found.used.as_slice(), found.nulls) {
            let indices = UInt32Array::from_iter_values(found.places.iter().map(|&(_, place)| place as u32));
            return Ok(take(self.pieces[*one].rows.column(column), &indices, None)?);
        }
        self.weave(column, &found.used, found.nulls, &found.places)
    }

    fn weave(&self, column: usize, used: &[usize], nulls: bool, places: &[(usize, usize)]) -> Result<ArrayRef> {
        let data_type = self.schema.field(column).data_type();
        let null = nulls.then(|| new_null_array(data_type, 1));
        let parts = used.iter().map(|&piece| self.pieces[piece].rows.column(column)).chain(&null);
        let parts: Vec<&dyn Array> = parts.map(AsRef::as_ref).collect();
        if parts.is_empty() {
            return Ok(new_null_array(data_type, 0));
        }
        Ok(interleave(&parts, places)?)
    }

    /// These rows as a batch.
    pub fn batch(&self, numbers: &[u64]) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(numbers.len()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), self.gather(numbers)?, &options)?)
    }

    /// Gives memory back, and puts small neighbours together. Call it when the rows that were let go are not
    /// asked for any more.
    pub fn settle(&mut self) -> Result<()> {
        for first in std::mem::take(&mut self.sparse) {
            let index = self.pieces.partition_point(|piece| piece.first < first);
            let Some(piece) = self.pieces.get(index).filter(|piece| piece.first == first) else { continue };
            if piece.live == 0 {
                self.bytes -= piece.bytes;
                self.pieces.remove(index);
            } else if piece.is_sparse() {
                // A small neighbour before it is taken along, or many small pieces would remain.
                let alone = index == 0 || self.pieces[index - 1].rows.num_rows() > PIECE_ROWS / 8;
                self.condense(if alone { index..index + 1 } else { index - 1..index + 1 })?;
            }
        }
        while self.last_two_fit() {
            let end = self.pieces.len();
            self.condense(end - 2..end)?;
        }
        Ok(())
    }

    /// Whether the last two pieces are to be one: a piece takes in those that are not larger, so that a row
    /// is written anew only as often as its piece doubles.
    fn last_two_fit(&self) -> bool {
        let mut sizes = self.pieces.iter().rev().map(|piece| piece.rows.num_rows());
        matches!((sizes.next(), sizes.next()), (Some(last), Some(before)) if before <= last && before + last <= PIECE_ROWS)
    }

    /// Writes the living rows of some pieces into one.
    fn condense(&mut self, range: std::ops::Range<usize>) -> Result<()> {
        let numbers: Vec<u64> = self.pieces.range(range.clone()).flat_map(Piece::live_numbers).collect();
        let first = self.pieces[range.start].first;
        let last = &self.pieces[range.end - 1];
        let span = (last.first - first) as usize + last.span;
        let mut piece = Piece::new(first, self.batch(&numbers)?);
        if numbers.len() < span {
            piece.kept = Some(numbers.iter().map(|number| (number - first) as u32).collect());
            piece.alive = Bits::all(span, false);
            piece.marked = Bits::all(span, false);
            piece.span = span;
            numbers.iter().for_each(|number| piece.alive.set((number - first) as usize, true));
        }
        for &number in numbers.iter().filter(|&&number| self.marked(number)) {
            piece.marked.set((number - first) as usize, true);
        }
        self.bytes += piece.bytes;
        self.bytes -= self.pieces.range(range.clone()).map(|piece| piece.bytes).sum::<usize>();
        self.pieces.drain(range.start + 1..range.end);
        self.pieces[range.start] = piece;
        Ok(())
    }

    /// The numbers of all rows that were not let go, ascending.
    pub fn live(&self) -> Vec<u64> {
        self.pieces.iter().flat_map(Piece::live_numbers).collect()
    }

    /// Bytes in use, roughly.
    pub fn size(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::cast::AsArray;
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use proptest::prelude::*;

    use super::*;

    fn rows(schema: &SchemaRef, from: i64, count: usize) -> RecordBatch {
        let numbers = (from..).take(count);
        let texts = StringArray::from_iter_values(numbers.clone().map(|number| format!("row {number}")));
        RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from_iter_values(numbers)), Arc::new(texts)])
            .expect("two columns")
    }

    proptest! {
        /// Against a map from number to row: rows of random batches, of which random ones go.
        #[test]
        fn rows_are_found_by_their_numbers(steps in prop::collection::vec((0usize..40, any::<u64>(), 0u8..8), 1..60)) {
            let field = |name, data_type| Field::new(name, data_type, true);
            let schema: SchemaRef = Arc::new(Schema::new(vec![field("n", DataType::Int64), field("t", DataType::Utf8)]));
            let (mut store, mut model, mut from) = (RowStore::new(schema.clone()), BTreeMap::new(), 0);
            for (count, choice, keep) in steps {
                let first = store.push(&rows(&schema, from, count));
                model.extend((0..count as u64).map(|row| (first + row, (from + row as i64, false))));
                from += count as i64;
                let chosen = model.keys().copied().enumerate().filter(|(place, _)| (choice >> (place % 64)) & 7 >= u64::from(keep));
                let chosen: Vec<u64> = chosen.map(|(_, number)| number).collect();
                for (place, number) in chosen.into_iter().enumerate() {
                    if place % 3 == 0 {
                        store.mark(number);
                        model.get_mut(&number).expect("chosen from it").1 = true;
                    } else {
                        store.release(number);
                        model.remove(&number);
                    }
                }
                store.settle().expect("settles");
                let numbers: Vec<u64> = model.keys().copied().rev().collect();
                let found = store.batch(&numbers).expect("gathers");
                let expected: Vec<i64> = model.values().rev().map(|(value, _)| *value).collect();
                prop_assert_eq!(found.column(0).as_primitive::<Int64Type>().values(), &expected[..]);
                prop_assert_eq!(numbers.iter().map(|&number| store.marked(number)).collect::<Vec<_>>(), model.values().rev().map(|(_, marked)| *marked).collect::<Vec<_>>());
                prop_assert_eq!(store.live(), model.keys().copied().collect::<Vec<_>>());
            }
            store.live().into_iter().for_each(|number| store.release(number));
            store.settle().expect("settles");
            prop_assert_eq!((store.size(), store.pieces.len()), (0, 0));
        }
    }

    #[test]
    fn rows_that_come_one_by_one_are_kept_in_few_pieces() {
        let schema: SchemaRef =
            Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("t", DataType::Utf8, true)]));
        let mut store = RowStore::new(schema.clone());
        for row in 0..10_000 {
            store.push(&rows(&schema, row, 1));
            store.settle().expect("settles");
        }
        assert!(store.pieces.len() < 20, "{} pieces", store.pieces.len());
        let some = store.batch(&[9_999, NO_ROW, 0]).expect("gathers");
        assert_eq!(some.column(0).as_ref(), &Int64Array::from(vec![Some(9_999), None, Some(0)]));
        (0..9_990).for_each(|number| store.release(number));
        store.settle().expect("settles");
        assert!(store.size() < 2_000, "{} bytes for ten rows", store.size());
    }
}
