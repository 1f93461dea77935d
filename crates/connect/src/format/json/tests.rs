//! The decoder against tables of verdicts and against serde_json, which is asked about every record
//! that the property tests make up.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields, Int64Type, Schema, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use proptest::prelude::*;

use super::*;

const RULES: Rules =
    Rules { null_on_error: false, missing_fails: false, separators: Separators::Either, most_bytes: 1 << 20 };

fn field(name: &str, data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new(name, data_type, true))
}

fn segments(records: &[&[u8]]) -> Segments {
    let mut segments = Segments::default();
    records.iter().for_each(|record| segments.push(Some(record)));
    segments
}

/// Decodes records and writes every row as `a|b|…`, then what was refused.
fn decode_with(fields: &[Arc<Field>], rules: Rules, records: &[&[u8]]) -> (Vec<String>, Vec<(u32, String)>) {
    let mut decoder = JsonDecoder::new(fields, rules).expect("known types");
    let first = shown(fields, decoder.decode(&segments(records)).expect("arrays fit"));
    let second = shown(fields, decoder.decode(&segments(records)).expect("arrays fit"));
    assert_eq!(first, second, "what was learned changed the answer");
    let mut one_by_one = (Vec::new(), Vec::new());
    for (index, record) in records.iter().enumerate() {
        let mut decoder = JsonDecoder::new(fields, rules).expect("known types");
        let (rows, refused) = shown(fields, decoder.decode(&segments(&[record])).expect("arrays fit"));
        one_by_one.0.extend(rows);
        one_by_one.1.extend(refused.into_iter().map(|(_, reason)| (index as u32, reason)));
    }
    assert_eq!(first, one_by_one, "one by one the answer is another");
    first
}

fn shown(fields: &[Arc<Field>], decoded: Decoded) -> (Vec<String>, Vec<(u32, String)>) {
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let batch = RecordBatch::try_new(schema, decoded.columns).expect("columns keep to their fields");
    assert_eq!(batch.num_rows(), decoded.rows);
    if let Some(origins) = &decoded.origins {
        assert_eq!(origins.len(), decoded.rows);
        assert!(decoded.rejected.iter().all(|(record, _)| !origins.contains(record)));
    }
    let options = FormatOptions::default().with_null("null");
    let cell = |array: &dyn Array, row| ArrayFormatter::try_new(array, &options).expect("shown").value(row).to_string();
    let line = |row| batch.columns().iter().map(|column| cell(column, row)).collect::<Vec<_>>().join("|");
    ((0..batch.num_rows()).map(line).collect(), decoded.rejected)
}

fn decode(fields: &[Arc<Field>], records: &[&str]) -> (Vec<String>, Vec<(u32, String)>) {
    let bytes: Vec<&[u8]> = records.iter().map(|record| record.as_bytes()).collect();
    decode_with(fields, RULES, &bytes)
}

/// Whether a record is taken when `a` (BIGINT) is read, and when nothing is read: it must be the same.
fn verdict(record: &[u8]) -> Result<(), String> {
    let taken = |fields: &[Arc<Field>]| {
        let mut decoder = JsonDecoder::new(fields, RULES).expect("known types");
        let decoded = decoder.decode(&segments(&[b"{\"a\":1}", record, b"{\"a\":2}"])).expect("arrays fit");
        decoded.rejected.into_iter().next().map_or(Ok(()), |(_, reason)| Err(reason))
    };
    let (reading, skipping) = (taken(&[field("unknown", DataType::Utf8)]), taken(&[]));
    assert_eq!(reading, skipping, "{}", String::from_utf8_lossy(record));
    reading
}

