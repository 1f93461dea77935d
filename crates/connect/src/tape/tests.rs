//! Tapes over embedded topics: what is recorded comes back, a recording that was cut short goes on, damage is
//! named, and tapes travel as files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::Array;
use arrow::array::cast::AsArray;
use arrow::datatypes::{DataType, Int64Type, TimestampMillisecondType};
use millstream_record::{
    Browse, Clock, Column, Connector, ManualClock, Millis, Options, Origin, Positions, RawStart, Stop,
};
use tempfile::TempDir;

use super::store;
use super::*;
use crate::format::FORMAT_OPTIONS;
use crate::format::metadata::{headers_type, timestamp_type};
use crate::topic::{Record, TopicConnector, Topics};

const NOW: i64 = 1_700_000_000_000;

struct World {
    folder: TempDir,
    topics: Topics,
    tapes: Tapes,
    clock: Arc<ManualClock>,
}

fn world() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::at(Millis(NOW)));
    let topics = Topics::open(folder.path().join("topics"), clock.clone());
    let tapes = Tapes::in_folder(folder.path().join("tapes"));
    World { folder, topics, tapes, clock }
}

impl World {
    /// Sends records `from..to` to a topic, a millisecond apart, over its partitions in turn.
    fn send(&self, topic: &str, numbers: std::ops::Range<u64>) {
        let mut producer = self.topics.producer(topic).expect("there");
        for number in numbers {
            let (key, value) = (number.to_string(), format!("{topic} {number} {}", "x".repeat(number as usize % 50)));
            let headers: &[(&str, Option<&[u8]>)] = &[("n", Some(key.as_bytes())), ("empty", None)];
            producer
                .send(&Record {
                    partition: Some(number as u32 % 3),
                    key: (number % 5 != 0).then_some(key.as_bytes()),
                    value: (number % 7 != 0).then_some(value.as_bytes()),
                    headers: if number % 3 == 0 { headers } else { &[] },
                    timestamp: Some(Millis(NOW - 1_000_000 + number as i64)),
                    arrival: Some(Millis(NOW - 1_000_000 + number as i64)),
                })
                .expect("sent");
        }
        producer.flush().expect("flushed");
    }

    fn topic(&self, topic: &str) -> Topic {
        let connector = TopicConnector::new(self.topics.clone());
        let options = Options::check([("topic", topic)], &[connector.options()]).expect("fits");
        let browse: Box<dyn Browse> = connector.browse(None, &options).expect("a topic");
        let (tap, connector, declared) = (topic.to_string(), "topic".to_string(), String::new());
        (Recorded { tap, connector, declared, rows: false, next: Positions::new() }, browse)
    }

    fn begin(&self, topics: &[&str], until: Until, follow: bool) -> millstream_record::Result<Recorder> {
        let room = Room { most_bytes: u64::MAX, spare_bytes: 0 };
        let plan = Plan { start: RawStart::Earliest, follow, until, room, stop: Stop::default() };
        let topics = topics.iter().map(|topic| self.topic(topic)).collect();
        Recorder::begin(&self.tapes, "monday", topics, plan, self.clock.clone())
    }

    fn record(&self, topics: &[&str]) -> Meta {
        let mut recorder = self.begin(topics, Until::default(), false).expect("begins");
        while recorder.step(Duration::ZERO).expect("goes on") {}
        recorder.seal().expect("sealed")
    }
}

type Seen = (String, i32, i64, i64, Option<Vec<u8>>, Option<Vec<u8>>, usize);

/// All records of a tape, in its order; what cannot be read is left out.
fn all(tape: &Tape) -> Vec<Seen> {
    let mut seen = Vec::new();
    for index in 0..tape.outlines().len() {
        let Ok(chunk) = tape.chunk(index) else { continue };
        for (part, at) in chunk.order() {
            let record = chunk.record(part, at);
            let part = &chunk.parts[part];
            seen.push((
                record.partition.topic.to_string(),
                record.partition.number,
                record.offset.0,
                part.times[at].0,
                record.key.map(<[u8]>::to_vec),
                record.value.map(<[u8]>::to_vec),
                record.headers.len(),
            ));
        }
    }
    seen
}

