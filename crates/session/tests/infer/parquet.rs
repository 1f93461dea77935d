//! `TAP` of Parquet: the footer tells the columns, statistics and some rows tell the event time.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringArray, StructArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::{room, said};

/// 2026-01-01 00:00:00 UTC, in milliseconds.
const START: i64 = 1_767_225_600_000;

fn write(path: &Path, columns: Vec<(Field, ArrayRef)>, statistics: bool) {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let rows = RecordBatch::try_new(schema.clone(), arrays).expect("columns of one length");
    let kept = if statistics { EnabledStatistics::Chunk } else { EnabledStatistics::None };
    let properties =
        WriterProperties::builder().set_statistics_enabled(kept).set_max_row_group_row_count(Some(100)).build();
    let file = File::create(path).expect("writes");
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).expect("writes");
    writer.write(&rows).expect("writes");
    writer.close().expect("writes");
}

fn column(name: &str, nullable: bool, array: impl arrow::array::Array + 'static) -> (Field, ArrayRef) {
    (Field::new(name, array.data_type().clone(), nullable), Arc::new(array))
}

/// Moments from `from` seconds on, a second apart; every seventh comes 1.4 seconds too late.
fn moments(from: i64, count: i64) -> Vec<i64> {
    (0..count).map(|n| START + (from + n) * 1_000 - if n % 7 == 6 { 1_400 } else { 0 }).collect()
}

#[test]
fn the_footer_tells_the_columns_and_the_event_time() {
    let mut room = room();
    let path = room.folder.path().join("trades.parquet");
    let count = 250;
    let micros: Vec<i64> = moments(0, count).iter().map(|at| at * 1_000).collect();
    let tags = ListArray::from_iter_primitive::<Int64Type, _, _>((0..count).map(|n| Some(vec![Some(n), None])));
    let place = StructArray::from(vec![
        (
            Arc::new(Field::new("city", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec!["Bonn"; 250])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("zip", DataType::Int32, false)),
            Arc::new(Int32Array::from(vec![53_111; 250])) as ArrayRef,
        ),
    ]);
    let symbols: DictionaryArray<Int32Type> = (0..count).map(|n| if n % 2 == 0 { "SAP" } else { "BMW" }).collect();
    let price = Decimal128Array::from_iter_values((0..count).map(i128::from)).with_precision_and_scale(9, 2);
    write(
        &path,
        vec![
            column("id", false, Int64Array::from_iter_values(0..count)),
            column("symbol", true, symbols),
            column("price", true, price.expect("fits")),
            column("wide", true, UInt64Array::from_iter_values((0..count).map(|n| u64::MAX - n as u64))),
            column("ratio", true, Float64Array::from_iter_values((0..count).map(|n| n as f64 / 3.0))),
            column("open", true, BooleanArray::from(vec![true; 250])),
            column("tags", true, tags),
            column("place", true, place),
            column("made", true, TimestampMicrosecondArray::from(micros).with_timezone("UTC")),
        ],
        true,
    );
    let told = said(&mut room.session, &format!("TAP '{}' AS t", path.display()));
    assert_eq!(
        told,
        "tapped t · parquet, 9 columns · event time made (timestamps with zone, detected)\n  \
         goes forward in 85 % of steps\n\
         watermark event_time - 500 ms: of 250 sampled records the latest came 400 ms late\n  \
         made goes from 2026-01-01 00:00:00.000 to 2026-01-01 00:04:09.000 in 250 rows of 1 file, as their footers say\n\
         0 records could not be read · definition: SHOW CREATE TABLE t;\n"
    );
    let declared = said(&mut room.session, "SHOW CREATE TABLE t");
    for line in [
        "`id` BIGINT NOT NULL",
        "`symbol` STRING",
        "`price` DECIMAL(9, 2)",
        "`wide` DECIMAL(20, 0)",
        "`ratio` DOUBLE",
        "`open` BOOLEAN",
        "`tags` ARRAY<BIGINT>",
        "`place` ROW<`city` STRING, `zip` INT NOT NULL>",
        "`made` TIMESTAMP_LTZ(6)",
        "`event_time` AS CAST(`made` AS TIMESTAMP_LTZ(3))",
        "WATERMARK FOR `event_time` AS `event_time` - INTERVAL '0.500' SECOND",
        "'format' = 'parquet'",
    ] {
        assert!(declared.contains(line), "{line} is not in {declared}");
    }
    super::assert_runs_again(&mut room.session, &declared);
}

