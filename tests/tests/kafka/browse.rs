//! Looking around in a real cluster: listing, peeking and tapping, over the session as a user drives it,
//! without a trace in the cluster: no group is made, nothing is committed.

use std::sync::Arc;

use millstream_connect::kafka::{Admin, Kafka};
use millstream_record::{
    Connector, Limits, ManualClock, Millis, Options, PartitionId, Positions, RawPoll, RawScan, RawStart, Sample, Stop,
};
use millstream_session::{Class, Format, Look, Reply, Session, SessionOptions, to_text};
use millstream_tests::broker::Broker;
use millstream_tests::topics::{Record, Topics};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

const NOW: i64 = 1_767_225_600_000;

fn session(folder: &tempfile::TempDir) -> Session {
    let clock = Arc::new(ManualClock::at(Millis(NOW)));
    Session::new(SessionOptions { clock, ..SessionOptions::in_folder(folder.path()) }).expect("a session")
}

fn said(session: &mut Session, text: &str) -> String {
    let mut out = String::new();
    for reply in session.execute(text) {
        out += &match reply {
            Ok(Reply::Text(text) | Reply::Plan(text)) => text + "\n",
            Ok(Reply::Table(table)) => to_text(Format::Table, table.columns, &table.rows, &Look::plain()),
            Ok(_) => "something else".into(),
            Err(fault) => fault.render(&Look::plain()),
        };
    }
    out
}

/// The names of all consumer groups that the cluster knows.
fn groups(servers: &str) -> Vec<String> {
    let client: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", servers).set("group.id", "referee").create().expect("a client");
    let groups = client.fetch_group_list(None, std::time::Duration::from_secs(20)).expect("the broker answers");
    groups.groups().iter().map(|group| group.name().to_string()).collect()
}

fn made(servers: &str, topic: &str, partitions: i32) {
    Admin::new([("properties.bootstrap.servers", servers)])
        .expect("it fits")
        .create(topic, partitions, 1)
        .expect("new");
}

/// Twelve trades over two of three partitions, one with a hostile key and header, the latest 1.4 s late.
fn trades(servers: &str, topic: &str) {
    made(servers, topic, 3);
    let trade = |n: i64| {
        let ts = NOW + n * 1_000 - if n == 10 { 3_400 } else { 0 };
        Record {
            timestamp: Some(NOW + n * 1_000),
            key: (n == 3).then(|| "\u{1b}]0;owned\u{7}\u{202e}".to_string()),
            headers: if n == 3 { vec![("\u{1b}[2J".into(), Some("\u{1b}[31m".into()))] } else { Vec::new() },
            ..Record::new((n % 2) as i32, format!("{{\"symbol\":\"S{n}\",\"price\":{n}.5,\"ts\":{ts}}}"))
        }
    };
    Topics::at(servers).produce(topic, (0..12).map(trade));
}

#[test]
fn a_topic_is_listed_peeked_and_tapped_without_a_trace() {
    let servers = Broker::shared().address();
    trades(&servers, "browse-trades");
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = session(&folder);
    let list = said(&mut session, &format!("SHOW TOPICS IN 'kafka://{servers}' LIKE 'browse-tr%'"));
    let line = list.lines().find(|line| line.contains("browse-trades")).unwrap_or_default().to_string();
    assert!(line.contains(" 3 ") && line.contains(" 12 ") && line.contains("json"), "{list}");
    assert!(line.contains("2026-01-01 00:00:11.000"), "{list}");
    let peeked = said(&mut session, &format!("PEEK 'kafka://{servers}/browse-trades' LIMIT 12"));
    assert!((0..12).all(|n| peeked.contains(&format!("\"S{n}\""))), "{peeked}");
    let harmless = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
    assert!(peeked.chars().all(harmless) && peeked.contains("\\x1b"), "{peeked:?}");
    let tapped = said(&mut session, &format!("TAP 'kafka://{servers}/browse-trades' AS trades"));
    assert!(
        tapped.starts_with("tapped trades · json, 3 columns · event time ts (epoch milliseconds, detected)"),
        "{tapped}"
    );
    assert!(
        tapped.contains("watermark event_time - 2 s: of 12 sampled records the latest came 1.4 s late"),
        "{tapped}"
    );
    assert!(tapped.contains("partition 2 is idle"), "{tapped}");
    assert!(tapped.contains("\n0 records could not be read"), "{tapped}");
    let declared = said(&mut session, "SHOW CREATE TABLE trades");
    for line in [
        "`price` DOUBLE",
        "`event_time` AS TO_TIMESTAMP_LTZ(`ts`, 3)",
        "WATERMARK FOR `event_time` AS `event_time` - INTERVAL '2' SECOND",
        "'connector' = 'kafka'",
        "'topic' = 'browse-trades'",
        "'scan.startup.mode' = 'earliest-offset'",
        "'scan.watermark.idle-timeout' = '5 s'",
    ] {
        assert!(declared.contains(line), "{line} is not in {declared}");
    }
    assert_eq!(session.sample("trades").expect("kept").len(), 12);
    // The client must be given a name of a group; nobody has ever joined it or committed to it.
    assert!(!groups(&servers).contains(&"millstream".to_string()), "looking makes no group");
}

