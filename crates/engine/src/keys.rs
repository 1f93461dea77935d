//! Group keys to dense numbers. Every aggregation and join asks for each row: which group is this?
//!
//! One column of up to eight bytes is looked up by its bits, one column of text by its bytes, anything else
//! by Arrow's row encoding, which makes one comparable byte string of several columns. Null is a key
//! like any other. Numbers of groups that went away are used again.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use hashbrown::HashTable;

use crate::error::Result;
use crate::keys::bits::{from_bits, is_wordlike, to_bits};

mod bits;

/// The hash that numbers groups and spreads rows: seeded once for all, so that a run can be repeated.
fn hasher() -> foldhash::fast::FixedState {
    foldhash::fast::FixedState::with_seed(0x6d69_6c6c_7374_7265)
}

/// Maps keys to dense numbers, and back.
pub struct Interner {
    types: Vec<DataType>,
    table: HashTable<u32>,
    hashes: Vec<u64>,
    free: Vec<u32>,
    keys: Keys,
}

/// The keys by number.
enum Keys {
    /// No column: one group.
    Nothing,
    /// One column of at most eight bytes.
    Words { words: Vec<u64>, null: Option<u32> },
    /// Text, or encoded rows.
    Bytes { arena: Arena, converter: Option<RowConverter> },
}

/// Byte strings end to end, each reachable by its number.
#[derive(Default)]
struct Arena {
    bytes: Vec<u8>,
    spans: Vec<(usize, u32)>,
    garbage: usize,
}

impl Interner {
    /// An empty map for keys of these types.
    pub fn new(types: Vec<DataType>) -> Result<Self> {
        let keys = match types.as_slice() {
            [] => Keys::Nothing,
            [one] if is_wordlike(one) => Keys::Words { words: Vec::new(), null: None },
            many => {
                let fields = many.iter().map(|data_type| SortField::new(data_type.clone())).collect();
                Keys::Bytes { arena: Arena::default(), converter: Some(RowConverter::new(fields)?) }
            }
        };
        let keys = match (types.as_slice(), keys) {
            ([DataType::Utf8], _) => Keys::Bytes { arena: Arena::default(), converter: None },
            (_, keys) => keys,
        };
        Ok(Interner { types, table: HashTable::new(), hashes: Vec::new(), free: Vec::new(), keys })
    }

    /// One more than the highest number in use.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Makes room for so many keys more, which are about to come.
    pub fn reserve(&mut self, keys: usize) {
        let hashes = &self.hashes;
        self.table.reserve(keys, |&group| hashes[group as usize]);
        self.hashes.reserve(keys);
    }

