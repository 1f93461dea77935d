//! The reference is made from the lists that the program uses: statements, settings, codes, keys. `UPDATE=1` writes it anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use millstream_session::{CODES, SETTINGS, STATEMENTS, STEPS, Statement};

use crate::program::folder;
use crate::pty::Terminal;

fn check(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("makes it");
        fs::write(&path, page).expect("is writable");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "{name} is old: UPDATE=1 writes it anew");
}

/// A cell of a table of Markdown.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn statements(page: &mut String, all: &[Statement]) {
    page.push_str("| how it is written | what it does |\n|---|---|\n");
    for statement in all {
        writeln!(page, "| `{}` | {} |", cell(statement.form), cell(statement.doc)).expect("memory");
    }
}

#[test]
fn statements_and_steps() {
    let mut page = String::from("# Statements\n\n");
    statements(&mut page, STATEMENTS);
    page.push_str("\n# Steps of a pipe\n\n");
    statements(&mut page, STEPS);
    check("statements.md", &page);
}

#[test]
fn settings() {
    let mut page = String::from(
        "# Settings\n\n`SET 'name' = 'value';`\n\n| name | default | meaning | example |\n|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let default = setting.default.map(|default| format!("`{default}`")).unwrap_or_default();
        writeln!(page, "| `{}` | {default} | {} | `{}` |", setting.name, cell(setting.doc), setting.example)
            .expect("memory");
    }
    check("settings.md", &page);
}

#[test]
fn codes() {
    let mut page = String::from(
        "# Codes of failures\n\n`\\explain E0204` at the prompt says the same.\n\n| code | | |\n|---|---|---|\n",
    );
    for code in CODES {
        writeln!(page, "| {} | {} | {} |", code.code, cell(code.title), cell(code.text)).expect("memory");
    }
    check("codes.md", &page);
}

#[test]
fn keys() {
    let folder = folder();
    // So wide that no line is broken.
    let mut terminal = Terminal::start(folder.path(), &[], 120, 300, "dumb");
    terminal.wait_for("> ");
    terminal.keys("\\keys\n");
    terminal.wait_for("a capital letter");
    terminal.wait_for("wheel");
    terminal.wait_for_prompt();
    let shown = terminal.shown();
    let mut page =
        String::from("# Keys\n\n`\\keys` at the prompt shows the same.\n\n| keys | what they do |\n|---|---|\n");
    let lines = shown.lines().skip_while(|line| !line.contains("\\keys")).skip(1);
    for line in lines {
        match line.strip_prefix("  ").and_then(|line| line.split_once("  ")) {
            Some((keys, meaning)) => {
                writeln!(page, "| {} | {} |", cell(keys.trim()), cell(meaning.trim())).expect("memory");
            }
            None if line.starts_with("While") => {
                let title = line.trim().trim_end_matches(':');
                writeln!(page, "\n# {title}\n\n| keys | what they do |\n|---|---|").expect("memory");
            }
            None => {}
        }
    }
    terminal.keys("\x04");
    assert_eq!(terminal.exit_code(), Some(0));
    check("keys.md", &page);
}
