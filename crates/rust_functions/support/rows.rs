//! Functions of rows over a batch: a value, or rows, for each.

use crate::guard::guarded;
use crate::{Build, Give, List, Outcome};

/// A value for each row; `None` where a null argument gives null without a call.
pub fn values<G: Give>(rows: usize, mut call: impl FnMut(usize) -> Result<Option<G>, String>) -> Outcome {
    guarded(|at| {
        let mut out = G::Into::default();
        for row in 0..rows {
            at.set(Some(row));
            match call(row)? {
                Some(value) => value.give(&mut out)?,
                None => out.null(),
            }
        }
        at.set(None);
        Ok(out.finish())
    })
}

/// Rows for each row, as lists; `None` where a null argument gives none without a call.
pub fn tables<I>(rows: usize, mut call: impl FnMut(usize) -> Result<Option<I>, String>) -> Outcome
where
    I: IntoIterator,
    I::Item: Give,
{
    guarded(|at| {
        let mut out = List::<<I::Item as Give>::Into>::default();
        for row in 0..rows {
            at.set(Some(row));
            match call(row)? {
                Some(items) => out.add(items)?,
                None => out.null(),
            }
        }
        at.set(None);
        Ok(out.finish())
    })
}
