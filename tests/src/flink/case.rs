//! A recorded case as a user would write it: tables over files, views, one insert. It is exported by a session.

use std::fs;
use std::path::{Path, PathBuf};

use millstream_session::{Session, SessionOptions, Ways};
use serde_json::{Value, json};

use crate::cases::Definition;

/// What the export made of a case.
pub enum Exported {
    /// A folder.
    Job(PathBuf),
    /// Nothing, because Flink itself refuses the query.
    Refused,
    /// Nothing: why.
    No(String),
}

/// Exports the case in `folder`; its files go below `work`.
pub fn export(folder: &Path, work: &Path) -> Result<Exported, String> {
    let case = Definition::read(folder)?;
    if case.expects_error {
        return Ok(Exported::Refused);
    }
    if case.tables.iter().any(|table| table.changelog.as_deref() == Some("UPSERT")) {
        return Ok(Exported::No("a table that is upserted is a topic of Kafka, and this one is a file".into()));
    }
    let written = |error: std::io::Error| format!("{}: {error}", work.display());
    fs::create_dir_all(work).map_err(written)?;
    let mut script: String = case.settings.iter().map(|(key, value)| format!("SET '{key}' = '{value}';\n")).collect();
    for table in &case.tables {
        let changes = table.changelog.is_some();
        let path = work.join(format!("{}.in", table.name));
        fs::write(&path, records(&case.input, &table.name, changes)).map_err(written)?;
        let format = if changes { "debezium-json" } else { "json" };
        script += &format!(
            "CREATE TABLE `{}` ({}) WITH ('connector' = 'filesystem', 'path' = '{}', 'format' = '{format}', \
             'scan.watermark.max-future' = '0 s');\n",
            table.name,
            table.columns,
            path.display()
        );
    }
    script += &case.prelude;
    if !case.prelude.trim().is_empty() && !case.prelude.trim_end().ends_with(';') {
        script.push(';');
    }
    let schema = fs::read_to_string(folder.join("schema.txt")).map_err(|error| format!("schema.txt: {error}"))?;
    script += &format!("\nCREATE TABLE answer ({}) WITH ('connector' = 'print');\n", columns(&schema));
    script += &format!("INSERT INTO answer {};\n", case.query.trim().trim_end_matches(';'));
    let job = work.join(folder.file_name().expect("a folder has a name"));
    let mut session =
        Session::new(SessionOptions::in_folder(work.join("workspace"))).map_err(|fault| fault.to_string())?;
    let ways = Ways { flink: true, ..Ways::default() };
    Ok(match session.export_script(&script, work, &job, ways) {
        Ok(_) => Exported::Job(job),
        Err(fault) => Exported::No(format!("{} {}", fault.code, fault.message.lines().next().unwrap_or_default())),
    })
}

/// The columns of an answer, as recorded: a name and a type a line.
fn columns(schema: &str) -> String {
    let column = |line: &str| {
        let (name, data_type) = line.split_once(' ').unwrap_or((line, "STRING"));
        format!("`{name}` {}", data_type.replace("*ROWTIME*", "").replace("NOT NULL", "").trim())
    };
    schema.lines().filter(|line| !line.trim().is_empty()).map(column).collect::<Vec<_>>().join(", ")
}

/// The lines of one table, as the rows that they are.
fn records(input: &str, table: &str, changes: bool) -> String {
    let mut lines = String::new();
    for line in input.lines().filter(|line| !line.trim().is_empty()) {
        let Ok(Value::Object(mut row)) = serde_json::from_str(line) else { continue };
        if row.remove("_t").as_ref().and_then(Value::as_str) != Some(table) {
            continue;
        }
        let kind = row.remove("_op");
        let gone = matches!(kind.as_ref().and_then(Value::as_str), Some("-U" | "-D"));
        let row = Value::Object(row);
        let line = match (changes, gone) {
            (false, _) => row,
            (true, false) => json!({ "before": null, "after": row, "op": "c" }),
            (true, true) => json!({ "before": row, "after": null, "op": "d" }),
        };
        lines += &format!("{line}\n");
    }
    lines
}
