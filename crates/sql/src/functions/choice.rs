//! Functions that choose between values, and that tell of types.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::kernels::cmp;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_not_null, is_null, or_kleene};
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};

use super::call::Call;
use super::spec::{Gives, Kind, Nulls, Spec};
use crate::types::SqlType;

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "IF",
        aliases: &["IIF"],
        signature: "IF(condition, value, other)",
        doc: "The value where the condition is true, else the other.",
        takes: &[Kind::Bool, Kind::Common, Kind::Common],
        required: 3,
        more: false,
        gives: Gives::Like(1),
        nulls: Nulls::Maybe,
        run: |call| {
            let condition = call.bool(0)?;
            let mask: BooleanArray = (0..call.rows).map(|row| Some(condition.at(row) == Some(true))).collect();
            Ok(zip(&mask, &call.array(1)?, &call.array(2)?)?)
        },
    },
    Spec {
        name: "IFNULL",
        aliases: &["NVL"],
        signature: "IFNULL(value, other)",
        doc: "The value, or the other if it is null.",
        takes: &[Kind::Common, Kind::Common],
        required: 2,
        more: false,
        gives: Gives::Like(0),
        nulls: Nulls::Maybe,
        run: |call| {
            let value = call.array(0)?;
            Ok(zip(&is_not_null(&value)?, &value, &call.array(1)?)?)
        },
    },
    Spec {
        name: "GREATEST",
        aliases: &[],
        signature: "GREATEST(value, …)",
        doc: "The greatest value; null if one of them is null.",
        takes: &[Kind::Common],
        required: 1,
        more: true,
        gives: Gives::Like(0),
        nulls: Nulls::Strict,
        run: |call| extreme(call, true),
    },
    Spec {
        name: "LEAST",
        aliases: &[],
        signature: "LEAST(value, …)",
        doc: "The least value; null if one of them is null.",
        takes: &[Kind::Common],
        required: 1,
        more: true,
        gives: Gives::Like(0),
        nulls: Nulls::Strict,
        run: |call| extreme(call, false),
    },
    Spec {
        name: "TYPEOF",
        aliases: &[],
        signature: "TYPEOF(value)",
        doc: "The type of the value, as text.",
        takes: &[Kind::Any],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Never,
        run: |call| {
            let data_type = call.data_type(0);
            let name = SqlType::from_arrow(&data_type, true).map_or_else(|_| data_type.to_string(), |t| t.to_string());
            call.texts(|_| Some(name.clone().into()))
        },
    },
    Spec {
        name: "DECODE",
        aliases: &[],
        signature: "DECODE(bytes, charset)",
        doc: "The text that the bytes say in this character set: UTF-8, US-ASCII or ISO-8859-1.",
        takes: &[Kind::Bytes, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: decode,
    },
    Spec {
        name: "ENCODE",
        aliases: &[],
        signature: "ENCODE(text, charset)",
        doc: "The bytes of the text in this character set: UTF-8, US-ASCII or ISO-8859-1.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Type(DataType::Binary),
        nulls: Nulls::Strict,
        run: encode,
    },
];

fn extreme(call: &Call<'_>, greatest: bool) -> Result<ArrayRef> {
    let mut best = call.array(0)?;
    for index in 1..call.len() {
        let next = call.array(index)?;
        let better = if greatest { cmp::gt(&next, &best)? } else { cmp::lt(&next, &best)? };
        // A null, once met, stays.
        let takes = or_kleene(&better, &is_null(&next)?)?;
        let keeps_null = is_null(&best)?;
        let mask: BooleanArray = (0..takes.len())
            .map(|row| Some(!keeps_null.value(row) && takes.is_valid(row) && takes.value(row)))
            .collect();
        best = zip(&mask, &next, &best)?;
    }
    Ok(best)
}

/// Whether a byte may stand alone in the character set; `None` if the set is not known.
fn single_bytes(charset: &str) -> Option<Option<u8>> {
    match charset.to_uppercase().as_str() {
        "UTF-8" | "UTF8" => Some(None),
        "US-ASCII" | "ASCII" => Some(Some(0x7f)),
        "ISO-8859-1" | "LATIN1" => Some(Some(0xff)),
        _ => None,
    }
}

fn decode(call: &Call<'_>) -> Result<ArrayRef> {
    let (bytes, charset) = (call.bytes(0)?, call.text(1)?);
    call.try_texts(|row| {
        let (Some(bytes), Some(charset)) = (bytes.at(row), charset.at(row)) else { return Ok(None) };
        Ok(Some(match single_bytes(charset) {
            Some(None) => String::from_utf8_lossy(bytes).into_owned().into(),
            Some(Some(most)) => {
                let one = |byte: &u8| if *byte <= most { char::from(*byte) } else { char::REPLACEMENT_CHARACTER };
                bytes.iter().map(one).collect::<String>().into()
            }
            None => return plan_err!("the character set '{charset}' is not known; UTF-8, US-ASCII and ISO-8859-1 are"),
        }))
    })
}

fn encode(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, charset) = (call.text(0)?, call.text(1)?);
    let mut out = arrow::array::BinaryBuilder::new();
    for row in 0..call.rows {
        let (Some(text), Some(charset)) = (text.at(row), charset.at(row)) else {
            out.append_null();
            continue;
        };
        match single_bytes(charset) {
            Some(None) => out.append_value(text.as_bytes()),
            Some(Some(most)) => {
                let one = |character: char| u8::try_from(character).ok().filter(|byte| *byte <= most).unwrap_or(b'?');
                out.append_value(text.chars().map(one).collect::<Vec<u8>>());
            }
            None => return plan_err!("the character set '{charset}' is not known; UTF-8, US-ASCII and ISO-8859-1 are"),
        }
    }
    Ok(Arc::new(out.finish()))
}
