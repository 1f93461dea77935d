//! Runs on threads, cut by barriers at whatever moment they come, torn down behind a commit and resumed
//! from the cut: what is committed in the end equals what an undisturbed run gives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use millstream_engine::{Cut, Doors, Memory, MemoryShelf, Options, Purpose, Run, resume, start};
use millstream_plan::Graph;
use millstream_record::Epoch;
use millstream_sql::catalog::Table;
use millstream_sql::plan::{Settings, plan_statement_set, resolve_table};
use millstream_sql::{Catalog, Relation, Statement, parse};
use millstream_tests::memory::{Committed, MemorySource};

const TABLES: &str = "
    CREATE TABLE bids (auction BIGINT, item STRING, price BIGINT, ts TIMESTAMP(3),
                       WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'memory');
    CREATE TABLE asks (auction BIGINT, seller STRING, ts TIMESTAMP(3),
                       WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'memory');
    CREATE TABLE high (item STRING, starts TIMESTAMP(3), price BIGINT, n BIGINT) WITH ('connector' = 'memory');
    CREATE TABLE pairs (auction BIGINT, item STRING, seller STRING) WITH ('connector' = 'memory');
    CREATE TABLE plain (auction BIGINT, price BIGINT) WITH ('connector' = 'memory');
    CREATE TABLE spells (item STRING, starts TIMESTAMP(3), ends TIMESTAMP(3), n BIGINT, highest BIGINT) WITH ('connector' = 'memory');
    CREATE TABLE spelled (item STRING, price BIGINT, starts TIMESTAMP(3)) WITH ('connector' = 'memory');
    CREATE TABLE running (item STRING, price BIGINT, total BIGINT) WITH ('connector' = 'memory');
    CREATE TABLE best (item STRING, auction BIGINT, price BIGINT) WITH ('connector' = 'memory');
    CREATE TABLE first (item STRING, price BIGINT, ts TIMESTAMP(3)) WITH ('connector' = 'memory');
    CREATE TABLE counts (auction BIGINT, n BIGINT, total BIGINT, items BIGINT) WITH ('connector' = 'print');
    CREATE TABLE top (item STRING, auction BIGINT, price BIGINT) WITH ('connector' = 'print');";

const JOB: &str = "EXECUTE STATEMENT SET BEGIN
    INSERT INTO high SELECT item, window_start, MAX(price), COUNT(*)
      FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '0.5' SECOND)) GROUP BY item, window_start, window_end;
    INSERT INTO pairs SELECT b.auction, b.item, a.seller FROM bids b JOIN asks a
      ON b.auction = a.auction AND b.ts BETWEEN a.ts - INTERVAL '1' SECOND AND a.ts + INTERVAL '1' SECOND;
    INSERT INTO plain SELECT auction, price FROM bids WHERE price > 500;
    INSERT INTO plain SELECT auction, -1 FROM asks WHERE auction < 3;
    INSERT INTO plain VALUES (-7, -7);
    INSERT INTO spells SELECT item, window_start, window_end, COUNT(DISTINCT auction), MAX(price)
      FROM TABLE(SESSION(TABLE bids PARTITION BY item, DESCRIPTOR(ts), INTERVAL '0.04' SECOND)) GROUP BY item, window_start, window_end;
    INSERT INTO spelled SELECT item, price, window_start
      FROM TABLE(SESSION(TABLE bids PARTITION BY item, DESCRIPTOR(ts), INTERVAL '0.03' SECOND));
    INSERT INTO running SELECT item, price, SUM(price) OVER (PARTITION BY item ORDER BY ts RANGE BETWEEN INTERVAL '1' SECOND PRECEDING AND CURRENT ROW) FROM bids;
    INSERT INTO best SELECT item, auction, price FROM (
      SELECT item, auction, price, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, item ORDER BY price DESC, auction) AS place
      FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '0.5' SECOND))) WHERE place <= 2;
    INSERT INTO first SELECT item, price, ts FROM (
      SELECT item, price, ts, ROW_NUMBER() OVER (PARTITION BY item, price ORDER BY ts) AS place FROM bids) WHERE place = 1;
    INSERT INTO counts SELECT auction, COUNT(*), SUM(price), COUNT(DISTINCT item) FROM bids GROUP BY auction;
    INSERT INTO top SELECT item, auction, price FROM (
      SELECT item, auction, price, ROW_NUMBER() OVER (PARTITION BY item ORDER BY price DESC, auction) AS place FROM bids) WHERE place <= 3;
    END";

