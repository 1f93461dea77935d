//! Regular expressions. They run in linear time whatever the pattern is; look-around and back-references
//! of Java, which cannot, are refused when the pattern is compiled.

use std::borrow::Cow;
use std::collections::HashMap;

use arrow::array::types::Int32Type;
use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err};
use regex::{Regex, RegexBuilder};
use std::sync::Arc;

use super::call::Call;
use super::spec::{Gives, Kind, Nulls, Spec, list_of};

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "REGEXP",
        aliases: &["REGEXP_LIKE"],
        signature: "REGEXP(text, pattern)",
        doc: "Whether the pattern matches a part of the text; false for an empty pattern.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Type(DataType::Boolean),
        nulls: Nulls::Strict,
        run: |call| {
            let mut patterns = Patterns::default();
            let (text, pattern) = (call.text(0)?, call.text(1)?);
            let found = |row: usize, patterns: &mut Patterns| {
                let (Some(text), Some(pattern)) = (text.at(row), pattern.at(row)) else { return Ok(None) };
                Ok(Some(!pattern.is_empty() && patterns.get(pattern)?.is_match(text)))
            };
            let values = (0..call.rows).map(|row| found(row, &mut patterns)).collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(arrow::array::BooleanArray::from(values)))
        },
    },
    Spec {
        name: "REGEXP_EXTRACT",
        aliases: &[],
        signature: "REGEXP_EXTRACT(text, pattern [, group])",
        doc: "What this group of the pattern (0, the whole, if not given) first matches; null if it does not.",
        takes: &[Kind::Text, Kind::Text, Kind::Int],
        required: 2,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Maybe,
        run: extract,
    },
    Spec {
        name: "REGEXP_EXTRACT_ALL",
        aliases: &[],
        signature: "REGEXP_EXTRACT_ALL(text, pattern [, group])",
        doc: "All that this group of the pattern (1 if not given) matches, as an array.",
        takes: &[Kind::Text, Kind::Text, Kind::Int],
        required: 2,
        more: false,
        gives: Gives::By(|_| Ok(list_of(DataType::Utf8))),
        nulls: Nulls::Maybe,
        run: extract_all,
    },
    Spec {
        name: "REGEXP_REPLACE",
        aliases: &[],
        signature: "REGEXP_REPLACE(text, pattern, replacement)",
        doc: "The text with every match replaced; $1 stands for the first group.",
        takes: &[Kind::Text, Kind::Text, Kind::Text],
        required: 3,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: replace,
    },
    Spec {
        name: "REGEXP_COUNT",
        aliases: &[],
        signature: "REGEXP_COUNT(text, pattern)",
        doc: "How often the pattern matches.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Type(DataType::Int32),
        nulls: Nulls::Strict,
        run: |call| numbers(call, |pattern, text| pattern.find_iter(text).count() as i32),
    },
    Spec {
        name: "REGEXP_INSTR",
        aliases: &[],
        signature: "REGEXP_INSTR(text, pattern)",
        doc: "Where the pattern first matches, from 1; 0 if it does not.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Type(DataType::Int32),
        nulls: Nulls::Strict,
        run: |call| {
            numbers(call, |pattern, text| {
                pattern.find(text).map_or(0, |found| text[..found.start()].chars().count() as i32 + 1)
            })
        },
    },
    Spec {
        name: "REGEXP_SUBSTR",
        aliases: &[],
        signature: "REGEXP_SUBSTR(text, pattern)",
        doc: "The first part that matches; null if there is none.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Maybe,
        run: extract,
    },
];

/// The largest automaton that a pattern may become, in bytes.
const LARGEST: usize = 1 << 20;

/// Compiled patterns of one call; mostly one.
#[derive(Default)]
struct Patterns {
    compiled: HashMap<String, Regex>,
}

