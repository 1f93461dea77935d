//! The raw format: the whole record is one value, its bytes as text, bytes or a number of fixed width.
//! Unlike other formats it can hold null: a missing value is one.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use arrow::datatypes::*;
use millstream_record::{Error, Options, Result};

use super::cells::excerpt;
use super::scalar::type_name;
use super::{Decoded, Decoder, Segments};

/// Reads records that are one value each.
pub(crate) struct RawDecoder {
    field: FieldRef,
    wanted: bool,
    little_endian: bool,
    most_bytes: usize,
}

fn little_endian(options: &Options) -> bool {
    options.text("raw.endianness") == Some("little-endian")
}

fn only_field(fields: &[FieldRef]) -> Result<&FieldRef> {
    use DataType::*;
    let [field] = fields else {
        return Err(Error::Invalid(format!("the format raw has exactly one column, not {}", fields.len())));
    };
    match field.data_type() {
        Utf8 | Binary | Boolean | Int8 | Int16 | Int32 | Int64 | Float32 | Float64 => Ok(field),
        other => Err(Error::Invalid(format!("the format raw has no values of the type {}", type_name(other)))),
    }
}

impl RawDecoder {
    /// A decoder of the one field, if it is `wanted`.
    pub(crate) fn new(
        fields: &[FieldRef],
        wanted: &[usize],
        options: &Options,
        most_bytes: usize,
    ) -> Result<RawDecoder> {
        let field = only_field(fields)?.clone();
        Ok(RawDecoder { field, wanted: !wanted.is_empty(), little_endian: little_endian(options), most_bytes })
    }

    /// Why the record is not a value of the column's type.
    fn fault(&self, record: Option<&[u8]>) -> Option<String> {
        let name = self.field.name();
        let Some(bytes) = record else {
            return (!self.field.is_nullable())
                .then(|| format!("column '{name}': null stands in a column that is NOT NULL"));
        };
        if bytes.len() > self.most_bytes {
            return Some(format!(
                "the record is {} bytes long; max-record-bytes allows {}",
                bytes.len(),
                self.most_bytes
            ));
        }
        match (self.field.data_type(), self.field.data_type().primitive_width()) {
            (DataType::Utf8, _) => {
                let error = simdutf8::compat::from_utf8(bytes).err()?;
                Some(format!("column '{name}': the text is not UTF-8 (at byte {})", error.valid_up_to()))
            }
            (DataType::Boolean, _) if bytes.len() != 1 => {
                Some(format!("column '{name}': a BOOLEAN is 1 byte long, not {}", bytes.len()))
            }
            (data_type, Some(width)) if bytes.len() != width => {
                let type_name = type_name(data_type);
                Some(format!(
                    "column '{name}': '{}' is {} bytes long; {type_name} has {width}",
                    excerpt(bytes),
                    bytes.len()
                ))
            }
            _ => None,
        }
    }

    /// The column of records that have no fault.
    fn column(&self, records: &Segments, rows: &[u32]) -> ArrayRef {
        let values = rows.iter().map(|&record| records.get(record as usize));
        let text = |bytes| std::str::from_utf8(bytes).expect("a record that is not UTF-8 was refused");
        match self.field.data_type() {
            DataType::Utf8 => Arc::new(values.map(|value| value.map(text)).collect::<StringArray>()),
            DataType::Binary => Arc::new(values.collect::<BinaryArray>()),
            DataType::Boolean => {
                Arc::new(values.map(|value| value.map(|bytes| bytes[0] != 0)).collect::<BooleanArray>())
            }
            DataType::Int8 => self.numbers::<Int8Type, 1>(values, i8::from_be_bytes),
            DataType::Int16 => self.numbers::<Int16Type, 2>(values, i16::from_be_bytes),
            DataType::Int32 => self.numbers::<Int32Type, 4>(values, i32::from_be_bytes),
            DataType::Int64 => self.numbers::<Int64Type, 8>(values, i64::from_be_bytes),
            DataType::Float32 => self.numbers::<Float32Type, 4>(values, f32::from_be_bytes),
            _ => self.numbers::<Float64Type, 8>(values, f64::from_be_bytes),
        }
    }

    fn numbers<'a, T: ArrowPrimitiveType, const WIDTH: usize>(
        &self,
        values: impl Iterator<Item = Option<&'a [u8]>>,
        read: impl Fn([u8; WIDTH]) -> T::Native,
    ) -> ArrayRef {
        let number = |bytes: &[u8]| {
            let mut bytes: [u8; WIDTH] = bytes.try_into().expect("a record of another width was refused");
            if self.little_endian {
                bytes.reverse();
            }
            read(bytes)
        };
        Arc::new(values.map(|value| value.map(number)).collect::<PrimitiveArray<T>>())
    }
}

