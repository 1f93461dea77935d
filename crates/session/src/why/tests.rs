//! Stories: a query, what came in, and the answer to `WHY`. They stand in `stories/*.txt`:
//!
//! ```text
//! ## Everything fails one condition
//! CREATE TABLE …;                         statements, until the query without `;`
//! SELECT …
//! clock 12:00:30                          the time of day from here on, of 2026-01-01
//! orders/0 *812 {"amount": 940}           a record of a partition, so often
//! orders/1                                a partition without a record
//! bad orders/0 17 'x' is not a BIGINT     a record that could not be read
//! quiet                                   time goes by
//! end                                     all taps end
//! sample                                  what came was a sample
//! stalled orders why                      from here on the source of a table cannot be reached
//! held orders                             from here on a table is not read, because of what is behind it
//! blocked                                 from here on nobody takes rows
//! ---
//! the answer
//! ```
//!
//! `UPDATE=1` writes the answers anew. Every way out of every answer is pasted, too.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use millstream_engine::inspect::Inspection;
use millstream_engine::{Options, Replay, physical_schema};
use millstream_plan::{Graph, Op, Tap};
use millstream_record::{Clock, Fetched, ManualClock, Millis, Offset, PartitionId, Rejected};
use millstream_sql::Statement;

use super::{Answer, Scene, explain};
use crate::planning;
use crate::render::Zone;
use crate::session::{Session, SessionOptions};

/// 2026-01-01 00:00:00 UTC.
const MIDNIGHT: i64 = 1_767_225_600_000;

struct Told {
    replay: Replay,
    graph: Graph,
    clock: Arc<ManualClock>,
    sample: bool,
    /// What only a live run meets, put into what a replay looks like inside.
    troubles: Vec<(Millis, Trouble)>,
}

enum Trouble {
    Stalled(String, String),
    Held(String),
    Blocked,
}