/// That these are the records `0..count` of each topic, each once and in its order.
fn assert_whole(seen: &[Seen], topics: &[&str], count: i64) {
    assert!(seen.windows(2).all(|pair| pair[0].3 <= pair[1].3), "time goes back");
    for topic in topics {
        for partition in 0..3 {
            let of = seen.iter().filter(|row| row.0 == *topic && row.1 == partition);
            let offsets: Vec<i64> = of.map(|row| row.2).collect();
            let wanted = (count + 2 - i64::from(partition)) / 3;
            assert_eq!(offsets, (0..wanted).collect::<Vec<_>>(), "{topic}/{partition}");
        }
    }
}

#[test]
fn all_of_several_topics_comes_back_in_the_order_of_arrival() {
    let world = world();
    for topic in ["a", "b"] {
        world.topics.create(topic, 3).expect("new");
        world.send(topic, 0..20_000);
    }
    let meta = world.record(&["a", "b"]);
    assert_eq!((meta.records, meta.state), (40_000, State::Sealed));
    let tape = world.tapes.open("monday").expect("opens");
    let seen = all(&tape);
    assert_whole(&seen, &["a", "b"], 20_000);
    // Both topics have a record a millisecond: they alternate, and each keeps its own time.
    assert!(seen.iter().enumerate().all(|(place, row)| row.3 == NOW - 1_000_000 + place as i64 / 2));
    assert!(seen.iter().all(|row| row.4.is_some() == ((row.2 * 3 + i64::from(row.1)) % 5 != 0)));
    assert_eq!(tape.record_at(Millis(NOW - 1_000_000 + 12_345)), 24_690);
    assert_eq!(tape.time_of(24_691), Millis(NOW - 1_000_000 + 12_345));
    assert_eq!((tape.record_at(Millis(0)), tape.record_at(Millis::MAX)), (0, 40_000));
    assert!(world.begin(&["a", "b"], Until::default(), false).is_err(), "a sealed tape stays as it is");
}

#[test]
fn a_recording_that_was_cut_short_goes_on_without_gap_and_without_double() {
    let world = world();
    world.topics.create("a", 3).expect("new");
    let mut sent = 0;
    for round in 0..6 {
        world.send("a", sent..sent + 500);
        sent += 500;
        let mut recorder = world.begin(&["a"], Until::default(), true).expect("begins");
        assert_eq!(recorder.standing().resumed.is_some(), round > 0);
        for step in 0..12 {
            // Time goes by, so that what was held back leaves and is flushed; not always before the end.
            world.clock.set(world.clock.now().plus(40 + i64::from(step) * round));
            recorder.step(Duration::from_millis(1)).expect("goes on");
        }
        // Dropped, not sealed: as if the program had ended here.
    }
    let open = world.tapes.list().expect("listed").remove(0);
    assert_eq!(open.meta.expect("readable").state, State::Open);
    let other = world.topic("a");
    let renamed = (Recorded { tap: "z".into(), ..other.0 }, other.1);
    let plan = || Plan {
        start: RawStart::Earliest,
        follow: false,
        until: Until::default(),
        room: Room { most_bytes: u64::MAX, spare_bytes: 0 },
        stop: Stop::default(),
    };
    let refused = Recorder::begin(&world.tapes, "monday", vec![renamed], plan(), world.clock.clone());
    let refused = refused.err().expect("another tap").to_string();
    assert_eq!(refused, "the recording 'monday' of a was cut short and goes on with RECORD a AS monday; only");
    let meta = world.record(&["a"]);
    assert_eq!(meta.records, 3_000);
    assert_whole(&all(&world.tapes.open("monday").expect("opens")), &["a"], 3_000);
}

