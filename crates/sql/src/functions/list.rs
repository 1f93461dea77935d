//! Functions of arrays, maps and rows.

use std::sync::Arc;

use arrow::array::types::Int32Type;
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder, StructArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err, plan_err};

use super::call::Call;
use super::spec::{Gives, Kind, Nulls, Spec};

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "CARDINALITY",
        aliases: &[],
        signature: "CARDINALITY(array or map)",
        doc: "How many elements there are.",
        takes: &[Kind::Any],
        required: 1,
        more: false,
        gives: Gives::By(|types| match types {
            [DataType::List(_) | DataType::Map(_, _) | DataType::Null] => Ok(DataType::Int32),
            _ => plan_err!("CARDINALITY takes an ARRAY or a MAP"),
        }),
        nulls: Nulls::Strict,
        run: |call| {
            let value = call.array(0)?;
            let length = |row: usize| match value.data_type() {
                DataType::List(_) => Some(value.as_list::<i32>().value_length(row)),
                DataType::Map(_, _) => Some(value.as_map().value_length(row)),
                _ => None,
            };
            call.numbers::<Int32Type>(|row| value.is_valid(row).then(|| length(row)).flatten())
        },
    },
    Spec {
        name: "ELEMENT",
        aliases: &[],
        signature: "ELEMENT(array)",
        doc: "The only element of the array; null if it is empty, an error if there are more.",
        takes: &[Kind::Any],
        required: 1,
        more: false,
        gives: Gives::By(|types| match types {
            [DataType::List(item)] => Ok(item.data_type().clone()),
            _ => plan_err!("ELEMENT takes an ARRAY"),
        }),
        nulls: Nulls::Maybe,
        run: element,
    },
    Spec {
        name: "ARRAY_POSITION",
        aliases: &[],
        signature: "ARRAY_POSITION(array, element)",
        doc: "Where the element first stands, from 1; 0 if it does not.",
        takes: &[Kind::Any, Kind::Any],
        required: 2,
        more: false,
        gives: Gives::Type(DataType::Int32),
        nulls: Nulls::Strict,
        run: position,
    },
    Spec {
        name: "ARRAY_JOIN",
        aliases: &[],
        signature: "ARRAY_JOIN(array, separator [, for null])",
        doc: "The elements as one text; nulls are left out or replaced.",
        takes: &[Kind::Any, Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: join,
    },
    Spec {
        name: "ROW",
        aliases: &[],
        signature: "ROW(value, …)",
        doc: "The values as a row; its fields are called EXPR$0, EXPR$1 and so on.",
        takes: &[Kind::Any],
        required: 1,
        more: true,
        gives: Gives::By(|types| Ok(DataType::Struct(fields(types).into()))),
        nulls: Nulls::Never,
        run: |call| {
            let columns = (0..call.len()).map(|index| call.array(index)).collect::<Result<Vec<_>>>()?;
            let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
            Ok(Arc::new(StructArray::try_new(fields(&types).into(), columns, None)?))
        },
    },
];

fn fields(types: &[DataType]) -> Vec<Field> {
    types
        .iter()
        .enumerate()
        .map(|(index, data_type)| Field::new(format!("EXPR${index}"), data_type.clone(), true))
        .collect()
}

fn element(call: &Call<'_>) -> Result<ArrayRef> {
    let lists = call.array(0)?;
    let lists = lists.as_list::<i32>();
    let mut places = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        places.push(match lists.value_length(row) {
            _ if lists.is_null(row) => None,
            0 => None,
            1 => Some(lists.value_offsets()[row] as u32),
            more => return exec_err!("ELEMENT takes an array of one element, here are {more}"),
        });
    }
    Ok(take(lists.values(), &UInt32Array::from(places), None)?)
}

fn position(call: &Call<'_>) -> Result<ArrayRef> {
    let (lists, wanted) = (call.array(0)?, call.array(1)?);
    let Some(lists) = lists.as_list_opt::<i32>() else { return exec_err!("ARRAY_POSITION takes an ARRAY") };
    let wanted = cast(&wanted, lists.values().data_type())?;
    let compare = arrow::array::make_comparator(lists.values(), &wanted, Default::default())?;
    let offsets = lists.value_offsets();
    call.numbers::<Int32Type>(|row| {
        if lists.is_null(row) || wanted.is_null(row) {
            return None;
        }
        let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
        let found = (from..to).find(|&place| lists.values().is_valid(place) && compare(place, row).is_eq());
        Some(found.map_or(0, |place| (place - from) as i32 + 1))
    })
}

fn join(call: &Call<'_>) -> Result<ArrayRef> {
    let (lists, separator, null) = (call.array(0)?, call.text(1)?, call.optional_text(2)?);
    let Some(lists) = lists.as_list_opt::<i32>() else { return exec_err!("ARRAY_JOIN takes an ARRAY") };
    let elements = cast(lists.values(), &DataType::Utf8)?;
    let elements = elements.as_string::<i32>();
    let offsets = lists.value_offsets();
    let mut out = StringBuilder::new();
    let mut text = String::new();
    for row in 0..call.rows {
        let Some(separator) = separator.at(row).filter(|_| lists.is_valid(row)) else {
            out.append_null();
            continue;
        };
        let null = null.as_ref().and_then(|null| null.at(row));
        text.clear();
        let mut first = true;
        for place in offsets[row] as usize..offsets[row + 1] as usize {
            let element = if elements.is_valid(place) { Some(elements.value(place)) } else { null };
            let Some(element) = element else { continue };
            if !std::mem::take(&mut first) {
                text.push_str(separator);
            }
            text.push_str(element);
        }
        out.append_value(&text);
    }
    Ok(Arc::new(out.finish()))
}
