//! A network that loses, cuts and delays exactly one message, brokers that restart, topics that change under
//! a running job: what is committed in the end equals what a twin commits that nobody disturbs.

use std::time::{Duration, Instant};

use kafka_protocol::messages::ApiKey;
use millstream_tests::broker::Broker;
use millstream_tests::proxy::{Fate, Proxy};

use super::site::{Query, Running, Site, Way};

const CHUNK: i64 = 300;

fn wait(running: &mut Running, what: &str, mut until: impl FnMut(&mut Running) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !until(running) {
        assert!(Instant::now() < deadline, "{what} does not happen:\n{}", running.said());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until some more rows are committed than before.
fn commits_more(site: &Site, running: &mut Running, before: usize) -> usize {
    let mut rows = before;
    wait(running, "a commit", |running| {
        assert!(running.runs(), "it ended:\n{}", running.said());
        rows = site.committed().len();
        rows > before
    });
    rows
}

/// Lets the job finish, and compares.
fn ends_like_its_twin(mut site: Site, name: &str, query: Query, records: i64) {
    site.write(true, "");
    site.produce(CHUNK);
    assert_eq!(site.start(None).wait().code(), Some(0), "{}", site.said());
    let mut twin = Site::new(&format!("{name}-twin"), Way::KafkaToKafka, query);
    twin.write(true, "");
    twin.produce(records + CHUNK);
    assert_eq!(twin.start(None).wait().code(), Some(0), "{}", twin.said());
    let (committed, expected) = (site.committed(), twin.committed());
    assert!(committed == expected, "{} rows instead of {}:\n{}", committed.len(), expected.len(), site.said());
}

/// Runs a job whose requests of a kind meet a fate, a few of them one after the other.
fn survives(name: &str, query: Query, api: ApiKey, fate: Fate) {
    let broker = Broker::shared();
    // The port of the proxy is one for all: one test at a time.
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let proxy: Proxy = broker.proxy();
    let mut site = Site::behind(name, Way::KafkaToKafka, query, proxy.address(), broker.address());
    site.write(false, "");
    let (mut rows, mut records) = (0, 0);
    site.produce(CHUNK);
    records += CHUNK;
    let mut running = site.start(None);
    rows = commits_more(&site, &mut running, rows);
    for hit in 1..=3 {
        // A commit comes at every checkpoint, anything else perhaps only once for these records.
        proxy.arm(api, fate, if api == ApiKey::EndTxn { hit % 2 } else { 0 }, 1);
        site.produce(CHUNK);
        records += CHUNK;
        wait(&mut running, "the fate", |running| {
            assert!(running.runs(), "it ended:\n{}", running.said());
            proxy.met() >= hit
        });
        rows = commits_more(&site, &mut running, rows);
    }
    running.terminate();
    assert_eq!(running.wait().code(), Some(143), "{}", site.said());
    assert_eq!(proxy.met(), 3);
    ends_like_its_twin(site, name, query, records);
}

static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn an_order_to_commit_that_is_lost_is_given_again() {
    survives("end-lost", Query::Window, ApiKey::EndTxn, Fate::DropRequest);
}

#[test]
fn an_answer_to_a_commit_that_is_lost_is_not_a_second_commit() {
    survives("answer-lost", Query::Window, ApiKey::EndTxn, Fate::DropAnswer);
}

#[test]
fn half_an_answer_to_a_commit_is_none() {
    survives("answer-cut", Query::Stateless, ApiKey::EndTxn, Fate::CutAnswer);
}

#[test]
fn an_answer_to_a_commit_may_come_late() {
    survives("answer-late", Query::Stateless, ApiKey::EndTxn, Fate::DelayAnswer(Duration::from_millis(1500)));
}

#[test]
fn an_order_to_commit_that_comes_from_a_dead_connection_commits_nothing_else() {
    survives("end-late", Query::Stateless, ApiKey::EndTxn, Fate::DeliverLate(Duration::from_millis(1500)));
}

#[test]
fn a_marker_whose_answer_is_lost_is_sent_again() {
    survives("marker-lost", Query::Stateless, ApiKey::TxnOffsetCommit, Fate::DropAnswer);
}

#[test]
fn rows_whose_receipt_is_lost_are_there_once() {
    survives("rows-lost", Query::Stateless, ApiKey::Produce, Fate::DropAnswer);
}

#[test]
fn the_right_to_write_is_asked_for_again_when_the_answer_is_lost() {
    let broker = Broker::shared();
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let proxy = broker.proxy();
    let mut site = Site::behind("fence-lost", Way::KafkaToKafka, Query::Stateless, proxy.address(), broker.address());
    site.write(false, "");
    site.produce(CHUNK);
    proxy.arm(ApiKey::InitProducerId, Fate::DropAnswer, 0, 2);
    let mut running = site.start(None);
    commits_more(&site, &mut running, 0);
    assert_eq!(proxy.met(), 2);
    running.terminate();
    assert_eq!(running.wait().code(), Some(143), "{}", site.said());
    ends_like_its_twin(site, "fence-lost", Query::Stateless, CHUNK);
}

#[test]
fn a_broker_that_restarts_under_a_job_costs_time_and_nothing_else() {
    let mut broker = Broker::start();
    let mut site = Site::at("restarting", Way::KafkaToKafka, Query::Window, broker.address());
    site.write(false, "");
    site.produce(CHUNK);
    let mut running = site.start(None);
    let rows = commits_more(&site, &mut running, 0);
    broker.stop();
    std::thread::sleep(Duration::from_millis(500));
    broker.resume();
    assert!(broker.is_ready());
    site.produce(CHUNK);
    commits_more(&site, &mut running, rows);
    running.terminate();
    assert_eq!(running.wait().code(), Some(143), "{}", site.said());
    ends_like_its_twin(site, "restarting", Query::Window, 2 * CHUNK);
}

#[test]
fn partitions_that_are_added_are_read_from_their_first_record_and_kept_over_a_restart() {
    let mut site = Site::new("growing", Way::KafkaToKafka, Query::Stateless);
    site.write(false, ", 'scan.topic-partition-discovery.interval' = '1 s'");
    site.produce(CHUNK);
    let mut running = site.start(None);
    let rows = commits_more(&site, &mut running, 0);
    site.topics().grow(&site.topic("src"), 3);
    site.spread_over(3);
    site.produce(CHUNK);
    let expected = (0..2 * CHUNK).filter(|id| id * 7919 % 1000 % 3 != 0).count();
    let mut found = rows;
    while found < expected {
        found = commits_more(&site, &mut running, found);
    }
    running.terminate();
    assert_eq!(running.wait().code(), Some(143), "{}", site.said());
    assert_eq!(count_of(&site), expected);
    // Started again, it knows where it stood in the new partition, too.
    site.write(true, "");
    assert_eq!(site.start(None).wait().code(), Some(0), "{}", site.said());
    assert_eq!(count_of(&site), expected);
}

/// How many different rows are committed; each must be there once.
fn count_of(site: &Site) -> usize {
    let rows = site.committed();
    let mut different = rows.clone();
    different.dedup();
    assert_eq!(different.len(), rows.len(), "a row is there twice");
    rows.len()
}

#[test]
fn records_that_expired_while_a_job_was_down_stop_it_with_their_number() {
    let mut site = Site::new("expired", Way::KafkaToKafka, Query::Stateless);
    site.write(false, "");
    site.produce(CHUNK);
    let mut running = site.start(None);
    commits_more(&site, &mut running, 0);
    running.terminate();
    assert_eq!(running.wait().code(), Some(143), "{}", site.said());
    site.produce(CHUNK);
    site.topics().delete_before(&site.topic("src"), 0, CHUNK / 2 + 50);
    assert_eq!(site.start(None).wait().code(), Some(11), "{}", site.said());
    assert!(site.said().contains("records are missing"), "{}", site.said());
    // Whoever accepts the loss says so.
    site.write(true, ", 'scan.on-data-loss' = 'earliest'");
    let again = site.start(None).wait().code();
    assert_eq!(again, Some(0), "{}", site.said());
    count_of(&site);
}

#[test]
fn a_topic_that_is_deleted_under_a_job_stops_it() {
    let mut site = Site::new("deleted", Way::KafkaToKafka, Query::Stateless);
    site.write(false, "");
    site.produce(CHUNK);
    let mut running = site.start(None);
    commits_more(&site, &mut running, 0);
    site.topics().delete(&site.topic("src"));
    let code = running.wait().code();
    assert_eq!(code, Some(11), "{}", site.said());
    assert!(site.said().contains("does not exist"), "{}", site.said());
}

#[test]
fn a_topic_that_was_made_again_while_a_job_was_down_stops_it_with_both_ids() {
    let mut site = Site::new("again", Way::KafkaToKafka, Query::Stateless);
    site.write(false, "");
    site.produce(CHUNK);
    let mut running = site.start(None);
    let rows = commits_more(&site, &mut running, 0);
    running.terminate();
    assert_eq!(running.wait().code(), Some(143), "{}", site.said());
    let source = site.topic("src");
    site.topics().delete(&source);
    site.topics().create(&source, 2);
    // More than there was: every offset of the checkpoint is one of the new topic, too.
    site.produce(3 * CHUNK);
    site.write(true, "");
    assert_eq!(site.start(None).wait().code(), Some(11), "{}", site.said());
    let said = site.said();
    assert!(said.contains(&format!("records are missing in {source}: the topic was deleted and made again")), "{said}");
    let before = site.committed();
    assert!(before.len() >= rows);
    // The way out that it names.
    site.write(true, ", 'scan.on-data-loss' = 'earliest'");
    assert_eq!(site.start(None).wait().code(), Some(0), "{}", site.said());
    let expected = (CHUNK..4 * CHUNK).filter(|id| id * 7919 % 1000 % 3 != 0).count();
    assert_eq!(site.committed().len() - before.len(), expected, "all of the new topic, and nothing twice");
}

#[test]
fn a_job_that_slept_too_long_makes_its_epoch_again() {
    let mut site = Site::new("slept", Way::KafkaToKafka, Query::Stateless);
    site.write(false, ", 'properties.transaction.timeout.ms' = '1000'");
    site.produce(CHUNK);
    let mut running = site.start(None);
    let rows = commits_more(&site, &mut running, 0);
    // It falls asleep with rows in an open transaction, or at least its next one is asked for too late.
    site.produce(CHUNK);
    running.signal("STOP");
    std::thread::sleep(Duration::from_secs(15));
    running.signal("CONT");
    site.produce(CHUNK);
    commits_more(&site, &mut running, rows);
    assert!(running.runs(), "its own lateness is no other copy:\n{}", running.said());
    running.terminate();
    assert_eq!(running.wait().code(), Some(143), "{}", site.said());
    ends_like_its_twin(site, "slept", Query::Stateless, 3 * CHUNK);
}

#[test]
fn times_of_transactions_that_cannot_work_are_refused() {
    let mut site = Site::new("times", Way::KafkaToKafka, Query::Stateless);
    site.produce(CHUNK);
    let settings = site.path().join("millstream.toml");
    // The broker allows 15 minutes at most.
    for (timeout, interval, told) in
        [("1000", "10 s", "checkpoints.interval"), ("999999999", "1 s", "ransaction timeout")]
    {
        site.write(true, &format!(", 'properties.transaction.timeout.ms' = '{timeout}'"));
        let text = std::fs::read_to_string(&settings).expect("text");
        std::fs::write(&settings, text.replace("100 ms", interval)).expect("writable");
        assert_eq!(site.start(None).wait().code(), Some(10), "{timeout}: {}", site.said());
        assert!(site.said().contains(told), "{timeout}: {}", site.said());
    }
}

#[test]
fn exactly_once_on_two_clusters_is_refused() {
    let site = Site::new("two", Way::KafkaToKafka, Query::Stateless);
    site.write(true, "");
    let script = site.path().join("job.sql");
    let text = std::fs::read_to_string(&script).expect("text");
    let other = Broker::start();
    millstream_tests::topics::Topics::at(other.address()).create("elsewhere", 1);
    let second = format!(
        "CREATE TABLE elsewhere (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 'elsewhere', 'format' = 'json', \
         'properties.bootstrap.servers' = '{}', 'sink.delivery-guarantee' = 'exactly-once');
         INSERT INTO elsewhere SELECT id FROM src; INSERT INTO sunk",
        other.address()
    );
    std::fs::write(&script, text.replace("INSERT INTO sunk", &second)).expect("writable");
    assert_eq!(site.start(None).wait().code(), Some(10), "{}", site.said());
    let said = site.said();
    assert!(said.contains("cannot be written in one transaction") && said.contains("at-least-once"), "{said}");
}
