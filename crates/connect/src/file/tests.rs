//! Files as they are found in the wild: cut anywhere, compressed, growing, broken.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use millstream_record::{Batch, Connector, Error, Kind, Kinds, Poll, Positions, Reader, Scan, Stop};
use tempfile::TempDir;

use super::*;

fn column(name: &str, data_type: DataType) -> Column {
    Column { name: name.into(), data_type, nullable: true, origin: millstream_record::Origin::Payload }
}

fn two() -> Vec<Column> {
    vec![column("a", DataType::Int64), column("b", DataType::Utf8)]
}

fn meta(key: &str, data_type: DataType) -> Column {
    Column { origin: millstream_record::Origin::Metadata(key.into()), ..column(&key.replace('.', "_"), data_type) }
}

fn options(path: &Path, typed: &[(&str, &str)]) -> Options {
    let path = path.to_str().expect("a path of text");
    let typed = typed.iter().copied().chain([("path", path)]);
    Options::check(typed, &[Filesystem::default().options()]).expect("known options")
}

fn open_with(columns: &[Column], options: &Options, scan: Scan) -> Result<Box<dyn Reader>> {
    Filesystem::default().source("t", columns, options)?.open(scan)
}

fn scan(columns: &[Column]) -> Scan {
    Scan { columns: (0..columns.len()).collect(), resume: None, batch_rows: 100, stop: Stop::default() }
}

/// All that a bounded reader gives: rows as `+I a|b`, refusals as `offset: reason`, both in order.
#[derive(Debug, Default, PartialEq)]
struct Told {
    rows: Vec<String>,
    rejected: Vec<String>,
    records: u64,
    most_rows: usize,
    /// The partitions as they began (+) and ended (-), by file name.
    partitions: Vec<String>,
    /// The positions after each piece of rows, and how many rows and refusals had been told by then.
    saved: Vec<(Positions, usize, usize)>,
}

