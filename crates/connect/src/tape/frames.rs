//! From chunks to rows: the records of one tap in a chunk, decoded with the columns, the format and the options
//! of the tap, in the order of the tape. Each row knows the record that it came from, so that a replay can
//! stop between any two records, and a result can be traced to its records.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use millstream_record::{
    Column, Error, Fetched, Kind, Kinds, Millis, Options, Origin, PartitionId, Rejected, Result, Scan, Stop,
};

use super::chunk::{Chunk, Part, payload_bytes};
use super::meta::Log;
use crate::format::Decode;
use crate::format::settings::field_of;

/// The name of the column that tells rows from which record they came; no table can have it.
const PLACE: &str = "\u{0}offset";

/// Decodes the records of one tap.
pub struct FrameDecoder {
    name: String,
    columns: Vec<Column>,
    options: Options,
    scan: Scan,
    /// Where each physical column stands among the decoded ones.
    places: Vec<Option<usize>>,
    schema: SchemaRef,
    /// The decoder in use, and the header of the file for which it was made.
    decode: Option<(Option<Arc<[String]>>, Decode)>,
}

/// The records of one tap in a chunk, in the order of the tape.
#[derive(Clone, Debug)]
pub struct Frames {
    /// The records.
    pub records: Vec<Frame>,
    /// The rows that came of them, with all physical columns; those that were not wanted are null.
    pub rows: RecordBatch,
    /// The kind of each row, or `None` when all are insertions.
    pub kinds: Option<Kinds>,
    /// The partitions of the records.
    pub partitions: Vec<PartitionId>,
    /// What could not be read, with the index of the record.
    pub rejected: Vec<(usize, Rejected)>,
    /// How many keys stood more than once in their JSON object.
    pub duplicate_keys: u64,
}

/// A record on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number on the tape.
    pub number: u64,
    /// Which of the partitions.
    pub partition: usize,
    /// Its offset there.
    pub offset: i64,
    /// When it arrived.
    pub at: Millis,
    /// How many rows of the frames came of it and of all before it.
    pub rows_until: usize,
    /// Bytes of its key, value and headers.
    pub bytes: u64,
}

impl Frames {
    /// The rows of the record at `index`.
    pub fn rows_of(&self, index: usize) -> std::ops::Range<usize> {
        let start = index.checked_sub(1).map_or(0, |before| self.records[before].rows_until);
        start..self.records[index].rows_until
    }
}

impl FrameDecoder {
    /// A decoder of those physical columns that stand in `wanted`; `options` are those of the format
    /// ([`millstream_record::Connector::format`]).
    pub fn new(name: &str, columns: &[Column], wanted: &[usize], options: &Options) -> Result<FrameDecoder> {
        let mut all = columns.to_vec();
        let origin = Origin::Metadata("offset".into());
        all.push(Column { name: PLACE.into(), data_type: DataType::Int64, nullable: false, origin });
        let mut scanned: Vec<usize> = wanted.to_vec();
        scanned.push(columns.len());
        let scan = Scan { columns: scanned, resume: None, batch_rows: usize::MAX, stop: Stop::default() };
        let places: Vec<Option<usize>> =
            (0..columns.len()).map(|column| wanted.iter().position(|&wanted| wanted == column)).collect();
        let field = |(column, place): (&Column, &Option<usize>)| match place {
            Some(_) => field_of(column),
            None => Field::new(&column.name, column.data_type.clone(), true),
        };
        let schema = Arc::new(Schema::new(columns.iter().zip(&places).map(field).collect::<Vec<_>>()));
        let (name, options) = (name.to_string(), options.clone());
        let mut decoder = FrameDecoder { name, columns: all, options, scan, places, schema, decode: None };
        // What is wrong with the options is said now.
        decoder.decode(None)?;
        Ok(decoder)
    }

    fn decode(&mut self, header: Option<&Arc<[String]>>) -> Result<&mut Decode> {
        let fits = self.decode.as_ref().is_some_and(|(made_for, _)| made_for.as_ref() == header);
        if !fits {
            let names = header.map(|names| &**names);
            let decode = Decode::with_header(&self.name, &self.columns, &self.scan, &self.options, names)?;
            self.decode = Some((header.cloned(), decode));
        }
        Ok(&mut self.decode.as_mut().expect("it was put there a line ago").1)
    }

    /// The records of the tap with number `recorded` in a chunk of a tape with these logs.
    pub fn frames(&mut self, chunk: &Chunk, recorded: usize, logs: &[Log]) -> Result<Frames> {
        let own = |part: &&Part| logs.get(part.log).is_some_and(|log| log.recorded == recorded);
        let parts: Vec<&Part> = chunk.parts.iter().filter(own).collect();
        let mut decoded = Vec::with_capacity(parts.len());
        for part in &parts {
            let records = part.records.clone();
            let fetched = self.decode(part.records.header.as_ref())?.apply(records)?;
            decoded.push(Decoded::of(fetched, part)?);
        }
        self.woven(chunk.first, &parts, decoded)
    }

