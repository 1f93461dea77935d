//! `CROSS JOIN UNNEST`: a row becomes one per element of its list. The elements of a batch lie end to end in
//! the list's child already, so they mostly come out as they are; the other columns are repeated.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Int32Array, ListArray, RecordBatch, StringArray, StructArray, UInt32Array};
use arrow::array::{new_empty_array, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Fields, SchemaRef};
use millstream_record::Batch;

use crate::error::{EngineError, Result};
use crate::inspect::Detail;
use crate::stage::{Stage, check_rows, multiplied};

/// Takes lists apart.
pub struct Unnest {
    plan: millstream_plan::Unnest,
    /// Which of the input's columns anybody reads behind this stage. To repeat the others would cost the
    /// square of a list's length, if it is the list itself.
    read: Vec<bool>,
    schema: SchemaRef,
    /// Rows whose list was empty, and rows that had none.
    empty: u64,
    null: u64,
    dropped: u64,
}

/// The elements of a batch: whose they are, and where they lie.
#[derive(Default)]
struct Elements {
    /// The row of each.
    origins: Vec<u32>,
    /// The place of each in the child; `None` pads a row without elements.
    places: Vec<Option<u32>>,
    /// Its place in its list, from 1.
    ordinals: Vec<Option<i32>>,
    /// Rows that have none.
    without: u64,
}

impl Unnest {
    /// The stage for a plan; `read` says which of the input's columns are read behind it.
    pub fn new(plan: millstream_plan::Unnest, read: Vec<bool>, schema: SchemaRef) -> Self {
        Unnest { plan, read, schema, empty: 0, null: 0, dropped: 0 }
    }

    fn elements(&self, offsets: &[i64], nulls: Option<&NullBuffer>) -> Result<Elements> {
        let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
        let most = usize::try_from(last - first).unwrap_or(0) + offsets.len();
        check_rows(most, offsets.len() - 1)?;
        let mut elements = Elements::default();
        elements.origins.reserve(most);
        elements.places.reserve(most);
        for (row, ends) in offsets.windows(2).enumerate() {
            let empty = nulls.is_some_and(|nulls| nulls.is_null(row)) || ends[0] == ends[1];
            elements.without += u64::from(empty);
            if empty && !self.plan.outer {
                continue;
            }
            let places = if empty { 0..0 } else { ends[0]..ends[1] };
            let count = places.clone().count();
            elements.origins.extend(std::iter::repeat_n(row as u32, count.max(1)));
            if empty {
                elements.places.push(None);
            }
            elements.places.extend(places.map(|place| Some(place as u32)));
            if self.plan.ordinality {
                elements.ordinals.extend((1..=count as i32).map(Some));
                elements.ordinals.extend(empty.then_some(None));
            }
        }
        Ok(elements)
    }

    /// An input column, repeated for every element.
    fn repeat(&self, column: usize, rows: &RecordBatch, origins: &UInt32Array) -> Result<ArrayRef> {
        let array = rows.column(column);
        match blank(array.data_type(), origins.len()) {
            Some(blank) if !self.read[column] => Ok(blank),
            _ => Ok(take(array, origins, None)?),
        }
    }
}

/// Empty values of a type that would be dear to repeat.
fn blank(data_type: &DataType, rows: usize) -> Option<ArrayRef> {
    match data_type {
        DataType::Utf8 => Some(Arc::new(StringArray::from_iter_values(std::iter::repeat_n("", rows)))),
        DataType::List(field) => {
            let values = new_empty_array(field.data_type());
            Some(Arc::new(ListArray::new(field.clone(), OffsetBuffer::new_zeroed(rows), values, None)))
        }
        _ => None,
    }
}