#[test]
fn a_crash_takes_no_more_than_the_last_tenth_of_a_second() {
    let world = world();
    world.topics.create("a", 3).expect("new");
    let mut recorder = world.begin(&["a"], Until::default(), true).expect("begins");
    let (mut sent, mut stood) = (0, Vec::new());
    for round in 0..40 {
        world.send("a", sent..sent + 7);
        sent += 7;
        recorder.step(Duration::ZERO).expect("goes on");
        stood.push((world.clock.now(), recorder.standing().records));
        world.clock.set(world.clock.now().plus(10 + round % 4 * 17));
    }
    recorder.step(Duration::ZERO).expect("goes on");
    let (crashed, last) = (world.clock.now(), recorder.standing().records);
    // Dropped, not sealed: as if the program had ended here.
    drop(recorder);
    let kept = world.tapes.open("monday").expect("opens").meta().records;
    let before = stood.iter().rev().find(|(at, _)| crashed.0 - at.0 >= 100).expect("it took longer").1;
    assert!(before > 0 && kept >= before, "{before} records were there a tenth of a second ago, and {kept} are kept");
    assert!(kept <= last, "{kept} of {last}");
}

#[test]
fn a_recording_ends_after_so_many_records_or_so_much_time() {
    let world = world();
    world.topics.create("a", 3).expect("new");
    world.send("a", 0..1_000);
    let mut recorder = world.begin(&["a"], Until { records: Some(123), time: None }, true).expect("begins");
    while recorder.step(Duration::ZERO).expect("goes on") {
        world.clock.set(world.clock.now().plus(30));
    }
    assert_eq!(recorder.seal().expect("sealed").records, 123);
    world.tapes.drop("monday").expect("dropped");
    assert!(world.tapes.list().expect("listed").is_empty());
    let end = world.clock.now().plus(5_000);
    let mut recorder = world.begin(&["a"], Until { records: None, time: Some(end) }, true).expect("begins");
    while recorder.step(Duration::ZERO).expect("goes on") {
        world.clock.set(world.clock.now().plus(300));
    }
    let meta = recorder.seal().expect("sealed");
    assert_eq!(meta.records, 1_000);
    assert!((end.0..end.0 + 300).contains(&meta.until.0), "there was silence at its end");
}

#[test]
fn a_recording_stops_where_there_is_no_room() {
    let world = world();
    world.topics.create("a", 3).expect("new");
    world.send("a", 0..1_000);
    for (room, reason) in [
        (Room { most_bytes: 10, spare_bytes: 0 }, "the tape holds 0 MB, which is as much as it may"),
        (Room { most_bytes: u64::MAX, spare_bytes: u64::MAX }, "the disk has only"),
    ] {
        let plan =
            Plan { start: RawStart::Earliest, follow: true, until: Until::default(), room, stop: Stop::default() };
        let mut recorder =
            Recorder::begin(&world.tapes, "small", vec![world.topic("a")], plan, world.clock.clone()).expect("begins");
        while recorder.step(Duration::ZERO).expect("goes on") {
            world.clock.set(world.clock.now().plus(1_000));
        }
        assert!(recorder.standing().full.is_some_and(|full| full.starts_with(reason)));
        assert!(recorder.seal().expect("what there is, is kept").records > 0);
        world.tapes.drop("small").expect("dropped");
    }
}

#[test]
fn a_damaged_chunk_is_named_and_the_others_are_read() {
    let world = world();
    world.topics.create("a", 3).expect("new");
    world.send("a", 0..30_000);
    world.record(&["a"]);
    let folder = world.folder.path().join("tapes/monday");
    {
        let db = store::open_to_write(&folder).expect("opens");
        let mut chunk = db.get(store::chunk_key(1)).expect("read").expect("there");
        let middle = chunk.len() / 2;
        chunk[middle] ^= 0x10;
        db.put(store::chunk_key(1), chunk).expect("written");
        db.delete(store::chunk_key(2)).expect("deleted");
    }
    let tape = world.tapes.open("monday").expect("opens all the same");
    let damages: Vec<String> = tape.damages().iter().map(ToString::to_string).collect();
    assert_eq!(
        damages,
        [
            "chunk 1 is damaged (records 8192 to 16383): its checksum does not fit",
            "chunk 2 is damaged (records 16384 to 24575): it is missing"
        ]
    );
    let seen = all(&tape);
    assert_eq!(seen.len(), 30_000 - 2 * 8192);
    assert_eq!(seen[8191].3 + 1 + 2 * 8192, seen[8192].3);
}

