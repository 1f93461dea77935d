//! What `SET` can change. Each setting is declared once, like the options of a connector; help, `SET`
//! alone and "did you mean" read this table.

use std::collections::BTreeMap;

use millstream_record::{OptionKind, OptionSpec, Options};

use crate::fault::Fault;
use crate::render::Zone;

/// All settings. Names are Flink's where Flink has the setting.
pub const SETTINGS: &[OptionSpec] = &[
    OptionSpec {
        name: "table.local-time-zone",
        kind: OptionKind::Text,
        default: Some("UTC"),
        doc: "the zone of TIMESTAMP_LTZ: where it is shown and where its windows are cut",
        example: "Europe/Berlin",
    },
    OptionSpec {
        name: "sql-client.execution.result-mode",
        kind: OptionKind::Choice(&["table", "changelog"]),
        default: Some("table"),
        doc: "table: the final rows; changelog: every change with its kind",
        example: "changelog",
    },
    OptionSpec {
        name: "parallelism.default",
        kind: OptionKind::Integer,
        default: None,
        doc: "how many lanes a query runs on; the number of cores if it is not set",
        example: "2",
    },
    OptionSpec {
        name: "batch-rows",
        kind: OptionKind::Integer,
        default: Some("8192"),
        doc: "at most so many rows are worked on at once",
        example: "1024",
    },
    OptionSpec {
        name: "bad-records",
        kind: OptionKind::Choice(&["keep", "fail", "dead-letter", "skip"]),
        default: Some("keep"),
        doc: "records that cannot be read: keep them in TABLE$errors, fail, write them to a topic, only count them",
        example: "fail",
    },
    OptionSpec {
        name: "bad-records.topic",
        kind: OptionKind::Text,
        default: None,
        doc: "the embedded topic for 'bad-records' = 'dead-letter'",
        example: "rejected",
    },
    OptionSpec {
        name: "bad-records.table",
        kind: OptionKind::Text,
        default: None,
        doc: "instead of a topic, a table with columns of TABLE$errors: of Kafka, of files, of any connector",
        example: "rejected",
    },
    OptionSpec {
        name: "kept-rows",
        kind: OptionKind::Integer,
        default: Some("1000"),
        doc: "how many late rows of a step and unreadable records of a table are kept",
        example: "10000",
    },
    OptionSpec {
        name: "live-for",
        kind: OptionKind::Duration,
        default: None,
        doc: "a notebook stops a query without end after so long; 10 s, if nobody sits at it",
        example: "30 s",
    },
    OptionSpec {
        name: "tape.max-bytes",
        kind: OptionKind::Bytes,
        default: Some("16 gb"),
        doc: "a recording ends when its tape holds so many bytes of records",
        example: "1 gb",
    },
    OptionSpec {
        name: "tape.spare-bytes",
        kind: OptionKind::Bytes,
        default: Some("256 mb"),
        doc: "a recording ends when no more than so many bytes are free on the disk",
        example: "1 gb",
    },
    OptionSpec {
        name: "tape.trace-bytes",
        kind: OptionKind::Bytes,
        default: Some("512 mb"),
        doc: "what TRACE writes down and CHECK … ORDER lays in other orders may take so many bytes of memory; of a longer tape a part is looked at",
        example: "2 gb",
    },
    OptionSpec {
        name: "table.exec.source.idle-timeout",
        kind: OptionKind::Duration,
        default: Some("0 ms"),
        doc: "after so long without records a partition no longer holds the watermark back; 0 is never",
        example: "5 s",
    },
];

/// Settings of Flink that can be set and change nothing here: results do not depend on them.
const WITHOUT_EFFECT: &[&str] = &[
    "execution.runtime-mode",
    "execution.checkpointing.interval",
    "pipeline.auto-watermark-interval",
    "pipeline.name",
    "pipeline.object-reuse",
    "sql-client.verbose",
    "table.dml-sync",
    "table.exec.mini-batch.allow-latency",
    "table.exec.mini-batch.enabled",
    "table.exec.mini-batch.size",
    "table.exec.state.ttl",
    "table.optimizer.agg-phase-strategy",
    "table.optimizer.distinct-agg.split.enabled",
];

/// The settings of a session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What held before anybody typed `SET`, and who said so.
    configured: BTreeMap<String, (String, String)>,
    /// What statements have set.
    here: BTreeMap<String, String>,
    checked: Options,
}

/// A setting as it is at the moment.
pub struct Setting<'a> {
    /// Its name.
    pub name: &'static str,
    /// Its value, if it has one.
    pub value: Option<&'a str>,
    /// Who set it: `default`, `SET`, the command line, a line of a file.
    pub from: &'a str,
    /// What it means.
    pub doc: &'static str,
}

impl Settings {
    /// All at their defaults.
    pub fn new() -> Settings {
        let checked = Options::check([], &[SETTINGS]).expect("no option is given, so none is wrong");
        Settings { configured: BTreeMap::new(), here: BTreeMap::new(), checked }
    }

    /// Changes one. The answer says so, and whether it matters.
    pub fn set(&mut self, key: &str, value: &str) -> Result<String, Fault> {
        if WITHOUT_EFFECT.contains(&key) {
            return Ok(format!("'{key}' is accepted and has no effect: results here do not depend on it"));
        }
        let mut changed = self.clone();
        changed.here.insert(key.to_string(), value.to_string());
        changed.check()?;
        *self = changed;
        Ok(format!("'{key}' = '{value}'"))
    }

