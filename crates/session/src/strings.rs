//! Small tables that the session makes itself: `SHOW`, `DESCRIBE`, `SET`.

use arrow::array::{ArrayRef, RecordBatch};

use crate::render::batch_of;
use crate::reply::{Reply, Table};

/// A table of these columns, all of one length.
pub fn table<const N: usize>(columns: [(&str, ArrayRef); N]) -> Reply {
    let nullable = columns.into_iter().map(|(name, column)| (name.to_string(), column, true));
    let rows = RecordBatch::try_from_iter_with_nullable(nullable).expect("the columns have one length");
    let (columns, rows) = batch_of(rows);
    Reply::Table(Table { columns, rows: vec![rows] })
}

/// Whether a name fits a pattern of `LIKE`: `%` is any text, `_` any character.
pub fn like(pattern: Option<&str>, name: &str) -> bool {
    let Some(pattern) = pattern else { return true };
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Greedy with one place to come back to: the last `%` that was seen (as in Wildcard matching by Kirk J. Krauss, 2008).
    let (mut p, mut n, mut back) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('%') => {
                back = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '_' || c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match back {
                Some((percent, from)) => {
                    back = Some((percent, from + 1));
                    (p, n) = (percent + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_are_those_of_sql() {
        for (pattern, name, fits) in [
            ("%", "", true),
            ("bid%", "bids", true),
            ("%d_", "bids", true),
            ("%a%a%", "banana", true),
            ("b_d", "bids", false),
            ("%x", "bids", false),
            ("%ab", "aab", true),
            ("", "bids", false),
        ] {
            assert_eq!(like(Some(pattern), name), fits, "{pattern} {name}");
        }
        assert!(like(None, "anything"));
    }
}
