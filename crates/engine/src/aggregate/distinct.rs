//! `DISTINCT` around any other function: a value reaches it when it is seen for the first time in its
//! group, and is taken back from it when its last copy is.

use std::any::Any;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
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
    groups: usize,
}

impl Distinct {
    /// Around `inner`, which takes arguments of these types.
    pub fn new(inner: Box<dyn Accumulator>, args: &[DataType]) -> Result<Self> {
        let types = std::iter::once(DataType::UInt32).chain(args.iter().cloned()).collect();
        Ok(Distinct { inner, pairs: Interner::new(types)?, copies: Vec::new(), groups: 0 })
    }

    fn number(&mut self, groups: &[u32], args: &[ArrayRef]) -> Result<Vec<u32>> {
        let group_column: ArrayRef = Arc::new(UInt32Array::from(groups.to_vec()));
        let columns: Vec<_> = std::iter::once(group_column).chain(args.iter().cloned()).collect();
        let mut pairs = Vec::new();
        self.pairs.intern(&columns, groups.len(), &mut pairs)?;
        self.copies.resize(self.pairs.len(), 0);
        Ok(pairs)
    }

    /// Only the rows that change which values are there.
    fn news(&mut self, rows: &Rows, groups: &[u32]) -> Result<Rows> {
        let pairs = self.number(groups, &rows.args)?;
        let news = pairs.iter().enumerate().map(|(row, &pair)| {
            if !rows.counts(row) {
                return false;
            }
            let copies = &mut self.copies[pair as usize];
            let back = rows.retracts(row);
            *copies += if back { -1 } else { 1 };
            *copies == i64::from(!back)
        });
        let keep: BooleanArray = news.map(Some).collect();
        Ok(Rows { keep: Some(keep), ..rows.clone() })
    }

    fn entries(&self) -> Result<Vec<ArrayRef>> {
        let present: Vec<u32> = (0..self.pairs.len() as u32).filter(|&pair| self.copies[pair as usize] != 0).collect();
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
        self.groups = groups.max(self.groups);
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
        let entries = same::<Self>(other).entries()?;
        let (groups, rest) = entries.split_first().expect("the group is the first column");
        let (copies, args) = rest.split_last().expect("the copies are the last column");
        let groups: Vec<u32> =
            groups.as_primitive::<UInt32Type>().values().iter().map(|&group| map[group as usize]).collect();
        self.add_entries(&groups, args, copies.as_primitive::<Int64Type>().values())
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        let entries = self.entries()?;
        let (groups, rest) = entries.split_first().expect("the group is the first column");
        let ours: Vec<u32> = (0u32..)
            .zip(groups.as_primitive::<UInt32Type>().values())
            .filter(|&(_, &group)| group == from)
            .map(|(row, _)| row)
            .collect();
        let ours = UInt32Array::from(ours);
        let rest = rest.iter().map(|column| take(column, &ours, None)).collect::<Result<Vec<_>, _>>()?;
        let (copies, args) = rest.split_last().expect("the copies are the last column");
        self.add_entries(&vec![to; ours.len()], args, copies.as_primitive::<Int64Type>().values())
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        self.inner.evaluate(groups)
    }

    fn reset(&mut self, group: u32) {
        self.inner.reset(group);
        // The pairs of a group are found by walking all of them: a group that empties by retraction has none left.
        for (pair, copies) in self.copies.iter_mut().enumerate() {
            let of_group = |keys: Vec<ArrayRef>| keys[0].as_primitive::<UInt32Type>().value(0) == group;
            if *copies != 0 && self.pairs.keys(&[pair as u32]).is_ok_and(of_group) {
                *copies = 0;
            }
        }
    }

    fn save(&mut self) -> Result<RecordBatch> {
        let names = (0..).map(|number| format!("c{number}"));
        let entries = names.zip(self.entries()?).map(|(name, column)| (name, column, true));
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
        self.inner.size() + self.pairs.size() + self.copies.capacity() * 8
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
