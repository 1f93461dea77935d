//! Making JSON: objects and arrays of values, written straight into one text, members in the order in which they
//! are given. The first argument is the shape that `plan::json` puts there: what becomes of nulls, and for each value
//! whether it is JSON already (`j`) or any value (`v`); a `*` behind it says that the one argument is a list of them.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::types::{Decimal128Type, Float64Type, Int64Type};
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::super::call::Call;

/// What a shape says.
struct Shape {
    absent: bool,
    json: Vec<bool>,
    many: bool,
}

impl Shape {
    fn of(call: &Call<'_>) -> Result<Shape> {
        let given = call.text(0)?;
        let (nulls, letters) = given.at(0).and_then(|shape| shape.split_once(':')).unwrap_or(("null", ""));
        let many = letters.ends_with('*');
        let json = letters.trim_end_matches('*').chars().map(|letter| letter == 'j').collect();
        Ok(Shape { absent: nulls == "absent", json, many })
    }

    fn is_json(&self, value: usize) -> bool {
        self.json.get(value).copied().unwrap_or(false)
    }
}

/// `JSON_OBJECT`; null where a key is null.
pub fn object(call: &Call<'_>) -> Result<ArrayRef> {
    let shape = Shape::of(call)?;
    let args = (1..call.len()).map(|index| call.array(index)).collect::<Result<Vec<_>>>()?;
    let mut texts = StringBuilder::new();
    for row in 0..call.rows {
        let mut members = Members::default();
        if shape.many {
            let pairs = args[0].as_list::<i32>();
            if pairs.is_valid(row) {
                let pairs = pairs.value(row);
                let (keys, values) = (pairs.as_struct().column(0), pairs.as_struct().column(1));
                for pair in (0..pairs.len()).filter(|pair| keys.is_valid(*pair)) {
                    members.add(keys, values, pair, &shape, 0)?;
                }
            }
        } else {
            if args.iter().step_by(2).any(|keys| keys.is_null(row)) {
                texts.append_null();
                continue;
            }
            for (number, pair) in args.chunks_exact(2).enumerate() {
                members.add(&pair[0], &pair[1], row, &shape, number)?;
            }
        }
        texts.append_value(members.written());
    }
    Ok(Arc::new(texts.finish()))
}

/// `JSON_ARRAY`.
pub fn array(call: &Call<'_>) -> Result<ArrayRef> {
    let shape = Shape::of(call)?;
    let args = (1..call.len()).map(|index| call.array(index)).collect::<Result<Vec<_>>>()?;
    let mut texts = StringBuilder::new();
    for row in 0..call.rows {
        let mut out = String::from("[");
        if shape.many {
            let list = args[0].as_list::<i32>();
            if list.is_valid(row) {
                let elements = list.value(row);
                (0..elements.len()).try_for_each(|element| add(&mut out, &elements, element, &shape, 0))?;
            }
        } else {
            args.iter().enumerate().try_for_each(|(number, value)| add(&mut out, value, row, &shape, number))?;
        }
        out.push(']');
        texts.append_value(out);
    }
    Ok(Arc::new(texts.finish()))
}

fn add(out: &mut String, values: &ArrayRef, row: usize, shape: &Shape, number: usize) -> Result<()> {
    if shape.absent && values.is_null(row) {
        return Ok(());
    }
    if out.len() > 1 {
        out.push(',');
    }
    element(values, row, shape.is_json(number), out)
}

/// The members of an object; of keys that stand twice the last value counts.
#[derive(Default)]
struct Members {
    written: Vec<(String, String)>,
}

impl Members {
    fn add(&mut self, keys: &ArrayRef, values: &ArrayRef, row: usize, shape: &Shape, number: usize) -> Result<()> {
        if shape.absent && values.is_null(row) {
            return Ok(());
        }
        let mut key = String::new();
        quoted(keys.as_string::<i32>().value(row), &mut key);
        let mut value = String::new();
        element(values, row, shape.is_json(number), &mut value)?;
        match self.written.iter_mut().find(|(known, _)| *known == key) {
            Some(known) => known.1 = value,
            None => self.written.push((key, value)),
        }
        Ok(())
    }

    fn written(self) -> String {
        let members: Vec<String> = self.written.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

fn element(values: &ArrayRef, row: usize, is_json: bool, out: &mut String) -> Result<()> {
    if is_json && values.is_valid(row) {
        out.push_str(values.as_string::<i32>().value(row));
        return Ok(());
    }
    write(values, row, out)
}

fn quoted(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Writes a value of a column as JSON.
pub fn write(array: &ArrayRef, row: usize, out: &mut String) -> Result<()> {
    if array.is_null(row) {
        out.push_str("null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Boolean => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            listed(out, '[', ']', elements.len(), |element, out| write(&elements, element, out))?;
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            listed(out, '{', '}', fields.len(), |field, out| {
                quoted(fields[field].name(), out);
                out.push(':');
                write(&columns[field], row, out)
            })?;
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let keys = cast(entries.column(0), &DataType::Utf8)?;
            listed(out, '{', '}', entries.len(), |entry, out| {
                quoted(keys.as_string::<i32>().value(entry), out);
                out.push(':');
                write(entries.column(1), entry, out)
            })?;
        }
        number if number.is_integer() => {
            let wide = cast(&array.slice(row, 1), &DataType::Int64)?;
            let _ = write!(out, "{}", wide.as_primitive::<Int64Type>().value(0));
        }
        number if number.is_floating() => {
            let wide = cast(&array.slice(row, 1), &DataType::Float64)?;
            // What is no number has no form in JSON: null.
            let _ = write!(out, "{}", serde_json::Value::from(wide.as_primitive::<Float64Type>().value(0)));
        }
        DataType::Decimal128(_, _) => out.push_str(&array.as_primitive::<Decimal128Type>().value_as_string(row)),
        _ => {
            let text = cast(&array.slice(row, 1), &DataType::Utf8)?;
            quoted(text.as_string::<i32>().value(0), out);
        }
    }
    Ok(())
}

fn listed(
    out: &mut String,
    open: char,
    close: char,
    count: usize,
    mut one: impl FnMut(usize, &mut String) -> Result<()>,
) -> Result<()> {
    out.push(open);
    for number in 0..count {
        if number > 0 {
            out.push(',');
        }
        one(number, out)?;
    }
    out.push(close);
    Ok(())
}
