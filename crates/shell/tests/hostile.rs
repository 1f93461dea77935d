//! Payloads that try to take over the terminal: every format on a terminal shows them and obeys none.
//! vt100 is the judge: title, clipboard, colours, cursor and screen stay as they were.

use std::fs;

use crate::program::{folder, run, stderr, stdout};
use crate::pty::Terminal;

/// Texts that have done harm elsewhere.
const NAUGHTY: &[&str] = &[
    "\x1b]0;owned\x07",
    "\x1b]2;owned\x1b\\",
    "\x1b]52;c;b3duZWQ=\x07",
    "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "\x1b[31mred\x1b[1m",
    "\x1b[2J\x1b[1;1Hgone",
    "\x1b[?1049h",
    "\x1b[?25l",
    "\x1bc",
    "\x1bP+q544e\x1b\\",
    "\u{9b}31mred",
    "\u{9d}0;owned\u{9c}",
    "over\rwrite",
    "back\x08\x08\x08\x08",
    "bell\x07",
    "line\nbreak\ttab",
    "pay\u{202e}cod.exe",
    "\u{2066}isolate\u{2069}",
    "zero\u{200b}width\u{200d}join\u{feff}",
    "tag\u{e0041}s",
    "nul\0byte",
    "del\x7f",
    "\u{2028}separators\u{2029}",
    "\x0e\x0f shift",
    "%s%n%x ${jndi:ldap://evil} '; DROP TABLE t; --",
    "<script>alert(1)</script>",
    "a|b`c\"d",
    "Ω≈ç√∫˜µ 漢字 🦀 ﷽",
];

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
        terminal.look(|parser| {
            let (screen, heard) = (parser.screen(), parser.callbacks());
            assert_eq!((&heard.titles, &heard.clipboard), (&vec![], &vec![]), "{format}");
            assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.application_cursor(), "{format}");
            for row in 0..50 {
                for column in 0..100 {
                    let cell = screen.cell(row, column).expect("inside");
                    let plain = cell.fgcolor() == vt100::Color::Default && !cell.bold() && !cell.inverse();
                    assert!(plain, "{format}: a cell is coloured at {row}, {column}: {:?}", cell.contents());
                }
            }
            assert!(screen.cursor_position().1 == 0, "{format}: the cursor is where a line begins");
        });
        assert!(count > 150);
    }
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
