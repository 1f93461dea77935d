//! Functions of texts. Places count from 1 and lengths are characters, as everywhere in SQL.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::types::Int32Type;
use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::call::Call;
use super::spec::{Gives, Kind, Nulls, Spec, list_of};

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "SPLIT",
        aliases: &[],
        signature: "SPLIT(text, delimiter)",
        doc: "The pieces between the delimiters, as an array; an empty text has none.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::By(|_| Ok(list_of(DataType::Utf8))),
        nulls: Nulls::Strict,
        run: super::split::split,
    },
    Spec {
        name: "SPLIT_INDEX",
        aliases: &[],
        signature: "SPLIT_INDEX(text, delimiter, index)",
        doc: "The piece at this index, from 0; null if there are not so many.",
        takes: &[Kind::Text, Kind::Text, Kind::Int],
        required: 3,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Maybe,
        run: split_index,
    },
    Spec {
        name: "CONCAT",
        aliases: &[],
        signature: "CONCAT(text, …)",
        doc: "The texts one behind the other; null if one of them is null.",
        takes: &[Kind::Text],
        required: 1,
        more: true,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: concat,
    },
    Spec {
        name: "SUBSTRING",
        aliases: &["SUBSTR"],
        signature: "SUBSTRING(text FROM start [FOR length])",
        doc: "A part of the text; a negative start counts from the end.",
        takes: &[Kind::Text, Kind::Int, Kind::Int],
        required: 2,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Maybe,
        run: substring,
    },
    Spec {
        name: "LEFT",
        aliases: &[],
        signature: "LEFT(text, length)",
        doc: "The first characters; none for a negative length.",
        takes: &[Kind::Text, Kind::Int],
        required: 2,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let (text, length) = (call.text(0)?, call.int(1)?);
            call.texts(|row| Some(head(text.at(row)?, length.at(row)?).to_string().into()))
        },
    },
    Spec {
        name: "RIGHT",
        aliases: &[],
        signature: "RIGHT(text, length)",
        doc: "The last characters; none for a negative length.",
        takes: &[Kind::Text, Kind::Int],
        required: 2,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let (text, length) = (call.text(0)?, call.int(1)?);
            call.texts(|row| {
                let text = text.at(row)?;
                let skip = text.chars().count().saturating_sub(length.at(row)?.max(0) as usize);
                Some(text.chars().skip(skip).collect::<String>().into())
            })
        },
    },
    Spec {
        name: "POSITION",
        aliases: &[],
        signature: "POSITION(part IN text)",
        doc: "Where the part first stands in the text, from 1; 0 if it does not.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Type(DataType::Int32),
        nulls: Nulls::Strict,
        run: |call| find(call, 0, 1),
    },
    Spec {
        name: "LOCATE",
        aliases: &[],
        signature: "LOCATE(part, text [, start])",
        doc: "Where the part first stands in the text at or behind start, from 1; 0 if it does not.",
        takes: &[Kind::Text, Kind::Text, Kind::Int],
        required: 2,
        more: false,
        gives: Gives::Type(DataType::Int32),
        nulls: Nulls::Strict,
        run: |call| find(call, 0, 1),
    },
    Spec {
        name: "INSTR",
        aliases: &[],
        signature: "INSTR(text, part)",
        doc: "Where the part first stands in the text, from 1; 0 if it does not.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Type(DataType::Int32),
        nulls: Nulls::Strict,
        run: |call| find(call, 1, 0),
    },
    Spec {
        name: "LPAD",
        aliases: &[],
        signature: "LPAD(text, length, pad)",
        doc: "The text with so many characters, padded before it or cut.",
        takes: &[Kind::Text, Kind::Int, Kind::Text],
        required: 3,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Maybe,
        run: |call| pad(call, true),
    },
    Spec {
        name: "RPAD",
        aliases: &[],
        signature: "RPAD(text, length, pad)",
        doc: "The text with so many characters, padded behind it or cut.",
        takes: &[Kind::Text, Kind::Int, Kind::Text],
        required: 3,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Maybe,
        run: |call| pad(call, false),
    },
    Spec {
        name: "REPEAT",
        aliases: &[],
        signature: "REPEAT(text, times)",
        doc: "The text so many times.",
        takes: &[Kind::Text, Kind::Int],
        required: 2,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: repeat,
    },
    Spec {
        name: "REVERSE",
        aliases: &[],
        signature: "REVERSE(text)",
        doc: "The text from the back.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let text = call.text(0)?;
            call.texts(|row| Some(text.at(row)?.chars().rev().collect::<String>().into()))
        },
    },
    Spec {
        name: "INITCAP",
        aliases: &[],
        signature: "INITCAP(text)",
        doc: "Every word with a capital first and small letters behind it; words are letters and digits.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let text = call.text(0)?;
            call.texts(|row| text.at(row).map(|text| capitals(text).into()))
        },
    },
    Spec {
        name: "TRIM",
        aliases: &["BTRIM"],
        signature: "TRIM([BOTH] [characters FROM] text)",
        doc: "The text without blanks (or these characters) at both ends.",
        takes: &[Kind::Text, Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| trim(call, true, true),
    },
    Spec {
        name: "LTRIM",
        aliases: &[],
        signature: "LTRIM(text [, characters])",
        doc: "The text without blanks (or these characters) before it.",
        takes: &[Kind::Text, Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| trim(call, true, false),
    },
    Spec {
        name: "RTRIM",
        aliases: &[],
        signature: "RTRIM(text [, characters])",
        doc: "The text without blanks (or these characters) behind it.",
        takes: &[Kind::Text, Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| trim(call, false, true),
    },
    Spec {
        name: "ASCII",
        aliases: &[],
        signature: "ASCII(text)",
        doc: "The number of the first character; 0 for an empty text.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Type(DataType::Int32),
        nulls: Nulls::Strict,
        run: |call| {
            let text = call.text(0)?;
            call.numbers::<Int32Type>(|row| Some(text.at(row)?.chars().next().map_or(0, |first| first as i32)))
        },
    },
    Spec {
        name: "CHR",
        aliases: &["CHAR"],
        signature: "CHR(number)",
        doc: "The character with this number (modulo 256); an empty text for a negative one.",
        takes: &[Kind::Long],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let number = call.long(0)?;
            call.texts(|row| {
                let number = number.at(row)?;
                let character = (number >= 0).then(|| char::from((number & 0xff) as u8));
                Some(character.map(String::from).unwrap_or_default().into())
            })
        },
    },
    Spec {
        name: "STARTSWITH",
        aliases: &["STARTS_WITH"],
        signature: "STARTSWITH(text, prefix)",
        doc: "Whether the text begins so.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Type(DataType::Boolean),
        nulls: Nulls::Strict,
        run: |call| {
            let (text, prefix) = (call.text(0)?, call.text(1)?);
            call.bools(|row| Some(text.at(row)?.starts_with(prefix.at(row)?)))
        },
    },
    Spec {
        name: "ENDSWITH",
        aliases: &["ENDS_WITH"],
        signature: "ENDSWITH(text, suffix)",
        doc: "Whether the text ends so.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Type(DataType::Boolean),
        nulls: Nulls::Strict,
        run: |call| {
            let (text, suffix) = (call.text(0)?, call.text(1)?);
            call.bools(|row| Some(text.at(row)?.ends_with(suffix.at(row)?)))
        },
    },
    Spec {
        name: "OVERLAY",
        aliases: &[],
        signature: "OVERLAY(text PLACING other FROM start [FOR length])",
        doc: "The text with the part from start replaced.",
        takes: &[Kind::Text, Kind::Text, Kind::Int, Kind::Int],
        required: 3,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: overlay,
    },
    Spec {
        name: "IS_ALPHA",
        aliases: &[],
        signature: "IS_ALPHA(text)",
        doc: "Whether the text is letters only.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Type(DataType::Boolean),
        nulls: Nulls::Never,
        run: |call| every(call, |text| !text.is_empty() && text.chars().all(char::is_alphabetic)),
    },
    Spec {
        name: "IS_DIGIT",
        aliases: &[],
        signature: "IS_DIGIT(text)",
        doc: "Whether the text is digits only.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Type(DataType::Boolean),
        nulls: Nulls::Never,
        run: |call| every(call, |text| !text.is_empty() && text.chars().all(char::is_numeric)),
    },
    Spec {
        name: "IS_DECIMAL",
        aliases: &[],
        signature: "IS_DECIMAL(text)",
        doc: "Whether the text is a number.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Type(DataType::Boolean),
        nulls: Nulls::Never,
        run: |call| every(call, |text| text.trim().parse::<f64>().is_ok_and(f64::is_finite)),
    },
];

fn split_index(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, delimiter, index) = (call.text(0)?, call.text(1)?, call.int(2)?);
    let mut out = StringBuilder::with_capacity(call.rows, call.rows * 8);
    for row in 0..call.rows {
        let piece = || {
            let index = usize::try_from(index.at(row)?).ok()?;
            let (text, delimiter) = (text.at(row)?, delimiter.at(row)?);
            if text.is_empty() { None } else { text.split(delimiter).nth(index) }
        };
        out.append_option(piece());
    }
    Ok(Arc::new(out.finish()))
}

