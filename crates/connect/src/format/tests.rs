//! Whole records: keys, values, metadata, tombstones and changes, through `Decode` and `Encode`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use millstream_record::{
    Batch, Column, Error, Fetched, Kind, Kinds, Millis, Options, Origin, PartitionId, Result, Scan, Stop,
};

use super::*;

fn payload(name: &str, data_type: DataType) -> Column {
    Column { name: name.into(), data_type, nullable: true, origin: Origin::Payload }
}

fn meta(key: &str, data_type: DataType) -> Column {
    Column { origin: Origin::Metadata(key.into()), ..payload(&key.replace('.', "_"), data_type) }
}

fn options(typed: &[(&str, &str)]) -> Options {
    Options::check(typed.iter().copied(), &[FORMAT_OPTIONS, KEY_OPTIONS]).expect("known options")
}

fn scan(columns: &[Column]) -> Scan {
    Scan { columns: (0..columns.len()).collect(), resume: None, batch_rows: 100, stop: Stop::default() }
}

fn segments(values: &[Option<&str>]) -> Segments {
    let mut segments = Segments::default();
    values.iter().for_each(|value| segments.push(value.map(str::as_bytes)));
    segments
}

fn raw(values: &[Option<&str>]) -> RawRecords {
    let offsets = (10..10 + values.len() as i64).collect();
    RawRecords { values: segments(values), offsets, ..RawRecords::new(PartitionId::new("t", 3)) }
}

/// Rows as `+I a|b`.
fn shown(fetched: &Fetched) -> Vec<String> {
    let format = FormatOptions::default().with_null("null");
    let cell = |array: &ArrayRef, row| ArrayFormatter::try_new(array, &format).expect("shown").value(row).to_string();
    let line = |row| fetched.rows.columns().iter().map(|column| cell(column, row)).collect::<Vec<_>>().join("|");
    let mark = |row| fetched.kinds.as_ref().map_or(Kind::Insert, |kinds| kinds.get(row)).mark();
    (0..fetched.rows.num_rows()).map(|row| format!("{} {}", mark(row), line(row))).collect()
}

fn reasons(fetched: &Fetched) -> Vec<String> {
    fetched.rejected.iter().map(|rejected| format!("{}: {}", rejected.offset.0, rejected.reason)).collect()
}

#[test]
fn metadata_stands_beside_the_rows_that_stay() {
    let columns = [
        payload("a", DataType::Int64),
        meta("offset", DataType::Int64),
        meta("partition", DataType::Int32),
        meta("timestamp", DataType::Timestamp(TimeUnit::Millisecond, None)),
        meta("timestamp-type", DataType::Utf8),
        meta("key", DataType::Utf8),
        meta("headers", metadata::headers_type()),
        meta("topic", DataType::Utf8),
    ];
    let header = |name: &str| vec![(name.to_string(), Some(b"v".to_vec())), ("n".to_string(), None)];
    let raw = RawRecords {
        keys: Some(segments(&[Some("k"), None, None, None])),
        timestamps: Some(vec![5, 6, -1, 8]),
        timestamp_type: TimestampType::CreateTime,
        headers: Some(vec![header("h"), vec![], vec![], vec![]]),
        ..raw(&[Some("{\"a\":1}"), Some("{\"a\":"), Some("{\"a\":2}"), None])
    };
    let mut decode = Decode::new("t", &columns, &scan(&columns), &options(&[("format", "json")])).expect("a decoder");
    assert!(decode.reads_keys() && decode.reads_headers());
    let fetched = decode.apply(raw).expect("decodes");
    assert_eq!(
        shown(&fetched),
        ["+I 1|10|3|1970-01-01T00:00:00.005|CreateTime|k|{h: 76, n: null}|t", "+I 2|12|3|null|CreateTime|null|{}|t",]
    );
    assert_eq!(fetched.records, 4);
    assert_eq!((fetched.rejected[0].offset.0, fetched.rejected[0].timestamp), (11, Some(Millis(6))));
    assert_eq!(fetched.rejected[0].bytes, b"{\"a\":");
    let unknown = [meta("leader", DataType::Int32)];
    let error =
        Decode::new("t", &unknown, &scan(&unknown), &options(&[("format", "json")])).err().expect("no such key");
    assert!(error.to_string().starts_with("'t' has no metadata 'leader'; there are topic, partition,"), "{error}");
}

