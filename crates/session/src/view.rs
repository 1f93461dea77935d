//! The end of a query whose rows are looked at: it takes rows as they come and keeps what is to be seen of
//! them, in bounded memory, for a screen that asks for the newest picture whenever it can draw one.

use std::collections::VecDeque;

use arrow::error::ArrowError;
use millstream_plan::Changes;
use millstream_record::Batch;

use crate::fold::Fold;
use crate::render::{Columns, Excerpt, Look};

/// Which rows are kept of more than there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The first and the last: of a result that is known as a whole.
    Ends,
    /// The last: of a result that grows.
    Newest,
}

/// What is to be seen of a query's rows.
pub struct View {
    columns: Columns,
    keep: Keep,
    room: usize,
    rows: Rows,
    total: u64,
}

enum Rows {
    /// Rows only come: the first of them, and the last.
    Appended { head: Piece, tail: Piece },
    /// Rows are taken back and replaced: all that stand.
    Folded(Box<Fold>),
}

/// Some rows in order, and how many.
#[derive(Default)]
struct Piece {
    batches: VecDeque<Batch>,
    rows: usize,
}

/// What a view shows at one moment.
pub struct Picture {
    /// The rows in order.
    pub rows: Vec<Batch>,
    /// Before this row others are left out.
    pub gap: Option<usize>,
    /// How many rows there are with those that were left out.
    pub total: u64,
}

impl View {
    /// A view of at most `room` rows, at least 2. Where rows are taken back, all that stand are held, as the
    /// query itself holds them.
    pub fn new(columns: Columns, changes: Changes, keep: Keep, room: usize) -> Result<View, ArrowError> {
        let rows = match changes {
            Changes::Append => Rows::Appended { head: Piece::default(), tail: Piece::default() },
            Changes::Retract => Rows::Folded(Box::new(Fold::new(columns.schema.clone())?)),
        };
        Ok(View { columns, keep, room: room.max(2), rows, total: 0 })
    }

    /// The columns.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// How many rows stand.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Takes rows in order.
    pub fn take(&mut self, batch: &Batch) -> Result<(), ArrowError> {
        match &mut self.rows {
            Rows::Folded(fold) => {
                fold.take(batch)?;
                self.total = fold.len() as u64;
            }
            Rows::Appended { head, tail } => {
                let first = if self.keep == Keep::Ends { self.room } else { 0 };
                let front = first.saturating_sub(head.rows).min(batch.len());
                head.push(batch.slice(0, front));
                tail.push(batch.slice(front, batch.len() - front));
                tail.forget(self.room);
                self.total += batch.len() as u64;
            }
        }
        Ok(())
    }

    /// What is to be seen now.
    pub fn picture(&self) -> Result<Picture, ArrowError> {
        let left_out = self.total > self.room as u64;
        let first = match self.keep {
            Keep::Ends if left_out => self.room.div_ceil(2),
            Keep::Ends => self.room,
            Keep::Newest => 0,
        };
        let last = self.room - first;
        let rows = match &self.rows {
            Rows::Folded(fold) => fold.ends(first, last)?.map(Batch::insert).to_vec(),
            Rows::Appended { head, tail } => {
                let mut rows = head.first(first);
                let room = if self.keep == Keep::Ends { last } else { self.room };
                rows.extend(tail.last(room));
                // The last rows may still be among the first that were kept.
                if left_out && tail.rows < room {
                    let missing = room - tail.rows;
                    rows = head.first(first);
                    rows.extend(head.last(missing));
                    rows.extend(tail.last(room));
                }
                rows
            }
        };
        let rows = rows.into_iter().filter(|batch| !batch.is_empty()).collect();
        Ok(Picture { rows, gap: left_out.then_some(first), total: self.total })
    }

    /// The picture as text, cell by cell.
    pub fn excerpt(&self, look: &Look) -> Result<Excerpt, ArrowError> {
        let picture = self.picture()?;
        Ok(Excerpt::of(&self.columns, &picture.rows, picture.gap, picture.total, look))
    }
}

impl Piece {
    fn push(&mut self, batch: Batch) {
        if !batch.is_empty() {
            self.rows += batch.len();
            self.batches.push_back(batch);
        }
    }

    /// Forgets batches that hold none of the last `room` rows.
    fn forget(&mut self, room: usize) {
        while let Some(oldest) = self.batches.front()
            && self.rows - oldest.len() >= room
        {
            self.rows -= oldest.len();
            self.batches.pop_front();
        }
    }

    fn first(&self, mut most: usize) -> Vec<Batch> {
        let mut rows = Vec::new();
        for batch in &self.batches {
            let taken = batch.len().min(most);
            most -= taken;
            rows.push(batch.slice(0, taken));
        }
        rows
    }

    fn last(&self, mut most: usize) -> Vec<Batch> {
        let mut rows = Vec::new();
        for batch in self.batches.iter().rev() {
            let taken = batch.len().min(most);
            most -= taken;
            rows.push(batch.slice(batch.len() - taken, taken));
        }
        rows.reverse();
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch, cast::AsArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use proptest::prelude::*;

    use super::*;

    fn batch(numbers: std::ops::Range<i64>) -> Batch {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let column = Arc::new(Int64Array::from_iter_values(numbers));
        Batch::insert(RecordBatch::try_new(schema, vec![column]).expect("fits"))
    }

    fn shown(keep: Keep, changes: Changes, room: usize, sizes: &[i64]) -> (Vec<i64>, Option<usize>, u64) {
        let columns = Columns::of(batch(0..0).rows.schema());
        let mut view = View::new(columns, changes, keep, room).expect("all types are known");
        let mut next = 0;
        for size in sizes {
            view.take(&batch(next..next + size)).expect("it fits");
            next += size;
        }
        let picture = view.picture().expect("it fits");
        let numbers = |batch: &Batch| batch.rows.column(0).as_primitive::<Int64Type>().values().to_vec();
        (picture.rows.iter().flat_map(numbers).collect(), picture.gap, picture.total)
    }

    proptest! {
        #[test]
        fn a_picture_is_the_ends_or_the_end_of_all_rows(
            sizes in prop::collection::vec(0..9i64, 0..12), room in 2..12usize, folded in any::<bool>()
        ) {
            let all: Vec<i64> = (0..sizes.iter().sum()).collect();
            let changes = if folded { Changes::Retract } else { Changes::Append };
            let newest = all[all.len().saturating_sub(room)..].to_vec();
            let gap = (all.len() > room).then_some(0);
            prop_assert_eq!(shown(Keep::Newest, changes, room, &sizes), (newest, gap, all.len() as u64));
            let (ends, gap) = if all.len() > room {
                let first = room.div_ceil(2);
                ([&all[..first], &all[all.len() - (room - first)..]].concat(), Some(first))
            } else {
                (all.clone(), None)
            };
            prop_assert_eq!(shown(Keep::Ends, changes, room, &sizes), (ends, gap, all.len() as u64));
        }
    }

    #[test]
    fn a_long_stream_leaves_nothing_behind() {
        let columns = Columns::of(batch(0..0).rows.schema());
        let mut view = View::new(columns, Changes::Append, Keep::Newest, 50).expect("all types are known");
        for number in 0..10_000 {
            view.take(&batch(number * 7..number * 7 + 7)).expect("it fits");
        }
        let Rows::Appended { head, tail } = &view.rows else { panic!("rows only come") };
        assert_eq!((head.rows, view.total()), (0, 70_000));
        assert!(tail.rows < 57 && tail.batches.len() < 9, "{} rows are held", tail.rows);
    }
}