/// The borders of each row's elements, the elements of all rows, and which rows are null.
fn open(list: &ArrayRef) -> Result<(Vec<i64>, ArrayRef)> {
    let wide = |offsets: &[i32]| offsets.iter().map(|&offset| i64::from(offset)).collect();
    match list.data_type() {
        DataType::List(_) => {
            let list = list.as_list::<i32>();
            Ok((wide(list.value_offsets()), list.values().clone()))
        }
        DataType::LargeList(_) => {
            let list = list.as_list::<i64>();
            Ok((list.value_offsets().to_vec(), list.values().clone()))
        }
        DataType::FixedSizeList(_, size) => {
            let list = list.as_fixed_size_list();
            Ok(((0..=list.len() as i64).map(|row| row * i64::from(*size)).collect(), list.values().clone()))
        }
        DataType::Map(_, _) => {
            let map = list.as_map();
            Ok((wide(map.value_offsets()), Arc::new(map.entries().clone())))
        }
        other => Err(EngineError::Compute(format!("UNNEST needs an ARRAY or a MAP, not {other}"))),
    }
}

/// The elements at these places.
fn pick(values: &ArrayRef, places: &[Option<u32>]) -> Result<ArrayRef> {
    let first = places.first().copied().flatten();
    let run = first.is_some_and(|first| (first..).zip(places).all(|(place, next)| *next == Some(place)));
    match first {
        Some(first) if run => Ok(values.slice(first as usize, places.len())),
        // A list of which all rows are padded may have no child to take from.
        None if values.is_empty() => Ok(new_null_array(values.data_type(), places.len())),
        _ => Ok(take(values, &UInt32Array::from(places.to_vec()), None)?),
    }
}

/// The fields of rows as columns; a row that is null has null fields.
fn fields(rows: &StructArray) -> Result<Vec<ArrayRef>> {
    let Some(nulls) = rows.nulls().filter(|nulls| nulls.null_count() > 0) else { return Ok(rows.columns().to_vec()) };
    let field = |column: &ArrayRef| {
        let nulls = NullBuffer::union(column.nulls(), Some(nulls));
        // A null type has no validity of its own: all of it is null anyway.
        if column.data_type() == &DataType::Null {
            return Ok(column.clone());
        }
        Ok(arrow::array::make_array(column.to_data().into_builder().nulls(nulls).build()?))
    };
    rows.columns().iter().map(field).collect()
}

/// Gives a column the type that the plan promised.
fn fit(column: ArrayRef, field: &Field) -> Result<ArrayRef> {
    if column.data_type() == field.data_type() { Ok(column) } else { Ok(cast(&column, field.data_type())?) }
}

