//! Statements in files under `tests/cases`: each file holds blocks of a statement and what becomes of it.

use std::fmt::Write as _;

use crate::error::{SqlError, line_column};
use crate::{Statement, parse};

/// Blocks are divided by `----`, the statement and the outcome by `=>` on a line of its own.
fn check(name: &str, outcome: impl Fn(&str) -> String) {
    let path = format!("{}/tests/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the cases are beside the crate");
    let (mut all, mut differs) = (String::new(), false);
    for block in text.split("\n----\n") {
        let (sql, wanted) = block.split_once("\n=>\n").expect("a block has a statement and an outcome");
        let found = outcome(sql);
        differs |= found.trim_end() != wanted.trim_end();
        let divider = if all.is_empty() { "" } else { "\n----\n" };
        let _ = write!(all, "{divider}{sql}\n=>\n{}", found.trim_end());
    }
    if differs && std::env::var_os("UPDATE_CASES").is_some() {
        std::fs::write(&path, all + "\n").expect("the file can be written");
    } else {
        assert!(!differs, "{name} has other outcomes now (UPDATE_CASES=1 writes them):\n{all}");
    }
}

/// An error as a session may show it: the sentence, the line with carets under it, the hints.
fn shown(text: &str, error: &SqlError) -> String {
    let mut shown = format!("{} {}", error.code, error.message);
    if let Some(span) = error.span {
        let (line, column) = line_column(text, span.start);
        let source = text.lines().nth(line - 1).unwrap_or("");
        let width = span.text(text).lines().next().unwrap_or("").chars().count().max(1);
        let _ =
            write!(shown, "\n{line}:{column} | {source}\n{:>1$}", "", format!("{line}:{column} | ").len() + column - 1);
        shown += &"^".repeat(width);
    }
    error.hints.iter().for_each(|hint| shown += &format!("\nhint: {hint}"));
    shown
}

/// The tree of a query as text; anything else as its `Debug` form would be, shortened.
fn read(text: &str) -> String {
    match parse(text) {
        Err(error) => shown(text, &error),
        Ok(statements) => {
            let one = |statement: &crate::Spanned<Statement>| {
                let native = if statement.native.is_some() { "native: " } else { "" };
                match &statement.value {
                    Statement::Query(query) => format!("{native}{query}"),
                    Statement::CreateTable(draft) => crate::show::create_table(draft),
                    Statement::CreateView(view) => {
                        format!("view {} [{}] {}", view.name.text, names(&view.columns), view.query)
                    }
                    Statement::Insert(insert) => insertion(insert),
                    Statement::StatementSet(inserts) => {
                        inserts.iter().map(insertion).collect::<Vec<_>>().join("\nand ")
                    }
                    Statement::Explain(explain) => format!("explain {:?}", explain.details),
                    Statement::Show(show) => format!("show {}", plain(show)),
                    other => plain(other),
                }
            };
            statements.iter().map(one).collect::<Vec<_>>().join("\n")
        }
    }
}

fn names(names: &[crate::statement::Name]) -> String {
    names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(", ")
}

fn insertion(insert: &crate::statement::Insert) -> String {
    let word = if insert.overwrite { "overwrite" } else { "insert" };
    let options: Vec<String> = insert.options.iter().map(|option| format!("{}={}", option.key, option.value)).collect();
    format!("{word} {} [{}] {{{}}} {}", insert.table.text, names(&insert.columns), options.join(", "), insert.query)
}

/// `Debug` without the places.
fn plain(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let mut parts = text.split(", span: Span {");
    let mut plain = parts.next().unwrap_or("").to_string();
    parts.for_each(|part| plain += part.split_once('}').map_or("", |(_, rest)| rest));
    plain
}

#[test]
fn statements() {
    check("statements.txt", read);
}

#[test]
fn queries() {
    check("queries.txt", read);
}

#[test]
fn tables() {
    check("tables.txt", read);
}

#[test]
fn errors() {
    check("errors.txt", read);
}

#[test]
fn pipes_mean_their_nested_form() {
    check("pipes.txt", read);
    let path = format!("{}/tests/cases/pipes.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the cases are beside the crate");
    for block in text.split("\n----\n") {
        let (_, nested) = block.split_once("\n=>\n").expect("a block has a statement and an outcome");
        assert_eq!(read(nested), nested.trim_end(), "the nested form reads as itself");
    }
}
