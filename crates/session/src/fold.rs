//! A changelog folded to what is left of it: the final rows of a query whose result was taken back and
//! replaced while it ran. Rows are a multiset: equal rows count as often as they came.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use millstream_record::{Batch, Kind, Millis};

/// Where room is bounded, rows take no more bytes than this; the last one is held whatever it takes.
const BYTES: usize = 64 << 20;

/// The rows that stand, in the order in which each took its place. A new version of a row takes the place
/// of the version before it. A clone shares the rows.
#[derive(Clone)]
pub struct Fold {
    schema: SchemaRef,
    converter: Arc<RowConverter>,
    /// Each row at its place.
    rows: BTreeMap<u64, Standing>,
    /// The places of equal rows, the newest last.
    places: HashMap<Arc<[u8]>, Vec<u64>>,
    /// The place that the last `-U` left, and what stood there.
    vacant: Option<(u64, Arc<[u8]>)>,
    next: u64,
    unmatched: u64,
    /// At most so many rows are held, with the version before each of them; `None` for all, without.
    room: Option<usize>,
    /// Rows that stand and are not held, for want of room.
    forgotten: u64,
    /// What the rows that are held take, with the versions before them.
    bytes: usize,
}

/// A row that stands.
#[derive(Clone)]
pub(crate) struct Standing {
    row: Arc<[u8]>,
    /// The version before, if that is kept.
    was: Option<Arc<[u8]>>,
    /// When it took its place.
    pub(crate) since: Millis,
}

impl Standing {
    /// Whether another version stood in its place, and is known.
    pub(crate) fn is_new_version(&self) -> bool {
        self.was.is_some()
    }

    fn bytes(&self) -> usize {
        self.row.len() + self.was.as_ref().map_or(0, |was| was.len())
    }
}

impl Fold {
    /// No rows yet.
    pub fn new(schema: SchemaRef) -> Result<Fold, ArrowError> {
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        Ok(Fold {
            converter: Arc::new(RowConverter::new(fields)?),
            schema,
            rows: BTreeMap::new(),
            places: HashMap::new(),
            vacant: None,
            next: 0,
            unmatched: 0,
            room: None,
            forgotten: 0,
            bytes: 0,
        })
    }

    /// No rows yet, and never more than `room` of them, at least one: the rows whose places are oldest are
    /// forgotten first, and a new version of one of those counts as new. With each row the version before it is kept.
    pub fn bounded(schema: SchemaRef, room: usize) -> Result<Fold, ArrowError> {
        Ok(Fold { room: Some(room.max(1)), ..Fold::new(schema)? })
    }

    /// Takes changes in order.
    pub fn take(&mut self, batch: &Batch) -> Result<(), ArrowError> {
        self.take_at(batch, Millis::MIN)
    }

    /// Takes changes in order, which came at this time.
    pub fn take_at(&mut self, batch: &Batch, now: Millis) -> Result<(), ArrowError> {
        let encoded = self.converter.convert_columns(batch.rows.columns())?;
        for (row, bytes) in encoded.iter().enumerate() {
            let kind = batch.kind(row);
            if kind.is_retraction() { self.remove(bytes.as_ref(), kind) } else { self.add(bytes.as_ref(), kind, now) }
        }
        Ok(())
    }

    /// The columns of the rows.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows stand.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no row stands.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows stand with those that are not held.
    pub fn total(&self) -> u64 {
        self.rows.len() as u64 + self.forgotten
    }

