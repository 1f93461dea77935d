//! Making, listing and deleting topics.

use millstream_connect::topic::{Bound, MOST_PARTITIONS, Record, Start};
use millstream_record::{Millis, Stop};

use super::{NOW, read, send, workspace};

#[test]
fn a_topic_is_made_listed_and_deleted() {
    let it = workspace();
    assert_eq!(it.topics.list().expect("an empty folder"), []);
    it.topics.create("orders", 3).expect("new");
    it.topics.create("Clicks", 1).expect("new");
    let mut producer = it.topics.producer("orders").expect("opens");
    send(&mut producer, 0, 7_000, "a");
    send(&mut producer, 2, 5_000, "bcd");
    producer.flush().expect("flushed");

    let listed = it.topics.list().expect("listed");
    assert_eq!(listed.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["Clicks", "orders"]);
    let orders = &listed[1];
    assert_eq!((orders.partitions, orders.records, orders.payload_bytes), (3, 2, 4));
    assert_eq!((orders.newest, orders.created), (Some(Millis(7_000)), Millis(NOW)));
    assert_eq!(orders.ends, [1, 0, 1]);
    assert!(orders.disk_bytes > 0);
    assert_eq!((listed[0].records, listed[0].newest), (0, None));

    drop(producer);
    it.topics.delete("orders").expect("deleted");
    assert!(!it.topics.exists("orders").expect("asked"));
    let left: Vec<_> =
        std::fs::read_dir(it.folder.path()).expect("there").flatten().map(|file| file.file_name()).collect();
    assert_eq!(left, ["Clicks"]);
    let error = it.topics.describe("orders").expect_err("gone").to_string();
    assert!(
        error.starts_with("there is no topic 'orders' in ") && error.ends_with("millstream topic create orders"),
        "{error}"
    );
}

#[test]
fn a_name_is_taken_once() {
    let it = workspace();
    it.topics.create("orders", 1).expect("new");
    let error = it.topics.create("orders", 1).expect_err("there").to_string();
    assert_eq!(error, "there is a topic 'orders' already; delete it first with: millstream topic delete orders");
}

#[test]
fn of_many_that_make_one_topic_one_succeeds() {
    let it = workspace();
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| it.topics.create("orders", 2).is_ok())).collect();
        threads.into_iter().map(|thread| usize::from(thread.join().expect("ends"))).sum::<usize>()
    });
    assert_eq!(made, 1);
    assert_eq!(it.topics.list().expect("listed").len(), 1);
}

#[test]
fn names_from_strangers_stay_inside_the_folder() {
    let it = workspace();
    for name in ["../evil", "/tmp/evil", "a/b", "..", "", "a\u{1b}[31m", "a\0"] {
        assert!(it.topics.create(name, 1).is_err(), "{name:?}");
        assert!(it.topics.describe(name).is_err(), "{name:?}");
        assert!(it.topics.delete(name).is_err(), "{name:?}");
        assert!(it.topics.producer(name).is_err(), "{name:?}");
        assert!(it.topics.consumer(name, &Start::Earliest, &Bound::Latest).is_err(), "{name:?}");
    }
    assert!(!it.folder.path().parent().expect("a parent").join("evil").exists());
}

#[test]
fn partitions_are_bounded() {
    let it = workspace();
    for partitions in [0, MOST_PARTITIONS + 1, u32::MAX] {
        it.topics.create("orders", partitions).expect_err("out of range");
    }
    it.topics.create("orders", MOST_PARTITIONS).expect("in range");
    let mut producer = it.topics.producer("orders").expect("opens");
    send(&mut producer, MOST_PARTITIONS - 1, 1, "last");
    producer.flush().expect("flushed");
    assert_eq!(read(&it.topics, "orders", &Start::Earliest), [(MOST_PARTITIONS as i32 - 1, 0, "last".into())]);
    let error = producer.send(&Record { partition: Some(MOST_PARTITIONS), ..Record::default() }).expect_err("beyond");
    assert_eq!(error.to_string(), "topic 'orders' has no partition 1024: it has 1024, counted from 0");
}

#[test]
fn who_reads_or_writes_a_deleted_topic_is_told() {
    let it = workspace();
    it.topics.create("orders", 1).expect("new");
    let mut reader = it.topics.consumer("orders", &Start::Earliest, &Bound::Unbounded).expect("opens");
    let mut writer = it.topics.producer("orders").expect("opens");
    it.topics.delete("orders").expect("deleted, although it was open");
    let told = (0..100).find_map(|_| reader.next(std::time::Duration::from_millis(20), &Stop::default()).err());
    assert_eq!(
        told.expect("told within 2 s").to_string(),
        "records are missing in topic 'orders': the topic has been deleted"
    );
    writer.send(&Record::default()).expect("only collected");
    assert_eq!(
        writer.flush().expect_err("no topic").to_string(),
        "records are missing in topic 'orders': the topic has been deleted"
    );
    it.topics.create("orders", 1).expect("new again");
    writer.send(&Record::default()).expect("only collected");
    let error = writer.flush().expect_err("another topic").to_string();
    assert!(error.contains("deleted and made anew"), "{error}");
    assert_eq!(it.topics.describe("orders").expect("there").records, 0);
}

#[test]
fn a_folder_of_another_layout_is_left_alone() {
    let it = workspace();
    it.topics.create("orders", 1).expect("new");
    let path = it.folder.path().join("orders/topic.json");
    let text = std::fs::read_to_string(&path).expect("readable");
    std::fs::write(&path, text.replace("\"layout\": 1", "\"layout\": 2")).expect("writable");
    assert_eq!(
        it.topics.describe("orders").expect_err("newer").to_string(),
        "topic 'orders' has storage layout 2, this program reads layout 1: use the release that wrote it"
    );
    std::fs::write(&path, "{}").expect("writable");
    assert!(it.topics.describe("orders").expect_err("damaged").to_string().ends_with("it does not describe a topic"));
}
