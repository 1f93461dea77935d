//! Disks that are full, that fail to sync, that forget and that lie: a job goes on, or ends with a sentence,
//! and never with other rows than it should.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_runner::Point;

use super::site::{ONE_PART, Query, SHORT_PARTS, SMALL_PARTS, Site, Told, Way, was_killed};

const CHUNK: i64 = 400;

/// What a window between topics commits over so many records when nobody disturbs it.
fn undisturbed(name: &str, records: i64) -> Vec<String> {
    let mut twin = Site::new(name, Way::TopicToTopic, Query::Window);
    twin.write(true, "");
    twin.produce(records);
    assert_eq!(twin.start(None).wait().code(), Some(0), "{}", twin.said());
    twin.committed()
}

fn ends(site: &Site, told: Told) -> Option<i32> {
    site.start_told(site.path(), told).wait().code()
}

fn with_disk(disk: &'static str) -> Told {
    Told { disk: Some(disk), ..Told::default() }
}

#[test]
fn a_disk_that_is_full_for_a_while_costs_time_and_nothing_else() {
    let mut site = Site::new("full-once", Way::TopicToTopic, Query::Window);
    site.write(true, "");
    site.produce(CHUNK);
    // The first two writes are the job's id and its address.
    assert_eq!(ends(&site, with_disk("write:full:3:3")), Some(0), "{}", site.said());
    let said = site.said();
    assert!(said.contains("going back to the decided epoch") && said.contains("make room on the disk"), "{said}");
    assert_eq!(site.committed(), undisturbed("full-once-twin", CHUNK));
}

#[test]
fn a_disk_that_stays_full_ends_the_job_and_the_next_one_goes_on() {
    let mut site = Site::new("full", Way::TopicToTopic, Query::Window);
    site.write(true, "");
    site.produce(CHUNK);
    assert_eq!(ends(&site, with_disk("write:full:3:1000000")), Some(15), "{}", site.said());
    assert!(site.said().contains("given up after 5 restarts"), "{}", site.said());
    assert!(site.committed().is_empty());
    assert_eq!(ends(&site, Told::default()), Some(0), "{}", site.said());
    assert_eq!(site.committed(), undisturbed("full-twin", CHUNK));
}

#[test]
fn a_disk_that_has_no_room_for_state_ends_the_job_and_the_next_one_goes_on() {
    let mut site = Site::new("full-shelf", Way::TopicToTopic, Query::Window);
    site.memory = Some("0");
    site.write(true, "");
    site.produce(CHUNK);
    // The job's id and its address, and then state that is put away.
    assert_eq!(ends(&site, with_disk("write:full:5:1000000")), Some(15), "{}", site.said());
    let said = site.said();
    assert!(said.contains("spill/piece-") && said.contains("given up after 5 restarts"), "{said}");
    assert!(site.committed().is_empty());
    assert_eq!(ends(&site, Told::default()), Some(0), "{}", site.said());
    assert_eq!(site.committed(), undisturbed("full-shelf-twin", CHUNK));
}

#[test]
fn a_disk_without_room_for_a_part_file_ends_the_job_and_the_next_one_goes_on() {
    let mut site = Site::new("full-part", Way::KafkaToFiles, Query::Stateless);
    site.parts = ONE_PART;
    site.write(true, "");
    site.produce(10_000);
    // The rows take some 170 kB, all else in a job is smaller than 64 KiB.
    assert_eq!(ends(&site, Told { most_blocks: Some(128), ..Told::default() }), Some(15), "{}", site.said());
    let said = site.said();
    assert!(said.contains(".jsonl.inprogress") && said.contains("File too large"), "{said}");
    assert!(said.contains("make room on the disk") && said.contains("given up after 5 restarts"), "{said}");
    assert!(site.committed().is_empty(), "no reader sees a part that is cut");
    assert_eq!(ends(&site, Told::default()), Some(0), "{}", site.said());
    let mut twin = Site::new("full-part-twin", Way::KafkaToFiles, Query::Stateless);
    twin.write(true, "");
    twin.produce(10_000);
    assert_eq!(ends(&twin, Told::default()), Some(0), "{}", twin.said());
    assert_eq!(site.committed(), twin.committed());
}

