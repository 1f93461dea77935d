//! The keys of the first rows of a join's side: enough to see that `A1` and `a1` never meet.

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The first keys of one side.
#[derive(Debug, Default)]
pub struct KeySample {
    columns: Vec<ArrayRef>,
}

impl KeySample {
    /// So many keys are kept.
    pub const MOST: usize = 3;
    /// A key is cut behind so many characters.
    const LONGEST: usize = 60;

    /// Looks at the key columns of a batch; only the first batch with rows is kept of.
    pub fn look(&mut self, rows: &RecordBatch, keys: &[ArrayRef]) {
        if !self.columns.is_empty() || rows.num_rows() == 0 {
            return;
        }
        let first = UInt32Array::from_iter_values(0..rows.num_rows().min(Self::MOST) as u32);
        // Taken, not sliced: a slice would keep the whole batch. What cannot be taken is not shown.
        self.columns = keys.iter().filter_map(|key| take(key, &first, None).ok()).collect();
    }

    /// The keys as text, each once.
    pub fn shown(&self) -> Vec<String> {
        let options = FormatOptions::default().with_null("NULL");
        let columns: Vec<_> =
            self.columns.iter().filter_map(|column| ArrayFormatter::try_new(column, &options).ok()).collect();
        let rows = self.columns.first().map_or(0, |column| column.len());
        let key = |row: usize| {
            let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            cells.join(", ").chars().take(Self::LONGEST).collect()
        };
        let mut shown: Vec<String> = (0..rows).map(key).collect();
        shown.dedup();
        shown
    }
}
