//! The rows of one side of a join: in the order of arrival under their key, each with the number of its partners, and to
//! be found again by what is in them. Entries hang together in chains, so that a key with a million rows gives one up as
//! fast as a key with two.

/// The end of a chain.
const NONE: u32 = u32::MAX;

/// A row that waits for partners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number of its key.
    pub key: u32,
    /// What is in it: rows of equal columns have the same number.
    pub identity: u32,
    /// Its number in the row store.
    pub row: u64,
    /// How many partners it has now.
    pub partners: u32,
}

#[derive(Clone, Copy, Debug)]
struct Links {
    before: u32,
    behind: u32,
    /// The one before it with the same identity.
    older: u32,
}

/// Rows by key.
#[derive(Debug, Default)]
pub struct Shelf {
    entries: Vec<(Entry, Links)>,
    free: Vec<u32>,
    /// Per key its first and its last entry.
    keys: Vec<(u32, u32)>,
    /// Per identity its newest entry.
    newest: Vec<u32>,
}

impl Shelf {
    /// Makes room for so many keys and identities.
    pub fn resize(&mut self, keys: usize, identities: usize) {
        self.keys.resize(keys.max(self.keys.len()), (NONE, NONE));
        self.newest.resize(identities.max(self.newest.len()), NONE);
    }

    /// Adds a row behind those of its key.
    pub fn insert(&mut self, entry: Entry) {
        let (key, identity) = (entry.key as usize, entry.identity as usize);
        let links = Links { before: self.keys[key].1, behind: NONE, older: self.newest[identity] };
        let place = match self.free.pop() {
            Some(place) => {
                self.entries[place as usize] = (entry, links);
                place
            }
            None => {
                self.entries.push((entry, links));
                (self.entries.len() - 1) as u32
            }
        };
        match links.before {
            NONE => self.keys[key].0 = place,
            before => self.entries[before as usize].1.behind = place,
        }
        self.keys[key].1 = place;
        self.newest[identity] = place;
    }

    /// Takes the newest row of this identity away, if there is one.
    pub fn remove(&mut self, identity: u32) -> Option<Entry> {
        let place = self.newest[identity as usize];
        let &(entry, links) = self.entries.get(place as usize)?;
        self.newest[identity as usize] = links.older;
        let ends = &mut self.keys[entry.key as usize];
        match links.before {
            NONE => ends.0 = links.behind,
            before => self.entries[before as usize].1.behind = links.behind,
        }
        match links.behind {
            NONE => ends.1 = links.before,
            behind => self.entries[behind as usize].1.before = links.before,
        }
        self.free.push(place);
        Some(entry)
    }

    /// The places of the rows of a key, from the oldest.
    pub fn of(&self, key: u32) -> impl Iterator<Item = u32> {
        let first = Some(self.keys[key as usize].0).filter(|&place| place != NONE);
        std::iter::successors(first, |&place| {
            Some(self.entries[place as usize].1.behind).filter(|&behind| behind != NONE)
        })
    }

    /// The row at a place.
    pub fn at(&self, place: u32) -> Entry {
        self.entries[place as usize].0
    }

    /// The number of partners of the row at a place, to be changed.
    pub fn partners(&mut self, place: u32) -> &mut u32 {
        &mut self.entries[place as usize].0.partners
    }

    /// Whether no row of a key is there.
    pub fn is_empty(&self, key: u32) -> bool {
        self.keys[key as usize].0 == NONE
    }

    /// Whether no row of an identity is there.
    pub fn is_gone(&self, identity: u32) -> bool {
        self.newest[identity as usize] == NONE
    }

    /// All rows in the order in which they came.
    pub fn all(&self) -> Vec<Entry> {
        let keys = (0..self.keys.len() as u32).flat_map(|key| self.of(key));
        let mut all: Vec<Entry> = keys.map(|place| self.at(place)).collect();
        all.sort_unstable_by_key(|entry| entry.row);
        all
    }

    /// Bytes in use.
    pub fn size(&self) -> usize {
        let entries = self.entries.capacity() * size_of::<(Entry, Links)>() + self.free.capacity() * 4;
        entries + self.keys.capacity() * 8 + self.newest.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: u32, identity: u32, row: u64) -> Entry {
        Entry { key, identity, row, partners: 0 }
    }

    fn rows(shelf: &Shelf, key: u32) -> Vec<u64> {
        shelf.of(key).map(|place| shelf.at(place).row).collect()
    }

    #[test]
    fn rows_stand_in_their_order_and_the_newest_of_equal_ones_goes_first() {
        let mut shelf = Shelf::default();
        shelf.resize(2, 3);
        for (identity, row) in [(0, 10), (1, 11), (0, 12), (2, 13)] {
            shelf.insert(entry(0, identity, row));
        }
        shelf.insert(entry(1, 1, 14));
        assert_eq!(rows(&shelf, 0), [10, 11, 12, 13]);
        assert_eq!(shelf.remove(0), Some(entry(0, 0, 12)));
        assert_eq!(rows(&shelf, 0), [10, 11, 13]);
        assert_eq!(shelf.remove(0), Some(entry(0, 0, 10)));
        assert_eq!((shelf.remove(0), shelf.is_gone(0)), (None, true));
        shelf.insert(entry(0, 0, 15));
        assert_eq!(rows(&shelf, 0), [11, 13, 15]);
        assert_eq!(shelf.remove(1), Some(entry(1, 1, 14)), "the newest, whatever its key");
        assert!(shelf.is_empty(1));
        assert_eq!(shelf.all().iter().map(|entry| entry.row).collect::<Vec<_>>(), [11, 13, 15]);
    }
}