#[test]
fn a_sync_that_fails_ends_the_job_at_once() {
    for (name, disk) in
        [("unsynced-3", "sync:broken:3:1"), ("unsynced-4", "sync:broken:4:1"), ("unnamed", "rename:broken:4:1")]
    {
        let mut site = Site::new(name, Way::TopicToTopic, Query::Window);
        site.write(true, "");
        site.produce(CHUNK);
        assert_eq!(ends(&site, with_disk(disk)), Some(15), "{}", site.said());
        assert!(!site.said().contains("going back"), "nothing is tried again: {}", site.said());
        assert_eq!(ends(&site, Told::default()), Some(0), "{}", site.said());
        assert_eq!(site.committed(), undisturbed(&format!("{name}-twin"), CHUNK));
    }
}

/// The epochs in a state folder, from the oldest.
fn epochs(state: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(state.join("checkpoints")).expect("it is there");
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.expect("listed").path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path))
        })
        .collect();
    found.sort();
    found
}

/// Damages a file in one of four ways.
fn damage(file: &Path, how: &str) {
    let mut bytes = fs::read(file).expect("readable");
    match how {
        "missing" => return fs::remove_file(file).expect("removable"),
        "empty" => bytes.clear(),
        "cut" => bytes.truncate(bytes.len() / 2),
        _ => {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
    }
    fs::write(file, bytes).expect("writable");
}

fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.expect("there is cp").success());
}

#[test]
fn whatever_is_damaged_is_named_and_only_who_accepts_repetition_goes_back() {
    let mut site = Site::new("damaged", Way::TopicToTopic, Query::Window);
    site.memory = Some("0");
    site.write(false, "");
    for _ in 0..3 {
        site.produce(CHUNK);
        assert!(was_killed(site.start(Some(Point::Finished)).wait()), "{}", site.said());
    }
    site.write(true, "");
    let state = site.path().join("state");
    let (newest, folder) = epochs(&state).pop().expect("there are some");
    let mut files: Vec<String> = fs::read_dir(&folder)
        .expect("it is there")
        .map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned())
        .collect();
    // One shard of many stands for all; one that no older checkpoint shares.
    let older = folder.with_file_name(format!("{:012}", newest - 1));
    let shards = files.extract_if(.., |file| file.starts_with("piece-"));
    let shard = shards.filter(|file| !older.join(file).exists()).last();
    files.extend(shard);
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        for how in ["missing", "empty", "cut", "flipped"] {
            let copied = site.path().join(format!("state-{file}-{how}"));
            copy(&state, &copied);
            damage(&copied.join("checkpoints").join(format!("{newest:012}")).join(&file), how);
            let before = site.said().len();
            let told = Told { state: Some(copied), ..Told::default() };
            assert_eq!(ends(&site, told), Some(12), "{file} {how}:\n{}", site.said());
            let said = site.said()[before..].to_string();
            let named = if file == "MANIFEST.json" { "manifest" } else { &file };
            assert!(said.contains(named), "{file} {how} is not named:\n{said}");
            assert!(said.contains(&format!("--restore-epoch {}", newest - 1)), "{said}");
        }
    }
    // Going back repeats what stood behind the older checkpoint, and loses nothing.
    damage(&folder.join("state.pack"), "cut");
    let rows = site.committed();
    assert_eq!(ends(&site, Told { back: Some(newest - 1), ..Told::default() }), Some(0), "{}", site.said());
    assert!(site.said().contains("gone back as was asked"), "{}", site.said());
    let mut different = site.committed();
    assert!(different.len() >= rows.len());
    different.dedup();
    assert_eq!(different, undisturbed("damaged-twin", 3 * CHUNK));
}

