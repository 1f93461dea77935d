//! `millstream.toml`: how a job runs. Every setting has a default; one that is not known is refused.

use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_engine::BadRecords;
use millstream_record::{parse_bytes, parse_duration};
use serde::Deserialize;

use crate::fault::Fault;

/// How a job runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name, in logs and metrics.
    pub name: String,
    /// Worker lanes; `None` takes those of the checkpoint, or the number of cores.
    pub parallelism: Option<usize>,
    /// The zone of `TIMESTAMP_LTZ`.
    pub zone: String,
    /// The time between two checkpoints.
    pub interval: Duration,
    /// Where checkpoints are.
    pub state: PathBuf,
    /// How many checkpoints are kept.
    pub keep: usize,
    /// How many bytes of memory operators use for their state, together; what is more lies in the state
    /// folder. `None` keeps all of it in memory.
    pub state_memory: Option<u64>,
    /// The job stops, behind a last checkpoint, when its operators keep more bytes than this, wherever.
    pub state_limit: Option<u64>,
    /// Where embedded topics are.
    pub topics: PathBuf,
    /// Where libraries of the job's functions are, if somebody has compiled them.
    pub functions: PathBuf,
    /// What happens to a record that cannot be read, and to a row for which a function fails.
    pub bad_records: BadRecords,
    /// What a Kafka topic does whose next record is gone, unless its table says: `fail`, `earliest`, `latest`.
    pub lost_data: String,
    /// Where `/metrics` and its sisters are served; `None` for nowhere.
    pub listen: Option<String>,
    /// A savepoint to begin with.
    pub from: Option<PathBuf>,
    /// An older checkpoint to go back to.
    pub restore_epoch: Option<u64>,
    /// Steps or operators whose state may be left behind although it does not fit.
    pub drop_state: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    job: JobPart,
    checkpoints: CheckpointPart,
    policies: PolicyPart,
    topics: TopicPart,
    http: HttpPart,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct JobPart {
    name: Option<String>,
    parallelism: Option<usize>,
    time_zone: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CheckpointPart {
    interval: Option<String>,
    folder: Option<PathBuf>,
    keep: Option<usize>,
    #[serde(rename = "state-memory")]
    state_memory: Option<String>,
    #[serde(rename = "state-limit")]
    state_limit: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct PolicyPart {
    bad_records: Option<String>,
    late_rows: Option<String>,
    lost_data: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TopicPart {
    folder: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HttpPart {
    listen: Option<String>,
}

impl Config {
    /// The settings of a job whose files stand in `base`: what the text of `millstream.toml` says.
    pub fn read(text: &str, file: &str, base: &Path, name: &str, state: PathBuf) -> Result<Config, Fault> {
        let read: File = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or(String::new(), |span| {
                let (line, column) = millstream_sql::error::line_column(text, span.start);
                format!(":{line}:{column}")
            });
            Fault::plan(format!("{file}{place}: {}", error.message()))
        })?;
        let wrong = |what: &str, value: &str, wanted: &str| {
            Fault::plan(format!("{file}: {what} = \"{value}\" is not {wanted}"))
        };
        let interval = match &read.checkpoints.interval {
            None => Duration::from_secs(10),
            Some(typed) => parse_duration(typed)
                .filter(|interval| !interval.is_zero())
                .ok_or_else(|| wrong("checkpoints.interval", typed, "a stretch of time such as \"10 s\""))?,
        };
        let bad_records = match read.policies.bad_records.as_deref() {
            None | Some("fail") => BadRecords::Fail,
            Some("keep") => BadRecords::Keep,
            Some("skip") => BadRecords::Skip,
            Some(other) => return Err(wrong("policies.bad-records", other, "one of fail, keep, skip")),
        };
        let bytes = |what: &str, typed: &Option<String>| {
            let read = |typed: &String| {
                parse_bytes(typed).ok_or_else(|| wrong(what, typed, "a number of bytes such as \"8 gb\""))
            };
            typed.as_ref().map(read).transpose()
        };
        let state_memory = bytes("checkpoints.state-memory", &read.checkpoints.state_memory)?;
        let state_limit = bytes("checkpoints.state-limit", &read.checkpoints.state_limit)?;
        // There is no other way yet; whoever writes it down is not surprised by a later one.
        if let Some(other) = read.policies.late_rows.as_deref().filter(|word| *word != "count") {
            return Err(wrong("policies.late-rows", other, "count"));
        }
        let lost_data = read.policies.lost_data.unwrap_or_else(|| "fail".into());
        if !["fail", "earliest", "latest"].contains(&lost_data.as_str()) {
            return Err(wrong("policies.lost-data", &lost_data, "one of fail, earliest, latest"));
        }
        if let Some(lanes) = read.job.parallelism.filter(|lanes| !(1..=1024).contains(lanes)) {
            return Err(wrong("job.parallelism", &lanes.to_string(), "a number from 1 to 1024"));
        }
        let below = |path: Option<PathBuf>, default: PathBuf| path.map_or(default, |path| base.join(path));
        Ok(Config {
            name: read.job.name.unwrap_or_else(|| name.to_string()),
            parallelism: read.job.parallelism,
            zone: read.job.time_zone.unwrap_or_else(|| "UTC".into()),
            interval,
            state: below(read.checkpoints.folder, state),
            keep: read.checkpoints.keep.unwrap_or(3).max(1),
            state_memory,
            state_limit,
            functions: base.join("functions"),
            topics: below(read.topics.folder, base.join(".millstream/topics")),
            bad_records,
            lost_data,
            listen: match read.http.listen {
                Some(off) if off == "off" => None,
                Some(address) => Some(address),
                None => Some("127.0.0.1:0".into()),
            },
            from: None,
            restore_epoch: None,
            drop_state: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, Fault> {
        Config::read(text, "millstream.toml", Path::new("/job"), "bars", PathBuf::from("/job/state"))
    }

    #[test]
    fn everything_has_a_default_and_paths_are_below_the_job() {
        let config = read("").expect("empty is fine");
        assert_eq!((config.name.as_str(), config.interval, config.keep), ("bars", Duration::from_secs(10), 3));
        assert_eq!(config.bad_records, BadRecords::Fail);
        let config = read("[checkpoints]\ninterval = \"1 s\"\nfolder = \"s\"\n[http]\nlisten = \"off\"").expect("fine");
        assert_eq!(
            (config.interval, config.state, config.listen),
            (Duration::from_secs(1), PathBuf::from("/job/s"), None)
        );
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_place() {
        let refusal = |text: &str| read(text).expect_err("wrong").to_string();
        assert!(
            refusal("[checkpoints]\nintervall = \"1 s\"").starts_with("millstream.toml:2:1: unknown field `intervall`")
        );
        assert!(refusal("[checkpoints]\ninterval = \"soon\"").contains("a stretch of time"));
        assert!(refusal("[checkpoints]\nstate-limit = \"much\"").contains("a number of bytes"));
        assert!(
            refusal("[checkpoints]\nstate-memory = \"all\"").starts_with("millstream.toml: checkpoints.state-memory")
        );
        assert!(refusal("[policies]\nbad-records = \"eat\"").contains("one of fail, keep, skip"));
        assert!(refusal("[policies]\nlate-rows = \"eat\"").contains("is not count"));
        assert!(refusal("[policies]\nlost-data = \"eat\"").contains("one of fail, earliest, latest"));
    }
}
