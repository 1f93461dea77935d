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

/// Where elements lie in the child.
enum Places {
    /// One after the other, so many from the first.
    Run(usize, usize),
    /// Each for itself; `None` pads a row without elements.
    Each(Vec<Option<u32>>),
}

/// The elements of a batch: whose they are, and where they lie.
struct Elements {
    /// The row of each.
    origins: Vec<u32>,
    places: Places,
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
        let null = |row: usize| nulls.is_some_and(|nulls| nulls.is_null(row));
        let empty = |row: usize| null(row) || offsets[row] == offsets[row + 1];
        let rows = offsets.len() - 1;
        // What a null hides is skipped, what is missing is padded: then the elements are no run.
        let gap = |row: usize| if self.plan.outer { empty(row) } else { null(row) && offsets[row] < offsets[row + 1] };
        let mut elements = Elements {
            origins: Vec::with_capacity(most),
            places: Places::Run(first as usize, 0),
            ordinals: Vec::new(),
            without: (0..rows).filter(|&row| empty(row)).count() as u64,
        };
        if (0..rows).any(gap) {
            elements.places = Places::Each(Vec::with_capacity(most));
        }
        for row in (0..rows).filter(|&row| self.plan.outer || !empty(row)) {
            let places = if empty(row) { 0..0 } else { offsets[row]..offsets[row + 1] };
            let count = (places.end - places.start) as usize;
            elements.origins.resize(elements.origins.len() + count.max(1), row as u32);
            match &mut elements.places {
                Places::Run(_, length) => *length += count,
                Places::Each(each) if count == 0 => each.push(None),
                Places::Each(each) => each.extend(places.map(|place| Some(place as u32))),
            }
            if self.plan.ordinality {
                elements.ordinals.extend((1..=count as i32).map(Some));
                elements.ordinals.extend((count == 0).then_some(None));
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
        DataType::Utf8 => {
            Some(Arc::new(StringArray::new(OffsetBuffer::new_zeroed(rows), Vec::<u8>::new().into(), None)))
        }
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
fn pick(values: &ArrayRef, places: Places) -> Result<ArrayRef> {
    match places {
        Places::Run(first, length) => Ok(values.slice(first, length)),
        // A list of which all rows are padded may have no child to take from.
        Places::Each(each) if values.is_empty() => Ok(new_null_array(values.data_type(), each.len())),
        Places::Each(each) => Ok(take(values, &UInt32Array::from(each), None)?),
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
        let picked = pick(&values, elements.places)?;
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
