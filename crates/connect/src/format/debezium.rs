//! Debezium's messages about changes of a table, in JSON: `{"before": row, "after": row, "op": "c"}`, in
//! an envelope `{"schema": …, "payload": …}` if the schema is included. `c` and `r` (snapshot) insert, `u`
//! replaces (`-U` and `+U`), `d` deletes. A message is read as one JSON record with the rows as nested
//! columns; of the rows only the wanted fields are parsed.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StructArray};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use millstream_record::{Error, Kind, Kinds, Result};

use super::json::{JsonDecoder, JsonWriter, Rules, Style};
use super::{Decoded, Decoder, Segments};

/// Reads changes.
pub(crate) struct DebeziumDecoder {
    messages: JsonDecoder,
    fields: Vec<FieldRef>,
    in_envelope: bool,
}

impl DebeziumDecoder {
    /// A decoder of these fields of the rows.
    pub(crate) fn new(fields: &[FieldRef], in_envelope: bool, rules: Rules) -> Result<DebeziumDecoder> {
        // A field may be NOT NULL in rows that are there; whether a row is there depends on the operation.
        let row = DataType::Struct(fields.iter().cloned().collect());
        let message = Fields::from(vec![
            Field::new("before", row.clone(), true),
            Field::new("after", row, true),
            Field::new("op", DataType::Utf8, true),
        ]);
        let messages = if in_envelope {
            JsonDecoder::new(&[Arc::new(Field::new("payload", DataType::Struct(message), true))], rules)?
        } else {
            JsonDecoder::new(&message, rules)?
        };
        Ok(DebeziumDecoder { messages, fields: fields.to_vec(), in_envelope })
    }
}

/// The parts of the messages as columns.
struct Messages {
    before: StructArray,
    after: StructArray,
    operations: ArrayRef,
}

impl Messages {
    fn new(columns: &[ArrayRef], in_envelope: bool) -> Messages {
        let columns = if in_envelope { columns[0].as_struct().columns() } else { columns };
        Messages {
            before: columns[0].as_struct().clone(),
            after: columns[1].as_struct().clone(),
            operations: columns[2].clone(),
        }
    }

    /// The changes that message `message` tells, as (kind, which array, where).
    fn changes(&self, message: usize) -> Result<&'static [(Kind, usize)], String> {
        let operations = self.operations.as_string::<i32>();
        if operations.is_null(message) {
            return Err("the message has no operation ('op')".into());
        }
        let (needs, changes): (&[usize], &'static [(Kind, usize)]) = match operations.value(message) {
            "c" | "r" => (&[AFTER], &[(Kind::Insert, AFTER)]),
            "u" => (&[BEFORE, AFTER], &[(Kind::UpdateBefore, BEFORE), (Kind::UpdateAfter, AFTER)]),
            "d" => (&[BEFORE], &[(Kind::Delete, BEFORE)]),
            other => {
                return Err(format!(
                    "the operation '{}' is none of c, r, u, d",
                    super::cells::excerpt(other.as_bytes())
                ));
            }
        };
        for &side in needs {
            let (rows, name) = if side == BEFORE { (&self.before, "before") } else { (&self.after, "after") };
            if rows.is_null(message) {
                let way_out =
                    if side == BEFORE { "; for PostgreSQL set REPLICA IDENTITY FULL on the table" } else { "" };
                return Err(format!(
                    "'{name}' is null, but the operation '{}' needs it{way_out}",
                    operations.value(message)
                ));
            }
        }
        Ok(changes)
    }
}

const BEFORE: usize = 0;
const AFTER: usize = 1;

impl Decoder for DebeziumDecoder {
    fn decode(&mut self, records: &Segments) -> Result<Decoded> {
        let Decoded { columns, rows, origins: found, mut rejected, .. } = self.messages.decode(records)?;
        let messages = Messages::new(&columns, self.in_envelope);
        let (mut kinds, mut places, mut origins) =
            (Vec::with_capacity(rows), Vec::with_capacity(rows), Vec::with_capacity(rows));
        for message in 0..rows {
            let record = found.as_ref().map_or(message as u32, |found| found[message]);
            match messages.changes(message) {
                Ok(changes) => {
                    kinds.extend(changes.iter().map(|(kind, _)| *kind));
                    places.extend(changes.iter().map(|(_, side)| (*side, message)));
                    origins.resize(kinds.len(), record);
                }
                Err(reason) => rejected.push((record, reason)),
            }
        }
        rejected.sort_by_key(|(record, _)| *record);
        rejected.dedup_by_key(|(record, _)| *record);
        let column = |index: usize| interleave(&[messages.before.column(index), messages.after.column(index)], &places);
        let columns = (0..self.fields.len()).map(column).collect::<Result<_, _>>()?;
        Ok(Decoded { columns, rows: kinds.len(), kinds: Some(Kinds::new(kinds)), origins: Some(origins), rejected })
    }

    fn duplicate_keys(&self) -> u64 {
        self.messages.duplicate_keys()
    }
}

/// Writes changes, as Flink does: what comes as an insertion (`c`), what goes as a deletion (`d`).
pub(crate) struct DebeziumWriter {
    rows: JsonWriter,
}

impl DebeziumWriter {
    /// A writer of rows of these fields.
    pub(crate) fn new(fields: &[FieldRef], in_envelope: bool, style: Style) -> Result<DebeziumWriter> {
        if in_envelope {
            return Err(Error::Invalid(
                "'debezium-json.schema-include' must be false for a table that is written".into(),
            ));
        }
        Ok(DebeziumWriter { rows: JsonWriter::new(fields, style)? })
    }

    /// Appends the message about row `row`.
    pub(crate) fn write(&self, columns: &[ArrayRef], row: usize, kind: Kind, out: &mut Vec<u8>) -> Result<()> {
        if kind.is_retraction() {
            out.extend_from_slice(b"{\"before\":");
            self.rows.write(columns, row, out)?;
            out.extend_from_slice(b",\"after\":null,\"op\":\"d\"}");
        } else {
            out.extend_from_slice(b"{\"before\":null,\"after\":");
            self.rows.write(columns, row, out)?;
            out.extend_from_slice(b",\"op\":\"c\"}");
        }
        Ok(())
    }
}
