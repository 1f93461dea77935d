//! The box table of a query that goes on: rows are written as they come. The first rows fix the widths,
//! which then stay; the names come again when they have left the screen.

use std::io::{self, Write};

use millstream_record::Batch;

use super::grid::{Cell, Grid};
use super::{Columns, Look};

/// Numbers grow while a query runs: they get this much room from the start.
const NUMBER_ROOM: usize = 8;

/// A table without a known end.
pub struct LiveTable {
    columns: Columns,
    look: Look,
    grid: Option<Grid>,
    /// After so many rows the names are written again.
    page: usize,
    on_page: usize,
}

impl LiveTable {
    /// A table whose names come again every `page` rows.
    pub fn new(columns: Columns, look: Look, page: usize) -> LiveTable {
        LiveTable { columns, look, grid: None, page: page.max(5), on_page: 0 }
    }

    /// Writes rows as they come.
    pub fn rows(&mut self, out: &mut dyn Write, batch: &Batch) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let cells: Vec<Vec<Cell>> = (0..batch.len()).map(|row| self.columns.cells(batch, row, &self.look)).collect();
        let mut text = String::new();
        let grid = match self.grid.take() {
            Some(grid) => grid,
            None => {
                let mut grid = Grid::fit(self.columns.heads(), cells.iter().map(Vec::as_slice), &self.look);
                grid.widen(|head| if head.right { NUMBER_ROOM } else { 0 }, &self.look);
                grid.head(&mut text, &self.look);
                grid
            }
        };
        for row in &cells {
            if self.on_page == self.page {
                grid.rule(&mut text, &self.look);
                grid.names(&mut text, &self.look);
                self.on_page = 0;
            }
            grid.row(&mut text, row, &self.look);
            self.on_page += 1;
        }
        self.grid = Some(grid);
        out.write_all(text.as_bytes())
    }

    /// Closes the box; without a row there is an empty one.
    pub fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut text = String::new();
        let grid = self.grid.take().unwrap_or_else(|| {
            let grid = Grid::fit(self.columns.heads(), [], &self.look);
            grid.head(&mut text, &self.look);
            grid
        });
        grid.foot(&mut text, &self.look);
        out.write_all(text.as_bytes())
    }
}
