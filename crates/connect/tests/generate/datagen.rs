//! Flink's datagen: kinds, bounds, nulls, pace, positions.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMillisecondType};
use millstream_connect::generate::DatagenConnector;
use millstream_record::{
    Column, Connector, ManualClock, Millis, Options, Origin, Poll, Positions, Reader, Result, Scan, Source, Stop,
};

const NOW: i64 = 1_767_225_600_000;

fn column(name: &str, data_type: DataType) -> Column {
    Column { name: name.into(), data_type, nullable: true, origin: Origin::Payload }
}

fn source(columns: &[Column], typed: &[(&str, &str)]) -> Result<Box<dyn Source>> {
    let connector = DatagenConnector::new(Arc::new(ManualClock::at(Millis(NOW))));
    // The clock stands still, so rows must not be held back.
    let fast = [("rows-per-second", "0")];
    let options = Options::check(fast.iter().chain(typed).copied(), &[connector.options()])?;
    connector.source("t", columns, &options)
}

fn scan(columns: usize, resume: Option<Positions>) -> Scan {
    Scan { columns: (0..columns).collect(), resume, batch_rows: 64, stop: Stop::default() }
}

/// Reads until the end or until there are `most` rows.
fn read(reader: &mut dyn Reader, schema: &arrow::datatypes::SchemaRef, most: usize) -> RecordBatch {
    let (mut batches, mut rows) = (Vec::new(), 0);
    while rows < most {
        match reader.poll(Duration::ZERO).expect("no failure") {
            Poll::Rows(fetched) => {
                rows += fetched.rows.num_rows();
                batches.push(fetched.rows);
            }
            Poll::End => break,
            Poll::Partition(_) | Poll::PartitionEnd(_) => {}
            other => panic!("{other:?}"),
        }
    }
    concat_batches(schema, &batches).expect("one schema")
}

fn rows(columns: &[Column], typed: &[(&str, &str)]) -> RecordBatch {
    let source = source(columns, typed).expect("fits");
    let mut reader = source.open(scan(columns.len(), None)).expect("opens");
    read(&mut *reader, &source.schema(), usize::MAX)
}

fn one(data_type: DataType, typed: &[(&str, &str)]) -> ArrayRef {
    let rows = rows(&[column("c", data_type)], &[typed, &[("number-of-rows", "1000")]].concat());
    assert_eq!(rows.num_rows(), 1000);
    rows.column(0).clone()
}

#[test]
fn numbers_keep_their_bounds_and_reach_them() {
    let ints = one(DataType::Int32, &[("fields.c.min", "-3"), ("fields.c.max", "3")]);
    let ints = ints.as_primitive::<Int32Type>().values();
    assert!((-3..=3).all(|wanted| ints.contains(&wanted)) && ints.iter().all(|value| (-3..=3).contains(value)));
    let all = one(DataType::Int64, &[]);
    let all = all.as_primitive::<Int64Type>().values();
    assert!(all.iter().any(|&value| value > i64::MAX / 2) && all.iter().any(|&value| value < i64::MIN / 2));
    let floats = one(DataType::Float64, &[("fields.c.min", "0.5"), ("fields.c.max", "1.5")]);
    let mean = floats.as_primitive::<Float64Type>().values().iter().sum::<f64>() / 1000.0;
    assert!((0.95..1.05).contains(&mean), "{mean}");
    assert!(one(DataType::Float64, &[]).as_primitive::<Float64Type>().values().iter().all(|value| value.is_finite()));
    let cents = one(DataType::Decimal128(10, 2), &[("fields.c.min", "1"), ("fields.c.max", "1.10")]);
    let cents = cents.as_primitive::<arrow::datatypes::Decimal128Type>();
    let wide = one(DataType::Decimal128(38, 0), &[]);
    let wide = wide.as_primitive::<arrow::datatypes::Decimal128Type>().values();
    let half = 10i128.pow(38) / 2;
    assert!(wide.iter().any(|value| *value > half) && wide.iter().any(|value| *value < -half));
    assert!(wide.iter().all(|value| value.abs() < 10i128.pow(38)));
    assert!((100..=110).all(|wanted| cents.values().contains(&wanted)) && cents.values().iter().all(|v| *v <= 110));
}

#[test]
fn texts_arrays_maps_and_rows() {
    let text = one(DataType::Utf8, &[("fields.c.length", "7")]);
    assert!(text.as_string::<i32>().iter().flatten().all(|t| t.len() == 7 && t.bytes().all(|b| b.is_ascii_hexdigit())));
    assert!(one(DataType::Utf8, &[]).as_string::<i32>().iter().flatten().all(|text| text.len() == 100));
    let varied = one(DataType::Utf8, &[("fields.c.length", "4"), ("fields.c.var-len", "true")]);
    let lengths: std::collections::BTreeSet<usize> = varied.as_string::<i32>().iter().flatten().map(str::len).collect();
    assert_eq!(lengths, [1, 2, 3, 4].into());
    let inner = Field::new("element", DataType::Int32, true);
    let list = one(
        DataType::List(Arc::new(inner)),
        &[("fields.c.length", "2"), ("fields.c.element.min", "5"), ("fields.c.element.max", "6")],
    );
    let list = list.as_list::<i32>();
    assert!(list.iter().flatten().all(|array| array.len() == 2));
    let values = list.values().as_primitive::<Int32Type>().values();
    assert!(values.contains(&5) && values.contains(&6) && values.iter().all(|value| (5..=6).contains(value)));
    let parts = vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)];
    let row = one(
        DataType::Struct(parts.into()),
        &[
            ("fields.c.a.kind", "sequence"),
            ("fields.c.a.start", "1"),
            ("fields.c.a.end", "1000"),
            ("fields.c.b.length", "1"),
        ],
    );
    let row = row.as_struct();
    assert_eq!(row.column(0).as_primitive::<Int64Type>().values(), &(1..=1000).collect::<Vec<i64>>()[..]);
    assert_eq!(row.column(1).as_string::<i32>().value(999).len(), 1);
}

