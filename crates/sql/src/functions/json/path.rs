//! SQL/JSON paths: `$.name`, `['name']`, `[0]`, `[*]`, `.*`. In lax mode a name looks into the elements of an
//! array, and an index takes a single value for an array of one.

use datafusion::common::{Result, exec_err};
use serde_json::Value;

/// A path that has been read.
pub(super) struct Path {
    lax: bool,
    steps: Vec<Step>,
}

enum Step {
    Name(String),
    Index(usize),
    Every,
}

impl Path {
    /// Reads a path.
    pub(super) fn read(text: &str) -> Result<Path> {
        let trimmed = text.trim();
        let (lax, rest) = match (trimmed.strip_prefix("lax "), trimmed.strip_prefix("strict ")) {
            (Some(rest), _) => (true, rest.trim_start()),
            (None, Some(rest)) => (false, rest.trim_start()),
            (None, None) => (true, trimmed),
        };
        let Some(mut rest) = rest.strip_prefix('$') else {
            return exec_err!("the JSON path '{text}' does not begin with $");
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let Some((step, behind)) = step(rest) else {
                return exec_err!("the JSON path '{text}' cannot be read at '{rest}'");
            };
            steps.push(step);
            rest = behind;
        }
        Ok(Path { lax, steps })
    }

    /// What stands at the path.
    pub(super) fn follow(&self, value: Value) -> Vec<Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| self.take(step, value)).collect();
        }
        found
    }

    fn take(&self, step: &Step, value: Value) -> Vec<Value> {
        match (step, value) {
            (Step::Name(name), Value::Object(mut members)) => members.remove(name).into_iter().collect(),
            (Step::Name(_), Value::Array(elements)) if self.lax => {
                elements.into_iter().filter(Value::is_object).flat_map(|element| self.take(step, element)).collect()
            }
            (Step::Index(index), Value::Array(mut elements)) => match *index < elements.len() {
                true => vec![elements.swap_remove(*index)],
                false => Vec::new(),
            },
            (Step::Index(0), value) if self.lax && !value.is_null() => vec![value],
            (Step::Every, Value::Array(elements)) => elements,
            (Step::Every, Value::Object(members)) => members.into_iter().map(|(_, value)| value).collect(),
            _ => Vec::new(),
        }
    }
}

/// The first step and what is behind it.
fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        if let Some(rest) = rest.strip_prefix('*') {
            return Some((Step::Every, rest));
        }
        if let Some(quoted) = rest.strip_prefix('"') {
            let (name, rest) = quoted.split_once('"')?;
            return Some((Step::Name(name.to_string()), rest));
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        return (!name.is_empty()).then(|| (Step::Name(name.trim().to_string()), rest));
    }
    let inside = text.strip_prefix('[')?.trim_start();
    for quote in ['\'', '"'] {
        if let Some(quoted) = inside.strip_prefix(quote) {
            let (name, rest) = quoted.split_once(quote)?;
            return Some((Step::Name(name.to_string()), rest.trim_start().strip_prefix(']')?));
        }
    }
    let (index, rest) = inside.split_once(']')?;
    match index.trim() {
        "*" => Some((Step::Every, rest)),
        number => Some((Step::Index(number.parse().ok()?), rest)),
    }
}