fn concat(call: &Call<'_>) -> Result<ArrayRef> {
    let parts = (0..call.len()).map(|index| call.text(index)).collect::<Result<Vec<_>>>()?;
    let mut whole = String::new();
    let mut out = StringBuilder::with_capacity(call.rows, call.rows * 16);
    for row in 0..call.rows {
        whole.clear();
        let all = parts.iter().all(|part| part.at(row).map(|text| whole.push_str(text)).is_some());
        out.append_option(all.then_some(&whole));
    }
    Ok(Arc::new(out.finish()))
}

fn head(text: &str, length: i32) -> &str {
    match usize::try_from(length) {
        Ok(length) => text.char_indices().nth(length).map_or(text, |(end, _)| &text[..end]),
        Err(_) => "",
    }
}

/// Flink's rule: start 0 counts as 1, a negative start from the end; outside the text it is empty; a
/// negative length gives null.
fn substring(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, start, length) = (call.text(0)?, call.int(1)?, call.optional_int(2)?);
    let mut out = StringBuilder::with_capacity(call.rows, call.rows * 8);
    for row in 0..call.rows {
        let piece = || {
            let (text, start) = (text.at(row)?, i64::from(start.at(row)?));
            let length = match &length {
                Some(length) => i64::from(length.at(row)?),
                None => i64::MAX,
            };
            if length < 0 {
                return None;
            }
            let characters = if text.is_ascii() { text.len() } else { text.chars().count() } as i64;
            let from = if start > 0 {
                start - 1
            } else if start == 0 {
                0
            } else {
                characters + start
            };
            if from < 0 || from >= characters {
                return Some("");
            }
            let to = from.saturating_add(length).min(characters);
            Some(characters_of(text, from as usize, to as usize))
        };
        out.append_option(piece());
    }
    Ok(Arc::new(out.finish()))
}

