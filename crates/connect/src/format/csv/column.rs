//! One column of CSV fields: a scalar, or an array or row of scalars with their own delimiter between.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, StructArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use memchr::memmem;
use millstream_record::{Error, Result};

use super::Dialect;
use crate::format::cells::{Absent, Cell, Cells, Piece, Span, Verdict, What};
use crate::format::scalar::{Refusal, Rule, Scalar, Separators, Validity, null_if};

pub(super) struct Column {
    rule: Rule,
    kind: Kind,
}

enum Kind {
    Scalar(Scalar),
    List(FieldRef, Box<Column>, Vec<u8>),
    Row(Fields, Vec<Column>, Vec<u8>),
}

impl Column {
    pub(super) fn new(field: &Field, dialect: &Dialect, lenient: bool) -> Result<Column> {
        let kind = match field.data_type() {
            DataType::List(element) => Kind::List(
                element.clone(),
                Box::new(Column::part(element, field.name(), lenient)?),
                dialect.array_delimiter.clone(),
            ),
            DataType::Struct(fields) => {
                let parts =
                    fields.iter().map(|part| Column::part(part, field.name(), lenient)).collect::<Result<_>>()?;
                Kind::Row(fields.clone(), parts, dialect.array_delimiter.clone())
            }
            scalar => Kind::Scalar(Scalar::new(scalar, Separators::Either)?),
        };
        Ok(Column { rule: rule(field, field.name().clone(), lenient), kind })
    }

    /// A part of an array or row, which can only be a scalar.
    fn part(field: &Field, path: &str, lenient: bool) -> Result<Column> {
        let name = format!("{path}.{}", field.name());
        if field.data_type().is_nested() {
            return Err(Error::Invalid(format!("the format csv reads arrays and rows of scalars only; see '{name}'")));
        }
        let kind = Kind::Scalar(Scalar::new(field.data_type(), Separators::Either)?);
        Ok(Column { rule: rule(field, name, lenient), kind })
    }

    pub(super) fn build(&self, cells: &Cells<'_>, verdict: &mut Verdict) -> Result<ArrayRef> {
        match &self.kind {
            Kind::Scalar(Scalar::Text) => Scalar::Text.build(cells, &self.rule, verdict),
            Kind::Scalar(scalar) => {
                let spans = nulls_for_empty(cells.spans);
                scalar.build(&Cells { spans: &spans, ..*cells }, &self.rule, verdict)
            }
            Kind::List(field, element, delimiter) => self.list(field, element, delimiter, cells, verdict),
            Kind::Row(fields, parts, delimiter) => self.row(fields, parts, delimiter, cells, verdict),
        }
    }

    /// The text at `index`; absent ones are null or refused.
    fn text<'a>(
        &self,
        cells: &Cells<'a>,
        index: usize,
        validity: &mut Validity,
        verdict: &mut Verdict,
    ) -> Option<Piece<'a>> {
        match cells.get(index) {
            Cell::Text(text) => return Some(text),
            Cell::Absent(absent) => self.rule.absent(absent, cells.owner(index), verdict),
            _ => self.rule.absent(Absent::Null, cells.owner(index), verdict),
        }
        null_if(&self.rule, index, validity);
        None
    }

    fn list(
        &self,
        field: &FieldRef,
        element: &Column,
        delimiter: &[u8],
        cells: &Cells<'_>,
        verdict: &mut Verdict,
    ) -> Result<ArrayRef> {
        let mut validity = Validity::new(cells.len());
        let (mut offsets, mut owners, mut parts) = (vec![0i32], Vec::new(), Split::default());
        for index in 0..cells.len() {
            if let Some(text) = self.text(cells, index, &mut validity, verdict).filter(|text| text.length > 0) {
                parts.add(text.bytes(), delimiter);
            }
            owners.resize(parts.spans.len(), cells.owner(index));
            // A chunk is far below 2 GiB.
            offsets.push(parts.spans.len() as i32);
        }
        let inner = Cells { main: &parts.text, side: &[], spans: &parts.spans, owners: Some(&owners) };
        let values = element.build(&inner, verdict)?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(ListArray::try_new(field.clone(), offsets, values, validity.finish())?))
    }

    fn row(
        &self,
        fields: &Fields,
        parts: &[Column],
        delimiter: &[u8],
        cells: &Cells<'_>,
        verdict: &mut Verdict,
    ) -> Result<ArrayRef> {
        let mut validity = Validity::new(cells.len());
        let mut split = Split::default();
        let mut spans = vec![vec![Span::SKIPPED; cells.len()]; parts.len()];
        let owners: Vec<u32> = (0..cells.len()).map(|index| cells.owner(index)).collect();
        for index in 0..cells.len() {
            let Some(text) = self.text(cells, index, &mut validity, verdict) else { continue };
            let first = split.spans.len();
            split.add(text.bytes(), delimiter);
            let found = &split.spans[first..];
            if found.len() == parts.len() {
                found.iter().zip(&mut spans).for_each(|(span, column)| column[index] = *span);
            } else {
                self.rule.unreadable(cells, index, Refusal::NotA, verdict);
                null_if(&self.rule, index, &mut validity);
            }
        }
        let columns = parts.iter().zip(&spans).map(|(part, spans)| {
            part.build(&Cells { main: &split.text, side: &[], spans, owners: Some(&owners) }, verdict)
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(StructArray::try_new(fields.clone(), columns, validity.finish())?))
    }
}

fn rule(field: &Field, name: String, lenient: bool) -> Rule {
    Rule { null_on_error: lenient, ..Rule::new(name, field.data_type(), field.is_nullable()) }
}

/// A value that is no text and of which nothing is written is null.
fn nulls_for_empty(spans: &[Span]) -> Vec<Span> {
    let is_empty = |span: &Span| span.what() == What::Text && span.length() == 0;
    spans.iter().map(|span| if is_empty(span) { Span::new(What::Null, 0, 0) } else { *span }).collect()
}

/// Parts of texts, copied into one buffer.
#[derive(Default)]
struct Split {
    text: Vec<u8>,
    spans: Vec<Span>,
}

impl Split {
    fn add(&mut self, text: &[u8], delimiter: &[u8]) {
        let base = self.text.len();
        self.text.extend_from_slice(text);
        let mut start = 0;
        for end in memmem::find_iter(text, delimiter).chain(std::iter::once(text.len())) {
            self.spans.push(Span::new(What::Text, base + start, base + end));
            start = end + delimiter.len();
        }
    }
}