#[test]
fn key_columns_come_from_the_key_when_the_value_lacks_them() {
    let columns = [payload("k_id", DataType::Int64), payload("v", DataType::Utf8)];
    let typed = [
        ("key.format", "json"),
        ("key.fields", "k_id"),
        ("key.fields-prefix", "k_"),
        ("value.format", "csv"),
        ("value.csv.field-delimiter", "|"),
        ("value.fields-include", "EXCEPT_KEY"),
    ];
    let mut decode = Decode::new("t", &columns, &scan(&columns), &options(&typed)).expect("a decoder");
    let keys = Some(segments(&[Some("{\"id\":7}"), None, Some("no"), Some("{\"id\":8}")]));
    let fetched =
        decode.apply(RawRecords { keys, ..raw(&[Some("a,b"), Some("c"), Some("d"), Some("e|f")]) }).expect("decodes");
    assert_eq!(shown(&fetched), ["+I 7|a,b", "+I null|c"]);
    assert_eq!(
        reasons(&fetched),
        [
            "12: in the key: this is not JSON: the record is no object (at byte 0)",
            "13: the line has 2 fields, where 1 are expected",
        ]
    );
}

#[test]
fn only_the_scanned_columns_are_judged() {
    let columns = [payload("a", DataType::Int64), payload("b", DataType::Int64)];
    let some = Scan { columns: vec![1], ..scan(&columns) };
    let mut decode = Decode::new("t", &columns, &some, &options(&[("format", "json")])).expect("a decoder");
    let fetched = decode.apply(raw(&[Some("{\"a\":\"x\",\"b\":1}"), Some("{\"a\":1,\"b\":\"x\"}")])).expect("decodes");
    assert_eq!(shown(&fetched), ["+I 1"]);
    let none = Scan { columns: vec![], ..scan(&columns) };
    let mut decode = Decode::new("t", &columns, &none, &options(&[("format", "json")])).expect("a decoder");
    assert_eq!(decode.apply(raw(&[Some("{}"), Some("{"), None])).expect("decodes").rows.num_rows(), 1);
}

