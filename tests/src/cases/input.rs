//! The input of a case, decoded by the project's own JSON decoder and cut into batches: never across two
//! tables, because rows of different tables keep their order of arrival.

use std::collections::BTreeMap;

use millstream_connect::format::{Decode, FORMAT_OPTIONS, RawRecords};
use millstream_plan::Tap;
use millstream_record::{Fetched, Kind, Kinds, Options, PartitionId, Scan, Stop};
use serde_json::Value;

/// Rows of one table.
pub struct Piece {
    /// The table.
    pub table: String,
    /// The rows, with all physical columns.
    pub rows: Fetched,
}

struct Line<'a> {
    table: String,
    kind: Option<Kind>,
    text: &'a str,
}

/// Cuts the input into pieces of at most `batch` rows.
pub fn pieces(input: &str, taps: &BTreeMap<String, Tap>, batch: usize) -> Result<Vec<Piece>, String> {
    let mut lines = Vec::new();
    for text in input.lines().filter(|line| !line.trim().is_empty()) {
        let row: Value = serde_json::from_str(text).map_err(|error| format!("input.jsonl: {error}"))?;
        let table = row["_t"].as_str().ok_or("input.jsonl: a row names no table")?.to_string();
        lines.push(Line { table, kind: row["_op"].as_str().and_then(Kind::from_mark), text });
    }
    let mut pieces = Vec::new();
    for run in lines.chunk_by(|left, right| left.table == right.table) {
        for part in run.chunks(batch) {
            let tap = taps.get(&part[0].table).ok_or("input.jsonl: a row of an unknown table")?;
            pieces.push(Piece { table: tap.name.clone(), rows: decode(tap, part)? });
        }
    }
    Ok(pieces)
}

fn decode(tap: &Tap, lines: &[Line<'_>]) -> Result<Fetched, String> {
    let columns = tap.physical();
    let options = Options::check([("format", "json")], &[FORMAT_OPTIONS]).map_err(|error| error.to_string())?;
    let scan =
        Scan { columns: (0..columns.len()).collect(), resume: None, batch_rows: lines.len(), stop: Stop::default() };
    let mut decode = Decode::new(&tap.name, &columns, &scan, &options).map_err(|error| error.to_string())?;
    let mut raw = RawRecords::new(PartitionId::new(tap.name.as_str(), 0));
    lines.iter().for_each(|line| raw.values.push(Some(line.text.as_bytes())));
    raw.offsets = (0..lines.len() as i64).collect();
    let mut fetched = decode.apply(raw).map_err(|error| error.to_string())?;
    if let Some(first) = fetched.rejected.first() {
        return Err(format!("input.jsonl: {}", first.reason));
    }
    if lines.iter().any(|line| line.kind.is_some()) {
        fetched.kinds = Some(Kinds::new(lines.iter().map(|line| line.kind.unwrap_or(Kind::Insert))));
    }
    Ok(fetched)
}
