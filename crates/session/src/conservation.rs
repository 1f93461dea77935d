//! `in = used + late + bad + filtered`, exact to the row: random queries over random records, in random
//! batches, replayed and live over several lanes, against the fate of every record worked out one by one.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    ArrayRef, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampMillisecondArray,
};
use millstream_engine::{Account, Doors, Event, Ledger, Options, Replay};
use millstream_plan::Graph;
use millstream_record::{Fetched, Offset, PartitionId, Rejected, Source};
use millstream_sql::Statement;
use proptest::prelude::*;

use crate::memory::Memory;
use crate::planning;
use crate::session::{Session, SessionOptions};

/// A record: a key, a value that may be null, an event time that may be null, a list that may be null or empty.
#[derive(Clone, Debug)]
struct Record {
    key: u8,
    value: Option<i64>,
    time: Option<i64>,
    tags: Option<Vec<&'static str>>,
    unreadable: bool,
}

/// A query: the parts of it that decide over the fate of a record.
#[derive(Clone, Debug)]
struct Query {
    /// `WHERE v > …`.
    above: Option<i64>,
    /// `CROSS JOIN UNNEST(tags)`, or `LEFT JOIN` if true.
    unnest: Option<bool>,
    then: Then,
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Rows,
    Tumble(i64),
    Hop(i64, i64),
    Count,
    /// An interval join with the other table.
    Join,
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let time = prop::option::weighted(0.95, 0i64..60_000);
    let tags = prop::option::of(prop::collection::vec(prop::sample::select(vec!["x", "y"]), 0..3));
    let record = (0u8..3, prop::option::weighted(0.9, 0i64..10), time, tags, prop::bool::weighted(0.05));
    let record = record.prop_map(|(key, value, time, tags, unreadable)| Record { key, value, time, tags, unreadable });
    prop::collection::vec(record, 0..60)
}

fn queries() -> impl Strategy<Value = Query> {
    let then = prop_oneof![
        Just(Then::Rows),
        (1i64..8).prop_map(Then::Tumble),
        (1i64..5, 1i64..4).prop_map(|(slide, times)| Then::Hop(slide, slide * times)),
        Just(Then::Count),
        Just(Then::Join),
    ];
    let query = (prop::option::of(0i64..10), prop::option::of(any::<bool>()), then);
    query.prop_map(|(above, unnest, then)| {
        // A record that has become several rows is followed no further; nor does a list survive a window.
        let unnest = unnest.filter(|_| matches!(then, Then::Rows | Then::Count));
        Query { above, unnest, then }
    })
}

impl Query {
    fn text(&self) -> String {
        let filter = self.above.map(|above| format!(" WHERE v > {above}")).unwrap_or_default();
        let from = format!("(SELECT * FROM t{filter})");
        let second = |seconds: i64| format!("INTERVAL '{seconds}' SECOND");
        let window = |call: &str, sizes: String| {
            format!(
                "SELECT k, COUNT(*) FROM TABLE({call}(TABLE s, DESCRIPTOR(ts), {sizes})) GROUP BY k, window_start, window_end"
            )
        };
        let unnest = match self.unnest {
            None => String::new(),
            Some(false) => " CROSS JOIN UNNEST(tags) AS u(tag)".into(),
            Some(true) => " LEFT JOIN UNNEST(tags) AS u(tag) ON TRUE".into(),
        };
        let then = match self.then {
            Then::Rows => format!("SELECT k, v FROM s{unnest}"),
            Then::Count => format!("SELECT k, COUNT(*) FROM s{unnest} GROUP BY k"),
            Then::Tumble(size) => window("TUMBLE", second(size)),
            Then::Hop(slide, size) => window("HOP", format!("{}, {}", second(slide), second(size))),
            Then::Join => {
                "SELECT s.k FROM s JOIN o ON s.k = o.k AND s.ts BETWEEN o.ts AND o.ts + INTERVAL '5' SECOND".into()
            }
        };
        format!("WITH s AS {from} {then}")
    }

    /// The fate of every record of `t`, one by one.
    fn expected(&self, records: &[Record]) -> Account {
        let mut account = Account {
            tap: "t".into(),
            records: records.len() as u64,
            used: 0,
            late: 0,
            bad: 0,
            filtered: 0,
            duplicate_keys: 0,
        };
        let mut watermark = i64::MIN;
        for record in records {
            let (false, Some(time)) = (record.unreadable, record.time) else {
                account.bad += 1;
                continue;
            };
            let before = watermark;
            watermark = watermark.max(time - 1_000);
            let kept = self.above.is_none_or(|above| record.value.is_some_and(|value| value > above));
            let elements = record.tags.as_ref().is_some_and(|tags| !tags.is_empty());
            let last_end = match self.then {
                Then::Tumble(size) => Some((time.div_euclid(size * 1000) + 1) * size * 1000),
                Then::Hop(slide, size) => Some(time.div_euclid(slide * 1000) * slide * 1000 + size * 1000),
                _ => None,
            };
            match () {
                () if !kept || (self.unnest == Some(false) && !elements) => account.filtered += 1,
                () if last_end.is_some_and(|end| end - 1 <= before) => account.late += 1,
                () => account.used += 1,
            }
        }
        account
    }
}

