//! What a function may give, and how values become Arrow's buffers.

use std::any::Any;
use std::fmt::Display;
use std::time::SystemTime;

use crate::Timestamp;

/// A column that is finished: buffers in Arrow's order, the bitmap of what is not null first.
pub struct Built {
    pub(crate) rows: usize,
    pub(crate) nulls: usize,
    pub(crate) buffers: Vec<Option<Buffer>>,
    pub(crate) children: Vec<Built>,
}

/// Bytes that belong to a column.
pub(crate) struct Buffer {
    pub(crate) start: *const u8,
    pub(crate) bytes: usize,
    _owner: Box<dyn Any>,
}

impl Buffer {
    fn of<T: Copy + 'static>(values: Vec<T>) -> Option<Buffer> {
        Some(Buffer { start: values.as_ptr().cast(), bytes: size_of_val(&values[..]), _owner: Box::new(values) })
    }
}

/// Gathers values of one column.
pub trait Build: Default {
    /// Adds a null.
    fn null(&mut self);

    /// The column.
    fn finish(self) -> Built;
}

/// What a function may give for a row.
pub trait Give: Sized {
    /// What gathers such values.
    type Into: Build;

    /// Adds the value.
    fn give(self, into: &mut Self::Into) -> Result<(), String>;
}

/// A bit a row.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    rows: usize,
    unset: usize,
}

impl Bits {
    #[inline]
    fn add(&mut self, bit: bool) {
        if self.rows.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if bit {
            self.bytes[self.rows / 8] |= 1 << (self.rows % 8);
        } else {
            self.unset += 1;
        }
        self.rows += 1;
    }

    /// As a bitmap of what is not null; none if nothing is.
    fn validity(self) -> (usize, usize, Option<Buffer>) {
        (self.rows, self.unset, (self.unset > 0).then(|| Buffer::of(self.bytes)).flatten())
    }
}

/// Numbers of one width.
pub struct Numbers<T> {
    values: Vec<T>,
    valid: Bits,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Numbers { values: Vec::new(), valid: Bits::default() }
    }
}

impl<T> Numbers<T> {
    #[inline]
    fn add(&mut self, value: T) {
        self.values.push(value);
        self.valid.add(true);
    }
}

impl<T: Copy + Default + 'static> Build for Numbers<T> {
    fn null(&mut self) {
        self.values.push(T::default());
        self.valid.add(false);
    }

    fn finish(self) -> Built {
        let (rows, nulls, validity) = self.valid.validity();
        Built { rows, nulls, buffers: vec![validity, Buffer::of(self.values)], children: Vec::new() }
    }
}

/// Truth values.
#[derive(Default)]
pub struct Truths {
    values: Bits,
    valid: Bits,
}

impl Build for Truths {
    fn null(&mut self) {
        self.values.add(false);
        self.valid.add(false);
    }

    fn finish(self) -> Built {
        let (rows, nulls, validity) = self.valid.validity();
        Built { rows, nulls, buffers: vec![validity, Buffer::of(self.values.bytes)], children: Vec::new() }
    }
}

/// Texts, or bytes.
pub struct Texts {
    ends: Vec<i32>,
    bytes: Vec<u8>,
    valid: Bits,
}

impl Default for Texts {
    fn default() -> Self {
        Texts { ends: vec![0], bytes: Vec::new(), valid: Bits::default() }
    }
}

impl Texts {
    #[inline]
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.bytes.extend_from_slice(bytes);
        let end =
            i32::try_from(self.bytes.len()).map_err(|_| "gives more than 2 GiB of text for one batch".to_string())?;
        self.ends.push(end);
        self.valid.add(true);
        Ok(())
    }
}

impl Build for Texts {
    fn null(&mut self) {
        self.ends.push(self.bytes.len() as i32);
        self.valid.add(false);
    }

    fn finish(self) -> Built {
        let (rows, nulls, validity) = self.valid.validity();
        Built {
            rows,
            nulls,
            buffers: vec![validity, Buffer::of(self.ends), Buffer::of(self.bytes)],
            children: Vec::new(),
        }
    }
}

/// Lists of values: the rows that a table function gives for each row.
pub struct List<B> {
    ends: Vec<i32>,
    valid: Bits,
    /// The values of all lists, end to end.
    pub items: B,
    len: usize,
}

impl<B: Build> Default for List<B> {
    fn default() -> Self {
        List { ends: vec![0], valid: Bits::default(), items: B::default(), len: 0 }
    }
}

