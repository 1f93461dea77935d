//! How fast a recording takes records of about 250 bytes, how much of them it stores, and how fast a tape is read
//! and decoded. Plain figures, printed as a table. `ROWS=1000000` sets the size.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the wall clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::DataType;
use millstream_connect::format::FORMAT_OPTIONS;
use millstream_connect::tape::{FrameDecoder, Plan, Recorded, Recorder, Room, Tapes, Until};
use millstream_record::{
    Browse, Column, Millis, Options, Origin, PartitionId, Positions, RawPoll, RawReader, RawRecords, RawScan, RawStart,
    Received, Result, Stop, SystemClock, TimestampType, TopicInfo,
};

const PARTITIONS: i32 = 4;
/// Records that come at a time, as from a broker.
const AT_A_TIME: i64 = 1000;

fn main() {
    let rows: i64 = std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let tapes = Tapes::in_folder(folder.path());
    let pieces = pieces(rows);
    let bytes: usize = pieces.iter().map(|piece| piece.records.bytes()).sum();
    println!("{:<34} {:>12} {:>10} {:>12}", "what", "records/s", "MB/s", "CPU us/rec");
    report("record", rows, bytes, || {
        let topic = (
            Recorded {
                tap: "orders".into(),
                connector: "bench".into(),
                declared: String::new(),
                rows: false,
                next: Positions::new(),
            },
            Box::new(Ready(pieces.clone())) as Box<dyn Browse>,
        );
        let plan = Plan {
            start: RawStart::Earliest,
            follow: false,
            until: Until::default(),
            room: Room { most_bytes: u64::MAX, spare_bytes: 0 },
            stop: Stop::default(),
        };
        let mut recorder = Recorder::begin(&tapes, "bench", vec![topic], plan, Arc::new(SystemClock)).expect("begins");
        while recorder.step(Duration::ZERO).expect("goes on") {}
        recorder.seal().expect("sealed");
    });
    let disk = tapes.list().expect("listed")[0].disk_bytes;
    println!("  on disk {:.1} % of {:.0} MB", disk as f64 * 100.0 / bytes as f64, bytes as f64 / 1e6);
    let tape = tapes.open("bench").expect("opens");
    report("unpack", rows, bytes, || {
        (0..tape.outlines().len()).for_each(|index| drop(tape.chunk(index).expect("sound")));
    });
    let mut decoder = decoder();
    report("unpack and decode two columns", rows, bytes, || {
        for index in 0..tape.outlines().len() {
            let chunk = tape.chunk(index).expect("sound");
            decoder.frames(chunk, 0).expect("decodes");
        }
    });
}

fn decoder() -> FrameDecoder {
    let column =
        |name: &str, data_type| Column { name: name.into(), data_type, nullable: true, origin: Origin::Payload };
    let columns = [column("id", DataType::Int64), column("amount", DataType::Float64), column("city", DataType::Utf8)];
    let options = Options::check([("format", "json")], &[FORMAT_OPTIONS]).expect("fits");
    FrameDecoder::new("orders", &columns, &[0, 1], &options).expect("fits")
}

/// Orders as JSON, 250 bytes each, over four partitions in turn; as different from each other as orders are.
fn pieces(rows: i64) -> Vec<Received> {
    const CITIES: [&str; 6] = ["Amsterdam", "Berlin", "Cairo", "Dakar", "Edinburgh", "Florence"];
    let (mut pieces, mut dice) = (Vec::new(), 1u64);
    let mut roll = move || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        dice >> 20
    };
    let mut latest = vec![Millis(0); PARTITIONS as usize];
    for first in (0..rows).step_by(AT_A_TIME as usize) {
        let partition = (first / AT_A_TIME) as i32 % PARTITIONS;
        let mut records = RawRecords::new(PartitionId::new("orders", partition));
        records.timestamp_type = TimestampType::CreateTime;
        for number in first..(first + AT_A_TIME).min(rows) {
            let at = 1_767_225_600_000 + number / 100;
            let value = format!(
                "{{\"id\":{number},\"customer\":\"c-{:08x}\",\"amount\":{}.{:02},\"currency\":\"EUR\",\"city\":\"{}\",\
                 \"items\":[{{\"sku\":\"{:012x}\",\"n\":{}}},{{\"sku\":\"{:012x}\",\"n\":{}}}],\"note\":\"order {} for delivery\",\
                 \"ts\":{at},\"trace\":\"{:016x}\"}}",
                roll() % 50_000,
                roll() % 900,
                roll() % 100,
                CITIES[(roll() % 6) as usize],
                roll() % 20_000,
                roll() % 9,
                roll() % 20_000,
                roll() % 9,
                roll() % 1_000,
                roll(),
            );
            records.offsets.push(number);
            records.values.push(Some(value.as_bytes()));
            records.keys.get_or_insert_default().push(Some(&value.as_bytes()[6..14]));
            records.timestamps.get_or_insert_default().push(at);
        }
        pieces.push(Received::by_timestamp(records, &mut latest[partition as usize]));
    }
    pieces
}

/// A topic whose records are at hand.
struct Ready(Vec<Received>);

impl Browse for Ready {
    fn topics(&self, _: &Stop) -> Result<Vec<TopicInfo>> {
        Ok(Vec::new())
    }

    fn read(&self, _: &RawScan) -> Result<Box<dyn RawReader>> {
        Ok(Box::new(ReadyReader(self.0.clone().into_iter())))
    }
}

struct ReadyReader(std::vec::IntoIter<Received>);

impl RawReader for ReadyReader {
    fn poll(&mut self, _: Duration) -> Result<RawPoll> {
        Ok(self.0.next().map_or(RawPoll::End, RawPoll::Records))
    }

    fn positions(&self) -> Positions {
        Positions::new()
    }
}

fn report(what: &str, rows: i64, bytes: usize, run: impl FnOnce()) {
    let (began, before) = (Instant::now(), cpu());
    run();
    let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu().saturating_sub(before).as_secs_f64());
    let (each, rate) = (cpu * 1e6 / rows as f64, rows as f64 / wall);
    println!("{what:<34} {rate:>12.0} {:>10.1} {each:>12.2}", bytes as f64 / wall / 1e6);
}

/// The time that all threads of this process spent on a processor, in steps of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}
