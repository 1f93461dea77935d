//! The rows of a result that are shown: of more than have room, the first and the last, with a gap between
//! them. The box table and a notebook's table are both drawn from this, so they say the same.

use millstream_record::Batch;

use super::grid::{Cell, Grid, Head, Tone};
use super::{Columns, Look};

/// Rows to show, as text that has been through the gate.
#[derive(Clone, Debug)]
pub struct Excerpt {
    /// The heads of the columns.
    pub heads: Vec<Head>,
    /// The cells of each row.
    pub rows: Vec<Vec<Cell>>,
    /// Before this row others are left out.
    pub gap: Option<usize>,
    /// How many rows there are with those that are not shown.
    pub total: u64,
}

impl Excerpt {
    /// All rows of these batches; `gap` and `total` speak of what was left out before.
    pub fn of(columns: &Columns, batches: &[Batch], gap: Option<usize>, total: u64, look: &Look) -> Excerpt {
        let rows = batches.iter().flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)));
        let rows = rows.map(|(batch, row)| columns.cells(batch, row, look)).collect();
        Excerpt { heads: columns.heads(), rows, gap, total }
    }

    /// How many of how many rows are shown, where some are not.
    pub fn note(&self) -> Option<String> {
        let shown = self.rows.len() as u64;
        (shown < self.total).then(|| format!("{shown} of {} rows shown", self.total))
    }

    /// The box table.
    pub fn text(&self, look: &Look) -> String {
        let grid = Grid::fit(self.heads.clone(), self.rows.iter().map(Vec::as_slice), look);
        let mut text = String::new();
        grid.head(&mut text, look);
        for (number, row) in self.rows.iter().enumerate() {
            if self.gap == Some(number) {
                let dots: Vec<Cell> = row.iter().map(|_| Cell { text: "⋮".into(), tone: Tone::Dim }).collect();
                grid.row(&mut text, &dots, look);
            }
            grid.row(&mut text, row, look);
        }
        grid.foot(&mut text, look);
        text.extend(self.note().map(|note| format!(" {note}\n")));
        if grid.hidden() > 0 {
            text.push_str(&format!(" {} columns have no room: \\output vertical shows them\n", grid.hidden()));
        }
        text
    }
}