impl Decoder for RawDecoder {
    fn decode(&mut self, records: &Segments) -> Result<Decoded> {
        let (mut rows, mut rejected) = (Vec::with_capacity(records.len()), Vec::new());
        for record in 0..records.len() {
            match self.fault(records.get(record)) {
                None => rows.push(record as u32),
                Some(reason) => rejected.push((record as u32, reason)),
            }
        }
        let columns = if self.wanted { vec![self.column(records, &rows)] } else { Vec::new() };
        let count = rows.len();
        let origins = (count < records.len()).then_some(rows);
        Ok(Decoded { columns, rows: count, kinds: None, origins, rejected })
    }
}

/// Writes rows of one column.
pub(crate) struct RawWriter {
    little_endian: bool,
}

impl RawWriter {
    /// A writer of the one field.
    pub(crate) fn new(fields: &[FieldRef], options: &Options) -> Result<RawWriter> {
        only_field(fields)?;
        Ok(RawWriter { little_endian: little_endian(options) })
    }

    /// Appends the value at `row`, which is not null.
    pub(crate) fn write(&self, column: &ArrayRef, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        match column.data_type() {
            DataType::Utf8 => return out.extend_from_slice(column.as_string::<i32>().value(row).as_bytes()),
            DataType::Binary => return out.extend_from_slice(column.as_binary::<i32>().value(row)),
            DataType::Boolean => out.push(u8::from(column.as_boolean().value(row))),
            DataType::Int8 => out.extend(column.as_primitive::<Int8Type>().value(row).to_be_bytes()),
            DataType::Int16 => out.extend(column.as_primitive::<Int16Type>().value(row).to_be_bytes()),
            DataType::Int32 => out.extend(column.as_primitive::<Int32Type>().value(row).to_be_bytes()),
            DataType::Int64 => out.extend(column.as_primitive::<Int64Type>().value(row).to_be_bytes()),
            DataType::Float32 => out.extend(column.as_primitive::<Float32Type>().value(row).to_be_bytes()),
            _ => out.extend(column.as_primitive::<Float64Type>().value(row).to_be_bytes()),
        }
        if self.little_endian {
            out[start..].reverse();
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, Float64Array, Int32Array};

    use super::*;

    fn round(data_type: DataType, little: bool, column: ArrayRef) -> Vec<Vec<u8>> {
        let fields = [Arc::new(Field::new("v", data_type, true))];
        let endianness = if little { "little-endian" } else { "big-endian" };
        let options = Options::check([("raw.endianness", endianness)], &[super::super::FORMAT_OPTIONS]).expect("known");
        let writer = RawWriter::new(&fields, &options).expect("a known type");
        let mut segments = Segments::default();
        for row in 0..column.len() {
            match column.is_valid(row) {
                true => segments.push_with(|out| writer.write(&column, row, out)),
                false => segments.push(None),
            }
        }
        let mut decoder = RawDecoder::new(&fields, &[0], &options, 100).expect("a known type");
        let decoded = decoder.decode(&segments).expect("decodes");
        assert_eq!(&decoded.columns[0], &column);
        segments.iter().flatten().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn values_come_back_and_numbers_have_their_width() {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(-2)]));
        assert_eq!(round(DataType::Int32, false, numbers.clone())[0], [0, 0, 0, 1]);
        assert_eq!(round(DataType::Int32, true, numbers)[0], [1, 0, 0, 0]);
        round(DataType::Float64, false, Arc::new(Float64Array::from(vec![1.5, -0.0])));
        round(DataType::Boolean, false, Arc::new(BooleanArray::from(vec![true, false])));
        assert_eq!(round(DataType::Utf8, true, Arc::new(StringArray::from(vec!["hé"])))[0], "hé".as_bytes());
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let decode = |data_type, record: &[u8]| {
            let mut decoder =
                RawDecoder::new(&[Arc::new(Field::new("v", data_type, true))], &[], &Options::default(), 9)
                    .expect("a known type");
            let mut segments = Segments::default();
            segments.push(Some(record));
            decoder.decode(&segments).expect("decodes").rejected.pop().map(|(_, reason)| reason)
        };
        assert_eq!(decode(DataType::Int32, b"12345"), Some("column 'v': '12345' is 5 bytes long; INT has 4".into()));
        assert_eq!(decode(DataType::Utf8, b"a\xff"), Some("column 'v': the text is not UTF-8 (at byte 1)".into()));
        assert_eq!(
            decode(DataType::Binary, b"1234567890"),
            Some("the record is 10 bytes long; max-record-bytes allows 9".into())
        );
        assert_eq!(decode(DataType::Binary, b"\xff"), None);
    }
}
