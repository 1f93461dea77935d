//! Savepoints, jobs that begin with one, queries that change between two runs, and lanes that do.

use std::fs;
use std::path::PathBuf;

use millstream_runner::launch::Overrides;
use millstream_runner::{Point, savepoint};

use super::site::{ONE_PART, Query, Site, Told, Way, was_killed};

const CHUNK: i64 = 400;

/// What a twin commits that nobody disturbs.
fn undisturbed(name: &str, way: Way, query: Query, records: i64) -> Vec<String> {
    let mut twin = Site::new(name, way, query);
    twin.write(true, "");
    twin.produce(records);
    assert_eq!(twin.start(None).wait().code(), Some(0), "{}", twin.said());
    twin.committed()
}

/// Runs a job until it has committed something, and stops it.
fn run_and_stop(site: &Site, told: Told) {
    let before = site.committed().len();
    let mut running = site.start_told(site.path(), told);
    let mut rows = before;
    while rows == before {
        assert!(running.runs(), "it ended:\n{}", running.said());
        rows = site.committed().len();
    }
    running.terminate();
    assert_eq!(running.wait().code(), Some(143), "{}", site.said());
}

fn change(site: &Site, from: &str, to: &str) {
    let script = site.path().join("job.sql");
    let text = fs::read_to_string(&script).expect("text");
    assert!(text.contains(from), "{text}");
    fs::write(&script, text.replace(from, to)).expect("writable");
}

/// A job that was stopped goes on from a savepoint, in another state folder and under another id.
fn goes_on_from_a_savepoint(name: &str, way: Way, query: Query) {
    let mut site = Site::new(name, way, query);
    // Between topics with state on disk, which the savepoint takes along.
    site.memory = (way == Way::TopicToTopic).then_some("0");
    site.write(false, "");
    site.produce(CHUNK);
    run_and_stop(&site, Told::default());
    let to = site.path().join("kept");
    let kept = savepoint(site.path(), Overrides::default(), Some(to.clone())).expect("it is at rest");
    assert_eq!(kept, to);
    site.produce(CHUNK);
    site.write(true, "");
    let told = Told { state: Some(site.path().join("second")), from: Some(kept.clone()), ..Told::default() };
    assert_eq!(site.start_told(site.path(), told.clone()).wait().code(), Some(0), "{}", site.said());
    assert!(site.said().contains("the state folder began with it"), "{}", site.said());
    let expected = undisturbed(&format!("{name}-twin"), way, query, 2 * CHUNK);
    assert_eq!(site.committed(), expected);

    // Told the same at its next start, as a container is, it goes on from its own checkpoint.
    assert_eq!(site.start_told(site.path(), told).wait().code(), Some(0), "{}", site.said());
    assert!(site.said().contains("has begun with this savepoint before"), "{}", site.said());
    assert_eq!(site.committed(), expected);
    // The first state folder has state of its own.
    let refused = site.start_told(site.path(), Told { from: Some(kept), ..Told::default() });
    assert_eq!(refused.wait().code(), Some(12));
    assert!(site.said().contains("has checkpoints of its own"), "{}", site.said());
}

#[test]
fn a_window_between_topics_goes_on_from_a_savepoint() {
    goes_on_from_a_savepoint("save-tt", Way::TopicToTopic, Query::Window);
}

#[test]
fn a_window_in_kafka_goes_on_from_a_savepoint() {
    goes_on_from_a_savepoint("save-kk", Way::KafkaToKafka, Query::Window);
}

#[test]
fn a_join_into_files_goes_on_from_a_savepoint() {
    goes_on_from_a_savepoint("save-kf", Way::KafkaToFiles, Query::Join);
}

#[test]
fn a_running_job_makes_a_savepoint_and_runs_on() {
    let mut site = Site::new("save-running", Way::TopicToTopic, Query::Stateless);
    site.write(false, "");
    site.produce(CHUNK);
    let mut running = site.start(None);
    let mut before = Vec::new();
    while before.is_empty() {
        assert!(running.runs(), "{}", running.said());
        before = site.committed();
    }
    let kept = savepoint(site.path(), Overrides::default(), None).expect("it listens");
    assert!(running.runs());
    assert!(kept.starts_with(site.path().join("state/savepoints")), "{}", kept.display());
    site.produce(CHUNK);
    running.terminate();
    assert_eq!(running.wait().code(), Some(143));
    let first = site.committed();

    // Whoever begins with it does not say again what was said before it was made, and leaves nothing out.
    site.write(true, "");
    let told = Told { state: Some(site.path().join("second")), from: Some(kept), ..Told::default() };
    assert_eq!(site.start_told(site.path(), told).wait().code(), Some(0), "{}", site.said());
    let both = site.committed();
    let expected = undisturbed("save-running-twin", Way::TopicToTopic, Query::Stateless, 2 * CHUNK);
    let mut different = both.clone();
    different.dedup();
    assert_eq!(different, expected);
    assert!(both.len() <= first.len() + expected.len() - before.len(), "rows from before the savepoint came again");
}

