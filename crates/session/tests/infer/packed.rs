//! `TAP` of compressed files and of many files at once says what it says of the plain file.

use std::path::Path;
use std::process::Command;

use super::{room, said, stories};

/// What is told of a place, and the declaration without the place.
fn tapped(place: &str) -> (String, String) {
    let mut room = room();
    let told = said(&mut room.session, &format!("TAP '{place}' AS t"));
    let declared = said(&mut room.session, "SHOW CREATE TABLE t; SELECT COUNT(*) FROM t").replace(place, "PLACE");
    (told, declared)
}

fn packed(tool: &str, from: &Path, to: &Path) {
    let file = std::fs::File::create(to).expect("writes");
    let done = Command::new(tool).arg("-c").arg(from).stdout(file).status().expect("it is installed");
    assert!(done.success());
}

#[test]
fn compressed_files_are_what_is_packed_in_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["nested.jsonl", "csv_header.csv", "csv_quoted_newlines.csv", "epoch_micros.jsonl"] {
        let plain = stories().join(name);
        let wanted = tapped(&plain.display().to_string());
        let gz = folder.path().join(format!("{name}.gz"));
        packed("gzip", &plain, &gz);
        assert_eq!(tapped(&gz.display().to_string()), wanted, "{name}");
    }
}

#[test]
fn a_folder_and_a_pattern_are_all_their_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = |from: i64| -> String {
        let line = |n: i64| format!("{{\"n\":{n},\"ts\":{}}}\n", 1_767_225_600_000 + n * 1_000);
        (from..from + 30).map(line).collect()
    };
    std::fs::write(folder.path().join("b.jsonl"), lines(30)).expect("writes");
    std::fs::write(folder.path().join("a.jsonl"), lines(0)).expect("writes");
    packed("gzip", &folder.path().join("b.jsonl"), &folder.path().join("c.jsonl.gz"));
    std::fs::write(folder.path().join("_half.jsonl"), "{\"n\":").expect("writes");
    for place in [folder.path().display().to_string(), format!("{}/*.jsonl*", folder.path().display())] {
        let (told, declared) = tapped(&place);
        assert!(told.contains("event time ts") && told.contains("of 90 sampled records"), "{told}");
        assert!(told.contains("0 records could not be read"), "{told}");
        assert!(declared.contains("`n` BIGINT"), "{declared}");
    }
}
