//! Tapes as a user meets them, with records of about 250 bytes: how fast `RECORD` is and what it stores, how fast a
//! replay at `RATE MAX` is beside the same query over a file, and how soon stepping, going back, tracing and other
//! orders answer, at the prompt and on the screen. Processor time counts all threads; the queries take turns, so that
//! a busy moment hits both. `ROWS=1000000 RUNS=5 cargo bench --profile dev --workspace --bench replay`.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the wall clock")]

use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use millstream_session::topics::Record;
use millstream_session::watch::{Control, Deck, Feed};
use millstream_session::{Manner, Millis, Reply, Session, SessionOptions, Step, Zone, count};

const PARTITIONS: u32 = 4;
const BEGAN: i64 = 1_767_225_600_000;
const COLUMNS: &str = "id BIGINT, customer STRING, amount DOUBLE, currency STRING, city STRING, note STRING, \
                       ts TIMESTAMP(3), trace STRING, WATERMARK FOR ts AS ts - INTERVAL '2' SECOND";
const QUERIES: [(&str, &str); 3] = [
    ("filter and project", "SELECT id, amount * 2 AS double, city FROM {} WHERE amount > 850"),
    (
        "tumbling 10 s per city: count, sum",
        "SELECT city, window_start, COUNT(*) AS n, SUM(amount) AS volume FROM TABLE(TUMBLE(TABLE {}, DESCRIPTOR(ts), \
         INTERVAL '10' SECOND)) GROUP BY city, window_start, window_end",
    ),
    (
        "tumbling 10 s per customer: count, sum",
        "SELECT customer, window_start, COUNT(*) AS n, SUM(amount) AS volume FROM TABLE(TUMBLE(TABLE {}, \
         DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY customer, window_start, window_end",
    ),
];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn main() {
    let (rows, runs) = (setting("ROWS", 1_000_000), setting("RUNS", 5));
    let folder = tempfile::tempdir().expect("a folder");
    let options = SessionOptions::in_folder(folder.path()).used_by(Manner::Script);
    let mut session = Session::new(options).expect("a session");
    let bytes = prepare(&mut session, folder.path(), rows);
    record(&mut session, folder.path(), rows, bytes);
    speed(&mut session, rows, runs);
    debug(&mut session);
}

/// The same orders as a file and as a topic over whose partitions they go in turn, 0.1 ms apart.
fn prepare(session: &mut Session, folder: &Path, rows: u64) -> u64 {
    let file = folder.join("orders.jsonl");
    let with = format!("'connector' = 'filesystem', 'path' = '{}', 'format' = 'json'", file.display());
    run(session, &format!("CREATE TABLE filed ({COLUMNS}) WITH ({with})"));
    let with = "'connector' = 'topic', 'topic' = 'orders', 'format' = 'json'";
    run(session, &format!("CREATE TABLE orders ({COLUMNS}) WITH ({with})"));
    let mut lines = BufWriter::new(std::fs::File::create(&file).expect("a file"));
    session.topics().create("orders", PARTITIONS).expect("a new topic");
    let mut producer = session.topics().producer("orders").expect("it is there");
    let (mut dice, mut bytes) = (1, 0);
    for number in 0..rows {
        let line = order(number, &mut dice);
        bytes += line.len() as u64;
        lines.write_all(line.as_bytes()).and_then(|()| lines.write_all(b"\n")).expect("written");
        let at = Some(Millis(BEGAN + number as i64 / 10));
        let partition = Some(number as u32 % PARTITIONS);
        let record =
            Record { partition, value: Some(line.as_bytes()), timestamp: at, arrival: at, ..Record::default() };
        producer.send(&record).expect("sent");
    }
    producer.flush().expect("flushed");
    lines.flush().expect("flushed");
    bytes
}

/// An order of 250 bytes, as different from the others as orders are, up to 1.9 s out of order.
fn order(number: u64, dice: &mut u64) -> String {
    const CITIES: [&str; 6] = ["Amsterdam", "Berlin", "Cairo", "Dakar", "Edinburgh", "Florence"];
    let mut roll = |most: u64| {
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*dice >> 20) % most
    };
    let ms = number / 10 + 2_000 - roll(1_900);
    let (minute, second, ms) = (ms / 60_000, ms / 1_000 % 60, ms % 1_000);
    format!(
        "{{\"id\":{number},\"customer\":\"c-{:08x}\",\"amount\":{}.{:02},\"currency\":\"EUR\",\"city\":\"{}\",\
         \"items\":[{{\"sku\":\"{:012x}\",\"n\":{}}},{{\"sku\":\"{:012x}\",\"n\":{}}}],\"note\":\"order {} for delivery\",\
         \"ts\":\"2026-01-01 {:02}:{:02}:{second:02}.{ms:03}\",\"trace\":\"{:016x}\"}}",
        roll(50_000),
        roll(900),
        roll(100),
        CITIES[roll(6) as usize],
        roll(20_000),
        roll(9),
        roll(20_000),
        roll(9),
        roll(1_000),
        minute / 60 % 24,
        minute % 60,
        roll(u64::MAX >> 20),
    )
}

