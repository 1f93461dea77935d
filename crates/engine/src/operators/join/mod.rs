//! Two streams joined without bounds in time, as Flink's `StreamingJoinOperator` does it: a row meets all rows of the other
//! side that are there, and stays for those that come. What is taken back takes its pairs back; a row of an outer side
//! stands padded while it has no partner. Of a semi join only left rows come out, while they have a partner; of an anti
//! join while they have none. Nothing is ever forgotten by itself.
//!
//! A batch belongs to one side, so the other side stands still meanwhile. The candidates of many rows are therefore gathered
//! and tested together; only then each row has its turn, which notes numbers, and the columns are gathered once.

mod shelf;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::{SchemaRef, UInt32Type};
use millstream_plan::{Changes, Join, JoinKind, RowType};
use millstream_record::{Batch, Kind, Kinds, Mark};

use crate::equality::{JoinKeys, LEFT, RIGHT};
use crate::error::Result;
use crate::inspect::{Detail, KeySample};
use crate::keys::Interner;
use crate::operator::{Operator, Output};
use crate::residual::Residual;
use crate::rows::{NO_ROW, RowStore};
use crate::state::Tables;
use shelf::{Entry, Shelf};

/// So many pairs are tested together.
const PAIRS: usize = 8192;

/// Joins two streams for ever.
pub struct JoinOperator {
    kind: JoinKind,
    keys: JoinKeys,
    interner: Interner,
    sides: [Side; 2],
    residual: Option<Residual>,
    schema: SchemaRef,
    /// Whether rows only ever come out.
    appends: bool,
}

/// One side of the join.
struct Side {
    name: &'static str,
    store: RowStore,
    shelf: Shelf,
    /// Tells rows apart by all that is in them; not there if none is ever taken back.
    identities: Option<Interner>,
    /// Whether rows without a partner stand padded.
    pads: bool,
    sample: KeySample,
}

/// A batch on its way through the operator.
struct Arrival<'a> {
    side: usize,
    batch: &'a Batch,
    keys: Vec<u32>,
    identities: Vec<u32>,
    /// Where there is a null, a key equals nothing.
    partners: Option<arrow::buffer::NullBuffer>,
    first: u64,
    /// Rows that the store need not keep.
    released: [Vec<u64>; 2],
}

/// What comes out: rows of both sides by number, the kind of the change, and the row that brought it about.
#[derive(Default)]
struct Changed {
    rows: [Vec<u64>; 2],
    kinds: Vec<Kind>,
    origins: Vec<u32>,
}

impl Changed {
    fn put(&mut self, side: usize, row: u64, partner: u64, kind: Kind, origin: usize) {
        self.rows[side].push(row);
        self.rows[1 - side].push(partner);
        self.kinds.push(kind);
        self.origins.push(origin as u32);
    }
}

impl Side {
    fn new(name: &'static str, row: &RowType, pads: bool) -> Result<Side> {
        let types = || row.schema.fields().iter().map(|field| field.data_type().clone()).collect();
        let identities = (row.changes == Changes::Retract).then(|| Interner::new(types())).transpose()?;
        let store = RowStore::new(row.schema.clone());
        Ok(Side { name, store, shelf: Shelf::default(), identities, pads, sample: KeySample::default() })
    }

    /// The identity of each row; all the same where it does not matter.
    fn identify(&mut self, rows: &RecordBatch) -> Result<Vec<u32>> {
        let mut identities = vec![0; rows.num_rows()];
        if let Some(interner) = &mut self.identities {
            interner.intern(rows.columns(), rows.num_rows(), &mut identities)?;
        }
        Ok(identities)
    }

    fn resize(&mut self, keys: usize) {
        self.shelf.resize(keys, self.identities.as_ref().map_or(1, Interner::len));
    }
}

impl Arrival<'_> {
    fn has_key(&self, row: usize) -> bool {
        self.partners.as_ref().is_none_or(|partners| partners.is_valid(row))
    }
}