impl Patterns {
    /// The compiled form. Patterns that come from rows are kept up to a bound.
    fn get(&mut self, pattern: &str) -> Result<&Regex> {
        if !self.compiled.contains_key(pattern) {
            if self.compiled.len() >= 64 {
                self.compiled.clear();
            }
            let compiled = RegexBuilder::new(pattern).size_limit(LARGEST).build().map_err(|error| {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
                exec_datafusion_err!("'{pattern}' is not a regular expression that can be used here: {reason}")
            })?;
            self.compiled.insert(pattern.to_string(), compiled);
        }
        Ok(&self.compiled[pattern])
    }
}

fn numbers(call: &Call<'_>, count: fn(&Regex, &str) -> i32) -> Result<ArrayRef> {
    let (text, pattern) = (call.text(0)?, call.text(1)?);
    let patterns = std::cell::RefCell::new(Patterns::default());
    call.try_numbers::<Int32Type>(|row| {
        let (Some(text), Some(pattern)) = (text.at(row), pattern.at(row)) else { return Ok(None) };
        Ok(Some(count(patterns.borrow_mut().get(pattern)?, text)))
    })
}

fn extract(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, pattern, group) = (call.text(0)?, call.text(1)?, call.optional_int(2)?);
    let mut patterns = Patterns::default();
    let mut out = StringBuilder::with_capacity(call.rows, call.rows * 8);
    for row in 0..call.rows {
        let group = match &group {
            Some(group) => group.at(row),
            None => Some(0),
        };
        let (Some(text), Some(pattern), Some(group)) = (text.at(row), pattern.at(row), group) else {
            out.append_null();
            continue;
        };
        let group = usize::try_from(group).ok();
        let found = patterns.get(pattern)?.captures(text).and_then(|captures| captures.get(group?));
        out.append_option(found.map(|found| found.as_str()));
    }
    Ok(Arc::new(out.finish()))
}

fn extract_all(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, pattern, group) = (call.text(0)?, call.text(1)?, call.optional_int(2)?);
    let mut patterns = Patterns::default();
    let mut out = ListBuilder::new(StringBuilder::new());
    for row in 0..call.rows {
        let group = match &group {
            Some(group) => group.at(row),
            None => Some(1),
        };
        let (Some(text), Some(pattern), Some(group)) = (text.at(row), pattern.at(row), group) else {
            out.append_null();
            continue;
        };
        let pattern = patterns.get(pattern)?;
        match usize::try_from(group).ok().filter(|group| *group < pattern.captures_len()) {
            Some(group) => {
                for captures in pattern.captures_iter(text) {
                    out.values().append_option(captures.get(group).map(|found| found.as_str()));
                }
                out.append(true);
            }
            None => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn replace(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, pattern, replacement) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let mut patterns = Patterns::default();
    let mut out = StringBuilder::with_capacity(call.rows, call.rows * 16);
    let constant = replacement.is_constant().then(|| replacement.at(0).map(java_replacement)).flatten();
    for row in 0..call.rows {
        let (Some(text), Some(pattern), Some(by)) = (text.at(row), pattern.at(row), replacement.at(row)) else {
            out.append_null();
            continue;
        };
        let by: Cow<'_, str> = match &constant {
            Some(by) => Cow::Borrowed(by),
            None => java_replacement(by).into(),
        };
        out.append_value(patterns.get(pattern)?.replace_all(text, by.as_ref()));
    }
    Ok(Arc::new(out.finish()))
}

/// Java's replacement in the words of the regex crate: `$1x` is group 1 and an x, `\$` is a dollar.
fn java_replacement(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => {}
            },
            '$' => {
                let mut name = String::new();
                while let Some(digit) = characters.peek().filter(|next| next.is_ascii_digit()) {
                    name.push(*digit);
                    characters.next();
                }
                out.push_str(&if name.is_empty() { "$$".to_string() } else { format!("${{{name}}}") });
            }
            other => out.push(other),
        }
    }
    out
}
