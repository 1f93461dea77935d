//! Functions of groups over a batch. Cells come as bytes and go as bytes: whoever calls keeps them.

use crate::give::Texts;
use crate::guard::guarded;
use crate::{Build, Column, Outcome, State, Value};

fn read<S: State>(column: &Column<'_>, cell: usize) -> Result<Option<S>, String> {
    let Some(mut bytes) = column.optional::<&[u8]>(cell)? else { return Ok(None) };
    match S::load(&mut bytes) {
        Some(state) if bytes.is_empty() => Ok(Some(state)),
        _ => Err("was given a cell that another version of it has written".to_string()),
    }
}

fn write<S: State>(cells: impl IntoIterator<Item = Option<S>>) -> Result<crate::Built, String> {
    let mut out = Texts::default();
    let mut bytes = Vec::new();
    for cell in cells {
        match cell {
            Some(state) => {
                bytes.clear();
                state.save(&mut bytes);
                out.add(&bytes)?;
            }
            None => out.null(),
        }
    }
    Ok(out.finish())
}

/// Adds rows to their cells. The first column has the cells, the second says to which each row belongs.
pub fn update<S: State>(
    columns: &[Column<'_>],
    rows: usize,
    init: impl Fn() -> S,
    mut add: impl FnMut(&mut S, usize) -> Result<(), String>,
) -> Outcome {
    guarded(|at| {
        let mut cells: Vec<Option<S>> = Vec::new();
        for row in 0..rows {
            at.set(Some(row));
            let cell = group(&columns[1], row)?;
            while cells.len() <= cell {
                cells.push(read(&columns[0], cells.len())?);
            }
            add(cells[cell].get_or_insert_with(&init), row)?;
        }
        at.set(None);
        write(cells)
    })
}

fn group(column: &Column<'_>, row: usize) -> Result<usize, String> {
    Ok(i32::read(column, row)? as u32 as usize)
}

/// Joins each cell with the other at its place.
pub fn merge<S: State>(columns: &[Column<'_>], cells: usize, join: impl Fn(&mut S, S)) -> Outcome {
    guarded(|_| {
        let one = |cell: usize| {
            let (ours, theirs) = (read::<S>(&columns[0], cell)?, read::<S>(&columns[1], cell)?);
            Ok(match (ours, theirs) {
                (Some(mut ours), Some(theirs)) => {
                    join(&mut ours, theirs);
                    Some(ours)
                }
                (ours, theirs) => ours.or(theirs),
            })
        };
        write((0..cells).map(one).collect::<Result<Vec<_>, String>>()?)
    })
}

/// The result of each cell, which `give` adds to the others.
pub fn finish<S: State, B: Build>(
    columns: &[Column<'_>],
    cells: usize,
    init: impl Fn() -> S,
    give: impl Fn(&S, &mut B) -> Result<(), String>,
) -> Outcome {
    guarded(|_| {
        let mut out = B::default();
        for cell in 0..cells {
            let state = read::<S>(&columns[0], cell)?.unwrap_or_else(&init);
            give(&state, &mut out)?;
        }
        Ok(out.finish())
    })
}
