//! What flows through Millstream: batches of rows with their change kinds and watermark marks, the
//! in-band messages around them, the positions of topics, and the small traits by which the outside
//! world (`Source`, `Reader`, `Sink`) and time (`Clock`) are handed to the engine.
//!
//! This crate does not know DataFusion, tokio, SQL or any connector. Whoever moves rows needs it;
//! it needs only Arrow.

mod batch;
mod browse;
mod clock;
mod error;
mod message;
mod options;
mod position;
mod raw;
mod reference;
mod sample;
mod segments;
mod sink;
mod source;
mod stop;

pub use batch::{Batch, Kind, Kinds, Mark};
pub use browse::{Arrival, Browse, RawPoll, RawReader, RawScan, RawStart, Received, TopicInfo, shares};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{Error, Result};
pub use message::{Epoch, Message, Millis};
pub use options::{OptionError, OptionKind, OptionSpec, Options, parse_bytes, parse_duration, sounds_secret};
pub use position::{Offset, PartitionId, Positions, TopicIds};
pub use raw::{FileOrigin, Header, RawRecord, RawRecords, TimestampType};
pub use reference::reference;
pub use sample::{Limits, Sample};
pub use segments::Segments;
pub use sink::{DeadLetters, Sink};
pub use source::{Column, Connector, Fetched, Origin, Poll, Reader, Rejected, Scan, Source};
pub use stop::Stop;
