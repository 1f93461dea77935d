//! Making columns: one Arrow array for a stretch of row numbers.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryBuilder, BooleanArray, Int64Array, ListArray, MapArray, NullBufferBuilder,
    PrimitiveArray, StringBuilder, StructArray, Time32MillisecondArray, TimestampMillisecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMillisecondType,
};
use millstream_record::{Millis, Result};

use super::field::{Field, Length, Make};
use crate::generate::dice::{Dice, mix};

const DAY_MS: i64 = 86_400_000;

/// The rows to make.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// The seed of the table.
    pub seed: u64,
    /// The number of each row.
    pub numbers: &'a [u64],
    /// The time on the clock.
    pub now: Millis,
}

impl Field {
    /// The values of the rows.
    pub fn array(&self, rows: Rows<'_>) -> Result<ArrayRef> {
        let nulls = self.nulls(rows);
        match &self.make {
            Make::Sequence { start, .. } => {
                let values = rows.numbers.iter().map(|&row| start.wrapping_add(row as i64)).collect();
                Ok(cast(&Int64Array::new(values, nulls), &self.data_type)?)
            }
            Make::Integer { min, max } => Ok(self.integers(rows, nulls, *min, *max)),
            Make::Float { min, max } => Ok(self.floats(rows, nulls, *min, *max)),
            Make::Decimal { min, max } => {
                let span = max.wrapping_sub(*min) as u128;
                let throw = |dice: &mut Dice| min.wrapping_add(wide_below(dice, span + 1) as i128);
                let plain = self.numbers::<Decimal128Type, _>(rows, nulls, throw, |value| value);
                Ok(Arc::new(plain.with_data_type(self.data_type.clone())))
            }
            Make::Boolean => {
                let values = rows.numbers.iter().map(|&row| self.dice(rows, row).percent(50)).collect();
                Ok(Arc::new(BooleanArray::new(values, nulls)))
            }
            Make::Text { length } => Ok(self.text(rows, nulls, *length)),
            Make::Past { max_past_ms } => self.past(rows, nulls, *max_past_ms),
            Make::Now => self.today(rows, nulls),
            Make::List { element, length } => self.list(rows, nulls, element, *length),
            Make::Map { key, value, length } => self.map(rows, nulls, [key, value], *length),
            Make::Row(fields) => self.row(rows, nulls, fields),
        }
    }

    /// The dice of a value; what says whether it is null has its own.
    fn dice(&self, rows: Rows<'_>, row: u64) -> Dice {
        Dice::new(rows.seed, self.stream * 2, row)
    }

    fn nulls(&self, rows: Rows<'_>) -> Option<NullBuffer> {
        if self.null_rate == 0.0 {
            return None;
        }
        let mut nulls = NullBufferBuilder::new(rows.numbers.len());
        for &row in rows.numbers {
            nulls.append(Dice::new(rows.seed, self.stream * 2 + 1, row).unit() >= self.null_rate);
        }
        nulls.finish()
    }

    fn numbers<T: ArrowPrimitiveType, V>(
        &self,
        rows: Rows<'_>,
        nulls: Option<NullBuffer>,
        throw: impl Fn(&mut Dice) -> V,
        narrow: fn(V) -> T::Native,
    ) -> PrimitiveArray<T> {
        let values = rows.numbers.iter().map(|&row| narrow(throw(&mut self.dice(rows, row)))).collect();
        PrimitiveArray::new(values, nulls)
    }

    fn integers(&self, rows: Rows<'_>, nulls: Option<NullBuffer>, min: i64, max: i64) -> ArrayRef {
        let span = max.wrapping_sub(min) as u64;
        let throw = move |dice: &mut Dice| {
            let above = if span == u64::MAX { dice.bits() } else { dice.below(span + 1) };
            min.wrapping_add(above as i64)
        };
        match self.data_type {
            DataType::Int8 => Arc::new(self.numbers::<Int8Type, _>(rows, nulls, throw, |value| value as i8)),
            DataType::Int16 => Arc::new(self.numbers::<Int16Type, _>(rows, nulls, throw, |value| value as i16)),
            DataType::Int32 => Arc::new(self.numbers::<Int32Type, _>(rows, nulls, throw, |value| value as i32)),
            _ => Arc::new(self.numbers::<Int64Type, _>(rows, nulls, throw, |value| value)),
        }
    }

    fn floats(&self, rows: Rows<'_>, nulls: Option<NullBuffer>, min: f64, max: f64) -> ArrayRef {
        let throw = move |dice: &mut Dice| {
            let unit = dice.unit();
            (min * (1.0 - unit) + max * unit).clamp(min, max)
        };
        match self.data_type {
            DataType::Float32 => Arc::new(self.numbers::<Float32Type, _>(rows, nulls, throw, |value| value as f32)),
            _ => Arc::new(self.numbers::<Float64Type, _>(rows, nulls, throw, |value| value)),
        }
    }