impl<B: Build> List<B> {
    /// Adds a list.
    pub fn add<G: Give<Into = B>>(&mut self, values: impl IntoIterator<Item = G>) -> Result<(), String> {
        for value in values {
            value.give(&mut self.items)?;
            self.len += 1;
        }
        let end =
            i32::try_from(self.len).map_err(|_| "gives more rows for one batch than can be counted".to_string())?;
        self.ends.push(end);
        self.valid.add(true);
        Ok(())
    }
}

impl<B: Build> Build for List<B> {
    fn null(&mut self) {
        self.ends.push(self.len as i32);
        self.valid.add(false);
    }

    fn finish(self) -> Built {
        let (rows, nulls, validity) = self.valid.validity();
        Built { rows, nulls, buffers: vec![validity, Buffer::of(self.ends)], children: vec![self.items.finish()] }
    }
}

/// Rows of several columns.
#[derive(Default)]
pub struct Record<C> {
    valid: Bits,
    /// Their columns.
    pub columns: C,
}

/// The columns of a record: a tuple of builders.
pub trait Columns: Default {
    /// Adds a null to each.
    fn null(&mut self);

    /// Each of them finished.
    fn finish(self) -> Vec<Built>;
}

impl<C: Columns> Record<C> {
    /// Says that each column has been given its value.
    pub fn added(&mut self) {
        self.valid.add(true);
    }
}

impl<C: Columns> Build for Record<C> {
    fn null(&mut self) {
        self.columns.null();
        self.valid.add(false);
    }

    fn finish(self) -> Built {
        let (rows, nulls, validity) = self.valid.validity();
        Built { rows, nulls, buffers: vec![validity], children: self.columns.finish() }
    }
}

macro_rules! tuples {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Build),+> Columns for ($($name,)+) {
            fn null(&mut self) {
                $(self.$index.null();)+
            }

            fn finish(self) -> Vec<Built> {
                vec![$(self.$index.finish()),+]
            }
        }

        impl<$($name: Give),+> Give for ($($name,)+) {
            type Into = Record<($($name::Into,)+)>;

            fn give(self, into: &mut Self::Into) -> Result<(), String> {
                $(self.$index.give(&mut into.columns.$index)?;)+
                into.added();
                Ok(())
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

macro_rules! numbers {
    ($($number:ty: $written:ty),*) => {$(
        impl Give for $number {
            type Into = Numbers<$written>;

            #[inline]
            fn give(self, into: &mut Self::Into) -> Result<(), String> {
                let written = <$written>::try_from(self);
                into.add(written.map_err(|_| format!("gives {self}, which is too large for SQL"))?);
                Ok(())
            }
        }
    )*};
}

numbers!(i8: i8, i16: i16, i32: i32, i64: i64, f32: f32, f64: f64, u8: i16, u16: i32, u32: i64, u64: i64, usize: i64);

impl Give for bool {
    type Into = Truths;

    fn give(self, into: &mut Truths) -> Result<(), String> {
        into.values.add(self);
        into.valid.add(true);
        Ok(())
    }
}

macro_rules! texts {
    ($($text:ty),*) => {$(
        impl Give for $text {
            type Into = Texts;

            #[inline]
            fn give(self, into: &mut Texts) -> Result<(), String> {
                into.add(AsRef::<[u8]>::as_ref(&self))
            }
        }
    )*};
}

texts!(String, &str, Vec<u8>, &[u8]);

impl Give for std::borrow::Cow<'_, str> {
    type Into = Texts;

    fn give(self, into: &mut Texts) -> Result<(), String> {
        into.add(self.as_bytes())
    }
}

impl Give for char {
    type Into = Texts;

    fn give(self, into: &mut Texts) -> Result<(), String> {
        into.add(self.encode_utf8(&mut [0; 4]).as_bytes())
    }
}

impl Give for Timestamp {
    type Into = Numbers<i64>;

    fn give(self, into: &mut Self::Into) -> Result<(), String> {
        self.0.give(into)
    }
}

impl Give for SystemTime {
    type Into = Numbers<i64>;

    fn give(self, into: &mut Self::Into) -> Result<(), String> {
        let millis = match self.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()),
            Err(before) => i64::try_from(before.duration().as_millis()).map(|millis| -millis),
        };
        millis.map_err(|_| "gives a time too far away for SQL".to_string())?.give(into)
    }
}

impl<T: Give> Give for Option<T> {
    type Into = T::Into;

    #[inline]
    fn give(self, into: &mut Self::Into) -> Result<(), String> {
        match self {
            Some(value) => value.give(into),
            None => {
                into.null();
                Ok(())
            }
        }
    }
}

impl<T: Give, E: Display> Give for Result<T, E> {
    type Into = T::Into;

    #[inline]
    fn give(self, into: &mut Self::Into) -> Result<(), String> {
        self.map_err(|error| format!("failed: {error}"))?.give(into)
    }
}