/// The characters `from..to`, which exist.
fn characters_of(text: &str, from: usize, to: usize) -> &str {
    if text.is_ascii() {
        return &text[from..to];
    }
    let byte = |place: usize| text.char_indices().nth(place).map_or(text.len(), |(byte, _)| byte);
    &text[byte(from)..byte(to)]
}

fn find(call: &Call<'_>, part: usize, text: usize) -> Result<ArrayRef> {
    let (part, text, start) = (call.text(part)?, call.text(text)?, call.optional_int(2)?);
    call.numbers::<Int32Type>(|row| {
        let (part, text) = (part.at(row)?, text.at(row)?);
        let start = match &start {
            Some(start) => start.at(row)?.max(1) as usize,
            None => 1,
        };
        let Some((skipped, _)) = text
            .char_indices()
            .map(Some)
            .chain([None])
            .enumerate()
            .find_map(|(place, at)| (place + 1 == start).then(|| (at.map_or(text.len(), |(byte, _)| byte), place)))
        else {
            return Some(0);
        };
        let found = text[skipped..].find(part);
        Some(found.map_or(0, |byte| text[..skipped + byte].chars().count() as i32 + 1))
    })
}

/// The longest text that a function makes of a short one.
const LONGEST: usize = 1 << 24;

fn pad(call: &Call<'_>, left: bool) -> Result<ArrayRef> {
    let (text, length, pad) = (call.text(0)?, call.int(1)?, call.text(2)?);
    call.texts(|row| {
        let (text, length, pad) = (text.at(row)?, length.at(row)?, pad.at(row)?);
        let length = usize::try_from(length).ok().filter(|length| *length <= LONGEST)?;
        let characters = text.chars().count();
        if characters >= length {
            return Some(head(text, length as i32).to_string().into());
        }
        if pad.is_empty() {
            return None;
        }
        let fill: String = pad.chars().cycle().take(length - characters).collect();
        Some(Cow::Owned(if left { fill + text } else { text.to_string() + &fill }))
    })
}

