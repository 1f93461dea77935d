//! Part files over the life of a job: open across checkpoints, rolled by size and time, cut back after a crash.

use std::path::PathBuf;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::DataType;
use millstream_record::{ManualClock, Millis};
use tempfile::TempDir;

use super::*;

const JOB: &str = "0123456789";

/// A folder, and a clock that stands at zero.
struct Place {
    folder: TempDir,
    clock: Arc<ManualClock>,
}

impl Place {
    fn new() -> Place {
        Place { folder: TempDir::new().expect("a folder"), clock: Arc::new(ManualClock::at(Millis(0))) }
    }

    fn at(&self, seconds: f64) {
        self.clock.set(Millis((seconds * 1000.0) as i64));
    }

    /// A sink of a job with columns n and shop, begun from `decided`.
    fn try_sink(&self, typed: &[(&str, &str)], decided: Option<&[u8]>) -> Result<FileSink> {
        let path = self.folder.path().to_str().expect("a path of text");
        let typed = typed.iter().copied().chain([("path", path)]);
        let options = Options::check(typed, &[options::ALL]).expect("known options");
        let column =
            |name: &str, data_type| Column { name: name.into(), data_type, nullable: true, origin: Origin::Payload };
        let columns = [column("n", DataType::Int64), column("shop", DataType::Utf8)];
        let mut sink = FileSink::new("t", &columns, &options, self.clock.clone())?;
        sink.restore(JOB, decided.map(|bytes| (Epoch(1), bytes)))?;
        Ok(sink)
    }

    fn sink(&self, typed: &[(&str, &str)], decided: Option<&[u8]>) -> FileSink {
        self.try_sink(typed, decided).expect("a sink")
    }

    /// The part files below the folder, without the folder's own name.
    fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("listed").path()) {
                if entry.is_dir() { walk(&entry, found) } else { found.push(entry) }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), &mut found);
        let name = |path: &PathBuf| path.strip_prefix(self.folder.path()).expect("below").display().to_string();
        let mut names: Vec<String> = found.iter().map(name).collect();
        names.sort();
        names
    }

    /// What a reader sees of the numbers, file by file.
    fn seen(&self) -> Vec<Vec<i64>> {
        let visible =
            self.files().into_iter().filter(|name| !name.rsplit('/').next().expect("a name").starts_with('.'));
        let number = |line: &str| {
            let rest = line.strip_prefix("{\"n\":")?;
            rest.split([',', '}']).next()?.parse().ok()
        };
        let read = |name: String| {
            let text = fs::read_to_string(self.folder.path().join(name)).expect("a text");
            text.lines().map(|line| number(line).unwrap_or_else(|| panic!("a torn line: {line}"))).collect()
        };
        visible.map(read).collect()
    }
}

fn rows(numbers: std::ops::Range<i64>, shop: &str) -> Batch {
    let shops: ArrayRef = Arc::new(StringArray::from_iter_values(numbers.clone().map(|_| shop)));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
    Batch::insert(RecordBatch::try_from_iter([("n", numbers), ("shop", shops)]).expect("fits"))
}

/// A checkpoint that is decided; what it keeps.
fn checkpoint(sink: &mut FileSink) -> Vec<u8> {
    let kept = sink.prepare(Epoch(1)).expect("prepared");
    sink.commit(Epoch(1)).expect("committed");
    kept
}

const TIMES: [(&str, &str); 4] = [
    ("format", "json"),
    ("sink.rolling-policy.rollover-interval", "10 s"),
    ("sink.rolling-policy.inactivity-interval", "4 s"),
    ("sink.rolling-policy.check-interval", "1 s"),
];

