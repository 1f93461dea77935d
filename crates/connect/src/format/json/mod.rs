//! JSON, straight from bytes to columns. The decoder makes no tree: it scans each record once, strictly
//! ([`scan`]), predicting its keys from the records before ([`shape`]), notes where the wanted values
//! stand ([`object`]) and then parses them column by column ([`column`]). What is not wanted is checked
//! and skipped, sixteen bytes at a time inside of strings ([`simd`]).
//!
//! A record is an object, or an array of objects, which gives a row each. Meaning is Flink's
//! (`json.*` options), but a value that does not fit its column refuses the record instead of wrapping,
//! rounding or truncating.

mod column;
mod object;
mod scan;
mod shape;
mod simd;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::filter;
use arrow::datatypes::Field;
use millstream_record::Result;

use self::object::Objects;
use self::scan::{Fault, peek, space};
pub(crate) use self::write::{JsonWriter, NullKey, Style};
use super::cells::{Verdict, What};
use super::scalar::Separators;
use super::{Decoded, Decoder, Segments};

/// What the options say about reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// A field that cannot be read becomes null where null may stand.
    pub(crate) null_on_error: bool,
    /// A record without a wanted field is refused.
    pub(crate) missing_fails: bool,
    /// How timestamps are written.
    pub(crate) separators: Separators,
    /// A longer record is refused.
    pub(crate) most_bytes: usize,
}

/// Reads records of JSON.
pub(crate) struct JsonDecoder {
    objects: Objects,
    rules: Rules,
    rows: Rows,
}

/// Where the object of each row stands.
#[derive(Default)]
struct Rows {
    places: Vec<(u32, u32)>,
    /// The record of each row.
    origins: Vec<u32>,
    rejected: Vec<(u32, String)>,
}

impl JsonDecoder {
    /// A decoder of these fields of each record.
    pub(crate) fn new(fields: &[Arc<Field>], rules: Rules) -> Result<JsonDecoder> {
        Ok(JsonDecoder { objects: Objects::new(fields.iter(), None, &rules)?, rules, rows: Rows::default() })
    }
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, records: &Segments) -> Result<Decoded> {
        let bytes = records.bytes();
        self.rows.find(records, self.rules.most_bytes);
        let rows = self.rows.places.len();
        let mut verdict = Verdict::of(rows);
        self.objects.start(rows);
        for (index, &(at, end)) in self.rows.places.iter().enumerate() {
            if let Err(fault) = self.objects.scan(bytes, at as usize, end as usize, index, 0) {
                verdict.refuse(index as u32, || not_json(fault, at as usize));
            }
        }
        let columns = self.objects.build(bytes, None, &mut verdict)?;
        self.rows.settle(records.len(), columns, verdict)
    }

    fn duplicate_keys(&self) -> u64 {
        self.objects.duplicates()
    }
}

#[cold]
fn not_json(fault: Fault, start: usize) -> String {
    format!("this is not JSON: {} (at byte {})", fault.what, fault.at - start)
}

impl Rows {
    /// Finds the object of each record, or the objects of an array.
    fn find(&mut self, records: &Segments, most_bytes: usize) {
        self.places.clear();
        self.origins.clear();
        self.rejected.clear();
        let bytes = records.bytes();
        let all_text = simdutf8::basic::from_utf8(bytes).is_ok();
        for record in 0..records.len() {
            let Some((start, end)) = records.span(record) else { continue };
            if end - start > most_bytes {
                self.reject(
                    record,
                    format!("the record is {} bytes long; max-record-bytes allows {most_bytes}", end - start),
                );
            } else if !all_text && let Err(error) = simdutf8::compat::from_utf8(&bytes[start..end]) {
                self.reject(record, format!("this is not JSON: it is not UTF-8 (at byte {})", error.valid_up_to()));
            } else if bytes.get(start) == Some(&b'{') && start < end {
                self.places.push((start as u32, end as u32));
                self.origins.push(record as u32);
            } else {
                self.find_unusual(bytes, start, end, record);
            }
        }
    }

    fn reject(&mut self, record: usize, reason: String) {
        self.rejected.push((record as u32, reason));
    }

    /// A record that begins with a byte order mark, a blank, an array or something that is no JSON.
    #[cold]
    fn find_unusual(&mut self, bytes: &[u8], start: usize, end: usize, record: usize) {
        let begin = if bytes[start..end].starts_with(b"\xef\xbb\xbf") { start + 3 } else { start };
        let begin = space(bytes, begin, end);
        if peek(bytes, begin, end) != Some(b'[') {
            self.places.push((begin as u32, end as u32));
            self.origins.push(record as u32);
            return;
        }
        let first = self.places.len();
        let mut all_objects = true;
        let array = column::elements(bytes, begin, end, |value| {
            all_objects &= value.what == What::Object;
            self.places.push((value.start as u32, value.end as u32));
        });
        let reason = match array {
            Ok(behind) if space(bytes, behind, end) != end => {
                Some("this is not JSON: something follows the end of the array".into())
            }
            Ok(_) if !all_objects => Some("a record must be an object or an array of objects".into()),
            Ok(_) => None,
            Err(fault) => Some(not_json(fault, start)),
        };
        if let Some(reason) = reason {
            self.places.truncate(first);
            self.reject(record, reason);
        }
        self.origins.resize(self.places.len(), record as u32);
    }

    /// Drops the rows of refused records. A record of which one row is refused gives no row.
    fn settle(&mut self, records: usize, mut columns: Vec<ArrayRef>, verdict: Verdict) -> Result<Decoded> {
        let mut origins = std::mem::take(&mut self.origins);
        let mut rejected = std::mem::take(&mut self.rejected);
        if !verdict.is_clean() {
            let mut refused: Vec<(u32, String)> =
                verdict.into_reasons().into_iter().map(|(row, reason)| (origins[row as usize], reason)).collect();
            refused.dedup_by_key(|(record, _)| *record);
            let is_kept = |record: &u32| refused.binary_search_by_key(record, |(refused, _)| *refused).is_err();
            let keep: BooleanArray = origins.iter().map(|record| Some(is_kept(record))).collect();
            for column in &mut columns {
                *column = filter(column, &keep)?;
            }
            origins.retain(is_kept);
            rejected.extend(refused);
            rejected.sort_by_key(|(record, _)| *record);
        }
        let rows = origins.len();
        let one_to_one = rows == records && origins.iter().enumerate().all(|(row, &record)| row as u32 == record);
        if one_to_one {
            // The list is kept for the next records.
            self.origins = origins;
            return Ok(Decoded { columns, rows, kinds: None, origins: None, rejected });
        }
        Ok(Decoded { columns, rows, kinds: None, origins: Some(origins), rejected })
    }
}
