//! Writing records. A producer collects what it is sent and appends it in large pieces; a flush returns
//! when all of it survives a crash.

use std::sync::Arc;

use millstream_record::{Clock, Error, Millis, Result};

use super::append::Origin;
use super::block::{BlockBuilder, Record};
use super::owner::Owner;
use super::packed::{Packed, Parcel};
use super::packer::Packer;
use super::partitioner::partition_of_key;
use super::place::Place;

/// So many bytes of payload make an append.
const APPEND_BYTES: u64 = 2 << 20;
/// So many records make an append, however small they are.
const APPEND_RECORDS: u64 = 32_768;
/// The longest record: bytes of key, value and headers.
pub const LONGEST_RECORD: u64 = 64 << 20;

/// Writes to one topic. Producers of several processes may write to one topic at the same time. What has
/// been sent and not been appended or flushed goes away with the producer.
pub struct Producer {
    place: Place,
    owner: Arc<Owner>,
    clock: Arc<dyn Clock>,
    packer: Packer,
    builders: Vec<BlockBuilder>,
    /// When the append that is being collected came.
    arrival: Option<Millis>,
    collected: u64,
    collected_bytes: u64,
    /// In a job: what waits for the decision.
    held: Option<Vec<Packed>>,
    /// The partition of the next record without a key.
    turn: u32,
}

impl Producer {
    pub(super) fn new(place: Place, owner: Arc<Owner>, clock: Arc<dyn Clock>) -> Result<Producer> {
        // Those who write one record and leave take turns too.
        let written: i64 = owner.state()?.partitions.iter().map(|standing| standing.next).sum();
        let turn = (written as u64 % u64::from(place.partitions)) as u32;
        let builders = (0..place.partitions).map(|_| BlockBuilder::default()).collect();
        let (packer, arrival) = (Packer::default(), None);
        let held = None;
        Ok(Producer { place, owner, clock, packer, builders, arrival, collected: 0, collected_bytes: 0, held, turn })
    }

    /// The name of the topic.
    pub fn topic(&self) -> &str {
        &self.place.name
    }

    /// How many partitions the topic has.
    pub fn partitions(&self) -> u32 {
        self.place.partitions
    }

    /// Takes a record and says into which partition it goes: the one that it names, else the one of its
    /// key, else the next in turn.
    pub fn send(&mut self, record: &Record<'_>) -> Result<u32> {
        let bytes = payload_bytes(record);
        if bytes > LONGEST_RECORD {
            return Err(Error::Invalid(format!(
                "a record of {bytes} bytes is too long for topic '{}': the longest has {LONGEST_RECORD}",
                self.place.name
            )));
        }
        let partition = self.partition(record)?;
        let arrival = *self.arrival.get_or_insert_with(|| self.clock.now());
        let timestamp = record.timestamp.unwrap_or(arrival);
        self.builders[partition as usize].push(record, timestamp, arrival, self.collected);
        self.collected += 1;
        self.collected_bytes += bytes;
        if self.collected_bytes >= APPEND_BYTES || self.collected >= APPEND_RECORDS {
            self.append()?;
        }
        Ok(partition)
    }

    fn partition(&mut self, record: &Record<'_>) -> Result<u32> {
        let partitions = self.place.partitions;
        match (record.partition, record.key) {
            (Some(partition), _) if partition < partitions => Ok(partition),
            (Some(partition), _) => Err(Error::Invalid(format!(
                "topic '{}' has no partition {partition}: it has {partitions}, counted from 0",
                self.place.name
            ))),
            (None, Some(key)) => Ok(partition_of_key(key, partitions)),
            (None, None) => {
                let partition = self.turn;
                self.turn = (self.turn + 1) % partitions;
                Ok(partition)
            }
        }
    }

    /// Hands over what has been collected: others can read it afterwards, and it survives the end of this
    /// process, but not yet that of the machine. In a job it waits for the decision instead.
    pub fn append(&mut self) -> Result<()> {
        let Some(packed) = self.pack()? else { return Ok(()) };
        match &mut self.held {
            Some(held) => held.push(packed),
            None => self.owner.append(&[packed], None)?,
        }
        Ok(())
    }

    /// What has been collected, packed.
    fn pack(&mut self) -> Result<Option<Packed>> {
        let Some(arrival) = self.arrival.take() else { return Ok(None) };
        let newest: Vec<Option<i64>> = self.builders.iter().map(BlockBuilder::newest).collect();
        let mut packed = Packed { arrival_ms: arrival.0, payload_bytes: self.collected_bytes, ..Packed::default() };
        packed.bytes = self.packer.pack(&mut self.builders, &mut packed.blocks)?.to_vec();
        packed.newest =
            packed.blocks.iter().map(|block| newest[block.partition as usize].unwrap_or_default()).collect();
        (self.collected, self.collected_bytes) = (0, 0);
        Ok(Some(packed))
    }

    /// From now on what is sent is held, until it is taken by [`Producer::parcel`].
    pub(super) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// All that has been sent and held.
    pub(super) fn parcel(&mut self) -> Result<Parcel> {
        self.append()?;
        let packed = self.held.as_mut().map(std::mem::take).unwrap_or_default();
        Ok(Parcel { since: self.owner.next()?, packed })
    }

    /// Appends a parcel under its origin and syncs it, unless that has been done.
    pub(super) fn append_once(&mut self, parcel: &Parcel, origin: Origin) -> Result<()> {
        let fits = |packed: &Packed| packed.blocks.iter().all(|block| block.partition < self.place.partitions);
        if !parcel.packed.iter().all(fits) {
            return Err(Error::Invalid(format!(
                "topic '{}' has fewer partitions than when the checkpoint was made; it was made anew meanwhile",
                self.place.name
            )));
        }
        if !parcel.packed.is_empty() && !self.owner.has(origin, parcel.since)? {
            self.owner.append(&parcel.packed, Some(origin))?;
        }
        self.owner.sync()
    }

    /// Returns when all that was sent can be read by others and survives a crash of the machine.
    pub fn flush(&mut self) -> Result<()> {
        self.append()?;
        self.owner.sync()
    }
}

fn payload_bytes(record: &Record<'_>) -> u64 {
    let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len) as u64;
    let headers = record.headers.iter().map(|(name, value)| name.len() as u64 + length(*value));
    length(record.key) + length(record.value) + headers.sum::<u64>()
}
