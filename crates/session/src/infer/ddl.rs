//! The result of an inference as a declaration that Flink would read too.

use millstream_sql::types::{literal, quoted};

use super::time::{Told, interval};
use super::{EventTime, Inference};

/// `CREATE TABLE name …` over the topic that `options` (with `connector`) name. `formats` says whether the
/// connector knows formats; the demos, for one, do not.
pub fn create_table(inference: &Inference, name: &str, options: &[(String, String)], formats: bool) -> String {
    let mut lines: Vec<String> =
        inference.columns.iter().map(|(name, data_type)| format!("{} {data_type}", quoted(name))).collect();
    if let Some(time) = &inference.time {
        lines.extend(time.declared.iter().cloned());
        let bound = interval(time.bound);
        lines.push(format!("WATERMARK FOR {0} AS {0} - {bound}", quoted(&time.column)));
    }
    let mut all: Vec<(&str, &str)> = options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    if formats {
        all.extend(inference.options.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    }
    let timeout = inference.time.as_ref().and_then(|time| time.disorder.idle_timeout());
    let timeout = timeout.map(|ms| format!("{} s", ms / 1_000));
    if let Some(timeout) = &timeout {
        all.push(("scan.watermark.idle-timeout", timeout));
    }
    let options: Vec<String> =
        all.iter().map(|(key, value)| format!("{} = {}", literal(key), literal(value))).collect();
    format!("CREATE TABLE {} (\n  {}\n) WITH (\n  {}\n)", quoted(name), lines.join(",\n  "), options.join(",\n  "))
}

impl EventTime {
    /// The column that tells the time, and its declaration if it must be computed. `taken` are the names of
    /// the other columns.
    pub(super) fn name(path: &[String], told: Told, taken: &[String]) -> (String, Option<String>) {
        let place = path.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(".");
        let expression = match told {
            Told::Timestamp { precision: 0..=3, .. } if path.len() == 1 => return (path[0].clone(), None),
            Told::Timestamp { zoned, .. } => {
                format!("CAST({place} AS {}(3))", if zoned { "TIMESTAMP_LTZ" } else { "TIMESTAMP" })
            }
            Told::Epoch(super::number::Epoch::Seconds) => format!("TO_TIMESTAMP_LTZ({place}, 0)"),
            Told::Epoch(super::number::Epoch::Millis) => format!("TO_TIMESTAMP_LTZ({place}, 3)"),
            Told::Epoch(super::number::Epoch::Micros) => format!("TO_TIMESTAMP_LTZ({place} / 1000, 3)"),
            Told::Epoch(super::number::Epoch::Nanos) => format!("TO_TIMESTAMP_LTZ({place} / 1000000, 3)"),
            Told::Fraction => format!("TO_TIMESTAMP_LTZ(CAST({place} * 1000 AS BIGINT), 3)"),
        };
        let column = free("event_time", taken);
        let declared = format!("{} AS {expression}", quoted(&column));
        (column, Some(declared))
    }
}

/// `wanted`, or the first of `wanted_2`, `wanted_3`, … that is not taken.
pub(super) fn free(wanted: &str, taken: &[String]) -> String {
    let mut name = wanted.to_string();
    let mut number = 2;
    while taken.contains(&name) {
        name = format!("{wanted}_{number}");
        number += 1;
    }
    name
}