fn drain(reader: &mut dyn Reader) -> Result<Told> {
    let mut told = Told::default();
    loop {
        match reader.poll(Duration::from_secs(20))? {
            Poll::Partition(partition) => told.partitions.push(format!("+{}", file_name(&partition.topic))),
            Poll::PartitionEnd(partition) => told.partitions.push(format!("-{}", file_name(&partition.topic))),
            Poll::Rows(fetched) => {
                told.records += fetched.records;
                told.most_rows = told.most_rows.max(fetched.rows.num_rows());
                told.rejected.extend(
                    fetched.rejected.iter().map(|rejected| format!("{}: {}", rejected.offset.0, rejected.reason)),
                );
                told.rows.extend(shown(&fetched.rows, fetched.kinds.as_ref()));
                told.saved.push((reader.positions(), told.rows.len(), told.rejected.len()));
            }
            Poll::Nothing => panic!("a bounded reader has something to say within 20 s"),
            Poll::Stalled(reason) => panic!("{reason}"),
            Poll::End => return Ok(told),
        }
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().expect("at least one part")
}

fn shown(rows: &RecordBatch, kinds: Option<&Kinds>) -> Vec<String> {
    let format = FormatOptions::default().with_null("null");
    let cell = |array: &ArrayRef, row| ArrayFormatter::try_new(array, &format).expect("shown").value(row).to_string();
    let line = |row| rows.columns().iter().map(|column| cell(column, row)).collect::<Vec<_>>().join("|");
    let mark = |row| kinds.map_or(Kind::Insert, |kinds| kinds.get(row)).mark();
    (0..rows.num_rows()).map(|row| format!("{} {}", mark(row), line(row))).collect()
}

fn read(path: &Path, columns: &[Column], typed: &[(&str, &str)]) -> Result<Told> {
    drain(&mut *open_with(columns, &options(path, typed), scan(columns))?)
}

fn json_line(number: usize) -> String {
    format!("{{\"a\":{number},\"b\":\"{}\"}}\n", "x".repeat(number % 50))
}

#[test]
fn a_folder_is_read_in_the_order_of_names_and_resumed_anywhere() {
    let folder = TempDir::new().expect("a folder");
    let text = |from: usize, to: usize| (from..to).map(json_line).collect::<String>();
    fs::create_dir(folder.path().join("sub")).expect("made");
    fs::write(folder.path().join("b.jsonl"), text(300, 5_000) + "\r\n  \n{\"a\":\n" + json_line(5_000).trim_end())
        .expect("written");
    fs::write(folder.path().join("a.jsonl"), text(0, 300)).expect("written");
    fs::write(folder.path().join("sub/c.jsonl"), "").expect("written");
    fs::write(folder.path().join(".part.inprogress"), "no").expect("written");
    fs::write(folder.path().join("_SUCCESS"), "no").expect("written");
    let columns = two();
    let told = read(folder.path(), &columns, &[("format", "json")]).expect("read");
    assert_eq!(told.partitions, ["+a.jsonl", "-a.jsonl", "+b.jsonl", "-b.jsonl", "+c.jsonl", "-c.jsonl"]);
    let expected: Vec<String> = (0..=5_000).map(|number| format!("+I {number}|{}", "x".repeat(number % 50))).collect();
    assert_eq!(told.rows, expected);
    assert_eq!((told.records, told.rejected.len()), (5_002, 1));
    assert_eq!(told.most_rows, 100);
    for batch_rows in [1, 7, 8_192] {
        let scan = Scan { batch_rows, ..scan(&columns) };
        let other =
            drain(&mut *open_with(&columns, &options(folder.path(), &[("format", "json")]), scan).expect("opens"))
                .expect("read");
        assert_eq!((&other.rows, &other.rejected), (&told.rows, &told.rejected));
    }
    for (positions, rows, rejected) in told.saved.iter().step_by(9).chain(told.saved.last()) {
        let scan = Scan { resume: Some(positions.clone()), ..scan(&columns) };
        let rest =
            drain(&mut *open_with(&columns, &options(folder.path(), &[("format", "json")]), scan).expect("opens"))
                .expect("read");
        assert_eq!((&rest.rows[..], &rest.rejected[..]), (&told.rows[*rows..], &told.rejected[*rejected..]));
    }
}

#[test]
fn metadata_of_files_and_offsets_of_lines() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("x.csv");
    fs::write(&path, "1\n22\n333\n").expect("written");
    let columns = [
        column("v", DataType::Int64),
        meta("offset", DataType::Int64),
        meta("file.name", DataType::Utf8),
        meta("file.path", DataType::Utf8),
        meta("file.size", DataType::Int64),
        meta("file.modification-time", DataType::Timestamp(TimeUnit::Millisecond, None)),
    ];
    let told = read(&path, &columns, &[("format", "csv")]).expect("read");
    let offsets: Vec<&str> = told.rows.iter().map(|row| row.split('|').nth(1).expect("six columns")).collect();
    assert_eq!(offsets, ["0", "2", "5"]);
    assert!(told.rows[0].starts_with(&format!("+I 1|0|x.csv|{}|9|20", path.display())), "{}", told.rows[0]);
}

#[test]
fn paths_patterns_and_what_is_not_there() {
    let folder = TempDir::new().expect("a folder");
    for name in ["a1.jsonl", "a2.jsonl", "b1.jsonl"] {
        fs::write(folder.path().join(name), json_line(1)).expect("written");
    }
    let rows = |path: &Path, typed: &[(&str, &str)]| read(path, &two(), typed).map(|told| told.rows.len());
    assert_eq!(rows(&folder.path().join("a*.jsonl"), &[("format", "json")]).expect("read"), 2);
    assert_eq!(rows(folder.path(), &[("format", "json"), ("source.path.regex-pattern", ".*/b.*")]).expect("read"), 1);
    let url = format!("file://{}", folder.path().join("a1.jsonl").display());
    assert_eq!(rows(Path::new(&url), &[("format", "json")]).expect("read"), 1);
    let error =
        |path: &str, typed: &[(&str, &str)]| rows(Path::new(path), typed).expect_err("no such thing").to_string();
    assert_eq!(error("/no/such", &[("format", "json")]), "there is no file or folder '/no/such' ('path')");
    assert_eq!(error("/no/*.csv", &[("format", "csv")]), "no file matches 'path' = '/no/*.csv'");
    assert!(error("s3://b/k", &[("format", "json")]).contains("only local files"));
    assert!(error("/tmp", &[]).starts_with("option 'format' is missing"));
}

