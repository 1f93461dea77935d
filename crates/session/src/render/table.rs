//! The box table of a finished result: the first and the last rows, and how many there are.

use std::collections::VecDeque;
use std::io::{self, Write};

use millstream_record::Batch;

use super::grid::{Cell, Grid, Tone};
use super::{Columns, Look, Writer};

/// Keeps what will be shown, and counts the rest: a result of any length takes constant memory.
pub struct Table {
    columns: Columns,
    look: Look,
    head: Vec<Vec<Cell>>,
    tail: VecDeque<Vec<Cell>>,
    count: u64,
}

impl Table {
    /// An empty table.
    pub fn new(columns: Columns, look: Look) -> Table {
        Table { columns, look, head: Vec::new(), tail: VecDeque::new(), count: 0 }
    }

    fn keep(&mut self, batch: &Batch) {
        let rows = batch.len();
        // Of a long batch only its first and its last rows can ever be shown.
        let (front, back) = (self.look.rows.saturating_sub(self.head.len()).min(rows), self.look.rows.min(rows));
        for row in 0..front {
            self.head.push(self.columns.cells(batch, row, &self.look));
        }
        for row in front.max(rows - back)..rows {
            self.tail.push_back(self.columns.cells(batch, row, &self.look));
            if self.tail.len() > self.look.rows {
                self.tail.pop_front();
            }
        }
        self.count += rows as u64;
    }

    /// The rows to show, and where the gap between them is.
    fn shown(&self) -> (Vec<&[Cell]>, Option<usize>) {
        let all: Vec<&[Cell]> = self.head.iter().chain(&self.tail).map(Vec::as_slice).collect();
        let most = self.look.rows.max(2);
        if self.count <= most as u64 {
            return (all, None);
        }
        let (first, last) = (most.div_ceil(2), most / 2);
        let rows = all[..first].iter().chain(&all[all.len() - last..]).copied().collect();
        (rows, Some(first))
    }
}

impl Writer for Table {
    fn rows(&mut self, _out: &mut dyn Write, batch: &Batch) -> io::Result<()> {
        self.keep(batch);
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let (rows, gap) = self.shown();
        let grid = Grid::fit(self.columns.heads(), rows.iter().copied(), &self.look);
        let mut text = String::new();
        grid.head(&mut text, &self.look);
        for (number, row) in rows.iter().enumerate() {
            if gap == Some(number) {
                let dots: Vec<Cell> = row.iter().map(|_| Cell { text: "⋮".into(), tone: Tone::Dim }).collect();
                grid.row(&mut text, &dots, &self.look);
            }
            grid.row(&mut text, row, &self.look);
        }
        grid.foot(&mut text, &self.look);
        if gap.is_some() {
            text.push_str(&format!(" {} of {} rows shown\n", rows.len(), self.count));
        }
        if grid.hidden() > 0 {
            text.push_str(&format!(" {} columns have no room: \\output vertical shows them\n", grid.hidden()));
        }
        out.write_all(text.as_bytes())
    }
}
