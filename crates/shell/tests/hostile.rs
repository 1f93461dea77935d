//! Payloads that try to take over the terminal: every format on a terminal shows them and obeys none.
//! vt100 is the judge: title, clipboard, colours, cursor and screen stay as they were.

use std::fs;

use crate::naughty::{NAUGHTY, assert_untouched};
use crate::program::{folder, run, stderr, stdout};
use crate::pty::Terminal;

/// A JSON string of any text.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

const DECLARE: &str =
    "CREATE TABLE t (n INT, v STRING) WITH ('connector' = 'filesystem', 'path' = 'hostile.jsonl', 'format' = 'json');";

/// A file with one row for each text: first all two-byte escapes, then the naughty ones.
fn write_rows(folder: &std::path::Path) -> usize {
    let pairs = (0u8..=0x7f).map(|second| format!("\x1b{}", char::from(second)));
    let all: Vec<String> = pairs.chain(NAUGHTY.iter().map(ToString::to_string)).collect();
    let rows: String =
        all.iter().enumerate().map(|(number, text)| format!("{{\"n\":{number},\"v\":{}}}\n", quoted(text))).collect();
    fs::write(folder.join("hostile.jsonl"), rows).expect("writes");
    all.len()
}

#[test]
fn no_payload_touches_the_terminal_in_any_format() {
    let folder = folder();
    let count = write_rows(folder.path());
    for format in ["table", "csv", "tsv", "json", "ndjson", "markdown", "vertical"] {
        let sql = format!("{DECLARE} SELECT * FROM t; SELECT 'still here' AS mark;");
        let arguments = ["-c", &sql, "-o", format, "--rows", "1000", "--color", "never"];
        let mut terminal = Terminal::start(folder.path(), &arguments, 50, 100, "xterm-256color");
        assert_eq!(terminal.exit_code(), Some(0), "{format}: {}", terminal.shown());
        assert!(terminal.shown().contains("still here"), "{format}: {}", terminal.shown());
        assert_untouched(&terminal, format);
        assert!(count > 150);
    }
}

#[test]
fn no_name_of_a_file_and_no_error_about_one_touches_the_terminal() {
    let folder = folder();
    fs::create_dir(folder.path().join("data")).expect("a folder");
    // A name can hold neither a slash nor a NUL.
    let names: Vec<String> = NAUGHTY.iter().map(|text| text.replace(['/', '\0'], "_")).collect();
    for (number, name) in names.iter().enumerate() {
        fs::write(folder.path().join("data").join(format!("{number}{name}")), "{\"n\":1}\n").expect("writes");
    }
    let mut terminal = Terminal::start(folder.path(), &["--color", "never"], 60, 120, "xterm-256color");
    terminal.wait_for_editor();
    for typed in ["SHOW TOPICS IN 'data';", "PEEK 'data/*' LIMIT 100;", "TAP 'data' AS t;", "SHOW CREATE TABLE t;"] {
        terminal.submit(typed);
        terminal.wait_for_editor();
        assert_untouched(&terminal, typed);
    }
    // What nobody reads is named in an error: the table, the file, the column, the option.
    let quoted: Vec<String> = names.iter().map(|name| name.replace('\'', "''")).collect();
    let script: String = quoted
        .iter()
        .map(|name| {
            let column = name.replace('`', "");
            format!(
                "PEEK 'data/no{name}.jsonl'; SELECT `{column}` FROM demo.trades; SELECT * FROM `{column}`; \
                 CREATE TABLE t2 (a INT) WITH ('connector' = '{name}'); SET '{name}' = '{name}'; \
                 CREATE TABLE t3 (`{column}` INT) WITH ('connector' = 'filesystem', 'path' = '{name}', 'format' = 'json', '{name}' = '1');\n"
            )
        })
        .collect();
    fs::write(folder.path().join("script.sql"), script).expect("writes");
    let arguments = ["--keep-going", "--color", "never", "-f", "script.sql"];
    let mut terminal = Terminal::start(folder.path(), &arguments, 60, 120, "xterm-256color");
    assert_eq!(terminal.exit_code(), Some(1));
    assert!(terminal.shown().contains("error["), "{}", terminal.shown());
    assert_untouched(&terminal, "errors");
}

