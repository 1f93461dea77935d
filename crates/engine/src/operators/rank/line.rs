//! The rows of one partition, in order.

/// Rows in order; of rows with one key the one that came first stands first, or last.
#[derive(Default)]
pub struct Line(Vec<Entry>);

/// A row of a line.
pub struct Entry {
    /// Its place in the order, as bytes.
    pub key: Box<[u8]>,
    /// A hash of the whole row, to find it again.
    pub hash: u64,
    /// Its number in the store.
    pub number: u64,
}

impl Line {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The row at a place, from 0.
    pub fn get(&self, place: usize) -> Option<u64> {
        self.0.get(place).map(|entry| entry.number)
    }

    /// Where a row with this key goes.
    pub fn place(&self, key: &[u8], newest_first: bool) -> usize {
        self.0.partition_point(|entry| if newest_first { *entry.key < *key } else { *entry.key <= *key })
    }

    /// Puts a row at its place.
    pub fn insert(&mut self, place: usize, key: &[u8], hash: u64, number: u64) {
        self.0.insert(place, Entry { key: key.into(), hash, number });
    }

    /// The places of rows with this key and hash.
    pub fn candidates(&self, key: &[u8], hash: u64) -> impl Iterator<Item = (usize, u64)> {
        let from = self.0.partition_point(|entry| *entry.key < *key);
        let alike = self.0[from..].iter().take_while(move |entry| *entry.key == *key);
        let places = alike.enumerate().filter(move |(_, entry)| entry.hash == hash);
        places.map(move |(place, entry)| (from + place, entry.number))
    }

    /// Takes a row out.
    pub fn remove(&mut self, place: usize) -> u64 {
        self.0.remove(place).number
    }

    /// Takes out what stands behind the first `rows`.
    pub fn truncate(&mut self, rows: usize) -> impl Iterator<Item = u64> {
        let rows = rows.min(self.0.len());
        self.0.drain(rows..).map(|entry| entry.number)
    }

    /// Bytes in use, roughly.
    pub fn size(&self) -> usize {
        self.0.iter().map(|entry| size_of::<Entry>() + entry.key.len()).sum()
    }
}