#[test]
fn compressed_files_and_bombs() {
    let folder = TempDir::new().expect("a folder");
    let text: String = (0..3_000).map(json_line).collect();
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let (first, second) = text.as_bytes().split_at(text.len() / 2);
    fs::write(folder.path().join("a.jsonl.gz"), [gzip(first), gzip(second)].concat()).expect("written");
    fs::write(folder.path().join("b.jsonl.zst"), zstd::encode_all(text.as_bytes(), 1).expect("in memory"))
        .expect("written");
    let told = read(folder.path(), &two(), &[("format", "json")]).expect("read");
    assert_eq!((told.rows.len(), told.rejected.len()), (6_000, 0));
    let (positions, rows, _) = &told.saved[told.saved.len() / 3];
    let scan = Scan { resume: Some(positions.clone()), ..scan(&two()) };
    let rest = drain(&mut *open_with(&two(), &options(folder.path(), &[("format", "json")]), scan).expect("opens"))
        .expect("read");
    assert_eq!(rest.rows, told.rows[*rows..]);

    let whole = gzip(text.as_bytes());
    let cut = folder.path().join("cut.gz");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("written");
    let error = read(&cut, &two(), &[("format", "json")]).expect_err("it is cut off");
    assert!(matches!(&error, Error::Io { path, .. } if path.ends_with("cut.gz")), "{error}");
    let other = folder.path().join("x.jsonl.BZ2");
    fs::write(&other, b"BZh91AY&SY").expect("written");
    let error = read(&other, &two(), &[("format", "json")]).expect_err("not unpacked").to_string();
    assert!(
        error.ends_with(
            "x.jsonl.BZ2 is packed with bzip2; unpack it, or pack it with gzip (.gz) or zstd (.zst): those are read"
        ),
        "{error}"
    );
    let bomb = folder.path().join("bomb.zst");
    fs::write(&bomb, zstd::encode_all(std::io::repeat(b'\n').take(300 << 20), 1).expect("in memory")).expect("written");
    let error = read(&bomb, &two(), &[("format", "json")]).expect_err("a bomb").to_string();
    assert!(error.contains("unpacks to more than 500 times its size"), "{error}");
}

#[test]
fn a_csv_field_with_line_ends_is_never_cut() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("x.csv");
    let mut text = String::from("\u{feff}b,skipped,a\r\n");
    for number in 0..20_000 {
        text.push_str(&format!("\"line {number}\n\"\"two\"\"\",,{number}\r\n"));
    }
    fs::write(&path, &text).expect("written");
    let typed = [("format", "csv"), ("csv.header", "true")];
    let told = read(&path, &two(), &typed).expect("read");
    assert_eq!(told.rejected, Vec::<String>::new());
    let expected: Vec<String> = (0..20_000).map(|number| format!("+I {number}|line {number}\n\"two\"")).collect();
    assert_eq!(told.rows, expected);
    let (positions, rows, _) = &told.saved[told.saved.len() / 2];
    let scan = Scan { resume: Some(positions.clone()), ..scan(&two()) };
    let rest = drain(&mut *open_with(&two(), &options(&path, &typed), scan).expect("opens")).expect("read");
    assert_eq!(rest.rows, expected[*rows..]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_record() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("x");
    fs::write(&path, "\u{feff}1,x\n2,y\n").expect("written");
    assert_eq!(read(&path, &two(), &[("format", "csv")]).expect("read").rows, ["+I 1|x", "+I 2|y"]);
    fs::write(&path, "\u{feff}{\"a\":1}\r\n{\"a\":2}").expect("written");
    assert_eq!(read(&path, &two()[..1], &[("format", "json")]).expect("read").rows, ["+I 1", "+I 2"]);
    fs::write(&path, "\u{feff}\nx\r\n\ny").expect("written");
    assert_eq!(read(&path, &two()[1..], &[("format", "raw")]).expect("read").rows, ["+I ", "+I x", "+I ", "+I y"]);
}

