//! Text that was made to break a parser: it must end in a sentence or a tree, on a small stack and soon.

use std::time::{Duration, Instant};

use crate::{Statement, is_complete, parse};

/// Parses on a 2 MiB stack, drops and prints the tree there too; says whether it was read.
fn survives(text: String) -> bool {
    let run = move || {
        let begin = Instant::now();
        is_complete(&text);
        let read = parse(&text);
        let shown = match &read {
            Ok(statements) => statements.iter().map(|statement| text_of(&statement.value).len()).sum(),
            Err(error) => error.message.len(),
        };
        let found = read.is_ok();
        drop(read.clone());
        drop(read);
        assert!(shown > 0 || !found, "an error has a sentence");
        assert!(begin.elapsed() < Duration::from_secs(60), "parsing takes too long");
        found
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).expect("a thread starts");
    thread.join().expect("the parser neither panics nor overflows its stack")
}

fn text_of(statement: &Statement) -> String {
    match statement {
        Statement::Query(query) => query.to_string(),
        Statement::CreateTable(draft) => crate::show::create_table(draft),
        _ => String::new(),
    }
}

#[test]
fn nesting_ends_in_a_sentence() {
    for (open, close) in [
        ("(", ")"),
        ("f(", ")"),
        ("[", "]"),
        ("ARRAY[", "]"),
        ("(SELECT ", ")"),
        ("CAST(", " AS INT)"),
        ("CASE WHEN ", " THEN 1 END"),
        ("NOT ", ""),
        ("- ", ""),
        ("EXISTS (SELECT * FROM t WHERE ", ")"),
        ("a IN (", ")"),
        ("CAST(a AS ROW<x ", ">)"),
        ("CAST(a AS ARRAY<", ">)"),
        ("INTERVAL ", " DAY"),
        ("EXPLAIN ", ""),
        ("{fn f(", ")}"),
        ("CASE ", " END"),
    ] {
        for depth in [10_000, 400, 99] {
            let text = format!("SELECT {}1{}", open.repeat(depth), close.repeat(depth));
            survives(text.clone());
            survives(text.replacen("SELECT", "CREATE TABLE t (a AS", 1) + ")");
        }
        assert!(!survives(format!("SELECT {}1{}", open.repeat(10_000), close.repeat(10_000))), "{open}");
    }
}

#[test]
fn nested_tables_end_in_a_sentence() {
    for (open, close) in
        [("(", ")"), ("(SELECT * FROM ", ")"), ("((SELECT * FROM ", "))"), ("TABLE(", ")"), ("LATERAL (", ")")]
    {
        for depth in [10_000, 99, 45] {
            survives(format!("SELECT * FROM {}t{}", open.repeat(depth), close.repeat(depth)));
            // An error in the middle makes a parser that tries again try very often.
            survives(format!("SELECT * FROM {}t WHERE{}", open.repeat(depth), close.repeat(depth)));
            survives(format!("FROM t {}", "|> WHERE a ".repeat(depth)));
            survives(format!("FROM t {}", "|> EXTEND a AS b ".repeat(depth)));
            survives(format!("FROM t {}", "|> AGGREGATE a GROUP BY b |> UNION ALL (FROM u) ".repeat(depth / 2)));
        }
    }
}

#[test]
fn errors_inside_of_nesting_are_found_soon() {
    for (open, close) in
        [("CAST(", " AS INT)"), ("(", ")"), ("CASE WHEN ", " THEN 1 END"), ("EXTRACT(DAY FROM ", ")"), ("TRIM(", ")")]
    {
        survives(format!("SELECT {}1 1{}", open.repeat(40), close.repeat(40)));
    }
}

#[test]
fn chains_end_in_a_tree_or_a_sentence() {
    for link in [
        " + 1",
        " OR a",
        " = 1",
        "::INT",
        " IS NULL",
        " AND a BETWEEN 1 AND 2",
        "[1]",
        ".b",
        " || 'x'",
        " UNION ALL SELECT 1",
        " COLLATE x",
        " AT TIME ZONE 'UTC'",
    ] {
        assert!(
            survives(format!("SELECT a{}", link.repeat(90))) || link.contains("IS NULL") || link.contains("COLLATE"),
            "{link}"
        );
        survives(format!("SELECT a{}", link.repeat(400)));
        survives(format!("SELECT a{}", link.repeat(100_000)));
    }
    survives(format!("SELECT 1 FROM t {}", "JOIN t ON a = a ".repeat(5_000)));
    survives(format!("SELECT 1 FROM t {}", "|> EXTEND 1 AS a ".repeat(5_000)));
    survives(format!("SELECT 1 FROM t {}", ", t ".repeat(50_000)));
    survives(format!("SELECT 1 FROM t {}", "|> AS x, ".repeat(5_000)));
    survives(format!("FROM t {}", "|> SELECT DISTINCT a, b ".repeat(5_000)));
    survives(format!("SELECT {}", "CASE WHEN a THEN 1 ELSE ".repeat(10_000)));
    survives(format!("WITH {} SELECT 1", "c AS (SELECT 1), ".repeat(5_000)));
    survives("/*+ ".repeat(10_000));
    survives(format!("SELECT a FROM t {}", "/*+ OPTIONS('a'='b') */ ".repeat(10_000)));
}

#[test]
fn what_is_only_large_is_read() {
    assert!(survives(format!("SELECT '{}'", "x".repeat(1 << 20))));
    assert!(survives(format!("SELECT `{}`", "x".repeat(1 << 20))));
    let list = (0..100_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    assert!(survives(format!("SELECT * FROM t WHERE a IN ({list})")));
    assert!(survives(format!("SELECT {list} FROM t")));
    let columns = (0..5_000).map(|n| format!("c{n} ROW<a INT, b STRING>")).collect::<Vec<_>>().join(", ");
    assert!(survives(format!("CREATE TABLE t ({columns})")));
    assert!(!survives(format!("SELECT '{}'", "x".repeat(17 << 20))));
    assert!(survives("SELECT 1;".repeat(5_000)));
}

#[test]
fn odd_characters_do_not_panic() {
    let pieces = [
        "'",
        "\"",
        "`",
        "(",
        ")",
        ";",
        "--",
        "/*",
        "*/",
        "/*+",
        "\u{0}",
        "ä",
        "𝄞",
        "$",
        "$$",
        "?",
        ":",
        "::",
        "|>",
        "@",
        "#",
        "\\",
        "1e",
        "0x",
        "U&'",
        "N'",
        "\r\n",
        "%",
        "{",
        "}",
        "<",
        ">>",
        "SELECT",
        "FROM",
        "TABLE",
        "ROW<",
        "MAP[",
        "WITHIN",
        "INTERVAL",
        "EMIT CHANGES",
        "PARTITION BY",
        "CREATE TABLE t (a",
        "WATERMARK FOR",
        ",",
    ];
    // Every sequence of three pieces, walked in a fixed order.
    for first in pieces {
        for second in pieces {
            for third in pieces {
                let text = format!("{first}{second} {third}");
                is_complete(&text);
                let _ = parse(&text);
                let _ = parse(&format!("SELECT a {text} b"));
            }
        }
    }
}
