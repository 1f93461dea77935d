//! The transactions of a job: one producer for all its sinks with exactly-once, and beside their rows, in
//! the same transaction, a marker that says which epoch they are. So the commit itself decides the epoch,
//! whatever becomes of the job in that moment.
//!
//! The marker is an offset that a private group commits in the first output topic: the offset is the epoch,
//! its metadata the rest. The transactional id is that of the job and never changes, so a new producer
//! fences all older ones and settles what they left open.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use millstream_record::{Error, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{Producer, PurgeConfig, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};

use super::client::Client;
use super::health::{Health, is_refusal};
use super::receipts::Receipts;

/// How long a question may go unanswered before the job gives up and begins again.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one call may take before we look again.
const CALL: Duration = Duration::from_secs(5);

/// What is committed with the rows of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The epoch.
    pub epoch: u64,
    /// Whatever else the job wants to know of it: ASCII, short.
    pub text: String,
}

/// Why a step of a transaction failed.
#[derive(Debug)]
pub enum Failed {
    /// A newer producer has taken over, or the broker has given our transaction up. It says the same of both.
    Fenced,
    /// Nobody knows whether it was done: the producer must not be used any more.
    Unknown(String),
    /// There is no point in trying again.
    Refused(Error),
}

/// The transactions of one job on one cluster. Clones share them.
#[derive(Clone)]
pub struct Transactions(Arc<Shared>);

struct Shared {
    job: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    joined: Option<Joined>,
    line: Option<Line>,
}

/// The cluster, and the topic that carries the marker.
#[derive(Clone)]
struct Joined {
    client: Client,
    prefix: String,
    topic: String,
}

/// The producer that is not fenced yet.
struct Line {
    producer: ThreadedProducer<Receipts>,
    receipts: Receipts,
    /// Knows the group in whose name the marker is committed; it never joins.
    group: Arc<BaseConsumer<Health>>,
    open: bool,
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions").field("job", &self.0.job).finish_non_exhaustive()
    }
}

