//! Completions and manual pages: what the program writes about itself is taken by those it is for.

use std::fs;
use std::process::{Command, Stdio};

use crate::program::{folder, run, stdout};

#[test]
fn bash_takes_the_completions_and_offers_what_there_is() {
    let folder = folder();
    let script = stdout(&run(folder.path(), &["completions", "bash"], b""));
    fs::write(folder.path().join("millstream.bash"), script).expect("writes");
    let offered = |words: &str, at: usize| {
        let ask = format!(
            "source millstream.bash; COMP_WORDS=({words}); COMP_CWORD={at}; \
             _millstream millstream \"${{COMP_WORDS[{at}]}}\" \"${{COMP_WORDS[{at}-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &ask]).current_dir(folder.path()).stdin(Stdio::null()).output();
        stdout(&output.expect("bash is there"))
    };
    assert!(offered("millstream top", 1).lines().any(|word| word == "topic"), "{}", offered("millstream top", 1));
    assert!(offered("millstream --keep", 1).lines().any(|word| word == "--keep-going"));
    assert!(offered("millstream topic pro", 2).lines().any(|word| word == "produce"));
    assert!(offered("millstream --output nd", 2).lines().any(|word| word == "ndjson"));
}

#[test]
fn every_shell_gets_its_completions() {
    let folder = folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(folder.path(), &["completions", shell], b"");
        let script = stdout(&output);
        assert!(output.status.success() && script.contains("keep-going") && script.contains("produce"), "{shell}");
    }
    assert_eq!(run(folder.path(), &["completions", "cmd"], b"").status.code(), Some(2));
}

#[test]
fn manual_pages_speak_of_every_command() {
    let folder = folder();
    let page = stdout(&run(folder.path(), &["man"], b""));
    assert!(page.starts_with(".ie") || page.starts_with(".TH") || page.contains(".TH millstream"), "{page:.100}");
    assert!(page.contains("keep\\-going"), "{page:.300}");
    let output = run(folder.path(), &["man", "pages"], b"");
    assert!(output.status.success());
    let mut names: Vec<_> =
        fs::read_dir(folder.path().join("pages")).expect("is there").flatten().map(|file| file.file_name()).collect();
    names.sort();
    for name in ["millstream.1", "millstream-topic.1", "millstream-topic-produce.1", "millstream-demo.1"] {
        assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
    }
}
