//! Tapes as files, to be kept or sent: JSON lines (`lines`), which anybody can read and write, or Parquet
//! (`parquet`), which is smaller. Both hold the description, every record with all that is known of it, and
//! at the end how many records there were and a checksum over them, so that what is cut short or changed on
//! its way is refused.

mod lines;
mod parquet;

use std::path::Path;

use millstream_record::{Error, Header, Millis, Offset, RawRecord, Result, Stop};
use serde_json::{Value, json};

use super::chunk::payload_bytes;
use super::meta::{Meta, State};
use super::tape::{Damage, Tape};
use super::tapes::Tapes;
use crate::varint;

/// How a tape is written into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line of JSON each for the description, every record, and the end.
    Lines,
    /// A row for every record; the description stands in the metadata.
    Parquet,
}

/// What went into a file, or came out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// How many records.
    pub records: u64,
    /// Bytes of keys, values and headers.
    pub payload_bytes: u64,
    /// Chunks of the tape that could not be read, and are not in the file.
    pub damages: Vec<Damage>,
}

/// A record in a file.
#[derive(Clone, Debug, Default, PartialEq)]
struct Row {
    log: usize,
    offset: i64,
    at: i64,
    timestamp: Option<i64>,
    key: Option<Vec<u8>>,
    headers: Vec<Header>,
    value: Option<Vec<u8>>,
}

/// Counts the records of a file and makes a checksum over them.
struct Tally {
    records: u64,
    crc: flate2::Crc,
    scratch: Vec<u8>,
}

impl Tally {
    fn new() -> Tally {
        Tally { records: 0, crc: flate2::Crc::new(), scratch: Vec::new() }
    }

    fn count(&mut self, log: usize, record: &RawRecord<'_>, at: Millis) {
        let out = &mut self.scratch;
        out.clear();
        varint::put(out, log as u64);
        varint::put_signed(out, record.offset.0);
        varint::put_signed(out, at.0);
        varint::put_signed(out, record.timestamp.map_or(-1, |at| at.0));
        put(out, record.key);
        put(out, record.value);
        varint::put(out, record.headers.len() as u64);
        for (name, value) in record.headers {
            put(out, Some(name.as_bytes()));
            put(out, value.as_deref());
        }
        self.records += 1;
        self.crc.update(out);
    }

    fn end(&self) -> Value {
        json!({ "records": self.records, "crc32": self.crc.sum() })
    }
}

fn put(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint::put(out, bytes.map_or(0, |bytes| bytes.len() as u64 + 1));
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// A file that is being written.
trait Writing {
    fn record(&mut self, log: usize, record: &RawRecord<'_>, at: Millis) -> Result<()>;
    /// Writes what stands at the end, and makes the file safe.
    fn end(self: Box<Self>, end: Value) -> Result<()>;
}

/// A file that is being read: first its description, then records, then its end.
trait Reading {
    fn next(&mut self) -> Result<Option<Row>>;
    /// What the file says of itself at its end; asked behind the last record.
    fn end(&mut self) -> Result<Value>;
}

/// Writes a tape into a file. The file appears under its name when it is complete.
pub fn export(tape: &Tape, form: Form, file: &Path, stop: &Stop) -> Result<Carried> {
    let mut hidden = file.as_os_str().to_owned();
    hidden.push(".inprogress");
    let hidden = Path::new(&hidden);
    let written = write(tape, form, hidden, stop);
    match &written {
        Ok(_) => std::fs::rename(hidden, file).map_err(|error| Error::io(file, error))?,
        // What is incomplete is of no use; that it cannot be removed changes nothing about the failure.
        Err(_) => drop(std::fs::remove_file(hidden)),
    }
    written
}

fn write(tape: &Tape, form: Form, file: &Path, stop: &Stop) -> Result<Carried> {
    let meta = tape.meta();
    let mut writing: Box<dyn Writing> = match form {
        Form::Lines => Box::new(lines::Writer::create(file, meta)?),
        Form::Parquet => Box::new(parquet::Writer::create(file, meta)?),
    };
    let (mut tally, mut carried) = (Tally::new(), Carried::default());
    for index in 0..tape.outlines().len() {
        if stop.raised() {
            return Err(Error::Stopped);
        }
        let chunk = match tape.chunk(index) {
            Ok(chunk) => chunk,
            Err(damage) => {
                carried.damages.push(damage);
                continue;
            }
        };
        for (part, at) in chunk.order() {
            let record = chunk.record(part, at);
            let part = &chunk.parts[part];
            tally.count(part.log, &record, part.times[at]);
            carried.payload_bytes += payload_bytes(&record);
            writing.record(part.log, &record, part.times[at])?;
        }
    }
    carried.records = tally.records;
    writing.end(tally.end())?;
    Ok(carried)
}

/// Makes tape `name` of a file. What the file says at its end must be true, or there is no tape.
pub fn import(tapes: &Tapes, name: &str, form: Form, file: &Path, stop: &Stop) -> Result<Carried> {
    if tapes.exists(name)? {
        return Err(Error::Invalid(format!("there is a tape '{name}' already; DROP TAPE {name}; makes room")));
    }
    let read = read(tapes, name, form, file, stop);
    if read.is_err() && tapes.exists(name)? {
        tapes.drop(name)?;
    }
    read
}

fn read(tapes: &Tapes, name: &str, form: Form, file: &Path, stop: &Stop) -> Result<Carried> {
    let (mut reading, meta): (Box<dyn Reading>, Meta) = match form {
        Form::Lines => {
            let (reader, meta) = lines::Reader::open(file)?;
            (Box::new(reader), meta)
        }
        Form::Parquet => {
            let (reader, meta) = parquet::Reader::open(file)?;
            (Box::new(reader), meta)
        }
    };
    let (mut tally, mut carried) = (Tally::new(), Carried::default());
    let (from, until) = (meta.from, meta.until);
    let empty = Meta { state: State::Open, records: 0, payload_bytes: 0, until: from, ..meta.clone() };
    let mut writer = tapes.carried(name, empty)?;
    let mut last = Millis::MIN;
    while let Some(row) = reading.next()? {
        let log = meta.logs.get(row.log).filter(|_| row.at >= last.0);
        let log = log.ok_or_else(|| wrong(file, &format!("record {} makes no sense", tally.records)))?;
        last = Millis(row.at);
        let record = RawRecord {
            partition: &log.partition,
            offset: Offset(row.offset),
            timestamp: row.timestamp.map(Millis),
            key: row.key.as_deref(),
            headers: &row.headers,
            value: row.value.as_deref(),
        };
        tally.count(row.log, &record, last);
        carried.payload_bytes += payload_bytes(&record);
        writer.put(row.log, &record, last);
        if writer.is_full() {
            if stop.raised() {
                return Err(Error::Stopped);
            }
            writer.flush()?;
        }
    }
    if reading.end()? != tally.end() {
        return Err(wrong(file, "its records are not those that were written: the checksum does not fit"));
    }
    carried.records = tally.records;
    writer.silence(until);
    writer.seal()?;
    Ok(carried)
}

/// A file that holds no tape, or a damaged one.
fn wrong(file: &Path, reason: &str) -> Error {
    Error::Invalid(format!("{} cannot be read as a tape: {reason}", file.display()))
}
