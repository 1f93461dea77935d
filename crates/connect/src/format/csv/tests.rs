//! The CSV decoder against tables, and round trips through the writer.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use millstream_record::Options;
use proptest::prelude::*;

use super::*;
use crate::format::FORMAT_OPTIONS;

fn dialect(options: &[(&str, &str)]) -> Dialect {
    Dialect::new(&Options::check(options.iter().copied(), &[FORMAT_OPTIONS]).expect("known options"))
        .expect("a dialect")
}

fn field(name: &str, data_type: DataType) -> FieldRef {
    Arc::new(Field::new(name, data_type, true))
}

/// Cuts a text into lines and reads all fields of each; rows as `a|b`, then what was refused.
fn read(
    text: &str,
    fields: &[FieldRef],
    options: &[(&str, &str)],
    header: Option<&[String]>,
) -> (Vec<String>, Vec<String>) {
    let dialect = dialect(options);
    let (mut records, mut at) = (Segments::default(), 0);
    while at < text.len() {
        let (end, next) = next_record(text.as_bytes(), at, &dialect).unwrap_or((text.len(), text.len()));
        records.push(Some(&text.as_bytes()[at..end]));
        at = next;
    }
    let lenient = options.contains(&("csv.ignore-parse-errors", "true"));
    let wanted: Vec<usize> = (0..fields.len()).collect();
    let mut decoder = CsvDecoder::new(fields, &wanted, header, dialect, lenient, 1 << 20).expect("known types");
    let decoded = decoder.decode(&records).expect("arrays fit");
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), decoded.columns)
        .expect("columns keep to their fields");
    let format = FormatOptions::default().with_null("null");
    let cell = |array: &ArrayRef, row| ArrayFormatter::try_new(array, &format).expect("shown").value(row).to_string();
    let line = |row| batch.columns().iter().map(|column| cell(column, row)).collect::<Vec<_>>().join("|");
    let rejected = decoded.rejected.into_iter().map(|(record, reason)| format!("{record}: {reason}")).collect();
    ((0..batch.num_rows()).map(line).collect(), rejected)
}

fn two() -> [FieldRef; 2] {
    [field("a", DataType::Int64), field("b", DataType::Utf8)]
}

#[test]
fn quotes_line_ends_and_ragged_lines() {
    let text = "1,plain\r\n2,\"a \"\"b\"\", c\nd\"\n\n3\n4,x,y\n5,\"open\" x\n,\n6,a\"b\nx,y\n7,\"unclosed";
    let (rows, rejected) = read(text, &two(), &[], None);
    assert_eq!(rows, ["1|plain", "2|a \"b\", c\nd", "null|", "6|a\"b"]);
    assert_eq!(
        rejected,
        [
            "3: the line has 1 fields, where 2 are expected",
            "4: the line has 3 fields, where 2 are expected",
            "5: this is not CSV: something follows a closing quote (at byte 8)",
            "8: column 'a': 'x' is not a valid BIGINT",
            "9: this is not CSV: a quoted field has no closing quote (at byte 2)",
        ]
    );
}