fn graph() -> Graph {
    let (mut catalog, settings) = (Catalog::new(), Settings::default());
    for statement in parse(TABLES).expect("tables") {
        let Statement::CreateTable(draft) = statement.value else { panic!("only tables are made") };
        let tap = resolve_table(&draft, &settings).expect("sound");
        let table = Table { tap: Arc::new(tap), draft: Arc::new(*draft) };
        catalog.register(Relation::Table(table), false, None).expect("new");
    }
    match parse(JOB).expect("a job").remove(0).value {
        Statement::StatementSet(inserts) => plan_statement_set(&catalog, &settings, &inserts).expect("a plan"),
        _ => panic!("a statement set"),
    }
}

/// Rows 5 ms apart, up to 900 ms out of order.
fn times(rows: usize) -> Vec<i64> {
    (0..rows as i64).map(|row| row * 5 - (row * 7919) % 900).collect()
}

fn texts(rows: usize, word: &str, different: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("{word}{}", row * 31 % different))))
}

fn numbers(rows: usize, factor: i64, most: i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|row| row * factor % most)))
}

fn bids(rows: usize) -> RecordBatch {
    let ts: ArrayRef = Arc::new(TimestampMillisecondArray::from(times(rows)));
    let (auction, item, price) = (numbers(rows, 17, 40), texts(rows, "item", 7), numbers(rows, 7919, 1000));
    RecordBatch::try_from_iter([("auction", auction), ("item", item), ("price", price), ("ts", ts)]).expect("columns")
}

fn asks(rows: usize) -> RecordBatch {
    let ts: ArrayRef = Arc::new(TimestampMillisecondArray::from(times(rows)));
    let (auction, seller) = (numbers(rows, 13, 40), texts(rows, "seller", 5));
    RecordBatch::try_from_iter([("auction", auction), ("seller", seller), ("ts", ts)]).expect("columns")
}

const SINKS: [&str; 10] = ["high", "pairs", "plain", "spells", "spelled", "running", "best", "first", "counts", "top"];

/// A world: topics that stay as they are, sinks that remember what was committed.
struct World {
    bids: MemorySource,
    asks: MemorySource,
    committed: [Committed; SINKS.len()],
}

impl World {
    fn new(piece: usize) -> World {
        let bids = MemorySource::new("bids", vec![bids(600), bids(400)], piece);
        let asks = MemorySource::new("asks", vec![asks(300)], piece.div_ceil(2));
        World { bids, asks, committed: Default::default() }
    }

    fn doors(&self) -> Doors {
        let mut doors = Doors::default();
        doors.sources.insert("bids".into(), Box::new(self.bids.clone()));
        doors.sources.insert("asks".into(), Box::new(self.asks.clone()));
        for (name, committed) in SINKS.iter().zip(&self.committed) {
            doors.sinks.insert((*name).into(), Box::new(committed.sink()));
        }
        doors
    }

    /// Lets so many rows of each topic be read.
    fn allow(&self, rows: usize) {
        self.bids.allow(rows);
        self.asks.allow(rows);
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.committed.iter().map(|committed| folded(&committed.sorted())).collect()
    }
}

/// What is left of changes: in which order rows of different keys came is left open.
fn folded(changes: &[String]) -> Vec<String> {
    let mut rows: BTreeMap<&str, i64> = BTreeMap::new();
    for change in changes {
        let (kind, row) = change.split_once(' ').expect("a mark and a row");
        *rows.entry(row).or_default() += if kind.starts_with('+') { 1 } else { -1 };
    }
    assert!(rows.values().all(|&times| times >= 0), "a row was taken back that was not there");
    rows.into_iter().flat_map(|(row, times)| vec![row.to_string(); times as usize]).collect()
}

fn options(parallelism: usize) -> Options {
    Options { parallelism, batch_rows: 64, ..Options::default() }
}

fn undisturbed(graph: &Graph) -> Vec<Vec<String>> {
    let world = World::new(64);
    let run = start(graph.clone(), world.doors(), options(1)).expect("starts");
    run.finish().expect("ends");
    let rows = world.rows();
    assert!(rows.iter().all(|rows| rows.len() > 10), "{:?}", rows.iter().map(Vec::len).collect::<Vec<_>>());
    rows
}

/// More than any topic holds.
const ROWS: usize = 1_000;

fn comes_to_its_end(run: &mut Run) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !run.drained() {
        assert!(Instant::now() < deadline, "all rows may be read, and the run does not come to their end");
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// How the runs of a job differ: each takes the next number of lanes, and the next memory for state.
#[derive(Clone, Copy, Debug)]
struct Turns<'a> {
    lanes: &'a [usize],
    memory: &'a [Option<u64>],
}

