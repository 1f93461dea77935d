//! From objects to columns: one pass over each object notes where the values of the wanted fields stand,
//! then every column is built from its spans. Of keys that stand twice in an object the last one counts.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use millstream_record::Result;

use super::Rules;
use super::column::Column;
use super::scan::{Scanned, fault, key, peek, space, unescape, value};
use super::shape::{START, Shape, UNWANTED};
use crate::format::cells::{Cells, Span, Verdict, What};

/// The wanted fields of objects of one kind.
pub(super) struct Objects {
    shape: Shape,
    columns: Vec<Column>,
    /// Of each column, where its value stands in each object.
    spans: Vec<Vec<Span>>,
    /// Strings without their escapes.
    side: Vec<u8>,
    duplicates: u64,
}

impl Objects {
    /// Objects of which `fields` are wanted. `path` names the column that holds them, if one does.
    pub(super) fn new<'a>(
        fields: impl Iterator<Item = &'a Arc<Field>> + Clone,
        path: Option<&str>,
        rules: &Rules,
    ) -> Result<Objects> {
        let shape = Shape::new(fields.clone().map(|field| field.name().as_str()));
        let columns: Vec<Column> = fields.map(|field| Column::new(field, path, rules)).collect::<Result<_>>()?;
        let spans = columns.iter().map(|_| Vec::new()).collect();
        Ok(Objects { shape, columns, spans, side: Vec::new(), duplicates: 0 })
    }

    /// How many wanted keys stood more than once in their object, so far.
    pub(super) fn duplicates(&self) -> u64 {
        self.duplicates + self.columns.iter().map(Column::duplicates).sum::<u64>()
    }

    /// How many tokens the prediction holds.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.shape.remembered()
    }

    /// Forgets the objects before and makes room for `objects`, none of which has been scanned.
    pub(super) fn start(&mut self, objects: usize) {
        self.side.clear();
        for spans in &mut self.spans {
            spans.clear();
            spans.resize(objects, Span::MISSING);
        }
    }

    /// Scans object `index`, which is `bytes[at..end]`, inside of `outer` objects and arrays. If it is no
    /// object, its fields are skipped.
    #[inline]
    pub(super) fn scan(&mut self, bytes: &[u8], at: usize, end: usize, index: usize, outer: u32) -> Scanned<()> {
        let scanned = self.scan_fields(bytes, at, end, index, outer + 1);
        if scanned.is_err() {
            self.skip(index);
        }
        scanned
    }

    /// Leaves object `index` out: there is none, and its fields are not judged.
    pub(super) fn skip(&mut self, index: usize) {
        for spans in &mut self.spans {
            spans[index] = Span::SKIPPED;
        }
    }

    #[inline]
    fn scan_fields(&mut self, bytes: &[u8], mut at: usize, end: usize, index: usize, outer: u32) -> Scanned<()> {
        let mut token = START;
        loop {
            let column;
            match self.shape.predicted(bytes, at, end, token) {
                Some(known) => (token, column, at) = known,
                None => match self.next_key(bytes, at, end, token)? {
                    Some(learned) => (token, column, at) = learned,
                    None => return Ok(()),
                },
            }
            let value = value(bytes, at, end, outer)?;
            if column != UNWANTED {
                let span = match value.what {
                    What::SideText => self.unescaped(&bytes[value.start..value.end]),
                    what => Span::new(what, value.start, value.end),
                };
                let place = &mut self.spans[column as usize][index];
                self.duplicates += u64::from(*place != Span::MISSING);
                *place = span;
            }
            at = value.next;
            if at + 1 == end && bytes[at] == b'}' {
                return Ok(());
            }
        }
    }

    #[cold]
    fn unescaped(&mut self, text: &[u8]) -> Span {
        let start = self.side.len();
        unescape(text, &mut self.side);
        Span::new(What::SideText, start, self.side.len())
    }

    /// Scans from `at`, behind `token`, to the next value: its token, its column and its place; `None` if
    /// the object and with it the record is at its end.
    fn next_key(&mut self, bytes: &[u8], at: usize, end: usize, token: u32) -> Scanned<Option<(u32, u32, usize)>> {
        let mut next = space(bytes, at, end);
        match peek(bytes, next, end) {
            Some(b'{') if token == START => {
                next = space(bytes, next + 1, end);
                if peek(bytes, next, end) == Some(b'}') {
                    return nothing_follows(bytes, next + 1, end);
                }
            }
            Some(_) if token == START => return fault(next, "the record is no object"),
            Some(b',') => next = space(bytes, next + 1, end),
            Some(b'}') => return nothing_follows(bytes, next + 1, end),
            None if token == START => return fault(end, "the record is empty"),
            None => return fault(end, "the record ends inside of an object"),
            Some(_) => return fault(next, "neither ',' nor '}' follows a value"),
        }
        let key = key(bytes, next, end)?;
        let (token, column) = self.shape.learn(bytes, at, &key, token);
        Ok(Some((token, column, key.value)))
    }

    /// The columns of the scanned objects. `owners` are the rows that the objects belong to.
    pub(super) fn build(
        &mut self,
        bytes: &[u8],
        owners: Option<&[u32]>,
        verdict: &mut Verdict,
    ) -> Result<Vec<ArrayRef>> {
        let columns = self.columns.iter_mut().zip(&self.spans);
        let cells = |spans| Cells { main: bytes, side: &self.side, spans, owners };
        columns.map(|(column, spans)| column.build(&cells(spans), verdict)).collect()
    }
}

fn nothing_follows<T>(bytes: &[u8], at: usize, end: usize) -> Scanned<Option<T>> {
    match space(bytes, at, end) {
        rest if rest == end => Ok(None),
        rest => fault(rest, "something follows the end of the object"),
    }
}