#[test]
fn messages_names_and_errors_pass_the_gate_too() {
    let folder = folder();
    let bad = "{\"n\": \"\u{1b}]0;owned\u{7}\", \"v\": \"x\"}\n\u{1b}[31mno json\n";
    fs::write(folder.path().join("hostile.jsonl"), bad).expect("writes");
    let sql = format!(
        "{DECLARE} SELECT * FROM t; SELECT * FROM `t$errors`; SELECT 1 AS `\u{1b}[31mname`; SELECT * FROM `\u{1b}]0;x\u{7}`; SELECT '\u{1b}c' FROM nowhere"
    );
    let arguments = ["-c", &sql, "-o", "table", "--on-bad-record", "keep", "--keep-going"];
    let output = run(folder.path(), &arguments, b"");
    for (name, text) in [("stdout", stdout(&output)), ("stderr", stderr(&output))] {
        let hostile = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(hostile, None, "{name}: {text:?}");
    }
    assert!(stdout(&output).contains("\\x1b]0;owned"), "{}", stdout(&output));
    assert!(stdout(&output).contains("\\x1b[31mname"), "{}", stdout(&output));
}

/// A name between back-quotes, and a text between quotes.
fn named(text: &str) -> (String, String) {
    (format!("`{}`", text.replace('`', "``").replace('\0', "_")), format!("'{}'", text.replace('\'', "''")))
}

#[test]
fn no_name_that_was_declared_and_no_comment_touches_the_prompt() {
    let folder = folder();
    let declared: String = NAUGHTY
        .iter()
        .enumerate()
        .map(|(number, text)| {
            let (name, said) = named(&format!("n{number}{text}"));
            let with = "('connector' = 'datagen', 'number-of-rows' = '3')";
            format!(
                "CREATE TABLE {name} (a INT COMMENT {said}, {name} INT) COMMENT {said} WITH {with};\n\
                 CREATE VIEW v{number} COMMENT {said} AS SELECT a, {name}, {said} AS text FROM {name};\n"
            )
        })
        .collect();
    fs::create_dir(folder.path().join(".millstream")).expect("a folder");
    fs::write(folder.path().join(".millstream/workbook.sql"), declared).expect("writes");
    let arguments = ["--color", "never", "--rows", "1000"];
    let mut terminal =
        Terminal::with(folder.path(), &arguments, 60, 120, &[("TERM", "xterm-256color"), ("PAGER", "cat")]);
    terminal.wait_for_editor();
    let all = (0..NAUGHTY.len()).map(|number| {
        format!(
            "DESCRIBE v{number}; SHOW CREATE VIEW v{number}; EXPLAIN v{number}; PREVIEW v{number}; WHY v{number}; \
             CHECK v{number}; SELECT * FROM v{number}; SHOW LEDGER v{number};"
        )
    });
    let lists = ["SHOW TABLES;", "SHOW STEPS;", "UNDO;", "REDO;", "\\tables"].map(String::from);
    for typed in lists.into_iter().chain(all) {
        terminal.submit(&typed);
        terminal.wait_for_editor();
        assert_untouched(&terminal, &typed);
    }
    // What runs in the background is shown above the prompt.
    for number in 0..NAUGHTY.len() {
        terminal.submit(&format!("START v{number};"));
        terminal.wait_for(&format!("v{number} has come to its end"));
        terminal.wait_until("its ledger", |shown| shown.contains("3 used"));
        terminal.wait_for_editor();
        assert_untouched(&terminal, &format!("START v{number}"));
    }
    // What is offered while one types, and described beside it.
    for typed in ["SELECT * FROM n", "SELECT v1.", "SHOW CREATE TABLE n", "DESCRIBE "] {
        terminal.keys(typed);
        terminal.wait_for(typed.trim_end());
        terminal.keys("\t");
        for _ in 0..4 {
            terminal.keys("\x1b[B");
        }
        terminal.keys("\x03");
        terminal.wait_until("the line is dropped", |shown| shown.trim_end().ends_with("\n>"));
        terminal.wait_for_editor();
        terminal.submit("SELECT 41 + 1 AS answer;");
        terminal.wait_for_editor();
        terminal.look(|parser| {
            let heard = parser.callbacks();
            assert_eq!((&heard.titles, &heard.clipboard), (&vec![], &vec![]), "{typed}");
            assert!(!parser.screen().alternate_screen() && !parser.screen().hide_cursor(), "{typed}");
        });
    }
}

