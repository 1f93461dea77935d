//! Lines that stand without a semicolon: a query that is built step by step is typed line by line, `FROM t`,
//! then `|> …`, and each line is answered when it ends. A line that ends in the middle of a clause waits.

/// What a stage cannot end with: the next line must go on.
const DANGLING: &[&str] = &[
    "AGGREGATE",
    "AND",
    "AS",
    "BETWEEN",
    "BY",
    "CALL",
    "CASE",
    "CROSS",
    "DISTINCT",
    "ELSE",
    "EXTEND",
    "FROM",
    "FULL",
    "IN",
    "INNER",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "ON",
    "OR",
    "ORDER",
    "RIGHT",
    "SELECT",
    "SET",
    "THEN",
    "UNION",
    "WHEN",
    "WHERE",
];

/// Whether a text is whole without a semicolon at its end.
pub fn stands_alone(text: &str) -> bool {
    let text = text.trim();
    let first = text.split_whitespace().next().unwrap_or_default();
    if text.starts_with("|>") || first.eq_ignore_ascii_case("FROM") {
        return !dangles(text);
    }
    ["UNDO", "REDO"].iter().any(|verb| text.eq_ignore_ascii_case(verb))
}

fn dangles(text: &str) -> bool {
    let last = text.rsplit(|c: char| c.is_whitespace()).next().unwrap_or_default();
    // A star may be all columns, or all that a function counts: `SELECT *`, `COUNT(*)`.
    let sign = text.ends_with([',', '=', '<', '>', '+', '-', '/', '|', '(', '[']);
    sign || DANGLING.iter().any(|word| last.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::stands_alone;

    #[test]
    fn a_line_that_ends_in_the_middle_of_a_clause_waits() {
        for (text, whole) in [
            ("FROM trades", true),
            ("from trades |> WHERE price > 1", true),
            ("|> AGGREGATE COUNT(*) AS n\n   GROUP BY symbol", true),
            ("|> SELECT *", true),
            ("|> AS bars", true),
            ("undo", true),
            ("FROM", false),
            ("|>", false),
            ("|> WHERE price > 1 AND", false),
            ("|> SELECT price,", false),
            ("|> AGGREGATE COUNT(*) AS n GROUP BY", false),
            ("SELECT 1", false),
            ("UNDO something", false),
        ] {
            assert_eq!(stands_alone(text), whole, "{text}");
        }
    }
}
