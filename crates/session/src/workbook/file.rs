//! The workbook as a script: settings, functions, tables, steps with their versions, the draft. It is SQL, so that one
//! can read it, compare two of them, and take out of it what is wanted. It falls into pieces, one for each
//! name, which is how two sessions on one workspace tell what the other has changed.

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

/// What a piece is about, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A setting.
    Setting(String),
    /// A function that a user brought; tables and steps may call it.
    Function(String),
    /// A table.
    Table(String),
    /// A step with all its versions.
    Step(String),
    /// The query that `|>` goes on with.
    Draft,
}

/// A workbook as text, piece by piece. Equal pieces mean the same.
pub type Pieces = BTreeMap<Key, String>;

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

/// What a file holds about one thing: its text, and the statements in it.
#[derive(Debug, Default)]
pub struct Part {
    /// The piece of text.
    pub text: String,
    /// What it says, statement by statement.
    pub entries: Vec<Entry>,
}

/// A file that was read.
#[derive(Debug, Default)]
pub struct Contents {
    /// What can be read of it.
    pub parts: BTreeMap<Key, Part>,
    /// A sentence with the line for each statement that cannot be read.
    pub broken: Vec<String>,
}

impl Contents {
    /// The texts alone.
    pub fn pieces(&self) -> Pieces {
        self.parts.iter().map(|(key, part)| (key.clone(), part.text.clone())).collect()
    }
}

/// The workbook in pieces. What is temporary, and what the session makes itself, is left out.
pub fn pieces(workbook: &Workbook, catalog: &Catalog, settings: &BTreeMap<String, String>) -> Pieces {
    let mut pieces = Pieces::new();
    for (key, value) in settings {
        pieces.insert(Key::Setting(key.clone()), format!("SET {} = {};\n", literal(key), literal(value)));
    }
    for function in catalog.functions().iter() {
        pieces.insert(Key::Function(function.name.clone()), format!("{};\n", show::create_function(function)));
    }
    for relation in catalog.relations() {
        if let Relation::Table(table) = relation
            && !table.draft.temporary
            && table.tap.connector != crate::aside::CONNECTOR
        {
            let name = Key::Table(table.draft.name.text.clone());
            pieces.insert(name, format!("{};\n", show::create_table(&table.draft)));
        }
    }
    for (name, step) in workbook.steps().filter(|(_, step)| !step.current().view.temporary) {
        let text = pieces.entry(Key::Step(name.to_string())).or_default();
        for version in step.versions() {
            let view = without_secrets(&show::create_view(&version.view));
            let view = view.replacen("CREATE", "CREATE OR REPLACE", 1);
            let _ = writeln!(text, "{VERSION}{}\n{view};", version.number);
        }
    }
    if let Some(draft) = workbook.draft() {
        pieces.insert(Key::Draft, format!("{DRAFT}\n{};\n", without_secrets(draft)));
    }
    pieces
}

/// Pieces as a file.
pub fn write(pieces: &Pieces) -> String {
    pieces.values().fold(format!("{TITLE}\n"), |file, piece| file + piece)
}

/// What a file holds.
pub fn read(text: &str) -> Contents {
    let (mut before, mut line) = (0, 1);
    let mut contents = Contents::default();
    for span in millstream_sql::split(text) {
        let comment = text[before..span.start].trim_start_matches([';', '\n', ' ']).lines().last().unwrap_or("").trim();
        line += text[before..span.start].matches('\n').count();
        before = span.end;
        let own = span.text(text);
        match entry(own, comment) {
            Ok((key, entry)) => {
                let part = contents.parts.entry(key).or_default();
                if comment == DRAFT || comment.starts_with(VERSION) {
                    let _ = writeln!(part.text, "{comment}");
                }
                let _ = writeln!(part.text, "{own};");
                part.entries.push(entry);
            }
            Err(reason) => contents.broken.push(format!("line {line}{reason}")),
        }
        line += own.matches('\n').count();
    }
    contents
}

/// What a statement is about and says; `comment` stands before it.
fn entry(own: &str, comment: &str) -> Result<(Key, Entry), String> {
    if comment == DRAFT {
        return Ok((Key::Draft, Entry::Draft(own.to_string())));
    }
    let mut parsed = millstream_sql::parse(own).map_err(|error| format!(": {error}"))?;
    if parsed.len() != 1 {
        return Err(" is no statement".into());
    }
    let statement = Box::new(parsed.remove(0).value);
    let key = match &*statement {
        Statement::Set { key, .. } => Key::Setting(key.clone()),
        Statement::CreateFunction(draft) => Key::Function(draft.name.text.clone()),
        Statement::CreateTable(draft) => Key::Table(draft.name.text.clone()),
        Statement::CreateView(draft) => Key::Step(draft.name.text.clone()),
        _ => return Err(": a workbook holds SET, CREATE TABLE, CREATE FUNCTION and CREATE VIEW only".into()),
    };
    let version = comment.strip_prefix(VERSION).and_then(|number| number.trim().parse().ok());
    Ok((key, Entry::Statement { statement, version }))
}