impl Transactions {
    /// Of the job with this id: letters and digits, its own for ever.
    pub fn of(job: &str) -> Transactions {
        Transactions(Arc::new(Shared { job: job.into(), state: Mutex::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sink wants its rows in the transactions. All of them must be on one cluster.
    pub(super) fn join(&self, client: &Client, prefix: &str, topic: &str) -> Result<()> {
        let mut state = self.state();
        match &state.joined {
            None => {
                state.joined = Some(Joined { client: client.clone(), prefix: prefix.into(), topic: topic.into() });
                Ok(())
            }
            Some(joined) if joined.client.is_like(client) && joined.prefix == prefix => Ok(()),
            Some(joined) => Err(Error::Invalid(format!(
                "topics '{}' and '{topic}' cannot be written in one transaction: a job has exactly-once on one cluster \
                 with one set of 'properties.*' and one 'sink.transactional-id-prefix'; \
                 set 'sink.delivery-guarantee' = 'at-least-once' for one of them, or make two jobs of it",
                joined.topic
            ))),
        }
    }

    /// Whether any sink has joined: then the transactions decide.
    pub fn decide(&self) -> bool {
        self.state().joined.is_some()
    }

    /// How long the broker waits for a transaction before it gives it up.
    pub fn timeout(&self) -> Option<Duration> {
        let state = self.state();
        let typed = state.joined.as_ref()?.client.setting("transaction.timeout.ms").and_then(|text| text.parse().ok());
        Some(Duration::from_millis(typed.unwrap_or(60_000)))
    }

    fn joined(&self) -> Result<Joined, Failed> {
        let missing = || Error::Invalid("no sink of this job takes part in transactions".into());
        self.state().joined.clone().ok_or_else(|| Failed::Refused(missing()))
    }

    /// Reads the marker. Unless it is `settled` by a fence, a transaction that is under way does not hold the
    /// answer up, but the answer may be one epoch old.
    pub fn read(&self, settled: bool) -> Result<Option<Note>, Failed> {
        let joined = self.joined()?;
        let isolation = if settled { "read_committed" } else { "read_uncommitted" };
        let consumer = joined.group(&self.0.job, isolation)?;
        let list = joined.marker(Offset::Invalid, None)?;
        let answer = insist(&joined, "the marker of the job", || consumer.committed_offsets(list.clone(), CALL))?;
        let elements = answer.elements();
        let note = elements.first().and_then(|element| match element.offset() {
            Offset::Offset(epoch) => Some(Note { epoch: epoch as u64, text: element.metadata().to_string() }),
            _ => None,
        });
        Ok(note)
    }

    /// Fences all older producers of the job, and settles what they left open.
    pub fn fence(&self) -> Result<(), Failed> {
        let joined = self.joined()?;
        self.leave();
        let receipts = Receipts::default();
        let id = format!("{}.{}", joined.prefix, self.0.job);
        let producer = joined.client.transactional(&id, receipts.clone()).map_err(Failed::Refused)?;
        insist(&joined, "the right to write in transactions", || producer.init_transactions(CALL))?;
        let group = Arc::new(joined.group(&self.0.job, "read_committed")?);
        self.state().line = Some(Line { producer, receipts, group, open: false });
        Ok(())
    }

    /// The producer and its receipts, for a sink.
    pub(super) fn line(&self) -> Result<(ThreadedProducer<Receipts>, Receipts)> {
        let state = self.state();
        let line = state.line.as_ref().ok_or_else(|| Error::Invalid("the transactions have not begun".into()))?;
        Ok((line.producer.clone(), line.receipts.clone()))
    }

    /// Begins a transaction, unless one is open: at the first row and not before, for the broker's clock runs.
    pub(super) fn begin(&self) -> Result<()> {
        let mut state = self.state();
        let Some(line) = &mut state.line else { return Ok(()) };
        if !line.open {
            line.producer
                .begin_transaction()
                .map_err(|error| Error::Invalid(format!("no transaction can be begun: {error}")))?;
            line.open = true;
        }
        Ok(())
    }

    /// Puts the note into the transaction; begins one if no row has.
    pub fn note(&self, note: &Note) -> Result<(), Failed> {
        let joined = self.joined()?;
        self.begin().map_err(|error| Failed::Unknown(error.to_string()))?;
        let producer = self.line().map_err(|error| Failed::Unknown(error.to_string()))?.0;
        let group = self.state().line.as_ref().map(|line| line.group.clone());
        let members = group.and_then(|group| group.group_metadata());
        let members = members.ok_or_else(|| Failed::Unknown("the client knows no group".into()))?;
        let list = joined.marker(Offset::Offset(note.epoch as i64), Some(&note.text))?;
        insist(&joined, "the marker of the epoch", || producer.send_offsets_to_transaction(&list, &members, CALL))
    }

    /// Commits the transaction. If a record was not delivered it must not be committed.
    pub fn commit(&self) -> Result<(), Failed> {
        let joined = self.joined()?;
        let (producer, receipts) = self.line().map_err(|error| Failed::Unknown(error.to_string()))?;
        if let Some(reason) = receipts.failure() {
            return Err(Failed::Unknown(reason));
        }
        insist(&joined, "the commit of the epoch", || producer.commit_transaction(Timeout::Never))?;
        if let Some(line) = &mut self.state().line {
            line.open = false;
        }
        Ok(())
    }

    /// Drops the producer and all that it has not sent. What it left open is settled by the next fence.
    pub fn leave(&self) {
        if let Some(line) = self.state().line.take() {
            line.producer.purge(PurgeConfig::default().queue().inflight());
        }
    }
}

impl Joined {
    fn group(&self, job: &str, isolation: &str) -> Result<BaseConsumer<Health>, Failed> {
        let group = format!("{}.{job}.commit", self.prefix);
        self.client.asking(&group, isolation).map_err(Failed::Refused)
    }

    /// The one place of the marker.
    fn marker(&self, offset: Offset, text: Option<&str>) -> Result<TopicPartitionList, Failed> {
        let mut list = TopicPartitionList::new();
        let wrong =
            |error: KafkaError| Failed::Refused(Error::Invalid(format!("the marker cannot be written: {error}")));
        let mut element = list.add_partition(&self.topic, 0);
        element.set_offset(offset).map_err(wrong)?;
        if let Some(text) = text {
            element.set_metadata(text);
        }
        Ok(list)
    }
}

/// Calls again while the client says that the same call may be repeated.
fn insist<T>(joined: &Joined, what: &str, mut call: impl FnMut() -> Result<T, KafkaError>) -> Result<T, Failed> {
    let start = Instant::now();
    loop {
        let error = match call() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        let reason = format!("{what}: {error}");
        let refused =
            || Failed::Refused(Error::Connection { address: joined.client.servers().into(), reason: reason.clone() });
        let again = match &error {
            KafkaError::Transaction(_) if is_fence(code) => return Err(Failed::Fenced),
            KafkaError::Transaction(error) if error.is_fatal() || is_refusal(code) || is_wrong(code) => {
                return Err(refused());
            }
            KafkaError::Transaction(error) => error.is_retriable(),
            _ if is_refusal(code) => return Err(refused()),
            _ => matches!(
                code,
                RDKafkaErrorCode::OperationTimedOut
                    | RDKafkaErrorCode::RequestTimedOut
                    | RDKafkaErrorCode::WaitingForCoordinator
                    | RDKafkaErrorCode::CoordinatorNotAvailable
                    | RDKafkaErrorCode::NotCoordinator
                    | RDKafkaErrorCode::CoordinatorLoadInProgress
                    | RDKafkaErrorCode::BrokerTransportFailure
                    | RDKafkaErrorCode::AllBrokersDown
            ),
        };
        if !again || start.elapsed() > PATIENCE {
            return Err(Failed::Unknown(reason));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_fence(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::*;
    matches!(code, Fenced | InvalidProducerEpoch | ProducerFenced)
}

/// Settings or rights that no patience mends.
fn is_wrong(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::*;
    matches!(code, TransactionalIdAuthorizationFailed | InvalidTransactionTimeout)
}