#[test]
fn a_character_that_is_divided_between_records_is_in_neither() {
    let mut records = Segments::default();
    [&b"1,\xc3"[..], b"\xa9,2", b"3,\xc3\xa9"].into_iter().for_each(|record| records.push(Some(record)));
    let mut decoder = CsvDecoder::new(&two(), &[0, 1], None, dialect(&[]), false, 100).expect("known types");
    let decoded = decoder.decode(&records).expect("arrays fit");
    assert_eq!(decoded.columns[1].as_string::<i32>().iter().collect::<Vec<_>>(), [Some("é")]);
    assert_eq!(decoded.rejected.iter().map(|(record, _)| *record).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn flinks_options() {
    let options = [
        ("csv.field-delimiter", "\\t"),
        ("csv.quote-character", "'"),
        ("csv.null-literal", "NULL"),
        ("csv.allow-comments", "true"),
        ("csv.escape-character", "\\"),
    ];
    let (rows, rejected) =
        read("# no, 'line\n1\t'a\tb'\nNULL\tNULL\n2\tc\\\td\n3\t'it''s \\' so'\n", &two(), &options, None);
    assert_eq!(
        (rows, rejected),
        (vec!["1|a\tb".into(), "null|null".into(), "2|c\td".into(), "3|it's ' so".into()], vec![])
    );
    let (rows, rejected) = read("x,1\n2\n3,a,b\n", &two(), &[("csv.ignore-parse-errors", "true")], None);
    assert_eq!((rows, rejected), (vec!["null|1".into(), "2|null".into(), "3|a".into()], vec![]));
    let (rows, _) = read("1,\"a\n", &two(), &[("csv.disable-quote-character", "true")], None);
    assert_eq!(rows, ["1|\"a"]);
}

#[test]
fn a_header_finds_fields_by_name() {
    let header = names(b"\xef\xbb\xbfb,\"x,y\", a\r\n", &dialect(&[])).expect("a header");
    assert_eq!(header, ["b", "x,y", "a"]);
    let (rows, rejected) = read("one,0,1\ntwo,0,2\n", &two(), &[], Some(&header));
    assert_eq!((rows, rejected), (vec!["1|one".into(), "2|two".into()], vec![]));
}

#[test]
fn arrays_and_rows_of_scalars() {
    let row = DataType::Struct(Fields::from(vec![
        Field::new("x", DataType::Int32, false),
        Field::new("y", DataType::Utf8, true),
    ]));
    let fields = [field("l", DataType::List(field("element", DataType::Int64))), field("r", row)];
    let (rows, rejected) = read("1;2;3,7;z\n,8;\n4,9\n5;x,1;y\n", &fields, &[], None);
    assert_eq!(rows, ["[1, 2, 3]|{x: 7, y: z}", "[]|{x: 8, y: }"]);
    assert_eq!(rejected, ["2: column 'r': '9' is not a valid ROW", "3: column 'l.element': 'x' is not a valid BIGINT"]);
}

proptest! {
    #[test]
    fn what_is_written_is_read(rows in proptest::collection::vec((any::<Option<i64>>(), "[a-c,;\"'\\\\\n\r #N]{0,8}"), 1..20), escape: bool) {
        let mut options = vec![("csv.null-literal", "N"), ("csv.allow-comments", "true")];
        options.extend(escape.then_some(("csv.escape-character", "\\")));
        let numbers: ArrayRef = Arc::new(Int64Array::from(rows.iter().map(|row| row.0).collect::<Vec<_>>()));
        // A carriage return at the end of a line belongs to the line end, so text is not the last field.
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.1)));
        let fields = [field("t", DataType::Utf8), field("n", DataType::Int64)];
        let writer = CsvWriter::new(&fields, dialect(&options)).expect("known types");
        let mut text = Vec::new();
        for row in 0..rows.len() {
            writer.write(&[texts.clone(), numbers.clone()], row, &mut text);
            text.push(b'\n');
        }
        let dialect = dialect(&options);
        let (mut records, mut at) = (Segments::default(), 0);
        while let Some((end, next)) = next_record(&text, at, &dialect) {
            records.push(Some(&text[at..end]));
            at = next;
        }
        let decoded = CsvDecoder::new(&fields, &[0, 1], None, dialect, false, 1000).expect("known types").decode(&records).expect("arrays fit");
        prop_assert_eq!(&decoded.rejected, &vec![]);
        // A text that is the null literal is quoted by the writer, but null is null in quotes too, as for Jackson.
        let expected: Vec<Option<&str>> = rows.iter().map(|row| Some(row.1.as_str()).filter(|text| *text != "N")).collect();
        prop_assert_eq!(decoded.columns[0].as_string::<i32>().iter().collect::<Vec<_>>(), expected);
        prop_assert_eq!(&decoded.columns[1], &numbers);
    }

    #[test]
    fn any_text_is_survived(text in "[a-c,\"\n\r\\\\;#]{0,60}") {
        read(&text, &two(), &[("csv.escape-character", "\\")], None);
        read(&text, &two(), &[("csv.allow-comments", "true")], None);
    }
}
