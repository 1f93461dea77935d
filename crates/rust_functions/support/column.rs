//! Columns as a function reads them: a value at a row, read from Arrow's buffers without a copy.

use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use crate::Timestamp;

/// A column of a batch.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    offset: usize,
    /// A bit a row, if any row is null.
    validity: Option<*const u8>,
    /// The values, or where texts begin.
    first: *const u8,
    /// The texts.
    second: *const u8,
    lives: PhantomData<&'a ()>,
}

impl<'a> Column<'a> {
    /// A column over these buffers.
    ///
    /// # Safety
    /// They are those of an Arrow array that lives as long as `'a`, with `offset` and every row that is read.
    pub unsafe fn new(offset: usize, validity: *const u8, first: *const u8, second: *const u8) -> Column<'a> {
        let validity = (!validity.is_null()).then_some(validity);
        Column { offset, validity, first, second, lives: PhantomData }
    }

    /// Whether a row is null.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.validity.is_some_and(|bits| !self.bit(bits, row))
    }

    /// The value at a row, or `None` where it is null.
    #[inline]
    pub fn optional<T: Value<'a>>(&self, row: usize) -> Result<Option<T>, String> {
        if self.is_null(row) { Ok(None) } else { T::read(self, row).map(Some) }
    }

    #[inline]
    fn bit(&self, bits: *const u8, row: usize) -> bool {
        let at = self.offset + row;
        // SAFETY: a bitmap has a bit for every row (see `new`).
        unsafe { *bits.add(at / 8) & (1 << (at % 8)) != 0 }
    }

    #[inline]
    fn number<T: Copy>(&self, row: usize) -> T {
        // SAFETY: the first buffer has a value of this type for every row (see `new`, and the declared types).
        unsafe { self.first.cast::<T>().add(self.offset + row).read() }
    }

    #[inline]
    fn bytes(&self, row: usize) -> &'a [u8] {
        // SAFETY: a column of texts has one more border than rows, all of them inside the second buffer.
        unsafe {
            let borders = self.first.cast::<i32>().add(self.offset + row);
            let (start, end) = (borders.read() as usize, borders.add(1).read() as usize);
            std::slice::from_raw_parts(self.second.add(start), end - start)
        }
    }
}

/// What a function may take.
pub trait Value<'a>: Sized {
    /// The value at a row that is not null; a number that does not fit is refused.
    fn read(column: &Column<'a>, row: usize) -> Result<Self, String>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl<'a> Value<'a> for $number {
            #[inline]
            fn read(column: &Column<'a>, row: usize) -> Result<Self, String> {
                Ok(column.number(row))
            }
        }
    )*};
}

numbers!(i8, i16, i32, i64, f32, f64);

/// SQL has no numbers without a sign: they are read from the next wider type.
macro_rules! without_sign {
    ($($number:ty: $wider:ty),*) => {$(
        impl<'a> Value<'a> for $number {
            #[inline]
            fn read(column: &Column<'a>, row: usize) -> Result<Self, String> {
                let number: $wider = column.number(row);
                <$number>::try_from(number).map_err(|_| format!("was given {number}, which is no {}", stringify!($number)))
            }
        }
    )*};
}

without_sign!(u8: i16, u16: i32, u32: i64, u64: i64, usize: i64);

impl<'a> Value<'a> for bool {
    #[inline]
    fn read(column: &Column<'a>, row: usize) -> Result<Self, String> {
        Ok(column.bit(column.first, row))
    }
}

impl<'a> Value<'a> for &'a [u8] {
    #[inline]
    fn read(column: &Column<'a>, row: usize) -> Result<Self, String> {
        Ok(column.bytes(row))
    }
}

impl<'a> Value<'a> for Vec<u8> {
    #[inline]
    fn read(column: &Column<'a>, row: usize) -> Result<Self, String> {
        Ok(column.bytes(row).to_vec())
    }
}

impl<'a> Value<'a> for &'a str {
    #[inline]
    fn read(column: &Column<'a>, row: usize) -> Result<Self, String> {
        // SAFETY: Arrow's texts are UTF-8.
        Ok(unsafe { std::str::from_utf8_unchecked(column.bytes(row)) })
    }
}

impl<'a> Value<'a> for String {
    #[inline]
    fn read(column: &Column<'a>, row: usize) -> Result<Self, String> {
        <&str>::read(column, row).map(str::to_owned)
    }
}

impl<'a> Value<'a> for Timestamp {
    #[inline]
    fn read(column: &Column<'a>, row: usize) -> Result<Self, String> {
        Ok(Timestamp(column.number(row)))
    }
}

impl<'a> Value<'a> for SystemTime {
    #[inline]
    fn read(column: &Column<'a>, row: usize) -> Result<Self, String> {
        let millis: i64 = column.number(row);
        let distance = Duration::from_millis(millis.unsigned_abs());
        let time = if millis < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        };
        time.ok_or_else(|| format!("was given {millis} ms, which is no SystemTime"))
    }
}
