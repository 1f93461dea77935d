//! Subqueries and operations of sets over random rows with nulls, in random order: the streamed answer, in every way a case
//! is run, is that of DataFusion's own SQL over the same rows. `INTERSECT ALL` and `EXCEPT ALL`, which DataFusion means
//! otherwise, are held against their definition.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;
use millstream_tests::cases::{Answer, Definition, Outcome, Table, run_case};
use proptest::prelude::*;

/// A row: side, and its two columns.
type Row = (usize, Option<i64>, Option<i64>);

const TABLES: [(&str, [&str; 2]); 2] = [("l", ["a", "b"]), ("r", ["x", "y"])];

/// What DataFusion is asked in the place of what it cannot do: `NOT IN` with a correlated subquery, `ANY` and `ALL`; and
/// of a constant, where it forgets that a null on the right leaves no row.
const SAID_OTHERWISE: [(&str, &str); 5] = [
    ("1 NOT IN (SELECT x FROM r)", "NOT EXISTS (SELECT 1 FROM r WHERE r.x = 1 OR r.x IS NULL)"),
    ("a = ANY (", "a IN ("),
    ("a <> ALL (", "a NOT IN ("),
    (
        "a NOT IN (SELECT x FROM r WHERE ",
        "NOT EXISTS (SELECT 1 FROM r WHERE (r.x = l.a OR r.x IS NULL OR l.a IS NULL) AND ",
    ),
    (
        "NOT (a IN (SELECT x FROM r WHERE r.y = l.b))",
        "NOT EXISTS (SELECT 1 FROM r WHERE (r.x = l.a OR r.x IS NULL OR l.a IS NULL) AND r.y = l.b)",
    ),
];

const QUERIES: [&str; 17] = [
    "SELECT a, b FROM l WHERE a NOT IN (SELECT x FROM r)",
    "SELECT a, b FROM l WHERE a NOT IN (SELECT x FROM r WHERE x IS NOT NULL)",
    "SELECT a, b FROM l WHERE a IS NOT NULL AND a NOT IN (SELECT x FROM r)",
    "SELECT a, b FROM l WHERE a NOT IN (SELECT x FROM r WHERE r.y = l.b)",
    "SELECT a, b FROM l WHERE NOT (a IN (SELECT x FROM r WHERE r.y = l.b)) AND b > 0",
    "SELECT a, b FROM l WHERE a NOT IN (SELECT x FROM r WHERE r.y > l.b)",
    "SELECT a, b FROM l WHERE a + 1 NOT IN (SELECT x * 2 FROM r WHERE y = 1)",
    "SELECT a, b FROM l WHERE 1 NOT IN (SELECT x FROM r)",
    "SELECT a, b FROM l WHERE a <> ALL (SELECT x FROM r)",
    "SELECT a, b FROM l WHERE a = ANY (SELECT x FROM r WHERE r.y = l.b)",
    "SELECT a, (SELECT MAX(x) FROM r) AS m FROM l",
    "SELECT a FROM l WHERE a < (SELECT MAX(x) FROM r WHERE r.y = l.b)",
    "SELECT a, (SELECT COUNT(*) FROM r WHERE r.x = l.a) AS n FROM l",
    "SELECT b, SUM(a) AS s FROM l GROUP BY b HAVING SUM(a) > (SELECT MIN(x) FROM r)",
    "SELECT a, b FROM l INTERSECT SELECT x, y FROM r",
    "SELECT a, b FROM l EXCEPT SELECT x, y FROM r",
    "SELECT a FROM l EXCEPT (SELECT x FROM r INTERSECT SELECT b FROM l)",
];

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let value = || prop::option::weighted(0.85, 0i64..4);
    prop::collection::vec((0usize..2, value(), value()), 0..24)
}

