//! Rows whose time has come: those that the marks of a batch let go, in the order in which the search takes them.

use millstream_record::Millis;

/// Rows that the watermark has reached.
#[derive(Debug, Default)]
pub struct Ripe {
    /// The rows, by time and arrival.
    pub rows: Vec<RipeRow>,
    /// The watermarks that let them go.
    pub marks: Vec<Millis>,
}

/// A row whose time has come.
#[derive(Clone, Copy, Debug)]
pub struct RipeRow {
    /// Its number in the store.
    pub number: u64,
    /// Its partition.
    pub group: u32,
    /// Its time.
    pub time: i64,
    /// Which of the marks let it go.
    pub mark: u32,
}

/// The ripe rows of one partition, in order, by their places in [`Ripe::rows`].
#[derive(Debug)]
pub struct Line {
    pub group: u32,
    pub rows: Vec<u32>,
}

impl Ripe {
    /// The rows of each partition, the longest line first. `key` orders rows of one time.
    pub fn lines<'k>(&self, key: &dyn Fn(usize) -> &'k [u8]) -> Vec<Line> {
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        order.sort_by(|&one, &other| {
            let (a, b) = (&self.rows[one as usize], &self.rows[other as usize]);
            let by_key = || key(one as usize).cmp(key(other as usize));
            (a.group, a.time).cmp(&(b.group, b.time)).then_with(by_key).then(one.cmp(&other))
        });
        let same = |a: &u32, b: &u32| self.rows[*a as usize].group == self.rows[*b as usize].group;
        let line = |rows: &[u32]| Line { group: self.rows[rows[0] as usize].group, rows: rows.to_vec() };
        let mut lines: Vec<Line> = order.chunk_by(same).map(line).collect();
        lines.sort_by_key(|line| (std::cmp::Reverse(line.rows.len()), line.rows[0]));
        lines
    }

    /// The first mark that reaches a time; the last one, if none does.
    pub fn mark_at(&self, time: i64) -> u32 {
        let at = self.marks.partition_point(|mark| mark.0 < time);
        at.min(self.marks.len().saturating_sub(1)) as u32
    }
}
