//! The lines of a tape as text: first one that names tables and partitions, then a record each. Bytes that are
//! no text are written as hexadecimal digits under a name that says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The only version there is.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Deserialize, Serialize)]
pub struct Head {
    /// The version of the form.
    pub tape: u32,
    /// The tables by name.
    pub tables: BTreeMap<String, Table>,
}

/// A table of the tape.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Table {
    /// The values are rows in JSON, whatever the table's own format is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rows: bool,
    /// The partitions, also those of which there is no record.
    pub partitions: Vec<Partition>,
}

/// A partition of a table.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Partition {
    /// The topic, or the path of the file.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// What the timestamps mean: `CreateTime`, `LogAppendTime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamps: Option<String>,
    /// The names in the first line of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Vec<String>>,
    /// Size and time of change of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<(i64, i64)>,
}

/// A record.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The table.
    pub table: String,
    /// The place of its partition in the table's list; the first if missing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub place: usize,
    /// Its offset.
    pub offset: i64,
    /// When it arrived, in milliseconds since 1970.
    pub arrival: i64,
    /// When it was written, if the log knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The key, if it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_hex: Option<String>,
    /// The headers: name, and the value as hexadecimal digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Option<String>)>,
    /// The value; a record without one is a tombstone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value, if it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_hex: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_zero(place: &usize) -> bool {
    *place == 0
}

/// Bytes as text, or else as digits.
pub fn spell(bytes: Option<&[u8]>) -> (Option<String>, Option<String>) {
    match bytes.map(|bytes| (std::str::from_utf8(bytes), bytes)) {
        None => (None, None),
        Some((Ok(text), _)) => (Some(text.to_string()), None),
        Some((Err(_), bytes)) => (None, Some(hex(bytes))),
    }
}

/// The bytes that [`spell`] wrote.
pub fn read(text: Option<String>, digits: Option<String>) -> Result<Option<Vec<u8>>, String> {
    match (text, digits) {
        (Some(_), Some(_)) => Err("text and digits stand beside each other".into()),
        (Some(text), None) => Ok(Some(text.into_bytes())),
        (None, Some(digits)) => unhex(&digits).map(Some),
        (None, None) => Ok(None),
    }
}

/// Bytes as pairs of hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[digit as usize]))
        .collect()
}

/// The bytes behind such digits.
pub fn unhex(digits: &str) -> Result<Vec<u8>, String> {
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(byte).collect::<Option<_>>().ok_or_else(|| "odd or wrong hexadecimal digits".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were() {
        for bytes in [&b""[..], b"text", b"\xff\x00\x10", "ü\n".as_bytes()] {
            let (text, digits) = spell(Some(bytes));
            assert_eq!(read(text, digits).expect("reads").as_deref(), Some(bytes));
        }
        assert_eq!(read(None, None), Ok(None));
        assert!(unhex("abc").is_err() && unhex("zz").is_err());
    }
}
