//! `connectors.txt`: the jars that the job needs beside those of a Flink distribution.

use crate::Job;

/// Of a connector or format, the artifact on Maven Central; those that Flink brings along are missing.
const ARTIFACTS: [(&str, &str); 3] = [
    ("kafka", "org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2"),
    ("parquet", "org.apache.flink:flink-sql-parquet:2.3.0"),
    ("avro", "org.apache.flink:flink-sql-avro:2.3.0"),
];

/// The list, an artifact a line.
pub fn list(job: &Job) -> String {
    let mut wanted = Vec::new();
    for table in job.tables() {
        let kafka = matches!(table.tap.connector.as_str(), "kafka" | "upsert-kafka" | "topic" | "demo");
        wanted.extend(kafka.then_some("kafka"));
        wanted.extend(
            ["format", "key.format", "value.format"]
                .iter()
                .filter_map(|key| table.tap.options.get(*key))
                .map(String::as_str),
        );
    }
    let artifacts: Vec<&str> =
        ARTIFACTS.iter().filter(|(name, _)| wanted.contains(name)).map(|(_, artifact)| *artifact).collect();
    if artifacts.is_empty() {
        return "# A Flink distribution has all that this job needs.\n".into();
    }
    format!("# Jars on Maven Central that belong into the folder lib of Flink.\n{}\n", artifacts.join("\n"))
}