#[test]
fn nulls_come_at_their_rate() {
    let nulls = one(DataType::Int32, &[("fields.c.null-rate", "0.25")]).null_count();
    assert!((200..300).contains(&nulls), "{nulls} of 1000");
    assert_eq!(one(DataType::Boolean, &[("fields.c.null-rate", "1")]).null_count(), 1000);
}

#[test]
fn times_are_by_the_clock() {
    let times = |typed: &[(&str, &str)]| {
        let array = one(DataType::Timestamp(TimeUnit::Millisecond, None), typed);
        array.as_primitive::<TimestampMillisecondType>().values().to_vec()
    };
    assert!(times(&[]).iter().all(|&time| time == NOW));
    let past = times(&[("fields.c.max-past", "10 s")]);
    assert!(past.iter().all(|time| (NOW - 10_000..=NOW).contains(time)));
    assert!(past.iter().min().expect("rows") < &(NOW - 9_000));
    let day = one(DataType::Date32, &[]);
    assert_eq!(day.as_primitive::<arrow::datatypes::Date32Type>().value(0), 20_454);
}

#[test]
fn a_sequence_ends_the_table() {
    let columns = [column("id", DataType::Int64), column("name", DataType::Utf8), column("x", DataType::Boolean)];
    let typed = [
        ("fields.id.kind", "sequence"),
        ("fields.id.start", "-1"),
        ("fields.id.end", "198"),
        ("fields.name.kind", "sequence"),
        ("fields.name.start", "1"),
        ("fields.name.end", "1000"),
    ];
    let source = source(&columns, &typed).expect("fits");
    assert!(source.bounded());
    let all = rows(&columns, &typed);
    assert_eq!(all.column(0).as_primitive::<Int64Type>().values(), &(-1..=198).collect::<Vec<i64>>()[..]);
    assert_eq!(all.column(1).as_string::<i32>().value(199), "200");
}

#[test]
fn equal_seeds_give_equal_rows_from_any_position_and_any_columns() {
    let columns = [column("a", DataType::Int64), column("b", DataType::Utf8)];
    let typed = [("number-of-rows", "500"), ("seed", "9"), ("fields.a.null-rate", "0.1")];
    let all = rows(&columns, &typed);
    assert_eq!(all, rows(&columns, &typed));
    assert_ne!(all, rows(&columns, &[typed[0], ("seed", "10"), typed[2]]));
    let source = source(&columns, &typed).expect("fits");
    let mut reader = source.open(scan(2, None)).expect("opens");
    let head = read(&mut *reader, &source.schema(), 100);
    let mut rest = source.open(scan(2, Some(reader.positions()))).expect("opens");
    let tail = read(&mut *rest, &source.schema(), usize::MAX);
    assert_eq!(concat_batches(&source.schema(), [&head, &tail]).expect("one schema"), all);
    let second = Scan { columns: vec![1], ..scan(2, None) };
    let schema = Arc::new(source.schema().project(&[1]).expect("there"));
    let only = read(&mut *source.open(second).expect("opens"), &schema, usize::MAX);
    assert_eq!(only.column(0), all.column(1));
}

#[test]
fn what_does_not_fit_is_said() {
    let refused = |data_type: DataType, typed: &[(&str, &str)]| {
        source(&[column("c", data_type)], typed).err().expect("refused").to_string()
    };
    assert_eq!(
        refused(DataType::Int8, &[("fields.c.max", "128")]),
        "options 'fields.c.min' and 'fields.c.max' do not fit: -128 to 128 is no range of the column's type, which goes \
         from -128 to 127"
    );
    assert_eq!(
        refused(DataType::Int8, &[("fields.c.kind", "serial")]),
        "option 'fields.c.kind' = 'serial' is not 'random' or 'sequence'"
    );
    assert!(refused(DataType::Int8, &[("fields.d.min", "1")]).starts_with("option 'fields.d.min' fits no column"));
    assert!(refused(DataType::Boolean, &[("fields.c.kind", "sequence")]).contains("cannot be a sequence"));
    assert!(refused(DataType::Int32, &[("fields.c.kind", "sequence")]).contains("'fields.c.start' is missing"));
    assert!(refused(DataType::Utf8, &[("fields.c.length", "99999999")]).contains("at most 1048576"));
    assert!(refused(DataType::Int8, &[("number-of-rows", "-1")]).contains("must not be negative"));
    refused(DataType::Null, &[]);
    let strict = Column { nullable: false, ..column("c", DataType::Int8) };
    let error = source(&[strict], &[("fields.c.null-rate", "0.1")]).err().expect("refused").to_string();
    assert_eq!(error, "column 'c' is NOT NULL, so 'fields.c.null-rate' must be 0");
}
