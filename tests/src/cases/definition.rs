//! A case as it stands in its folder.

use std::fs::read_to_string;
use std::path::Path;

use serde_json::Value;

use super::Answer;

/// A case.
#[derive(Debug)]
pub struct Definition {
    /// The tables, as `CREATE TABLE` statements, with what their records do to them.
    pub tables: Vec<Table>,
    /// `SET` before anything else.
    pub settings: Vec<(String, String)>,
    /// Views that the query reads.
    pub prelude: String,
    /// The query.
    pub query: String,
    /// The rows of all tables, a JSON object a line, in order of arrival.
    pub input: String,
    /// What Flink answered; nothing if it refuses.
    pub answer: Option<Answer>,
    /// Flink refuses the query, or fails.
    pub expects_error: bool,
}

/// A table of a case.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, watermark and key, as they stand between the brackets.
    pub columns: String,
    /// Its declaration.
    pub ddl: String,
    /// `ALL`, `UPSERT`, or nothing for insertions.
    pub changelog: Option<String>,
}

impl Definition {
    /// Reads the case in a folder.
    pub fn read(folder: &Path) -> Result<Definition, String> {
        let text = |name: &str| read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}"));
        let case: Value = serde_json::from_str(&text("case.json")?).map_err(|error| format!("case.json: {error}"))?;
        let tables = case["tables"].as_array().ok_or("case.json has no tables")?;
        let settings = case["settings"].as_object().into_iter().flatten();
        let expects_error = case["expects_error"].as_bool().unwrap_or(false);
        Ok(Definition {
            tables: tables.iter().map(Table::read).collect::<Option<_>>().ok_or("case.json: a table is incomplete")?,
            settings: settings.map(|(key, value)| (key.clone(), plain(value))).collect(),
            prelude: text("prelude.sql").unwrap_or_default(),
            query: text("query.sql")?,
            input: text("input.jsonl")?,
            answer: if expects_error { None } else { Some(Answer::parse(&text("expected.csv")?)?) },
            expects_error,
        })
    }
}

impl Table {
    fn read(table: &Value) -> Option<Table> {
        let name = table["name"].as_str()?;
        let mut items = Vec::new();
        for column in table["columns"].as_array()? {
            items.push(format!("`{}` {}", column[0].as_str()?, column[1].as_str()?));
        }
        if let Some(watermark) = table["watermark"].as_object() {
            items.push(format!("WATERMARK FOR `{}` AS {}", watermark["column"].as_str()?, watermark["expr"].as_str()?));
        }
        if let Some(key) = table["primary_key"].as_array() {
            let key: Vec<_> = key.iter().filter_map(Value::as_str).map(|column| format!("`{column}`")).collect();
            items.push(format!("PRIMARY KEY ({}) NOT ENFORCED", key.join(", ")));
        }
        // Flink believes every time, however far ahead of the clock.
        let options = "'connector' = 'filesystem', 'path' = 'input.jsonl', 'format' = 'json', \
                       'source.monitor-interval' = '1 s', 'scan.watermark.max-future' = '0 s'";
        let columns = items.join(", ");
        let ddl = format!("CREATE TABLE `{name}` ({columns}) WITH ({options})");
        Some(Table { name: name.into(), columns, ddl, changelog: table["changelog"].as_str().map(Into::into) })
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}
