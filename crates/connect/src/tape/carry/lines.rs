//! A tape as JSON lines. Bytes that are text stand as text, others as `{"base64": "…"}`.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use millstream_record::{Error, Header, Millis, RawRecord, Result};
use serde_json::{Value, json};

use super::{Reading, Row, Writing, wrong};
use crate::format::scalar::{decode_base64, encode_base64};
use crate::tape::meta::Meta;

/// What marks the first line.
const TAPE: &str = "millstream-tape";
/// What marks the last line.
const END: &str = "end";

/// Writes lines.
pub(super) struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
    meta: Meta,
}

impl Writer {
    /// Begins a file with the description.
    pub fn create(path: &Path, meta: &Meta) -> Result<Writer> {
        let file = File::create(path).map_err(|error| Error::io(path, error))?;
        let mut writer = Writer { path: path.into(), out: BufWriter::new(file), meta: meta.clone() };
        writer.line(&json!({ TAPE: meta.write() }))?;
        Ok(writer)
    }

    fn line(&mut self, value: &Value) -> Result<()> {
        let written = serde_json::to_writer(&mut self.out, value).map_err(Into::into);
        let written = written.and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|error| Error::io(&self.path, error))
    }
}

impl Writing for Writer {
    fn record(&mut self, log: usize, record: &RawRecord<'_>, at: Millis) -> Result<()> {
        let headers = record.headers.iter();
        let headers: Vec<Value> = headers.map(|(name, value)| json!([name, bytes(value.as_deref())])).collect();
        self.line(&json!({
            "log": log,
            "tap": self.meta.recorded[self.meta.logs[log].recorded].tap,
            "partition": record.partition.number,
            "offset": record.offset.0,
            "arrival": at.0,
            "timestamp": record.timestamp.map(|at| at.0),
            "key": bytes(record.key),
            "headers": headers,
            "value": bytes(record.value),
        }))
    }

    fn end(mut self: Box<Self>, end: Value) -> Result<()> {
        self.line(&json!({ END: end }))?;
        let flushed = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        flushed.map_err(|error| Error::io(&self.path, error))
    }
}

fn bytes(bytes: Option<&[u8]>) -> Value {
    let Some(bytes) = bytes else { return Value::Null };
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => {
            let mut out = Vec::new();
            encode_base64(bytes, &mut out);
            json!({ "base64": String::from_utf8_lossy(&out) })
        }
    }
}

/// Reads lines.
pub(super) struct Reader {
    path: PathBuf,
    lines: BufReader<File>,
    number: u64,
    end: Option<Value>,
}

impl Reader {
    /// Opens a file and reads the description.
    pub fn open(path: &Path) -> Result<(Reader, Meta)> {
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        let mut reader = Reader { path: path.into(), lines: BufReader::new(file), number: 0, end: None };
        let first = reader.line()?.ok_or_else(|| wrong(path, "it is empty"))?;
        let meta = first.get(TAPE).ok_or_else(|| wrong(path, "its first line does not describe a tape"))?;
        let meta = Meta::read(meta).map_err(|reason| wrong(path, &reason))?;
        Ok((reader, meta))
    }

    fn line(&mut self) -> Result<Option<Value>> {
        let mut line = Vec::new();
        let read = self.lines.read_until(b'\n', &mut line).map_err(|error| Error::io(&self.path, error))?;
        self.number += 1;
        if read == 0 {
            return Ok(None);
        }
        let value = serde_json::from_slice(&line);
        value.map(Some).map_err(|error| wrong(&self.path, &format!("line {} is no JSON: {error}", self.number)))
    }
}

impl Reading for Reader {
    fn next(&mut self) -> Result<Option<Row>> {
        let Some(value) = self.line()? else { return Ok(None) };
        if let Some(end) = value.get(END) {
            self.end = Some(end.clone());
            return Ok(None);
        }
        let row = row(&value);
        row.map(Some).ok_or_else(|| wrong(&self.path, &format!("line {} is no record of a tape", self.number)))
    }

    fn end(&mut self) -> Result<Value> {
        self.end.take().ok_or_else(|| wrong(&self.path, "it was cut short: its last line is missing"))
    }
}

fn row(value: &Value) -> Option<Row> {
    let number = |field: &str| value.get(field)?.as_i64();
    let header =
        |value: &Value| -> Option<Header> { Some((value.get(0)?.as_str()?.to_string(), read_bytes(value.get(1)?)?)) };
    let timestamp = match value.get("timestamp")? {
        Value::Null => None,
        at => Some(at.as_i64()?),
    };
    Some(Row {
        log: usize::try_from(number("log")?).ok()?,
        offset: number("offset")?,
        at: number("arrival")?,
        timestamp,
        key: read_bytes(value.get("key")?)?,
        headers: value.get("headers")?.as_array()?.iter().map(header).collect::<Option<_>>()?,
        value: read_bytes(value.get("value")?)?,
    })
}

/// The bytes that a value stands for; the outer `None` if it stands for none.
fn read_bytes(value: &Value) -> Option<Option<Vec<u8>>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text.as_bytes().to_vec())),
        value => {
            let mut out = Vec::new();
            decode_base64(value.get("base64")?.as_str()?.as_bytes(), &mut out)?;
            Some(Some(out))
        }
    }
}