#[test]
fn no_setting_of_the_user_and_no_variable_touches_the_terminal() {
    let folder = folder();
    let text = NAUGHTY.concat();
    // An environment can hold no NUL.
    let value = text.replace('\0', "_");
    let toml: String = text.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
    let toml = format!("\"{toml}\"");
    let sql = "TAP 'kafka://${env:NAUGHTY}/${env:NAUGHTY}'; SHOW TOPICS IN 'nobody/x'; SELECT * FROM demo.nothing;
               CREATE TABLE t (a INT) WITH ('connector' = '${env:NAUGHTY}', 'path' = '${env:NAUGHTY}');
               CREATE TABLE u (a INT) WITH ('connector' = 'filesystem', 'path' = '${env:NAUGHTY}', 'format' = 'json');
               SELECT * FROM u; PEEK 'no/${env:NAUGHTY}'; EXPORT demo.trades INTO 'kafka://h:1/x' AS JOB 'job' VERIFY;";
    fs::write(folder.path().join("s.sql"), sql).expect("writes");
    for (name, file) in [
        ("connections", format!("[connections.{toml}]\n'bootstrap.servers' = {toml}\n")),
        ("keys of connections", format!("[connections.a]\n{toml} = {toml}\n")),
        ("settings", format!("[settings]\n'table.local-time-zone' = {toml}\n")),
        ("names of settings", format!("[settings]\n{toml} = {toml}\n")),
        ("shell", format!("[shell]\npager = {toml}\neditor = {toml}\ntheme = {toml}\n")),
        ("keys", format!("[keys]\nleave = [{toml}]\n")),
        ("sections", format!("[{toml}]\na = 1\n")),
        ("broken", format!("{text} = 1\n")),
    ] {
        let path = folder.path().join("config.toml");
        fs::write(&path, file).expect("writes");
        let variables = [
            ("NAUGHTY", value.as_str()),
            ("FLINK_HOME", &value),
            ("PAGER", &value),
            ("RUSTC", &value),
            ("MILLSTREAM_CONFIG", path.to_str().expect("a path of text")),
            ("TERM", "xterm-256color"),
        ];
        for arguments in [&["--color", "never", "config"][..], &["--color", "never", "--keep-going", "-f", "s.sql"]] {
            let mut terminal = Terminal::with(folder.path(), arguments, 60, 120, &variables);
            assert!(terminal.exit_code().is_some(), "{}", terminal.shown());
            assert!(!terminal.shown().trim().is_empty());
            assert_untouched(&terminal, &format!("{name} {arguments:?}\n{}", terminal.shown()));
        }
    }
}

#[test]
fn pipes_get_the_bytes_as_they_are() {
    let folder = folder();
    write_rows(folder.path());
    let rows = |format: &str| {
        let sql = format!("{DECLARE} SELECT v FROM t WHERE n >= 128;");
        stdout(&run(folder.path(), &["-c", &sql, "-o", format], b""))
    };
    let csv = rows("csv");
    assert!(csv.contains("\x1b[31mred\x1b[1m\n") && csv.contains("\"line\nbreak\ttab\"\n"), "{csv:?}");
    for (line, text) in rows("ndjson").lines().zip(NAUGHTY) {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        let (_, value) = line.split_once(':').expect("an object");
        assert_eq!(unquoted(value.strip_suffix('}').expect("an object")), *text);
    }
}

/// Reads back a JSON string.
fn unquoted(json: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut rest = json.trim_matches('"').chars();
    while let Some(c) = rest.next() {
        let c = if c == '\\' {
            rest.next().expect("an escape")
        } else {
            units.extend(c.encode_utf16(&mut [0; 2]).iter());
            continue;
        };
        match c {
            'n' => units.push(10),
            'r' => units.push(13),
            't' => units.push(9),
            'u' => {
                let digits: String = rest.by_ref().take(4).collect();
                units.push(u16::from_str_radix(&digits, 16).expect("four digits"));
            }
            plain => units.push(u16::try_from(u32::from(plain)).expect("ASCII")),
        }
    }
    String::from_utf16(&units).expect("whole characters")
}

#[test]
fn hostile_sql_is_an_error_and_no_crash() {
    let folder = folder();
    let deep = format!("SELECT {}1{};", "(".repeat(20_000), ")".repeat(20_000));
    let wide = format!("SELECT {};", vec!["1"; 20_000].join(" + "));
    let long = format!("SELECT '{}' AS a;", "x".repeat(3_000_000));
    let nested = format!("{} 1", "SELECT * FROM (".repeat(5_000));
    for script in
        [deep.as_str(), &wide, &long, &nested, "SELECT 9".repeat(1000).as_str(), "'", "`", "/*", "\u{1b}", ";;;;", "\\"]
    {
        let output = run(folder.path(), &["-o", "csv"], script.as_bytes());
        assert!(matches!(output.status.code(), Some(0 | 1)), "{:?}: {:.200}", output.status, stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{:.500}", stderr(&output));
    }
    assert_eq!(run(folder.path(), &[], b"SELECT '\xff'").status.code(), Some(2));
}