#[test]
fn a_part_lives_over_checkpoints_until_its_age_or_its_silence() {
    let place = Place::new();
    let mut sink = place.sink(&TIMES, None);
    for second in 0..10 {
        place.at(f64::from(second));
        sink.write(&rows(i64::from(second)..i64::from(second) + 1, "a")).expect("written");
        checkpoint(&mut sink);
        assert_eq!(place.seen(), Vec::<Vec<i64>>::new(), "second {second}");
        assert_eq!(place.files(), [".part-01234567-0.jsonl.inprogress"]);
    }
    place.at(10.0);
    checkpoint(&mut sink);
    assert_eq!(place.seen(), [(0..10).collect::<Vec<_>>()], "ten seconds after it was begun");
    sink.write(&rows(10..11, "a")).expect("written");
    place.at(13.9);
    checkpoint(&mut sink);
    assert_eq!(place.seen().len(), 1);
    place.at(14.5);
    checkpoint(&mut sink);
    assert_eq!(place.seen().len(), 1, "it was looked at 0.6 seconds ago, and is looked at again after one");
    place.at(14.9);
    checkpoint(&mut sink);
    assert_eq!(place.seen()[1..], [vec![10]], "no row came for four seconds");
    assert_eq!(place.files(), ["part-01234567-0.jsonl", "part-01234567-1.jsonl"]);
}

#[test]
fn a_row_behind_the_time_of_a_part_goes_into_the_next_one() {
    let place = Place::new();
    let mut sink = place.sink(&TIMES, None);
    sink.write(&rows(0..1, "a")).expect("written");
    checkpoint(&mut sink);
    place.at(20.0);
    sink.write(&rows(1..2, "a")).expect("written");
    checkpoint(&mut sink);
    assert_eq!(place.seen(), [vec![0]]);
    sink.conclude(Epoch(3)).expect("prepared");
    sink.commit(Epoch(3)).expect("committed");
    assert_eq!(place.seen(), [vec![0], vec![1]], "the last checkpoint leaves nothing open");
}

#[test]
fn a_part_that_has_its_size_is_whole_and_visible_with_the_next_checkpoint() {
    let place = Place::new();
    let mut sink = place.sink(&[("format", "json"), ("sink.rolling-policy.file-size", "100 b")], None);
    sink.write(&rows(0..3, "a")).expect("written");
    checkpoint(&mut sink);
    sink.write(&rows(3..6, "a")).expect("written");
    assert_eq!(place.seen(), Vec::<Vec<i64>>::new(), "nothing is decided yet");
    checkpoint(&mut sink);
    assert_eq!(place.seen(), [vec![0, 1, 2, 3, 4, 5]], "what was written before a checkpoint counts");
}

#[test]
fn the_silent_folder_ends_while_the_others_go_on() {
    let place = Place::new();
    let mut sink = place.sink(&[&TIMES[..], &[("sink.partitioned-by", "shop")]].concat(), None);
    sink.write(&rows(0..1, "quiet")).expect("written");
    for second in 0..6 {
        place.at(f64::from(second));
        sink.write(&rows(1..2, "busy")).expect("written");
        checkpoint(&mut sink);
    }
    assert_eq!(place.files(), ["shop=busy/.part-01234567-1.jsonl.inprogress", "shop=quiet/part-01234567-0.jsonl"]);
}

#[test]
fn after_a_crash_a_part_is_cut_to_what_the_checkpoint_covers_and_goes_on() {
    let place = Place::new();
    let typed = [("format", "json"), ("sink.rolling-policy.file-size", "1 kb")];
    let mut sink = place.sink(&typed, None);
    sink.write(&rows(0..5, "a")).expect("written");
    let first = checkpoint(&mut sink);
    sink.write(&rows(5..9, "a")).expect("written");
    let second = checkpoint(&mut sink);
    // Behind the second checkpoint: rows in the open part, one that is whole, and another that is open.
    sink.write(&rows(100..150, "a")).expect("written");
    sink.write(&rows(150..152, "a")).expect("written");
    sink.prepare(Epoch(3)).expect("prepared, and never decided");
    drop(sink);
    for (decided, expected) in [(&second, 9), (&first, 5)] {
        let mut sink = place.sink(&typed, Some(decided));
        assert_eq!(place.files(), [".part-01234567-0.jsonl.inprogress"], "what nobody counts on is gone");
        sink.write(&rows(20..22, "a")).expect("written");
        let kept = checkpoint(&mut sink);
        drop(sink);
        let mut sink = place.sink(&typed, Some(&kept));
        sink.write(&rows(22..23, "a")).expect("written");
        sink.prepare(Epoch(4)).expect("prepared, and never decided");
        drop(sink);
        let text = fs::read_to_string(place.folder.path().join(".part-01234567-0.jsonl.inprogress")).expect("a text");
        assert_eq!(text.lines().count(), expected + 3);
    }
    let mut sink = place.sink(&typed, Some(&first));
    sink.conclude(Epoch(2)).expect("prepared");
    sink.commit(Epoch(2)).expect("committed");
    assert_eq!(place.seen(), [(0..5).collect::<Vec<_>>()]);
}

