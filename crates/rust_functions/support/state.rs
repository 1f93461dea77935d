//! What a cell of an aggregate may hold, and how it becomes bytes: numbers little-endian, collections with their
//! length before them. Maps and sets are written in the order of their bytes, so that equal cells are equal
//! bytes whatever the order in which they were filled.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hash;

use crate::Timestamp;

/// Something that can be kept as bytes.
pub trait State: Sized {
    /// Writes it behind what is there.
    fn save(&self, out: &mut Vec<u8>);

    /// Reads it from the beginning, and leaves the rest.
    fn load(bytes: &mut &[u8]) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl State for $number {
            fn save(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn load(bytes: &mut &[u8]) -> Option<Self> {
                Some(<$number>::from_le_bytes(*bytes.split_off(..size_of::<$number>())?.as_array()?))
            }
        }
    )*};
}

numbers!(i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, f32, f64);

impl State for usize {
    fn save(&self, out: &mut Vec<u8>) {
        (*self as u64).save(out);
    }

    fn load(bytes: &mut &[u8]) -> Option<Self> {
        usize::try_from(u64::load(bytes)?).ok()
    }
}

impl State for bool {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Some(u8::load(bytes)? != 0)
    }
}

impl State for char {
    fn save(&self, out: &mut Vec<u8>) {
        u32::from(*self).save(out);
    }

    fn load(bytes: &mut &[u8]) -> Option<Self> {
        char::from_u32(u32::load(bytes)?)
    }
}

impl State for () {
    fn save(&self, _out: &mut Vec<u8>) {}

    fn load(_bytes: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl State for Timestamp {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn load(bytes: &mut &[u8]) -> Option<Self> {
        i64::load(bytes).map(Timestamp)
    }
}

impl State for String {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn load(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::load(bytes)?;
        String::from_utf8(bytes.split_off(..length)?.to_vec()).ok()
    }
}

impl<T: State> State for Option<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.is_some().save(out);
        if let Some(value) = self {
            value.save(out);
        }
    }

    fn load(bytes: &mut &[u8]) -> Option<Self> {
        if bool::load(bytes)? { T::load(bytes).map(Some) } else { Some(None) }
    }
}

impl<T: State, const N: usize> State for [T; N] {
    fn save(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|value| value.save(out));
    }

    fn load(bytes: &mut &[u8]) -> Option<Self> {
        let values: Option<Vec<T>> = (0..N).map(|_| T::load(bytes)).collect();
        values?.try_into().ok()
    }
}

/// Collections that keep their own order.
macro_rules! in_order {
    ($($collection:ident<$($item:ident: $bound:path),+> of $element:ty = $borrowed:pat => [$($part:expr),+]),*) => {$(
        impl<$($item: State + $bound),+> State for $collection<$($item),+> {
            fn save(&self, out: &mut Vec<u8>) {
                self.len().save(out);
                for $borrowed in self {
                    $($part.save(out);)+
                }
            }

            fn load(bytes: &mut &[u8]) -> Option<Self> {
                let length = usize::load(bytes)?;
                (0..length).map(|_| <$element>::load(bytes)).collect()
            }
        }
    )*};
}

in_order!(
    Vec<T: Sized> of T = value => [value],
    VecDeque<T: Sized> of T = value => [value],
    BTreeSet<T: Ord> of T = value => [value]
);

impl<K: State + Ord, V: State> State for BTreeMap<K, V> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        for (key, value) in self {
            key.save(out);
            value.save(out);
        }
    }

    fn load(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::load(bytes)?;
        (0..length).map(|_| <(K, V)>::load(bytes)).collect()
    }
}

/// Entries in the order of their bytes.
fn sorted(entries: impl Iterator<Item = Vec<u8>>, out: &mut Vec<u8>) {
    let mut entries: Vec<Vec<u8>> = entries.collect();
    entries.sort_unstable();
    entries.len().save(out);
    entries.iter().for_each(|entry| out.extend_from_slice(entry));
}

fn bytes_of(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

impl<T: State + Eq + Hash> State for HashSet<T> {
    fn save(&self, out: &mut Vec<u8>) {
        sorted(self.iter().map(|value| bytes_of(|out| value.save(out))), out);
    }

    fn load(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::load(bytes)?;
        (0..length).map(|_| T::load(bytes)).collect()
    }
}

impl<K: State + Eq + Hash, V: State> State for HashMap<K, V> {
    fn save(&self, out: &mut Vec<u8>) {
        let entry = |(key, value): (&K, &V)| {
            bytes_of(|out| {
                key.save(out);
                value.save(out);
            })
        };
        sorted(self.iter().map(entry), out);
    }

    fn load(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::load(bytes)?;
        (0..length).map(|_| <(K, V)>::load(bytes)).collect()
    }
}

macro_rules! tuples {
    ($($name:ident $index:tt),+) => {
        impl<$($name: State),+> State for ($($name,)+) {
            fn save(&self, out: &mut Vec<u8>) {
                $(self.$index.save(out);)+
            }

            fn load(bytes: &mut &[u8]) -> Option<Self> {
                Some(($($name::load(bytes)?,)+))
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
