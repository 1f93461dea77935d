//! From chunks to rows: the records of one tap in a chunk, decoded with the columns, the format and the options
//! of the tap, in the order of the tape. Each row knows the record that it came from, so that a replay can
//! stop between any two records, and a result can be traced to its records.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow::compute::{cast, concat, concat_batches, take};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use millstream_record::{
    Column, Fetched, Kind, Kinds, Millis, Offset, Options, Origin, PartitionId, RawRecords, Rejected, Result, Scan,
    Stop,
};

use super::chunk::{Chunk, Part, segments};
use crate::format::settings::field_of;
use crate::format::{Decode, metadata};

/// The name of the column that tells from which record a row came; no table can have it.
const RECORD: &str = "\u{0}record";

/// Decodes the records of one tap.
pub struct FrameDecoder {
    name: String,
    columns: Vec<Column>,
    options: Options,
    scan: Scan,
    /// Where the values of each physical column come from.
    places: Vec<Place>,
    schema: SchemaRef,
    /// The decoder in use, and the header of the file for which it was made.
    decode: Option<(Option<Arc<[String]>>, Decode)>,
}

/// Where the values of a column come from.
enum Place {
    /// From the records, decoded: the number of the decoded column.
    Records(usize),
    /// From the log of the record: the key of the metadata.
    Log(String),
    /// Nobody reads it.
    Nowhere,
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
    pub fn rows_of(&self, index: usize) -> Range<usize> {
        let start = index.checked_sub(1).map_or(0, |before| self.records[before].rows_until);
        start..self.records[index].rows_until
    }
}

/// Whether a metadata column says where a record stands and not what it holds.
fn is_of_log(column: &Column) -> Option<&str> {
    column.origin.metadata().filter(|key| !matches!(*key, "timestamp" | "key" | "headers"))
}

