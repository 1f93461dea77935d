//! What can be said about files in `WITH (…)`, under Flink's names.

use std::path::PathBuf;
use std::time::Duration;

use millstream_record::{Error, OptionKind, OptionSpec, Options, Result};
use regex::Regex;

use crate::format::FORMAT_OPTIONS;

const OWN: &[OptionSpec] = &[
    OptionSpec {
        name: "path",
        kind: OptionKind::Text,
        default: None,
        doc: "a file, a folder or a pattern; a folder is read with all folders in it, without names that begin with . or _",
        example: "data/bids/*.jsonl",
    },
    OptionSpec {
        name: "source.monitor-interval",
        kind: OptionKind::Duration,
        default: None,
        doc: "how often to look for new files and appended lines; when it is given, the table has no end and only complete lines are read",
        example: "1 s",
    },
    OptionSpec {
        name: "source.path.regex-pattern",
        kind: OptionKind::Text,
        default: None,
        doc: "read only files whose whole path matches this regular expression",
        example: ".*/part-[0-9]+\\.csv",
    },
    OptionSpec {
        name: "sink.rolling-policy.file-size",
        kind: OptionKind::Bytes,
        default: Some("128 mb"),
        doc: "begin a new part file when one has grown to this size",
        example: "64 mb",
    },
    OptionSpec {
        name: "sink.rolling-policy.rollover-interval",
        kind: OptionKind::Duration,
        default: Some("30 min"),
        doc: "begin a new part file this long after one was begun; in a job, since elsewhere every flush ends the parts",
        example: "15 min",
    },
    OptionSpec {
        name: "sink.rolling-policy.inactivity-interval",
        kind: OptionKind::Duration,
        default: Some("30 min"),
        doc: "end a part file to which no row has come for this long",
        example: "5 min",
    },
    OptionSpec {
        name: "sink.rolling-policy.check-interval",
        kind: OptionKind::Duration,
        default: Some("1 min"),
        doc: "how often to look, at rows and at checkpoints, whether the time of a part file is over",
        example: "10 s",
    },
    OptionSpec {
        name: "sink.partitioned-by",
        kind: OptionKind::Text,
        default: None,
        doc: "columns whose values name the folders of the part files; PARTITIONED BY (…) says it better",
        example: "day, shop",
    },
];

/// The options of files and of what stands in them.
pub(super) const ALL: &[OptionSpec] = &{
    let mut all = [OWN[0]; OWN.len() + FORMAT_OPTIONS.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] = if index < OWN.len() { OWN[index] } else { FORMAT_OPTIONS[index - OWN.len()] };
        index += 1;
    }
    all
};

/// The path without `file://`; other schemes are not local files.
pub(super) fn path(options: &Options) -> Result<PathBuf> {
    let text = options.required("path")?;
    match text.split_once("://") {
        None => Ok(PathBuf::from(text.strip_prefix("file:").unwrap_or(text))),
        Some(("file", path)) => Ok(PathBuf::from(path)),
        Some((scheme, _)) => {
            Err(Error::Invalid(format!("'path' = '{text}': {scheme}:// cannot be read; only local files can")))
        }
    }
}

/// How often to look for news; `None` if the table is bounded.
pub(super) fn monitor_interval(options: &Options) -> Option<Duration> {
    options.duration("source.monitor-interval").map(|interval| interval.max(Duration::from_millis(1)))
}

/// Which paths are read; `None` for all.
pub(super) fn pattern(options: &Options) -> Result<Option<Regex>> {
    let Some(text) = options.text("source.path.regex-pattern") else { return Ok(None) };
    match Regex::new(&format!("^(?:{text})$")) {
        Ok(pattern) => Ok(Some(pattern)),
        Err(error) => Err(Error::Invalid(format!("'source.path.regex-pattern' is no regular expression: {error}"))),
    }
}
