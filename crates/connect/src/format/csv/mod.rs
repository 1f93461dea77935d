//! CSV as RFC 4180 writes it, with Flink's options: fields in quotes may hold delimiters, line ends and
//! doubled quotes. A line with too few or too many fields is refused. Like JSON, a first pass notes where
//! the wanted fields stand and a second one parses them column by column.

mod column;
mod dialect;
mod split;
#[cfg(test)]
mod tests;
mod write;

use arrow::array::BooleanArray;
use arrow::compute::filter;
use arrow::datatypes::FieldRef;
use millstream_record::Result;

use self::column::Column;
pub(crate) use self::dialect::Dialect;
pub use self::split::csv_fields;
use self::split::{Fault, Field, fields};
pub(crate) use self::split::{names, next_record};
pub(crate) use self::write::CsvWriter;
use super::cells::{Cells, Span, Verdict, What};
use super::{Decoded, Decoder, Segments};

/// Reads lines of CSV.
pub(crate) struct CsvDecoder {
    dialect: Dialect,
    /// How many fields a line has.
    arity: usize,
    /// Of each field of a line, the wanted column.
    wanted: Vec<Option<usize>>,
    columns: Vec<Column>,
    spans: Vec<Vec<Span>>,
    side: Vec<u8>,
    most_bytes: usize,
    lenient: bool,
}

impl CsvDecoder {
    /// A decoder of the fields `wanted` (as indices) of lines that hold `fields`, in their order or, if
    /// the file names its columns, in the order of `header`.
    pub(crate) fn new(
        fields: &[FieldRef],
        wanted: &[usize],
        header: Option<&[String]>,
        dialect: Dialect,
        lenient: bool,
        most_bytes: usize,
    ) -> Result<CsvDecoder> {
        let place = |index: usize| match header {
            Some(names) => names.iter().position(|name| name == fields[index].name()),
            None => Some(index),
        };
        let arity = header.map_or(fields.len(), <[String]>::len);
        let mut by_field = vec![None; arity];
        for (column, &index) in wanted.iter().enumerate() {
            if let Some(place) = place(index) {
                by_field[place] = Some(column);
            }
        }
        let columns =
            wanted.iter().map(|&index| Column::new(&fields[index], &dialect, lenient)).collect::<Result<Vec<_>>>()?;
        let spans = columns.iter().map(|_| Vec::new()).collect();
        Ok(CsvDecoder { dialect, arity, wanted: by_field, columns, spans, side: Vec::new(), most_bytes, lenient })
    }

    /// Notes the wanted fields of the line `bytes[start..end]` as row `row`.
    fn scan(&mut self, bytes: &[u8], (start, end): (usize, usize), row: usize) -> Result<(), String> {
        let CsvDecoder { spans, side, wanted, dialect, .. } = self;
        let mut count = 0;
        let each = |field: Field| {
            if let Some(column) = wanted.get(count).copied().flatten() {
                spans[column][row] = field.span(bytes, dialect, side);
            }
            count += 1;
        };
        fields(bytes, start, end, dialect, each)
            .map_err(|Fault { at, what }| format!("this is not CSV: {what} (at byte {})", at - start))?;
        if count != self.arity && !self.lenient {
            return Err(format!("the line has {count} fields, where {} are expected", self.arity));
        }
        Ok(())
    }

    /// Whether the line carries nothing: blank where there are several columns, or a comment.
    fn is_empty(&self, line: &[u8]) -> bool {
        self.arity > 1 && line.is_empty() || self.dialect.comments && line.starts_with(b"#")
    }
}

/// The line without the carriage return that may end it.
fn without_return(bytes: &[u8], (start, end): (usize, usize)) -> (usize, usize) {
    (start, end - usize::from(bytes[start..end].ends_with(b"\r")))
}

/// Whether the record neither begins nor ends inside of a character of the buffer, where records may stand
/// end to end.
fn is_whole(bytes: &[u8], (start, end): (usize, usize)) -> bool {
    let continues = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    !continues(start) && !continues(end)
}

impl Decoder for CsvDecoder {
    fn decode(&mut self, records: &Segments) -> Result<Decoded> {
        let bytes = records.bytes();
        let all_text = simdutf8::basic::from_utf8(bytes).is_ok();
        let mut verdict = Verdict::of(records.len());
        let mut taken = vec![true; records.len()];
        self.side.clear();
        for spans in &mut self.spans {
            spans.clear();
            spans.resize(records.len(), Span::MISSING);
        }
        for (record, taken) in taken.iter_mut().enumerate() {
            let line = records.span(record).map(|span| without_return(bytes, span));
            let outcome = match line {
                Some((start, end)) if !self.is_empty(&bytes[start..end]) => {
                    if end - start > self.most_bytes {
                        Err(format!(
                            "the record is {} bytes long; max-record-bytes allows {}",
                            end - start,
                            self.most_bytes
                        ))
                    } else if !(all_text && is_whole(bytes, (start, end)))
                        && std::str::from_utf8(&bytes[start..end]).is_err()
                    {
                        Err("this is not CSV: it is not UTF-8".into())
                    } else {
                        self.scan(bytes, (start, end), record)
                    }
                }
                _ => {
                    *taken = false;
                    Ok(())
                }
            };
            if let Err(reason) = outcome {
                verdict.refuse(record as u32, || reason);
                *taken = false;
            }
            if !*taken {
                self.spans.iter_mut().for_each(|spans| spans[record] = Span::SKIPPED);
            }
        }
        self.finish(bytes, verdict, taken)
    }
}

impl CsvDecoder {
    /// Builds the columns of the lines that are `taken` and not refused by a column.
    fn finish(&mut self, bytes: &[u8], mut verdict: Verdict, mut taken: Vec<bool>) -> Result<Decoded> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (column, spans) in self.columns.iter().zip(&self.spans) {
            columns.push(column.build(&Cells { main: bytes, side: &self.side, spans, owners: None }, &mut verdict)?);
        }
        if !verdict.is_clean() {
            taken.iter_mut().enumerate().for_each(|(record, taken)| *taken &= !verdict.is_refused(record));
        }
        let rejected = verdict.into_reasons();
        if taken.iter().all(|taken| *taken) {
            return Ok(Decoded { columns, rows: taken.len(), kinds: None, origins: None, rejected });
        }
        let origins: Vec<u32> = (0..taken.len() as u32).filter(|&record| taken[record as usize]).collect();
        let keep = BooleanArray::from(taken);
        for column in &mut columns {
            *column = filter(column, &keep)?;
        }
        Ok(Decoded { columns, rows: origins.len(), kinds: None, origins: Some(origins), rejected })
    }
}

impl Field {
    /// The span of the field; what must be rewritten goes to `side`.
    fn span(&self, bytes: &[u8], dialect: &Dialect, side: &mut Vec<u8>) -> Span {
        let text = &bytes[self.start..self.end];
        let (span, plain) = if self.rewritten {
            let start = side.len();
            dialect.unescape(text, self.quoted, side);
            (Span::new(What::SideText, start, side.len()), &side[start..])
        } else {
            (Span::new(What::Text, self.start, self.end), text)
        };
        match &dialect.null_literal {
            Some(literal) if plain == literal => Span::new(What::Null, 0, 0),
            _ => span,
        }
    }
}
