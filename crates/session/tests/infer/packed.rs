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
        for ending in ["zst", "zstd", "ZST"] {
            let zst = folder.path().join(format!("{name}.{ending}"));
            let text = std::fs::read(&plain).expect("is there");
            std::fs::write(&zst, zstd::encode_all(&*text, 3).expect("in memory")).expect("writes");
            assert_eq!(tapped(&zst.display().to_string()), wanted, "{name}.{ending}");
        }
    }
}

/// Of a file that is packed in another way, or whose name does not say how, one is told what it is.
#[test]
fn what_is_not_unpacked_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = b"{\"a\":1}\n".repeat(100);
    let zstd = zstd::encode_all(&*line, 3).expect("in memory");
    let marks: [(&str, &[u8], &str, &str); 7] = [
        ("a.jsonl.bz2", b"BZh91AY&SY\xc4\x0c\x00", "bzip2", "unpack it, or pack it with gzip (.gz) or zstd (.zst)"),
        ("b.csv.xz", b"\xfd7zXZ\x00\x00\x04", "xz", "unpack it"),
        ("c.lz4", b"\x04\x22\x4d\x18d@", "lz4", "unpack it"),
        ("d.zip", b"PK\x03\x04\x14\x00", "zip", "unpack it"),
        ("e.sz", b"\xff\x06\x00\x00sNaPpY", "snappy", "unpack it"),
        ("f.jsonl", &zstd, "zstd", "files that end in .zst are unpacked"),
        ("g.log", b"\x1f\x8b\x08\x00\x00", "gzip", "files that end in .gz are unpacked"),
    ];
    for (name, bytes, tool, hint) in marks {
        let path = folder.path().join(name).display().to_string();
        std::fs::write(&path, bytes).expect("writes");
        let told = said(&mut room().session, &format!("TAP '{path}'"));
        assert!(told.contains(&format!("error[E0714]: '{}' is packed with {tool}", &name[..1])), "{told}");
        assert!(told.contains(hint), "{told}");
        let listed = said(&mut room().session, &format!("SHOW TOPICS IN '{path}'"));
        assert!(listed.contains(&format!("packed with {tool}")), "{listed}");
    }
    let bzip2 = folder.path().join("a.jsonl.bz2").display().to_string();
    let with = format!("WITH ('connector' = 'filesystem', 'path' = '{bzip2}', 'format' = 'json')");
    let mut room = room();
    let told = said(&mut room.session, &format!("CREATE TABLE t (a INT) {with}; PREVIEW SELECT * FROM t"));
    assert!(told.contains("a.jsonl.bz2 is packed with bzip2"), "{told}");
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
