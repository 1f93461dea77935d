//! How to speak with the servers: the settings of librdkafka behind `properties.*`, those that the
//! connector decides itself, and those that nobody may set because they would run code or break what
//! the reader promises. Values of settings never enter an error: any of them may be a secret.

use std::fmt;

use millstream_record::{Error, Options, Result};
use rdkafka::ClientConfig;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::producer::ThreadedProducer;

use super::health::Health;
use super::receipts::Receipts;

/// The group that a consumer belongs to when the user names none. It never joins or commits.
const NO_GROUP: &str = "millstream";

/// Settings with a meaning of their own here: read by `options`, not passed on.
const OWN: &[&str] = &["auto.offset.reset", "sasl.jaas.config"];

/// Settings of Java clients that mean nothing to librdkafka and may stand in a script written for Flink.
const JAVA_ONLY: &[&str] =
    &["key.deserializer", "value.deserializer", "key.serializer", "value.serializer", "max.poll.records"];

/// Settings that would break a promise of the reader, load foreign code, or write elsewhere.
const REFUSED: &[(&str, &str)] = &[
    ("enable.auto.commit", "positions are kept by the query and never committed"),
    ("enable.auto.offset.store", "positions are kept by the query and never committed"),
    ("enable.partition.eof", "the reader needs these events to know where a topic ends"),
    ("statistics.interval.ms", "the reader needs the statistics for lag and health"),
    ("group.instance.id", "partitions are assigned, a group is never joined"),
    ("transactional.id", "transactions are begun by the sink alone"),
    ("plugin.library.paths", "it would load foreign code"),
    ("ssl.engine.location", "it would load foreign code"),
    ("ssl.providers", "it would load foreign code"),
    ("sasl.kerberos.kinit.cmd", "it would run a command"),
    ("debug", "its output may hold secrets"),
    ("log.queue", "the client's log is read by the connector"),
    ("log_level", "the client's log is read by the connector"),
];

/// What a source sets unless the user does. Memory is bounded; a full queue and a lost server are tried
/// again soon, where librdkafka would wait for a second and for ten.
const READ_DEFAULTS: &[(&str, &str)] = &[
    ("queued.max.messages.kbytes", "32768"),
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.error.backoff.ms", "100"),
    ("fetch.wait.max.ms", "100"),
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
    ("isolation.level", "read_committed"),
];

/// What a source always sets.
const READ_ALWAYS: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "error"),
    ("allow.auto.create.topics", "false"),
    ("statistics.interval.ms", "500"),
    ("topic.metadata.refresh.interval.ms", "10000"),
    ("topic.metadata.propagation.max.ms", "5000"),
];

/// What a sink sets unless the user does: records keep their order and are written once over retries;
/// keys choose partitions as in Java clients.
const WRITE_DEFAULTS: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("partitioner", "murmur2_random"),
    ("queue.buffering.max.kbytes", "65536"),
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
    ("allow.auto.create.topics", "false"),
];

/// The servers and the checked settings. `Debug` shows no value.
#[derive(Clone)]
pub struct Client {
    servers: String,
    settings: Vec<(String, String)>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.settings.iter().map(|(name, _)| name);
        f.debug_struct("Client").field("servers", &self.servers).field("settings", &names.collect::<Vec<_>>()).finish()
    }
}

impl Client {
    /// The servers and settings in `properties.*`, each checked by librdkafka.
    pub fn new(options: &Options) -> Result<Client> {
        let servers = options.required("properties.bootstrap.servers")?.trim().to_string();
        if servers.is_empty() {
            return Err(Error::Invalid("option 'properties.bootstrap.servers' is empty; it names the brokers to ask, for example 'localhost:9092'".into()));
        }
        let mut settings = Vec::new();
        for (name, value) in options.under("properties.") {
            if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                return Err(Error::Invalid(format!("option 'properties.{name}' cannot be set: {why}")));
            }
            if name.ends_with("_cb") || name == "opaque" {
                return Err(Error::Invalid(format!("option 'properties.{name}' cannot be set: it is no text")));
            }
            if OWN.contains(&name) || JAVA_ONLY.contains(&name) {
                continue;
            }
            settings.push((name.to_string(), value.to_string()));
        }
        if let Some(jaas) = options.text("properties.sasl.jaas.config") {
            settings.extend(from_jaas(jaas)?);
        }
        let client = Client { servers, settings };
        client.base().create_native_config().map(drop).map_err(|error| setting_error(&error))?;
        Ok(client)
    }

    /// The servers, as the user wrote them.
    pub fn servers(&self) -> &str {
        &self.servers
    }

    /// Whether records of open and aborted transactions are left out.
    pub fn reads_committed(&self) -> bool {
        self.setting("isolation.level") != Some("read_uncommitted")
    }

    /// The setting as the user wrote it.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A consumer that reports to `health`.
    pub fn consumer(&self, health: Health) -> Result<BaseConsumer<Health>> {
        let mut config = self.with(READ_DEFAULTS, READ_ALWAYS);
        if self.setting("group.id").is_none() {
            config.set("group.id", NO_GROUP);
        }
        self.create(&config, health)
    }

    /// A producer that reports to `receipts`.
    pub fn producer(&self, receipts: Receipts) -> Result<ThreadedProducer<Receipts>> {
        self.create(&self.with(WRITE_DEFAULTS, &[]), receipts)
    }

    /// A producer that writes in transactions, under an id that fences all others that have it.
    pub fn transactional(&self, id: &str, receipts: Receipts) -> Result<ThreadedProducer<Receipts>> {
        self.create(&self.with(WRITE_DEFAULTS, &[("transactional.id", id)]), receipts)
    }

    /// A consumer that only asks for the offsets of a group, with this isolation of transactions.
    pub fn asking(&self, group: &str, isolation: &str) -> Result<BaseConsumer<Health>> {
        let always = [("group.id", group), ("isolation.level", isolation), ("enable.auto.commit", "false")];
        self.create(&self.with(READ_DEFAULTS, &always), Health::new(true))
    }

    /// Whether the same servers are spoken with in the same way.
    pub fn is_like(&self, other: &Client) -> bool {
        self.servers == other.servers && self.settings == other.settings
    }

    /// A client of another kind, with the user's settings alone.
    pub fn create<X, T: FromClientConfigAndContext<X>>(&self, config: &ClientConfig, context: X) -> Result<T>
    where
        X: rdkafka::ClientContext,
    {
        T::from_config_and_context(config, context).map_err(|error| setting_error(&error))
    }

    /// The user's settings alone.
    pub fn base(&self) -> ClientConfig {
        self.with(&[("client.id", "millstream")], &[])
    }

    fn with(&self, defaults: &[(&str, &str)], always: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Emerg);
        let typed = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in defaults.iter().copied().chain(typed).chain(always.iter().copied()) {
            config.set(name, value);
        }
        config
    }
}

