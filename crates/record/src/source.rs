//! Where rows come from: the contract of every source, and of the connectors that make them.
//!
//! A connector is found by its name in `WITH ('connector' = …)`, makes a [`Source`] from typed options
//! and columns, and the source opens a [`Reader`] for one run. A reader hands over decoded columns of
//! one partition at a time, together with what it could not read.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};

use crate::{Browse, Error, Kinds, Millis, Offset, OptionSpec, Options, PartitionId, Positions, Result, Sink, Stop};

/// Where a physical column of a tap takes its values from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The value (or key) of the record, by the column's own name.
    Payload,
    /// What the connector knows of the record, by this key: `partition`, `offset`, `timestamp`, …
    Metadata(String),
    /// The same, declared `VIRTUAL`: it is read and never written.
    Virtual(String),
}

impl Origin {
    /// The key of a metadata column, whether it can be written or not.
    pub fn metadata(&self) -> Option<&str> {
        match self {
            Origin::Payload => None,
            Origin::Metadata(key) | Origin::Virtual(key) => Some(key),
        }
    }
}

/// A physical column of a tap, as declared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// Its Arrow type.
    pub data_type: DataType,
    /// Whether null may stand in it; a null in a column that forbids it makes the record unreadable.
    pub nullable: bool,
    /// Where its values come from.
    pub origin: Origin,
}

/// Makes sources and sinks of one kind.
pub trait Connector: Send + Sync {
    /// The name in `'connector' = '…'`.
    fn name(&self) -> &'static str;

    /// One line for help and completion.
    fn doc(&self) -> &'static str;

    /// Every option it knows.
    fn options(&self) -> &'static [OptionSpec];

    /// The metadata keys it offers, with the type of each.
    fn metadata(&self) -> Vec<(&'static str, DataType)>;

    /// A source of these columns.
    fn source(&self, name: &str, columns: &[Column], options: &Options) -> Result<Box<dyn Source>>;

    /// A sink for these columns; `key` are the indices of the primary key, empty if there is none.
    fn sink(&self, name: &str, columns: &[Column], key: &[usize], options: &Options) -> Result<Box<dyn Sink>>;

    /// The topics that these options of the table `table` mean (without a table: that they mean by
    /// themselves), to be listed and read as raw records: without columns, without a format. Nobody is
    /// called yet. Some connectors have no records, only rows; they refuse.
    fn browse(&self, _table: Option<&str>, _: &Options) -> Result<Box<dyn Browse>> {
        Err(Error::Invalid(format!("connector '{}' has no raw records to look at", self.name())))
    }

    /// Whether there are raw records behind these options, and not only rows.
    fn has_records(&self, _: &Options) -> bool {
        false
    }

    /// The options of the format in which its records are written; most tables name it among their own.
    fn format(&self, options: &Options) -> Result<Options> {
        Ok(options.clone())
    }
}

/// What one run wants of a source.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The columns to decode, as indices into the source's schema, in the order wanted.
    pub columns: Vec<usize>,
    /// Where to go on reading; `None` starts where the options say.
    pub resume: Option<Positions>,
    /// At most so many rows in one piece.
    pub batch_rows: usize,
    /// Raised when the run is over; a waiting reader then returns.
    pub stop: Stop,
}

/// A topic, typed: something that can be read, again and again.
pub trait Source: Send + Sync {
    /// All physical columns.
    fn schema(&self) -> SchemaRef;

    /// Whether it ends by itself.
    fn bounded(&self) -> bool;

    /// Whether rows come with kinds of change (`debezium-json`); they are all insertions otherwise.
    fn has_kinds(&self) -> bool {
        false
    }

    /// Starts to read.
    fn open(&self, scan: Scan) -> Result<Box<dyn Reader>>;
}

/// One run's way through a source. Owned by one thread.
pub trait Reader: Send {
    /// The next piece. Waits for it at most `wait`, then says [`Poll::Nothing`].
    fn poll(&mut self, wait: Duration) -> Result<Poll>;

    /// The next offset to read of each partition, behind all that `poll` has handed over.
    fn positions(&self) -> Positions;

    /// Records that are waiting behind the positions, if the other side tells.
    fn lag(&self) -> Option<u64> {
        None
    }
}

/// The answer of a reader.
#[derive(Debug)]
pub enum Poll {
    /// A partition exists; its rows may follow. Every partition is announced before its first rows.
    Partition(PartitionId),
    /// Rows of one partition.
    Rows(Fetched),
    /// Nothing came within the wait.
    Nothing,
    /// The other side cannot be reached at the moment; reading goes on when it comes back.
    Stalled(String),
    /// A bounded partition has been read to its end.
    PartitionEnd(PartitionId),
    /// All has been read. Nothing follows.
    End,
}

/// Decoded rows of one partition, and the records that could not be decoded.
#[derive(Debug)]
pub struct Fetched {
    /// Where they come from.
    pub partition: PartitionId,
    /// The columns of the scan, in its order.
    pub rows: RecordBatch,
    /// The kind of each row, or `None` when all are insertions.
    pub kinds: Option<Kinds>,
    /// What could not be read, in offset order.
    pub rejected: Vec<Rejected>,
    /// How many records were taken from the log: rows, rejected ones and those that carry nothing.
    pub records: u64,
    /// How many bytes were taken from the log.
    pub bytes: u64,
    /// How many keys stood more than once in their JSON object; the last of them counted.
    pub duplicate_keys: u64,
}

/// A record that a decoder refused. Its bytes are kept, cut to a bounded length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Where it stands.
    pub partition: PartitionId,
    /// At which offset (or line).
    pub offset: Offset,
    /// When it was written, if the log knows.
    pub timestamp: Option<Millis>,
    /// Why it was refused, in one sentence.
    pub reason: String,
    /// Its first bytes.
    pub bytes: Vec<u8>,
    /// How long it really is.
    pub length: usize,
}

impl Rejected {
    /// The longest piece of a refused record that is kept.
    pub const KEPT_BYTES: usize = 4096;

    /// A refused record with as many of its bytes as are kept.
    pub fn new(partition: PartitionId, offset: Offset, reason: impl Into<String>, record: &[u8]) -> Self {
        let bytes = record[..record.len().min(Self::KEPT_BYTES)].to_vec();
        Rejected { partition, offset, timestamp: None, reason: reason.into(), bytes, length: record.len() }
    }
}
