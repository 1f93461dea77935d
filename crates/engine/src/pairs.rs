//! Pairs of row numbers, and the columns that are made of them. Whether an outer row has found a partner is
//! known only when the residual condition has been tested, so a padding is noted like a pair and dropped
//! later if its row carries the mark of a partner.

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter;
use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::Expr;
use millstream_record::{Batch, Kind, Kinds, Mark, Millis};

use crate::equality::{LEFT, RIGHT};
use crate::error::Result;
use crate::operator::Output;
use crate::residual::Residual;
use crate::rows::{NO_ROW, RowStore};

/// As many rows come out in one batch, at most.
const PIECE_ROWS: usize = 8192;

/// Pairs in the order in which they were found, and the watermarks between them. Where one number of a pair
/// is missing, the other row is padded.
#[derive(Default)]
pub struct Pairs {
    sides: [Vec<u64>; 2],
    /// What each of them is to what follows; empty if all are insertions.
    kinds: Vec<Kind>,
    marks: Vec<Mark>,
}

impl Pairs {
    /// Notes a row and its partner.
    pub fn put(&mut self, side: usize, row: u64, partner: u64) {
        self.sides[side].push(row);
        self.sides[1 - side].push(partner);
    }

    /// Notes of what kind the last pair, or padding, is. Where this is said, it is said of all.
    pub fn of_kind(&mut self, kind: Kind) {
        self.kinds.push(kind);
    }

    /// Notes that a row is to be padded if it found no partner.
    pub fn pad(&mut self, side: usize, row: u64) {
        self.put(side, row, NO_ROW);
    }

    /// Notes a watermark behind all that was noted.
    pub fn mark(&mut self, watermark: Millis) {
        let after = self.len() as u32;
        // Of several marks at one place the last says all.
        if self.marks.last().is_some_and(|mark| mark.after == after) {
            self.marks.pop();
        }
        self.marks.push(Mark { after, watermark });
    }

    /// How many pairs and paddings.
    pub fn len(&self) -> usize {
        self.sides[LEFT].len()
    }
}

/// What the pairs become.
pub struct Shape {
    residual: Option<Residual>,
    schema: SchemaRef,
}

impl Shape {
    /// The columns of both sides, filtered by a residual condition; `schema` is what comes out.
    pub fn new(residual: Option<&Expr>, left: &SchemaRef, right: &SchemaRef, schema: SchemaRef) -> Result<Self> {
        Ok(Shape { residual: Residual::new(residual, left, right)?, schema })
    }

    /// Emits what was noted, and empties the notes.
    pub fn emit(&self, pairs: &mut Pairs, stores: &mut [RowStore; 2], pads: [bool; 2], out: &mut Output) -> Result<()> {
        let Pairs { sides: [left, right], kinds, marks } = std::mem::take(pairs);
        let mut marks = marks.into_iter().peekable();
        for start in (0..left.len()).step_by(PIECE_ROWS) {
            let end = left.len().min(start + PIECE_ROWS);
            let mut here = Vec::new();
            while let Some(mark) = marks.next_if(|mark| (mark.after as usize) < end || end == left.len()) {
                here.push(Mark { after: mark.after - start as u32, ..mark });
            }
            let kinds = kinds.get(start..end).unwrap_or_default();
            out.emit(self.piece([&left[start..end], &right[start..end]], kinds, here, stores, pads)?);
        }
        if let Some(last) = marks.last() {
            out.watermark(last.watermark);
        }
        Ok(())
    }

    fn piece(
        &self,
        sides: [&[u64]; 2],
        kinds: &[Kind],
        marks: Vec<Mark>,
        stores: &mut [RowStore; 2],
        pads: [bool; 2],
    ) -> Result<Batch> {
        let mut columns = stores[LEFT].gather(sides[LEFT])?;
        columns.extend(stores[RIGHT].gather(sides[RIGHT])?);
        let of_kind = |kinds: Vec<Kind>| (!kinds.is_empty()).then(|| Kinds::new(kinds));
        if self.residual.is_none() && pads == [false, false] {
            let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
            return Ok(Batch { rows, kinds: of_kind(kinds.to_vec()), marks });
        }
        let keep = self.verdicts(sides, &columns, stores, pads)?;
        let columns: Vec<ArrayRef> = columns.iter().map(|column| filter(column, &keep)).collect::<Result<_, _>>()?;
        let kept: Vec<u32> = (0u32..).zip(keep.values()).filter_map(|(place, keep)| keep.then_some(place)).collect();
        let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
        let kinds = kept.iter().filter_map(|&place| kinds.get(place as usize).copied()).collect();
        Ok(Batch { rows, kinds: of_kind(kinds), marks: Mark::replace(&marks, &kept) })
    }

    /// Which pairs hold, and which paddings are due. Rows that found a partner are marked on the way.
    fn verdicts(
        &self,
        sides: [&[u64]; 2],
        columns: &[ArrayRef],
        stores: &mut [RowStore; 2],
        pads: [bool; 2],
    ) -> Result<BooleanArray> {
        let tested = self.residual.as_ref().map(|residual| residual.test(columns.to_vec())).transpose()?;
        let holds = |place: usize| {
            use arrow::array::Array;
            tested.as_ref().is_none_or(|tested| tested.is_valid(place) && tested.value(place))
        };
        let verdict = |(place, (&left, &right)): (usize, (&u64, &u64))| match (left, right) {
            (left, NO_ROW) => !stores[LEFT].marked(left),
            (NO_ROW, right) => !stores[RIGHT].marked(right),
            (left, right) => {
                let holds = holds(place);
                for (side, number) in [(LEFT, left), (RIGHT, right)] {
                    if holds && pads[side] {
                        stores[side].mark(number);
                    }
                }
                holds
            }
        };
        Ok(sides[LEFT].iter().zip(sides[RIGHT]).enumerate().map(verdict).collect::<Vec<bool>>().into())
    }
}