#[test]
fn debezium_tells_changes() {
    let columns = [payload("id", DataType::Int64), payload("v", DataType::Utf8), meta("offset", DataType::Int64)];
    let messages = [
        Some(r#"{"before":null,"after":{"id":1,"v":"a"},"op":"c","ts_ms":1}"#),
        Some(r#"{"before":{"id":1,"v":"a"},"after":{"id":1,"v":"b"},"op":"u"}"#),
        Some(r#"{"before":null,"after":{"id":1,"v":"b"},"op":"u"}"#),
        None,
        Some(r#"{"before":{"id":1,"v":"b"},"after":null,"op":"d"}"#),
        Some(r#"{"after":{"id":2,"v":"c"},"op":"r"}"#),
        Some(r#"{"op":"t"}"#),
        Some(r#"{"id":1}"#),
    ];
    let rows = ["+I 1|a|10", "-U 1|a|11", "+U 1|b|11", "-D 1|b|14", "+I 2|c|15"];
    let mut decode =
        Decode::new("t", &columns, &scan(&columns), &options(&[("format", "debezium-json")])).expect("a decoder");
    let fetched = decode.apply(raw(&messages)).expect("decodes");
    assert_eq!(shown(&fetched), rows);
    assert_eq!(
        reasons(&fetched),
        [
            "12: 'before' is null, but the operation 'u' needs it; for PostgreSQL set REPLICA IDENTITY FULL on the table",
            "16: the operation 't' is none of c, r, u, d",
            "17: the message has no operation ('op')",
        ]
    );
    let wrapped: Vec<Option<String>> =
        messages.iter().map(|message| message.map(|text| format!("{{\"schema\":{{}},\"payload\":{text}}}"))).collect();
    let wrapped: Vec<Option<&str>> = wrapped.iter().map(Option::as_deref).collect();
    let typed = options(&[("format", "debezium-json"), ("debezium-json.schema-include", "true")]);
    let mut decode = Decode::new("t", &columns, &scan(&columns), &typed).expect("a decoder");
    assert_eq!(shown(&decode.apply(raw(&wrapped)).expect("decodes")), rows);
}

fn batch(kinds: &[Kind]) -> Batch {
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..kinds.len()).map(|row| format!("n\"{row}"))));
    let values: ArrayRef =
        Arc::new(Float64Array::from_iter((0..kinds.len()).map(|row| (row > 0).then_some(row as f64))));
    let schema = Schema::new(vec![Field::new("k", DataType::Utf8, true), Field::new("v", DataType::Float64, true)]);
    let rows = RecordBatch::try_new(Arc::new(schema), vec![names, values]).expect("fits");
    Batch::changes(rows, Kinds::new(kinds.iter().copied()))
}

fn texts(segments: &Segments) -> Vec<Option<&str>> {
    segments.iter().map(|bytes| bytes.map(|bytes| std::str::from_utf8(bytes).expect("text"))).collect()
}

fn encode(key: &[usize], typed: &[(&str, &str)], kinds: &[Kind]) -> Result<Encoded> {
    let columns = [payload("k", DataType::Utf8), payload("v", DataType::Float64)];
    Encode::new(&columns, key, &options(typed))?.apply(&batch(kinds))
}

#[test]
fn upserts_become_values_and_tombstones() {
    let kinds = [Kind::Insert, Kind::UpdateBefore, Kind::UpdateAfter, Kind::Delete];
    let encoded = encode(&[0], &[("format", "json")], &kinds).expect("encodes");
    assert_eq!(
        texts(&encoded.values),
        [Some("{\"k\":\"n\\\"0\",\"v\":null}"), Some("{\"k\":\"n\\\"2\",\"v\":2.0}"), None]
    );
    let keys = encoded.keys.expect("a primary key");
    assert_eq!(texts(&keys), [Some("{\"k\":\"n\\\"0\"}"), Some("{\"k\":\"n\\\"2\"}"), Some("{\"k\":\"n\\\"3\"}")]);
    let typed =
        [("value.format", "csv"), ("key.format", "raw"), ("value.fields-include", "EXCEPT_KEY"), ("key.fields", "k")];
    let encoded = encode(&[], &typed, &kinds[..1]).expect("encodes");
    assert_eq!((texts(&encoded.values), texts(&encoded.keys.expect("a key"))), (vec![Some("")], vec![Some("n\"0")]));
    let error = encode(&[], &[("format", "json")], &kinds).expect_err("changes");
    assert!(matches!(&error, Error::Invalid(text) if text.contains("insertions only")), "{error}");
}

#[test]
fn columns_of_another_type_are_written_as_declared() {
    let columns = [payload("k", DataType::Int64), payload("v", DataType::Utf8)];
    let mut encode = Encode::new(&columns, &[], &options(&[("format", "json")])).expect("an encoder");
    let texts: ArrayRef = Arc::new(arrow::array::StringViewArray::from(vec!["5"]));
    let numbers: ArrayRef = Arc::new(arrow::array::UInt32Array::from(vec![7]));
    let rows = RecordBatch::try_from_iter([("k", numbers), ("v", texts.clone())]).expect("fits");
    assert_eq!(encode.apply(&Batch::insert(rows)).expect("encodes").values.get(0), Some(&b"{\"k\":7,\"v\":\"5\"}"[..]));
    let words: ArrayRef = Arc::new(StringArray::from(vec!["no number"]));
    let rows = RecordBatch::try_from_iter([("k", words), ("v", texts)]).expect("fits");
    let error = encode.apply(&Batch::insert(rows)).expect_err("it is no number").to_string();
    assert!(error.starts_with("the column 'k' cannot be written as declared"), "{error}");
}

#[test]
fn debezium_writes_what_it_reads() {
    let kinds = [Kind::Insert, Kind::UpdateBefore, Kind::UpdateAfter, Kind::Delete];
    let encoded = encode(&[], &[("format", "debezium-json")], &kinds).expect("encodes");
    assert_eq!(
        texts(&encoded.values)[1],
        Some("{\"before\":{\"k\":\"n\\\"1\",\"v\":1.0},\"after\":null,\"op\":\"d\"}")
    );
    let columns = [payload("k", DataType::Utf8), payload("v", DataType::Float64)];
    let mut decode =
        Decode::new("t", &columns, &scan(&columns), &options(&[("format", "debezium-json")])).expect("a decoder");
    let offsets = vec![0, 1, 2, 3];
    let fetched = decode
        .apply(RawRecords { values: encoded.values, offsets, ..RawRecords::new(PartitionId::new("t", 0)) })
        .expect("decodes");
    // Flink writes an update as a deletion and an insertion.
    assert_eq!(shown(&fetched), ["+I n\"0|null", "-D n\"1|1.0", "+I n\"2|2.0", "-D n\"3|3.0"]);
}

#[test]
fn every_type_survives_json() {
    use arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, Time32MillisecondArray, TimestampMicrosecondArray,
    };
    let list = arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        Arc::new(Int64Array::from(vec![i64::MIN, 0, i64::MAX])),
        Arc::new(Float64Array::from(vec![0.1, f64::NAN, f64::NEG_INFINITY])),
        Arc::new(Decimal128Array::from(vec![1, -123_456, 0]).with_precision_and_scale(38, 9).expect("fits")),
        Arc::new(StringArray::from(vec![Some("\u{0}\u{1f}\"\\/é😀\n"), None, Some("")])),
        Arc::new(BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None, Some(&b""[..])])),
        Arc::new(Date32Array::from(vec![-719_162, 0, 2_932_896])),
        Arc::new(Time32MillisecondArray::from(vec![0, 1, 86_399_999])),
        Arc::new(TimestampMicrosecondArray::from(vec![-1, 0, 1_767_225_600_000_001]).with_timezone("UTC")),
        Arc::new(list),
    ];
    let columns: Vec<Column> = arrays
        .iter()
        .enumerate()
        .map(|(index, array)| payload(&format!("c{index}"), array.data_type().clone()))
        .collect();
    let fields: Vec<Field> = columns.iter().map(settings::field_of).collect();
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("fits");
    for typed in [
        &[("format", "json")][..],
        &[
            ("format", "json"),
            ("json.timestamp-format.standard", "ISO-8601"),
            ("json.encode.decimal-as-plain-number", "true"),
            ("json.encode.ignore-null-fields", "true"),
        ],
    ] {
        let encoded = Encode::new(&columns, &[], &options(typed))
            .expect("known types")
            .apply(&Batch::insert(rows.clone()))
            .expect("encodes");
        let mut decode = Decode::new("t", &columns, &scan(&columns), &options(typed)).expect("a decoder");
        let offsets = vec![0, 1, 2];
        let fetched = decode
            .apply(RawRecords { values: encoded.values, offsets, ..RawRecords::new(PartitionId::new("t", 0)) })
            .expect("decodes");
        assert_eq!(reasons(&fetched), Vec::<String>::new());
        // NaN is equal to nothing, so the texts are compared.
        assert_eq!(format!("{:?}", fetched.rows), format!("{rows:?}"));
    }
}