#[test]
fn stories() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/why/stories");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let (mut told, mut wrong) = (0, Vec::new());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("text");
        let mut anew = String::new();
        for story in text.split("## ").filter(|story| !story.trim().is_empty()) {
            let (script, expected) = story.split_once("\n---\n").expect("an answer behind ---");
            let found = tell(script);
            if found.trim() != expected.trim() {
                wrong.push(format!("{}: {script}\n--- found\n{found}", file.display()));
            }
            told += 1;
            anew += &format!("## {script}\n---\n{}\n\n", found.trim());
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, anew.trim_end().to_string() + "\n").expect("writes");
        }
    }
    assert!(told >= 25, "only {told} stories were found");
    assert!(std::env::var_os("UPDATE").is_some() || wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The answer at the end of a story.
fn tell(script: &str) -> String {
    let (title, script) = script.split_once('\n').expect("a title");
    let clock = Arc::new(ManualClock::at(Millis(MIDNIGHT + 12 * 3_600_000)));
    let folder = tempfile::tempdir().expect("a folder");
    let options = SessionOptions { clock: clock.clone(), ..SessionOptions::in_folder(folder.path()) };
    let mut session = Session::new(options).expect("a session");
    let (mut statement, mut told) = (String::new(), None::<Told>);
    for line in script.lines() {
        if told.is_none() {
            statement += line;
            statement.push('\n');
            if line.ends_with(';') {
                let text = std::mem::take(&mut statement);
                session.execute(&text).for_each(|reply| drop(reply.unwrap_or_else(|fault| panic!("{title}: {fault}"))));
            } else if line.is_empty() {
                told = Some(begin(&session, &statement, clock.clone()));
            }
        } else if let Some(told) = &mut told {
            told.line(line);
        }
    }
    let mut told = told.expect("a query and an empty line behind it");
    let inside = told.inspect();
    let answer = told.answer(&inside);
    paste(&mut session, &answer);
    let scene = told.scene(&inside);
    answer.text(&scene, "q")
}

fn begin(session: &Session, text: &str, clock: Arc<ManualClock>) -> Told {
    let statement = millstream_sql::parse(text).expect("a query").pop().expect("one").value;
    let graph = match statement {
        Statement::Query(query) => planning::select(session, &query).expect("can be planned"),
        other => panic!("{other:?} is no query"),
    };
    let options = Options { clock: clock.clone(), ..Options::default() };
    let replay = Replay::new(&graph, &options).expect("can be built");
    Told { replay, graph, clock, sample: false, troubles: Vec::new() }
}

impl Told {
    fn line(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => {}
            "clock" => {
                let parts: Vec<f64> = rest.split(':').map(|part| part.parse().expect("a time")).collect();
                let seconds = parts.iter().fold(0.0, |sum, part| sum * 60.0 + part);
                self.clock.set(Millis(MIDNIGHT + (seconds * 1000.0) as i64));
            }
            "quiet" => self.replay.silence(&mut |_, _| Ok(())).expect("time goes by"),
            "end" => self.replay.end(&mut |_, _| Ok(())).expect("ends"),
            "sample" => self.sample = true,
            "bad" => self.bad(rest),
            "stalled" => {
                let (table, why) = rest.split_once(' ').expect("TABLE and why");
                self.trouble(Trouble::Stalled(table.into(), why.into()));
            }
            "held" => self.trouble(Trouble::Held(rest.into())),
            "blocked" => self.trouble(Trouble::Blocked),
            place => self.records(place, rest),
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.troubles.push((self.clock.now(), trouble));
    }

    fn inspect(&mut self) -> Inspection {
        let mut inside = self.replay.inspect();
        for (since, trouble) in &self.troubles {
            let sources = inside.sources.iter_mut();
            match trouble {
                Trouble::Stalled(table, why) => sources
                    .filter(|source| source.tap == *table)
                    .for_each(|source| source.stalled = Some((why.clone(), *since))),
                Trouble::Held(table) => {
                    sources.filter(|source| source.tap == *table).for_each(|source| source.held = Some(*since));
                }
                Trouble::Blocked => inside.outputs.iter_mut().for_each(|output| output.blocked = Some(*since)),
            }
        }
        inside
    }

    fn tap(&self, name: &str) -> Arc<Tap> {
        let scans = self.graph.nodes.iter().filter_map(|node| match &node.op {
            Op::Scan { tap, .. } => Some(tap),
            _ => None,
        });
        scans.clone().find(|tap| tap.name == name).unwrap_or_else(|| panic!("no scan of {name}")).clone()
    }

    fn partition(&mut self, place: &str) -> (Arc<Tap>, PartitionId) {
        let (name, number) = place.split_once('/').expect("TABLE/PARTITION");
        let (tap, id) = (self.tap(name), PartitionId::new(name, number.parse().expect("a number")));
        self.replay.partition(name, &id);
        (tap, id)
    }

    fn feed(&mut self, tap: &Tap, partition: PartitionId, rows: RecordBatch, rejected: Vec<Rejected>) {
        let records = (rows.num_rows() + rejected.len()) as u64;
        let fetched = Fetched { partition, rows, kinds: None, rejected, records, bytes: 0, duplicate_keys: 0 };
        self.replay.feed(&tap.name, &fetched, &mut |_, _| Ok(())).expect("takes it");
    }

    fn records(&mut self, place: &str, rest: &str) {
        let (tap, partition) = self.partition(place);
        if rest.is_empty() {
            return;
        }
        let (times, record) = match rest.strip_prefix('*').and_then(|rest| rest.split_once(' ')) {
            Some((times, record)) => (times.parse().expect("a number"), record),
            None => (1, rest),
        };
        let lines = format!("{record}\n").repeat(times);
        let reader = arrow::json::ReaderBuilder::new(physical_schema(&tap)).build(lines.as_bytes()).expect("a reader");
        for rows in reader {
            self.feed(&tap, partition.clone(), rows.expect("rows of the table"), Vec::new());
        }
    }

    fn bad(&mut self, rest: &str) {
        let mut words = rest.splitn(3, ' ');
        let (tap, partition) = self.partition(words.next().expect("a place"));
        let offset = words.next().expect("an offset").parse().expect("a number");
        let rejected = Rejected::new(partition.clone(), Offset(offset), words.next().unwrap_or_default(), b"x");
        self.feed(&tap, partition, RecordBatch::new_empty(physical_schema(&tap)), vec![rejected]);
    }

    fn scene<'a>(&'a self, inside: &'a Inspection) -> Scene<'a> {
        Scene { graph: &self.graph, inside, now: self.clock.now(), zone: Zone::UTC, sample: self.sample }
    }

    fn answer(&self, inside: &Inspection) -> Answer {
        explain(self.scene(inside))
    }
}

/// Pastes the ways out: a statement must be read, a piece of one must fit where such a piece stands.
fn paste(session: &mut Session, answer: &Answer) {
    for way in answer.causes.iter().flat_map(|cause| &cause.ways) {
        let text = match way.split_whitespace().next().unwrap_or_default() {
            "WITH" => format!("CREATE TABLE t (a INT) {way}"),
            "WATERMARK" => format!("CREATE TABLE t (ts TIMESTAMP(3), {way}) WITH ('connector' = 'datagen')"),
            "WHERE" => format!("SELECT * FROM t {way}"),
            "HAVING" => format!("SELECT a FROM t GROUP BY a {way}"),
            "PATTERN" => {
                format!("SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES LAST(v) AS v {way} DEFINE x AS TRUE)")
            }
            "LEFT" => format!("SELECT * FROM t {way}"),
            "LIMIT" | "OFFSET" => format!("SELECT * FROM t {way}"),
            _ => way.clone(),
        };
        // The verb is another room's; here it only stands as a way out.
        if way.starts_with("ADVISE WATERMARK ") {
            continue;
        }
        if let Err(error) = millstream_sql::parse(&text) {
            panic!("{way}: {}", error.message);
        }
        if way.starts_with("SELECT") && !way.contains('$') {
            let faults: Vec<String> =
                session.execute(&format!("EXPLAIN {way}")).filter_map(|reply| Some(reply.err()?.to_string())).collect();
            assert!(faults.is_empty(), "{way}: {faults:?}");
        }
    }
}
