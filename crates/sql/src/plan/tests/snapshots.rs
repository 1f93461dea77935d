//! Runs the files of `tests/plans/`.

use std::fs;
use std::path::PathBuf;

use super::tables::market;
use crate::SqlError;
use crate::plan::{Settings, construct, plan_query};

const BETWEEN: &str = "----";
const END: &str = "====";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/plans")
}

/// An error with the piece of the text it points at.
pub(super) fn shown(error: &SqlError, sql: &str) -> String {
    let place = error.span.map_or_else(|| "-".to_string(), |span| span.text(sql).replace('\n', " "));
    let hints: String = error.hints.iter().map(|hint| format!("hint: {hint}\n")).collect();
    let construct = construct(error).map(|name| format!("not supported: {name}\n")).unwrap_or_default();
    format!("{} {}\nat: {place}\n{construct}{hints}", error.code, error.message)
}

fn answer(sql: &str) -> String {
    let catalog = market();
    let settings = Settings { zone: "Europe/Berlin".into(), ..Default::default() };
    let graph = crate::query(sql).and_then(|query| plan_query(&catalog, &settings, &query));
    match graph {
        Ok(graph) => graph.to_string(),
        Err(error) => shown(&error, sql),
    }
}

#[test]
fn every_query_of_the_files_has_its_plan() {
    let update = std::env::var_os("UPDATE_PLANS").is_some();
    let mut wrong = Vec::new();
    let mut queries = 0;
    for entry in fs::read_dir(folder()).expect("the folder of plans is there") {
        let path = entry.expect("can be listed").path();
        let text = fs::read_to_string(&path).expect("is text");
        let mut written = String::new();
        for section in text.split(&format!("{END}\n")).filter(|section| !section.trim().is_empty()) {
            let (sql, expected) = section.split_once(&format!("{BETWEEN}\n")).unwrap_or((section, ""));
            let given = answer(sql.trim_end());
            queries += 1;
            if given.trim_end() != expected.trim_end() {
                wrong.push(format!("{}\n{sql}gives\n{given}\nnot\n{expected}", path.display()));
            }
            written.push_str(&format!("{}\n{BETWEEN}\n{}\n{END}\n", sql.trim_end(), given.trim_end()));
        }
        if update {
            fs::write(&path, written).expect("can be written");
        }
    }
    assert!(queries > 20, "only {queries} queries were found");
    assert!(update || wrong.is_empty(), "{} plans differ:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn long_chains_are_planned_or_refused() {
    let catalog = market();
    let plan = |sql: &str| plan_query(&catalog, &Settings::default(), &crate::query(sql).expect("parses"));
    let chain = |link: &str, links: usize| format!("SELECT {} AS x FROM bids", vec![link; links].join(" + "));
    for column in ["price", "cost", "price * 1.5"] {
        let short = plan(&chain(column, 100)).map(|_| ());
        assert!(short.is_ok(), "{column}: {short:?}");
        let long = plan(&chain(column, 400)).expect_err("is too long").message;
        assert!(long.contains("in one chain"), "{column}: {long}");
    }
}