    /// Lays what was decoded part by part into the order of the tape.
    fn woven(&self, first: u64, parts: &[&Part], decoded: Vec<Decoded>) -> Result<Frames> {
        let mut order: Vec<(u64, usize, usize)> = Vec::new();
        for (part, of) in parts.iter().enumerate() {
            order.extend(of.places.iter().enumerate().map(|(index, &place)| (place, part, index)));
        }
        order.sort_unstable();
        let partitions: Vec<PartitionId> = parts.iter().map(|part| part.records.partition.clone()).collect();
        let (mut records, mut rows, mut rejected) = (Vec::with_capacity(order.len()), Vec::new(), Vec::new());
        for (place, number, index) in order {
            let (part, decoded) = (parts[number], &decoded[number]);
            let own = decoded.rows_of(index);
            rows.extend(own.map(|row| (number, row)));
            if let Ok(at) = decoded.rejected.binary_search_by_key(&index, |(at, _)| *at) {
                rejected.push((records.len(), decoded.rejected[at].1.clone()));
            }
            records.push(Frame {
                number: first + place,
                partition: number,
                offset: part.records.offsets[index],
                at: part.times[index],
                rows_until: rows.len(),
                bytes: payload_bytes(&part.records.record(index)),
            });
        }
        let kinds = decoded.iter().any(|decoded| decoded.kinds.is_some()).then(|| {
            let kind = |&(part, row): &(usize, usize)| {
                decoded[part].kinds.as_ref().map_or(Kind::Insert, |kinds| kinds.get(row))
            };
            Kinds::new(rows.iter().map(kind))
        });
        let duplicate_keys = decoded.iter().map(|decoded| decoded.duplicate_keys).sum();
        let rows = self.rows(&decoded, &rows)?;
        Ok(Frames { records, rows, kinds, partitions, rejected, duplicate_keys })
    }

    /// These rows with all physical columns.
    fn rows(&self, decoded: &[Decoded], order: &[(usize, usize)]) -> Result<RecordBatch> {
        let batches: Vec<&RecordBatch> = decoded.iter().map(|decoded| &decoded.rows).collect();
        let in_order = match batches.as_slice() {
            [] => None,
            [one] => Some((*one).clone()),
            several => Some(interleave_record_batch(several, order)?),
        };
        let column = |(field, place): (&Arc<Field>, &Option<usize>)| -> ArrayRef {
            match (place, &in_order) {
                (Some(place), Some(rows)) => rows.column(*place).clone(),
                _ => new_null_array(field.data_type(), order.len()),
            }
        };
        let columns = self.schema.fields().iter().zip(&self.places).map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(order.len()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }
}

/// What came of one part.
struct Decoded {
    /// The wanted columns, then the offsets.
    rows: RecordBatch,
    kinds: Option<Kinds>,
    /// How many rows came of each record and of all before it.
    until: Vec<usize>,
    /// The index of each record that was refused, rising.
    rejected: Vec<(usize, Rejected)>,
    duplicate_keys: u64,
}

impl Decoded {
    /// Finds the record of each row by its offset: rows come in the order of their records.
    fn of(fetched: Fetched, part: &Part) -> Result<Decoded> {
        let Fetched { rows, kinds, rejected, duplicate_keys, .. } = fetched;
        let offsets = rows.column(rows.num_columns() - 1).as_primitive::<Int64Type>();
        let (mut row, mut until) = (0, Vec::with_capacity(part.records.len()));
        for &offset in &part.records.offsets {
            while row < offsets.len() && offsets.value(row) == offset {
                row += 1;
            }
            until.push(row);
        }
        if row != offsets.len() {
            let place = part.records.partition.to_string();
            let reason = "two of its records have one offset, so rows cannot be told apart".to_string();
            return Err(Error::DataLoss { place, reason });
        }
        let mut numbered = Vec::with_capacity(rejected.len());
        let mut next = 0;
        for record in rejected {
            while part.records.offsets.get(next).is_some_and(|&offset| offset != record.offset.0) {
                next += 1;
            }
            numbered.push((next, record));
            next += 1;
        }
        Ok(Decoded { rows, kinds, until, rejected: numbered, duplicate_keys })
    }

    fn rows_of(&self, index: usize) -> std::ops::Range<usize> {
        index.checked_sub(1).map_or(0, |before| self.until[before])..self.until[index]
    }
}
