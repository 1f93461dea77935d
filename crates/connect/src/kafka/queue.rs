//! Records from librdkafka, many at a call. The safe interface of rdkafka hands over one message a call
//! with two allocations each and names no topic at the end of a partition; a million records a second
//! notice that. Of the connector only this file and `topic_id` have `unsafe` in them.
//!
//! All partitions of a reader are forwarded into one private queue, so that errors and statistics,
//! which stay in the consumer's own queue, never stand between records.

use std::ffi::{CStr, CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use millstream_record::PartitionId;
use rdkafka::bindings as native;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::health::Health;
use crate::format::{Header, TimestampType};

/// The queue into which the partitions of one consumer flow.
pub struct Queue {
    raw: NonNull<native::rd_kafka_queue_t>,
    /// Messages that are lent out; each is destroyed exactly once.
    taken: Vec<*mut native::rd_kafka_message_t>,
    /// The queue must not outlive its client.
    consumer: Arc<BaseConsumer<Health>>,
}

// SAFETY: librdkafka's queues may be used from any thread, and the messages in `taken` belong to us alone.
unsafe impl Send for Queue {}

impl Queue {
    /// An empty queue of this consumer.
    pub fn new(consumer: Arc<BaseConsumer<Health>>) -> Queue {
        // SAFETY: the client lives as long as `consumer`, which we keep.
        let raw = unsafe { native::rd_kafka_queue_new(consumer.client().native_ptr()) };
        let raw = NonNull::new(raw).expect("librdkafka aborts rather than return no queue");
        Queue { raw, taken: Vec::new(), consumer }
    }

    /// Lets a partition flow into this queue. To be called before the partition is assigned, so that no
    /// record is delivered elsewhere. False if the name cannot be that of a topic.
    pub fn forward(&self, partition: &PartitionId) -> bool {
        let Ok(topic) = CString::new(&*partition.topic) else { return false };
        // SAFETY: client, name and both queues are alive during the calls; the partition's queue is
        // referenced by the client itself, so that our own reference may be given back at once.
        unsafe {
            let client = self.consumer.client().native_ptr();
            let queue = native::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition.number);
            if queue.is_null() {
                return false;
            }
            native::rd_kafka_queue_forward(queue, self.raw.as_ptr());
            native::rd_kafka_queue_destroy(queue);
        }
        true
    }

    /// Takes what is there, at most `most` messages; waits at most `wait` for the first of them.
    pub fn take(&mut self, most: usize, wait: Duration) -> Taken<'_> {
        debug_assert!(self.taken.is_empty(), "what was lent out has come back");
        self.taken.reserve(most);
        // librdkafka waits until the whole array is full; so wait for one and then take the rest.
        let first = if wait.is_zero() { 0 } else { self.fill(1, wait) };
        if first > 0 || wait.is_zero() {
            self.fill(most - first, Duration::ZERO);
        }
        Taken(self)
    }

    fn fill(&mut self, most: usize, wait: Duration) -> usize {
        let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        let held = self.taken.len();
        debug_assert!(held + most <= self.taken.capacity());
        // SAFETY: the vector has room for `most` more pointers; librdkafka writes as many as it returns,
        // each to a message that is ours until `rd_kafka_message_destroy`.
        unsafe {
            let place = self.taken.as_mut_ptr().add(held);
            let count = native::rd_kafka_consume_batch_queue(self.raw.as_ptr(), wait, place, most);
            let count = usize::try_from(count).unwrap_or(0);
            self.taken.set_len(held + count);
            count
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours, and nothing that was taken from it is left; the client is dropped later.
        unsafe { native::rd_kafka_queue_destroy(self.raw.as_ptr()) }
    }
}

/// Messages on loan; they go back when this is dropped.
pub struct Taken<'a>(&'a mut Queue);

impl Taken<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.taken.len()
    }

    /// The messages in the order of the queue.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        // SAFETY: each pointer is a live message until `drop`, which needs `self` for itself.
        self.0.taken.iter().map(|&message| Record(unsafe { &*message }))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for message in self.0.taken.drain(..) {
            // SAFETY: it is ours and nobody borrows it any more.
            unsafe { native::rd_kafka_message_destroy(message) }
        }
    }
}

/// One message: a record, or an error that concerns a partition.
#[derive(Clone, Copy)]
pub struct Record<'a>(&'a native::rd_kafka_message_t);

impl<'a> Record<'a> {
    /// What tells topics apart while one consumer lives; cheaper than the name.
    pub fn topic_handle(self) -> usize {
        self.0.rkt as usize
    }

    /// The topic's name; empty if the message concerns none.
    pub fn topic(self) -> &'a str {
        if self.0.rkt.is_null() {
            return "";
        }
        // SAFETY: the topic handle lives as long as the message, and its name ends in a zero byte.
        let name = unsafe { CStr::from_ptr(native::rd_kafka_topic_name(self.0.rkt)) };
        name.to_str().unwrap_or_default()
    }

    /// The number of the partition.
    pub fn partition(self) -> i32 {
        self.0.partition
    }

    /// The offset of the record, or the one that an error speaks of.
    pub fn offset(self) -> i64 {
        self.0.offset
    }

    /// The error, if this is no record.
    pub fn error(self) -> Option<RDKafkaErrorCode> {
        (self.0.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| self.0.err.into())
    }

    /// The value; `None` for a tombstone. The words of an error.
    pub fn value(self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka says where the value is and how long; it lives as long as the message.
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    /// The key, if there is one.
    pub fn key(self) -> Option<&'a [u8]> {
        // SAFETY: as for the value.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    /// When it was written (milliseconds, -1 if unknown), and what that means.
    pub fn timestamp(self) -> (i64, TimestampType) {
        use native::rd_kafka_timestamp_type_t::*;
        let mut kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: both pointers are valid during the call.
        let timestamp = unsafe { native::rd_kafka_message_timestamp(self.0, &mut kind) };
        match kind {
            RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => (-1, TimestampType::None),
            RD_KAFKA_TIMESTAMP_CREATE_TIME => (timestamp, TimestampType::CreateTime),
            RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => (timestamp, TimestampType::LogAppendTime),
        }
    }

    /// The headers in their order. A name that is no UTF-8 is shown with replacement characters.
    pub fn headers(self) -> Vec<Header> {
        let mut found = Vec::new();
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive; on success `headers` is alive as long as it is.
        let outcome = unsafe { native::rd_kafka_message_headers(self.0, &mut headers) };
        if outcome != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return found;
        }
        loop {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the pointers are valid during the call; what they are set to lives as long as `headers`.
            let outcome =
                unsafe { native::rd_kafka_header_get_all(headers, found.len(), &mut name, &mut value, &mut size) };
            if outcome != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
                return found;
            }
            // SAFETY: see above; the name ends in a zero byte.
            let (name, value) = unsafe { (CStr::from_ptr(name), bytes(value.cast_mut(), size)) };
            found.push((name.to_string_lossy().into_owned(), value.map(<[u8]>::to_vec)));
        }
    }
}

/// # Safety
/// `start` is null or points to `length` bytes that live for `'a`.
unsafe fn bytes<'a>(start: *mut c_void, length: usize) -> Option<&'a [u8]> {
    if start.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) })
}