#[test]
fn the_names_of_columns_stand_once_at_the_head_of_a_part() {
    let place = Place::new();
    let typed = [("format", "csv"), ("csv.header", "true")];
    let mut sink = place.sink(&typed, None);
    sink.write(&rows(0..1, "a")).expect("written");
    let kept = checkpoint(&mut sink);
    drop(sink);
    let mut sink = place.sink(&typed, Some(&kept));
    sink.write(&rows(1..2, "b")).expect("written");
    sink.conclude(Epoch(2)).expect("prepared");
    sink.commit(Epoch(2)).expect("committed");
    let text = fs::read_to_string(place.folder.path().join("part-01234567-0.csv")).expect("a text");
    assert_eq!(text, "n,shop\n0,a\n1,b\n");
}

#[test]
fn a_parquet_file_is_whole_at_every_checkpoint() {
    let place = Place::new();
    let mut sink = place.sink(&[("format", "parquet")], None);
    for number in 0..2 {
        sink.write(&rows(number..number + 1, "a")).expect("written");
        checkpoint(&mut sink);
    }
    assert_eq!(place.files(), ["part-01234567-0.parquet", "part-01234567-1.parquet"]);
}

#[test]
fn a_part_of_other_columns_is_whole_when_the_job_starts() {
    let place = Place::new();
    let mut sink = place.sink(&[("format", "json")], None);
    sink.write(&rows(0..2, "a")).expect("written");
    let kept = checkpoint(&mut sink);
    drop(sink);
    let mut sink = place.sink(&[("format", "csv")], Some(&kept));
    assert_eq!(place.seen(), [vec![0, 1]], "all of it is decided");
    sink.write(&rows(2..3, "a")).expect("written");
    checkpoint(&mut sink);
    assert_eq!(place.files(), [".part-01234567-1.csv.inprogress", "part-01234567-0.jsonl"]);
}

#[test]
fn a_part_that_somebody_took_is_named_unless_it_was_committed() {
    let place = Place::new();
    let mut sink = place.sink(&[("format", "json")], None);
    sink.write(&rows(0..2, "a")).expect("written");
    let first = checkpoint(&mut sink);
    sink.conclude(Epoch(2)).expect("prepared");
    sink.commit(Epoch(2)).expect("committed");
    drop(sink);
    drop(place.sink(&[("format", "json")], Some(&first)));
    assert_eq!(place.seen(), [vec![0, 1]], "a job that goes back leaves alone what is visible");
    let hidden = place.folder.path().join(".part-01234567-0.jsonl.inprogress");
    let refused =
        |place: &Place| place.try_sink(&[("format", "json")], Some(&first)).err().expect("refused").to_string();
    fs::remove_file(place.folder.path().join("part-01234567-0.jsonl")).expect("it was there");
    let missing = refused(&place);
    assert!(
        missing.contains(".part-01234567-0.jsonl.inprogress is missing") && missing.contains("38 bytes"),
        "{missing}"
    );
    fs::write(&hidden, "{").expect("written");
    assert!(refused(&place).contains("has 1 bytes, and the checkpoint counts on 38"), "{}", refused(&place));
}

#[test]
fn what_a_checkpoint_keeps_is_read_back_and_older_ones_too() {
    let file = Staged { hidden: ".a".into(), visible: "a".into(), length: 7 };
    let times = rolling::Times { begun: Millis(-3), written: Millis(i64::MAX) };
    let open = BTreeMap::from([("day=1".to_string(), Resting { file: file.clone(), times })]);
    let staging = Staging { files: vec![file.clone()], open, shape: "json".into(), next: 9 };
    assert_eq!(Staging::read(&staging.bytes()).expect("read"), staging);
    let older = r#"{"next":9,"files":[{"hidden":".a","visible":"a","length":7}]}"#;
    let read = Staging::read(older.as_bytes()).expect("read");
    assert_eq!(read, Staging { files: vec![file], next: 9, ..Staging::default() });
    assert!(Staging::read(br#"{"next":9,"files":[],"open":[{}]}"#).is_err());
}