impl JoinOperator {
    /// The operator for a plan over two streams; `schema` is what comes out.
    pub fn new(plan: &Join, left: &RowType, right: &RowType, schema: SchemaRef) -> Result<Self> {
        let keys = JoinKeys::new(&plan.on, left, right)?;
        let appended = [left, right].iter().all(|side| side.changes == Changes::Append);
        Ok(JoinOperator {
            kind: plan.kind,
            interner: Interner::new(keys.types())?,
            keys,
            sides: [
                Side::new("left", left, plan.kind.pads_left())?,
                Side::new("right", right, plan.kind.pads_right())?,
            ],
            residual: Residual::new(plan.residual.as_ref(), &left.schema, &right.schema)?,
            schema,
            appends: appended && matches!(plan.kind, JoinKind::Inner | JoinKind::Semi),
        })
    }

    /// Gives the rows of a batch their numbers.
    fn arrive<'a>(&mut self, side: usize, batch: &'a Batch) -> Result<Arrival<'a>> {
        let (columns, partners) = self.keys.of(side, &batch.rows);
        self.sides[side].sample.look(&batch.rows, &columns);
        let mut keys = Vec::new();
        self.interner.intern(&columns, batch.len(), &mut keys)?;
        let identities = self.sides[side].identify(&batch.rows)?;
        self.sides.iter_mut().for_each(|side| side.resize(self.interner.len()));
        let first = self.sides[side].store.push(&batch.rows);
        Ok(Arrival { side, batch, keys, identities, partners, first, released: Default::default() })
    }

    /// The rows from `start` whose candidates fit together, and the candidates: a row, and a place on the other side.
    fn candidates(&self, arrival: &Arrival<'_>, start: usize) -> (Range<usize>, Vec<(u32, u32)>) {
        let other = &self.sides[1 - arrival.side].shelf;
        let (mut end, mut found) = (start, Vec::new());
        while end < arrival.batch.len() && end - start < PAIRS && found.len() < PAIRS {
            if arrival.has_key(end) {
                found.extend(other.of(arrival.keys[end]).map(|place| (end as u32, place)));
            }
            end += 1;
        }
        (start..end, found)
    }

    /// Leaves the candidates for which the rest of the condition holds.
    fn test(&self, arrival: &Arrival<'_>, candidates: &mut Vec<(u32, u32)>) -> Result<()> {
        let Some(residual) = &self.residual else { return Ok(()) };
        let other = &self.sides[1 - arrival.side].shelf;
        let mut rows = [Vec::new(), Vec::new()];
        for &(row, place) in candidates.iter() {
            rows[arrival.side].push(arrival.first + u64::from(row));
            rows[1 - arrival.side].push(other.at(place).row);
        }
        let verdicts = residual.test(self.gather(&rows)?)?;
        let mut verdict = verdicts.iter();
        candidates.retain(|_| verdict.next() == Some(Some(true)));
        Ok(())
    }

    fn gather(&self, rows: &[Vec<u64>; 2]) -> Result<Vec<ArrayRef>> {
        let mut columns = self.sides[LEFT].store.gather(&rows[LEFT])?;
        columns.extend(self.sides[RIGHT].store.gather(&rows[RIGHT])?);
        Ok(columns)
    }

    /// Whether only left rows come out: while they have a partner (true), or while they have none.
    fn half(&self) -> Option<bool> {
        match self.kind {
            JoinKind::Semi => Some(true),
            JoinKind::Anti => Some(false),
            _ => None,
        }
    }

    /// What a row that comes or goes means for a semi or anti join; `met` is who comes out.
    fn turn(&mut self, arrival: &Arrival<'_>, row: usize, partners: &[(u32, u32)], met: bool, out: &mut Changed) {
        let (kind, number) = (arrival.batch.kind(row), arrival.first + row as u64);
        if arrival.side == LEFT {
            if partners.is_empty() != met {
                out.put(LEFT, number, NO_ROW, kind, row);
            }
            return;
        }
        let shelf = &mut self.sides[LEFT].shelf;
        for &(_, place) in partners {
            let count = shelf.partners(place);
            let (before, after) = match kind.is_retraction() {
                true => (*count, count.saturating_sub(1)),
                false => (*count, *count + 1),
            };
            *count = after;
            if (before == 0) != (after == 0) {
                let comes = (after > 0) == met;
                let kind = if comes { Kind::Insert } else { Kind::Delete };
                out.put(LEFT, shelf.at(place).row, NO_ROW, kind, row);
            }
        }
    }

    /// A row comes, and has these partners.
    fn enter(&mut self, arrival: &mut Arrival<'_>, row: usize, partners: &[(u32, u32)], out: &mut Changed) {
        let (side, number) = (arrival.side, arrival.first + row as u64);
        let pads = [self.sides[side].pads, self.sides[1 - side].pads];
        let kind = if pads == [false, false] { arrival.batch.kind(row) } else { Kind::Insert };
        if let Some(met) = self.half() {
            self.turn(arrival, row, partners, met, out);
        } else {
            if partners.is_empty() && pads[0] {
                out.put(side, number, NO_ROW, Kind::Insert, row);
            }
            let other = &mut self.sides[1 - side].shelf;
            for &(_, place) in partners.iter().filter(|_| pads[1]) {
                if *other.partners(place) == 0 {
                    out.put(side, NO_ROW, other.at(place).row, Kind::Delete, row);
                }
                *other.partners(place) += 1;
            }
            partners.iter().for_each(|&(_, place)| out.put(side, number, other.at(place).row, kind, row));
        }
        if !arrival.has_key(row) {
            return arrival.released[side].push(number);
        }
        let (key, identity) = (arrival.keys[row], arrival.identities[row]);
        self.sides[side].shelf.insert(Entry { key, identity, row: number, partners: partners.len() as u32 });
    }

    /// A row is taken back, and had these partners.
    fn leave(&mut self, arrival: &mut Arrival<'_>, row: usize, partners: &[(u32, u32)], out: &mut Changed) {
        let (side, number) = (arrival.side, arrival.first + row as u64);
        let pads = [self.sides[side].pads, self.sides[1 - side].pads];
        let kind = if pads[0] { Kind::Delete } else { arrival.batch.kind(row) };
        if arrival.has_key(row)
            && let Some(entry) = self.sides[side].shelf.remove(arrival.identities[row])
        {
            arrival.released[side].push(entry.row);
        }
        arrival.released[side].push(number);
        if let Some(met) = self.half() {
            return self.turn(arrival, row, partners, met, out);
        }
        if partners.is_empty() && pads[0] {
            out.put(side, number, NO_ROW, Kind::Delete, row);
        }
        let other = &mut self.sides[1 - side].shelf;
        partners.iter().for_each(|&(_, place)| out.put(side, number, other.at(place).row, kind, row));
        for &(_, place) in partners.iter().filter(|_| pads[1]) {
            let left = other.partners(place).saturating_sub(1);
            *other.partners(place) = left;
            if left == 0 {
                out.put(side, NO_ROW, other.at(place).row, Kind::Insert, row);
            }
        }
    }

    /// What came out for these rows of the batch, with the marks that stand among them.
    fn changes(&self, changed: Changed, batch: &Batch, rows: Range<usize>) -> Result<Batch> {
        let last = rows.end == batch.len();
        let here = |mark: &&Mark| {
            let after = mark.after as usize;
            (after > rows.start || rows.start == 0) && (after <= rows.end || last)
        };
        let marks: Vec<Mark> = batch.marks.iter().filter(here).copied().collect();
        let marks = Mark::replace(&marks, &changed.origins);
        let columns = match self.half() {
            Some(_) => self.sides[LEFT].store.gather(&changed.rows[LEFT])?,
            None => self.gather(&changed.rows)?,
        };
        let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
        Ok(match self.appends {
            true => Batch { marks, ..Batch::insert(rows) },
            false => Batch { marks, ..Batch::changes(rows, Kinds::new(changed.kinds)) },
        })
    }

    /// Frees rows, identities and keys that are not needed any more.
    fn forget(&mut self, arrival: Arrival<'_>) -> Result<()> {
        for (side, released) in self.sides.iter_mut().zip(arrival.released) {
            released.into_iter().for_each(|row| side.store.release(row));
            side.store.settle()?;
        }
        let side = &mut self.sides[arrival.side];
        if let Some(interner) = &mut side.identities {
            let mut gone = arrival.identities;
            gone.sort_unstable();
            gone.dedup();
            gone.retain(|&identity| side.shelf.is_gone(identity));
            gone.into_iter().for_each(|identity| interner.remove(identity));
        }
        let mut emptied = arrival.keys;
        emptied.sort_unstable();
        emptied.dedup();
        emptied.retain(|&key| self.sides.iter().all(|side| side.shelf.is_empty(key)));
        emptied.into_iter().for_each(|key| self.interner.remove(key));
        Ok(())
    }

    fn load_side(&mut self, side: usize, rows: RecordBatch, partners: &RecordBatch) -> Result<()> {
        let rows = rows.with_schema(self.sides[side].store.schema())?;
        let batch = Batch::insert(rows);
        let arrival = self.arrive(side, &batch)?;
        let counts = partners.column(0).as_primitive::<UInt32Type>().values();
        for (row, &partners) in counts.iter().enumerate() {
            let (key, identity) = (arrival.keys[row], arrival.identities[row]);
            let entry = Entry { key, identity, row: arrival.first + row as u64, partners };
            self.sides[side].shelf.insert(entry);
        }
        Ok(())
    }
}