    /// Numbers rows `0..rows`: `groups[row]` is the group of the key in that row.
    pub fn intern(&mut self, columns: &[ArrayRef], rows: usize, groups: &mut Vec<u32>) -> Result<()> {
        groups.clear();
        groups.reserve(rows);
        match &mut self.keys {
            Keys::Nothing => {
                if self.hashes.is_empty() && rows > 0 {
                    self.hashes.push(0);
                }
                groups.resize(rows, 0);
            }
            Keys::Words { words, null } => {
                let (bits, nulls) = to_bits(&columns[0])?;
                let (table, hashes, free, hasher) = (&mut self.table, &mut self.hashes, &mut self.free, hasher());
                for (row, &word) in bits.iter().enumerate() {
                    if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                        groups.push(*null.get_or_insert_with(|| place(free, hashes, words, 0, 0)));
                        continue;
                    }
                    let hash = hash_word(&hasher, word);
                    let same = |group: &u32| words[*group as usize] == word && Some(*group) != *null;
                    let group = match table.find(hash, same) {
                        Some(&group) => group,
                        None => {
                            let group = place(free, hashes, words, hash, word);
                            table.insert_unique(hash, group, |&group| hashes[group as usize]);
                            group
                        }
                    };
                    groups.push(group);
                }
            }
            Keys::Bytes { arena, converter: None } => {
                let texts = columns[0].as_string::<i32>();
                let mut find = Finder { table: &mut self.table, hashes: &mut self.hashes, free: &mut self.free, arena };
                for row in 0..rows {
                    groups.push(find.group(text_key(texts, row)));
                }
            }
            Keys::Bytes { arena, converter: Some(converter) } => {
                let encoded = converter.convert_columns(columns)?;
                let mut find = Finder { table: &mut self.table, hashes: &mut self.hashes, free: &mut self.free, arena };
                groups.extend(encoded.iter().map(|row| find.group(row.as_ref())));
            }
        }
        Ok(())
    }

    /// The group of each key, or `u32::MAX` where the key has not been seen. Nothing is added.
    pub fn find(&self, columns: &[ArrayRef], rows: usize, groups: &mut Vec<u32>) -> Result<()> {
        groups.clear();
        let absent = |group: Option<u32>| group.unwrap_or(u32::MAX);
        match &self.keys {
            Keys::Nothing => groups.resize(rows, if self.hashes.is_empty() { u32::MAX } else { 0 }),
            Keys::Words { words, null } => {
                let (bits, nulls) = to_bits(&columns[0])?;
                let hasher = hasher();
                groups.extend(bits.iter().enumerate().map(|(row, &word)| {
                    if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                        return absent(*null);
                    }
                    let same = |group: &u32| words[*group as usize] == word && Some(*group) != *null;
                    absent(self.table.find(hash_word(&hasher, word), same).copied())
                }));
            }
            Keys::Bytes { arena, converter } => {
                let lookup =
                    |key: &[u8]| absent(self.table.find(hash_bytes(key), |&group| arena.get(group) == key).copied());
                match converter {
                    None => {
                        let texts = columns[0].as_string::<i32>();
                        groups.extend((0..rows).map(|row| lookup(text_key(texts, row))));
                    }
                    Some(converter) => {
                        groups.extend(converter.convert_columns(columns)?.iter().map(|row| lookup(row.as_ref())))
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes keys back under the numbers they had, into an empty map. Numbers between them are free.
    pub fn restore(&mut self, columns: &[ArrayRef], numbers: &[u32]) -> Result<()> {
        let length = numbers.iter().max().map_or(0, |&number| number as usize + 1);
        let mut used = vec![false; length];
        numbers.iter().for_each(|&number| used[number as usize] = true);
        if !columns.is_empty() {
            self.hashes.resize(length, 0);
            match &mut self.keys {
                Keys::Nothing => {}
                Keys::Words { words, .. } => words.resize(length, 0),
                Keys::Bytes { arena, .. } => arena.spans.resize(length, (0, 0)),
            }
            let hashes = &self.hashes;
            self.table.reserve(numbers.len(), |&group| hashes[group as usize]);
            // The next new key takes the last free number.
            self.free = numbers.iter().rev().copied().collect();
        }
        self.intern(columns, numbers.len(), &mut Vec::new())?;
        self.free = (0..length as u32).rev().filter(|&number| !used[number as usize]).collect();
        Ok(())
    }

    /// Forgets a group; its number will be used again.
    pub fn remove(&mut self, group: u32) {
        let hash = self.hashes[group as usize];
        match &mut self.keys {
            Keys::Nothing => return,
            Keys::Words { null, .. } if *null == Some(group) => *null = None,
            _ => {
                if let Ok(entry) = self.table.find_entry(hash, |&other| other == group) {
                    entry.remove();
                }
            }
        }
        if let Keys::Bytes { arena, .. } = &mut self.keys {
            arena.forget(group);
        }
        self.free.push(group);
    }

    /// The keys of these groups, one array per key column.
    pub fn keys(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        match &self.keys {
            Keys::Nothing => Ok(Vec::new()),
            Keys::Words { words, null } => {
                let values = groups.iter().map(|&group| (Some(group) != *null).then(|| words[group as usize]));
                Ok(vec![from_bits(values, &self.types[0])?])
            }
            Keys::Bytes { arena, converter: None } => {
                let text = |group: &u32| std::str::from_utf8(arena.get(*group)).ok();
                Ok(vec![Arc::new(groups.iter().map(text).collect::<StringArray>())])
            }
            Keys::Bytes { arena, converter: Some(converter) } => {
                let parser = converter.parser();
                Ok(converter.convert_rows(groups.iter().map(|&group| parser.parse(arena.get(group))))?)
            }
        }
    }

    /// Bytes in use.
    pub fn size(&self) -> usize {
        let keys = match &self.keys {
            Keys::Nothing => 0,
            Keys::Words { words, .. } => words.capacity() * 8,
            Keys::Bytes { arena, .. } => arena.bytes.capacity() + arena.spans.capacity() * 16,
        };
        keys + self.hashes.capacity() * 8 + self.table.capacity() * 5
    }
}

/// Gives a new key a number and a place.
fn place(free: &mut Vec<u32>, hashes: &mut Vec<u64>, words: &mut Vec<u64>, hash: u64, word: u64) -> u32 {
    match free.pop() {
        Some(group) => {
            (hashes[group as usize], words[group as usize]) = (hash, word);
            group
        }
        None => {
            hashes.push(hash);
            words.push(word);
            (words.len() - 1) as u32
        }
    }
}

/// The parts of an interner that a search by bytes needs.
struct Finder<'a> {
    table: &'a mut HashTable<u32>,
    hashes: &'a mut Vec<u64>,
    free: &'a mut Vec<u32>,
    arena: &'a mut Arena,
}

impl Finder<'_> {
    fn group(&mut self, key: &[u8]) -> u32 {
        let hash = hash_bytes(key);
        let (arena, hashes) = (&*self.arena, &*self.hashes);
        if let Some(&group) = self.table.find(hash, |&group| arena.get(group) == key) {
            return group;
        }
        let group = self.free.pop().unwrap_or(hashes.len() as u32);
        if group as usize == self.hashes.len() {
            self.hashes.push(hash);
        } else {
            self.hashes[group as usize] = hash;
        }
        self.arena.put(group, key);
        let hashes = &*self.hashes;
        self.table.insert_unique(hash, group, |&group| hashes[group as usize]);
        group
    }
}

impl Arena {
    fn get(&self, group: u32) -> &[u8] {
        let (start, length) = self.spans[group as usize];
        &self.bytes[start..start + length as usize]
    }

    fn put(&mut self, group: u32, key: &[u8]) {
        let span = (self.bytes.len(), key.len() as u32);
        self.bytes.extend_from_slice(key);
        if group as usize == self.spans.len() {
            self.spans.push(span);
        } else {
            self.spans[group as usize] = span;
        }
    }

    fn forget(&mut self, group: u32) {
        self.garbage += self.spans[group as usize].1 as usize;
        self.spans[group as usize].1 = 0;
        if self.garbage > 4096 && self.garbage * 2 > self.bytes.len() {
            let mut kept = Vec::with_capacity(self.bytes.len() - self.garbage);
            for (start, length) in &mut self.spans {
                let moved = kept.len();
                kept.extend_from_slice(&self.bytes[*start..*start + *length as usize]);
                *start = moved;
            }
            (self.bytes, self.garbage) = (kept, 0);
        }
    }
}

fn hash_word(hasher: &foldhash::fast::FixedState, word: u64) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u64(word);
    state.finish()
}

fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut state = hasher().build_hasher();
    state.write(bytes);
    state.finish()
}

/// The bytes of a text key. A null text is told from an empty one by a byte that no text holds.
fn text_key(texts: &StringArray, row: usize) -> &[u8] {
    if texts.is_valid(row) { texts.value(row).as_bytes() } else { &[0xff] }
}

/// A hash of the key in each row, the same for equal keys in every batch and every run.
pub fn hash_rows(columns: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
    match columns {
        [] => Ok(vec![0; rows]),
        [one] if is_wordlike(one.data_type()) => {
            let (bits, nulls) = to_bits(one)?;
            let hasher = hasher();
            let hash = |(row, &word): (usize, &u64)| {
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) { 0 } else { hash_word(&hasher, word) }
            };
            Ok(bits.iter().enumerate().map(hash).collect())
        }
        [one] if one.data_type() == &DataType::Utf8 => {
            let texts = one.as_string::<i32>();
            Ok((0..rows).map(|row| hash_bytes(text_key(texts, row))).collect())
        }
        many => {
            let fields = many.iter().map(|column| SortField::new(column.data_type().clone())).collect();
            let encoded = RowConverter::new(fields)?.convert_columns(many)?;
            Ok(encoded.iter().map(|row| hash_bytes(row.as_ref())).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use proptest::prelude::*;

    use super::*;

    fn numbers(interner: &mut Interner, columns: &[ArrayRef]) -> Vec<u32> {
        let mut groups = Vec::new();
        interner.intern(columns, columns[0].len(), &mut groups).expect("interns");
        groups
    }

    fn same_key_same_number(columns: Vec<ArrayRef>) {
        let mut interner =
            Interner::new(columns.iter().map(|column| column.data_type().clone()).collect()).expect("types");
        let groups = numbers(&mut interner, &columns);
        let back = interner.keys(&groups).expect("keys");
        assert_eq!(back, columns);
        let mut found = Vec::new();
        interner.find(&columns, columns[0].len(), &mut found).expect("finds");
        assert_eq!(found, groups);
    }

    proptest! {
        #[test]
        fn keys_come_back(numbers in prop::collection::vec(prop::option::of(-3i64..3), 1..50), texts in prop::collection::vec(prop::option::of("[ab]{0,2}"), 50)) {
            let texts: ArrayRef = Arc::new(StringArray::from(texts[..numbers.len()].to_vec()));
            let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
            same_key_same_number(vec![numbers.clone()]);
            same_key_same_number(vec![texts.clone()]);
            same_key_same_number(vec![numbers, texts]);
        }
    }

    #[test]
    fn numbers_of_removed_groups_are_used_again() {
        let words = |values: &[Option<i64>]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
        let mut interner = Interner::new(vec![DataType::Int64]).expect("types");
        assert_eq!(numbers(&mut interner, &[words(&[Some(7), None, Some(0)])]), [0, 1, 2]);
        interner.remove(1);
        interner.remove(0);
        assert_eq!(numbers(&mut interner, &[words(&[Some(0), Some(8), None, Some(7)])]), [2, 0, 1, 3]);
        let mut texts = Interner::new(vec![DataType::Utf8]).expect("types");
        let column: ArrayRef = Arc::new(StringArray::from(vec!["a", "bb"]));
        numbers(&mut texts, &[column]);
        texts.remove(0);
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some("bb"), Some("ccc"), None]));
        assert_eq!(numbers(&mut texts, &[column]), [1, 0, 2]);
    }
}