fn rows(records: &[Record]) -> RecordBatch {
    let mut tags = ListBuilder::new(StringBuilder::new());
    for record in records {
        record.tags.iter().flatten().for_each(|tag| tags.values().append_value(tag));
        tags.append(record.tags.is_some());
    }
    let columns: [(&str, ArrayRef); 4] = [
        ("k", Arc::new(StringArray::from_iter_values(records.iter().map(|record| record.key.to_string())))),
        ("v", Arc::new(Int64Array::from_iter(records.iter().map(|record| record.value)))),
        ("ts", Arc::new(TimestampMillisecondArray::from_iter(records.iter().map(|record| record.time)))),
        ("tags", Arc::new(tags.finish())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).expect("one length")
}

fn planned(query: &Query) -> (Session, Graph) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = Session::new(SessionOptions::in_folder(folder.path())).expect("a session");
    for name in ["t", "o"] {
        let table = format!(
            "CREATE TABLE {name} (k STRING, v BIGINT, ts TIMESTAMP(3), tags ARRAY<STRING>, \
             WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'topic', 'format' = 'json');"
        );
        session.execute(&table).for_each(|reply| drop(reply.expect("a table")));
    }
    let text = query.text();
    match millstream_sql::parse(&text).expect("it can be read").pop().expect("one").value {
        Statement::Query(query) => {
            let graph = planning::select(&session, &query).unwrap_or_else(|error| panic!("{text}: {}", error.message));
            (session, graph)
        }
        other => panic!("{other:?} is no query"),
    }
}

/// The records of one partition in pieces of at most `piece`; unreadable ones stand between the rows.
fn fetches(name: &str, records: &[Record], piece: usize) -> Vec<Fetched> {
    let partition = PartitionId::new(name, 0);
    let fetch = |records: &[Record]| {
        let readable: Vec<Record> = records.iter().filter(|record| !record.unreadable).cloned().collect();
        let unreadable = (records.len() - readable.len()) as i64;
        let rejected = (0..unreadable).map(|n| Rejected::new(partition.clone(), Offset(n), "it is not JSON", b"]"));
        Fetched {
            partition: partition.clone(),
            rows: rows(&readable),
            kinds: None,
            rejected: rejected.collect(),
            records: records.len() as u64,
            bytes: 0,
            duplicate_keys: 0,
        }
    };
    records.chunks(piece.max(1)).map(fetch).collect()
}

fn account_of(ledger: &Ledger, tap: &str) -> Account {
    ledger.sources.iter().find(|account| account.tap == tap).expect("the query reads it").clone()
}

fn replayed(graph: &Graph, ours: &[Record], others: &[Record], piece: usize, end: bool) -> Ledger {
    let mut replay = Replay::new(graph, &Options::default()).expect("it can be built");
    for (name, records) in [("o", others), ("t", ours)] {
        for fetched in fetches(name, records, piece) {
            replay.feed(name, &fetched, &mut |_, _| Ok(())).expect("it takes them");
        }
    }
    if end {
        replay.end(&mut |_, _| Ok(())).expect("it ends");
    }
    Ledger::of(graph, replay.counters())
}

fn live(graph: &Graph, ours: &[Record], others: &[Record], parallelism: usize, batch_rows: usize) -> Ledger {
    let source = |name: &str, records: &[Record]| {
        let rows = rows(records);
        (name.to_string(), Box::new(Memory::new(name, rows.schema(), vec![rows])) as Box<dyn Source>)
    };
    let doors = Doors { sources: [source("t", ours), source("o", others)].into(), ..Doors::default() };
    let options = Options { parallelism, batch_rows, ..Options::default() };
    let run = millstream_engine::start(graph.clone(), doors, options).expect("it starts");
    while !matches!(run.recv(Duration::from_secs(1)), Event::End) {}
    run.finish().expect("it ends well")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_record_is_accounted_for(
        ours in records(), others in records(), query in queries(),
        piece in 1usize..20, end in any::<bool>(), parallelism in 1usize..4,
    ) {
        let (_session, graph) = planned(&query);
        let expected = query.expected(&ours);
        prop_assert_eq!(expected.records, expected.used + expected.late + expected.bad + expected.filtered);
        let found = replayed(&graph, &ours, &others, piece, end);
        prop_assert_eq!(account_of(&found, "t"), expected, "{}", query.text());
        if matches!(query.then, Then::Join) {
            let expected = Query { above: None, unnest: None, then: Then::Rows }.expected(&others);
            prop_assert_eq!(account_of(&found, "o"), Account { tap: "o".into(), ..expected });
        }
        // A source of rows knows no unreadable records.
        let readable: Vec<Record> = ours.iter().map(|record| Record { unreadable: false, ..record.clone() }).collect();
        let others: Vec<Record> = others.iter().map(|record| Record { unreadable: false, ..record.clone() }).collect();
        let found = live(&graph, &readable, &others, parallelism, piece);
        prop_assert_eq!(account_of(&found, "t"), query.expected(&readable), "live: {}", query.text());
    }
}
