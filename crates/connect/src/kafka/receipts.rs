//! What the brokers say to what was sent. One record that could not be sent or delivered fails all that
//! follows, because librdkafka would let a later flush or commit succeed without it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;

use super::health::{is_refusal, plain};

/// How long to wait for the next confirmation before looking again whether something failed.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the brokers say to what was sent. Clones share it.
#[derive(Clone, Default)]
pub struct Receipts(Arc<Shared>);

#[derive(Default)]
struct Shared {
    heard: Mutex<Heard>,
    confirmed: Condvar,
}

#[derive(Default)]
struct Heard {
    /// The first record that was not delivered, and why.
    failure: Option<String>,
    /// Why servers cannot be reached.
    reason: Option<String>,
}

impl Receipts {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first failure, if there was one.
    pub fn failure(&self) -> Option<String> {
        self.heard().failure.clone()
    }

    /// Something failed.
    pub fn fail(&self, why: String) {
        self.heard().failure.get_or_insert(why);
    }

    /// Waits for the next confirmation, not for long.
    pub fn wait(&self) {
        let waited = self.0.confirmed.wait_timeout(self.heard(), LOOK_EVERY);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl ClientContext for Receipts {
    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) | None => {}
            Some(code) if is_refusal(code) => self.fail(plain(reason)),
            Some(RDKafkaErrorCode::Fatal) => self.fail(plain(reason)),
            Some(_) => self.heard().reason = Some(plain(reason)),
        }
    }

    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ProducerContext for Receipts {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((error, message)) = result {
            let code = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
            let reason = self.heard().reason.take().map(|reason| format!(" ({reason})")).unwrap_or_default();
            self.fail(format!("a record for topic '{}' was not delivered: {code}{reason}", message.topic()));
        }
        self.0.confirmed.notify_all();
    }
}
