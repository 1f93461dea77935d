//! A tap on a tape: its records, chunk by chunk, decoded with the tap's own columns, format and options. Whoever
//! reads one chunk after the other finds the next ones decoded already, on threads of their own.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use millstream_connect::format::DecodePool;
use millstream_connect::tape::{FrameDecoder, Frames, Tape, row_format};
use millstream_plan::Tap;
use millstream_record::{Arrival, Column, Options, PartitionId, Received, Sample};

use crate::fault::Fault;
use crate::session::Session;

/// So many decoded chunks are kept: a step back mostly stays near.
const KEPT: usize = 4;
/// So many threads decode ahead at most; the graph itself takes one.
const MOST_WORKERS: usize = 4;

/// One tap's part of a tape.
pub struct Reel {
    tape: Tape,
    tap: String,
    recorded: usize,
    way: Way,
    decoder: FrameDecoder,
    ahead: Option<Ahead>,
    /// The chunk that was asked for last.
    last: Option<usize>,
    kept: VecDeque<(usize, Arc<Frames>)>,
}

/// What a decoder of the tap is made of.
struct Way {
    columns: Vec<Column>,
    wanted: Vec<usize>,
    options: Options,
}

/// Chunks that are decoded while those before them are played.
struct Ahead {
    pool: DecodePool<usize, Option<Arc<Frames>>>,
    /// Which ones, in order.
    chunks: VecDeque<usize>,
}

/// What came of a chunk; `None` where it is damaged.
type Decoded = millstream_record::Result<Option<Arc<Frames>>>;

/// The number under which a tap was recorded, if it was.
pub fn recorded(tape: &Tape, tap: &Tap) -> Option<usize> {
    tape.meta().recorded.iter().position(|recorded| recorded.tap == tap.name && recorded.connector == tap.connector)
}

impl Way {
    fn decoder(&self, tap: &str) -> millstream_record::Result<FrameDecoder> {
        FrameDecoder::new(tap, &self.columns, &self.wanted, &self.options)
    }
}

impl Reel {
    /// The reel of a tap that was recorded under this number; decodes the columns that are `wanted`.
    pub fn new(session: &Session, tape: &Tape, tap: &Tap, number: usize, wanted: &[usize]) -> Result<Reel, Fault> {
        let (columns, options) = if tape.meta().recorded[number].rows {
            row_format(&tap.physical())?
        } else {
            let (connector, options) = session.outside.opening(tap)?;
            (tap.physical(), connector.format(&options)?)
        };
        let way = Way { columns, wanted: wanted.to_vec(), options };
        let decoder = way.decoder(&tap.name)?;
        let (tape, tap, ahead, last, kept) = (tape.clone(), tap.name.clone(), None, None, VecDeque::new());
        Ok(Reel { tape, tap, recorded: number, way, decoder, ahead, last, kept })
    }

    /// The first rows of the tap, from record `from` of the tape on, by their partitions: at least `most`, if there are
    /// so many.
    pub fn rows(&mut self, from: u64, most: usize) -> Result<Vec<(PartitionId, RecordBatch)>, Fault> {
        let (mut rows, mut count) = (Vec::new(), 0);
        for index in self.tape.chunk_of(from)..self.tape.outlines().len() {
            let Some(frames) = self.frames(index)? else { continue };
            let first = frames.records.partition_point(|record| record.number < from);
            let mut start = first.checked_sub(1).map_or(0, |before| frames.records[before].rows_until);
            count += frames.rows.num_rows() - start;
            let mut places = vec![Vec::new(); frames.partitions.len()];
            for record in &frames.records[first..] {
                places[record.partition].extend(start as u32..record.rows_until as u32);
                start = record.rows_until;
            }
            for (partition, places) in frames.partitions.iter().zip(places).filter(|(_, places)| !places.is_empty()) {
                rows.push((partition.clone(), take_record_batch(&frames.rows, &UInt32Array::from(places))?));
            }
            if count >= most {
                break;
            }
        }
        Ok(rows)
    }

    /// The name of the tap.
    pub fn tap(&self) -> &str {
        &self.tap
    }

    /// All its partitions.
    pub fn partitions(&self) -> Vec<PartitionId> {
        self.tape.meta().partitions(self.recorded)
    }

