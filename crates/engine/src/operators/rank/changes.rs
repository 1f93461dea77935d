//! Ranks that change: every row that comes in, or is taken back, moves the rows behind it. With the row
//! number in the result each of them is an update; without it only a row that enters or leaves the wanted
//! numbers is told. Of a stream that only appends no more rows are kept than can ever be wanted.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use millstream_plan::{Changes, Rank, RowType};
use millstream_record::{Batch, Kind, Kinds, Mark};

use super::line::Line;
use super::numbered;
use crate::error::Result;
use crate::keys::{Interner, hash_rows};
use crate::operator::{Operator, Output, Wake};
use crate::order::{Keys, SortKeys};
use crate::rows::RowStore;
use crate::state::Tables;

/// Top-N as changes.
pub struct ChangesRank {
    plan: Rank,
    newest_first: bool,
    /// Whether rows are ever taken back, so that all must be kept.
    retracts: bool,
    schema: SchemaRef,
    sort: SortKeys,
    interner: Interner,
    rows: RowStore,
    lines: Vec<Line>,
}

/// What a batch changes.
#[derive(Default)]
struct Told {
    numbers: Vec<u64>,
    kinds: Vec<Kind>,
    ranks: Vec<i64>,
    origins: Vec<u32>,
    released: Vec<u64>,
    emptied: Vec<u32>,
}

impl Told {
    fn say(&mut self, kind: Kind, number: u64, rank: usize, origin: u32) {
        self.numbers.push(number);
        self.kinds.push(kind);
        self.ranks.push(rank as i64);
        self.origins.push(origin);
    }

    /// What stands at a rank is replaced, taken away, or new.
    fn replace(&mut self, before: Option<u64>, after: Option<u64>, rank: usize, origin: u32) {
        match (before, after) {
            (Some(before), Some(after)) => {
                self.say(Kind::UpdateBefore, before, rank, origin);
                self.say(Kind::UpdateAfter, after, rank, origin);
            }
            (Some(before), None) => self.say(Kind::Delete, before, rank, origin),
            (None, Some(after)) => self.say(Kind::Insert, after, rank, origin),
            (None, None) => {}
        }
    }
}

impl ChangesRank {
    /// The operator for a plan over rows of type `input`; `newest_first` among rows that stand alike.
    pub fn new(plan: &Rank, newest_first: bool, input: &RowType, schema: SchemaRef) -> Result<Self> {
        let types = plan.partition.iter().map(|&key| input.data_type(key).clone()).collect();
        Ok(ChangesRank {
            plan: plan.clone(),
            newest_first,
            retracts: input.changes == Changes::Retract,
            schema,
            sort: SortKeys::new(&plan.order, input)?,
            interner: Interner::new(types)?,
            rows: RowStore::new(input.schema.clone()),
            lines: Vec::new(),
        })
    }

    fn groups(&mut self, rows: &RecordBatch) -> Result<Vec<u32>> {
        let keys: Vec<ArrayRef> = self.plan.partition.iter().map(|&key| rows.column(key).clone()).collect();
        let mut groups = Vec::new();
        self.interner.intern(&keys, rows.num_rows(), &mut groups)?;
        self.lines.resize_with(self.interner.len(), Line::default);
        Ok(groups)
    }

    /// Hashes by which rows are found again; not needed where none is taken back.
    fn hashes(&self, rows: &RecordBatch) -> Result<Vec<u64>> {
        if self.retracts { hash_rows(rows.columns(), rows.num_rows()) } else { Ok(vec![0; rows.num_rows()]) }
    }

    fn add(&mut self, group: u32, key: &[u8], hash: u64, number: u64, told: &mut Told, origin: u32) {
        let line = &mut self.lines[group as usize];
        let place = line.place(key, self.newest_first);
        let last = usize::try_from(self.plan.last).unwrap_or(usize::MAX);
        if !self.retracts && place >= last {
            told.released.push(number);
            return;
        }
        line.insert(place, key, hash, number);
        tell(&self.plan, line, place, None, told, origin);
        if !self.retracts {
            told.released.extend(line.truncate(last));
        }
    }