#[test]
fn all_files_of_a_folder_are_one_table() {
    let mut room = room();
    let folder = room.folder.path().join("days");
    std::fs::create_dir(&folder).expect("a folder");
    let day = |name: &str, from: i64, more: bool| {
        let mut columns = vec![column("ts", false, Int64Array::from(moments(from, 120)))];
        let note = StringArray::from(vec!["x"; 120]);
        columns.extend(more.then(|| column("note", false, note)));
        write(&folder.join(name), columns, true);
    };
    day("2.parquet", 86_400, true);
    day("1.parquet", 0, false);
    let pattern = format!("{}/*.parquet", folder.display());
    for (name, place) in [("matching", pattern), ("days", folder.display().to_string())] {
        let told = said(&mut room.session, &format!("TAP '{place}' AS {name}"));
        assert!(told.contains("event time ts (epoch milliseconds, detected)"), "{told}");
        assert!(
            told.contains("from 2026-01-01 00:00:00.000 to 2026-01-02 00:01:59.000 in 240 rows of 2 files"),
            "{told}"
        );
        let declared = said(&mut room.session, &format!("SHOW CREATE TABLE {name}"));
        assert!(declared.contains("`ts` BIGINT NOT NULL"), "{declared}");
        assert!(declared.contains("`note` STRING,"), "the first file lacks it: {declared}");
    }
    let advice = said(&mut room.session, "ADVISE WATERMARK days");
    assert!(advice.contains("advised"), "{advice}");
    std::fs::write(folder.join("3.parquet"), b"PAR1 and nothing behind it").expect("writes");
    let told = said(&mut room.session, &format!("TAP '{}' AS days", folder.display()));
    assert!(told.contains("3.parquet cannot be read as Parquet"), "{told}");
}

#[test]
fn without_statistics_the_rows_tell() {
    let mut room = room();
    let path = room.folder.path().join("bare.parquet");
    let columns = vec![
        column("sold_at", true, Int64Array::from(moments(0, 200).iter().map(|at| at / 1_000).collect::<Vec<_>>())),
        column("amount", true, Int64Array::from_iter_values(0..200)),
    ];
    write(&path, columns, false);
    let told = said(&mut room.session, &format!("TAP '{}'", path.display()));
    assert!(told.contains("event time sold_at (epoch seconds, detected)"), "{told}");
    assert!(!told.contains("footers"), "{told}");
    let peeked = said(&mut room.session, &format!("PEEK '{}'", path.display()));
    assert!(peeked.contains("rows and no records") && peeked.contains("TAP them"), "{peeked}");
    let listed = said(&mut room.session, &format!("SHOW TOPICS IN '{}'", path.display()));
    assert!(listed.contains("parquet"), "{listed}");
}

#[test]
fn files_that_disagree_are_named() {
    let mut room = room();
    let folder = room.folder.path().join("mixed");
    std::fs::create_dir(&folder).expect("a folder");
    write(&folder.join("a.parquet"), vec![column("v", true, Int64Array::from(vec![1]))], true);
    write(&folder.join("b.parquet"), vec![column("v", true, StringArray::from(vec!["one"]))], true);
    let told = said(&mut room.session, &format!("TAP '{}' AS mixed", folder.display()));
    assert!(told.contains("the column 'v' cannot be read as declared"), "{told}");
}