    /// Its records in a chunk, by the chunk's index; `None` where the chunk is damaged.
    pub fn frames(&mut self, index: usize) -> Result<Option<Arc<Frames>>, Fault> {
        let goes_on = index > 0 && self.last == Some(index - 1);
        self.last = Some(index);
        if let Some((_, frames)) = self.kept.iter().find(|(known, _)| *known == index) {
            return Ok(Some(frames.clone()));
        }
        if goes_on {
            self.read_ahead(index)?;
        }
        let decoded = match self.decoded_ahead(index)? {
            Some(frames) => frames,
            None => decode(&self.tape, &mut self.decoder, self.recorded, index)?,
        };
        if let Some(frames) = &decoded {
            self.kept.push_back((index, frames.clone()));
            self.kept.drain(..self.kept.len().saturating_sub(KEPT));
        }
        Ok(decoded)
    }

    /// Hands the chunks from this one on to the threads, as many as they take.
    fn read_ahead(&mut self, index: usize) -> millstream_record::Result<()> {
        let ahead = match &mut self.ahead {
            Some(ahead) => ahead,
            none => none.insert(Ahead::new(&self.tape, &self.tap, self.recorded, &self.way)?),
        };
        if !ahead.chunks.contains(&index) {
            ahead.forget();
        }
        let mut next = ahead.chunks.back().map_or(index, |last| last + 1).max(index);
        while next < self.tape.outlines().len() && ahead.pool.has_room() {
            ahead.pool.submit(next)?;
            ahead.chunks.push_back(next);
            next += 1;
        }
        Ok(())
    }

    /// What the threads made of a chunk, if it was handed to them; what they made of those before it is dropped.
    fn decoded_ahead(&mut self, index: usize) -> millstream_record::Result<Option<Option<Arc<Frames>>>> {
        let Some(ahead) = &mut self.ahead else { return Ok(None) };
        if !ahead.chunks.contains(&index) {
            return Ok(None);
        }
        while let Some(chunk) = ahead.chunks.front().copied() {
            let decoded = ahead.next()?;
            if chunk == index {
                return Ok(Some(decoded));
            }
        }
        Ok(None)
    }
}

impl Ahead {
    fn new(tape: &Tape, tap: &str, recorded: usize, way: &Way) -> millstream_record::Result<Ahead> {
        let workers = DecodePool::<usize, Option<Arc<Frames>>>::cores().min(MOST_WORKERS);
        let pool = DecodePool::new(workers, || {
            let (tape, mut decoder) = (tape.clone(), way.decoder(tap)?);
            Ok(move |index: usize| decode(&tape, &mut decoder, recorded, index))
        })?;
        Ok(Ahead { pool, chunks: VecDeque::new() })
    }

    /// The oldest chunk under way.
    fn next(&mut self) -> Decoded {
        /// One look at the threads; they always come to an end.
        const LOOK: Duration = Duration::from_secs(60);
        let decoded = loop {
            if let Some(decoded) = self.pool.next(LOOK).transpose() {
                break decoded;
            }
        };
        self.chunks.pop_front();
        decoded
    }

    /// Somebody went elsewhere: what is under way is of no use.
    fn forget(&mut self) {
        while !self.chunks.is_empty() {
            // Whether that could be decoded is said when somebody comes there.
            let _ = self.next();
        }
    }
}

fn decode(tape: &Tape, decoder: &mut FrameDecoder, recorded: usize, index: usize) -> Decoded {
    let Ok(chunk) = tape.chunk(index) else { return Ok(None) };
    Ok(Some(Arc::new(decoder.frames(chunk, recorded)?)))
}

/// The first records of a tap on a tape, from record `from` on, as a sample of its table.
pub fn sample(tape: &Tape, recorded: usize, from: u64, most: usize) -> Sample {
    records(tape, recorded, from..u64::MAX, most)
}

/// All records of a tap between two records of a tape.
pub fn stretch(tape: &Tape, recorded: usize, stretch: Range<u64>) -> Sample {
    records(tape, recorded, stretch, usize::MAX)
}

fn records(tape: &Tape, recorded: usize, stretch: Range<u64>, most: usize) -> Sample {
    let (mut received, mut count) = (Vec::new(), 0);
    for index in tape.chunk_of(stretch.start)..tape.outlines().len() {
        let Ok(chunk) = tape.chunk(index) else { continue };
        let own = chunk.parts.iter().enumerate().filter(|(_, part)| part.about.recorded == recorded);
        for (number, part) in own {
            let before = |record: u64| part.places.partition_point(|place| chunk.first + place < record);
            let rest = before(stretch.start)..before(stretch.end);
            count += rest.len();
            let records = chunk.records(number, rest.clone());
            let arrival = |at: usize| Arrival { rank: chunk.first + part.places[at], place: 0, at: part.times[at] };
            received.push(Received { records, arrivals: rest.map(arrival).collect() });
        }
        if count >= most || chunk.first >= stretch.end {
            break;
        }
    }
    Sample::of(received)
}