    fn take_back(
        &mut self,
        group: u32,
        key: &[u8],
        hash: u64,
        number: u64,
        told: &mut Told,
        origin: u32,
    ) -> Result<()> {
        told.released.push(number);
        let line = &mut self.lines[group as usize];
        for (place, candidate) in line.candidates(key, hash).collect::<Vec<_>>() {
            let (ours, theirs) = (self.rows.gather(&[candidate])?, self.rows.gather(&[number])?);
            if ours == theirs {
                let removed = line.remove(place);
                tell(&self.plan, line, place, Some(removed), told, origin);
                told.released.push(removed);
                if line.len() == 0 {
                    told.emptied.push(group);
                }
                return Ok(());
            }
        }
        // What was never there cannot be taken back: the row was filtered, or came after its time.
        Ok(())
    }

    fn walk(&mut self, batch: &Batch) -> Result<Told> {
        let groups = self.groups(&batch.rows)?;
        let keys: Keys = self.sort.of(&batch.rows)?;
        let hashes = self.hashes(&batch.rows)?;
        let first = self.rows.push(&batch.rows);
        let mut told = Told::default();
        for (row, (&group, &hash)) in groups.iter().zip(&hashes).enumerate() {
            let (key, number, origin) = (keys.get(row), first + row as u64, row as u32);
            match batch.kind(row).is_retraction() {
                true => self.take_back(group, key, hash, number, &mut told, origin)?,
                false => self.add(group, key, hash, number, &mut told, origin),
            }
        }
        Ok(told)
    }

    fn forget(&mut self, told: Told) -> Result<()> {
        told.released.into_iter().for_each(|number| self.rows.release(number));
        let mut emptied = told.emptied;
        emptied.retain(|&group| self.lines[group as usize].len() == 0);
        emptied.sort_unstable();
        emptied.dedup();
        emptied.into_iter().for_each(|group| self.interner.remove(group));
        self.rows.settle()
    }
}

/// Tells what a row that came to `place`, or was `removed` from it, does to the wanted ranks.
fn tell(plan: &Rank, line: &Line, place: usize, removed: Option<u64>, told: &mut Told, origin: u32) {
    let limit = |rank: u64| usize::try_from(rank).unwrap_or(usize::MAX);
    let (first, last) = (limit(plan.first), limit(plan.last));
    // What stood at a place before, as seen from the line as it is now.
    let before = |at: usize| match removed {
        Some(removed) if at == place => Some(removed),
        Some(_) if at > place => line.get(at - 1),
        None if at >= place => line.get(at + 1),
        _ => line.get(at),
    };
    let from = (place + 1).max(first);
    let to = last.min(line.len() + usize::from(removed.is_some()));
    if plan.number {
        (from..=to).for_each(|rank| told.replace(before(rank - 1), line.get(rank - 1), rank, origin));
        return;
    }
    if from > last {
        return;
    }
    // One row leaves at one end, another comes in at the other.
    let (leaves, enters) = match removed {
        Some(_) => (before(from - 1), line.get(last - 1)),
        None => (before(last - 1), line.get(from - 1)),
    };
    if first == last {
        return told.replace(leaves, enters, first, origin);
    }
    told.replace(leaves, None, from, origin);
    told.replace(None, enters, from, origin);
}

impl Operator for ChangesRank {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let mut told = self.walk(&batch)?;
        let rows = numbered(&self.rows, &told.numbers, std::mem::take(&mut told.ranks), &self.schema)?;
        let kinds = Kinds::new(told.kinds.iter().copied());
        out.emit(Batch { marks: Mark::replace(&batch.marks, &told.origins), ..Batch::changes(rows, kinds) });
        self.forget(told)
    }

    fn save(&mut self) -> Result<Tables> {
        Ok([("rows".into(), self.rows.batch(&self.rows.live())?)].into())
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        let Some(rows) = tables.remove("rows") else { return Ok(()) };
        let told = self.walk(&Batch::insert(rows.with_schema(self.rows.schema())?))?;
        self.forget(told)
    }

    fn wake(&self) -> Wake {
        Wake::Never
    }

    fn size(&self) -> usize {
        self.interner.size() + self.rows.size() + self.lines.iter().map(Line::size).sum::<usize>()
    }
}
