//! Cutting what a topic holds into pieces for decoding: many small appends make one piece, one large
//! append makes several. Nothing is unpacked here, so one thread that cuts feeds many that decode.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use millstream_record::Result;

use super::append::{Append, Entry};
use super::follower::Follower;

/// So many unpacked bytes may wait to be cut.
const WAITING_BYTES: usize = 8 << 20;

/// A block as it is stored.
#[derive(Debug)]
pub(super) struct Packed {
    /// The append that it came with.
    pub append: u64,
    /// The offset of its first record.
    pub base: i64,
    /// Its description; `stored` there speaks of the append.
    pub entry: Entry,
    /// When the append came, in milliseconds since the epoch.
    pub arrival_ms: i64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Some records of a block.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The block.
    pub block: Arc<Packed>,
    /// Which of its records.
    pub range: Range<usize>,
}

/// Records of one partition, in order and without a gap.
#[derive(Debug)]
pub(super) struct Piece {
    /// The partition.
    pub partition: u32,
    /// Where they are; not empty.
    pub parts: Vec<Part>,
    /// How many they are.
    pub rows: usize,
}

impl Piece {
    /// The offset behind the last record.
    pub fn end(&self) -> i64 {
        self.parts.last().map_or(0, |part| part.block.base + part.range.end as i64)
    }
}

/// Reads a topic from given offsets to given ends, in pieces.
pub(super) struct Cutter {
    follower: Follower,
    /// The next append to read.
    next: u64,
    /// By partition: the next offset to read from the topic.
    ahead: Vec<i64>,
    /// By partition: the offset at which reading ends.
    ends: Vec<Option<i64>>,
    waiting: Vec<VecDeque<Part>>,
    waiting_rows: Vec<usize>,
    waiting_bytes: usize,
    append: Append,
}

impl Cutter {
    /// Begins at the offsets `from`, which are found from append `next` on.
    pub fn new(follower: Follower, next: u64, from: Vec<i64>, ends: Vec<Option<i64>>) -> Cutter {
        let waiting = from.iter().map(|_| VecDeque::new()).collect();
        let waiting_rows = vec![0; from.len()];
        let append = Append::default();
        Cutter { follower, next, ahead: from, ends, waiting, waiting_rows, waiting_bytes: 0, append }
    }

    /// The topic's reader.
    pub fn follower(&self) -> &Follower {
        &self.follower
    }

    /// Sees what has been written since.
    pub fn catch_up(&mut self) -> Result<()> {
        self.follower.catch_up()
    }

    /// The next piece, of at most `most` rows; `None` if there is nothing now. Does not wait.
    pub fn next(&mut self, most: usize) -> Result<Option<Piece>> {
        if self.waiting_bytes < WAITING_BYTES && self.waiting_rows.iter().all(|&rows| rows < most) && !self.ended() {
            self.read(most)?;
        }
        let oldest = self.waiting.iter().enumerate().filter_map(|(partition, parts)| {
            let part = parts.front()?;
            Some((part.block.append, partition))
        });
        let Some((_, partition)) = oldest.min() else { return Ok(None) };
        Ok(Some(self.cut(partition, most.max(1))))
    }

    /// Whether every partition has been read to its end.
    fn ended(&self) -> bool {
        self.ahead.iter().zip(&self.ends).all(|(&at, end)| end.is_some_and(|end| at >= end))
    }

    fn read(&mut self, most: usize) -> Result<()> {
        let Cutter { follower, next, ahead, ends, waiting, waiting_rows, waiting_bytes, append } = self;
        let place = follower.place().clone();
        follower.scan(next, |number, value| {
            append.read(value).ok_or_else(|| place.damaged(&format!("append {number}")))?;
            for entry in &append.blocks {
                let partition = entry.partition as usize;
                let (Some(at), Some(standing)) = (ahead.get_mut(partition), append.state.partitions.get(partition))
                else {
                    continue;
                };
                let base = standing.next - entry.count as i64;
                let from = (*at - base).clamp(0, entry.count as i64) as usize;
                let until = ends[partition].map_or(entry.count as i64, |end| (end - base).clamp(0, entry.count as i64));
                if from as i64 >= until {
                    continue;
                }
                let range = from..until as usize;
                *at = base + until;
                waiting_rows[partition] += range.len();
                *waiting_bytes += entry.unpacked;
                let bytes = value[entry.stored.clone()].to_vec();
                let arrival_ms = append.arrival_ms;
                let block = Arc::new(Packed { append: number, base, entry: entry.clone(), arrival_ms, bytes });
                waiting[partition].push_back(Part { block, range });
            }
            let full = *waiting_bytes >= WAITING_BYTES || waiting_rows.iter().any(|&rows| rows >= most);
            Ok(!full)
        })
    }

    fn cut(&mut self, partition: usize, most: usize) -> Piece {
        let mut piece = Piece { partition: partition as u32, parts: Vec::new(), rows: 0 };
        let waiting = &mut self.waiting[partition];
        while piece.rows < most
            && let Some(part) = waiting.front_mut()
        {
            let room = most - piece.rows;
            if part.range.len() <= room {
                self.waiting_bytes -= part.block.entry.unpacked;
                piece.rows += part.range.len();
                piece.parts.extend(waiting.pop_front());
            } else if piece.rows == 0 {
                let head = part.range.start..part.range.start + room;
                part.range.start = head.end;
                piece.rows = room;
                piece.parts.push(Part { block: part.block.clone(), range: head });
            } else {
                // A block is only split where it must be: it can be handed on whole next time.
                break;
            }
        }
        self.waiting_rows[partition] -= piece.rows;
        piece
    }
}
