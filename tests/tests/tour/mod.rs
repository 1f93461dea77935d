//! The tour of a session, typed at a prompt on a terminal and read from its screen: over a topic of a real Kafka
//! broker, and over the same records in an embedded topic. The stories are written as those of the shell are.

use std::path::Path;

use millstream_session::topics::Record as Local;
use millstream_session::{Millis, Session, SessionOptions};
use millstream_tests::broker::Broker;
use millstream_tests::topics::{Record, Topics};

use crate::naughty::{NAUGHTY, assert_untouched};
use crate::program::folder;
use crate::pty::Terminal;
use crate::stories::Story;

/// 2026-01-01 12:00:00 UTC, in milliseconds.
const START: i64 = 1_767_268_800_000;
const SYMBOLS: [&str; 3] = ["AAPL", "SAP", "INTC"];

/// One trade: partition, when the log got it, key and value.
struct Trade {
    partition: i32,
    written: i64,
    value: String,
    key: &'static str,
}

/// A minute of trades in three partitions, a few of them late; a fourth fell silent after 4.2 s.
fn trades() -> Vec<Trade> {
    let trade = |partition: i32, n: i64, written: i64, late: i64| {
        let symbol = SYMBOLS[(n % 3) as usize];
        let (price, qty, at) = (100 + n * 37 % 90, 10 + n * 13 % 190, written - late);
        let value = format!("{{\"symbol\":\"{symbol}\",\"price\":{price}.5,\"qty\":{qty},\"ts\":{at}}}");
        Trade { partition, written, value, key: symbol }
    };
    let steady = (0..600).map(|n| trade((n % 3) as i32, n, START + n * 100, if n % 41 == 40 { 1_400 } else { 0 }));
    let silent = (0..15).map(|n| trade(3, n, START + n * 300, 0));
    let mut all: Vec<Trade> = steady.chain(silent).collect();
    all.sort_by_key(|trade| (trade.written, trade.partition));
    all
}

/// Plays a story; the folder is that of the program.
fn play(name: &str, folder: &Path, names: &[(String, &str)]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tour").join(name);
    let difference = Story::new(folder, (80, 150), names).check(&file);
    assert_eq!(difference, None, "UPDATE=1 writes it");
}

#[test]
fn over_a_kafka_topic() {
    let broker = Broker::shared();
    let topics = Topics::at(broker.address());
    topics.create("tour-trades", 4);
    topics.produce(
        "tour-trades",
        trades().into_iter().map(|trade| Record {
            partition: trade.partition,
            key: Some(trade.key.into()),
            value: Some(trade.value),
            timestamp: Some(trade.written),
            headers: vec![("source".into(), Some("desk".into()))],
        }),
    );
    let folder = folder();
    play("kafka.txt", folder.path(), &[(broker.address(), "BROKER")]);
}

#[test]
fn over_an_embedded_topic() {
    let folder = folder();
    let session = Session::new(SessionOptions::in_folder(folder.path().join(".millstream"))).expect("a session");
    session.topics().create("trades", 4).expect("new");
    let mut producer = session.topics().producer("trades").expect("opens");
    for trade in trades() {
        let (at, partition) = (Some(Millis(trade.written)), Some(trade.partition as u32));
        let record = Local {
            partition,
            timestamp: at,
            arrival: at,
            key: Some(trade.key.as_bytes()),
            value: Some(trade.value.as_bytes()),
            ..Local::default()
        };
        producer.send(&record).expect("sent");
    }
    producer.flush().expect("flushed");
    drop((producer, session));
    play("embedded.txt", folder.path(), &[]);
}

#[test]
fn keys_headers_and_values_of_a_broker_touch_no_terminal() {
    let broker = Broker::shared();
    let topics = Topics::at(broker.address());
    topics.create("tour-hostile", 1);
    topics.produce(
        "tour-hostile",
        NAUGHTY.iter().map(|text| Record {
            key: Some(text.to_string()),
            value: Some(text.to_string()),
            // A name of a header ends at a NUL.
            headers: vec![(text.replace('\0', ""), Some(text.to_string()))],
            ..Record::default()
        }),
    );
    let folder = folder();
    let mut terminal = Terminal::start(folder.path(), &["--color", "never"], 60, 140, "xterm-256color");
    terminal.wait_for_editor();
    let place = format!("kafka://{}", broker.address());
    for typed in [
        format!("PEEK '{place}/tour-hostile' LIMIT 100;"),
        format!("SHOW TOPICS IN '{place}' LIKE 'tour-h%';"),
        format!("TAP '{place}/tour-hostile' AS t;"),
        "SELECT * FROM t /*+ OPTIONS('scan.bounded.mode' = 'latest-offset') */;".into(),
        "\\output vertical".into(),
        format!("PEEK '{place}/tour-hostile' LIMIT 100;"),
        format!("PEEK '{place}/{}';", NAUGHTY[0].replace('\x1b', "")),
    ] {
        terminal.submit(&typed);
        terminal.wait_for_editor();
        assert_untouched(&terminal, &typed);
    }
}
