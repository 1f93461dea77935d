//! Where reading begins and ends: every startup and bounded mode.

use millstream_record::Positions;
use millstream_tests::broker::Broker;
use millstream_tests::topics::{Record, Topics};

use super::table::{Row, by_partition, open, open_at, source};

const BOUNDED: (&str, &str) = ("scan.bounded.mode", "latest-offset");

/// Two partitions with the numbers 0..20, even ones in partition 0; number `n` was written at 1000 + n.
fn numbers(name: &str) -> &'static str {
    let broker = Broker::shared();
    let topics = Topics::at(broker.address());
    topics.create(name, 2);
    let number = |n: i64| Record { timestamp: Some(1000 + n), ..Record::new((n % 2) as i32, format!("{{\"n\":{n}}}")) };
    topics.produce(name, (0..20).map(number));
    broker.address().leak()
}

fn read(servers: &str, typed: &[(&str, &str)]) -> Vec<i64> {
    let mut numbers: Vec<i64> = open(servers, typed).expect("it opens").finish().iter().map(|row| row.n).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn earliest_reads_all_in_the_order_of_each_partition() {
    let servers = numbers("bounds-earliest");
    let typed = [("topic", "bounds-earliest"), ("scan.startup.mode", "earliest-offset"), BOUNDED];
    assert!(source(servers, &typed).expect("fits").bounded());
    let rows = open(servers, &typed).expect("it opens").finish();
    let found = by_partition(&rows);
    assert_eq!(found[&0], (0..20).step_by(2).collect::<Vec<i64>>());
    assert_eq!(found[&1], (1..20).step_by(2).collect::<Vec<i64>>());
    assert!(rows.contains(&Row { partition: 1, offset: 9, n: 19 }));
}

#[test]
fn latest_reads_only_what_comes_later() {
    let servers = numbers("bounds-latest");
    let mut reading =
        open(servers, &[("topic", "bounds-latest"), ("scan.startup.mode", "latest-offset")]).expect("it opens");
    Topics::at(servers).produce("bounds-latest", [Record::new(1, "{\"n\":100}")]);
    assert_eq!(reading.rows(1).rows, [Row { partition: 1, offset: 10, n: 100 }]);
}

#[test]
fn a_time_is_found_in_every_partition() {
    let servers = numbers("bounds-time");
    let typed = [
        ("topic", "bounds-time"),
        ("scan.startup.mode", "timestamp"),
        ("scan.startup.timestamp-millis", "1013"),
        ("scan.bounded.mode", "timestamp"),
        ("scan.bounded.timestamp-millis", "1016"),
    ];
    assert_eq!(read(servers, &typed), [13, 14, 15]);
    let open_end = [typed[0], typed[1], ("scan.startup.timestamp-millis", "1018"), BOUNDED];
    assert_eq!(read(servers, &open_end), [18, 19]);
}

#[test]
fn offsets_are_taken_as_they_are_given() {
    let servers = numbers("bounds-offsets");
    let typed = [
        ("topic", "bounds-offsets"),
        ("scan.startup.mode", "specific-offsets"),
        ("scan.startup.specific-offsets", "partition:1,offset:8"),
        BOUNDED,
    ];
    let found = by_partition(&open(servers, &typed).expect("it opens").finish());
    assert_eq!((found[&0].len(), &found[&1][..]), (10, &[17, 19][..]), "a partition that is not listed is read whole");
    let ends = [
        typed[0],
        ("scan.startup.mode", "earliest-offset"),
        ("scan.bounded.mode", "specific-offsets"),
        ("scan.bounded.specific-offsets", "partition:0,offset:3"),
    ];
    assert_eq!(read(servers, &ends), [0, 2, 4], "a partition that is not listed is not read");
}

#[test]
fn a_group_says_where_to_begin_and_finish() {
    let servers = numbers("bounds-group");
    let group = ("properties.group.id", "bounds-readers");
    Topics::at(servers).commit(group.1, "bounds-group", &[(0, 7), (1, 9)]);
    assert_eq!(read(servers, &[("topic", "bounds-group"), group, BOUNDED]), [14, 16, 18, 19]);
    let until = [
        ("topic", "bounds-group"),
        group,
        ("scan.startup.mode", "earliest-offset"),
        ("scan.bounded.mode", "group-offsets"),
    ];
    assert_eq!(read(servers, &until).len(), 16);
}

#[test]
fn a_group_that_has_never_been_there_fails_or_follows_the_reset() {
    let servers = numbers("bounds-unseen");
    let group = ("properties.group.id", "bounds-strangers");
    let refused = open(servers, &[("topic", "bounds-unseen"), group]).err().expect("nothing is committed").to_string();
    assert!(refused.contains("group 'bounds-strangers' has no committed offset for bounds-unseen/0"), "{refused}");
    assert!(refused.contains("properties.auto.offset.reset"), "{refused}");
    let reset = ("properties.auto.offset.reset", "earliest");
    assert_eq!(read(servers, &[("topic", "bounds-unseen"), group, reset, BOUNDED]).len(), 20);
}

#[test]
fn positions_resume_without_loss_or_repetition() {
    let servers = numbers("bounds-resume");
    let typed = [("topic", "bounds-resume")];
    let mut first = open(servers, &typed).expect("it opens");
    first.rows(1);
    let positions: Positions = first.reader.positions();
    let mut all = first.rows.clone();
    drop(first);
    let mut second =
        open_at(servers, &[typed[0], ("scan.startup.mode", "latest-offset")], Some(positions)).expect("it opens");
    let rest = 20 - all.len();
    all.extend(second.rows(rest).rows.clone());
    let found = by_partition(&all);
    assert_eq!(found[&0], (0..20).step_by(2).collect::<Vec<i64>>());
    assert_eq!(found[&1], (1..20).step_by(2).collect::<Vec<i64>>());
}

#[test]
fn an_empty_topic_ends_at_once_if_it_is_bounded() {
    let servers = Broker::shared().address();
    Topics::at(&servers).create("bounds-empty", 3);
    assert_eq!(read(&servers, &[("topic", "bounds-empty"), BOUNDED]), Vec::<i64>::new());
}

#[test]
fn several_topics_are_one_table() {
    let servers = numbers("bounds-several-a");
    numbers("bounds-several-b");
    let typed = [("topic", "bounds-several-a;bounds-several-b"), BOUNDED];
    assert_eq!(read(servers, &typed).len(), 40);
}
