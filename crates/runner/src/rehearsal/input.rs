//! Records of a tape on their way into a graph, and on their way into files that Flink can read: as they are
//! where that is possible, decoded and written as JSON where it is not.

use millstream_connect::format::{Decode, Encode, FORMAT_OPTIONS, RawRecords};
use millstream_plan::{Graph, Tap, TapChanges};
use millstream_record::{Column, Error, Fetched, Options, Origin, Scan, Stop};

use super::answer::batch;
use super::{Formats, Tape};
use crate::fault::Fault;

/// Decodes the records of one table.
pub(super) struct Reading {
    name: String,
    columns: Vec<Column>,
    options: Options,
    decode: Decode,
    header: Option<std::sync::Arc<[String]>>,
}

impl Reading {
    /// Reads all physical columns of a tap.
    pub fn new(tap: &Tap, formats: &Formats<'_>, tape: &Tape) -> Result<Reading, Fault> {
        let rows = tape.table(&tap.name).is_some_and(|taped| taped.rows);
        let (columns, options) = if rows { rows_of(tap)? } else { (tap.physical(), formats(tap)?) };
        let decode = Decode::new(&tap.name, &columns, &all(&columns), &options)?;
        Ok(Reading { name: tap.name.clone(), columns, options, decode, header: None })
    }

    /// The rows of some records.
    pub fn decode(&mut self, records: &RawRecords) -> Result<Fetched, Fault> {
        if records.header != self.header {
            self.header.clone_from(&records.header);
            let header = self.header.as_deref();
            self.decode = Decode::with_header(&self.name, &self.columns, &all(&self.columns), &self.options, header)?;
        }
        Ok(self.decode.apply(records.clone())?)
    }
}

fn all(columns: &[Column]) -> Scan {
    Scan { columns: (0..columns.len()).collect(), resume: None, batch_rows: 4096, stop: Stop::default() }
}

/// Columns and options of a tap's rows when they are written as JSON.
fn rows_of(tap: &Tap) -> Result<(Vec<Column>, Options), Fault> {
    let format = if tap.changes == TapChanges::Append { "json" } else { "debezium-json" };
    let options = Options::check([("format", format)], &[FORMAT_OPTIONS]).map_err(Error::from)?;
    let columns = tap.physical().into_iter().map(|column| Column { origin: Origin::Payload, ..column });
    Ok((columns.collect(), options))
}

/// The records of a table as a file for Flink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The options of the format in which the file is written.
    pub format: Vec<(String, String)>,
    /// The file: a record a line.
    pub bytes: Vec<u8>,
    /// Why the records are not those of the topic, byte for byte; `None` if they are.
    pub decoded: Option<String>,
}

/// The records of each tap of a graph as a file for Flink, by the tap's name.
pub fn input(graph: &Graph, formats: &Formats<'_>, tape: &Tape) -> Result<Vec<(String, Input)>, Fault> {
    let mut inputs: Vec<(String, Input)> = Vec::new();
    for (_, tap, _) in graph.scans() {
        if inputs.iter().all(|(name, _)| *name != tap.name) {
            let input = of_tap(tap, formats, tape)?;
            inputs.push((tap.name.clone(), input));
        }
    }
    Ok(inputs)
}

fn of_tap(tap: &Tap, formats: &Formats<'_>, tape: &Tape) -> Result<Input, Fault> {
    let (columns, options) = rows_of(tap)?;
    let mut encode = Encode::new(&columns, &[], &options)?;
    let mut reading = Reading::new(tap, formats, tape)?;
    let (mut raw, mut decoded, mut bad) = (Some(Vec::new()), Vec::new(), 0);
    let mut why = not_raw(tap, tape);
    for (_, records) in tape.pieces().filter(|(name, _)| *name == tap.name) {
        let fetched = reading.decode(records)?;
        bad += fetched.rejected.len();
        let encoded = encode.apply(&batch(fetched.rows, fetched.kinds))?;
        encoded.values.iter().flatten().for_each(|value| line(&mut decoded, value));
        for value in records.values.iter() {
            match (&mut raw, value) {
                (Some(raw), Some(value)) if !value.contains(&b'\n') && !value.contains(&b'\r') => line(raw, value),
                _ => raw = None,
            }
        }
    }
    why = why.or_else(|| (bad > 0).then(|| format!("{bad} records cannot be read, and Flink would stop at them")));
    why = why.or_else(|| raw.is_none().then(|| "some record is no single line".to_string()));
    let typed =
        |options: &[(&str, &str)]| options.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    Ok(match (why, raw) {
        (None, Some(bytes)) => Input { format: formats_of(tap), bytes, decoded: None },
        (why, _) => {
            let format = if tap.changes == TapChanges::Append { "json" } else { "debezium-json" };
            Input { format: typed(&[("format", format)]), bytes: decoded, decoded: why }
        }
    })
}

fn line(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Why the records of a tap cannot stand in a file as they are.
fn not_raw(tap: &Tap, tape: &Tape) -> Option<String> {
    let given = |key: &str| tap.options.get(key);
    let taped = tape.table(&tap.name)?;
    let why = if taped.rows {
        "it has rows only, and no records"
    } else if tap.physical().iter().any(|column| column.origin != Origin::Payload) {
        "columns of metadata do not stand in the records"
    } else if given("key.fields").is_some() || given("key.format").is_some() {
        "columns stand in the keys of the records"
    } else if given("csv.header").is_some_and(|header| header == "true") {
        "the first line of the file names the columns"
    } else if tap.changes == TapChanges::Upsert {
        "a record replaces the one before it of its key"
    } else if given("format").is_none() {
        "the format of the records is the connector's own"
    } else {
        return None;
    };
    Some(why.into())
}

/// The options of a tap that speak of its format.
fn formats_of(tap: &Tap) -> Vec<(String, String)> {
    let format = |key: &&String| {
        *key == "format" || ["json.", "csv.", "raw.", "debezium-json."].iter().any(|prefix| key.starts_with(prefix))
    };
    let own = |key: &&String| !matches!(key.as_str(), "csv.header" | "raw.charset");
    tap.options.keys().filter(format).filter(own).map(|key| (key.clone(), tap.options[key].clone())).collect()
}