impl FrameDecoder {
    /// A decoder of those physical columns that stand in `wanted`; `options` are those of the format
    /// ([`millstream_record::Connector::format`]).
    pub fn new(name: &str, columns: &[Column], wanted: &[usize], options: &Options) -> Result<FrameDecoder> {
        let (mut scanned, mut places) = (Vec::with_capacity(wanted.len() + 1), Vec::with_capacity(columns.len()));
        for (index, column) in columns.iter().enumerate() {
            places.push(match is_of_log(column) {
                _ if !wanted.contains(&index) => Place::Nowhere,
                Some(key) => Place::Log(metadata::known(key, name)?),
                None => {
                    scanned.push(index);
                    Place::Records(scanned.len() - 1)
                }
            });
        }
        scanned.push(columns.len());
        let mut all = columns.to_vec();
        let origin = Origin::Metadata("offset".into());
        all.push(Column { name: RECORD.into(), data_type: DataType::Int64, nullable: false, origin });
        let scan = Scan { columns: scanned, resume: None, batch_rows: usize::MAX, stop: Stop::default() };
        let field = |(column, place): (&Column, &Place)| match place {
            Place::Nowhere => Field::new(&column.name, column.data_type.clone(), true),
            _ => field_of(column),
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

    /// The records of the tap with number `recorded` in a chunk of a tape. They are decoded in the order of the
    /// tape, all at once: nothing is to be sorted or copied afterwards.
    pub fn frames(&mut self, mut chunk: Chunk, recorded: usize) -> Result<Frames> {
        let own: Vec<usize> =
            (0..chunk.parts.len()).filter(|part| chunk.parts[*part].about.recorded == recorded).collect();
        let mut seats = vec![usize::MAX; chunk.parts.len()];
        own.iter().enumerate().for_each(|(seat, part)| seats[*part] = seat);
        let mut places: Vec<(u32, u32)> = Vec::with_capacity(chunk.count());
        places.extend(chunk.places().iter().filter(|(part, _)| seats[*part as usize] < own.len()));
        let mut records = frames(&chunk, &places, &seats);
        let runs = runs(&chunk.parts, &places);
        let mut decoded = Vec::with_capacity(runs.len());
        for run in &runs {
            let header = chunk.parts[places[run.start].0 as usize].about.header.clone();
            let decode = self.decode(header.as_ref())?;
            let raw = raw(&mut chunk, &places[run.clone()], run.start, decode);
            decoded.push(decode.apply(raw)?);
        }
        let origins = number_rows(&mut records, &decoded);
        let rows = self.rows(&decoded, &origins, &chunk.parts, &places, &records)?;
        let kinds = decoded.iter().any(|run| run.kinds.is_some()).then(|| {
            let kind = |run: &Fetched, row| run.kinds.as_ref().map_or(Kind::Insert, |kinds| kinds.get(row));
            Kinds::new(decoded.iter().flat_map(|run| (0..run.rows.num_rows()).map(move |row| kind(run, row))))
        });
        let duplicate_keys = decoded.iter().map(|run| run.duplicate_keys).sum();
        let partitions: Vec<PartitionId> = own.iter().map(|part| chunk.parts[*part].about.partition.clone()).collect();
        let placed = |rejected: Rejected| {
            let record = rejected.offset.0 as usize;
            let Frame { partition, offset, .. } = records[record];
            (record, Rejected { partition: partitions[partition].clone(), offset: Offset(offset), ..rejected })
        };
        let rejected = decoded.into_iter().flat_map(|run| run.rejected).map(placed).collect();
        Ok(Frames { rows, kinds, partitions, rejected, duplicate_keys, records })
    }

    /// The rows with all physical columns; `origins` are the indices of the records from which they came.
    fn rows(
        &self,
        decoded: &[Fetched],
        origins: &[u32],
        parts: &[Part],
        places: &[(u32, u32)],
        records: &[Frame],
    ) -> Result<RecordBatch> {
        let rows = match decoded {
            [] => None,
            [one] => Some(one.rows.clone()),
            [first, ..] => Some(concat_batches(first.rows.schema_ref(), decoded.iter().map(|run| &run.rows))?),
        };
        let part_of = |record: &u32| places[*record as usize].0;
        let column = |(field, place): (&Arc<Field>, &Place)| -> Result<ArrayRef> {
            Ok(match (place, &rows) {
                (Place::Records(column), Some(rows)) => rows.column(*column).clone(),
                (Place::Log(key), Some(_)) if key == "offset" => {
                    let offsets = origins.iter().map(|record| records[*record as usize].offset);
                    cast(&Int64Array::from_iter_values(offsets), field.data_type())?
                }
                (Place::Log(key), Some(_)) => {
                    let of_each = of_logs(key, parts, field.data_type())?;
                    take(&of_each, &UInt32Array::from_iter_values(origins.iter().map(part_of)), None)?
                }
                _ => new_null_array(field.data_type(), origins.len()),
            })
        };
        let columns = self.schema.fields().iter().zip(&self.places).map(column).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(origins.len()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }
}

/// The records at these places, without their rows; each part has a seat among the partitions.
fn frames(chunk: &Chunk, places: &[(u32, u32)], seats: &[usize]) -> Vec<Frame> {
    let frame = |&(part, index): &(u32, u32)| {
        let (number, index) = (part as usize, index as usize);
        let part = &chunk.parts[number];
        Frame {
            number: chunk.first + part.places[index],
            partition: seats[number],
            offset: part.offsets[index],
            at: part.times[index],
            rows_until: 0,
            bytes: chunk.payload_bytes(number, index),
        }
    };
    places.iter().map(frame).collect()
}

/// Stretches of these places that one decoder reads: its fields have the same names.
fn runs(parts: &[Part], places: &[(u32, u32)]) -> Vec<Range<usize>> {
    let header = |place: &(u32, u32)| parts[place.0 as usize].about.header.as_ref();
    let same = |left: &(u32, u32), right: &(u32, u32)| left.0 == right.0 || header(left) == header(right);
    let mut start = 0;
    let run = |run: &[(u32, u32)]| {
        start += run.len();
        start - run.len()..start
    };
    places.chunk_by(same).map(run).collect()
}

/// The records at these places as a decoder takes them. Their offsets are their numbers, from `first` on, by which
/// rows and refusals are told apart afterwards.
fn raw(chunk: &mut Chunk, places: &[(u32, u32)], first: usize, decode: &Decode) -> RawRecords {
    // All of the chunk are taken as they lie there.
    let whole = (places.len() == chunk.count()).then(|| std::mem::take(&mut chunk.values));
    let part = |place: &(u32, u32)| &chunk.parts[place.0 as usize];
    let record = |place: &(u32, u32)| chunk.record(place.0 as usize, place.1 as usize);
    let headers = |place: &(u32, u32)| part(place).headers(place.1 as usize).to_vec();
    RawRecords {
        values: whole.unwrap_or_else(|| segments(places.iter().map(|place| record(place).value))),
        keys: decode
            .reads_keys()
            .then(|| segments(places.iter().map(|place| chunk.key(place.0 as usize, place.1 as usize)))),
        offsets: (first as i64..(first + places.len()) as i64).collect(),
        timestamps: Some(places.iter().map(|place| part(place).timestamps[place.1 as usize]).collect()),
        headers: decode.reads_headers().then(|| places.iter().map(headers).collect()),
        header: part(&places[0]).about.header.clone(),
        ..RawRecords::new(part(&places[0]).about.partition.clone())
    }
}

/// Tells each record how many rows came of it and of all before it; the record of each row.
fn number_rows(records: &mut [Frame], decoded: &[Fetched]) -> Vec<u32> {
    let mut origins = Vec::with_capacity(records.len());
    for run in decoded {
        let numbers = run.rows.column(run.rows.num_columns() - 1).as_primitive::<Int64Type>();
        origins.extend(numbers.values().iter().map(|&record| record as u32));
    }
    let mut row = 0;
    for (number, record) in (0u32..).zip(records) {
        while origins.get(row) == Some(&number) {
            row += 1;
        }
        record.rows_until = row;
    }
    origins
}

/// What every record of a log has in common, of each log.
fn of_logs(key: &str, parts: &[Part], data_type: &DataType) -> Result<ArrayRef> {
    let one = |part: &Part| {
        let raw = RawRecords {
            offsets: vec![0],
            timestamp_type: part.about.timestamp_type,
            file: part.about.file.clone(),
            ..RawRecords::new(part.about.partition.clone())
        };
        metadata::column(key, &raw, data_type)
    };
    let each = parts.iter().map(one).collect::<Result<Vec<ArrayRef>>>()?;
    Ok(concat(&each.iter().map(AsRef::as_ref).collect::<Vec<_>>())?)
}
