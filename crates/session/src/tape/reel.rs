//! A tap on a tape: its records, chunk by chunk, decoded with the tap's own columns, format and options.

use std::collections::VecDeque;
use std::sync::Arc;

use millstream_connect::tape::{FrameDecoder, Frames, Tape};
use millstream_plan::Tap;
use millstream_record::{Arrival, Sample};
use millstream_record::{PartitionId, RawRecords, Received};

use crate::fault::Fault;
use crate::session::Session;

/// So many decoded chunks are kept: a step back mostly stays near.
const KEPT: usize = 4;

/// One tap's part of a tape.
pub struct Reel {
    tape: Tape,
    tap: String,
    recorded: usize,
    decoder: FrameDecoder,
    kept: VecDeque<(usize, Arc<Frames>)>,
}

/// The number under which a tap was recorded, if it was.
pub fn recorded(tape: &Tape, tap: &Tap) -> Option<usize> {
    tape.meta().recorded.iter().position(|recorded| recorded.tap == tap.name && recorded.connector == tap.connector)
}

impl Reel {
    /// The reel of a tap that was recorded under this number; decodes the columns that are `wanted`.
    pub fn new(session: &Session, tape: &Tape, tap: &Tap, number: usize, wanted: &[usize]) -> Result<Reel, Fault> {
        let (connector, options) = session.outside.opening(tap)?;
        let format = connector.format(&options)?;
        let decoder = FrameDecoder::new(&tap.name, &tap.physical(), wanted, &format)?;
        Ok(Reel { tape: tape.clone(), tap: tap.name.clone(), recorded: number, decoder, kept: VecDeque::new() })
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
        if let Some((_, frames)) = self.kept.iter().find(|(known, _)| *known == index) {
            return Ok(Some(frames.clone()));
        }
        let Ok(chunk) = self.tape.chunk(index) else { return Ok(None) };
        let frames = Arc::new(self.decoder.frames(&chunk, self.recorded, &self.tape.meta().logs)?);
        self.kept.push_back((index, frames.clone()));
        self.kept.drain(..self.kept.len().saturating_sub(KEPT));
        Ok(Some(frames))
    }
}

/// The first records of a tap on a tape, from record `from` on, as a sample of its table.
pub fn sample(tape: &Tape, recorded: usize, from: u64, most: usize) -> Sample {
    let (mut received, mut count) = (Vec::new(), 0);
    for index in tape.chunk_of(from)..tape.outlines().len() {
        let Ok(chunk) = tape.chunk(index) else { continue };
        for part in chunk.parts.iter().filter(|part| tape.meta().logs[part.log].recorded == recorded) {
            let skipped = part.places.partition_point(|place| chunk.first + place < from);
            let rest = skipped..part.records.len();
            count += rest.len();
            let records: RawRecords = part.records.slice(rest.clone());
            let arrival = |at: usize| Arrival { rank: chunk.first + part.places[at], place: 0, at: part.times[at] };
            received.push(Received { records, arrivals: rest.map(arrival).collect() });
        }
        if count >= most {
            break;
        }
    }
    Sample::of(received)
}
