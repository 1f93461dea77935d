//! A tap on a tape: its records, chunk by chunk, decoded with the tap's own columns, format and options.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::thread::JoinHandle;

use millstream_connect::tape::{FrameDecoder, Frames, Tape};
use millstream_plan::Tap;
use millstream_record::{Arrival, PartitionId, RawRecords, Received, Sample};

use crate::fault::Fault;
use crate::session::Session;

/// So many decoded chunks are kept: a step back mostly stays near.
const KEPT: usize = 4;

/// One tap's part of a tape.
pub struct Reel {
    tape: Tape,
    tap: String,
    recorded: usize,
    /// Away while the next chunk is decoded ahead.
    decoder: Option<FrameDecoder>,
    ahead: Option<Ahead>,
    /// The chunk that was asked for last.
    last: Option<usize>,
    kept: VecDeque<(usize, Arc<Frames>)>,
}

/// A chunk that a thread decodes while the one before it is played.
struct Ahead {
    index: usize,
    thread: JoinHandle<(FrameDecoder, Decoded)>,
}

/// What came of a chunk; `None` where it is damaged.
type Decoded = Result<Option<Arc<Frames>>, Fault>;

/// The number under which a tap was recorded, if it was.
pub fn recorded(tape: &Tape, tap: &Tap) -> Option<usize> {
    tape.meta().recorded.iter().position(|recorded| recorded.tap == tap.name && recorded.connector == tap.connector)
}

impl Reel {
    /// The reel of a tap that was recorded under this number; decodes the columns that are `wanted`.
    pub fn new(session: &Session, tape: &Tape, tap: &Tap, number: usize, wanted: &[usize]) -> Result<Reel, Fault> {
        let (connector, options) = session.outside.opening(tap)?;
        let format = connector.format(&options)?;
        let decoder = Some(FrameDecoder::new(&tap.name, &tap.physical(), wanted, &format)?);
        let (tape, tap, ahead, last, kept) = (tape.clone(), tap.name.clone(), None, None, VecDeque::new());
        Ok(Reel { tape, tap, recorded: number, decoder, ahead, last, kept })
    }

    /// The name of the tap.
    pub fn tap(&self) -> &str {
        &self.tap
    }

    /// All its partitions.
    pub fn partitions(&self) -> Vec<PartitionId> {
        self.tape.meta().partitions(self.recorded)
    }

    /// Its records in a chunk, by the chunk's index; `None` where the chunk is damaged. Whoever reads one chunk
    /// after the other finds the next one decoded already.
    pub fn frames(&mut self, index: usize) -> Decoded {
        let on = index > 0 && self.last == Some(index - 1);
        self.last = Some(index);
        let kept = self.kept.iter().find(|(known, _)| *known == index).map(|(_, frames)| frames.clone());
        let found = match kept {
            Some(frames) => Some(frames),
            None => self.read(index)?,
        };
        if on && self.ahead.is_none() && !self.kept.iter().any(|(known, _)| *known == index + 1) {
            self.read_ahead(index + 1);
        }
        Ok(found)
    }

    fn read(&mut self, index: usize) -> Decoded {
        let ahead = self.ahead.take();
        let ahead = ahead.map(|Ahead { index, thread }| match thread.join() {
            Ok((decoder, decoded)) => (index, decoder, decoded),
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let decoded = match ahead {
            Some((known, decoder, decoded)) if known == index => {
                self.decoder = Some(decoder);
                decoded
            }
            other => {
                self.decoder = other.map(|(_, decoder, _)| decoder).or(self.decoder.take());
                let decoder = self.decoder.as_mut().expect("it is here unless something is decoded ahead");
                decode(&self.tape, decoder, self.recorded, index)
            }
        };
        if let Ok(Some(frames)) = &decoded {
            self.kept.push_back((index, frames.clone()));
            self.kept.drain(..self.kept.len().saturating_sub(KEPT));
        }
        decoded
    }

    fn read_ahead(&mut self, index: usize) {
        if index >= self.tape.outlines().len() {
            return;
        }
        let Some(mut decoder) = self.decoder.take() else { return };
        let (tape, recorded) = (self.tape.clone(), self.recorded);
        let work = move || {
            let decoded = decode(&tape, &mut decoder, recorded, index);
            (decoder, decoded)
        };
        self.ahead = Some(Ahead { index, thread: std::thread::spawn(work) });
    }
}

fn decode(tape: &Tape, decoder: &mut FrameDecoder, recorded: usize, index: usize) -> Decoded {
    let Ok(chunk) = tape.chunk(index) else { return Ok(None) };
    Ok(Some(Arc::new(decoder.frames(&chunk, recorded, &tape.meta().logs)?)))
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
        for part in chunk.parts.iter().filter(|part| tape.meta().logs[part.log].recorded == recorded) {
            let before = |record: u64| part.places.partition_point(|place| chunk.first + place < record);
            let rest = before(stretch.start)..before(stretch.end);
            count += rest.len();
            let records: RawRecords = part.records.slice(rest.clone());
            let arrival = |at: usize| Arrival { rank: chunk.first + part.places[at], place: 0, at: part.times[at] };
            received.push(Received { records, arrivals: rest.map(arrival).collect() });
        }
        if count >= most || chunk.first >= stretch.end {
            break;
        }
    }
    Sample::of(received)
}