impl Operator for JoinOperator {
    fn on_batch(&mut self, side: usize, batch: Batch, out: &mut Output) -> Result<()> {
        if batch.is_empty() {
            batch.watermark().into_iter().for_each(|watermark| out.watermark(watermark));
            return Ok(());
        }
        let mut arrival = self.arrive(side, &batch)?;
        let mut start = 0;
        while start < batch.len() {
            let (rows, mut candidates) = self.candidates(&arrival, start);
            self.test(&arrival, &mut candidates)?;
            let (mut rest, mut changed) = (candidates.as_slice(), Changed::default());
            for row in rows.clone() {
                let (partners, behind) = rest.split_at(rest.partition_point(|&(of, _)| of as usize == row));
                rest = behind;
                match batch.kind(row).is_retraction() {
                    false => self.enter(&mut arrival, row, partners, &mut changed),
                    true => self.leave(&mut arrival, row, partners, &mut changed),
                }
            }
            start = rows.end;
            out.emit(self.changes(changed, &batch, rows)?);
        }
        self.forget(arrival)
    }

    fn save(&mut self) -> Result<Tables> {
        let mut tables = Tables::new();
        for side in &self.sides {
            let all = side.shelf.all();
            let rows: Vec<u64> = all.iter().map(|entry| entry.row).collect();
            let partners: ArrayRef = Arc::new(all.iter().map(|entry| Some(entry.partners)).collect::<UInt32Array>());
            tables.insert(side.name.into(), side.store.batch(&rows)?);
            tables.insert(format!("{}.partners", side.name), RecordBatch::try_from_iter([("partners", partners)])?);
        }
        Ok(tables)
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        for side in [LEFT, RIGHT] {
            let name = self.sides[side].name;
            if let Some((rows, partners)) = tables.remove(name).zip(tables.remove(&format!("{name}.partners"))) {
                self.load_side(side, rows, &partners)?;
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let side =
            |side: &Side| side.store.size() + side.shelf.size() + side.identities.as_ref().map_or(0, Interner::size);
        self.interner.size() + self.sides.iter().map(side).sum::<usize>()
    }

    fn inspect(&self) -> Detail {
        let side = |side: &Side| crate::inspect::Side {
            held: side.store.len() as u64,
            times: None,
            keys: side.sample.shown(),
            whole: false,
        };
        Detail::Join(Box::new([side(&self.sides[LEFT]), side(&self.sides[RIGHT])]))
    }
}
