//! One column of JSON values: a scalar, or a row, array or map whose parts are columns again. The parts
//! are scanned out of the values of all records at once, so nesting costs a pass over the nested bytes
//! and no work per record.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use millstream_record::{Error, Result};

use super::Rules;
use super::object::Objects;
use super::scan::{Scanned, Value, key, peek, space, unescape, value};
use crate::format::cells::{Cell, Cells, Span, Verdict, What};
use crate::format::scalar::{Refusal, Rule, Scalar, Validity, null_if};

/// A column with all that its parsing needs.
pub(super) struct Column {
    rule: Rule,
    kind: Kind,
}

enum Kind {
    Scalar(Scalar),
    Row(Fields, Box<Objects>),
    List(FieldRef, Box<Column>),
    Map(FieldRef, Box<Entries>),
}

struct Entries {
    fields: Fields,
    keys: Column,
    values: Column,
}

impl Column {
    pub(super) fn new(field: &Field, path: Option<&str>, rules: &Rules) -> Result<Column> {
        let name = path.map_or_else(|| field.name().clone(), |path| format!("{path}.{}", field.name()));
        let mut rule = Rule::new(name, field.data_type(), field.is_nullable());
        rule.null_on_error = rules.null_on_error;
        rule.missing_fails = rules.missing_fails;
        let kind = match field.data_type() {
            DataType::Struct(fields) => {
                Kind::Row(fields.clone(), Box::new(Objects::new(fields.iter(), Some(&rule.name), rules)?))
            }
            DataType::List(element) => {
                Kind::List(element.clone(), Box::new(Column::new(element, Some(&rule.name), rules)?))
            }
            DataType::Map(entry, _) => Kind::Map(entry.clone(), Box::new(Entries::new(entry, &rule.name, rules)?)),
            scalar => Kind::Scalar(Scalar::new(scalar, rules.separators)?),
        };
        Ok(Column { rule, kind })
    }

    /// See [`Objects::duplicates`].
    pub(super) fn duplicates(&self) -> u64 {
        match &self.kind {
            Kind::Scalar(_) => 0,
            Kind::Row(_, objects) => objects.duplicates(),
            Kind::List(_, element) => element.duplicates(),
            Kind::Map(_, entries) => entries.values.duplicates(),
        }
    }

    pub(super) fn build(&mut self, cells: &Cells<'_>, verdict: &mut Verdict) -> Result<ArrayRef> {
        match &mut self.kind {
            Kind::Scalar(scalar) => scalar.build(cells, &self.rule, verdict),
            Kind::Row(fields, objects) => rows(fields, objects, cells, &self.rule, verdict),
            Kind::List(field, element) => lists(field, element, cells, &self.rule, verdict),
            Kind::Map(field, entries) => maps(field, entries, cells, &self.rule, verdict),
        }
    }
}

impl Entries {
    fn new(entry: &Field, path: &str, rules: &Rules) -> Result<Entries> {
        match entry.data_type() {
            DataType::Struct(fields) if fields.len() == 2 && fields[0].data_type() == &DataType::Utf8 => {
                let (keys, values) =
                    (Column::new(&fields[0], Some(path), rules)?, Column::new(&fields[1], Some(path), rules)?);
                Ok(Entries { fields: fields.clone(), keys, values })
            }
            _ => Err(Error::Invalid(format!("the format json reads maps with keys of type STRING only; see '{path}'"))),
        }
    }
}

/// The nested value at `index` if it is of the kind wanted; otherwise null, or the row is refused.
fn nested(
    cells: &Cells<'_>,
    index: usize,
    what: What,
    rule: &Rule,
    validity: &mut Validity,
    verdict: &mut Verdict,
) -> Option<Span> {
    match cells.get(index) {
        Cell::Nested(_) if cells.spans[index].what() == what => return Some(cells.spans[index]),
        Cell::Absent(absent) => rule.absent(absent, cells.owner(index), verdict),
        _ => rule.unreadable(cells, index, Refusal::NotA, verdict),
    }
    null_if(rule, index, validity);
    None
}

fn rows(
    fields: &Fields,
    objects: &mut Objects,
    cells: &Cells<'_>,
    rule: &Rule,
    verdict: &mut Verdict,
) -> Result<ArrayRef> {
    let mut validity = Validity::new(cells.len());
    objects.start(cells.len());
    for index in 0..cells.len() {
        match nested(cells, index, What::Object, rule, &mut validity, verdict) {
            Some(span) => objects.scan(cells.main, span.start(), span.end(), index, 0).expect(ACCEPTED),
            None => objects.skip(index),
        }
    }
    let owners: Vec<u32> = (0..cells.len()).map(|index| cells.owner(index)).collect();
    let columns = objects.build(cells.main, Some(&owners), verdict)?;
    if fields.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(cells.len(), validity.finish())));
    }
    Ok(Arc::new(StructArray::try_new(fields.clone(), columns, validity.finish())?))
}

/// Nested values have been scanned as part of their record.
const ACCEPTED: &str = "the value around has been accepted";

/// The parts of many arrays or maps, laid end to end.
struct Parts {
    spans: Vec<Span>,
    owners: Vec<u32>,
    offsets: Vec<i32>,
    side: Vec<u8>,
}

impl Parts {
    fn of(wholes: usize) -> Self {
        Parts { spans: Vec::new(), owners: Vec::new(), offsets: Vec::with_capacity(wholes + 1), side: Vec::new() }
    }

    /// Ends one array: all parts so far belong to it or to those before.
    fn close(&mut self, owner: u32) {
        self.owners.resize(self.spans.len(), owner);
        // A chunk is far below 2 GiB, and each part takes at least one byte.
        self.offsets.push(self.spans.len() as i32);
    }