#[test]
fn a_savepoint_leaves_no_part_file_open_for_another_job_to_miss() {
    let mut site = Site::new("save-parts", Way::KafkaToFiles, Query::Stateless);
    site.parts = ONE_PART;
    site.write(false, "");
    site.produce(CHUNK);
    let mut running = site.start(None);
    running.until("no epoch is decided yet");
    let mut kept = savepoint(site.path(), Overrides::default(), None).expect("it listens");
    while site.committed().is_empty() {
        assert!(running.runs(), "{}", running.said());
        kept = savepoint(site.path(), Overrides::default(), None).expect("it listens");
    }
    // What it writes from now on is its own, and it never comes to show that.
    site.produce(CHUNK);
    drop(running);
    site.write(true, "");
    let told = Told { state: Some(site.path().join("second")), from: Some(kept), ..Told::default() };
    assert_eq!(site.start_told(site.path(), told).wait().code(), Some(0), "{}", site.said());
    assert_eq!(site.committed(), undisturbed("save-parts-twin", Way::KafkaToFiles, Query::Stateless, 2 * CHUNK));
}

#[test]
fn a_query_that_grows_keeps_the_state_of_what_stays() {
    let mut site = Site::new("grows", Way::TopicToTopic, Query::Window);
    site.write(false, "");
    site.produce(CHUNK);
    run_and_stop(&site, Told::default());
    site.produce(CHUNK);
    site.write(true, "");
    change(
        &site,
        "INSERT INTO sunk",
        "CREATE TABLE nowhere (id BIGINT) WITH ('connector' = 'blackhole'); INSERT INTO nowhere SELECT id FROM src; INSERT INTO sunk",
    );
    assert_eq!(site.start(None).wait().code(), Some(0), "{}", site.said());
    let said = site.said();
    assert!(said.contains("kept: sunk/scan/0, sunk/window-aggregate/0; begun anew: nowhere/scan/0"), "{said}");
    assert_eq!(site.committed(), undisturbed("grows-twin", Way::TopicToTopic, Query::Window, 2 * CHUNK));
}

#[test]
fn a_step_that_changed_gives_up_its_state_when_told_and_reads_on() {
    let mut site = Site::new("changes", Way::TopicToTopic, Query::Window);
    site.write(false, "");
    site.produce(CHUNK);
    run_and_stop(&site, Told::default());
    let before = site.committed();
    site.write(true, "");
    change(&site, "SUM(v)", "MAX(v)");
    assert_eq!(site.start(None).wait().code(), Some(12));
    assert!(site.said().contains("sunk/window-aggregate/0 has changed: it was"), "{}", site.said());
    let wrong = Told { drop: Some("sink".into()), ..Told::default() };
    assert_eq!(site.start_told(site.path(), wrong).wait().code(), Some(12));
    assert!(site.said().contains("no state of 'sink' to drop; it has that of sunk"), "{}", site.said());
    site.produce(CHUNK);
    let told = Told { drop: Some("sunk".into()), ..Told::default() };
    assert_eq!(site.start_told(site.path(), told).wait().code(), Some(0), "{}", site.said());
    assert!(site.said().contains("dropped as asked: sunk/window-aggregate/0"), "{}", site.said());
    let after = site.committed();
    assert!(before.iter().all(|row| after.contains(row)), "what was committed stays");
    assert!(after.len() > before.len());
    // 4 s of records, 7 keys, windows of 1 s: had it read from the start again, each window would be there twice.
    assert!(after.len() <= before.len() + 5 * 7, "{} rows after {}", after.len(), before.len());
}

#[test]
fn a_job_goes_on_over_another_number_of_lanes() {
    for (name, query) in [("lanes-window", Query::Window), ("lanes-join", Query::Join)] {
        let mut site = Site::new(name, Way::TopicToTopic, query);
        for lanes in [2, 3, 1] {
            site.lanes = lanes;
            site.write(false, "");
            site.produce(CHUNK);
            assert!(was_killed(site.start(Some(Point::Finished)).wait()), "{}", site.said());
        }
        site.lanes = 4;
        site.write(true, "");
        assert_eq!(site.start(None).wait().code(), Some(0), "{}", site.said());
        assert!(site.said().contains("spread over another number of lanes"), "{}", site.said());
        assert_eq!(site.committed(), undisturbed(&format!("{name}-twin"), Way::TopicToTopic, query, 3 * CHUNK));
    }
}

#[test]
fn a_savepoint_of_nothing_is_refused_in_words() {
    let site = Site::new("save-nothing", Way::TopicToTopic, Query::Stateless);
    site.write(false, "");
    let refused = savepoint(site.path(), Overrides::default(), None).expect_err("it never ran");
    assert!(refused.message.contains("has no checkpoint"), "{refused}");
    let mut killed = Site::new("save-killed", Way::TopicToTopic, Query::Stateless);
    killed.write(false, "");
    killed.produce(CHUNK);
    assert!(was_killed(killed.start(Some(Point::Noted)).wait()));
    let refused = savepoint(killed.path(), Overrides::default(), None).expect_err("its output is not all there");
    assert!(refused.message.contains("it finds out when it starts"), "{refused}");
    let there: PathBuf = site.path().into();
    let refused = savepoint(site.path(), Overrides::default(), Some(there)).expect_err("the folder is there");
    assert!(refused.message.contains("exists already"), "{refused}");
}
