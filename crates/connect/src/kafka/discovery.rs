//! Looks for new partitions while a source is read, on a thread of its own, because asking may take as
//! long as a server does not answer. A partition that appears later begins with its first record.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use millstream_record::{Error, PartitionId, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::cluster::fitting;
use super::health::Health;
use super::options::Topics;
use super::span::Span;

/// How long one question may take, and so how long dropping may.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// A watch over the topics of a source. Dropping it ends the thread.
pub struct Discovery {
    found: Receiver<Span>,
    ending: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Discovery {
    /// Looks every `interval` for partitions of `topics` that are not in `known`.
    pub fn start(
        consumer: Arc<BaseConsumer<Health>>,
        topics: Topics,
        known: BTreeSet<PartitionId>,
        interval: Duration,
    ) -> Result<Discovery> {
        let (report, found) = bounded(1024);
        let (ending, end) = bounded(0);
        let watch = Watch { consumer, topics, known, report, end };
        let thread =
            std::thread::Builder::new().name("kafka-discovery".into()).spawn(move || watch.run(interval)).map_err(
                |error| Error::Invalid(format!("cannot start the thread that looks for new partitions: {error}")),
            )?;
        Ok(Discovery { found, ending: Some(ending), thread: Some(thread) })
    }

    /// A partition that has appeared since the last call, from its first record on.
    pub fn next(&self) -> Option<Span> {
        self.found.try_recv().ok()
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.ending = None;
        // The thread may wait for room to report; nobody will read that any more.
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            if self.found.recv_timeout(Duration::from_millis(10)) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
        if let Some(thread) = self.thread.take() {
            // A panic in there took nothing with it that we still need.
            let _ = thread.join();
        }
    }
}

struct Watch {
    consumer: Arc<BaseConsumer<Health>>,
    topics: Topics,
    known: BTreeSet<PartitionId>,
    report: Sender<Span>,
    end: Receiver<()>,
}

impl Watch {
    fn run(mut self, interval: Duration) {
        while self.end.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            for partition in self.look() {
                // What cannot be asked now is found again the next time.
                let Some(span) = self.measure(&partition) else { continue };
                if self.known.insert(partition) && self.report.send(span).is_err() {
                    return;
                }
            }
        }
    }

    /// The whole of a new partition.
    fn measure(&self, partition: &PartitionId) -> Option<Span> {
        let extent = self.consumer.fetch_watermarks(&partition.topic, partition.number, ANSWER_WITHIN);
        let (start, high) = extent.ok()?;
        Some(Span { partition: partition.clone(), start, end: None, high, from_first: true })
    }

    /// New partitions; none where the servers do not answer, the reader tells why.
    fn look(&self) -> Vec<PartitionId> {
        let ask = |topic: Option<&str>| {
            let metadata = self.consumer.fetch_metadata(topic, ANSWER_WITHIN);
            metadata.map(|metadata| fitting(&metadata, &self.topics)).unwrap_or_default()
        };
        let mut found = match &self.topics {
            Topics::Fitting(_) => ask(None),
            Topics::Named(names) => names.iter().flat_map(|name| ask(Some(name))).collect(),
        };
        found.retain(|partition| !self.known.contains(partition));
        found
    }
}
