//! A sample as a source: the records that a tap has kept, decoded with the columns, the format and the
//! options of its table, metadata columns included. A preview runs over it exactly as over the topic; that
//! it ends is the only difference.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Schema, SchemaRef};
use millstream_record::{
    Column, Offset, Options, PartitionId, Poll, Positions, RawRecords, Reader, Result, Sample, Scan, Source, Stop,
};

use crate::format::Decode;
use crate::format::settings::field_of;

/// A table over kept records.
pub struct SampleSource {
    name: String,
    columns: Vec<Column>,
    options: Options,
    sample: Arc<Sample>,
}

impl SampleSource {
    /// The table `name` with `columns` over `sample`; `options` are those of the format
    /// ([`millstream_record::Connector::format`]).
    pub fn new(name: &str, columns: &[Column], options: &Options, sample: Arc<Sample>) -> Result<SampleSource> {
        let source = SampleSource { name: name.into(), columns: columns.to_vec(), options: options.clone(), sample };
        let all = Scan { columns: (0..columns.len()).collect(), resume: None, batch_rows: 1, stop: Stop::default() };
        source.decode(&all, None)?;
        Ok(source)
    }

    fn decode(&self, scan: &Scan, header: Option<&[String]>) -> Result<Decode> {
        Decode::with_header(&self.name, &self.columns, scan, &self.options, header)
    }
}

impl Source for SampleSource {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(field_of).collect::<Vec<_>>()))
    }

    fn bounded(&self) -> bool {
        true
    }

    fn has_kinds(&self) -> bool {
        Decode::has_kinds(&self.options)
    }

    fn open(&self, scan: Scan) -> Result<Box<dyn Reader>> {
        let decode = self.decode(&scan, None)?;
        let from = scan.resume.clone().unwrap_or_default();
        // A change of a database may become two rows.
        let records = if self.has_kinds() { scan.batch_rows / 2 } else { scan.batch_rows };
        let pieces = self.sample.pieces(records.max(1), &from).collect();
        let partitions = self.sample.partitions().to_vec();
        let mut positions: Positions = partitions.iter().map(|partition| (partition.clone(), Offset(0))).collect();
        positions.extend(from);
        let source = SampleSource {
            columns: self.columns.clone(),
            name: self.name.clone(),
            options: self.options.clone(),
            sample: self.sample.clone(),
        };
        Ok(Box::new(SampleReader {
            source,
            scan,
            decode,
            header: None,
            partitions,
            announced: 0,
            ended: 0,
            pieces,
            positions,
        }))
    }
}

struct SampleReader {
    source: SampleSource,
    scan: Scan,
    decode: Decode,
    /// The header for which `decode` was made.
    header: Option<Arc<[String]>>,
    partitions: Vec<PartitionId>,
    announced: usize,
    ended: usize,
    pieces: VecDeque<RawRecords>,
    positions: Positions,
}

impl Reader for SampleReader {
    fn poll(&mut self, _: Duration) -> Result<Poll> {
        if let Some(partition) = self.partitions.get(self.announced) {
            self.announced += 1;
            return Ok(Poll::Partition(partition.clone()));
        }
        if let Some(records) = self.pieces.pop_front() {
            if records.header != self.header {
                self.decode = self.source.decode(&self.scan, records.header.as_deref())?;
                self.header = records.header.clone();
            }
            let next = records.offsets.last().map_or(0, |last| last + 1);
            self.positions.insert(records.partition.clone(), Offset(next));
            return Ok(Poll::Rows(self.decode.apply(records)?));
        }
        if let Some(partition) = self.partitions.get(self.ended) {
            self.ended += 1;
            return Ok(Poll::PartitionEnd(partition.clone()));
        }
        Ok(Poll::End)
    }

    fn positions(&self) -> Positions {
        self.positions.clone()
    }

    fn lag(&self) -> Option<u64> {
        Some(self.pieces.iter().map(|piece| piece.len() as u64).sum())
    }
}
