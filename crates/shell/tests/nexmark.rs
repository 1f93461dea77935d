//! The Nexmark queries over the demo's topics: the streamed answer of each is that of one batch of DataFusion.

use crate::program::{self, stderr, stdout};

/// How many records of each topic.
const RECORDS: usize = 4000;

/// Of what no batch can tell the answer, and why.
const UNTOLD: [(&str, &str); 3] = [
    ("q9", "of rows that rank alike the order of arrival decides"),
    ("q18", "of rows that rank alike the order of arrival decides"),
    ("q19", "of rows that rank alike the order of arrival decides"),
];

/// The queries by name.
fn queries() -> Vec<(&'static str, &'static str)> {
    let all = include_str!("nexmark.sql").split("\n-- q").skip(1);
    let one = |text: &'static str| {
        let (title, query) = text.split_once('\n').expect("a title and a query");
        let name = title.split(':').next().expect("a number");
        (name, query.trim().trim_end_matches(';'))
    };
    all.map(one).collect()
}

#[test]
fn nexmark_is_answered_as_by_a_batch() {
    let folder = program::folder();
    let views: String = [("bid", "bids"), ("auction", "auctions"), ("person", "persons")]
        .map(|(view, topic)| {
            format!(
                "CREATE VIEW {view} AS SELECT * FROM demo.{topic} /*+ OPTIONS('number-of-rows' = '{RECORDS}') */;\n"
            )
        })
        .concat();
    let side: String = (0..10_000).map(|key| format!("{key},value {key}\n")).collect();
    std::fs::write(folder.path().join("side.csv"), side).expect("is writable");
    let side = "CREATE TABLE side_input (key BIGINT, `value` STRING) WITH ('connector' = 'filesystem', 'path' = 'side.csv', \
                'format' = 'csv');";
    let views = views + side;
    let queries = queries();
    assert!(queries.len() > 15, "only {} queries were found", queries.len());
    for (number, query) in queries {
        let name = format!("q{number}");
        let output = program::run(folder.path(), &["-c", &views, "-c", &format!("CHECK {query}")], b"");
        let told = stdout(&output);
        match UNTOLD.iter().find(|(untold, _)| *untold == name) {
            Some((_, reason)) => assert!(told.contains(reason), "{name}: {told}{}", stderr(&output)),
            None => {
                assert!(told.contains(" · equal"), "{name}: {told}{}", stderr(&output));
                assert!(!told.starts_with("streamed: 0 rows") || name == "q14", "{name} has no answer: {told}");
            }
        }
    }
}