#[test]
fn notes_that_are_damaged_are_named() {
    for (file, name) in [("CURRENT", "note-current"), ("job", "note-job")] {
        let mut site = Site::new(name, Way::TopicToTopic, Query::Stateless);
        site.write(true, "");
        site.produce(CHUNK);
        assert_eq!(ends(&site, Told::default()), Some(0), "{}", site.said());
        fs::write(site.path().join("state").join(file), "\u{0}?\n").expect("writable");
        let code = ends(&site, Told::default());
        assert!(matches!(code, Some(10 | 12)), "{code:?}: {}", site.said());
        assert!(site.said().contains(&format!("{file} is damaged")), "{}", site.said());
    }
}

#[test]
fn a_job_whose_state_outgrows_its_limit_stops_behind_a_checkpoint_and_goes_on_with_a_higher_one() {
    let mut site = Site::new("limit", Way::TopicToTopic, Query::Join);
    site.write(false, "");
    let settings = site.path().join("millstream.toml");
    let text = fs::read_to_string(&settings).expect("text");
    let limited = |limit: &str| text.replace("[topics]", &format!("state-limit = \"{limit}\"\n[topics]"));
    fs::write(&settings, limited("2 kb")).expect("writable");
    site.produce(CHUNK);
    assert_eq!(ends(&site, Told::default()), Some(16), "{}", site.said());
    assert!(site.said().contains("sunk/interval-join/0 keeps"), "{}", site.said());
    site.write(true, "");
    fs::write(&settings, limited("1 gb")).expect("writable");
    assert_eq!(ends(&site, Told::default()), Some(0), "{}", site.said());
    let mut twin = Site::new("limit-twin", Way::TopicToTopic, Query::Join);
    twin.write(true, "");
    twin.produce(CHUNK);
    assert_eq!(ends(&twin, Told::default()), Some(0), "{}", twin.said());
    assert_eq!(site.committed(), twin.committed());
}

/// A generator of random numbers (xorshift64*, Vigna 2016), so that a seed tells the whole story.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Killed at no point that we have thought of. `KILLS=200 SEED=7` is the long version: `make test-kills`.
fn survives_kills_at_any_moment(name: &str, way: Way, query: Query) {
    let (kills, seed) = (number("KILLS", 5), number("SEED", 1).max(1));
    println!("{name}: {kills} kills, SEED={seed}");
    let mut dice = Dice(seed);
    let mut site = Site::new(name, way, query);
    site.write(false, "");
    let mut records = 0;
    for kill in 0..kills {
        let more = 20 + dice.below(200) as i64;
        site.produce(more);
        records += more;
        site.lanes = 1 + dice.below(3) as usize;
        // State is put away, fits into memory again, and moves to other lanes in either form.
        site.memory = [None, Some("0"), Some("20 kb")][dice.below(3) as usize];
        // Part files live over one run and many, and end at their size or their time.
        site.parts = [ONE_PART, SHORT_PARTS, SMALL_PARTS][dice.below(3) as usize];
        site.write(false, "");
        let mut running = site.start(None);
        std::thread::sleep(Duration::from_millis(dice.below(900)));
        assert!(running.runs(), "SEED={seed}, kill {kill}: it ended by itself:\n{}", running.said());
        // Dropped, it is killed as kill -9 does.
        drop(running);
    }
    site.write(true, "");
    assert_eq!(ends(&site, Told::default()), Some(0), "SEED={seed}:\n{}", site.said());
    let mut twin = Site::new(&format!("{name}-twin"), way, query);
    twin.write(true, "");
    twin.produce(records);
    assert_eq!(ends(&twin, Told::default()), Some(0), "{}", twin.said());
    assert!(site.committed() == twin.committed(), "SEED={seed}: rows differ after {kills} kills:\n{}", site.said());
}

#[test]
fn random_kills_between_topics() {
    survives_kills_at_any_moment("random-tt", Way::TopicToTopic, Query::Window);
}

#[test]
fn random_kills_in_kafka() {
    survives_kills_at_any_moment("random-kk", Way::KafkaToKafka, Query::Window);
}

#[test]
fn random_kills_into_files() {
    survives_kills_at_any_moment("random-kf", Way::KafkaToFiles, Query::Join);
}
