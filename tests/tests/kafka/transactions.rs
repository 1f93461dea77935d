//! Topics that are written in transactions: aborted records are never seen, and an end is found although
//! control records stand where the last offsets are.

use millstream_record::{Offset, PartitionId, Poll};
use millstream_tests::broker::Broker;
use millstream_tests::topics::{Record, Topics};
use rdkafka::producer::Producer;

use super::table::open;

fn numbers(range: std::ops::Range<i64>) -> impl Iterator<Item = Record> {
    range.map(|n| Record::new(0, format!("{{\"n\":{n}}}")))
}

#[test]
fn only_committed_records_are_read_and_the_end_is_found_behind_control_records() {
    let servers = Broker::shared().address();
    let (name, topics) = ("transactions-mixed", Topics::at(&servers));
    topics.create(name, 1);
    topics.transaction("mixed", true, name, numbers(0..5));
    topics.transaction("mixed", false, name, numbers(100..105));
    topics.transaction("mixed", true, name, numbers(5..8));
    topics.transaction("mixed", false, name, numbers(200..205));
    let bounded = [("topic", name), ("scan.bounded.mode", "latest-offset")];
    let mut reading = open(&servers, &bounded).expect("it opens");
    reading.until("the end", |_, poll| matches!(poll, Poll::End));
    assert_eq!(reading.rows.iter().map(|row| row.n).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    // 5 + 1, 5 + 1, 3 + 1, 5 + 1 records with their control records.
    assert_eq!(reading.reader.positions()[&PartitionId::new(name, 0)], Offset(22));
    assert_eq!(reading.reader.lag(), Some(0));

    let uncommitted = [bounded[0], bounded[1], ("properties.isolation.level", "read_uncommitted")];
    assert_eq!(open(&servers, &uncommitted).expect("it opens").finish().len(), 18);
}

#[test]
fn records_of_an_open_transaction_wait_for_its_end() {
    let servers = Broker::shared().address();
    let (name, topics) = ("transactions-open", Topics::at(&servers));
    topics.create(name, 1);
    topics.produce(name, numbers(0..2));
    let producer = topics.open_transaction("open", name, numbers(2..4));
    topics.produce(name, numbers(4..5));
    let mut reading = open(&servers, &[("topic", name)]).expect("it opens");
    reading.rows(2);
    // The end that can be read is where the open transaction begins.
    let bounded = [("topic", name), ("scan.bounded.mode", "latest-offset")];
    assert_eq!(open(&servers, &bounded).expect("it opens").finish().len(), 2);
    assert_eq!(reading.rows.len(), 2);
    producer.commit_transaction(std::time::Duration::from_secs(30)).expect("it is open");
    reading.rows(5);
    assert_eq!(reading.rows.iter().map(|row| row.n).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}