#[test]
fn a_record_that_is_too_long_is_passed_over() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("x.jsonl");
    let long = format!("{{\"a\":2,\"b\":\"{}\"}}\n", "y".repeat(3_000_000));
    fs::write(&path, [&json_line(1), &long, &json_line(3)].map(String::as_str).concat()).expect("written");
    let mut reader = open_with(&two(), &options(&path, &[("format", "json")]), scan(&two())).expect("opens");
    let told = drain(&mut *reader).expect("read");
    assert_eq!(told.rows, ["+I 1|x", "+I 3|xxx"]);
    assert_eq!(
        told.rejected,
        [format!("{}: the record is {} bytes long; max-record-bytes allows 1048576", json_line(1).len(), long.len())]
    );
    assert_eq!(told.records, 3);
    let told = read(&path, &two(), &[("format", "json"), ("max-record-bytes", "4 mb")]).expect("read");
    assert_eq!((told.rows.len(), told.rejected.len()), (3, 0));
}

/// Polls until rows come.
fn next_rows(reader: &mut dyn Reader) -> Vec<String> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        if let Poll::Rows(fetched) = reader.poll(Duration::from_millis(50)).expect("read")
            && fetched.rows.num_rows() > 0
        {
            return shown(&fetched.rows, None);
        }
    }
    panic!("no rows within 20 s");
}

#[test]
fn a_followed_folder_gives_new_files_and_appended_lines() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("a.jsonl");
    let columns = two();
    let typed = [("format", "json"), ("source.monitor-interval", "5 ms")];
    let source = Filesystem::default().source("t", &columns, &options(folder.path(), &typed)).expect("a source");
    assert!(!source.bounded());
    let mut reader = source.open(scan(&columns)).expect("opens");
    assert!(matches!(reader.poll(Duration::ZERO).expect("nothing yet"), Poll::Nothing));
    fs::write(&path, "{\"a\":1}\n{\"a\":").expect("written");
    assert_eq!(next_rows(&mut *reader), ["+I 1|null"]);
    let append = |path: &Path, text: &str| {
        let mut file = fs::OpenOptions::new().append(true).open(path).expect("opens");
        file.write_all(text.as_bytes()).expect("written");
    };
    append(&path, "2}\n{\"a\":3}\n{\"a\":4");
    assert_eq!(next_rows(&mut *reader), ["+I 2|null", "+I 3|null"]);
    let saved = reader.positions();
    fs::write(folder.path().join("b.jsonl"), "{\"a\":10}\n").expect("written");
    assert_eq!(next_rows(&mut *reader), ["+I 10|null"]);
    append(&path, "4}\n");
    assert_eq!(next_rows(&mut *reader), ["+I 44|null"]);
    append(&folder.path().join("b.jsonl"), "{\"a\":11}\n");
    assert_eq!(next_rows(&mut *reader), ["+I 11|null"]);
    let mut resumed = source.open(Scan { resume: Some(saved), ..scan(&columns) }).expect("opens");
    assert_eq!(next_rows(&mut *resumed), ["+I 44|null"]);
    fs::write(folder.path().join("b.jsonl"), "").expect("written");
    let started = Instant::now();
    let error = loop {
        assert!(started.elapsed() < Duration::from_secs(20), "the loss was not seen");
        if let Err(error) = reader.poll(Duration::from_millis(20)) {
            break error;
        }
    };
    assert!(matches!(error, Error::DataLoss { .. }), "{error}");
}

#[test]
fn a_raised_stop_ends_the_wait_at_once() {
    let folder = TempDir::new().expect("a folder");
    let columns = two();
    let scan = scan(&columns);
    let stop = scan.stop.clone();
    let typed = [("format", "json"), ("source.monitor-interval", "1 h")];
    let mut reader = open_with(&columns, &options(folder.path(), &typed), scan).expect("opens");
    let waiting = std::thread::spawn(move || {
        let poll = reader.poll(Duration::from_secs(60)).expect("no failure");
        (matches!(poll, Poll::Nothing), Instant::now())
    });
    std::thread::sleep(Duration::from_millis(100));
    let raised = Instant::now();
    stop.raise();
    let (nothing, returned) = waiting.join().expect("no panic");
    assert!(nothing);
    // 20 ms are promised; the rest is for a machine that is busy with other tests.
    assert!(returned.duration_since(raised) < Duration::from_secs(2));
}

