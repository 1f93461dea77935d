//! How fast records become columns: nanoseconds a row and megabytes a second, medians of several runs,
//! in processor time of one thread. `cargo bench --profile dev -p millstream-connect --bench decode [-- FILE.jsonl]` takes a file of bids as written
//! by the project's generator of benchmark data; without one it makes such records itself.

use std::time::Instant;

use arrow::datatypes::{DataType, TimeUnit};
use millstream_connect::format::{Decode, FORMAT_OPTIONS, RawRecords, Segments};
use millstream_record::{Column, Options, Origin, PartitionId, Scan, Stop};

const RUNS: usize = 9;
const ROWS: usize = 4_096;

fn columns() -> Vec<Column> {
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
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

/// The time that this thread has been on a processor, in seconds: what others do at the same time is not
/// counted. Where the system does not tell (anything but Linux), the time that has passed.
fn processor_time(started: Instant) -> f64 {
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

fn main() {
    let started = Instant::now();
    let path = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let text = path.map_or_else(|| made_up(200_000), |path| std::fs::read(path).expect("the file can be read"));
    let pieces = pieces(&text);
    let rows: usize = pieces.iter().map(RawRecords::len).sum();
    let bytes: usize = pieces.iter().map(|piece| piece.values.bytes().len()).sum();
    println!("{rows} records of {} bytes on average, medians of {RUNS} runs", bytes / rows);
    let options = Options::check([("format", "json")], &[FORMAT_OPTIONS]).expect("known options");
    let all = columns();
    for wanted in [
        &["auction", "bidder", "price", "dateTime"][..],
        &["auction", "price", "dateTime"],
        &["channel"],
        &[],
        &["auction", "bidder", "price", "channel", "url", "dateTime", "extra"],
    ] {
        let index = |name: &&str| all.iter().position(|column| column.name == *name).expect("a known column");
        let scan =
            Scan { columns: wanted.iter().map(index).collect(), resume: None, batch_rows: ROWS, stop: Stop::default() };
        let mut decode = Decode::new("bids", &all, &scan, &options).expect("a decoder");
        let seconds = median(|| {
            let input: Vec<RawRecords> = pieces.clone();
            let start = processor_time(started);
            let decoded: usize =
                input.into_iter().map(|piece| decode.apply(piece).expect("decodes").rows.num_rows()).sum();
            let taken = processor_time(started) - start;
            assert_eq!(decoded, rows, "every record gives a row");
            taken
        });
        let (nanos, megabytes) = (seconds * 1e9 / rows as f64, bytes as f64 / seconds / 1e6);
        println!("json  {:<55} {nanos:>7.1} ns/row {megabytes:>8.0} MB/s", wanted.join(", "));
    }
}
