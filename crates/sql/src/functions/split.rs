//! `SPLIT`: where words are counted it makes more values than any other function, so it writes the buffers of
//! its lists itself.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, NullBufferBuilder, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};

use super::call::Call;

/// Texts end to end.
struct Pieces {
    bytes: Vec<u8>,
    ends: Vec<i32>,
}

pub(super) fn split(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, delimiter) = (call.text(0)?, call.text(1)?);
    let mut pieces = Pieces { bytes: Vec::new(), ends: vec![0] };
    let mut borders = Vec::with_capacity(call.rows + 1);
    let mut nulls = NullBufferBuilder::new(call.rows);
    borders.push(0);
    for row in 0..call.rows {
        let both = text.at(row).zip(delimiter.at(row));
        nulls.append(both.is_some());
        if let Some((text, delimiter)) = both {
            pieces.cut(text, delimiter);
        }
        borders.push((pieces.ends.len() - 1) as i32);
        if pieces.bytes.len() > i32::MAX as usize || pieces.ends.len() > i32::MAX as usize {
            return exec_err!("the pieces that SPLIT makes of {} rows are longer than 2 GiB", row + 1);
        }
    }
    let texts = StringArray::try_new(OffsetBuffer::new(pieces.ends.into()), pieces.bytes.into(), None)?;
    let field = Arc::new(Field::new_list_field(DataType::Utf8, true));
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::new(borders.into()), Arc::new(texts), nulls.finish())?))
}

impl Pieces {
    /// Of an empty text there is no piece at all, not an empty one; an empty delimiter cuts between characters.
    fn cut(&mut self, text: &str, delimiter: &str) {
        match delimiter.as_bytes() {
            _ if text.is_empty() => {}
            [] => {
                let mut buffer = [0; 4];
                text.chars().for_each(|character| self.push(character.encode_utf8(&mut buffer).as_bytes()));
            }
            [byte] => {
                let mut start = 0;
                for end in memchr::memchr_iter(*byte, text.as_bytes()) {
                    self.push(&text.as_bytes()[start..end]);
                    start = end + 1;
                }
                self.push(&text.as_bytes()[start..]);
            }
            _ => text.split(delimiter).for_each(|piece| self.push(piece.as_bytes())),
        }
    }

    fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        self.ends.push(self.bytes.len() as i32);
    }
}
