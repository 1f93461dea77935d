//! Embedded durable topics: partitioned logs of records with keys, headers, timestamps and offsets, in a
//! folder, without a server. Several processes write to and read from one topic at the same time.
//!
//! A topic is a folder (`place`) with a RocksDB database (`store`). Each append (`append`) is one entry:
//! where all partitions stand behind it, and a packed block of columns (`block`) for each partition that
//! it adds to. The right to write goes round between processes (`owner`); readers follow without a lock
//! (`follower`). Reading cuts the appends into pieces (`cut`), which are unpacked (`unpack`) and decoded
//! on many threads (`source`).
//!
//! Entries keep the order of arrival over all partitions, and each record may carry its own time of
//! arrival: a tape is a topic that was recorded so and sealed.

mod append;
pub(crate) mod block;
mod bounds;
mod browse;
mod connector;
mod consumer;
mod cut;
mod follower;
mod name;
mod owner;
mod packed;
mod packer;
mod partitioner;
mod place;
mod producer;
mod seek;
mod sink;
mod source;
mod store;
mod topics;
mod unpack;

pub use block::Record;
pub use bounds::{Bound, Start, parse_offsets};
pub(crate) use browse::no_partition;
pub use connector::TopicConnector;
pub use consumer::Consumer;
pub use name::{LONGEST_NAME, check_name};
pub use partitioner::{murmur2, partition_of_key};
pub use producer::{LONGEST_RECORD, Producer};
pub(crate) use store::base_options;
pub(crate) use topics::disk_bytes;
pub use topics::{MOST_PARTITIONS, Summary, Topics};
