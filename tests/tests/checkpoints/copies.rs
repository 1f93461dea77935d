//! What is not a crash: a graceful stop, two copies of a job, a damaged checkpoint, a changed query; and a
//! secret that must not be written anywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use millstream_runner::launch::{self, Overrides};
use millstream_runner::{Point, savepoint};
use millstream_tests::broker::{Broker, PASSWORD, USER};

use super::page;
use super::site::{Query, Site, Way, was_killed};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_stop_makes_a_last_checkpoint_and_nothing_is_lost_or_doubled() {
    let mut site = Site::new("stop", Way::KafkaToKafka, Query::Stateless);
    site.write(false, "");
    site.produce(500);
    let mut running = site.start(None);
    running.until("no epoch is decided yet");
    running.terminate();
    assert_eq!(running.wait().code(), Some(143), "{}", site.said());
    site.write(true, "");
    let last = site.start(None);
    assert_eq!(last.wait().code(), Some(0));
    let rows = site.committed();
    let expected = (0..500).filter(|id| id * 7919 % 1000 % 3 != 0).count();
    assert_eq!(rows.len(), expected);
    let mut different = rows.clone();
    different.dedup();
    assert_eq!(different.len(), expected, "no row is there twice");
}

#[test]
fn a_second_process_on_one_state_folder_ends_at_once() {
    let site = Site::new("lock", Way::TopicToTopic, Query::Stateless);
    site.write(false, "");
    let mut first = site.start(None);
    first.until("no epoch is decided yet");
    let second = site.start(None);
    assert_eq!(second.wait().code(), Some(13));
    assert!(first.said().contains("is in use by process"), "{}", first.said());
    assert!(first.runs());
}

#[test]
fn of_two_copies_of_a_state_folder_one_survives_and_no_row_is_there_twice() {
    let mut site = Site::new("copies", Way::KafkaToKafka, Query::Stateless);
    site.write(false, "");
    site.produce(500);
    assert!(was_killed(site.start(Some(Point::Finished)).wait()));
    let copy = tempfile::tempdir().expect("a folder");
    let copied = Command::new("cp").arg("-a").arg(site.path().join(".")).arg(copy.path()).status();
    assert!(copied.expect("there is cp").success());

    let mut first = site.start(None);
    first.until("restored the newest decided epoch");
    let second = site.start_in(copy.path(), None);
    site.produce(500);
    // Either the copy is as new as the original and takes over, or it has fallen behind and disturbs nobody.
    let (mut first, mut second) = (Some(first), Some(second));
    let survivor = loop {
        for (one, other) in [(&mut first, [13, 13]), (&mut second, [12, 13])] {
            if one.as_mut().is_some_and(|running| !running.runs()) {
                let ended = one.take().expect("it is there");
                let said = ended.said();
                let code = ended.wait().code();
                assert!(other.iter().any(|other| code == Some(*other)), "{code:?}: {said}");
            }
        }
        match (first.is_some(), second.is_some()) {
            (true, false) => break site.path().to_path_buf(),
            (false, true) => break copy.path().to_path_buf(),
            (false, false) => panic!("both ended"),
            (true, true) => std::thread::yield_now(),
        }
    };
    drop((first, second));
    site.write(true, "");
    if survivor != site.path() {
        fs::copy(site.path().join("job.sql"), survivor.join("job.sql")).expect("the folders are ours");
    }
    assert_eq!(site.start_in(&survivor, None).wait().code(), Some(0));
    let rows = site.committed();
    assert_eq!(rows.len(), (0..1000).filter(|id| id * 7919 % 1000 % 3 != 0).count());
}

#[test]
fn a_damaged_checkpoint_is_named_and_never_passed_over_in_silence() {
    let mut site = Site::new("damage", Way::TopicToTopic, Query::Window);
    site.write(false, "");
    site.produce(500);
    assert!(was_killed(site.start(Some(Point::Finished)).wait()));
    let newest = files(&site.path().join("state/checkpoints"));
    let pack = newest.iter().find(|path| path.ends_with("state.pack")).expect("there is a checkpoint");
    let mut bytes = fs::read(pack).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(pack, &bytes).expect("writable");
    assert_eq!(site.start(None).wait().code(), Some(12));
    let said = site.said();
    assert!(said.contains("state.pack is damaged: its checksum is another"), "{said}");
}

#[test]
fn a_changed_query_is_refused_operator_by_operator_unless_told_otherwise() {
    let mut site = Site::new("changed", Way::TopicToTopic, Query::Window);
    site.write(false, "");
    site.produce(500);
    assert!(was_killed(site.start(Some(Point::Finished)).wait()));
    let script = site.path().join("job.sql");
    let changed = fs::read_to_string(&script).expect("text").replace("SUM(v)", "MAX(v)");
    fs::write(&script, changed).expect("writable");
    assert_eq!(site.start(None).wait().code(), Some(12));
    let said = site.said();
    assert!(said.contains("sunk/window-aggregate/0 has changed"), "{said}");
    assert!(said.contains("--drop-state"), "{said}");
}

#[test]
fn a_secret_is_in_no_log_no_state_and_on_no_page() {
    let broker = Broker::start();
    let mut site = Site::at("secret", Way::KafkaToKafka, Query::Stateless, broker.address());
    site.produce(100);
    let login = format!(
        ", 'properties.bootstrap.servers' = '{}', 'properties.security.protocol' = 'SASL_PLAINTEXT', 'properties.sasl.mechanism' = 'PLAIN', \
         'properties.sasl.username' = '{USER}', 'properties.sasl.password' = '{PASSWORD}'",
        broker.sasl_address()
    );
    site.write(true, &login);
    let script = site.path().join("job.sql");
    let once = fs::read_to_string(&script)
        .expect("text")
        .replace(&format!("'properties.bootstrap.servers' = '{}', ", broker.address()), "");
    fs::write(&script, &once).expect("writable");
    // Once to its end, with whatever it shows while it runs.
    fs::write(&script, once.replace(", 'scan.bounded.mode' = 'latest-offset'", "")).expect("writable");
    let mut running = site.start(None);
    while site.committed().is_empty() {
        assert!(running.runs(), "{}", running.said());
    }
    let address = page::address(&mut running, site.path());
    for place in ["/", "/metrics", "/status.json"] {
        let (code, text) = page::ask(&address, &format!("GET {place}"), &address, "");
        assert_eq!(code, 200, "{place}");
        fs::write(site.path().join(format!("shown{}", place.replace('/', "-"))), text).expect("writable");
    }
    let checked = launch::check(site.path(), Overrides::default()).expect("it is sound");
    fs::write(site.path().join("checked"), checked).expect("writable");
    savepoint(site.path(), Overrides::default(), None).expect("it listens");
    running.terminate();
    assert_eq!(running.wait().code(), Some(143), "{}", site.said());
    // And once with a wrong word, which the broker refuses.
    fs::write(&script, once.replace(PASSWORD, &format!("{PASSWORD}-wrong"))).expect("writable");
    assert_ne!(site.start(None).wait().code(), Some(0));
    for path in files(site.path()).into_iter().filter(|path| !path.ends_with("job.sql")) {
        let bytes = fs::read(&path).expect("readable");
        let found = bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
        assert!(!found, "the password stands in {}", path.display());
    }
}
