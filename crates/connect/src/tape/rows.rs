//! Taps that give rows and no records (`datagen`, Parquet files), as records: each row becomes one record, a JSON
//! object with all columns of the tap, so that a tape of them can be recorded, replayed, looked at and sent like any
//! other. JSON loses nothing of what a column of SQL can hold, but for maps whose keys are no text,
//! which are refused.

use std::time::Duration;

use millstream_record::{
    Arrival, Batch, Browse, Column, Error, Fetched, Millis, Options, Origin, Poll, Positions, RawPoll, RawReader,
    RawRecords, RawScan, RawStart, Reader, Received, Rejected, Result, Scan, Source, Stop, TopicInfo,
};

use super::chunk::segments;
use crate::format::{Encode, FORMAT_OPTIONS};

/// So many rows are taken at a time.
const BATCH: usize = 4096;

/// Reads the rows of a source as records.
pub struct RowBrowse {
    name: String,
    source: Box<dyn Source>,
    columns: Vec<Column>,
}

/// The format in which rows are recorded, and the columns as a decoder of it finds them.
pub fn row_format(columns: &[Column]) -> Result<(Vec<Column>, Options)> {
    let options = Options::check([("format", "json")], &[FORMAT_OPTIONS]).map_err(Error::from)?;
    let column = |column: &Column| Column { origin: Origin::Payload, ..column.clone() };
    Ok((columns.iter().map(column).collect(), options))
}

impl RowBrowse {
    /// The rows of a source with these columns, all of which must be types that JSON can say.
    pub fn new(name: &str, source: Box<dyn Source>, columns: &[Column]) -> Result<RowBrowse> {
        let (columns, options) = row_format(columns)?;
        Encode::new(&columns, &[], &options)?;
        Ok(RowBrowse { name: name.into(), source, columns })
    }
}

impl Browse for RowBrowse {
    fn topics(&self, _: &Stop) -> Result<Vec<TopicInfo>> {
        let (name, partitions, glimpse) = (self.name.clone(), 1, Vec::new());
        Ok(vec![TopicInfo { name, partitions, records: None, bytes: None, newest: None, glimpse }])
    }

    fn read(&self, scan: &RawScan) -> Result<Box<dyn RawReader>> {
        let resume = match &scan.start {
            RawStart::Positions(from) => Some(from.clone()),
            RawStart::Timestamp(_) => {
                let reason = "rows have no time at which they were written: leave FROM TIMESTAMP out";
                return Err(Error::Invalid(format!("'{}' gives rows: {reason}", self.name)));
            }
            RawStart::Earliest | RawStart::Latest | RawStart::Newest(_) => None,
        };
        let columns = (0..self.columns.len()).collect();
        let reader = self.source.open(Scan { columns, resume, batch_rows: BATCH, stop: scan.stop.clone() })?;
        let (columns, options) = row_format(&self.columns)?;
        Ok(Box::new(RowReader { reader, encode: Encode::new(&columns, &[], &options)?, pieces: 0 }))
    }
}

struct RowReader {
    reader: Box<dyn Reader>,
    encode: Encode,
    /// How many pieces came: they arrived in this order.
    pieces: u64,
}

impl RawReader for RowReader {
    fn poll(&mut self, wait: Duration) -> Result<RawPoll> {
        Ok(match self.reader.poll(wait)? {
            Poll::Partition(partition) => RawPoll::Partition(partition),
            Poll::Rows(fetched) => RawPoll::Records(self.received(fetched)?),
            Poll::Nothing | Poll::PartitionEnd(_) => RawPoll::Nothing,
            Poll::Stalled(reason) => RawPoll::Stalled(reason),
            Poll::End => RawPoll::End,
        })
    }

    fn positions(&self) -> Positions {
        self.reader.positions()
    }
}

impl RowReader {
    /// Rows as records. They arrive when they are read; those that could not be read keep their place with what is
    /// known of their bytes, and cannot be read in a replay either.
    fn received(&mut self, fetched: Fetched) -> Result<Received> {
        let end = self.reader.positions().get(&fetched.partition).map_or(fetched.records as i64, |end| end.0);
        let refused: Vec<&Rejected> = fetched.rejected.iter().collect();
        let is_refused = |offset: &i64| refused.iter().any(|rejected| rejected.offset.0 == *offset);
        let rows: Vec<i64> = (end - fetched.records as i64..end).filter(|offset| !is_refused(offset)).collect();
        let encoded = self.encode.apply(&Batch::insert(fetched.rows.clone()))?;
        let read = rows.iter().copied().zip(encoded.values.iter());
        let mut all: Vec<(i64, Option<&[u8]>)> =
            read.chain(refused.iter().map(|rejected| (rejected.offset.0, Some(rejected.bytes.as_slice())))).collect();
        all.sort_by_key(|(offset, _)| *offset);
        let mut records = RawRecords::new(fetched.partition.clone());
        records.values = segments(all.iter().map(|(_, value)| *value));
        records.offsets = all.iter().map(|(offset, _)| *offset).collect();
        let rank = self.pieces;
        self.pieces += 1;
        // The recorder's clock knows nothing later than now.
        let arrival = |place| Arrival { rank, place, at: Millis::MAX };
        Ok(Received { arrivals: (0..all.len() as u64).map(arrival).collect(), records })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray,
        RecordBatch, StringArray, StructArray, Time32MillisecondArray, TimestampNanosecondArray,
    };
    use arrow::datatypes::{DataType, Field, Fields, Int64Type, Schema, SchemaRef};
    use millstream_record::{Offset, PartitionId};

