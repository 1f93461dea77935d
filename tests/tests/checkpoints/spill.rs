//! A job whose state is larger than the memory it may use: its answer is that of one with memory for all, it
//! takes far less memory, and it survives being killed while state lies on disk.

use std::fs;
use std::path::Path;

use super::site::{Query, Running, Site, Way};

/// So many keys, each with its own group in a window that closes at the end.
const KEYS: u32 = 300_000;

/// The files of a job in a folder of its own: every key comes twice, the second time much later.
fn write(folder: &Path, memory: &str) {
    let rows = 2 * KEYS;
    let sql = format!(
        "CREATE TABLE numbers (n BIGINT, ts AS TO_TIMESTAMP_LTZ(n, 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen',
           'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '{rows}', 'number-of-rows' = '{rows}', 'rows-per-second' = '400000');
         CREATE TABLE sunk (k STRING, n BIGINT, total BIGINT, most BIGINT) WITH ('connector' = 'filesystem', 'path' = '{}', 'format' = 'json');
         INSERT INTO sunk SELECT k, COUNT(*), SUM(n), MAX(n) FROM (SELECT CONCAT('customer-', CAST(MOD(n, {KEYS}) AS STRING)) AS k, n, ts FROM numbers) GROUP BY k, TUMBLE(ts, INTERVAL '1' HOUR);",
        folder.join("out").display()
    );
    fs::create_dir_all(folder).expect("ours");
    fs::write(folder.join("job.sql"), sql).expect("ours");
    let toml = format!("[job]\nparallelism = 2\n[checkpoints]\ninterval = \"300 ms\"\n{memory}");
    fs::write(folder.join("millstream.toml"), toml).expect("ours");
}

/// Waits until a job has ended; the most memory that it took.
fn ended(mut running: Running) -> u64 {
    let mut most = 0;
    while running.runs() {
        most = running.peak().unwrap_or(most);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let said = running.said();
    assert_eq!(running.wait().code(), Some(0), "{said}");
    most
}

/// Whether the newest checkpoint holds state that was put away.
fn has_spilled(folder: &Path) -> bool {
    let checkpoints = fs::read_dir(folder.join("state/checkpoints")).into_iter().flatten().flatten();
    checkpoints.into_iter().any(|checkpoint| {
        let mut files = fs::read_dir(checkpoint.path()).into_iter().flatten().flatten();
        files.any(|file| file.file_name().to_string_lossy().starts_with("piece-"))
    })
}

#[test]
fn state_that_does_not_fit_into_memory_gives_the_same_answer_in_less_of_it() {
    let site = Site::new("spill", Way::TopicToTopic, Query::Stateless);
    let (plenty, little) = (site.path().join("plenty"), site.path().join("little"));
    write(&plenty, "");
    write(&little, "state-memory = \"4 mb\"\n");
    let with_plenty = ended(site.start_in(&plenty, None));
    let expected = super::site::files(&plenty.join("out"));
    assert_eq!(expected.len(), KEYS as usize);

    // Killed twice while it works, once the shards are on disk.
    for _ in 0..2 {
        let mut running = site.start_in(&little, None);
        while !has_spilled(&little) {
            assert!(running.runs(), "{}", running.said());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(running);
    }
    let with_little = ended(site.start_in(&little, None));
    let mut found = super::site::files(&little.join("out"));
    let mut expected = expected;
    expected.sort_unstable();
    found.sort_unstable();
    assert!(found == expected, "{} rows instead of {}", found.len(), expected.len());
    println!("peak memory: {} MiB with plenty, {} MiB with 4 MiB for state", with_plenty >> 20, with_little >> 20);
    assert!(with_little + (40 << 20) < with_plenty, "{with_little} bytes beside {with_plenty}");
}