#[test]
fn grammar_is_kept_in_what_is_skipped() {
    let accepted: &[&[u8]] = &[
        b"{}",
        b" { } ",
        b"{\"a\":1}",
        b"{\"a\":-0}",
        b"{\"a\":1E+2,\"b\":0.5e-1}",
        b"{\"a\":[]}",
        b"{\"a\":[[],{},[{}]]}",
        b"{\"a\":\"\\u0060\\n\\\"\\/\"}",
        b"{\"a\":\"\\uD83D\\uDE00\"}",
        b"{\"\":0}",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":null}\r",
        b"\t{\"a\" : true , \"b\" : false}\n",
        b"\xef\xbb\xbf{\"a\":1}",
        "{\"é\":\"日本\"}".as_bytes(),
        b"[]",
        b"[{},{}]",
        b"{\"a\":\"\x7f\"}",
        b"{\"a\":123456789012345678901234567890}",
        b"{\"a\":1e400}",
        b"{\"a\":\"\\u0000\"}",
    ];
    for record in accepted {
        assert_eq!(verdict(record), Ok(()), "{}", String::from_utf8_lossy(record));
    }
    let refused: &[&[u8]] = &[
        b"",
        b" ",
        b"\xef\xbb\xbf",
        b"{",
        b"}",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\":1",
        b"{\"a\":1,}",
        b"{,\"a\":1}",
        b"{\"a\":1 \"b\":2}",
        b"{\"a\":1}}",
        b"{\"a\":1} x",
        b"{\"a\":1}{\"a\":2}",
        b"{a:1}",
        b"{'a':1}",
        b"{\"a\":01}",
        b"{\"a\":+1}",
        b"{\"a\":1.}",
        b"{\"a\":.5}",
        b"{\"a\":1e}",
        b"{\"a\":-}",
        b"{\"a\":0x1}",
        b"{\"a\":NaN}",
        b"{\"a\":Infinity}",
        b"{\"a\":nul}",
        b"{\"a\":True}",
        b"{\"a\":tru",
        b"{\"a\":\"}",
        b"{\"a\":\"\\x\"}",
        b"{\"a\":\"\\u12\"}",
        b"{\"a\":\"\\u12G4\"}",
        b"{\"a\":\"\\uD800\"}",
        b"{\"a\":\"\\uDC00\"}",
        b"{\"a\":\"\\uD800\\u0041\"}",
        b"{\"a\":\"\t\"}",
        b"{\"a\":\"\0\"}",
        b"{\"a\":1}\0",
        b"\0",
        b"{\"a\":[1,]}",
        b"{\"a\":[,1]}",
        b"{\"a\":[1 2]}",
        b"{\"a\":[1}",
        b"{\"a\":{\"b\":1]}",
        b"{\"a\":[}",
        b"{\"a\":{]}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xc0\xaf\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"1",
        b"\"a\"",
        b"null",
        b"[1]",
        b"[{}",
        b"[{},]",
        b"[{}]x",
        b"{\"a\":1/**/}",
        b"{\"a\":1,,\"b\":2}",
        b"{\"a\"::1}",
        b"{\"a\":1}\xef\xbb\xbf",
        b"\xa0{}",
        b"{\"a\":\x0c1}",
        b"{1:1}",
        b"{null:1}",
        b"{\"a\":\"\\",
        b"{\"a\":\"\\u",
        b"{\"a\":-01}",
        b"{\"a\":2.e3}",
        b"{\"a\":1a}",
        b"{\"a\":\"b\"\"c\"}",
        b"{\"a\":truefalse}",
        b"{\"a\":[1]]}",
    ];
    for record in refused {
        assert!(verdict(record).is_err(), "{}", String::from_utf8_lossy(record));
    }
}