    fn text(&self, rows: Rows<'_>, nulls: Option<NullBuffer>, length: Length) -> ArrayRef {
        let is_null = |index: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(index));
        let (mut strings, mut binaries) = (StringBuilder::new(), BinaryBuilder::new());
        let is_text = self.data_type == DataType::Utf8;
        let mut digits = String::new();
        for (index, &row) in rows.numbers.iter().enumerate() {
            digits.clear();
            hex(&mut self.dice(rows, row), length, &mut digits);
            match (is_text, is_null(index)) {
                (true, true) => strings.append_null(),
                (true, false) => strings.append_value(&digits),
                (false, true) => binaries.append_null(),
                (false, false) => binaries.append_value(&digits),
            }
        }
        if is_text { Arc::new(strings.finish()) } else { Arc::new(binaries.finish()) }
    }

    fn past(&self, rows: Rows<'_>, nulls: Option<NullBuffer>, max_past_ms: u64) -> Result<ArrayRef> {
        let throw = |dice: &mut Dice| rows.now.0.wrapping_sub(dice.below(max_past_ms.saturating_add(1)) as i64);
        let times = self.numbers::<TimestampMillisecondType, _>(rows, nulls, throw, |value| value);
        let zone = match &self.data_type {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        };
        Ok(cast(&times.with_timezone_opt(zone), &self.data_type)?)
    }

    fn today(&self, rows: Rows<'_>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        if self.data_type == DataType::Date32 {
            let now = TimestampMillisecondArray::new(vec![rows.now.0; rows.numbers.len()].into(), nulls);
            return Ok(cast(&now, &DataType::Date32)?);
        }
        let times = vec![rows.now.0.rem_euclid(DAY_MS) as i32; rows.numbers.len()];
        let times = Time32MillisecondArray::new(times.into(), nulls);
        Ok(cast(&times, &self.data_type)?)
    }

    fn list(&self, rows: Rows<'_>, nulls: Option<NullBuffer>, element: &Field, length: Length) -> Result<ArrayRef> {
        let (offsets, numbers) = self.spread(rows, length);
        let values = element.array(Rows { numbers: &numbers, ..rows })?;
        match &self.data_type {
            DataType::List(field) => Ok(Arc::new(ListArray::try_new(field.clone(), offsets, values, nulls)?)),
            other => unreachable!("a list is made for lists, not for {other}"),
        }
    }

    fn map(&self, rows: Rows<'_>, nulls: Option<NullBuffer>, parts: [&Field; 2], length: Length) -> Result<ArrayRef> {
        let (offsets, numbers) = self.spread(rows, length);
        let inner = Rows { numbers: &numbers, ..rows };
        match &self.data_type {
            DataType::Map(entry, sorted) => {
                let columns = parts.into_iter().map(|part| part.array(inner)).collect::<Result<Vec<_>>>()?;
                let entries = match entry.data_type() {
                    DataType::Struct(fields) => StructArray::try_new(fields.clone(), columns, None)?,
                    other => unreachable!("the entries of a map are rows, not {other}"),
                };
                Ok(Arc::new(MapArray::try_new(entry.clone(), offsets, entries, nulls, *sorted)?))
            }
            other => unreachable!("a map is made for maps, not for {other}"),
        }
    }

    fn row(&self, rows: Rows<'_>, nulls: Option<NullBuffer>, fields: &[Field]) -> Result<ArrayRef> {
        let columns = fields.iter().map(|field| field.array(rows)).collect::<Result<Vec<_>>>()?;
        match &self.data_type {
            DataType::Struct(parts) => {
                Ok(Arc::new(StructArray::try_new_with_length(parts.clone(), columns, nulls, rows.numbers.len())?))
            }
            other => unreachable!("a row is made for rows, not for {other}"),
        }
    }

    /// The lengths of arrays or maps as offsets, and the numbers of their elements.
    fn spread(&self, rows: Rows<'_>, length: Length) -> (OffsetBuffer<i32>, Vec<u64>) {
        let lengths: Vec<usize> = rows.numbers.iter().map(|&row| long(&mut self.dice(rows, row), length)).collect();
        let of_row =
            |(&row, &length): (&u64, &usize)| (0..length as u64).map(move |place| mix(row).wrapping_add(place));
        let numbers = rows.numbers.iter().zip(&lengths).flat_map(of_row).collect();
        (OffsetBuffer::from_lengths(lengths), numbers)
    }
}

/// A number of `0..end`.
fn wide_below(dice: &mut Dice, end: u128) -> u128 {
    (u128::from(dice.bits()) << 64 | u128::from(dice.bits())) % end
}

fn long(dice: &mut Dice, length: Length) -> usize {
    if length.varies && length.length > 0 { 1 + dice.below(length.length as u64) as usize } else { length.length }
}

fn hex(dice: &mut Dice, length: Length, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let length = long(dice, length);
    while out.len() < length {
        let bits = dice.bits();
        for place in 0..(length - out.len()).min(16) {
            out.push(char::from(DIGITS[(bits >> (4 * place) & 15) as usize]));
        }
    }
}
