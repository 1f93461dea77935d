//! The workbook as a script: settings, tables, functions, steps with their versions, the draft. It is SQL, so that one
//! can read it, compare two of them, and take out of it what is wanted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use millstream_sql::show;
use millstream_sql::types::literal;
use millstream_sql::{Catalog, Relation, Statement};

use super::Workbook;
use super::secrets::without_secrets;

/// The first line of the file.
const TITLE: &str = "-- Millstream workbook, format 1. Secrets are not kept.";
/// What stands before each version of a step, with its number.
const VERSION: &str = "-- version ";
/// What stands before the draft.
const DRAFT: &str = "-- draft";

/// One statement of the file.
#[derive(Debug)]
pub enum Entry {
    /// A setting, a table or a version of a step.
    Statement {
        /// What it says.
        statement: Box<Statement>,
        /// The number of the version, of a step.
        version: Option<u32>,
    },
    /// The draft, as typed.
    Draft(String),
}

/// The workbook as text. What is temporary, and what the session makes itself, is left out.
pub fn write(workbook: &Workbook, catalog: &Catalog, settings: &BTreeMap<String, String>) -> String {
    let mut out = format!("{TITLE}\n");
    for (key, value) in settings {
        let _ = writeln!(out, "SET {} = {};", literal(key), literal(value));
    }
    for relation in catalog.relations() {
        if let Relation::Table(table) = relation
            && !table.draft.temporary
            && table.tap.connector != crate::aside::CONNECTOR
        {
            let _ = writeln!(out, "{};", show::create_table(&table.draft));
        }
    }
    for function in catalog.functions().iter() {
        let _ = writeln!(out, "{};", show::create_function(function));
    }
    for (_, step) in workbook.steps().filter(|(_, step)| !step.current().view.temporary) {
        for version in step.versions() {
            let view = without_secrets(&show::create_view(&version.view));
            let view = view.replacen("CREATE", "CREATE OR REPLACE", 1);
            let _ = writeln!(out, "{VERSION}{}\n{view};", version.number);
        }
    }
    if let Some(draft) = workbook.draft() {
        let _ = writeln!(out, "{DRAFT}\n{};", without_secrets(draft));
    }
    out
}

/// What a file holds, statement by statement; a sentence with the line where one cannot be read.
pub fn read(text: &str) -> Vec<Result<Entry, String>> {
    let mut before = 0;
    let mut entries = Vec::new();
    for span in millstream_sql::split(text) {
        let comment = text[before..span.start].trim_start_matches([';', '\n', ' ']).lines().last().unwrap_or("").trim();
        before = span.end;
        let own = span.text(text);
        if comment == DRAFT {
            entries.push(Ok(Entry::Draft(own.to_string())));
            continue;
        }
        let version = comment.strip_prefix(VERSION).and_then(|number| number.trim().parse().ok());
        let line = text[..span.start].matches('\n').count() + 1;
        entries.push(match millstream_sql::parse(own) {
            Ok(mut parsed) if parsed.len() == 1 => {
                let statement = Box::new(parsed.remove(0).value);
                Ok(Entry::Statement { statement, version })
            }
            Ok(_) => Err(format!("line {line} is no statement")),
            Err(error) => Err(format!("line {line}: {error}")),
        });
    }
    entries
}
