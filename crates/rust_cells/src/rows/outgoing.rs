//! Rows on their way out of Rust: a struct and an empty `Vec` before the cell, code that writes what was pushed into
//! a file behind it, and an `INSERT` of what stands there.

use std::time::Duration;

use arrow::temporal_conversions::timestamp_ms_to_datetime;
use millstream_session::{Class, Fault, Finished, Reply, Script, Session, Step, quoted};
use tempfile::NamedTempFile;

use super::{field, structure, variable};

/// Rows of one statement.
const PER_INSERT: usize = 500;
/// How long to wait for an insert before looking again.
const LOOK: Duration = Duration::from_millis(20);

/// What a cell pushes into a table.
pub struct Outgoing {
    /// Declares the struct and the empty variable; runs before the cell.
    pub before: String,
    /// Writes what was pushed; runs behind the cell.
    pub after: String,
    table: String,
    /// The types of the columns in SQL.
    types: Vec<String>,
    file: NamedTempFile,
}

/// A variable for rows of a table that the session knows. Every field is an `Option`.
pub fn outbox(session: &Session, table: &str) -> Result<Outgoing, Fault> {
    let columns: Vec<(String, String)> =
        session.columns_of(table).into_iter().map(|(name, kind)| (name, kind.replace(" *ROWTIME*", ""))).collect();
    if columns.is_empty() {
        return Err(Fault::new(Class::Query, "E0201", format!("there is no table '{table}' to push rows into"))
            .hint("CREATE TABLE makes one; without a connector it is a topic of the workspace"));
    }
    let file = NamedTempFile::new().map_err(|error| unwritten(&error))?;
    let (row, rows) = (structure(table), variable(table));
    let fields: String = columns.iter().map(|(name, kind)| field(name, rust_type(kind), true)).collect();
    let cell = |(name, _): &(String, String)| {
        format!("row.{}.map_or(\"\\\\N\".to_string(), |cell| millstream_cell(&cell))", variable(name))
    };
    let cells: Vec<String> = columns.iter().map(cell).collect();
    let before = format!(
        "fn millstream_cell(cell: &impl std::fmt::Display) -> String {{
    cell.to_string().replace('\\\\', \"\\\\\\\\\").replace('\\t', \"\\\\t\").replace('\\n', \"\\\\n\").replace('\\r', \"\\\\r\")
}}
#[derive(Clone, Debug, PartialEq)]
pub struct {row} {{
{fields}}}
let mut {rows}: Vec<{row}> = Vec::new();"
    );
    let after = format!(
        "{{
    let lines: Vec<String> = {rows}.drain(..).map(|row| [{}].join(\"\\t\") + \"\\n\").collect();
    std::fs::write({:?}, lines.concat()).expect(\"the rows can be written\");
}}",
        cells.join(", "),
        file.path().display().to_string()
    );
    let types = columns.into_iter().map(|(_, kind)| kind).collect();
    Ok(Outgoing { before, after, table: table.to_string(), types, file })
}

impl Outgoing {
    /// Writes what was pushed into the table; how many rows.
    pub fn insert(&self, session: &mut Session) -> Result<u64, Fault> {
        let text = std::fs::read_to_string(self.file.path()).map_err(|error| unwritten(&error))?;
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        let mut written = 0;
        for some in lines.chunks(PER_INSERT) {
            let rows: Vec<String> = some.iter().map(|line| self.row(line)).collect();
            let statement = format!("INSERT INTO {} VALUES {}", quoted(&self.table), rows.join(", "));
            written += run(session, &statement)?.written;
        }
        Ok(written)
    }

    /// A row as SQL writes it: every value a text that is cast, so that SQL's rules of casts hold.
    fn row(&self, line: &str) -> String {
        let value = |(cell, kind): (&str, &String)| match cell {
            "\\N" => format!("CAST(NULL AS {kind})"),
            _ => format!("CAST('{}' AS {kind})", text(cell, kind).replace('\'', "''")),
        };
        let values: Vec<String> = line.split('\t').zip(&self.types).map(value).collect();
        format!("({})", values.join(", "))
    }
}

/// The text of a cell; a time's milliseconds as the time.
fn text(cell: &str, kind: &str) -> String {
    let time = kind.starts_with("TIMESTAMP").then(|| cell.parse().ok().and_then(timestamp_ms_to_datetime)).flatten();
    if let Some(time) = time {
        return time.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
    }
    let (mut text, mut letters) = (String::with_capacity(cell.len()), cell.chars());
    while let Some(letter) = letters.next() {
        text.push(match letter {
            '\\' => match letters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                _ => '\\',
            },
            other => other,
        });
    }
    text
}

fn run(session: &mut Session, statement: &str) -> Result<Finished, Fault> {
    match session.next(&mut Script::new(statement)) {
        Some(Ok(Reply::Live(mut live))) => {
            while !matches!(live.next(LOOK), Step::End) {}
            live.finish()
        }
        Some(Err(fault)) => Err(Fault { span: None, ..fault }),
        _ => Err(Fault::new(Class::Query, "E0604", "the rows were not written")),
    }
}

/// The type in Rust of a column by its type in SQL.
fn rust_type(kind: &str) -> &'static str {
    match kind.split('(').next().unwrap_or("").trim() {
        "TINYINT" => "i8",
        "SMALLINT" => "i16",
        "INT" => "i32",
        "BIGINT" | "TIMESTAMP" | "TIMESTAMP_LTZ" => "i64",
        "FLOAT" => "f32",
        "DOUBLE" => "f64",
        "BOOLEAN" => "bool",
        _ => "String",
    }
}

fn unwritten(error: &std::io::Error) -> Fault {
    Fault::new(Class::Query, "E0604", format!("rows cannot be handed over: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_texts_that_are_cast() {
        let types = ["STRING", "INT", "TIMESTAMP(3)", "BOOLEAN"].map(String::from).to_vec();
        let file = NamedTempFile::new().expect("a file");
        let out = Outgoing { before: String::new(), after: String::new(), table: "t".into(), types, file };
        let row = out.row("it's\\ta \\\\tab\t-7\t86400123\t\\N");
        let wanted = "(CAST('it''s\ta \\tab' AS STRING), CAST('-7' AS INT), CAST('1970-01-02 00:00:00.123' AS TIMESTAMP(3)), CAST(NULL AS BOOLEAN))";
        assert_eq!(row, wanted);
    }
}