fn batch(from: i64, count: i64) -> Batch {
    let numbers: ArrayRef = std::sync::Arc::new(arrow::array::Int64Array::from_iter_values(from..from + count));
    let texts: ArrayRef = std::sync::Arc::new(arrow::array::StringArray::from_iter(
        (from..from + count).map(|number| (number % 3 > 0).then(|| format!("t,\"{number}"))),
    ));
    Batch::insert(RecordBatch::try_from_iter([("a", numbers), ("b", texts)]).expect("fits"))
}

#[test]
fn what_the_sink_writes_the_source_reads() {
    let formats: [&[(&str, &str)]; 4] = [
        &[("format", "json")],
        &[("format", "csv"), ("csv.header", "true"), ("csv.null-literal", "NULL")],
        &[("format", "parquet")],
        &[("format", "debezium-json")],
    ];
    for typed in formats {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("out");
        let options = options(&path, typed);
        let mut sink = Filesystem::default().sink("t", &two(), &[], &options).expect("a sink");
        sink.write(&batch(0, 100)).expect("written");
        let names = || {
            fs::read_dir(&path)
                .expect("a folder")
                .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
                .collect::<Vec<_>>()
        };
        assert!(names().iter().all(|name| name.starts_with('.')), "{:?} can be seen before the flush", names());
        sink.flush().expect("flushed");
        sink.write(&batch(100, 50)).expect("written");
        sink.flush().expect("flushed");
        sink.write(&batch(1_000, 1)).expect("written");
        drop(sink);
        let mut found = names();
        found.sort();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("part-0-0.") && found[1].starts_with("part-0-1."), "{found:?}");
        let told = read(&path, &two(), typed).expect("read");
        let text = |number: i64| if number % 3 > 0 { format!("t,\"{number}") } else { "null".into() };
        assert_eq!(
            told.rows,
            (0..150).map(|number| format!("+I {number}|{}", text(number))).collect::<Vec<_>>(),
            "{typed:?}"
        );
        let mut again = Filesystem::default().sink("t", &two(), &[], &options).expect("a sink");
        again.write(&batch(0, 1)).expect("written");
        again.flush().expect("flushed");
        assert_eq!(names().len(), 3);
    }
}

#[test]
fn parts_roll_at_their_size_and_take_no_changes_back() {
    let folder = TempDir::new().expect("a folder");
    let typed = [("format", "json"), ("sink.rolling-policy.file-size", "1 kb")];
    let mut sink = Filesystem::default().sink("t", &two(), &[0], &options(folder.path(), &typed)).expect("a sink");
    for from in 0..10 {
        sink.write(&batch(from * 20, 20)).expect("written");
    }
    sink.flush().expect("flushed");
    let parts = fs::read_dir(folder.path()).expect("a folder").count();
    assert!((3..=10).contains(&parts), "{parts} parts");
    assert_eq!(read(folder.path(), &two(), &[("format", "json")]).expect("read").rows.len(), 200);
    let deletion = Batch { kinds: Some(Kinds::new([Kind::Delete])), ..batch(0, 1) };
    assert!(sink.write(&deletion).expect_err("it is a deletion").to_string().contains("insertions only"));
}