fn browse(servers: &str, topic: &str, scan: &RawScan) -> millstream_record::Result<Sample> {
    let typed = [("properties.bootstrap.servers", servers), ("topic", topic)];
    let options = Options::check(typed, &[Kafka::default().options()]).expect("known");
    let mut reader = Kafka::default().browse(None, &options)?.read(scan)?;
    Sample::draw(reader.as_mut(), Limits::default(), &scan.stop)
}

fn offsets(sample: &Sample) -> Vec<(i32, i64)> {
    sample.records().map(|(record, _)| (record.partition.number, record.offset.0)).collect()
}

#[test]
fn raw_records_begin_where_they_are_told() {
    let servers = Broker::shared().address();
    trades(&servers, "browse-starts");
    let from = |start: RawStart| {
        let scan = RawScan { start, ..RawScan::default() };
        offsets(&browse(&servers, "browse-starts", &scan).expect("the broker answers"))
    };
    let all = from(RawStart::Earliest);
    assert_eq!(all, (0..12).map(|n| ((n % 2) as i32, n / 2)).collect::<Vec<_>>(), "by time over the partitions");
    assert_eq!(
        from(RawStart::Newest(5)),
        [(0, 3), (0, 4), (1, 4), (0, 5), (1, 5)],
        "equal shares, in the order of time"
    );
    assert_eq!(from(RawStart::Timestamp(Millis(NOW + 9_500))), all[10..]);
    assert!(from(RawStart::Latest).is_empty());
    let places = [(0, 5), (1, 4), (2, 0)];
    let places = places.map(|(number, at)| (PartitionId::new("browse-starts", number), millstream_record::Offset(at)));
    assert_eq!(from(RawStart::Positions(Positions::from(places))), [(1, 4), (0, 5), (1, 5)]);
    let one = RawScan { partition: Some(1), ..RawScan::default() };
    let one = browse(&servers, "browse-starts", &one).expect("the broker answers");
    assert_eq!(offsets(&one), (0..6).map(|at| (1, at)).collect::<Vec<_>>());
    let wrong = RawScan { partition: Some(3), ..RawScan::default() };
    let wrong = browse(&servers, "browse-starts", &wrong).expect_err("it has three").to_string();
    assert_eq!(wrong, "topic 'browse-starts' has no partition 3: it has 3, counted from 0");
}

#[test]
fn following_sees_what_is_written_later() {
    let servers = Broker::shared().address();
    made(&servers, "browse-follow", 1);
    let typed = [("properties.bootstrap.servers", servers.as_str()), ("topic", "browse-follow")];
    let options = Options::check(typed, &[Kafka::default().options()]).expect("known");
    let scan = RawScan { follow: true, ..RawScan::default() };
    let mut reader = Kafka::default().browse(None, &options).expect("fits").read(&scan).expect("opens");
    Topics::at(&servers).produce("browse-follow", [Record::new(0, "later")]);
    for _ in 0..600 {
        match reader.poll(std::time::Duration::from_millis(100)).expect("the broker answers") {
            RawPoll::Records(received) => {
                assert_eq!(received.records.record(0).value, Some(&b"later"[..]));
                assert_eq!(reader.positions().values().map(|at| at.0).collect::<Vec<_>>(), [1]);
                return;
            }
            RawPoll::End => panic!("a reader that follows does not end"),
            _ => {}
        }
    }
    panic!("the record did not come within a minute");
}

#[test]
fn whoever_does_not_want_to_wait_for_a_silent_server_is_let_go() {
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = session(&folder);
    let stop = Stop::default();
    session.heed(stop.clone());
    let raised = std::thread::spawn(move || {
        let (_connection, _) = silent.accept().expect("the client calls");
        stop.raise();
        std::time::Instant::now()
    });
    let fault =
        session.execute(&format!("TAP 'kafka://{address}/t'")).next().expect("an answer").err().expect("stopped");
    assert_eq!(fault.class, Class::Interrupted);
    let waited = raised.join().expect("raised").elapsed();
    assert!(waited.as_secs() < 2, "{waited:?}");
}