fn record(session: &mut Session, folder: &Path, rows: u64, bytes: u64) {
    let spent = Spent::now();
    run(session, &format!("RECORD orders ROWS {rows} AS tape"));
    let (cpu, wall) = spent.since();
    let stored = size(&folder.join("tapes")) as f64 / bytes as f64;
    println!("RECORD: {} records of {} bytes", count(rows), bytes / rows.max(1));
    println!("  {:.2} us of processor time a record, {:.0} records/s", cpu * 1e6 / rows as f64, rows as f64 / wall);
    println!("  {:.1} % of their size on disk", stored * 100.0);
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.map(of).sum()
}

fn speed(session: &mut Session, rows: u64, runs: u64) {
    println!("{:<40} {:>10} {:>10} {:>8} {:>8}", "CPU us/record", "file", "tape", "CPU", "wall");
    for (name, query) in QUERIES {
        let (mut file, mut tape) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            file.push(timed(session, &query.replace("{}", "filed")));
            run(session, "REPLAY tape RATE MAX");
            tape.push(timed(session, &query.replace("{}", "orders")));
            run(session, "LIVE");
        }
        let middle = |mut all: Vec<f64>| {
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let cpu = |of: &[(f64, f64)]| middle(of.iter().map(|run| run.0).collect());
        let wall = |of: &[(f64, f64)]| middle(of.iter().map(|run| run.1).collect());
        let each = |cpu: f64| cpu * 1e6 / rows as f64;
        println!(
            "{name:<40} {:>10.3} {:>10.3} {:>6.0} % {:>6.0} %",
            each(cpu(&file)),
            each(cpu(&tape)),
            cpu(&file) * 100.0 / cpu(&tape),
            wall(&file) * 100.0 / wall(&tape),
        );
    }
}

fn debug(session: &mut Session) {
    let (_, query) = QUERIES[1];
    run(session, &format!("CREATE VIEW bars AS {}", query.replace("{}", "orders")));
    run(session, "REPLAY tape");
    run(session, "RESUME");
    println!("{:<40} {:>10} {:>10}", "ms: the longest of 10; CPU, the mean", "took", "CPU");
    for text in ["BACK 1", "STEP", "STEP WATERMARK", "BACK 100000", "STEP WINDOW"] {
        several(text, 10, || run(session, text));
    }
    let deck: Deck = session.deck(vec!["bars".into()]).expect("a deck").expect("in a replay");
    deck.leave();
    let feeds: Vec<Feed> = deck.feeds(Zone::UTC).expect("feeds");
    deck.control(&feeds, &Control::Seek(0.5)).expect("the middle");
    let keys = [
        ("on the screen: one back", Control::Back(1)),
        ("on the screen: one record on", Control::Event),
        ("on the screen: a watermark on", Control::Watermark),
        ("on the screen: a window on", Control::Window),
        ("on the screen: 20 000 back", Control::Back(20_000)),
    ];
    for (name, control) in keys {
        several(name, if matches!(control, Control::Window) { 3 } else { 10 }, || {
            deck.control(&feeds, &control).expect("moves");
        });
    }
    for text in ["TRACE bars", "TRACE bars WHERE n > 1000 LIMIT 1", "CHECK bars ORDER SEEDS 1"] {
        several(text, 1, || run(session, text));
    }
}

/// Does something several times: milliseconds of the longest, and of processor time for each.
fn several(name: &str, times: u32, mut of: impl FnMut()) {
    let (before, mut longest) = (cpu(), Duration::ZERO);
    for _ in 0..times {
        let began = Instant::now();
        of();
        longest = longest.max(began.elapsed());
    }
    let each = cpu().saturating_sub(before) / times;
    println!("{name:<40} {:>10.1} {:>10.1}", longest.as_secs_f64() * 1e3, each.as_secs_f64() * 1e3);
}

/// Answers a statement to its end.
fn run(session: &mut Session, text: &str) {
    for reply in session.execute(text) {
        match reply.unwrap_or_else(|fault| panic!("{text}: {fault}")) {
            Reply::Taping(mut taping) => {
                while taping.advance(Duration::from_millis(5)).expect("goes on") {}
                taping.finish().expect("recorded");
            }
            Reply::Live(mut live) => {
                while !matches!(live.next(Duration::from_secs(60)), Step::End) {}
                live.finish().expect("ended");
            }
            _ => {}
        }
    }
}

/// Seconds of processor time and of wall time that a query takes.
fn timed(session: &mut Session, text: &str) -> (f64, f64) {
    let spent = Spent::now();
    run(session, text);
    spent.since()
}

struct Spent {
    cpu: Duration,
    wall: Instant,
}

impl Spent {
    fn now() -> Spent {
        Spent { cpu: cpu(), wall: Instant::now() }
    }

    fn since(&self) -> (f64, f64) {
        (cpu().saturating_sub(self.cpu).as_secs_f64(), self.wall.elapsed().as_secs_f64())
    }
}

/// The time that all threads of this process spent on a processor, in steps of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}
