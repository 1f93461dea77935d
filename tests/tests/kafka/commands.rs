//! What the shell asks of a cluster: its topics, how fresh they are, and a new one.

use millstream_connect::kafka::{Admin, Kafka};
use millstream_record::{Connector, Millis, Options, Result, Stop, TopicInfo};
use millstream_tests::broker::Broker;
use millstream_tests::topics::{Record, Topics};

fn admin(servers: &str) -> Admin {
    Admin::new([("properties.bootstrap.servers", servers), ("topic", "is not looked at")]).expect("it fits")
}

fn listed(servers: &str, topic: Option<&str>) -> Result<Vec<TopicInfo>> {
    let typed = [("properties.bootstrap.servers", servers)].into_iter().chain(topic.map(|topic| ("topic", topic)));
    let options = Options::check(typed, &[Kafka::default().options()]).expect("they fit");
    Kafka::default().browse(None, &options).expect("nobody is called yet").topics(&Stop::default())
}

#[test]
fn topics_are_made_and_listed_with_their_size() {
    let servers = Broker::shared().address();
    let admin = admin(&servers);
    admin.create("commands-new", 3, 1).expect("it is new");
    Topics::at(&servers).produce("commands-new", (0..7).map(|n| Record::new(n % 3, "x")));
    let topics = listed(&servers, None).expect("the broker answers");
    let found = topics.iter().find(|topic| topic.name == "commands-new").expect("it is listed");
    assert_eq!((found.partitions, found.records), (3, Some(7)));
    let glimpse = found.glimpse.iter().flat_map(|records| records.iter());
    assert_eq!(glimpse.filter(|record| record.value == Some(b"x")).count(), 7, "short topics are seen whole");
    assert!(topics.iter().all(|topic| !topic.name.starts_with("__")));
    assert!(topics.is_sorted_by_key(|topic| &topic.name));
    let again = admin.create("commands-new", 3, 1).expect_err("it is there").to_string();
    assert_eq!(again, format!("topic 'commands-new' exists already on {servers}"));
    let wrong = admin.create("no/slash", 1, 1).expect_err("Kafka forbids it").to_string();
    assert!(wrong.contains("topic 'no/slash' cannot be made"), "{wrong}");
}

#[test]
fn the_newest_record_tells_how_fresh_a_topic_is() {
    let servers = Broker::shared().address();
    let admin = admin(&servers);
    admin.create("commands-fresh", 2, 1).expect("it is new");
    let newest = |topic| listed(&servers, Some(topic)).map(|topics| topics[0].newest);
    assert_eq!(newest("commands-fresh").expect("the broker answers"), None);
    let at = |partition, timestamp| Record { timestamp: Some(timestamp), ..Record::new(partition, "x") };
    Topics::at(&servers).produce("commands-fresh", [at(0, 5000), at(0, 6000), at(1, 5500)]);
    assert_eq!(newest("commands-fresh").expect("the broker answers"), Some(Millis(6000)));
    assert!(newest("commands-missing").expect_err("no such topic").to_string().contains("does not exist"));
}

#[test]
fn an_absent_broker_is_named() {
    let error = listed("127.0.0.1:1", None).expect_err("nobody listens on port 1").to_string();
    assert!(error.starts_with("cannot reach 127.0.0.1:1: ") && error.contains("Connection refused"), "{error}");
}