    /// The rows that stand, the oldest place first.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &Standing> {
        self.rows.values()
    }

    /// Rows as they stand.
    pub(crate) fn decoded(&self, standing: &[&Standing]) -> Result<RecordBatch, ArrowError> {
        self.batch(standing.iter().map(|standing| &standing.row))
    }

    /// The version before each of these rows; the row itself where none is kept.
    pub(crate) fn before(&self, standing: &[&Standing]) -> Result<RecordBatch, ArrowError> {
        self.batch(standing.iter().map(|standing| standing.was.as_ref().unwrap_or(&standing.row)))
    }

    /// How many retractions spoke of a row that was not there.
    pub fn unmatched(&self) -> u64 {
        self.unmatched
    }

    /// Whether the same rows stand in another fold of these columns, as often as each, wherever they stand.
    pub fn has_rows_of(&self, other: &Fold) -> bool {
        let times = |fold: &Fold, row: &Arc<[u8]>| fold.places.get(row).map_or(0, Vec::len);
        self.len() == other.len() && self.places.keys().all(|row| times(self, row) == times(other, row))
    }

    /// The rows that stand, in batches of at most `size` rows.
    pub fn batches(&self, size: usize) -> Result<Vec<RecordBatch>, ArrowError> {
        let rows: Vec<&Standing> = self.rows.values().collect();
        rows.chunks(size.max(1)).map(|rows| self.decoded(rows)).collect()
    }

    /// The first and the last rows that stand, without going through those between them.
    pub fn ends(&self, first: usize, last: usize) -> Result<[RecordBatch; 2], ArrowError> {
        let last = last.min(self.rows.len().saturating_sub(first));
        let front: Vec<&Standing> = self.rows.values().take(first).collect();
        let mut back: Vec<&Standing> = self.rows.values().rev().take(last).collect();
        back.reverse();
        Ok([self.decoded(&front)?, self.decoded(&back)?])
    }

    fn batch<'a>(&self, rows: impl Iterator<Item = &'a Arc<[u8]>>) -> Result<RecordBatch, ArrowError> {
        let parser = self.converter.parser();
        let columns = self.converter.convert_rows(rows.map(|bytes| parser.parse(bytes)))?;
        RecordBatch::try_new(self.schema.clone(), columns)
    }

    fn add(&mut self, bytes: &[u8], kind: Kind, since: Millis) {
        let (place, was) = match self.vacant.take().filter(|_| kind == Kind::UpdateAfter) {
            Some((place, was)) => (place, self.room.map(|_| was)),
            None => {
                self.next += 1;
                (self.next, None)
            }
        };
        let row: Arc<[u8]> = bytes.into();
        let standing = Standing { row: row.clone(), was, since };
        self.bytes += standing.bytes();
        self.rows.insert(place, standing);
        self.places.entry(row).or_default().push(place);
        while self.is_overfull()
            && let Some((oldest, standing)) = self.rows.pop_first()
        {
            self.forgotten += 1;
            self.bytes -= standing.bytes();
            self.leave(&standing.row, |places| places.retain(|place| *place != oldest));
        }
    }

    fn is_overfull(&self) -> bool {
        self.room.is_some_and(|room| self.rows.len() > room || (self.bytes > BYTES && self.rows.len() > 1))
    }

    fn remove(&mut self, bytes: &[u8], kind: Kind) {
        let Some(place) = self.leave(bytes, Vec::pop) else {
            // What was forgotten may well be taken back.
            if self.forgotten > 0 {
                self.forgotten -= 1
            } else {
                self.unmatched += 1
            }
            return;
        };
        let gone = place.and_then(|place| Some((place, self.rows.remove(&place)?)));
        self.bytes -= gone.as_ref().map_or(0, |(_, standing)| standing.bytes());
        let left = gone.map(|(place, standing)| (place, standing.row));
        self.vacant = left.filter(|_| kind == Kind::UpdateBefore);
    }

    /// Takes something from the places of a row; `None` if it has none.
    fn leave<T>(&mut self, row: &[u8], take: impl FnOnce(&mut Vec<u64>) -> T) -> Option<T> {
        let places = self.places.get_mut(row)?;
        let taken = take(places);
        if places.is_empty() {
            self.places.remove(row);
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray, cast::AsArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use millstream_record::Kinds;
    use proptest::prelude::*;

    use super::*;

    fn schema() -> SchemaRef {
        Schema::new(vec![Field::new("k", DataType::Utf8, true), Field::new("n", DataType::Int64, true)]).into()
    }

    fn changes(rows: &[(Kind, Option<&str>, i64)]) -> Batch {
        let keys = StringArray::from_iter(rows.iter().map(|row| row.1));
        let numbers = Int64Array::from_iter_values(rows.iter().map(|row| row.2));
        let batch = RecordBatch::try_new(schema(), vec![Arc::new(keys), Arc::new(numbers)]).expect("fits");
        Batch::changes(batch, Kinds::new(rows.iter().map(|row| row.0)))
    }

    fn standing(fold: &Fold) -> Vec<(Option<String>, i64)> {
        let rows = |batch: &RecordBatch| {
            let numbers = batch.column(1).as_primitive::<Int64Type>().clone();
            let keys = batch.column(0).as_string::<i32>().clone();
            let rows = keys.iter().zip(numbers.values()).map(|(key, number)| (key.map(str::to_string), *number));
            rows.collect::<Vec<_>>()
        };
        fold.batches(2).expect("decodes").iter().flat_map(rows).collect()
    }

    fn row(key: &str, number: i64) -> (Option<String>, i64) {
        (Some(key.into()), number)
    }

    #[test]
    fn a_new_version_takes_the_place_of_the_old_one() {
        use Kind::{Delete, Insert, UpdateAfter, UpdateBefore};
        let mut fold = Fold::new(schema()).expect("all types are known");
        fold.take(&changes(&[(Insert, Some("a"), 1), (Insert, Some("b"), 1), (UpdateBefore, Some("a"), 1)]))
            .expect("ok");
        fold.take(&changes(&[(UpdateAfter, Some("a"), 2), (Insert, Some("c"), 1), (Delete, Some("b"), 1)]))
            .expect("ok");
        assert_eq!(standing(&fold), [row("a", 2), row("c", 1)]);
        assert_eq!(fold.unmatched(), 0);
    }

    #[test]
    fn the_ends_are_the_ends_of_all() {
        let rows: Vec<_> = (0..7).map(|number| (Kind::Insert, Some("k"), number)).collect();
        let mut fold = Fold::new(schema()).expect("all types are known");
        fold.take(&changes(&rows)).expect("ok");
        for first in 0..9 {
            for last in 0..9 {
                let ends = fold.ends(first, last).expect("decodes");
                let front = first.min(7);
                let lengths = ends.each_ref().map(RecordBatch::num_rows);
                assert_eq!(lengths, [front, last.min(7 - front)], "{first} {last}");
                let numbers = |batch: &RecordBatch| batch.column(1).as_primitive::<Int64Type>().values().to_vec();
                let all: Vec<i64> = (0..7).collect();
                assert_eq!(numbers(&ends[0]), all[..front]);
                assert_eq!(numbers(&ends[1]), all[7 - lengths[1]..]);
            }
        }
    }

    #[test]
    fn of_too_many_rows_the_oldest_are_forgotten_but_counted() {
        use Kind::{Delete, Insert, UpdateAfter, UpdateBefore};
        let mut fold = Fold::bounded(schema(), 2).expect("all types are known");
        fold.take(&changes(&[(Insert, Some("a"), 1), (Insert, Some("b"), 1), (Insert, Some("c"), 1)])).expect("ok");
        assert_eq!((standing(&fold), fold.total()), (vec![row("b", 1), row("c", 1)], 3));
        // A new version of a row that was forgotten counts as new, and pushes out the next.
        fold.take(&changes(&[(UpdateBefore, Some("a"), 1), (UpdateAfter, Some("a"), 2)])).expect("ok");
        assert_eq!((standing(&fold), fold.total()), (vec![row("c", 1), row("a", 2)], 3));
        fold.take(&changes(&[(Delete, Some("b"), 1), (Delete, Some("c"), 1)])).expect("ok");
        assert_eq!(fold.bytes, fold.rows.values().map(Standing::bytes).sum::<usize>());
        assert_eq!((standing(&fold), fold.total(), fold.unmatched()), (vec![row("a", 2)], 1, 0));
    }

    #[test]
    fn long_rows_take_no_more_than_their_bytes() {
        let mut fold = Fold::bounded(schema(), 100).expect("all types are known");
        let long = "x".repeat(BYTES / 3);
        (0..5).for_each(|number| fold.take(&changes(&[(Kind::Insert, Some(&long), number)])).expect("ok"));
        assert!(fold.bytes <= BYTES && (fold.len(), fold.total()) == (2, 5), "{} {}", fold.bytes, fold.len());
    }

    #[test]
    fn the_version_before_is_known_where_it_is_asked_for() {
        use Kind::{Insert, UpdateAfter, UpdateBefore};
        let mut fold = Fold::bounded(schema(), 9).expect("all types are known");
        fold.take_at(&changes(&[(Insert, Some("a"), 1)]), Millis(5)).expect("ok");
        fold.take_at(&changes(&[(UpdateBefore, Some("a"), 1), (UpdateAfter, Some("a"), 2)]), Millis(7)).expect("ok");
        let standing: Vec<&Standing> = fold.standing().collect();
        let number = |batch: RecordBatch| batch.column(1).as_primitive::<Int64Type>().value(0);
        assert_eq!(number(fold.decoded(&standing).expect("decodes")), 2);
        assert_eq!(number(fold.before(&standing).expect("decodes")), 1);
        assert_eq!(standing[0].since, Millis(7));
    }

    #[test]
    fn equal_rows_count_and_nulls_are_equal() {
        use Kind::{Delete, Insert};
        let mut fold = Fold::new(schema()).expect("all types are known");
        fold.take(&changes(&[(Insert, None, 1), (Insert, None, 1), (Insert, Some("x"), 1), (Delete, None, 1)]))
            .expect("ok");
        assert_eq!(standing(&fold), [(None, 1), row("x", 1)]);
        fold.take(&changes(&[(Delete, Some("never"), 1)])).expect("ok");
        assert_eq!((fold.len(), fold.unmatched()), (2, 1));
    }

    proptest! {
        #[test]
        fn what_stands_is_what_a_bag_of_rows_holds(moves in prop::collection::vec((any::<bool>(), 0..3usize, 0..3i64), 0..60)) {
            let names = [None, Some("a"), Some("b")];
            let mut bag: Vec<(Option<String>, i64)> = Vec::new();
            let mut fold = Fold::new(schema()).expect("all types are known");
            for (add, name, number) in moves {
                let row = (names[name].map(str::to_string), number);
                let there = bag.iter().position(|held| *held == row);
                let kind = match (add, there) {
                    (true, _) => { bag.push(row); Kind::Insert }
                    (false, Some(at)) => { bag.remove(at); Kind::Delete }
                    (false, None) => continue,
                };
                fold.take(&changes(&[(kind, names[name], number)])).expect("ok");
            }
            let mut again = Fold::new(schema()).expect("all types are known");
            for (name, number) in bag.iter().rev() {
                again.take(&changes(&[(Kind::Insert, name.as_deref(), *number)])).expect("ok");
            }
            prop_assert!(fold.has_rows_of(&again) && again.clone().has_rows_of(&fold));
            again.take(&changes(&[(Kind::Insert, Some("b"), 1)])).expect("ok");
            prop_assert!(!fold.has_rows_of(&again) && !again.has_rows_of(&fold));
            let mut left = standing(&fold);
            left.sort();
            bag.sort();
            prop_assert_eq!(left, bag);
        }
    }
}