#[test]
fn depth_is_bounded_and_costs_no_stack() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(verdict(nested(63).as_bytes()), Ok(()));
    assert!(verdict(nested(64).as_bytes()).expect_err("too deep").contains("64 levels"));
    let deep = "[".repeat(100_000);
    assert!(verdict(deep.as_bytes()).is_err());
    assert!(verdict(format!("{{\"a\":{deep}").as_bytes()).is_err());
    assert!(verdict("{\"a\":".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn a_long_record_is_refused_before_it_is_read() {
    let rules = Rules { most_bytes: 20, ..RULES };
    let (rows, refused) =
        decode_with(&[field("a", DataType::Int64)], rules, &[b"{\"a\":1}", b"{\"a\":2,\"b\":\"long text\"}"]);
    assert_eq!(rows, ["1"]);
    assert_eq!(refused, [(1, "the record is 23 bytes long; max-record-bytes allows 20".to_string())]);
}

#[test]
fn of_keys_that_stand_twice_the_last_counts() {
    let fields = [field("a", DataType::Int64)];
    let (rows, refused) =
        decode(&fields, &["{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":1,\"\\u0061\":4}", "{\"a\":\"x\",\"a\":5}"]);
    assert_eq!((rows, refused), (vec!["3".into(), "4".into(), "5".into()], vec![]));
    let mut decoder = JsonDecoder::new(&fields, RULES).expect("known types");
    decoder.decode(&segments(&[b"{\"a\":1,\"a\":2,\"b\":1,\"b\":1}", b"{\"a\":1}"])).expect("arrays fit");
    assert_eq!(decoder.duplicate_keys(), 1);
}

#[test]
fn scalars_as_flink_reads_them() {
    let stamp = DataType::Timestamp(TimeUnit::Millisecond, None);
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
    let one = |data_type: &DataType, json: &str| {
        let (rows, refused) = decode(&[field("v", data_type.clone())], &[&format!("{{\"v\":{json}}}")]);
        refused.into_iter().next().map_or_else(|| Ok(rows[0].clone()), |(_, reason)| Err(reason))
    };
    let table: &[(DataType, &str, &str)] = &[
        (DataType::Boolean, "true", "true"),
        (DataType::Boolean, "\" FALSE \"", "false"),
        (DataType::Int8, "-128", "-128"),
        (DataType::Int32, "\"12\"", "12"),
        (DataType::Int64, "9007199254740993", "9007199254740993"),
        (DataType::Int64, "12.0", "12"),
        (DataType::Float64, "1.5e3", "1500.0"),
        (DataType::Float64, "\"NaN\"", "NaN"),
        (DataType::Decimal128(10, 2), "1.005", "1.01"),
        (DataType::Decimal128(10, 2), "\"6.66\"", "6.66"),
        (DataType::Utf8, "\"a\\u00e9\\n\"", "aé\n"),
        (DataType::Utf8, "12.50", "12.50"),
        (DataType::Utf8, "true", "true"),
        (DataType::Utf8, "{\"a\" : [1, \"x \\\" y\"]}", "{\"a\":[1,\"x \\\" y\"]}"),
        (DataType::Binary, "\"AP8=\"", "00ff"),
        (DataType::Date32, "\"2024-02-29\"", "2024-02-29"),
        (DataType::Time32(TimeUnit::Millisecond), "\"12:30:00.5\"", "12:30:00.500"),
        (stamp.clone(), "\"2026-01-01 00:00:00.5\"", "2026-01-01T00:00:00.500"),
        (instant.clone(), "\"2026-01-01T00:00:00.000001Z\"", "2026-01-01T00:00:00.000001Z"),
        (DataType::Int64, "null", "null"),
    ];
    for (data_type, json, expected) in table {
        assert_eq!(one(data_type, json).as_deref(), Ok(*expected), "{data_type} {json}");
    }
    let refused: &[(DataType, &str, &str)] = &[
        (DataType::Int8, "128", "column 'v': 128 is out of the range of TINYINT"),
        (DataType::Int64, "9223372036854775808", "column 'v': 9223372036854775808 is out of the range of BIGINT"),
        (DataType::Int64, "1.5", "column 'v': 1.5 has a fraction and does not fit BIGINT"),
        (DataType::Int64, "true", "column 'v': true is not a valid BIGINT"),
        (DataType::Int64, "\"\"", "column 'v': '' is not a valid BIGINT"),
        (DataType::Float64, "1e400", "column 'v': 1e400 is out of the range of DOUBLE"),
        (DataType::Boolean, "\"yes\"", "column 'v': 'yes' is not a valid BOOLEAN"),
        (DataType::Decimal128(4, 2), "123.4", "column 'v': 123.4 is out of the range of DECIMAL(4, 2)"),
        (DataType::Binary, "\"?\"", "column 'v': '?' is not a valid BYTES"),
        (stamp, "1767225600000", "column 'v': 1767225600000 is not a valid TIMESTAMP(3)"),
        (
            instant,
            "\"2026-01-01 00:00:00\"",
            "column 'v': '2026-01-01 00:00:00' has no zone, which TIMESTAMP_LTZ(6) needs (write …Z)",
        ),
    ];
    for (data_type, json, reason) in refused {
        assert_eq!(one(data_type, json).as_ref().map_err(String::as_str), Err(*reason), "{data_type} {json}");
    }
}

#[test]
fn absent_values() {
    let strict = Arc::new(Field::new("a", DataType::Int64, false));
    let (rows, refused) = decode(&[strict], &["{\"a\":1}", "{}", "{\"a\":null}", "{\"a\":2}"]);
    assert_eq!(rows, ["1", "2"]);
    assert_eq!(refused[0], (1, "column 'a': the field is missing".into()));
    assert_eq!(refused[1], (2, "column 'a': null stands in a column that is NOT NULL".into()));
    let fields = [field("a", DataType::Int64)];
    let records: &[&[u8]] = &[b"{}", b"{\"a\":\"x\"}", b"{\"a\":null}", b"no"];
    let (rows, refused) = decode_with(&fields, Rules { missing_fails: true, null_on_error: true, ..RULES }, records);
    assert_eq!(rows, ["null", "null"]);
    assert_eq!(refused.iter().map(|(record, _)| *record).collect::<Vec<_>>(), [0, 3]);
}

#[test]
fn rows_arrays_and_maps() {
    let row = DataType::Struct(Fields::from(vec![
        Field::new("x", DataType::Int32, false),
        Field::new("y", DataType::List(field("element", DataType::Utf8)), true),
    ]));
    let entry =
        Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int64, true)]);
    let map = DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false);
    let fields = [field("r", row), field("m", map)];
    let (rows, refused) = decode(
        &fields,
        &[
            "{\"r\":{\"y\":[\"a\\n\",null,3],\"x\":1},\"m\":{\"k\":1,\"l\":null,\"k\":3}}",
            "{\"r\":null,\"m\":{}}",
            "{\"r\":{\"y\":[]},\"m\":null}",
            "{\"r\":{\"x\":2,\"z\":{}},\"m\":{\"\\u006b\":1,\"k\":2}}",
            "{\"r\":[],\"m\":{}}",
            "{\"r\":{\"x\":3},\"m\":{\"a\":\"no\"}}",
            "{\"r\":{\"x\":4,\"y\":null}}",
        ],
    );
    assert_eq!(
        rows,
        ["{x: 1, y: [a\n, null, 3]}|{l: null, k: 3}", "null|{}", "{x: 2, y: null}|{k: 2}", "{x: 4, y: null}|null"]
    );
    assert_eq!(
        refused,
        [
            (2, "column 'r.x': the field is missing".to_string()),
            (4, "column 'r': [] is not a valid ROW".to_string()),
            (5, "column 'm.value': 'no' is not a valid BIGINT".to_string()),
        ]
    );
}

