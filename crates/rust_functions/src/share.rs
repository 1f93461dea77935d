//! Columns in a file that two processes have open. What comes back was written by a process that ran a user's
//! code, so it is believed as little as a record from outside: lengths, borders and texts are checked.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayData, ArrayRef, make_array};
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::{ByteArrayType, DataType};

/// Buffers begin at multiples of this.
const ALIGNED: u64 = 64;

/// Writes columns, and says where: three buffers each, with place and length; and how long it all is.
pub fn write(region: &File, columns: &[ArrayRef]) -> io::Result<(Vec<u64>, u64)> {
    let mut out = Writer { region, end: 0, described: Vec::with_capacity(columns.len() * 6) };
    columns.iter().try_for_each(|column| out.column(column))?;
    // The other side reads the whole part, also the blank behind the last buffer.
    if out.region.metadata()?.len() < out.end {
        out.region.set_len(out.end)?;
    }
    Ok((out.described, out.end))
}

struct Writer<'f> {
    region: &'f File,
    end: u64,
    described: Vec<u64>,
}

impl Writer<'_> {
    fn column(&mut self, column: &ArrayRef) -> io::Result<()> {
        match column.nulls().filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => self.buffer(&nulls.inner().sliced())?,
            None => self.buffer(&[])?,
        }
        match column.data_type() {
            DataType::Boolean => {
                self.buffer(&column.as_boolean().values().sliced())?;
                self.buffer(&[])
            }
            DataType::Utf8 => self.texts(column.as_string::<i32>()),
            DataType::Binary => self.texts(column.as_binary::<i32>()),
            other => {
                let width = other.primitive_width().ok_or(io::ErrorKind::Unsupported)?;
                let data = column.to_data();
                let start = data.offset() * width;
                self.buffer(&data.buffers()[0][start..start + column.len() * width])?;
                self.buffer(&[])
            }
        }
    }

    /// Borders that begin at 0, and what lies between the first and the last.
    fn texts<T: ByteArrayType<Offset = i32>>(&mut self, column: &arrow::array::GenericByteArray<T>) -> io::Result<()> {
        let borders = column.value_offsets();
        let (first, last) = (borders[0], borders[column.len()]);
        let shifted: Vec<i32> = borders.iter().map(|border| border - first).collect();
        self.buffer(&Buffer::from_vec(shifted))?;
        self.buffer(&column.value_data()[first as usize..last as usize])
    }

    fn buffer(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.region.write_all_at(bytes, self.end)?;
        self.described.extend([self.end, bytes.len() as u64]);
        self.end = (self.end + bytes.len() as u64).next_multiple_of(ALIGNED);
        Ok(())
    }
}

/// A column as the other side describes it: rows, nulls, buffers with place and length, children.
pub struct Described<'n>(std::slice::Iter<'n, u64>);

impl<'n> Described<'n> {
    /// These numbers.
    pub fn new(numbers: &'n [u64]) -> Self {
        Described(numbers.iter())
    }

    /// Reads the column, which was promised to be of this type.
    pub fn read(mut self, region: &File, data_type: &DataType) -> Result<ArrayRef, String> {
        let length = region.metadata().map_err(|error| error.to_string())?.len();
        let data = self.data(region, length, data_type)?;
        data.validate_full().map_err(|error| error.to_string())?;
        Ok(make_array(data))
    }

    fn next(&mut self) -> Result<usize, String> {
        let number = self.0.next().and_then(|number| usize::try_from(*number).ok());
        number.ok_or_else(|| "its description is cut short".to_string())
    }

    fn data(&mut self, region: &File, length: u64, data_type: &DataType) -> Result<ArrayData, String> {
        let (rows, nulls, count) = (self.next()?, self.next()?, self.next()?);
        let mut buffers = Vec::new();
        for _ in 0..count {
            let (place, size) = (self.next()? as u64, self.next()?);
            // Where nothing is to be written nothing was: an empty buffer may stand behind the end.
            if size > 0 && place.checked_add(size as u64).is_none_or(|end| end > length) {
                return Err("a buffer lies outside of the file".into());
            }
            let mut bytes = MutableBuffer::from_len_zeroed(size);
            if size > 0 {
                region.read_exact_at(&mut bytes, place).map_err(|error| error.to_string())?;
            }
            buffers.push(Buffer::from(bytes));
        }
        let types: Vec<&DataType> = match data_type {
            DataType::List(item) => vec![item.data_type()],
            DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
            _ => Vec::new(),
        };
        if self.next()? != types.len() || buffers.is_empty() {
            return Err("it is of another type than was declared".into());
        }
        let children =
            types.into_iter().map(|child| self.data(region, length, child)).collect::<Result<Vec<_>, _>>()?;
        let validity = buffers.remove(0);
        let validity = (nulls > 0).then_some(validity);
        let data = ArrayData::try_new(data_type.clone(), rows, validity, 0, buffers, children);
        data.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Int64Array, StringArray};

    use super::*;

    /// Numbers that describe a column that was written, as the other side would.
    fn described(rows: u64, nulls: u64, written: &[u64], buffers: usize) -> Vec<u64> {
        let mut numbers = vec![rows, nulls, buffers as u64];
        numbers.extend(&written[..2 * buffers]);
        numbers.push(0);
        numbers
    }

    fn there_and_back(column: ArrayRef, buffers: usize) {
        let region = tempfile::tempfile().expect("a file");
        let (written, end) = write(&region, std::slice::from_ref(&column)).expect("writes");
        assert!(region.metadata().expect("is there").len() >= end);
        let numbers = described(column.len() as u64, column.null_count() as u64, &written, buffers);
        let read = Described::new(&numbers).read(&region, column.data_type()).expect("reads");
        assert_eq!(&read, &column);
    }

    #[test]
    fn columns_go_there_and_back_also_in_slices() {
        let numbers: ArrayRef = Arc::new((0..100).map(|n| (n % 7 != 0).then_some(n)).collect::<Int64Array>());
        let truths: ArrayRef = Arc::new((0..100).map(|n| (n % 7 != 0).then_some(n % 3 == 0)).collect::<BooleanArray>());
        let texts: ArrayRef =
            Arc::new((0..100).map(|n| (n % 7 != 0).then(|| "ä".repeat(n % 5))).collect::<StringArray>());
        for (column, buffers) in [(numbers, 2), (truths, 2), (texts, 3)] {
            for (start, len) in [(0, 100), (1, 99), (13, 40), (50, 0), (15, 1)] {
                there_and_back(column.slice(start, len), buffers);
            }
        }
    }

    #[test]
    fn a_damaged_answer_is_refused() {
        let region = tempfile::tempfile().expect("a file");
        let text: ArrayRef = Arc::new(StringArray::from(vec!["abc", "d"]));
        let (written, _) = write(&region, &[text]).expect("writes");
        let good = described(2, 0, &written, 3);
        for at in 0..good.len() {
            for number in [0, 1, 7, 1 << 20, u64::MAX] {
                let mut numbers = good.clone();
                numbers[at] = number;
                // Whatever it says, it is an error or a valid column.
                if let Ok(column) = Described::new(&numbers).read(&region, &DataType::Utf8) {
                    column.to_data().validate_full().expect("is valid");
                }
            }
            assert!(Described::new(&good[..at]).read(&region, &DataType::Utf8).is_err(), "cut short at {at}");
        }
        region.write_all_at(&[0xff], written[4]).expect("writes");
        assert!(Described::new(&good).read(&region, &DataType::Utf8).is_err(), "no UTF-8");
    }
}