fn repeat(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, times) = (call.text(0)?, call.int(1)?);
    call.try_texts(|row| {
        let (Some(text), Some(times)) = (text.at(row), times.at(row)) else { return Ok(None) };
        let times = times.max(0) as usize;
        if text.len().saturating_mul(times) > LONGEST {
            return datafusion::common::exec_err!("REPEAT would make a text of more than {LONGEST} bytes");
        }
        Ok(Some(text.repeat(times).into()))
    })
}

fn capitals(text: &str) -> String {
    let mut inside = false;
    let one = |character: char| {
        let out = if inside { character.to_lowercase().to_string() } else { character.to_uppercase().to_string() };
        inside = character.is_alphanumeric();
        out
    };
    text.chars().map(one).collect()
}

fn trim(call: &Call<'_>, start: bool, end: bool) -> Result<ArrayRef> {
    let (text, characters) = (call.text(0)?, call.optional_text(1)?);
    let mut out = StringBuilder::with_capacity(call.rows, call.rows * 8);
    for row in 0..call.rows {
        let trimmed = || {
            let mut text = text.at(row)?;
            let set = match &characters {
                Some(characters) => characters.at(row)?,
                None => " ",
            };
            if start {
                text = text.trim_start_matches(|character| set.contains(character));
            }
            if end {
                text = text.trim_end_matches(|character| set.contains(character));
            }
            Some(text)
        };
        out.append_option(trimmed());
    }
    Ok(Arc::new(out.finish()))
}

fn overlay(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, other, start, length) = (call.text(0)?, call.text(1)?, call.int(2)?, call.optional_int(3)?);
    call.texts(|row| {
        let (text, other, start) = (text.at(row)?, other.at(row)?, start.at(row)?);
        let length = match &length {
            Some(length) => length.at(row)?.max(0) as usize,
            None => other.chars().count(),
        };
        let characters = text.chars().count();
        if start < 1 || start as usize > characters {
            return Some(text.to_string().into());
        }
        let from = start as usize - 1;
        let to = from.saturating_add(length).min(characters);
        let (before, behind) = (characters_of(text, 0, from), characters_of(text, to, characters));
        Some(format!("{before}{other}{behind}").into())
    })
}

fn every(call: &Call<'_>, test: fn(&str) -> bool) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.bools(|row| Some(text.at(row).is_some_and(test)))
}
