//! What goes wrong, and what is said then: within ten seconds, with the address, the reason and a way out.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use millstream_record::{Error, Offset, PartitionId, Positions};
use millstream_tests::broker::{Broker, PASSWORD, USER};
use millstream_tests::topics::{Record, Topics};

use super::table::{Reading, columns, metadata, open, open_at, options};

fn refusal(servers: &str, typed: &[(&str, &str)]) -> Error {
    let start = Instant::now();
    let error = open(servers, typed).err().expect("it must not open");
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?} to say: {error}", start.elapsed());
    error
}

#[test]
fn an_absent_broker_is_named_with_the_reason() {
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports").local_addr().expect("bound");
    let error = refusal(&free.to_string(), &[("topic", "t")]);
    assert!(matches!(&error, Error::Connection { address, .. } if *address == free.to_string()), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[test]
fn a_name_that_means_no_machine_is_said_to_be_so() {
    let error = refusal("no-such-broker.invalid:9092", &[("topic", "t")]).to_string();
    assert!(error.contains("no-such-broker.invalid:9092") && error.contains("resolve"), "{error}");
}

#[test]
fn a_server_that_does_not_speak_kafka_is_given_up() {
    // It accepts and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = silent.local_addr().expect("bound").to_string();
    let error = refusal(&address, &[("topic", "t")]);
    assert!(matches!(&error, Error::Connection { .. }), "{error}");
    assert!(error.to_string().starts_with(&format!("cannot reach {address}: ")), "{error}");
}

#[test]
fn speaking_tls_to_a_listener_without_it_is_said_to_be_so() {
    let servers = Broker::shared().address();
    let error = refusal(&servers, &[("topic", "t"), ("properties.security.protocol", "SSL")]).to_string();
    assert!(error.starts_with(&format!("cannot reach {servers}: ")) && error.contains("SSL"), "{error}");
}

#[test]
fn a_partition_that_is_gone_since_the_last_time_is_a_loss() {
    let servers = Broker::shared().address();
    let name = "failures-shrunk";
    Topics::at(&servers).create(name, 1);
    let resume = || Some(Positions::from([(PartitionId::new(name, 7), Offset(3))]));
    let error = open_at(&servers, &[("topic", name)], resume()).err().expect("partition 7 is gone").to_string();
    assert!(
        error.starts_with("records are missing in failures-shrunk/7: ") && error.contains("does not exist"),
        "{error}"
    );
    let policy = [("topic", name), ("scan.on-data-loss", "earliest"), ("scan.bounded.mode", "latest-offset")];
    assert_eq!(open_at(&servers, &policy, resume()).expect("the policy allows it").finish(), []);
}

#[test]
fn a_format_that_does_not_fit_is_refused_before_anybody_is_called() {
    let refused =
        |typed: &[(&str, &str)]| super::table::source("localhost:1", typed).err().expect("it does not fit").to_string();
    assert!(refused(&[("topic", "t"), ("format", "parquet")]).contains("parquet"));
}

#[test]
fn a_missing_topic_is_named() {
    let servers = Broker::shared().address();
    let error = refusal(&servers, &[("topic", "failures-missing")]);
    assert!(matches!(error, Error::Invalid(_)));
    assert_eq!(
        error.to_string(),
        format!("topic 'failures-missing' does not exist on {servers}; create it or name another in 'topic'")
    );
}

#[test]
fn a_wrong_password_is_refused_at_once_and_never_shown() {
    let broker = Broker::shared();
    Topics::at(broker.address()).create("failures-login", 1);
    let login = |password| {
        [
            ("topic", "failures-login"),
            ("scan.bounded.mode", "latest-offset"),
            ("properties.security.protocol", "SASL_PLAINTEXT"),
            ("properties.sasl.mechanism", "PLAIN"),
            ("properties.sasl.username", USER),
            ("properties.sasl.password", password),
        ]
    };
    let error = refusal(&broker.sasl_address(), &login("jabberwocky"));
    assert!(matches!(error, Error::Connection { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("uthentication failed") && text.contains("properties.sasl.password"), "{text}");
    assert!(!text.contains("jabberwocky"));
    assert!(!format!("{:?}", options(&broker.sasl_address(), &login("jabberwocky"))).contains("jabberwocky"));
    assert_eq!(open(&broker.sasl_address(), &login(PASSWORD)).expect("the right one").finish(), []);
}

#[test]
fn lost_records_follow_the_policy() {
    let servers = Broker::shared().address();
    let (name, topics) = ("failures-loss", Topics::at(&servers));
    topics.create(name, 1);
    topics.produce(name, (0..10).map(|n| Record::new(0, format!("{{\"n\":{n}}}"))));
    topics.delete_before(name, 0, 6);
    let at = |offset| Some(Positions::from([(PartitionId::new(name, 0), Offset(offset))]));
    let bounded = [("topic", name), ("scan.bounded.mode", "latest-offset")];

    let expired = open_at(&servers, &bounded, at(2)).err().expect("they are gone").to_string();
    assert!(expired.starts_with("records are missing in failures-loss/0: the next record to read is 2"), "{expired}");
    assert!(expired.contains("the log begins at 6 now; about 4 records have been removed"), "{expired}");
    let cut = open_at(&servers, &bounded, at(11)).err().expect("they were never there").to_string();
    assert!(cut.contains("the log ends at 10"), "{cut}");

    let policy = |word| [bounded[0], bounded[1], ("scan.on-data-loss", word)];
    let rows = open_at(&servers, &policy("earliest"), at(2)).expect("the policy allows it").finish();
    assert_eq!(rows.iter().map(|row| row.n).collect::<Vec<_>>(), [6, 7, 8, 9]);
    assert_eq!(open_at(&servers, &policy("latest"), at(2)).expect("the policy allows it").finish(), []);
}

/// Twenty records of 300 kB, and a reader that fetches a few of them at most, because nobody polls it; then
/// all before number 15 are removed.
fn vanishing(name: &str, policy: &str) -> Reading {
    let servers = Broker::shared().address();
    let topics = Topics::at(&servers);
    topics.create(name, 1);
    let padding = "x".repeat(300_000);
    topics.produce(name, (0..20).map(|n| Record::new(0, format!("{{\"n\":{n},\"padding\":\"{padding}\"}}"))));
    let typed = [
        ("topic", name),
        ("scan.on-data-loss", policy),
        ("scan.startup.mode", "specific-offsets"),
        ("scan.startup.specific-offsets", "partition:0,offset:0"),
        ("properties.queued.max.messages.kbytes", "1"),
        ("properties.queued.min.messages", "1"),
        ("properties.max.partition.fetch.bytes", "1000"),
    ];
    let reading = open(&servers, &typed).expect("it opens");
    topics.delete_before(name, 0, 15);
    reading
}

#[test]
fn records_that_vanish_while_reading_follow_the_policy_too() {
    let mut reading = vanishing("failures-vanish-earliest", "earliest");
    reading.until("the last record", |reading, _| reading.rows.iter().any(|row| row.n == 19));
    let found: Vec<i64> = reading.rows.iter().map(|row| row.n).collect();
    let before = found.iter().position(|&n| n == 15).expect("it is still there");
    assert!(before < 15, "some had to vanish: {found:?}");
    assert_eq!(found[..before], (0..before as i64).collect::<Vec<_>>());
    assert_eq!(found[before..], [15, 16, 17, 18, 19]);
}

#[test]
fn records_that_vanish_while_reading_stop_it_after_all_that_came_before() {
    let mut reading = vanishing("failures-vanish-fail", "fail");
    let error = failure(&mut reading);
    let next = reading.reader.positions()[&PartitionId::new("failures-vanish-fail", 0)].0;
    assert!(matches!(&error, Error::DataLoss { .. }), "{error}");
    let said = format!("the next record to read is {next}, but the log begins at 15 now");
    assert!(next < 15 && error.to_string().contains(&said), "{error}");
}

#[test]
fn a_topic_that_is_deleted_while_it_is_read_is_told() {
    let servers = Broker::shared().address();
    let (name, topics) = ("failures-deleted", Topics::at(&servers));
    topics.create(name, 1);
    topics.produce(name, [Record::new(0, "{\"n\":1}")]);
    let typed = [("topic", name), ("scan.topic-partition-discovery.interval", "100 ms")];
    let mut reading = open(&servers, &typed).expect("it opens");
    reading.rows(1);
    topics.delete(name);
    let error = failure(&mut reading).to_string();
    let said = format!("records are missing in {name}/0: it does not exist on {servers} any more");
    assert_eq!(error, said);
}

/// Deletes a topic and makes it again, with so many records that count from 100.
fn make_again(topics: &Topics, name: &str, records: i64) {
    topics.delete(name);
    topics.create(name, 1);
    topics.produce(name, (100..100 + records).map(|n| Record::new(0, format!("{{\"n\":{n}}}"))));
}

#[test]
fn a_topic_that_was_made_again_is_another_one_even_if_it_is_longer() {
    let servers = Broker::shared().address();
    let (name, topics) = ("failures-again", Topics::at(&servers));
    topics.create(name, 1);
    topics.produce(name, (0..5).map(|n| Record::new(0, format!("{{\"n\":{n}}}"))));
    let bounded = [("topic", name), ("scan.bounded.mode", "latest-offset")];
    let mut first = open(&servers, &bounded).expect("it opens");
    let at = first.rows(5).reader.positions();
    assert_eq!(at.topics().len(), 1, "the broker tells the topic's id");
    assert_eq!(open_at(&servers, &bounded, Some(at.clone())).expect("it is the same").finish(), []);
    make_again(&topics, name, 9);

    let error = open_at(&servers, &bounded, Some(at.clone())).err().expect("it is another one");
    let is = open(&servers, &bounded).expect("it opens").reader.positions();
    let (was, is) = (&at.topics()[name], &is.topics()[name]);
    assert_ne!(was, is);
    assert_eq!(
        error.to_string(),
        format!(
            "records are missing in {name}: the topic was deleted and made again: what was read had the id {was}, \
             what is there now has the id {is}; to go on all the same, set 'scan.on-data-loss' to 'earliest' or 'latest'"
        )
    );
    let policy = |word| [bounded[0], bounded[1], ("scan.on-data-loss", word)];
    let rows = open_at(&servers, &policy("earliest"), Some(at.clone())).expect("the policy allows it").finish();
    assert_eq!(rows.iter().map(|row| row.n).collect::<Vec<_>>(), (100..109).collect::<Vec<_>>());
    assert_eq!(open_at(&servers, &policy("latest"), Some(at.clone())).expect("the policy allows it").finish(), []);
    let unknown = Some(Positions::from([(PartitionId::new(name, 0), Offset(5))]));
    let rows = open_at(&servers, &bounded, unknown).expect("a checkpoint of an older release names no ids").finish();
    assert_eq!(rows.len(), 4);
}

#[test]
fn a_topic_that_is_made_again_under_a_reader_follows_the_policy() {
    let servers = Broker::shared().address();
    let topics = Topics::at(&servers);
    for policy in ["fail", "earliest"] {
        let name = &format!("failures-again-{policy}");
        topics.create(name, 1);
        topics.produce(name, (0..3).map(|n| Record::new(0, format!("{{\"n\":{n}}}"))));
        let typed = [
            ("topic", name.as_str()),
            ("scan.on-data-loss", policy),
            ("scan.topic-partition-discovery.interval", "1 s"),
        ];
        let mut reading = open(&servers, &typed).expect("it opens");
        reading.rows(3);
        make_again(&topics, name, 40);
        if policy == "fail" {
            let error = failure(&mut reading);
            assert!(matches!(&error, Error::DataLoss { .. }), "{error}");
        } else {
            reading
                .until("the first record of the new topic", |reading, _| reading.rows.iter().any(|row| row.n == 100));
            reading.until("its last record", |reading, _| reading.rows.iter().any(|row| row.n == 139));
        }
    }
}

/// Reads until reading fails.
fn failure(reading: &mut Reading) -> Error {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "reading must fail");
        if let Err(error) = reading.reader.poll(Duration::from_millis(100)) {
            return error;
        }
    }
}

#[test]
fn metadata_that_is_not_there_is_refused_with_what_is() {
    use arrow::datatypes::DataType;
    use millstream_connect::kafka::Kafka;
    use millstream_record::Connector;
    let mut columns = columns();
    columns.push(metadata("e", "leader-epoch", DataType::Int32));
    let options = options("localhost:9092", &[("topic", "t")]);
    let error = Kafka::default().source("t", &columns, &options).err().expect("it is not there").to_string();
    assert!(error.contains("'leader-epoch' of column 'e' is not told by the Kafka client"), "{error}");
    assert!(error.contains("partition, offset, timestamp"), "{error}");
}