/// The rows as a case. A side that ends is a table that is read first.
fn case(query: &str, rows: &[Row], ends: [bool; 2], answer: &str) -> Definition {
    let table = |(side, (name, [one, two])): (usize, (&str, [&str; 2]))| {
        let columns = format!("`{one}` BIGINT, `{two}` BIGINT");
        let follows = if ends[side] { "" } else { ", 'source.monitor-interval' = '1 s'" };
        let options = format!("'connector' = 'filesystem', 'path' = 'input.jsonl', 'format' = 'json'{follows}");
        let ddl = format!("CREATE TABLE `{name}` ({columns}) WITH ({options})");
        Table { name: name.into(), columns, ddl, changelog: None }
    };
    let shown = |value: Option<i64>| value.map_or_else(|| "null".into(), |value| value.to_string());
    let line = |&(side, first, second): &Row| {
        let (name, [one, two]) = TABLES[side];
        format!("{{\"_t\": \"{name}\", \"{one}\": {}, \"{two}\": {}}}\n", shown(first), shown(second))
    };
    Definition {
        tables: TABLES.into_iter().enumerate().map(table).collect(),
        settings: Vec::new(),
        prelude: String::new(),
        query: query.into(),
        input: rows.iter().map(line).collect(),
        answer: Some(Answer::parse(answer).expect("rows as text")),
        expects_error: false,
    }
}

/// What DataFusion's SQL says, as text.
fn batch(query: &str, rows: &[Row]) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let context = SessionContext::new();
    for (side, (name, columns)) in TABLES.into_iter().enumerate() {
        let own = || rows.iter().filter(move |row| row.0 == side);
        let first: ArrayRef = Arc::new(own().map(|row| row.1).collect::<Int64Array>());
        let second: ArrayRef = Arc::new(own().map(|row| row.2).collect::<Int64Array>());
        let fields = [(columns[0], first, true), (columns[1], second, true)];
        let table = RecordBatch::try_from_iter_with_nullable(fields).expect("two columns");
        context.register_batch(name, table).expect("is free");
    }
    let query = SAID_OTHERWISE.iter().fold(query.to_string(), |query, (ours, theirs)| query.replace(ours, theirs));
    let asked = runtime.block_on(context.sql(&query)).expect("DataFusion plans it");
    let names: Vec<String> = asked.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut text = header(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for batch in runtime.block_on(asked.collect()).expect("DataFusion answers") {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).expect("a number"));
            text += &format!("{}\n", cells.collect::<Vec<_>>().join(","));
        }
    }
    text
}

fn header(names: &[&str]) -> String {
    format!("{}\n", names.join(","))
}

/// How often a row comes by the definition: as often as both sides have it, or as the left side has it more often.
fn multiset(rows: &[Row], except: bool) -> String {
    let mut text = header(&["a", "b"]);
    let mut distinct: Vec<_> = rows.iter().map(|row| (row.1, row.2)).collect();
    distinct.sort_unstable();
    distinct.dedup();
    for row in distinct {
        let count = |side: usize| rows.iter().filter(|other| **other == (side, row.0, row.1)).count();
        let times = if except { count(0).saturating_sub(count(1)) } else { count(0).min(count(1)) };
        let cell = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
        text += &format!("{},{}\n", cell(row.0), cell(row.1)).repeat(times);
    }
    text
}

fn agrees(query: &str, rows: &[Row], ends: [bool; 2], answer: &str) -> Result<(), TestCaseError> {
    match run_case(&case(query, rows, ends, answer)) {
        Outcome::Passed(_) => Ok(()),
        Outcome::Failed(difference) => Err(TestCaseError::fail(format!("{query}\n{difference}"))),
        Outcome::NotSupported(construct) => Err(TestCaseError::fail(format!("{query} is refused: {construct}"))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn subqueries_are_those_of_a_batch(rows in rows(), number in 0..QUERIES.len(), right_ends: bool) {
        let query = QUERIES[number];
        agrees(query, &rows, [false, right_ends], &batch(query, &rows))?;
    }

    #[test]
    fn operations_with_all_count_rows(rows in rows(), except: bool) {
        let (word, rows): (&str, Vec<Row>) = (if except { "EXCEPT" } else { "INTERSECT" }, rows);
        let query = format!("SELECT a, b FROM l {word} ALL SELECT x, y FROM r");
        agrees(&query, &rows, [false, false], &multiset(&rows, except))?;
    }
}
