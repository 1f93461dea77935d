//! The recorded cases of a real Flink: each is planned, and what Flink refuses is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use millstream_plan::TapChanges;
use serde_json::Value;

use super::tables::{Declared, register, view};
use crate::SqlError;
use crate::catalog::Catalog;
use crate::plan::{Settings, construct, plan_query};
use crate::types::SqlType;

/// The cases of the repository; the environment may name another place.
fn folder() -> PathBuf {
    match std::env::var_os("MILLSTREAM_CASES") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

fn plan(case: &Path) -> Result<millstream_plan::Graph, SqlError> {
    let json = fs::read_to_string(case.join("case.json")).expect("a case has a case.json");
    let json: Value = serde_json::from_str(&json).expect("case.json is JSON");
    let mut catalog = Catalog::new();
    for table in json["tables"].as_array().expect("a case has tables") {
        let table_name = text(&table["name"]);
        let list = |key: &str| table[key].as_array().cloned().unwrap_or_default();
        let mode = table["changelog_mode"].as_str().or(table["mode"].as_str()).unwrap_or_default().to_lowercase();
        let watermark = table.get("watermark").filter(|mark| mark.is_object());
        let declared = Declared {
            name: &table_name,
            columns: list("columns").iter().map(|column| (text(&column[0]), text(&column[1]))).collect(),
            watermark: watermark.map(|mark| (text(&mark["column"]), text(&mark["expr"]))),
            key: list("primary_key").iter().map(text).collect(),
            options: vec![("connector", "case")],
            changes: match mode.as_str() {
                "upsert" => Some(TapChanges::Upsert),
                "" | "append" | "insert" | "i" => None,
                _ => Some(TapChanges::Retract),
            },
        };
        register(&mut catalog, &declared)?;
    }
    if let Ok(prelude) = fs::read_to_string(case.join("prelude.sql")) {
        for statement in prelude.split(';') {
            let statement = statement.trim();
            let Some((head, query)) = statement.split_once(" AS ") else { continue };
            view(&mut catalog, head.split_whitespace().last().expect("a view has a name"), query);
        }
    }
    let mut settings = Settings::default();
    for (key, value) in json["settings"].as_object().into_iter().flatten() {
        settings.apply(key, value.as_str().unwrap_or_default())?;
    }
    let sql = fs::read_to_string(case.join("query.sql")).expect("a case has a query");
    let query = crate::query(sql.trim().trim_end_matches(';'))?;
    plan_query(&catalog, &settings, &query)
}

/// What Flink refuses when it meets the rows.
const AT_RUN_TIME: [&str; 3] = ["tumble-null-timestamp", "match-skip-to-its-first-row", "match-skip-to-missing"];

/// The columns of the answer as Flink names and types them; `*ROWTIME*` marks event time.
fn schema(graph: &millstream_plan::Graph) -> String {
    let row = &graph.node(graph.outputs[0].node).row;
    let column = |(index, field): (usize, &std::sync::Arc<arrow::datatypes::Field>)| {
        let data_type = SqlType::from_field(field).expect("has a type");
        let time = if row.is_time(index) { " *ROWTIME*" } else { "" };
        format!("{} {}{time}", field.name(), data_type)
    };
    row.schema.fields().iter().enumerate().map(column).collect::<Vec<_>>().join("\n")
}

#[test]
fn recorded_cases_plan_with_flinks_types_or_are_refused() {
    let folder = folder();
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("no recorded cases in {}: nothing compared", folder.display());
        return;
    };
    let mut cases: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|p| p.is_dir()).collect();
    cases.sort();
    let (mut planned, mut wrong, mut missing) = (0, Vec::new(), BTreeMap::<String, usize>::new());
    for case in &cases {
        let name = case.file_name().unwrap_or_default().to_string_lossy().to_string();
        let refused_by_flink = case.join("expected_error.txt").exists();
        match plan(case) {
            Ok(graph) => {
                planned += 1;
                let expected = fs::read_to_string(case.join("schema.txt")).unwrap_or_default();
                if !refused_by_flink && without_null(&schema(&graph)) != without_null(expected.trim()) {
                    wrong.push(format!("{name}: columns\n{}\nFlink has\n{expected}", schema(&graph)));
                }
                if refused_by_flink && !AT_RUN_TIME.contains(&name.as_str()) {
                    wrong.push(format!("{name}: Flink refuses it, here it is\n{graph}"));
                }
            }
            Err(error) => match construct(&error) {
                Some(construct) => *missing.entry(construct.to_string()).or_default() += 1,
                None if refused_by_flink => planned += 1,
                None => wrong.push(format!("{name}: {error}")),
            },
        }
    }
    eprintln!("{planned} planned or rightly refused, not supported yet: {missing:?}");
    assert!(wrong.is_empty(), "{} of {} cases are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
    assert!(planned > 50, "only {planned} cases were planned");
}

/// Nullability is compared where it is certain in both: a nullable column here may be NOT NULL in Flink.
fn without_null(schema: &str) -> String {
    schema.replace(" NOT NULL", "")
}
