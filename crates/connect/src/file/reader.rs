//! One run over files. Files are read one after the other; their chunks are decoded side by side and come
//! back in order. A list of steps keeps the order of everything else: where a file begins and where it ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_record::{Column, Offset, PartitionId, Poll, Positions, Reader, Result, Scan};

use super::chunk::{Chunk, TextFile};
use super::compression::{is_compressed, readable};
use super::follow::Follow;
use super::listing::Listing;
use super::parquet::ParquetFile;
use super::part::{Piece, partition};
use super::source::Contents;
use crate::format::{DecodePool, FileOrigin};

/// Nobody waits longer than this without looking at the stop signal.
const SLICE: Duration = Duration::from_millis(20);
/// How many pieces of a Parquet file may wait.
const MOST_STEPS: usize = 16;

/// What happens next, in the order of the files.
enum Step {
    Begin(PartitionId, Offset),
    /// The next result of the pool.
    Chunk,
    Piece(Box<Piece>),
    End(PartitionId),
}

enum Open {
    Text(TextFile),
    Parquet(ParquetFile),
}

/// The threads that decode chunks.
pub(super) type Pool = DecodePool<Chunk, Vec<Piece>>;

pub(super) struct FileReader {
    scan: Scan,
    contents: Contents,
    columns: Arc<[Column]>,
    /// The files that are still to be read, with the offset to begin at.
    queue: VecDeque<(FileOrigin, Offset)>,
    follow: Option<Follow>,
    current: Option<Open>,
    pool: Option<Pool>,
    steps: VecDeque<Step>,
    ready: VecDeque<Piece>,
    positions: Positions,
}

impl FileReader {
    /// A reader of the files of `listing`; with an `interval` it looks again and again. Files of lines are
    /// decoded by `pool`.
    pub(super) fn new(
        listing: Listing,
        interval: Option<Duration>,
        contents: Contents,
        columns: Arc<[Column]>,
        scan: Scan,
        pool: Option<Pool>,
    ) -> Result<FileReader> {
        let positions = scan.resume.clone().unwrap_or_default();
        let start = |file: &FileOrigin| positions.get(&partition(&file.path)).copied().unwrap_or(Offset(0));
        let files: Vec<_> =
            listing.find()?.into_iter().map(|file| (start(&file), file)).map(|(at, file)| (file, at)).collect();
        let appendable = matches!(contents, Contents::Lines(..));
        let follow = interval.map(|interval| Follow::new(listing, interval, appendable, &files));
        let (steps, ready) = (VecDeque::new(), VecDeque::new());
        Ok(FileReader {
            scan,
            contents,
            columns,
            queue: files.into(),
            follow,
            current: None,
            pool,
            steps,
            ready,
            positions,
        })
    }

    /// Reads ahead as far as there is room.
    fn read_ahead(&mut self) -> Result<()> {
        while self.pool.as_ref().is_none_or(DecodePool::has_room) && self.steps.len() < MOST_STEPS {
            let Some(open) = &mut self.current else {
                let Some((file, offset)) = self.queue.pop_front() else { return Ok(()) };
                self.begin(file, offset)?;
                continue;
            };
            let stays_open = self.follow.is_some();
            match open {
                Open::Text(text) => {
                    let complete = !stays_open || is_compressed(&text.file.name);
                    match (text.next(complete)?, &mut self.pool) {
                        (Some(chunk), Some(pool)) => {
                            pool.submit(chunk)?;
                            self.steps.push_back(Step::Chunk);
                        }
                        _ if !complete && self.queue.is_empty() => return Ok(()),
                        _ => self.end(),
                    }
                }
                Open::Parquet(parquet) => match parquet.next()? {
                    Some(piece) => self.steps.push_back(Step::Piece(Box::new(piece))),
                    None => self.end(),
                },
            }
        }
        Ok(())
    }

    fn begin(&mut self, file: FileOrigin, offset: Offset) -> Result<()> {
        // A file may have been read on since it was put into the queue.
        let offset = self.follow.as_ref().map_or(offset, |follow| follow.offset(&file.path));
        let file = Arc::new(file);
        self.steps.push_back(Step::Begin(partition(&file.path), offset));
        self.current = Some(match &self.contents {
            Contents::Lines(framing, most) => {
                readable(&file.path)?;
                Open::Text(TextFile::open(file, offset.0, framing.clone(), *most, self.scan.stop.clone())?)
            }
            Contents::Parquet => Open::Parquet(ParquetFile::open(file, offset, &self.columns, &self.scan)?),
        });
        Ok(())
    }

    fn end(&mut self) {
        let Some(open) = self.current.take() else { return };
        let file = match &open {
            Open::Text(text) => &text.file,
            Open::Parquet(parquet) => &parquet.file,
        };
        if let (Some(follow), Open::Text(text)) = (&mut self.follow, &open) {
            follow.left(&text.file.path, Offset(text.offset()), text.read_until());
        }
        self.steps.push_back(Step::End(partition(&file.path)));
    }

    /// Looks for new files and for lines that were appended, when it is time to.
    fn look_again(&mut self) -> Result<()> {
        let Some(follow) = &mut self.follow else { return Ok(()) };
        let open = match &self.current {
            Some(Open::Text(text)) => Some((text.file.path.as_str(), text.read_until())),
            _ => None,
        };
        self.queue.extend(follow.look(open)?);
        Ok(())
    }

    /// What the next step gives, if it can be said without waiting longer than `wait`.
    fn step(&mut self, wait: Duration) -> Result<Option<Poll>> {
        match self.steps.front() {
            Some(Step::Chunk) => {
                let pool = self.pool.as_mut().expect("chunks are decoded by a pool");
                if let Some(pieces) = pool.next(wait)? {
                    self.steps.pop_front();
                    self.ready.extend(pieces);
                }
                return Ok(None);
            }
            Some(_) => {}
            None if self.follow.is_none() => return Ok(Some(Poll::End)),
            None => {
                std::thread::sleep(wait);
                return Ok(None);
            }
        }
        Ok(match self.steps.pop_front() {
            Some(Step::Begin(partition, offset)) => {
                self.positions.insert(partition.clone(), offset);
                Some(Poll::Partition(partition))
            }
            Some(Step::End(partition)) => Some(Poll::PartitionEnd(partition)),
            Some(Step::Piece(piece)) => Some(self.hand_over(*piece)),
            Some(Step::Chunk) | None => None,
        })
    }

    fn hand_over(&mut self, piece: Piece) -> Poll {
        self.positions.insert(piece.fetched.partition.clone(), piece.next);
        Poll::Rows(piece.fetched)
    }
}

impl Reader for FileReader {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        let deadline = Instant::now() + wait;
        loop {
            if self.scan.stop.raised() {
                return Ok(Poll::Nothing);
            }
            if let Some(piece) = self.ready.pop_front() {
                return Ok(self.hand_over(piece));
            }
            self.look_again()?;
            self.read_ahead()?;
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(poll) = self.step(left.min(SLICE))? {
                return Ok(poll);
            }
            if left.is_zero() && self.ready.is_empty() {
                return Ok(Poll::Nothing);
            }
        }
    }

    fn positions(&self) -> Positions {
        self.positions.clone()
    }
}