    fn offsets(&mut self) -> OffsetBuffer<i32> {
        OffsetBuffer::new(ScalarBuffer::from(std::mem::take(&mut self.offsets)))
    }

    fn cells<'a>(&'a self, main: &'a [u8]) -> Cells<'a> {
        Cells { main, side: &self.side, spans: &self.spans, owners: Some(&self.owners) }
    }
}

/// The span of a value; a string with escapes is rewritten into `side`.
fn span_of(bytes: &[u8], value: &Value, side: &mut Vec<u8>) -> Span {
    if value.what != What::SideText {
        return Span::new(value.what, value.start, value.end);
    }
    let start = side.len();
    unescape(&bytes[value.start..value.end], side);
    Span::new(What::SideText, start, side.len())
}

fn lists(
    field: &FieldRef,
    element: &mut Column,
    cells: &Cells<'_>,
    rule: &Rule,
    verdict: &mut Verdict,
) -> Result<ArrayRef> {
    let (mut validity, mut parts) = (Validity::new(cells.len()), Parts::of(cells.len()));
    parts.offsets.push(0);
    for index in 0..cells.len() {
        if let Some(span) = nested(cells, index, What::Array, rule, &mut validity, verdict) {
            elements(cells.main, span.start(), span.end(), |value| {
                let span = span_of(cells.main, &value, &mut parts.side);
                parts.spans.push(span);
            })
            .expect(ACCEPTED);
        }
        parts.close(cells.owner(index));
    }
    let offsets = parts.offsets();
    let values = element.build(&parts.cells(cells.main), verdict)?;
    Ok(Arc::new(ListArray::try_new(field.clone(), offsets, values, validity.finish())?))
}

/// Calls `each` with every element of the array `bytes[at..end]`; where the array ends.
pub(super) fn elements(bytes: &[u8], at: usize, end: usize, mut each: impl FnMut(Value)) -> Scanned<usize> {
    let mut next = space(bytes, at + 1, end);
    if peek(bytes, next, end) == Some(b']') {
        return Ok(next + 1);
    }
    loop {
        let value = value(bytes, next, end, 1)?;
        next = space(bytes, value.next, end);
        each(value);
        match peek(bytes, next, end) {
            Some(b',') => next = space(bytes, next + 1, end),
            Some(b']') => return Ok(next + 1),
            _ => return super::scan::fault(next.min(end), "neither ',' nor ']' follows a value"),
        }
    }
}

fn maps(
    field: &FieldRef,
    entries: &mut Entries,
    cells: &Cells<'_>,
    rule: &Rule,
    verdict: &mut Verdict,
) -> Result<ArrayRef> {
    let mut validity = Validity::new(cells.len());
    let (mut keys, mut values) = (Parts::of(0), Parts::of(cells.len()));
    let mut order = Vec::new();
    values.offsets.push(0);
    for index in 0..cells.len() {
        let first = keys.spans.len();
        if let Some(span) = nested(cells, index, What::Object, rule, &mut validity, verdict) {
            members(cells.main, span, &mut keys, &mut values).expect(ACCEPTED);
            last_of_each_key(cells.main, first, &mut keys, &mut values, &mut order);
        }
        keys.close(cells.owner(index));
        values.close(cells.owner(index));
    }
    let offsets = values.offsets();
    let columns = vec![
        entries.keys.build(&keys.cells(cells.main), verdict)?,
        entries.values.build(&values.cells(cells.main), verdict)?,
    ];
    let entries = StructArray::try_new(entries.fields.clone(), columns, None)?;
    Ok(Arc::new(MapArray::try_new(field.clone(), offsets, entries, validity.finish(), false)?))
}

/// Adds the keys and values of one object.
fn members(bytes: &[u8], span: Span, keys: &mut Parts, values: &mut Parts) -> Scanned<()> {
    let end = span.end();
    let mut at = space(bytes, span.start() + 1, end);
    while peek(bytes, at, end) != Some(b'}') {
        let key = key(bytes, at, end)?;
        let what = if key.escaped { What::SideText } else { What::Text };
        let name = Value { what, start: key.start, end: key.end, next: key.value };
        let value = value(bytes, key.value, end, 1)?;
        at = space(bytes, value.next, end);
        keys.spans.push(span_of(bytes, &name, &mut keys.side));
        values.spans.push(span_of(bytes, &value, &mut values.side));
        if peek(bytes, at, end) == Some(b',') {
            at = space(bytes, at + 1, end);
        }
    }
    Ok(())
}

/// Of the entries from `first` on that have the same key, only the last one stays.
fn last_of_each_key(main: &[u8], first: usize, keys: &mut Parts, values: &mut Parts, order: &mut Vec<usize>) {
    let text = |index: usize| {
        let span = keys.spans[index];
        let buffer = if span.what() == What::SideText { &keys.side } else { main };
        &buffer[span.start()..span.end()]
    };
    order.clear();
    order.extend(first..keys.spans.len());
    order.sort_by(|left, right| text(*left).cmp(text(*right)).then(left.cmp(right)));
    let mut dropped: Vec<usize> =
        order.windows(2).filter(|pair| text(pair[0]) == text(pair[1])).map(|pair| pair[0]).collect();
    dropped.sort_unstable();
    for spans in [&mut keys.spans, &mut values.spans] {
        let mut index = first;
        let kept = spans.split_off(first).into_iter().filter(|_| {
            index += 1;
            dropped.binary_search(&(index - 1)).is_err()
        });
        let kept: Vec<Span> = kept.collect();
        spans.extend(kept);
    }
}
