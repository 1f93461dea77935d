//! The box table of a finished result: the first and the last rows, and how many there are.

use std::collections::VecDeque;
use std::io::{self, Write};

use millstream_record::Batch;

use super::excerpt::Excerpt;
use super::grid::Cell;
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

    fn excerpt(&mut self) -> Excerpt {
        let most = self.look.rows.max(2);
        let mut rows = std::mem::take(&mut self.head);
        rows.extend(self.tail.drain(..));
        let mut gap = None;
        if self.count > most as u64 {
            let first = most.div_ceil(2);
            rows.drain(first..rows.len() - most / 2);
            gap = Some(first);
        }
        Excerpt { heads: self.columns.heads(), rows, gap, total: self.count }
    }
}

impl Writer for Table {
    fn rows(&mut self, _out: &mut dyn Write, batch: &Batch) -> io::Result<()> {
        self.keep(batch);
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.excerpt().text(&self.look).as_bytes())
    }
}