impl Stage for Unnest {
    fn apply(&mut self, batch: Batch) -> Result<Batch> {
        let list = batch.rows.column(self.plan.list);
        let (offsets, values) = open(list)?;
        let elements = self.elements(&offsets, list.nulls())?;
        self.null += list.null_count() as u64;
        self.empty += elements.without - list.null_count() as u64;
        self.dropped += if self.plan.outer { 0 } else { elements.without };
        let origins = UInt32Array::from(elements.origins);
        let mut columns = (0..batch.rows.num_columns())
            .map(|column| self.repeat(column, &batch.rows, &origins))
            .collect::<Result<Vec<_>>>()?;
        let picked = pick(&values, &elements.places)?;
        match picked.as_struct_opt() {
            Some(rows) => columns.extend(fields(rows)?),
            None => columns.push(picked),
        }
        if self.plan.ordinality {
            columns.push(Arc::new(Int32Array::from(elements.ordinals)));
        }
        let promised: &Fields = self.schema.fields();
        let columns =
            columns.into_iter().zip(promised).map(|(column, field)| fit(column, field)).collect::<Result<_>>()?;
        let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
        Ok(multiplied(&batch, origins.values(), rows))
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn inspect(&self) -> Detail {
        Detail::Lists { empty: self.empty, null: self.null }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, Int64Builder, ListBuilder, MapBuilder, StringBuilder};
    use arrow::datatypes::{Int64Type, Schema};
    use millstream_record::{Mark, Millis};

    use super::*;

    fn batch(list: ArrayRef) -> Batch {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..list.len() as i64));
        let marks = vec![Mark { after: 1, watermark: Millis(10) }, Mark { after: 3, watermark: Millis(30) }];
        let rows = RecordBatch::try_from_iter_with_nullable([("id", ids, false), ("list", list, true)]);
        Batch { marks, ..Batch::insert(rows.expect("two columns")) }
    }

    fn apply(list: ArrayRef, more: Vec<Field>, ordinality: bool, outer: bool) -> Batch {
        let batch = batch(list);
        let input = batch.rows.schema();
        let fields: Vec<Field> = input.fields().iter().map(|field| field.as_ref().clone()).chain(more).collect();
        let plan = millstream_plan::Unnest { list: 1, ordinality, outer };
        Unnest::new(plan, vec![true; 2], Arc::new(Schema::new(fields))).apply(batch).expect("unnests")
    }

    fn numbers() -> ArrayRef {
        let rows = vec![Some(vec![Some(7), None]), None, Some(vec![]), Some(vec![Some(9)])];
        Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(rows))
    }

    fn ids(batch: &Batch) -> Vec<i64> {
        batch.rows.column(0).as_primitive::<Int64Type>().values().to_vec()
    }

    #[test]
    fn null_and_empty_lists_give_no_row() {
        let out = apply(numbers(), vec![Field::new("n", DataType::Int64, true)], false, false);
        assert_eq!(ids(&out), [0, 0, 3]);
        assert_eq!(out.rows.column(2).as_ref(), &Int64Array::from(vec![Some(7), None, Some(9)]));
        assert_eq!(out.marks.iter().map(|mark| mark.after).collect::<Vec<_>>(), [2, 2]);
    }

    #[test]
    fn an_outer_unnest_pads_them_and_ordinals_count_from_one() {
        let more = vec![Field::new("n", DataType::Int64, true), Field::new("o", DataType::Int32, true)];
        let out = apply(numbers(), more, true, true);
        assert_eq!(ids(&out), [0, 0, 1, 2, 3]);
        assert_eq!(out.rows.column(2).as_ref(), &Int64Array::from(vec![Some(7), None, None, None, Some(9)]));
        assert_eq!(out.rows.column(3).as_ref(), &Int32Array::from(vec![Some(1), Some(2), None, None, Some(1)]));
        assert_eq!(out.marks.iter().map(|mark| mark.after).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn rows_and_maps_come_apart_into_columns() {
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
        map.keys().append_value("a");
        map.values().append_value(1);
        map.append(true).expect("a map");
        map.append(false).expect("no map");
        map.keys().append_value("b");
        map.values().append_null();
        map.append(true).expect("a map");
        let more = vec![Field::new("k", DataType::Utf8, false), Field::new("v", DataType::Int64, true)];
        let out = apply(Arc::new(map.finish()), more.clone(), false, false);
        assert_eq!(ids(&out), [0, 2]);
        assert_eq!(out.rows.column(2).as_ref(), &StringArray::from(vec!["a", "b"]));
        assert_eq!(out.rows.column(3).as_ref(), &Int64Array::from(vec![Some(1), None]));
    }

    #[test]
    fn a_slice_of_a_batch_is_taken_apart_like_a_batch() {
        let mut words = ListBuilder::new(StringBuilder::new());
        for text in ["a b", "c", "d e"] {
            text.split(' ').for_each(|word| words.values().append_value(word));
            words.append(true);
        }
        let list: ArrayRef = Arc::new(words.finish());
        let out = apply(list.slice(1, 2), vec![Field::new("w", DataType::Utf8, true)], false, false);
        assert_eq!(ids(&out), [0, 1, 1]);
        assert_eq!(out.rows.column(2).as_ref(), &StringArray::from(vec!["c", "d", "e"]));
    }
}
