//! Several processes on one topic, and processes that die. The test binary plays the other processes:
//! it starts itself with a script in the environment.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use millstream_connect::topic::{Bound, Record, Start, Topics};
use millstream_record::{ManualClock, Millis, Stop};

use super::{NOW, read, send, workspace};

const SCRIPT: &str = "MILLSTREAM_TEST_PRODUCER";

/// Starts a process that sends `count` records `TAG-0`, `TAG-1`, … to topic `t`, with a flush every
/// `flush` records that it tells on a line.
fn producer(folder: &Path, tag: &str, count: usize, flush: usize) -> Child {
    let program = std::env::current_exe().expect("we are running");
    start(Command::new(program).args(OTHER), folder, tag, count, flush)
}

const OTHER: [&str; 3] = ["topic::processes::other_process", "--exact", "--nocapture"];

fn start(command: &mut Command, folder: &Path, tag: &str, count: usize, flush: usize) -> Child {
    let script = format!("{}\n{tag}\n{count}\n{flush}", folder.display());
    command.env(SCRIPT, script).stdout(Stdio::piped()).spawn().expect("the program starts")
}

/// Not a test of its own: what the other process does. Without a script there is nothing to do.
#[test]
fn other_process() {
    let Ok(script) = std::env::var(SCRIPT) else { return };
    let lines: Vec<&str> = script.lines().collect();
    let (count, flush): (usize, usize) = (lines[2].parse().expect("count"), lines[3].parse().expect("flush"));
    let topics = Topics::open(lines[0], Arc::new(ManualClock::at(Millis(NOW))));
    let mut producer = topics.producer("t").expect("opens");
    for i in 0..count {
        let value = format!("{}-{i}", lines[1]);
        let filler = [b'x'; 100];
        let headers: &[(&str, Option<&[u8]>)] = &[("filler", Some(&filler))];
        producer.send(&Record { value: Some(value.as_bytes()), headers, ..Record::default() }).expect("sent");
        if (i + 1) % flush == 0 {
            match producer.flush() {
                Ok(()) => println!("flushed {}", i + 1),
                Err(error) => return println!("refused {error}"),
            }
        }
    }
    producer.flush().expect("flushed");
}

/// Reads the child's lines until one says that at least `enough` records are safe; gives the number.
fn acknowledged(lines: &mut impl Iterator<Item = std::io::Result<String>>, enough: usize) -> usize {
    let numbers = lines.map(|line| line.expect("readable"));
    let mut safe = numbers.filter_map(|line| line.strip_prefix("flushed ")?.parse().ok());
    safe.find(|&safe| safe >= enough).expect("the child gets that far")
}

/// The numbers behind each tag, in the order of each partition.
fn by_tag(found: &[(i32, i64, String)]) -> BTreeMap<(String, i32), Vec<usize>> {
    let mut tags: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (partition, _, value) in found {
        let (tag, number) = value.split_once('-').expect("tag and number");
        tags.entry((tag.to_string(), *partition)).or_default().push(number.parse().expect("a number"));
    }
    tags
}

#[test]
fn what_was_flushed_survives_kill_9() {
    let it = workspace();
    it.topics.create("t", 2).expect("new");
    for round in 0..3 {
        let tag = format!("r{round}");
        let mut child = producer(it.folder.path(), &tag, usize::MAX, 50);
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut safe = acknowledged(&mut lines, 2_000 + 700 * round);
        child.kill().expect("killed");
        child.wait().expect("ended");
        let later = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("flushed ")?.parse().ok());
        safe = later.last().unwrap_or(safe);

        let found = by_tag(&read(&it.topics, "t", &Start::Earliest));
        let mut numbers: Vec<usize> =
            found.iter().filter(|((of, _), _)| *of == tag).flat_map(|(_, all)| all.clone()).collect();
        assert!(found.values().all(|numbers| numbers.is_sorted()), "order within a partition");
        numbers.sort();
        assert!(numbers.len() >= safe, "{} of {safe} flushed records are there", numbers.len());
        assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>(), "no gap, none twice");
    }
    // The next one goes on where the dead left off.
    let mut producer = it.topics.producer("t").expect("opens");
    let before = it.topics.describe("t").expect("there").ends;
    send(&mut producer, 0, 0, "next-0");
    producer.flush().expect("flushed");
    assert_eq!(it.topics.describe("t").expect("there").ends, [before[0] + 1, before[1]]);
}