/// Memory for all.
const PLENTY: &[Option<u64>] = &[None];

/// Runs with a checkpoint as often as can be, torn down behind every `every`th; how many runs it took.
fn interrupted(graph: &Graph, world: &World, turns: Turns<'_>, every: u64) -> u64 {
    let (mut last, mut epoch, mut runs, mut allowed) = (Cut::default(), 0, 0, 0);
    loop {
        let parallelism = turns.lanes[runs as usize % turns.lanes.len()];
        let memory = turns.memory[runs as usize % turns.memory.len()];
        let memory = memory.map(|limit| Arc::new(Memory::new(limit, Arc::new(MemoryShelf))));
        runs += 1;
        let options = Options { memory, ..options(parallelism) };
        let mut run = resume(graph.clone(), world.doors(), options, &last).expect("starts");
        loop {
            // A run that is torn down behind every cut would else never be seen at its end.
            let ends = allowed >= ROWS && comes_to_its_end(&mut run);
            allowed += 100;
            world.allow(allowed);
            epoch += 1;
            run.barrier(Epoch(epoch), if ends { Purpose::End } else { Purpose::Checkpoint });
            let cut = run.cut(Duration::from_secs(60)).expect("the barrier passes through");
            run.decided(Epoch(epoch));
            assert!(run.committed(Duration::from_secs(60)), "all sinks commit");
            last = cut;
            if ends || epoch % every == 0 {
                run.stop();
                run.finish().expect("it was only stopped");
                if ends {
                    return runs;
                }
                break;
            }
        }
    }
}

#[test]
fn a_run_that_is_cut_and_resumed_commits_what_an_undisturbed_one_gives() {
    let graph = graph();
    let expected = undisturbed(&graph);
    for (lanes, every, piece) in [(1, 1, 32), (2, 3, 16), (3, 2, 64)] {
        commits_the_same(&graph, &expected, Turns { lanes: &[lanes], memory: PLENTY }, every, piece);
    }
}

#[test]
fn a_run_goes_on_over_another_number_of_lanes() {
    let graph = graph();
    let expected = undisturbed(&graph);
    for (lanes, every, piece) in [(&[1, 3][..], 2, 32), (&[2, 5, 1, 4][..], 1, 64), (&[4, 2][..], 3, 16)] {
        commits_the_same(&graph, &expected, Turns { lanes, memory: PLENTY }, every, piece);
    }
}

#[test]
fn state_that_was_put_away_goes_on_in_memory_and_over_other_lanes() {
    let graph = graph();
    let expected = undisturbed(&graph);
    let (none, some) = (Some(0), Some(30_000));
    for (lanes, memory, every, piece) in [
        (&[2][..], &[none][..], 2, 32),
        (&[1, 3, 2], &[none], 1, 64),
        (&[2], &[none, None, some], 1, 16),
        (&[1, 3, 2, 2, 4], &[none, None, some, some], 2, 32),
    ] {
        commits_the_same(&graph, &expected, Turns { lanes, memory }, every, piece);
    }
}

fn commits_the_same(graph: &Graph, expected: &[Vec<String>], turns: Turns<'_>, every: u64, piece: usize) {
    let world = World::new(piece);
    let runs = interrupted(graph, &world, turns, every);
    for ((sink, found), expected) in SINKS.iter().zip(world.rows()).zip(expected) {
        let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
        assert!(
            found == *expected,
            "{turns:?}, every {every}: {sink} has {} rows instead of {} after {runs} runs, first {differs:?}",
            found.len(),
            expected.len()
        );
    }
    assert!(runs > 1, "{turns:?}, every {every}: it was never interrupted");
}

#[test]
fn rows_behind_the_last_cut_are_not_committed() {
    let graph = graph();
    let world = World::new(16);
    let mut run = resume(graph, world.doors(), options(2), &Cut::default()).expect("starts");
    run.barrier(Epoch(1), Purpose::End);
    let cut = run.cut(Duration::from_secs(60)).expect("the barrier passes through");
    run.decided(Epoch(1));
    assert!(run.committed(Duration::from_secs(60)));
    let rows = world.rows();
    run.stop();
    run.finish().expect("it was only stopped");
    assert_eq!(world.rows(), rows);
    assert_eq!(cut.sources.len(), 13, "each insert has scans of its own, the join two, and VALUES is a source too");
}
