//! `WITH (…)` in Flink's words: which options Flink knows, which mean the same under another name, which are
//! Millstream's own and left out with a note, and which cannot be said at all.

use millstream_record::parse_duration;
use millstream_sql::catalog::Table;
use millstream_sql::statement::TableOption;

use super::kafka::client;
use super::{DATA_FOLDER, KAFKA_SERVERS, settings};
use crate::{Job, Obstacle};

/// The options of a table, and what there is to say about them.
#[derive(Debug, Default)]
pub struct With {
    /// In the order of writing.
    pub options: Vec<(String, String)>,
    /// What was left out or changed, a sentence each.
    pub notes: Vec<String>,
}

/// Options that every connector of Flink with a format knows under the same name.
const FORMATS: [&str; 7] = [
    "format",
    "key.format",
    "key.fields",
    "key.fields-prefix",
    "value.format",
    "value.fields-include",
    "sink.parallelism",
];
/// How the options of formats begin.
const FORMAT_PREFIXES: [&str; 4] = ["json.", "csv.", "raw.", "debezium-json."];
/// What both know of Kafka.
const KAFKA: [&str; 13] = [
    "topic",
    "topic-pattern",
    "scan.startup.mode",
    "scan.startup.timestamp-millis",
    "scan.startup.specific-offsets",
    "scan.bounded.mode",
    "scan.bounded.timestamp-millis",
    "scan.bounded.specific-offsets",
    "scan.topic-partition-discovery.interval",
    "scan.watermark.idle-timeout",
    "sink.partitioner",
    "sink.delivery-guarantee",
    "sink.transactional-id-prefix",
];
/// What both know of files.
const FILES: [&str; 7] = [
    "path",
    "source.monitor-interval",
    "source.path.regex-pattern",
    "sink.rolling-policy.file-size",
    "sink.rolling-policy.rollover-interval",
    "sink.rolling-policy.inactivity-interval",
    "sink.rolling-policy.check-interval",
];

/// Why the options of a table cannot be said; `read` says that it is read.
pub fn obstacles(table: &Table, read: bool) -> Vec<Obstacle> {
    let name = &table.tap.name;
    let mut all = Vec::new();
    let mut add = |why: String, way_out: &str| {
        all.push(Obstacle { uid: name.clone(), why, way_out: way_out.into() });
    };
    let option = |key: &str| table.tap.options.get(key).map(String::as_str);
    if option("csv.header") == Some("true") && read {
        add(
            "the first line of a file names its columns, and Flink's csv knows no such line".into(),
            "write the columns in the order of the file, and leave the line out of the files",
        );
    }
    if table.tap.connector == "filesystem" {
        if option("path").is_some_and(|path| path.rsplit_once('/').is_some_and(|(folder, _)| has_pattern(folder))) {
            add(
                "a pattern in the path stands in front of the last /".into(),
                "name the folder, and the files with 'source.path.regex-pattern'",
            );
        }
        let columns: Vec<&str> = table.tap.columns.iter().map(millstream_plan::TapColumn::name).collect();
        let plain = |expression: &String| columns.contains(&expression.trim_matches('`'));
        if let Some(expression) = table.tap.partitioned_by.iter().find(|expression| !plain(expression)) {
            add(
                format!("PARTITIONED BY ({expression}) is an expression, and Flink takes columns only"),
                "make it a column of the query, and partition by that",
            );
        }
    }
    all
}

fn has_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The options of a table on the connector that it has on Flink. Topics of Millstream's own become topics of Kafka.
pub fn kafka_or_own(job: &Job, table: &Table, read: bool) -> With {
    let mut with = match table.tap.connector.as_str() {
        "kafka" | "upsert-kafka" => kafka(job, table, read),
        "topic" | "demo" => own_topic(job, table, read),
        "filesystem" => files(table),
        connector => {
            let options = given(table).map(|option| (option.key.clone(), option.value.clone()));
            let mut with = With::default();
            with.options.push(("connector".into(), connector.into()));
            with.options.extend(options.filter(|(key, _)| key != "scan.watermark.max-future"));
            with
        }
    };
    for setting in settings(&job.graph).into_iter().filter(|setting| setting.table.as_ref() == Some(&table.tap.name)) {
        if !with.options.iter().any(|(key, _)| *key == setting.key) {
            with.options.push((setting.key, setting.value));
        }
    }
    with
}