    use super::*;
    use crate::format::Decode;

    /// A batch of three rows of the types that SQL has, with all that is special about them.
    fn batch() -> RecordBatch {
        let inner: Fields = vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)].into();
        let of_struct: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(1), None, Some(i64::MIN)])),
            Arc::new(StringArray::from(vec![Some("\"\\\u{1b}\u{202e}"), Some(""), None])),
        ];
        let list = vec![Some(vec![Some(1), None]), Some(vec![]), None];
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("flag", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
            ("big", Arc::new(Int64Array::from(vec![i64::MAX, i64::MIN, 0]))),
            ("real", Arc::new(Float64Array::from(vec![f64::NAN, f64::NEG_INFINITY, 0.1 + 0.2]))),
            (
                "money",
                Arc::new(Decimal128Array::from(vec![1, -99_999, 0]).with_precision_and_scale(10, 2).expect("fits")),
            ),
            ("text", Arc::new(StringArray::from(vec![Some("ä\n"), None, Some("null")]))),
            ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(&[0, 255]), None, Some(&[])]))),
            ("day", Arc::new(Date32Array::from(vec![0, -1, 20_000]))),
            ("clock", Arc::new(Time32MillisecondArray::from(vec![0, 1, 86_399_999]))),
            ("at", Arc::new(TimestampNanosecondArray::from(vec![0, -1, 1_767_225_600_123_456_789]))),
            ("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(list))),
            ("row", Arc::new(StructArray::new(inner, of_struct, Some(vec![true, true, false].into())))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
            .expect("of one length")
    }

    struct Given(RecordBatch);

    impl Source for Given {
        fn schema(&self) -> SchemaRef {
            self.0.schema()
        }

        fn bounded(&self) -> bool {
            true
        }

        fn open(&self, scan: Scan) -> Result<Box<dyn Reader>> {
            let next = scan.resume.and_then(|at| at.values().next().copied()).unwrap_or(Offset(0));
            Ok(Box::new(GivenReader { rows: self.0.clone(), next: next.0 as usize }))
        }
    }

    struct GivenReader {
        rows: RecordBatch,
        next: usize,
    }

    impl Reader for GivenReader {
        /// A row at a time; instead of the second, that it cannot be read.
        fn poll(&mut self, _: Duration) -> Result<Poll> {
            let (row, partition) = (self.next, PartitionId::new("given", 0));
            self.next += 1;
            if row >= self.rows.num_rows() {
                return Ok(Poll::End);
            }
            let bad = Rejected::new(partition.clone(), Offset(row as i64), "no", b"no row");
            let (rows, rejected) = if row == 1 { (0, vec![bad]) } else { (1, Vec::new()) };
            let rows = self.rows.slice(row, rows);
            Ok(Poll::Rows(Fetched { partition, rows, kinds: None, rejected, records: 1, bytes: 0, duplicate_keys: 0 }))
        }

        fn positions(&self) -> Positions {
            Positions::from([(PartitionId::new("given", 0), Offset(self.next as i64))])
        }
    }

    fn columns(schema: &Schema) -> Vec<Column> {
        let column = |field: &Arc<Field>| Column {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            nullable: true,
            origin: Origin::Metadata("offset".into()),
        };
        schema.fields().iter().map(column).collect()
    }

    #[test]
    fn rows_of_every_type_come_back_and_those_that_could_not_be_read_keep_their_place() {
        let rows = batch();
        let columns = columns(rows.schema_ref());
        let browse = RowBrowse::new("given", Box::new(Given(rows.clone())), &columns).expect("fits");
        let start = |start| RawScan { start, ..RawScan::default() };
        let mut reader = browse.read(&start(RawStart::Earliest)).expect("opens");
        let (decoded_as, options) = row_format(&columns).expect("fits");
        let (mut seen, mut refused) = (Vec::new(), Vec::new());
        while let RawPoll::Records(received) = reader.poll(Duration::ZERO).expect("reads") {
            assert_eq!(received.arrivals.len(), received.records.len());
            let scan = Scan {
                columns: (0..columns.len()).collect(),
                resume: None,
                batch_rows: usize::MAX,
                stop: Stop::default(),
            };
            let mut decode = Decode::new("given", &decoded_as, &scan, &options).expect("fits");
            let fetched = decode.apply(received.records).expect("decodes");
            refused.extend(fetched.rejected.iter().map(|rejected| (rejected.offset.0, rejected.bytes.clone())));
            seen.extend((fetched.rows.num_rows() > 0).then_some(fetched.rows));
        }
        assert_eq!(refused, [(1, b"no row".to_vec())]);
        assert_eq!(seen, [rows.slice(0, 1), rows.slice(2, 1)]);
        let on = RawStart::Positions(Positions::from([(PartitionId::new("given", 0), Offset(2))]));
        let mut reader = browse.read(&start(on)).expect("opens");
        match reader.poll(Duration::ZERO).expect("reads") {
            RawPoll::Records(received) => assert_eq!(received.records.offsets, [2]),
            other => panic!("{other:?}"),
        }
        let refused = browse.read(&start(RawStart::Timestamp(Millis(0)))).err().expect("no times").to_string();
        assert!(refused.contains("rows have no time at which they were written"), "{refused}");
    }
}
