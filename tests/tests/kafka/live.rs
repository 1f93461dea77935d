//! What happens while a table is read: topics and partitions appear, the broker goes away and comes back.

use millstream_record::Poll;
use millstream_tests::broker::Broker;
use millstream_tests::topics::{Record, Topics};

use super::table::open;

fn numbers(range: std::ops::Range<i64>, partitions: i64) -> impl Iterator<Item = Record> {
    range.map(move |n| Record::new((n % partitions) as i32, format!("{{\"n\":{n}}}")))
}

#[test]
fn a_pattern_finds_topics_and_partitions_that_appear_later() {
    let servers = Broker::shared().address();
    let topics = Topics::at(&servers);
    topics.create("live-pattern-a", 1);
    topics.create("other-live-pattern", 1);
    topics.produce("live-pattern-a", numbers(0..3, 1));
    topics.produce("other-live-pattern", numbers(900..901, 1));
    let typed = [("topic-pattern", "live-pattern-.*"), ("scan.topic-partition-discovery.interval", "100 ms")];
    let mut reading = open(&servers, &typed).expect("it opens");
    assert_eq!(reading.rows(3).announced, ["live-pattern-a/0"]);

    topics.create("live-pattern-b", 1);
    topics.produce("live-pattern-b", numbers(10..12, 1));
    reading.rows(5);
    topics.grow("live-pattern-a", 2);
    topics.produce("live-pattern-a", [Record::new(1, "{\"n\":20}")]);
    reading.rows(6);
    let mut found: Vec<i64> = reading.rows.iter().map(|row| row.n).collect();
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2, 10, 11, 20]);
    assert_eq!(reading.announced, ["live-pattern-a/0", "live-pattern-b/0", "live-pattern-a/1"]);
    assert_eq!(reading.reader.positions().len(), 3);
}

#[test]
fn reading_resumes_after_the_broker_was_gone_and_nothing_is_lost_or_doubled() {
    let mut broker = Broker::start();
    let servers = broker.address();
    let topics = Topics::at(&servers);
    topics.create("restart", 2);
    topics.produce("restart", numbers(0..1000, 2));
    let mut reading = open(&servers, &[("topic", "restart")]).expect("it opens");
    reading.rows(1000);

    broker.stop();
    let mut said = String::new();
    reading.until("the stall", |_, poll| {
        if let Poll::Stalled(sentence) = poll {
            said = sentence.clone();
        }
        !said.is_empty()
    });
    assert!(said.contains(&format!("cannot reach {servers} at the moment")), "{said}");

    broker.resume();
    assert!(broker.is_ready(), "{}", broker.log());
    reading.until("the end of the stall", |_, poll| !matches!(poll, Poll::Stalled(_)));
    topics.produce("restart", numbers(1000..2000, 2));
    reading.rows(2000);
    let found = reading.by_partition();
    broker.stop();
    let left = std::time::Instant::now();
    drop(reading);
    assert!(left.elapsed() < std::time::Duration::from_secs(5), "leaving took {:?} without a broker", left.elapsed());
    for partition in 0..2 {
        assert_eq!(found[&partition], (0..2000).filter(|n| n % 2 == i64::from(partition)).collect::<Vec<_>>());
    }
}

#[test]
fn lag_counts_what_is_waiting_and_falls_to_zero() {
    let servers = Broker::shared().address();
    let topics = Topics::at(&servers);
    topics.create("live-lag", 1);
    topics.produce("live-lag", numbers(0..500, 1));
    let mut reading = open(&servers, &[("topic", "live-lag")]).expect("it opens");
    assert_eq!(reading.reader.lag(), Some(500));
    reading.rows(500);
    assert_eq!(reading.reader.lag(), Some(0));
    topics.produce("live-lag", numbers(500..600, 1));
    reading.until("the lag of new records or the records", |reading, _| reading.rows.len() == 600);
    reading.until("no lag", |reading, _| reading.reader.lag() == Some(0));
}

#[test]
fn a_stop_ends_the_wait_at_once() {
    let servers = Broker::shared().address();
    Topics::at(&servers).create("live-stop", 1);
    let source = super::table::source(&servers, &[("topic", "live-stop")]).expect("fits");
    let scan = super::table::scan(None);
    let stop = scan.stop.clone();
    let mut reader = source.open(scan).expect("it opens");
    assert!(matches!(reader.poll(std::time::Duration::ZERO), Ok(Poll::Partition(_))));
    let raiser = std::thread::spawn(move || stop.raise());
    let waited = std::time::Instant::now();
    assert!(matches!(reader.poll(std::time::Duration::from_secs(30)), Ok(Poll::Nothing)));
    assert!(waited.elapsed() < std::time::Duration::from_secs(10));
    raiser.join().expect("it only raises");
}
