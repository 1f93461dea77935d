//! How fast records become columns: nanoseconds a row and megabytes a second, medians of several runs,
//! in processor time of one thread. `cargo bench --profile dev -p millstream-connect --bench decode [-- FILE.jsonl]` takes a file of bids as written
//! by the project's generator of benchmark data; without one it makes such records itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use millstream_connect::file::Filesystem;
use millstream_connect::format::{Decode, Encode, FORMAT_OPTIONS, RawRecords, Segments};
use millstream_record::{Batch, Column, Connector, Options, Origin, PartitionId, Poll, Scan, Stop};

const RUNS: usize = 9;
const ROWS: usize = 4_096;

fn columns() -> Vec<Column> {
    // Arrow would look a zone with a name up in a table of zones, which is not built in.
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into()));
    let fields = [
        ("auction", DataType::Int64),
        ("bidder", DataType::Int64),
        ("price", DataType::Int64),
        ("channel", DataType::Utf8),
        ("url", DataType::Utf8),
        ("dateTime", time),
        ("extra", DataType::Utf8),
    ];
    let column = |(name, data_type): (&str, DataType)| Column {
        name: name.into(),
        data_type,
        nullable: true,
        origin: Origin::Payload,
    };
    fields.into_iter().map(column).collect()
}

/// Bids of about 250 bytes, made without chance: what differs from row to row are digits and lengths.
fn made_up(rows: usize) -> Vec<u8> {
    let words = ["lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit", "sed", "do"];
    let mut text = Vec::new();
    for row in 0..rows {
        let noise = row.wrapping_mul(2_654_435_761) >> 7;
        let extra: Vec<&str> =
            (0..10 + noise % 9).map(|word| words[(noise >> 3).wrapping_mul(word + 7) % 10]).collect();
        let line = format!(
            "{{\"auction\":{},\"bidder\":{},\"price\":{},\"channel\":\"channel-{c}\",\"url\":\"https://www.nexmark.com/item/{}.htm?query=1&channel_id={c}\",\"dateTime\":\"2026-01-01T00:{:02}:{:02}.{:03}Z\",\"extra\":\"{}\"}}\n",
            1_000 + noise % 3_000,
            1_000 + noise % 100_000,
            noise % 30_000,
            1_000 + noise % 3_000,
            row / 600_000 % 60,
            row / 10_000 % 60,
            row / 10 % 1_000,
            extra.join(" "),
            c = noise % 1_000,
        );
        text.extend_from_slice(line.as_bytes());
    }
    text
}

/// The lines in pieces of some thousand records, as a reader hands them over.
fn pieces(text: &[u8]) -> Vec<RawRecords> {
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    let piece = |(number, lines): (usize, &[&[u8]])| {
        let mut values = Segments::with_capacity(lines.len(), lines.iter().map(|line| line.len()).sum());
        lines.iter().for_each(|line| values.push(Some(line)));
        let first = (number * ROWS) as i64;
        let offsets = (first..first + lines.len() as i64).collect();
        RawRecords { values, offsets, ..RawRecords::new(PartitionId::new("bids", 0)) }
    };
    lines.chunks(ROWS).enumerate().map(piece).collect()
}

/// The time that all threads of this process have been on a processor, in seconds; `None` where the system
/// does not tell (anything but Linux). It counts in ticks of 10 ms.
fn process_time() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

/// The time that this thread has been on a processor, in seconds: what others do at the same time is not
/// counted. Where the system does not tell (anything but Linux), the time that has passed.
fn thread_time(started: Instant) -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos: Option<u64> = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.map_or_else(|| started.elapsed().as_secs_f64(), |nanos| nanos as f64 / 1e9)
}