/// What is written in the declaration, without the connector.
fn given(table: &Table) -> impl Iterator<Item = &TableOption> {
    table.draft.options.iter().filter(|option| option.key != "connector")
}

fn is_format(key: &str) -> bool {
    let bare = key.strip_prefix("key.").or_else(|| key.strip_prefix("value.")).unwrap_or(key);
    (FORMATS.contains(&key) || FORMAT_PREFIXES.iter().any(|prefix| bare.starts_with(prefix)))
        && !matches!(bare, "csv.header" | "raw.charset")
}

fn kafka(job: &Job, table: &Table, read: bool) -> With {
    let mut with = With::default();
    let name = &table.tap.name;
    with.options.push(("connector".into(), table.tap.connector.clone()));
    for TableOption { key, value, .. } in given(table) {
        match key.as_str() {
            // Those of the client are put in Java's words below, all at once.
            key if key.starts_with("properties.") => {}
            key if KAFKA.contains(&key) || is_format(key) => with.options.push((key.into(), value.clone())),
            "scan.on-data-loss" => with.notes.push(format!(
                "'scan.on-data-loss' = '{value}' of {name} has no like on Flink, which goes on where 'properties.auto.offset.reset' says"
            )),
            key => with.notes.push(format!("'{key}' of {name} is Millstream's own and left out")),
        }
    }
    let properties: Vec<(&str, &str)> = given(table)
        .filter_map(|option| Some((option.key.strip_prefix("properties.")?, option.value.as_str())))
        .collect();
    let (client, notes) = client(name, &properties);
    with.options.extend(client);
    with.notes.extend(notes);
    let has = |with: &With, key: &str| with.options.iter().any(|(known, _)| known == key);
    if read {
        let groups = has(&with, "properties.group.id") || table.tap.connector == "upsert-kafka";
        if !has(&with, "scan.startup.mode") && !groups {
            with.options.push(("scan.startup.mode".into(), "earliest-offset".into()));
        }
    } else if with.options.iter().any(|(key, value)| key == "sink.delivery-guarantee" && value == "exactly-once") {
        if !has(&with, "sink.transactional-id-prefix") {
            with.options.push(("sink.transactional-id-prefix".into(), format!("{}-{name}", job.name)));
        }
        if !has(&with, "properties.transaction.timeout.ms") {
            // Flink's own default is an hour, which no broker allows unless it is told to.
            with.options.push(("properties.transaction.timeout.ms".into(), "900000".into()));
        }
    }
    with
}

fn own_topic(job: &Job, table: &Table, read: bool) -> With {
    let mut with = With::default();
    let name = &table.tap.name;
    let connector =
        if !read && job.changes(name) && !table.tap.primary_key.is_empty() { "upsert-kafka" } else { "kafka" };
    let topic = table.tap.options.get("topic").unwrap_or(name);
    with.options.push(("connector".into(), connector.into()));
    with.options.push(("topic".into(), topic.clone()));
    with.options.push(("properties.bootstrap.servers".into(), format!("${{env:{KAFKA_SERVERS}}}")));
    with.options.extend(
        given(table).filter(|option| is_format(&option.key)).map(|option| (option.key.clone(), option.value.clone())),
    );
    if !with.options.iter().any(|(key, _)| key == "format" || key == "value.format") {
        let key = if connector == "upsert-kafka" { "value.format" } else { "format" };
        with.options.push((key.into(), "json".into()));
    }
    if connector == "upsert-kafka" {
        for (_, value) in with.options.clone().iter().filter(|(key, _)| key == "format") {
            with.options.push(("value.format".into(), value.clone()));
        }
        with.options.retain(|(key, _)| key != "format");
        if !with.options.iter().any(|(key, _)| key == "key.format") {
            with.options.push(("key.format".into(), "json".into()));
        }
    }
    if read {
        with.options.push(("scan.startup.mode".into(), "earliest-offset".into()));
    }
    with.notes.push(format!(
        "{name} is a topic of Millstream's own; on Flink it is the topic '{topic}' of the Kafka behind {KAFKA_SERVERS}"
    ));
    with
}

