//! What `VERIFY` found, kept beside the job: the answers, whether they are equal, and what that does not prove.

use std::fmt::Write as _;
use std::path::Path;

use millstream_runner::rehearsal::Difference;
use serde_json::json;

use crate::fault::{Class, Fault};
use crate::status::count;

/// What a comparison cannot tell.
const NOT_PROVED: [&str; 5] = [
    "interleavings: the test feeds one file per table, in one order; on a cluster partitions and tables race",
    "watermarks per partition and idle partitions: a file has one partition, and time does not pass in it",
    "processing time: queries that ask for the time of day, or wait by it",
    "connectors: Kafka, its transactions and the recovery from a checkpoint take no part in it",
    "records that the test input does not hold",
];

/// Job and Flink side by side.
pub struct Report {
    /// The version of Flink.
    pub flink: String,
    /// The tape that both read, if it was recorded.
    pub on: Option<String>,
    /// How many records both read.
    pub records: usize,
    /// The sinks.
    pub sinks: Vec<SinkReport>,
}

/// One sink of a comparison.
pub struct SinkReport {
    /// Its name.
    pub sink: String,
    /// Final rows of the job.
    pub rows: usize,
    /// Final rows of Flink.
    pub flink: usize,
    /// What differs, if anything does.
    pub difference: Option<Difference>,
}

impl Report {
    fn equal(&self) -> bool {
        self.sinks.iter().all(|sink| sink.difference.is_none())
    }

    /// What is said when both are equal.
    pub fn line(&self) -> String {
        let rows: usize = self.sinks.iter().map(|sink| sink.rows).sum();
        let on = self.on.as_ref().map(|tape| format!("{tape}, ")).unwrap_or_default();
        format!(
            "verified on {on}{} records: prototype = job = Flink {} ({} rows, equal)",
            count(self.records as u64),
            self.flink,
            count(rows as u64)
        )
    }

    /// The failure, if they are not equal.
    pub fn fault(&self, folder: &Path) -> Option<Fault> {
        let mut text = String::new();
        for SinkReport { sink, rows, flink, difference } in &self.sinks {
            if let Some(difference) = difference {
                let _ = write!(text, "\n{sink}: the job gives {rows} rows, Flink {flink}\n{difference}");
            }
        }
        let message = format!("Flink {} answers otherwise than the job{text}", self.flink);
        let hint = format!("the job is written; the report is {}", folder.join("verify/report.md").display());
        (!self.equal()).then(|| Fault::new(Class::Comparison, "E0810", message).hint(hint))
    }

    /// `report.md`.
    pub fn text(&self) -> String {
        let verdict = if self.equal() { "equal" } else { "different" };
        let mut text = format!(
            "# Verified on Flink {}: {verdict}\n\n\
             The {} records of `test/input.jsonl`{of} went through the job as Millstream runs it and through `flink/job-files.sql` on \
             Flink. Before that, the job gave the answer of its prototype, record for record in `test/answer`. Final rows were \
             compared, changes folded; numbers with a fraction may differ in their last places.\n\n\
             | sink | job | Flink | |\n|---|---|---|---|\n",
            self.flink,
            self.records,
            of = self.on.as_ref().map(|tape| format!(", recorded as {tape},")).unwrap_or_default()
        );
        for SinkReport { sink, rows, flink, difference } in &self.sinks {
            let verdict = if difference.is_none() { "equal" } else { "different" };
            let _ = writeln!(text, "| {sink} | {rows} | {flink} | {verdict} |");
        }
        for SinkReport { sink, difference, .. } in &self.sinks {
            if let Some(difference) = difference {
                let _ = write!(text, "\n## {sink}\n\n```\n{difference}\n```\n");
            }
        }
        text += "\n## What this does not prove\n\n";
        NOT_PROVED.iter().for_each(|line| text += &format!("- {line}\n"));
        text
    }

    /// `report.json`.
    pub fn json(&self) -> String {
        let sinks = self.sinks.iter().map(|SinkReport { sink, rows, flink, difference }| {
            json!({ "sink": sink, "job": rows, "flink": flink, "equal": difference.is_none() })
        });
        let report = json!({
            "equal": self.equal(),
            "flink": self.flink,
            "tape": self.on,
            "records": self.records,
            "sinks": sinks.collect::<Vec<_>>(),
            "not_proved": NOT_PROVED,
        });
        format!("{report:#}\n")
    }
}
