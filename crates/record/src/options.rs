//! The option table. A connector or format declares each option once, with type, default, one line of
//! doc and an example; parsing, help, completion and "did you mean" all read that table. What was typed
//! becomes a typed value here, at the rim: nobody behind it sees a map of strings.

use std::collections::BTreeMap;
use std::time::Duration;

/// The type of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// Any text.
    Text,
    /// Text that must not be shown: `[redacted]` in every output.
    Secret,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// `100 ms`, `5 s`, `1 min`, `2 h`, `1 d`.
    Duration,
    /// `64 kb`, `1 mb`, a plain number of bytes.
    Bytes,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One option, declared once.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The name; ending in `.*` it stands for every name that begins so.
    pub name: &'static str,
    /// The type of its value.
    pub kind: OptionKind,
    /// What holds when it is not given; `None` where there is no default.
    pub default: Option<&'static str>,
    /// One line for help and completion.
    pub doc: &'static str,
    /// A value one could write.
    pub example: &'static str,
}

/// An option that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// No option has this name.
    #[error("there is no option '{name}'{}", near.as_ref().map(|near| format!("; did you mean '{near}'?")).unwrap_or_default())]
    Unknown {
        /// As typed.
        name: String,
        /// The known name that looks most like it.
        near: Option<String>,
    },
    /// The value is of another type.
    #[error("option '{name}' = '{value}' is not {wanted}, for example '{example}'")]
    Value {
        /// The option.
        name: String,
        /// As typed.
        value: String,
        /// What it should be.
        wanted: String,
        /// A value one could write.
        example: &'static str,
    },
    /// An option without default is not given.
    #[error("option '{name}' is missing: {doc}, for example '{example}'")]
    Missing {
        /// The option.
        name: &'static str,
        /// What it is for.
        doc: &'static str,
        /// A value one could write.
        example: &'static str,
    },
}

/// Options that have been checked against their table.
#[derive(Clone, Default)]
pub struct Options {
    values: BTreeMap<String, String>,
    specs: Vec<&'static OptionSpec>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.shown()).finish()
    }
}

impl Options {
    /// Checks what was typed against the tables. Every name must be known, every value of its type.
    pub fn check<'a>(
        typed: impl IntoIterator<Item = (&'a str, &'a str)>,
        tables: &[&'static [OptionSpec]],
    ) -> Result<Options, OptionError> {
        let specs: Vec<&'static OptionSpec> = tables.iter().flat_map(|table| table.iter()).collect();
        let mut values = BTreeMap::new();
        for (name, value) in typed {
            let spec = find(&specs, name)
                .ok_or_else(|| OptionError::Unknown { name: name.into(), near: nearest(&specs, name) })?;
            check_value(spec, name, value)?;
            values.insert(name.to_string(), value.to_string());
        }
        Ok(Options { values, specs })
    }

    /// The text of an option, or its default.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).or_else(|| find(&self.specs, name)?.default)
    }

    /// The text of an option that must be there.
    pub fn required(&self, name: &str) -> Result<&str, OptionError> {
        self.text(name).ok_or_else(|| match find(&self.specs, name) {
            Some(spec) => OptionError::Missing { name: spec.name, doc: spec.doc, example: spec.example },
            None => OptionError::Unknown { name: name.into(), near: nearest(&self.specs, name) },
        })
    }

    /// Whether the user wrote it.
    pub fn given(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A boolean; false where it has neither value nor default.
    pub fn bool(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    /// A stretch of time.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        parse_duration(self.text(name)?)
    }

    /// A number of bytes.
    pub fn bytes(&self, name: &str) -> Option<u64> {
        parse_bytes(self.text(name)?)
    }

    /// What follows `prefix` in every given name that begins with it, with the value: `properties.*`.
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.values.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    /// All given options as they may be shown: secrets redacted.
    pub fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| {
            let secret =
                find(&self.specs, name).is_none_or(|spec| spec.kind == OptionKind::Secret) || sounds_secret(name);
            (name.as_str(), if secret { "[redacted]" } else { value.as_str() })
        })
    }
}

/// Whether a name alone says that its value must not be shown.
pub fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "secret", "token", "jaas", "key.pem", "oauthbearer.config"].iter().any(|word| name.contains(word))
}