/// The median time of a run over all pieces, in seconds.
fn median(mut run: impl FnMut() -> f64) -> f64 {
    let mut times: Vec<f64> = (0..RUNS).map(|_| run()).collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

/// The columns that each measurement reads.
const WANTED: &[&[&str]] = &[
    &["auction", "bidder", "price", "dateTime"],
    &["auction", "price", "dateTime"],
    &["channel"],
    &[],
    &["auction", "bidder", "price", "channel", "url", "dateTime", "extra"],
];

fn scan(wanted: &[&str]) -> Scan {
    let all = columns();
    let index = |name: &&str| all.iter().position(|column| column.name == *name).expect("a known column");
    Scan { columns: wanted.iter().map(index).collect(), resume: None, batch_rows: ROWS, stop: Stop::default() }
}

fn line(what: &str, wanted: &str, seconds: f64, rows: usize, bytes: usize) {
    let (nanos, megabytes) = (seconds * 1e9 / rows as f64, bytes as f64 / seconds / 1e6);
    println!("{what:<12} {wanted:<60} {nanos:>7.1} ns/row {megabytes:>8.0} MB/s");
}

/// The decoder alone, on one thread.
fn decoder(format: &str, text: &[u8], started: Instant) {
    let pieces = pieces(text);
    let rows: usize = pieces.iter().map(RawRecords::len).sum();
    let options = Options::check([("format", format)], &[FORMAT_OPTIONS]).expect("known options");
    for wanted in WANTED {
        let mut decode = Decode::new("bids", &columns(), &scan(wanted), &options).expect("a decoder");
        let seconds = median(|| {
            let input = pieces.clone();
            let start = thread_time(started);
            let decoded: usize =
                input.into_iter().map(|piece| decode.apply(piece).expect("decodes").rows.num_rows()).sum();
            let taken = thread_time(started) - start;
            assert_eq!(decoded, rows, "every record gives a row");
            taken
        });
        line(format, &wanted.join(", "), seconds, rows, text.len());
    }
}

/// Arrow's own JSON reader on the same text, for comparison.
fn arrow_json(text: &[u8], rows: usize, started: Instant) {
    for wanted in WANTED.iter().filter(|wanted| !wanted.is_empty()) {
        let fields: Vec<Field> = columns()
            .into_iter()
            .filter(|column| wanted.contains(&column.name.as_str()))
            .map(|column| Field::new(column.name, column.data_type, true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let seconds = median(|| {
            let start = thread_time(started);
            let reader =
                arrow::json::ReaderBuilder::new(schema.clone()).with_batch_size(ROWS).build(text).expect("a reader");
            let decoded: usize = reader.map(|batch| batch.expect("decodes").num_rows()).sum();
            let taken = thread_time(started) - start;
            assert_eq!(decoded, rows, "every record gives a row");
            taken
        });
        line("arrow-json", &wanted.join(", "), seconds, rows, text.len());
    }
}

/// The file source as a run reads it: chunks, threads, batches. Processor time of all threads.
fn file(format: &str, text: &[u8], rows: usize) {
    let path = std::env::temp_dir().join(format!("millstream-bench-{}.{format}", std::process::id()));
    std::fs::write(&path, text).expect("the folder for temporary files can be written");
    let typed = [("format", format), ("path", path.to_str().expect("a path of text"))];
    let options = Options::check(typed, &[Filesystem::default().options()]).expect("known options");
    let source = Filesystem::default().source("bids", &columns(), &options).expect("a source");
    for wanted in &WANTED[..2] {
        let (mut walls, before) = (Vec::new(), process_time());
        for _ in 0..RUNS {
            let start = Instant::now();
            let mut reader = source.open(scan(wanted)).expect("opens");
            let mut decoded = 0;
            loop {
                match reader.poll(Duration::from_secs(60)).expect("reads") {
                    Poll::Rows(fetched) => decoded += fetched.rows.num_rows(),
                    Poll::End => break,
                    _ => {}
                }
            }
            assert_eq!(decoded, rows, "every record gives a row");
            walls.push(start.elapsed().as_secs_f64());
        }
        walls.sort_by(f64::total_cmp);
        line(&format!("{format} file"), &format!("{} (wall)", wanted.join(", ")), walls[RUNS / 2], rows, text.len());
        if let (Some(before), Some(after)) = (before, process_time()) {
            line("", "(processor time of all threads)", (after - before) / RUNS as f64, rows, text.len());
        }
    }
    std::fs::remove_file(&path).expect("the file is ours");
}

/// The same bids as CSV.
fn as_csv(text: &[u8]) -> Vec<u8> {
    let options = Options::check([("format", "json")], &[FORMAT_OPTIONS]).expect("known options");
    let mut decode = Decode::new("bids", &columns(), &scan(WANTED[4]), &options).expect("a decoder");
    let options = Options::check([("format", "csv")], &[FORMAT_OPTIONS]).expect("known options");
    let mut encode = Encode::new(&columns(), &[], &options).expect("an encoder");
    let mut csv = Vec::with_capacity(text.len());
    for piece in pieces(text) {
        let rows = decode.apply(piece).expect("decodes").rows;
        let encoded = encode.apply(&Batch::insert(rows)).expect("encodes");
        encoded.values.iter().flatten().for_each(|line| {
            csv.extend_from_slice(line);
            csv.push(b'\n');
        });
    }
    csv
}

fn main() {
    let started = Instant::now();
    let path = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let json = path.map_or_else(|| made_up(200_000), |path| std::fs::read(path).expect("the file can be read"));
    let rows = json.iter().filter(|&&byte| byte == b'\n').count();
    println!("{rows} records of {} bytes on average, medians of {RUNS} runs", json.len() / rows);
    decoder("json", &json, started);
    arrow_json(&json, rows, started);
    let csv = as_csv(&json);
    decoder("csv", &csv, started);
    file("json", &json, rows);
    file("csv", &csv, rows);
}