    /// Says what holds until a statement sets it, and again after `RESET`; `from` is who says so.
    pub fn configure(&mut self, key: &str, value: &str, from: impl Into<String>) -> Result<(), Fault> {
        let mut changed = self.clone();
        changed.configured.insert(key.to_string(), (value.to_string(), from.into()));
        changed.check()?;
        *self = changed;
        Ok(())
    }

    /// Takes back what statements have set, of one or of all.
    pub fn reset(&mut self, key: Option<&str>) -> Result<String, Fault> {
        match key {
            None => self.here.clear(),
            Some(key) if SETTINGS.iter().any(|spec| spec.name == key) || WITHOUT_EFFECT.contains(&key) => {
                self.here.remove(key);
            }
            Some(key) => return Err(unknown(key, None)),
        }
        self.check()?;
        let what = key.map_or("all settings are at their".to_string(), |key| format!("'{key}' is at its"));
        Ok(match key.and_then(|key| self.configured.get(key)) {
            Some((value, from)) => format!("{what} value of {from}: '{value}'"),
            None if key.is_none() && !self.configured.is_empty() => format!("{what} configured values"),
            None => format!("{what} default{}", if key.is_none() { "s" } else { "" }),
        })
    }

    fn check(&mut self) -> Result<(), Fault> {
        let configured = self.configured.iter().filter(|(key, _)| !self.here.contains_key(*key));
        let configured = configured.map(|(key, (value, _))| (key.as_str(), value.as_str()));
        let here = self.here.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let checked = Options::check(configured.chain(here), &[SETTINGS]).map_err(|error| match error {
            millstream_record::OptionError::Unknown { name, near } => unknown(&name, near),
            other => Fault::from(other),
        })?;
        check_ranges(&checked)?;
        self.checked = checked;
        Ok(())
    }

    /// What statements have set.
    pub fn here(&self) -> &BTreeMap<String, String> {
        &self.here
    }

    /// All of them, with who set each.
    pub fn all(&self) -> impl Iterator<Item = Setting<'_>> {
        SETTINGS.iter().map(|spec| Setting {
            name: spec.name,
            value: self.checked.text(spec.name),
            from: match self.configured.get(spec.name) {
                _ if self.here.contains_key(spec.name) => "SET",
                Some((_, from)) => from,
                None if spec.default.is_some() => "default",
                None => "",
            },
            doc: spec.doc,
        })
    }

    /// The typed values.
    pub fn options(&self) -> &Options {
        &self.checked
    }

    /// The zone of the session.
    pub fn zone(&self) -> Zone {
        self.checked.text("table.local-time-zone").and_then(Zone::parse).unwrap_or(Zone::UTC)
    }

    /// The name of that zone.
    pub fn zone_name(&self) -> &str {
        self.checked.text("table.local-time-zone").unwrap_or("UTC")
    }

    /// After how long a notebook stops a query without end, if it was said.
    pub fn live_for(&self) -> Option<std::time::Duration> {
        self.checked.text("live-for").and_then(millstream_record::parse_duration)
    }

    /// At most so many rows are worked on at once.
    pub fn batch_rows(&self) -> usize {
        self.checked.integer("batch-rows").and_then(|rows| usize::try_from(rows).ok()).unwrap_or(8192)
    }

    /// Whether every change is wanted.
    pub fn changelog(&self) -> bool {
        self.checked.text("sql-client.execution.result-mode") == Some("changelog")
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings::new()
    }
}

fn check_ranges(settings: &Options) -> Result<(), Fault> {
    let zone = settings.text("table.local-time-zone").unwrap_or("UTC");
    if Zone::parse(zone).is_none() {
        let wrong = Fault::from(millstream_sql::SqlError::new("E0704", format!("there is no time zone '{zone}'")));
        return Err(wrong.hint("name it as in the tz database ('Europe/Berlin'), or as a distance ('+08:00')"));
    }
    for (name, least, most) in [("parallelism.default", 1, 1024), ("batch-rows", 1, 1 << 20), ("kept-rows", 0, 1 << 20)]
    {
        if let Some(value) = settings.integer(name).filter(|value| !(least..=most).contains(value)) {
            let wrong = format!("'{name}' = '{value}' is out of range: give it {least} to {most}");
            return Err(millstream_sql::SqlError::new("E0704", wrong).into());
        }
    }
    Ok(())
}

fn unknown(name: &str, near: Option<String>) -> Fault {
    let fault = Fault::from(millstream_sql::SqlError::new("E0704", format!("there is no setting '{name}'")));
    match near {
        Some(near) => fault.hint(format!("did you mean '{near}'?")),
        None => fault.hint("SET; lists all settings"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked_when_they_are_set() {
        let mut settings = Settings::new();
        settings.set("parallelism.default", "2").expect("fits");
        assert_eq!(settings.options().integer("parallelism.default"), Some(2));
        assert_eq!(
            settings.set("table.local-time-zone", "Mars").expect_err("none").message,
            "there is no time zone 'Mars'"
        );
        assert_eq!(settings.set("batch-rows", "0").expect_err("none").code, "E0704");
        assert_eq!(
            settings.set("parallelism.defalt", "2").expect_err("typo").hints,
            ["did you mean 'parallelism.default'?"]
        );
        assert_eq!(settings.options().integer("parallelism.default"), Some(2), "what was wrong changes nothing");
        settings.reset(Some("parallelism.default")).expect("known");
        assert_eq!(settings.options().integer("parallelism.default"), None);
        assert!(settings.set("table.exec.mini-batch.enabled", "true").expect("known").contains("no effect"));
    }
}