/// `org.apache.kafka.….PlainLoginModule required username="u" password="p";`
fn from_jaas(jaas: &str) -> Result<[(String, String); 2]> {
    let field = |name: &str| {
        let (_, rest) = jaas.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0.to_string())
    };
    match (field("username"), field("password")) {
        (Some(user), Some(password)) => Ok([("sasl.username".into(), user), ("sasl.password".into(), password)]),
        _ => Err(Error::Invalid(
            "option 'properties.sasl.jaas.config' has no username=\"…\" and password=\"…\"; \
             or set properties.sasl.username and properties.sasl.password"
                .into(),
        )),
    }
}

/// Names the setting that librdkafka refused, never its value.
fn setting_error(error: &KafkaError) -> Error {
    match error {
        KafkaError::ClientConfig(_, _, name, _) if name.starts_with("ssl.truststore.") => Error::Invalid(format!(
            "option 'properties.{name}' belongs to Java clients; name a file of PEM certificates in 'properties.ssl.ca.location'"
        )),
        KafkaError::ClientConfig(_, text, name, _) if text.contains("No such configuration property") => {
            Error::Invalid(format!("option 'properties.{name}' is no setting of the Kafka client"))
        }
        KafkaError::ClientConfig(_, _, name, _) => {
            Error::Invalid(format!("option 'properties.{name}' has a value that the Kafka client does not take"))
        }
        KafkaError::ClientCreation(reason) => Error::Invalid(format!("the Kafka client cannot be made: {reason}")),
        other => Error::Invalid(format!("the Kafka client cannot be made: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::{CLIENT_OPTIONS, SCAN_OPTIONS};
    use super::*;

    fn client(typed: &[(&str, &str)]) -> Result<Client> {
        let servers = [("properties.bootstrap.servers", "localhost:9092")];
        Client::new(&Options::check(servers.iter().chain(typed).copied(), &[CLIENT_OPTIONS, SCAN_OPTIONS])?)
    }

    fn refusal(typed: &[(&str, &str)]) -> String {
        client(typed).expect_err("it must be refused").to_string()
    }

    #[test]
    fn settings_are_checked_by_the_client_and_values_never_shown() {
        assert_eq!(
            refusal(&[("properties.fetch.min.bites", "s3cret")]),
            "option 'properties.fetch.min.bites' is no setting of the Kafka client"
        );
        assert_eq!(
            refusal(&[("properties.fetch.min.bytes", "s3cret")]),
            "option 'properties.fetch.min.bytes' has a value that the Kafka client does not take"
        );
        assert!(refusal(&[("properties.ssl.truststore.location", "a.jks")]).contains("ssl.ca.location"));
        let debug = format!("{:?}", client(&[("properties.sasl.password", "s3cret")]).expect("fine"));
        assert!(debug.contains("sasl.password") && !debug.contains("s3cret"));
    }

    #[test]
    fn what_would_run_code_or_break_the_reader_is_refused() {
        for name in ["plugin.library.paths", "sasl.kerberos.kinit.cmd", "enable.auto.commit", "debug", "error_cb"] {
            let full = format!("properties.{name}");
            assert!(refusal(&[(&full, "true")]).contains("cannot be set: "), "{name}");
        }
    }

    #[test]
    fn a_login_for_java_is_understood() {
        let jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"p w\";";
        let client = client(&[("properties.sasl.jaas.config", jaas)]).expect("fine");
        assert_eq!((client.setting("sasl.username"), client.setting("sasl.password")), (Some("u"), Some("p w")));
        assert!(refusal(&[("properties.sasl.jaas.config", "x")]).contains("properties.sasl.username"));
    }
}