#[test]
fn damaged_files_of_the_database_do_no_harm() {
    let world = world();
    world.topics.create("a", 3).expect("new");
    world.send("a", 0..30_000);
    world.record(&["a"]);
    let folder = world.folder.path().join("tapes/monday");
    let whole = all(&world.tapes.open("monday").expect("opens"));
    let file = |ending: &str| {
        let files = std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let of = files.filter(|path| path.extension().is_some_and(|found| found == ending));
        of.max_by_key(|path| path.metadata().map(|about| about.len()).unwrap_or(0)).expect("there is one")
    };
    let path = file("sst");
    let sound = std::fs::read(&path).expect("read");
    for eighth in 0..8 {
        let mut bytes = sound.clone();
        let at = bytes.len() * eighth / 8 + 100;
        bytes[at] ^= 0xff;
        std::fs::write(&path, &bytes).expect("written");
        // Either the tape says that it cannot be read, or it gives what is sound, and names the rest.
        let Ok(tape) = world.tapes.open("monday") else { continue };
        let seen = all(&tape);
        assert_eq!(seen.len() == whole.len(), tape.damages().is_empty());
        let sound = |row: &Seen| whole.binary_search_by_key(&row.3, |row| row.3).is_ok_and(|at| whole[at] == *row);
        assert!(seen.iter().all(sound));
    }
    std::fs::write(&path, &sound).expect("written");
    assert_eq!(all(&world.tapes.open("monday").expect("opens")).len(), whole.len());
}

#[test]
fn tapes_travel_as_files_and_what_was_changed_on_the_way_is_refused() {
    let world = world();
    world.topics.create("a", 3).expect("new");
    world.send("a", 0..9_000);
    world.record(&["a"]);
    let tape = world.tapes.open("monday").expect("opens");
    for (form, name) in [(Form::Lines, "tape.jsonl"), (Form::Parquet, "tape.parquet")] {
        let file = world.folder.path().join(name);
        let stop = Stop::default();
        let out = export(&tape, form, &file, &stop).expect("written");
        let back = import(&world.tapes, "tuesday", form, &file, &stop).expect("read");
        assert_eq!((out.records, &out), (9_000, &back));
        let read = world.tapes.open("tuesday").expect("opens");
        assert_eq!(all(&read), all(&tape));
        assert_eq!(read.meta(), tape.meta());
        assert!(import(&world.tapes, "tuesday", form, &file, &stop).is_err(), "there is one of this name");
        world.tapes.drop("tuesday").expect("dropped");
        refuses_changes(&world, form, &file);
    }
}

fn refuses_changes(world: &World, form: Form, file: &Path) {
    let sound = std::fs::read(file).expect("read");
    let before = world.tapes.open("monday").expect("opens");
    let mut outcomes: BTreeMap<bool, usize> = BTreeMap::new();
    for part in 1..24 {
        let at = sound.len() * part / 24;
        let mut flipped = sound.clone();
        // Another letter or digit: the line stays JSON.
        flipped[at] = if flipped[at] == b'1' { b'2' } else { b'1' };
        for bytes in [&sound[..at], &flipped[..]] {
            std::fs::write(file, bytes).expect("written");
            let read = import(&world.tapes, "bad", form, file, &Stop::default());
            *outcomes.entry(read.is_err()).or_default() += 1;
            if read.is_ok() {
                // What is not checked is said twice in the file: the name of the tap beside its number.
                assert_eq!(all(&world.tapes.open("bad").expect("opens")), all(&before));
                world.tapes.drop("bad").expect("dropped");
            }
            assert!(!world.tapes.exists("bad").expect("asked"), "half a tape stays");
        }
    }
    assert!(outcomes.get(&true).is_some_and(|refused| *refused > 35), "{outcomes:?}");
    std::fs::write(file, &sound).expect("written");
}