fn find(specs: &[&'static OptionSpec], name: &str) -> Option<&'static OptionSpec> {
    let exact = specs.iter().find(|spec| spec.name == name);
    let family = || {
        specs.iter().find(|spec| {
            spec.name.strip_suffix('*').is_some_and(|start| name.len() > start.len() && name.starts_with(start))
        })
    };
    exact.or_else(family).copied()
}

fn nearest(specs: &[&'static OptionSpec], name: &str) -> Option<String> {
    let best = specs.iter().map(|spec| (distance(spec.name, name), spec.name)).min()?;
    (best.0 <= 2 + name.len() / 4).then(|| best.1.to_string())
}

/// Edits between two words (Levenshtein 1966), by rows of the table.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substitute = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

fn check_value(spec: &OptionSpec, name: &str, value: &str) -> Result<(), OptionError> {
    let (fits, wanted) = match spec.kind {
        OptionKind::Text | OptionKind::Secret => (true, String::new()),
        OptionKind::Bool => (matches!(value.to_ascii_lowercase().as_str(), "true" | "false"), "true or false".into()),
        OptionKind::Integer => (value.trim().parse::<i64>().is_ok(), "a whole number".into()),
        OptionKind::Duration => (parse_duration(value).is_some(), "a stretch of time".into()),
        OptionKind::Bytes => (parse_bytes(value).is_some(), "a size".into()),
        OptionKind::Choice(words) => (words.contains(&value), format!("one of {}", words.join(", "))),
    };
    if fits {
        return Ok(());
    }
    Err(OptionError::Value { name: name.into(), value: value.into(), wanted, example: spec.example })
}

/// Reads `5 s`, `100ms`, `1 min`, `2 h`, `1 d`; a bare number is milliseconds, as in Flink.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let unit_ms = match unit.as_str() {
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1e3,
        "m" | "min" | "minute" | "minutes" => 6e4,
        "h" | "hour" | "hours" => 3.6e6,
        "d" | "day" | "days" => 8.64e7,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * unit_ms / 1e3).ok()
}

/// Reads `64 kb`, `1mb`, `2 gib`, `4096`; powers of 1024, as in Flink.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let scale = match unit.as_str() {
        "" | "b" | "byte" | "bytes" => 1.0,
        "k" | "kb" | "kib" => 1024.0,
        "m" | "mb" | "mib" => 1_048_576.0,
        "g" | "gb" | "gib" => 1_073_741_824.0,
        _ => return None,
    };
    Some((number * scale) as u64)
}

fn split_unit(text: &str) -> Option<(f64, String)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim().to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[OptionSpec] = &[
        OptionSpec {
            name: "path",
            kind: OptionKind::Text,
            default: None,
            doc: "where the files are",
            example: "data/*.jsonl",
        },
        OptionSpec {
            name: "poll",
            kind: OptionKind::Duration,
            default: Some("1 s"),
            doc: "how often to look",
            example: "5 s",
        },
        OptionSpec {
            name: "mode",
            kind: OptionKind::Choice(&["a", "b"]),
            default: Some("a"),
            doc: "which",
            example: "b",
        },
        OptionSpec { name: "password", kind: OptionKind::Secret, default: None, doc: "for login", example: "${env:P}" },
        OptionSpec { name: "properties.*", kind: OptionKind::Text, default: None, doc: "passed on", example: "x" },
    ];

    fn check(typed: &[(&str, &str)]) -> Result<Options, OptionError> {
        Options::check(typed.iter().copied(), &[TABLE])
    }

    #[test]
    fn defaults_types_and_families() {
        let options = check(&[("path", "x"), ("properties.linger.ms", "5")]).expect("all known");
        assert_eq!(options.duration("poll"), Some(Duration::from_secs(1)));
        assert_eq!(options.under("properties.").collect::<Vec<_>>(), [("linger.ms", "5")]);
        assert_eq!(
            options.required("password"),
            Err(OptionError::Missing { name: "password", doc: "for login", example: "${env:P}" })
        );
    }

    #[test]
    fn errors_name_the_way_out() {
        assert_eq!(
            check(&[("pth", "x")]).expect_err("unknown").to_string(),
            "there is no option 'pth'; did you mean 'path'?"
        );
        assert_eq!(
            check(&[("poll", "soon")]).expect_err("no time").to_string(),
            "option 'poll' = 'soon' is not a stretch of time, for example '5 s'"
        );
        assert_eq!(
            check(&[("mode", "c")]).expect_err("no choice").to_string(),
            "option 'mode' = 'c' is not one of a, b, for example 'b'"
        );
    }

    #[test]
    fn secrets_are_never_shown() {
        let options = check(&[("password", "hunter2"), ("properties.ssl.key.password", "hunter2"), ("path", "p")])
            .expect("known");
        assert!(!format!("{options:?}").contains("hunter2"));
        assert!(format!("{options:?}").contains("[redacted]"));
    }
}
