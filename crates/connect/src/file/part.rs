//! A chunk of a file, decoded: what the threads of the pool do.

use std::sync::Arc;

use arrow::array::RecordBatch;
use millstream_record::{Column, Fetched, Offset, Options, PartitionId, Rejected, Result, Scan};

use super::chunk::Chunk;
use super::lines::Framing;
use crate::format::{Decode, RawRecords, Segments};

/// Rows of a file, and the position behind them.
pub(super) struct Piece {
    pub(super) fetched: Fetched,
    pub(super) next: Offset,
}

/// The partition that a file is.
pub(super) fn partition(path: &str) -> PartitionId {
    PartitionId::new(path, 0)
}

/// Decodes chunks.
pub(super) struct ChunkDecoder {
    name: String,
    columns: Arc<[Column]>,
    scan: Scan,
    options: Options,
    framing: Framing,
    most_record_bytes: usize,
    decode: Decode,
    /// The header for which `decode` was made.
    header: Option<Arc<[String]>>,
}

impl ChunkDecoder {
    pub(super) fn new(
        name: &str,
        columns: &Arc<[Column]>,
        scan: &Scan,
        options: &Options,
        (framing, most_record_bytes): (Framing, usize),
    ) -> Result<ChunkDecoder> {
        let decode = Decode::new(name, columns, scan, options)?;
        let (name, columns, scan, options) = (name.to_string(), columns.clone(), scan.clone(), options.clone());
        Ok(ChunkDecoder { name, columns, scan, options, framing, most_record_bytes, decode, header: None })
    }

    /// The rows of a chunk, in pieces of at most so many rows as the scan wants.
    pub(super) fn decode(&mut self, mut chunk: Chunk) -> Result<Vec<Piece>> {
        if chunk.header != self.header {
            let names = chunk.header.as_deref();
            self.decode = Decode::with_header(&self.name, &self.columns, &self.scan, &self.options, names)?;
            self.header = chunk.header.clone();
        }
        if chunk.too_long.is_some() {
            return Ok(vec![self.too_long(&chunk)?]);
        }
        let records = chunk.cut(&self.framing);
        let end = Offset(chunk.end());
        if records.len() <= self.scan.batch_rows {
            let bytes = std::mem::take(&mut chunk.bytes);
            return Ok(vec![self.piece(&chunk, chunk.offset, bytes, records, end)?]);
        }
        let groups = records.chunks(self.scan.batch_rows.max(1));
        let starts = groups.clone().skip(1).map(|group| group[0].0 as usize).chain([chunk.bytes.len()]);
        let mut pieces = Vec::with_capacity(groups.len());
        let mut from = 0;
        for (group, until) in groups.zip(starts) {
            let shift = |&(start, end): &(u32, u32)| (start - from as u32, end - from as u32);
            let (records, bytes) = (group.iter().map(shift).collect(), chunk.bytes[from..until].to_vec());
            let offset = chunk.offset + from as i64;
            pieces.push(self.piece(&chunk, offset, bytes, records, Offset(chunk.offset + until as i64))?);
            from = until;
        }
        Ok(pieces)
    }

    fn piece(
        &mut self,
        chunk: &Chunk,
        offset: i64,
        bytes: Vec<u8>,
        records: Vec<(u32, u32)>,
        next: Offset,
    ) -> Result<Piece> {
        let offsets = records.iter().map(|(start, _)| offset + i64::from(*start)).collect();
        let raw = RawRecords {
            values: Segments::from_spans(bytes, records),
            offsets,
            file: Some(chunk.file.clone()),
            ..RawRecords::new(partition(&chunk.file.path))
        };
        Ok(Piece { fetched: self.decode.apply(raw)?, next })
    }

    /// No rows, and one refused record, of which the chunk has only the beginning.
    fn too_long(&mut self, chunk: &Chunk) -> Result<Piece> {
        let length = chunk.too_long.unwrap_or_default();
        let empty = self.decode.apply(RawRecords::new(partition(&chunk.file.path)))?;
        let reason = format!("the record is {length} bytes long; max-record-bytes allows {}", self.most_record_bytes);
        let rejected = Rejected::new(partition(&chunk.file.path), Offset(chunk.offset), reason, &chunk.bytes);
        let fetched = Fetched {
            rejected: vec![Rejected { length, ..rejected }],
            records: 1,
            bytes: length as u64,
            rows: RecordBatch::new_empty(empty.rows.schema()),
            ..empty
        };
        Ok(Piece { fetched, next: Offset(chunk.end()) })
    }
}
