//! The ready-made topics: what they are called, what they hold, and how record number `index` of each is
//! made. A record is a pure function of seed and index.

use millstream_record::Millis;

use super::dice::Dice;
use super::rhythm::Rhythm;
use super::{accelerometer, camera, chat, nexmark, trades};

/// A ready-made topic.
#[derive(Debug)]
pub struct Demo {
    /// Its name in `'topic' = '…'`.
    pub topic: &'static str,
    /// One line of what it holds.
    pub doc: &'static str,
    /// The columns: name and type, as Flink's DDL writes them.
    pub columns: &'static [(&'static str, &'static str)],
    /// The column that holds the event time.
    pub time_column: &'static str,
    /// The watermark expression: with it, no record is late.
    pub watermark: &'static str,
    /// How many partitions it usually has.
    pub partitions: u32,
    pub(super) rhythm: Rhythm,
    pub(super) write: Write,
}

/// What a record tells of, besides chance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// The seed of the whole topic.
    pub seed: u64,
    /// The number of the record.
    pub index: u64,
    /// Its number among the events of its world.
    pub event: u64,
    /// When it happened.
    pub at: Millis,
    /// When the world began.
    pub start: Millis,
}

/// Appends the key to the first buffer and the value, as JSON, to the second.
pub(super) type Write = fn(&Moment, &mut Dice, &mut Vec<u8>, &mut Vec<u8>);

/// All demos, in the order in which help shows them.
pub fn demos() -> &'static [Demo] {
    &ALL
}

/// The demo of this name: `bids` or `demo.bids`.
pub fn demo(name: &str) -> Option<&'static Demo> {
    let topic = name.strip_prefix("demo.").unwrap_or(name);
    ALL.iter().find(|demo| demo.topic == topic)
}

static ALL: [Demo; 7] = [
    nexmark::BIDS,
    nexmark::AUCTIONS,
    nexmark::PERSONS,
    trades::TRADES,
    chat::CHAT,
    accelerometer::ACCELEROMETER,
    camera::CAMERA,
];

/// When a record of a demo arrived and when its event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// When it arrived.
    pub arrival: Millis,
    /// When it happened: the value of the time column.
    pub happened: Millis,
}

impl Demo {
    /// The name of an embedded topic that holds it: `demo.bids`.
    pub fn name(&self) -> String {
        format!("demo.{}", self.topic)
    }

    /// How many records a second of event time has.
    pub fn rows_per_second(&self) -> u64 {
        self.rhythm.per_second()
    }

    /// How far behind the newest event another may come: less than so many milliseconds.
    pub fn disorder_ms(&self) -> u64 {
        self.rhythm.disorder_ms
    }

    /// When record `index` arrives, if the first one does at about `start`. It does not fall.
    pub fn arrival(&self, start: Millis, index: u64) -> Millis {
        self.rhythm.arrival(start, index)
    }

    /// Appends the key and the value (JSON) of record `index` to two buffers. Event time begins at `start`.
    pub fn make(&self, seed: u64, start: Millis, index: u64, key: &mut Vec<u8>, value: &mut Vec<u8>) -> Made {
        // Chance is told apart by the name of the topic, so that two demos under one seed are strangers.
        let stream = self.topic.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(257).wrapping_add(u64::from(byte)));
        let mut dice = Dice::new(seed, stream, index);
        let arrival = self.rhythm.arrival(start, index);
        let happened = self.rhythm.happened(start, arrival, &mut dice);
        let moment = Moment { seed, index, event: self.rhythm.event(index), at: happened, start };
        (self.write)(&moment, &mut dice, key, value);
        Made { arrival, happened }
    }
}
