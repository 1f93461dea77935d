//! `SHOW TAPES`, `DROP TAPE`, and tapes as files.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};
use millstream_connect::tape::{self, Carried, Form, Meta, State, Summary};
use millstream_record::Stop;
use millstream_sql::SqlError;
use millstream_sql::statement::Name;
use millstream_sql::types::INSTANT_ZONE;

use crate::fault::Fault;
use crate::reply::Reply;
use crate::session::Session;
use crate::status::{count, size};
use crate::strings::{like, table};

/// `SHOW TAPES [LIKE 'pattern']`.
pub fn show(session: &Session, pattern: Option<&str>) -> Result<Reply, Fault> {
    let all: Vec<Summary> = session.tapes.list()?.into_iter().filter(|summary| like(pattern, &summary.name)).collect();
    let text =
        |of: &dyn Fn(&Summary) -> Option<String>| Arc::new(StringArray::from_iter(all.iter().map(of))) as ArrayRef;
    let number = |of: &dyn Fn(&Meta) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter(all.iter().map(|summary| summary.meta.as_ref().ok().map(of))))
    };
    let time = |of: &dyn Fn(&Meta) -> i64| -> ArrayRef {
        let times = all.iter().map(|summary| summary.meta.as_ref().ok().map(of));
        Arc::new(TimestampMillisecondArray::from_iter(times).with_timezone(INSTANT_ZONE))
    };
    Ok(table([
        ("tape", text(&|summary| Some(summary.name.clone()))),
        ("taps", text(&|summary| Some(taps(summary.meta.as_ref().ok()?)))),
        ("records", number(&|meta| meta.records as i64)),
        ("bytes", number(&|meta| meta.payload_bytes as i64)),
        ("on_disk", Arc::new(Int64Array::from_iter_values(all.iter().map(|summary| summary.disk_bytes as i64)))),
        ("from", time(&|meta| meta.from.0)),
        ("until", time(&|meta| meta.until.0)),
        ("state", text(&|summary| Some(state(summary)))),
    ]))
}

fn taps(meta: &Meta) -> String {
    meta.recorded.iter().map(|recorded| recorded.tap.as_str()).collect::<Vec<_>>().join(", ")
}

fn state(summary: &Summary) -> String {
    match &summary.meta {
        Ok(Meta { state: State::Sealed, .. }) => "complete".into(),
        Ok(meta) => format!(
            "under way, or cut short with up to the last 0.1 s lost: RECORD {} AS {}; goes on",
            taps(meta),
            summary.name
        ),
        Err(reason) => format!("cannot be read: {reason}"),
    }
}

/// `DROP TAPE [IF EXISTS] name`.
pub fn drop(session: &mut Session, if_exists: bool, name: &Name) -> Result<Reply, Fault> {
    if if_exists && !session.tapes.exists(&name.text)? {
        return Ok(Reply::Text(format!("there is no tape '{}'", name.text)));
    }
    session.tapes.drop(&name.text).map_err(|error| Fault::from(error).or_at(Some(name.span)))?;
    Ok(Reply::Text(format!("tape '{}' is gone", name.text)))
}

impl Session {
    /// All tapes as a table, as `SHOW TAPES` shows them.
    pub fn list_tapes(&self) -> Result<Reply, Fault> {
        show(self, None)
    }

    /// Writes a tape into a file, as JSON lines or Parquet by the ending of its name; says what went into it.
    pub fn export_tape(&self, name: &str, file: &Path, stop: &Stop) -> Result<String, Fault> {
        let form = form(file)?;
        let carried = tape::export(&self.tapes.open(name)?, form, file, stop)?;
        let mut said = format!("wrote {} to {}", told(&carried), file.display());
        for damage in &carried.damages {
            said += &format!("\nleft out: {damage}");
        }
        Ok(said)
    }

    /// Makes a tape of a file that [`Session::export_tape`] wrote; says what came out of it.
    pub fn import_tape(&self, name: &str, file: &Path, stop: &Stop) -> Result<String, Fault> {
        let carried = tape::import(&self.tapes, name, form(file)?, file, stop)?;
        Ok(format!("tape {name}: {} from {}", told(&carried), file.display()))
    }
}

fn told(carried: &Carried) -> String {
    format!("{} records, {}", count(carried.records), size(carried.payload_bytes))
}

fn form(file: &Path) -> Result<Form, Fault> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "jsonl" | "ndjson" | "json" => Ok(Form::Lines),
        "parquet" => Ok(Form::Parquet),
        _ => {
            let error = SqlError::new("E0903", format!("{} does not say what kind of file it is", file.display()));
            Err(error.hint("name it .jsonl for JSON lines, or .parquet").into())
        }
    }
}