#[test]
fn parquet_gives_only_the_wanted_columns_cast_and_checked() {
    let folder = TempDir::new().expect("a folder");
    let mut sink = Filesystem::default()
        .sink("t", &two(), &[], &options(folder.path(), &[("format", "parquet")]))
        .expect("a sink");
    sink.write(&batch(0, 30)).expect("written");
    sink.flush().expect("flushed");
    let columns = [
        column("a", DataType::Int32),
        column("absent", DataType::Float64),
        Column { nullable: false, ..column("b", DataType::Utf8) },
        meta("offset", DataType::Int64),
    ];
    let source = Filesystem::default()
        .source("t", &columns, &options(folder.path(), &[("format", "parquet")]))
        .expect("a source");
    let some = Scan { columns: vec![3, 2, 0, 1], batch_rows: 7, ..scan(&columns) };
    let told = drain(&mut *source.open(some.clone()).expect("opens")).expect("read");
    assert_eq!(told.rows[0], "+I 1|t,\"1|1|null");
    assert_eq!((told.rows.len(), told.rejected.len(), told.records), (20, 10, 30));
    assert_eq!(told.rejected[1], "3: column 'b': null stands in a column that is NOT NULL");
    let (positions, rows, _) = &told.saved[1];
    let rest =
        drain(&mut *source.open(Scan { resume: Some(positions.clone()), ..some }).expect("opens")).expect("read");
    assert_eq!(rest.rows, told.rows[*rows..]);
    let narrow = [column("a", DataType::Int8), column("b", DataType::Int64)];
    let source = Filesystem::default()
        .source("t", &narrow, &options(folder.path(), &[("format", "parquet")]))
        .expect("a source");
    let error = drain(&mut *source.open(scan(&narrow)).expect("opens")).expect_err("text is no number").to_string();
    assert!(error.contains("the column 'b' cannot be read as declared"), "{error}");
    let none = Scan { columns: vec![], ..scan(&narrow) };
    let mut reader = source.open(none).expect("opens");
    assert_eq!(drain(&mut *reader).expect("read").rows.len(), 30);
    fs::write(folder.path().join("z.parquet"), b"PAR1 this is no parquet PAR1").expect("written");
    assert!(
        read(folder.path(), &two(), &[("format", "parquet")])
            .expect_err("garbage")
            .to_string()
            .contains("z.parquet cannot be read as Parquet")
    );
}

#[test]
fn a_damaged_parquet_file_is_an_error_and_no_panic() {
    let folder = TempDir::new().expect("a folder");
    let mut sink = Filesystem::default()
        .sink("t", &two(), &[], &options(folder.path(), &[("format", "parquet")]))
        .expect("a sink");
    sink.write(&batch(0, 30)).expect("written");
    sink.flush().expect("flushed");
    let file = fs::read_dir(folder.path()).expect("a folder").next().expect("a part").expect("listed").path();
    let whole = fs::read(&file).expect("read");
    let sound = read(folder.path(), &two(), &[("format", "parquet")]).expect("read").rows;
    let mut noticed = 0;
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 0xff;
        fs::write(&file, &damaged).expect("written");
        match read(folder.path(), &two(), &[("format", "parquet")]) {
            Ok(told) => assert!(told.rows.len() <= 30, "rows come out of nothing"),
            Err(error) => {
                noticed += 1;
                assert!(error.to_string().contains("parquet"), "{error}");
            }
        }
        // Cut off there, it has no footer at its end.
        fs::write(&file, &whole[..place]).expect("written");
        assert!(read(folder.path(), &two(), &[("format", "parquet")]).is_err() || place == 0);
    }
    assert!(noticed > whole.len() / 4, "only {noticed} of {} damages were noticed", whole.len());
    fs::write(&file, &whole).expect("written");
    assert_eq!(read(folder.path(), &two(), &[("format", "parquet")]).expect("read").rows, sound);
}

#[test]
fn only_the_scanned_columns_are_decoded_in_their_order() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("x.jsonl");
    fs::write(&path, (0..10).map(json_line).collect::<String>()).expect("written");
    let columns = two();
    let mut reader =
        open_with(&columns, &options(&path, &[("format", "json")]), Scan { columns: vec![0], ..scan(&columns) })
            .expect("opens");
    while let Poll::Partition(_) = reader.poll(Duration::from_secs(20)).expect("read") {}
    let mut reader =
        open_with(&columns, &options(&path, &[("format", "json")]), Scan { columns: vec![1, 0], ..scan(&columns) })
            .expect("opens");
    let poll = loop {
        match reader.poll(Duration::from_secs(20)).expect("read") {
            Poll::Partition(_) => {}
            other => break other,
        }
    };
    let Poll::Rows(fetched) = poll else { panic!("rows follow") };
    assert_eq!(
        fetched.rows.schema().fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(),
        ["b", "a"]
    );
    assert_eq!(fetched.rows.column(1).as_primitive::<Int64Type>().values().len(), 10);
}