fn files(table: &Table) -> With {
    let mut with = With::default();
    let name = &table.tap.name;
    with.options.push(("connector".into(), "filesystem".into()));
    for TableOption { key, value, .. } in given(table) {
        match key.as_str() {
            "path" => with.options.extend(path(value)),
            "source.monitor-interval" => {
                // Flink wants a time that is not zero.
                let zero = parse_duration(value).is_some_and(|interval| interval.is_zero());
                with.options.push((key.clone(), if zero { "1 ms".into() } else { value.clone() }));
            }
            key if FILES.contains(&key) || is_format(key) => with.options.push((key.into(), value.clone())),
            key => with.notes.push(format!("'{key}' of {name} is Millstream's own and left out")),
        }
    }
    with
}

/// A path as Flink takes it: with a scheme, without patterns.
fn path(typed: &str) -> Vec<(String, String)> {
    let bare = typed.strip_prefix("file://").or_else(|| typed.strip_prefix("file:")).unwrap_or(typed);
    let (folder, last) = match bare.rsplit_once('/') {
        Some((folder, last)) if has_pattern(last) => (folder, Some(last)),
        None if has_pattern(bare) => ("", Some(bare)),
        _ => (bare, None),
    };
    let place = match folder {
        absolute if absolute.starts_with('/') => format!("file://{absolute}"),
        "" => format!("file://${{env:{DATA_FOLDER}}}"),
        relative => format!("file://${{env:{DATA_FOLDER}}}/{}", relative.strip_prefix("./").unwrap_or(relative)),
    };
    let pattern = last.map(|last| ("source.path.regex-pattern".to_string(), regex(last)));
    std::iter::once(("path".to_string(), place)).chain(pattern).collect()
}

/// A pattern of a shell for the last part of a path, as a regular expression for the whole path.
fn regex(pattern: &str) -> String {
    let mut regex = String::from(".*/");
    for letter in pattern.chars() {
        match letter {
            '*' => regex += "[^/]*",
            '?' => regex += "[^/]",
            '[' | ']' | '-' => regex.push(letter),
            '!' => regex.push('^'),
            other if other.is_alphanumeric() || other == '_' => regex.push(other),
            other => regex.extend(['\\', other]),
        }
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_a_scheme_and_patterns_become_expressions() {
        let of = |typed: &str| path(typed).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
        assert_eq!(of("/data/bids.jsonl"), ["file:///data/bids.jsonl"]);
        assert_eq!(of("file:///data"), ["file:///data"]);
        assert_eq!(of("./data/b-*.jsonl"), ["file://${env:DATA_FOLDER}/data", r".*/b-[^/]*\.jsonl"]);
        assert_eq!(of("*.csv"), ["file://${env:DATA_FOLDER}", r".*/[^/]*\.csv"]);
    }

    #[test]
    fn options_of_formats_are_known_for_keys_and_values() {
        for known in
            ["format", "json.timestamp-format.standard", "key.csv.field-delimiter", "value.json.ignore-parse-errors"]
        {
            assert!(is_format(known), "{known}");
        }
        for own in ["csv.header", "max-record-bytes", "partitions"] {
            assert!(!is_format(own), "{own}");
        }
    }
}
