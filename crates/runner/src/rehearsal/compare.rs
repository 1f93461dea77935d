//! Two answers side by side. Numbers with a fraction may differ in the last places: a sum can be added up in any
//! order.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde_json::Value;

use super::answer::Rows;

/// Numbers that differ by this part of their size, or less, are equal.
const CLOSE: f64 = 1e-9;
/// So many rows that differ are laid side by side to see whether they are close.
const MOST: usize = 2000;
/// So many rows of a difference are shown.
const SHOWN: usize = 5;

/// What one answer has and the other has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Rows that are expected and not there.
    pub missing: Vec<String>,
    /// Rows that are there and not expected.
    pub extra: Vec<String>,
}

impl Rows {
    /// What `found` lacks of these rows or has too much; `None` if it is the same.
    pub fn differ(&self, found: &Rows) -> Option<Difference> {
        let mut counts: BTreeMap<&[u8], i64> = self.0.iter().map(|(row, count)| (row.as_slice(), *count)).collect();
        for (row, count) in &found.0 {
            *counts.entry(row).or_default() -= count;
        }
        let rows = |sign: i64| {
            let often = |(row, count): (&&[u8], &i64)| {
                let text = String::from_utf8_lossy(row).into_owned();
                std::iter::repeat_n(text, usize::try_from(count * sign).unwrap_or(0))
            };
            counts.iter().flat_map(often).collect::<Vec<_>>()
        };
        let mut difference = Difference { missing: rows(1), extra: rows(-1) };
        difference.pair();
        let same = difference.missing.is_empty() && difference.extra.is_empty();
        (!same).then_some(difference)
    }
}

impl Difference {
    /// Leaves out rows that differ in the last places of numbers only.
    fn pair(&mut self) {
        if self.missing.len().max(self.extra.len()) > MOST {
            return;
        }
        let parse = |row: &String| serde_json::from_str::<Value>(row).ok();
        let mut extra: Vec<(Option<Value>, String)> = self.extra.drain(..).map(|row| (parse(&row), row)).collect();
        self.missing.retain(|row| {
            let Some(wanted) = parse(row) else { return true };
            let near = extra.iter().position(|(value, _)| value.as_ref().is_some_and(|value| close(&wanted, value)));
            near.map(|near| extra.remove(near)).is_none()
        });
        self.extra = extra.into_iter().map(|(_, row)| row).collect();
    }
}

/// Equal but for the last places of numbers with a fraction.
fn close(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= CLOSE * a.abs().max(b.abs()),
            _ => false,
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| close(a, b)))
        }
        _ => left == right,
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (what, sign, rows) in [("missing", '-', &self.missing), ("too many", '+', &self.extra)] {
            if !rows.is_empty() {
                let _ = write!(text, "{what}: {}", rows.len());
                rows.iter().take(SHOWN).for_each(|row| {
                    let _ = write!(text, "\n  {sign} {row}");
                });
                if rows.len() > SHOWN {
                    let _ = write!(text, "\n  …");
                }
                text.push('\n');
            }
        }
        f.write_str(text.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_and_last_places_forgiven() {
        let rows = |text: &str| Rows::parse(text.as_bytes());
        assert_eq!(rows("{\"a\":1}\n{\"a\":1}\n").differ(&rows("{\"a\":1}\n{\"a\":1}\n")), None);
        let once = rows("{\"a\":1}\n{\"a\":1}\n").differ(&rows("{\"a\":1}\n{\"a\":2}\n")).expect("differs");
        assert_eq!((once.missing, once.extra), (vec!["{\"a\":1}".to_string()], vec!["{\"a\":2}".to_string()]));
        assert_eq!(rows("{\"a\":0.30000000000000004}\n").differ(&rows("{\"a\":0.3}\n")), None);
        assert!(rows("{\"a\":0.31}\n").differ(&rows("{\"a\":0.3}\n")).is_some());
        assert!(rows("{\"a\":9007199254740993}\n").differ(&rows("{\"a\":9007199254740992}\n")).is_some());
    }
}
