//! `DISTINCT` around any other function: a value reaches it when it is seen for the first time in its
//! group, and is taken back from it when its last copy is.

use std::any::Any;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Int64Type, UInt32Type};

use crate::aggregate::{Accumulator, Rows, same};
use crate::error::Result;
use crate::keys::Interner;

/// Counts each value per group and lets the first copy through.
pub struct Distinct {
    inner: Box<dyn Accumulator>,
    /// Pairs of group and value.
    pairs: Interner,
    copies: Vec<i64>,
    /// The pairs of each group, in order of arrival unless rows are taken back.
    groups: Vec<Vec<u32>>,
    /// Where each pair stands in the list of its group.
    places: Vec<usize>,
}

impl Distinct {
    /// Around `inner`, which takes arguments of these types.
    pub fn new(inner: Box<dyn Accumulator>, args: &[DataType]) -> Result<Self> {
        let types = std::iter::once(DataType::UInt32).chain(args.iter().cloned()).collect();
        Ok(Distinct { inner, pairs: Interner::new(types)?, copies: Vec::new(), groups: Vec::new(), places: Vec::new() })
    }

    fn number(&mut self, groups: &[u32], args: &[ArrayRef]) -> Result<Vec<u32>> {
        let group_column: ArrayRef = Arc::new(UInt32Array::from(groups.to_vec()));
        let columns: Vec<_> = std::iter::once(group_column).chain(args.iter().cloned()).collect();
        let mut pairs = Vec::new();
        self.pairs.intern(&columns, groups.len(), &mut pairs)?;
        self.copies.resize(self.pairs.len(), 0);
        self.places.resize(self.pairs.len(), usize::MAX);
        for (&pair, &group) in pairs.iter().zip(groups) {
            let place = &mut self.places[pair as usize];
            if *place == usize::MAX {
                *place = self.groups[group as usize].len();
                self.groups[group as usize].push(pair);
            }
        }
        Ok(pairs)
    }

    /// Forgets pairs of which no copy is left.
    fn forget(&mut self, mut gone: Vec<(u32, u32)>) {
        gone.sort_unstable();
        gone.dedup();
        for (group, pair) in gone {
            if self.copies[pair as usize] == 0 {
                let list = &mut self.groups[group as usize];
                let place = std::mem::replace(&mut self.places[pair as usize], usize::MAX);
                list.swap_remove(place);
                if let Some(&moved) = list.get(place) {
                    self.places[moved as usize] = place;
                }
                self.pairs.remove(pair);
            }
        }
    }

    /// Only the rows that change which values are there.
    fn news(&mut self, rows: &Rows, groups: &[u32]) -> Result<Rows> {
        let pairs = self.number(groups, &rows.args)?;
        let mut gone = Vec::new();
        let news = pairs.iter().zip(groups).enumerate().map(|(row, (&pair, &group))| {
            let copies = &mut self.copies[pair as usize];
            let (counts, back) = (rows.counts(row), rows.retracts(row));
            *copies += match (counts, back) {
                (false, _) => 0,
                (true, false) => 1,
                (true, true) => -1,
            };
            if *copies == 0 {
                gone.push((group, pair));
            }
            counts && *copies == i64::from(!back)
        });
        let keep: BooleanArray = news.map(Some).collect();
        self.forget(gone);
        Ok(Rows { keep: Some(keep), ..rows.clone() })
    }

    /// The pairs of some groups with their copies: groups, values, copies.
    fn entries(&self, groups: std::ops::Range<usize>) -> Result<Vec<ArrayRef>> {
        let present: Vec<u32> = self.groups[groups].iter().flatten().copied().collect();
        let mut columns = self.pairs.keys(&present)?;
        columns.push(Arc::new(Int64Array::from_iter_values(present.iter().map(|&pair| self.copies[pair as usize]))));
        Ok(columns)
    }

    /// Adds entries of (group, values, copies), of which new values reach the inner function.
    fn add_entries(&mut self, groups: &[u32], args: &[ArrayRef], copies: &[i64]) -> Result<()> {
        let pairs = self.number(groups, args)?;
        let news = pairs.iter().zip(copies).map(|(&pair, &more)| {
            let ours = &mut self.copies[pair as usize];
            let news = *ours <= 0 && *ours + more > 0;
            *ours += more;
            Some(news)
        });
        let keep = Some(news.collect::<BooleanArray>());
        let rows = Rows { args: args.to_vec(), keep, kinds: None, len: groups.len() };
        self.inner.update(&rows, groups)
    }
}

impl Accumulator for Distinct {
    fn resize(&mut self, groups: usize) {
        self.groups.resize(groups.max(self.groups.len()), Vec::new());
        self.inner.resize(groups);
    }

    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()> {
        let news = self.news(rows, groups)?;
        self.inner.update(&news, groups)
    }

    fn scan(&mut self, rows: &Rows, groups: &[u32]) -> Result<(ArrayRef, ArrayRef)> {
        let news = self.news(rows, groups)?;
        self.inner.scan(&news, groups)
    }

    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()> {
        let other = same::<Self>(other);
        let entries = other.entries(0..other.groups.len())?;
        let (groups, rest) = entries.split_first().expect("the group is the first column");
        let (copies, args) = rest.split_last().expect("the copies are the last column");
        let groups: Vec<u32> =
            groups.as_primitive::<UInt32Type>().values().iter().map(|&group| map[group as usize]).collect();
        self.add_entries(&groups, args, copies.as_primitive::<Int64Type>().values())
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        let entries = self.entries(from as usize..from as usize + 1)?;
        let (groups, rest) = entries.split_first().expect("the group is the first column");
        let (copies, args) = rest.split_last().expect("the copies are the last column");
        self.add_entries(&vec![to; groups.len()], args, copies.as_primitive::<Int64Type>().values())
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        self.inner.evaluate(groups)
    }

    fn reset(&mut self, group: u32) {
        self.inner.reset(group);
        for pair in std::mem::take(&mut self.groups[group as usize]) {
            self.copies[pair as usize] = 0;
            self.places[pair as usize] = usize::MAX;
            self.pairs.remove(pair);
        }
    }

    fn save(&mut self) -> Result<RecordBatch> {
        let names = std::iter::once("group".to_string()).chain((0..).map(|number| format!("c{number}")));
        let entries = names.zip(self.entries(0..self.groups.len())?).map(|(name, column)| (name, column, true));
        Ok(RecordBatch::try_from_iter_with_nullable(entries)?)
    }

    fn load(&mut self, table: &RecordBatch) -> Result<()> {
        let (groups, rest) = table.columns().split_first().expect("the group is the first column");
        let (copies, args) = rest.split_last().expect("the copies are the last column");
        let groups = groups.as_primitive::<UInt32Type>().values().to_vec();
        self.resize(groups.iter().max().map_or(0, |&group| group as usize + 1));
        self.add_entries(&groups, args, copies.as_primitive::<Int64Type>().values())
    }

    fn size(&self) -> usize {
        self.inner.size() + self.pairs.size() + self.copies.capacity() * 24
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