#[test]
fn rows_know_where_their_records_stand_and_what_stood_beside_them() {
    let world = world();
    for topic in ["a", "b"] {
        world.topics.create(topic, 3).expect("new");
        world.send(topic, 0..9_000);
    }
    world.record(&["a", "b"]);
    let tape = world.tapes.open("monday").expect("opens");
    let metadata = [
        ("topic", DataType::Utf8),
        ("partition", DataType::Int64),
        ("offset", DataType::Int64),
        ("timestamp", timestamp_type()),
        ("key", DataType::Binary),
        ("headers", headers_type()),
        ("timestamp-type", DataType::Utf8),
    ];
    let column = |(name, data_type): (&str, DataType)| {
        let origin = if name == "value" { Origin::Payload } else { Origin::Metadata(name.into()) };
        Column { name: name.into(), data_type, nullable: true, origin }
    };
    let columns: Vec<Column> = [("value", DataType::Utf8)].into_iter().chain(metadata).map(column).collect();
    let options = Options::check([("format", "raw")], &[FORMAT_OPTIONS]).expect("fits");
    let all = all(&tape);
    for (recorded, topic) in ["a", "b"].into_iter().enumerate() {
        // All columns but the last, which nobody wants.
        let mut decoder = FrameDecoder::new("t", &columns, &[0, 1, 2, 3, 4, 5, 6], &options).expect("fits");
        let (mut number, mut rows) = (0, 0);
        for index in 0..tape.outlines().len() {
            let frames = decoder.frames(tape.chunk(index).expect("sound"), recorded).expect("decodes");
            assert!(frames.partitions.iter().all(|partition| *partition.topic == *topic));
            for (at, record) in frames.records.iter().enumerate() {
                number += u64::from(all[record.number as usize].0 == topic);
                let (_, partition, offset, time, key, value, headers) = &all[record.number as usize];
                assert_eq!((frames.partitions[record.partition].number, record.offset), (*partition, *offset));
                let own = frames.rows_of(at);
                assert_eq!(own.len(), 1);
                for row in own {
                    rows += 1;
                    let text = |column: usize| frames.rows.column(column).as_string::<i32>().value(row).to_string();
                    let long = |column: usize| frames.rows.column(column).as_primitive::<Int64Type>().value(row);
                    // A record without a value is NULL in this format.
                    let found = frames.rows.column(0).is_valid(row).then(|| text(0).into_bytes());
                    assert_eq!((found, text(1)), (value.clone(), topic.to_string()));
                    assert_eq!((long(2), long(3)), (i64::from(*partition), *offset));
                    let written = frames.rows.column(4).as_primitive::<TimestampMillisecondType>().value(row);
                    assert_eq!(written, *time);
                    let keys = frames.rows.column(5).as_binary::<i32>();
                    assert_eq!(keys.is_valid(row).then(|| keys.value(row).to_vec()), *key);
                    assert_eq!(frames.rows.column(6).as_map().value(row).len(), *headers);
                    assert!(frames.rows.column(7).is_null(row));
                }
            }
        }
        assert_eq!((number, rows), (9_000, 9_000));
    }
}

#[test]
fn names_that_could_do_harm_are_refused() {
    let world = world();
    for name in ["", "..", "a/b", ".hidden", "\u{1b}[2J"] {
        let error = world.tapes.open(name).map(|_| ()).expect_err(name).to_string();
        assert!(error.contains("cannot be the name of a tape"), "{error}");
    }
    let error = world.tapes.open("none").map(|_| ()).expect_err("none").to_string();
    assert_eq!(error, "there is no tape 'none' (there is none yet)");
}