#[test]
fn three_processes_write_while_a_fourth_reads() {
    const EACH: usize = 8_000;
    let it = workspace();
    it.topics.create("t", 3).expect("new");
    let mut consumer = it.topics.consumer("t", &Start::Earliest, &Bound::Unbounded).expect("opens");
    let mut children: Vec<_> = ["a", "b"].iter().map(|tag| producer(it.folder.path(), tag, EACH, 100)).collect();
    let topics = it.topics.clone();
    let own = std::thread::spawn(move || {
        let mut producer = topics.producer("t").expect("opens");
        for i in 0..EACH {
            send(&mut producer, (i % 3) as u32, 0, &format!("c-{i}"));
            if i % 100 == 99 {
                producer.flush().expect("flushed");
            }
        }
    });
    let mut found = Vec::new();
    while found.len() < 3 * EACH {
        let received = consumer.next(Duration::from_secs(30), &Stop::default()).expect("readable");
        let records = received.expect("the writers are at work").records;
        let values =
            records.values.iter().map(|value| String::from_utf8(value.expect("a value").to_vec()).expect("text"));
        found.extend(
            records.offsets.iter().zip(values).map(|(&offset, value)| (records.partition.number, offset, value)),
        );
    }
    own.join().expect("ends well");
    for child in &mut children {
        assert!(child.wait().expect("ended").success());
    }
    for ((tag, partition), numbers) in by_tag(&found) {
        assert!(numbers.is_sorted(), "{tag} in partition {partition}");
    }
    for tag in ["a", "b", "c"] {
        let mut numbers: Vec<usize> =
            by_tag(&found).into_iter().filter(|((of, _), _)| of == tag).flat_map(|found| found.1).collect();
        numbers.sort();
        assert_eq!(numbers, (0..EACH).collect::<Vec<_>>(), "{tag}");
    }
    let mut offsets: Vec<_> = found.iter().map(|&(partition, offset, _)| (partition, offset)).collect();
    offsets.sort();
    let ends = it.topics.describe("t").expect("there").ends;
    let wanted = ends.iter().enumerate().flat_map(|(partition, &end)| (0..end).map(move |at| (partition as i32, at)));
    assert_eq!(offsets, wanted.collect::<Vec<_>>(), "every offset once");
}

#[test]
fn an_owner_that_sleeps_gives_a_sentence() {
    let it = workspace();
    it.topics.create("t", 1).expect("new");
    let mut child = producer(it.folder.path(), "a", usize::MAX, 10);
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    acknowledged(&mut lines, 10);
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill exists");
        assert!(sent.success());
    };
    signal("-STOP");
    let hasty = Topics::with_patience(it.folder.path(), it.clock.clone(), Duration::from_millis(50));
    let error = hasty.producer("t").err().expect("the owner sleeps").to_string();
    let wanted = format!(
        "cannot reach topic 't': process {} is writing to it and does not make room; \
         it may have been stopped: end it or wake it, then try again",
        child.id()
    );
    assert_eq!(error, wanted);
    // Reading needs nobody's leave.
    assert!(!read(&it.topics, "t", &Start::Earliest).is_empty());
    signal("-CONT");
    it.topics.producer("t").expect("it makes room now").flush().expect("flushed");
    child.kill().expect("killed");
    child.wait().expect("ended");
}

/// A file may not grow beyond a megabyte, which stands for a full disk.
#[test]
fn a_full_disk_is_an_error_and_takes_nothing_that_was_flushed() {
    let it = workspace();
    it.topics.create("t", 1).expect("new");
    let program = std::env::current_exe().expect("we are running");
    let shell = "trap '' XFSZ; ulimit -f 2000; exec \"$0\" \"$@\"";
    let mut child =
        start(Command::new("sh").args(["-c", shell]).arg(program).args(OTHER), it.folder.path(), "a", 2_000_000, 20);
    let lines: Vec<String> =
        BufReader::new(child.stdout.take().expect("piped")).lines().map(|line| line.expect("readable")).collect();
    child.wait().expect("ended");
    let refused = lines.iter().find_map(|line| line.strip_prefix("refused ")).expect("the disk was full");
    assert!(refused.contains("/t") && refused.contains("File too large"), "{refused}");
    let safe: usize =
        lines.iter().filter_map(|line| line.strip_prefix("flushed ")?.parse().ok()).next_back().expect("some");
    let numbers: Vec<usize> = by_tag(&read(&it.topics, "t", &Start::Earliest)).into_values().flatten().collect();
    assert!(numbers.len() >= safe, "{} of {safe}", numbers.len());
    assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>());
    let mut producer = it.topics.producer("t").expect("opens");
    send(&mut producer, 0, 0, "b-0");
    producer.flush().expect("there is room again");
}