#[test]
fn an_array_of_objects_gives_a_row_each() {
    let fields = [field("a", DataType::Int64)];
    let records: &[&[u8]] = &[
        b"[{\"a\":1}, {\"a\":2}]",
        b"{\"a\":3}",
        b"[{\"a\":4},{\"a\":\"x\"}]",
        b"[]",
        b"[{\"a\":5},6]",
        b" {\"a\":7}",
    ];
    let mut decoder = JsonDecoder::new(&fields, RULES).expect("known types");
    let decoded = decoder.decode(&segments(records)).expect("arrays fit");
    assert_eq!(decoded.columns[0].as_primitive::<Int64Type>().values(), &[1, 2, 3, 7]);
    assert_eq!(decoded.origins.as_deref(), Some(&[0, 0, 1, 5][..]));
    assert_eq!(decoded.rejected.iter().map(|(record, _)| *record).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn prediction_survives_records_of_changing_shape() {
    let fields = [field("a", DataType::Int64), field("b", DataType::Utf8)];
    let long = "k".repeat(50);
    let records = [
        "{\"a\":1,\"b\":\"x\"}".to_string(),
        "{\"b\":\"y\",\"a\":2}".into(),
        format!("{{\"{long}\":0,\"a\":3,\"{long}\":{{\"a\":9}},\"b\":\"z\"}}"),
        format!("{{\"{long}\":1 {{\"a\":3}}"),
        "{ \"a\": 4 , \"c\": null, \"b\": \"w\" }".into(),
        "{\"aa\":1,\"ab\":2}".into(),
        "{\"a\":5,\"b\":\"x\",\"a\":6}".into(),
    ];
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let (rows, refused) = decode(&fields, &records);
    assert_eq!(rows, ["1|x", "2|y", "3|z", "4|w", "null|null", "6|x"]);
    assert_eq!(refused[0].0, 3);
}

#[test]
fn hostile_keys_do_not_fill_the_memory_of_the_prediction() {
    let fields = [field("a", DataType::Int64)];
    let mut decoder = JsonDecoder::new(&fields, RULES).expect("known types");
    for round in 0..20 {
        let records: Vec<String> = (0..500).map(|index| format!("{{\"k{round}-{index}\":1,\"a\":{index}}}")).collect();
        let bytes: Vec<&[u8]> = records.iter().map(|record| record.as_bytes()).collect();
        let decoded = decoder.decode(&segments(&bytes)).expect("arrays fit");
        assert_eq!(decoded.columns[0].as_primitive::<Int64Type>().values().iter().sum::<i64>(), 499 * 500 / 2);
        assert!(decoder.objects.remembered() <= 2_048);
    }
}

/// Any JSON value, as serde_json sees it, and its text with blanks thrown in.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (-1e15f64..1e15).prop_map(Into::into),
        "\\PC{0,40}".prop_map(Into::into),
        "[\\x00-\\x7f]{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::vec(("[a-e]{1,2}", inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = serde_json::Value> {
    proptest::collection::vec(("[a-d]", any_json()), 0..7)
        .prop_map(|members| serde_json::Value::Object(members.into_iter().collect()))
}

/// What a BIGINT column must read from a field, by our rules told through serde_json's values.
fn expected_bigint(value: Option<&serde_json::Value>) -> Result<Option<i64>, ()> {
    match value {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(Some(whole)),
            // serde_json prints floats in full, so a whole one below 2^53 is exactly what its text says.
            (None, Some(float)) if float.fract() == 0.0 && float.abs() < 9e15 => Ok(Some(float as i64)),
            _ => Err(()),
        },
        Some(serde_json::Value::String(text)) => {
            let trimmed = text.trim_matches(|c: char| c <= ' ');
            trimmed.parse().map(Some).map_err(|_| ())
        }
        Some(_) => Err(()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn records_are_read_as_serde_json_reads_them(objects in proptest::collection::vec((any_object(), any::<bool>()), 1..20)) {
        let texts: Vec<String> = objects.iter().map(|(object, pretty)| {
            if *pretty { serde_json::to_string_pretty(object) } else { serde_json::to_string(object) }.expect("writes")
        }).collect();
        let bytes: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        let mut decoder = JsonDecoder::new(&[field("a", DataType::Int64)], RULES).expect("known types");
        let decoded = decoder.decode(&segments(&bytes)).expect("arrays fit");
        let expected: Vec<Result<Option<i64>, ()>> = objects.iter().map(|(object, _)| expected_bigint(object.get("a"))).collect();
        let good: Vec<Option<i64>> = expected.iter().filter_map(|value| value.ok()).collect();
        prop_assert_eq!(decoded.columns[0].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), good);
        let bad: Vec<u32> = (0..expected.len() as u32).filter(|&index| expected[index as usize].is_err()).collect();
        prop_assert_eq!(decoded.rejected.iter().map(|(record, _)| *record).collect::<Vec<_>>(), bad);
    }

    #[test]
    fn text_columns_hold_what_serde_json_holds(objects in proptest::collection::vec(any_object(), 1..20)) {
        let texts: Vec<String> = objects.iter().map(|object| serde_json::to_string(object).expect("writes")).collect();
        let bytes: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        let mut decoder = JsonDecoder::new(&[field("b", DataType::Utf8)], RULES).expect("known types");
        let decoded = decoder.decode(&segments(&bytes)).expect("arrays fit");
        let expected: Vec<Option<String>> = objects.iter().map(|object| match object.get("b") {
            None | Some(serde_json::Value::Null) => None,
            Some(serde_json::Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        }).collect();
        let strings = decoded.columns[0].as_string::<i32>();
        prop_assert_eq!(strings.iter().map(|text| text.map(str::to_string)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn broken_records_get_serde_jsons_verdict(object in any_object(), places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..3)) {
        let mut bytes = serde_json::to_vec(&object).expect("writes");
        for (place, byte, how) in places {
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => { bytes.remove(at); }
                _ => {}
            }
        }
        // serde_json keeps numbers beyond f64 out, which are good JSON; and it is asked for objects only.
        match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Ok(value) if value.is_object() => prop_assert_eq!(verdict(&bytes), Ok(())),
            Ok(_) => {}
            Err(error) if error.to_string().contains("number out of range") => {}
            Err(_) => prop_assert!(verdict(&bytes).is_err(), "{}", String::from_utf8_lossy(&bytes)),
        }
    }

    #[test]
    fn any_bytes_are_survived(records in proptest::collection::vec(proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'{'), Just(b'['), Just(b','), Just(b':'), Just(b'\\'), Just(b'1'), Just(b'}'), Just(b']')], 0..30), 1..10)) {
        let bytes: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let fields = [field("a", DataType::Int64), field("b", DataType::List(field("element", DataType::Utf8)))];
        decode_with(&fields, RULES, &bytes);
    }
}
