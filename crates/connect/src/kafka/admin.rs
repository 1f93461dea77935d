//! What is asked of a cluster beside reading and writing: a new topic.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use millstream_record::{Error, Options, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use super::client::Client;
use super::line::Line;
use super::options::{CLIENT_OPTIONS, Reading, SCAN_OPTIONS};

/// How long a server may take to make a topic.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// Orders to one cluster.
pub struct Admin {
    reading: Reading,
    line: Line,
}

impl Admin {
    /// An administrator with the settings in `properties.*` of `typed`. Nobody is called yet.
    pub fn new<'a>(typed: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Admin> {
        let typed = typed.into_iter().filter(|(name, _)| name.starts_with("properties."));
        let reading = Reading::to_browse(&Options::check(typed, &[CLIENT_OPTIONS, SCAN_OPTIONS])?)?;
        let line = Line::new(&reading)?;
        Ok(Admin { reading, line })
    }

    /// Makes a topic. An error says if it exists already.
    pub fn create(&self, topic: &str, partitions: i32, replicas: i32) -> Result<()> {
        let client: &Client = &self.reading.client;
        // Finds out whether anybody answers; the administrative call alone would not say why not.
        self.line.cluster().metadata(None)?;
        let admin: AdminClient<DefaultClientContext> = client.create(&client.base(), DefaultClientContext)?;
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(replicas));
        let options = AdminOptions::new().operation_timeout(Some(ANSWER_WITHIN)).request_timeout(Some(ANSWER_WITHIN));
        let failed = |reason: String| Error::Connection { address: client.servers().into(), reason };
        let answer = wait(admin.create_topics([&new], &options)).map_err(|error| failed(error.to_string()))?;
        match answer.into_iter().next() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {
                Err(Error::Invalid(format!("topic '{topic}' exists already on {}", client.servers())))
            }
            Some(Err((_, code))) => Err(Error::Invalid(format!("topic '{topic}' cannot be made: {code}"))),
            _ => Ok(()),
        }
    }
}

/// Runs a future to its end on this thread. The client's own thread wakes us.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
