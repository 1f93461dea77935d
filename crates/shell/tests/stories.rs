//! Stories typed at a terminal, with the screens that come of it. A story is lines:
//!
//! ```text
//! + config.toml [shell]         a line more of a file
//! $ millstream -c 'SELECT 1'    a program on a new terminal; `NAME=value` before it sets variables
//! > SELECT 1;                   on a clear screen: a line and Enter; then the screen, when the prompt is back
//! < SEL\t                       keys (\t \r \e \\ and ^C for Ctrl-C); then the screen
//! ~ SELECT                      what the screen must show first
//! ? underlined                  which texts on the screen are so: underlined, coloured
//! | …                           the screen; a word `…` stands for whatever word is there
//! = 0                           the exit code
//! ```
//!
//! Other lines are for the reader. `UPDATE=1` writes the screens anew; the difference is for a human to judge.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::program;
use crate::pty::Terminal;

/// How long a screen may take to become what it should be.
const PATIENCE: Duration = Duration::from_secs(15);
/// When screens are written anew, one is taken that stays as it is for so long.
const CALM: Duration = Duration::from_millis(400);
/// A story that is played.
pub struct Story<'a> {
    folder: PathBuf,
    size: (u16, u16),
    /// What stands in a story for what is only known now: what is really typed and shown, and how it is written.
    names: &'a [(String, &'a str)],
    terminal: Option<Terminal>,
    /// What was typed on a clear screen, which is not shown again.
    typed: Option<String>,
    /// The look of the texts that are listed in place of the screen.
    which: Option<String>,
}

impl<'a> Story<'a> {
    /// A story in this folder on a terminal of so many rows and columns.
    pub fn new(folder: &Path, size: (u16, u16), names: &'a [(String, &'a str)]) -> Story<'a> {
        Story { folder: folder.into(), size, names, terminal: None, typed: None, which: None }
    }

    /// Plays a file; what differs, if anything does.
    pub fn check(mut self, file: &Path) -> Option<String> {
        let written = fs::read_to_string(file).expect("text");
        let update = std::env::var_os("UPDATE").is_some();
        let mut played = String::new();
        let lines: Vec<&str> = written.lines().collect();
        let mut at = 0;
        while at < lines.len() {
            let line = lines[at];
            at += 1;
            played += &format!("{line}\n");
            let looks = self.act(line);
            let screen = lines[at..].iter().take_while(|line| line.starts_with('|')).count();
            let expected: Vec<String> = lines[at..at + screen].iter().map(ToString::to_string).collect();
            at += screen;
            if screen > 0 || (looks && update && !lines.get(at).is_some_and(|next| next.starts_with(['~', '=', '?']))) {
                played += &self.screen(&expected, update).iter().map(|line| format!("{line}\n")).collect::<String>();
            }
        }
        if played == written {
            return None;
        }
        if update {
            fs::write(file, played).expect("is writable");
            return None;
        }
        Some(format!("{}\n--- played\n{played}", file.display()))
    }

    /// Does what a line says; whether one looks at the screen then.
    fn act(&mut self, line: &str) -> bool {
        let Some((mark, rest)) = line.split_once(' ') else { return false };
        let rest = self.real(rest);
        match mark {
            "+" => {
                let (name, text) = rest.split_once(' ').unwrap_or((&rest, ""));
                let file = fs::File::options().create(true).append(true).open(self.folder.join(name));
                writeln!(file.expect("a file"), "{text}").expect("is writable");
                return false;
            }
            "$" => self.start(&rest),
            ">" => {
                self.terminal().submit(&rest);
                self.terminal().wait_for_editor();
                self.typed = Some(rest);
            }
            "<" => {
                self.terminal().keys(&keys(&rest));
                self.typed = None;
            }
            "~" => {
                self.terminal().wait_for(&rest);
            }
            "?" => {
                self.which = Some(rest);
                return true;
            }
            "=" => assert_eq!(self.terminal().exit_code().map(|code| code.to_string()), Some(rest)),
            _ => return false,
        }
        self.which = None;
        true
    }

    fn start(&mut self, command: &str) {
        let words = words(command);
        let named = words.iter().take_while(|word| word.contains('=')).count();
        let variables: Vec<(&str, &str)> = words[..named].iter().filter_map(|word| word.split_once('=')).collect();
        let terminal = [("TERM", "xterm-256color")];
        let environment: Vec<(&str, &str)> = terminal.into_iter().chain(variables).collect();
        let arguments: Vec<&str> = words[named + 1..].iter().map(String::as_str).collect();
        let started = Terminal::program(
            &program::binary().with_file_name(&words[named]),
            &self.folder,
            &arguments,
            self.size,
            &environment,
        );
        if arguments.is_empty() {
            started.wait_for_editor();
        }
        (self.terminal, self.typed) = (Some(started), None);
    }

    fn terminal(&mut self) -> &mut Terminal {
        self.terminal.as_mut().expect("a story begins with a program")
    }

    fn real(&self, text: &str) -> String {
        self.names.iter().fold(text.to_string(), |text, (real, written)| text.replace(written, real))
    }

    /// The screen when it is as expected, or as it is when patience ends.
    fn screen(&mut self, expected: &[String], update: bool) -> Vec<String> {
        let began = Instant::now();
        let (mut shown, mut since) = (blurred(self.lines(), expected), Instant::now());
        while began.elapsed() < PATIENCE {
            let done = if update { since.elapsed() > CALM } else { shown == expected };
            if done {
                return shown;
            }
            std::thread::sleep(Duration::from_millis(5));
            let now = blurred(self.lines(), expected);
            if now != shown {
                (shown, since) = (now, Instant::now());
            }
        }
        shown
    }

    /// The lines of the screen as they stand in a story.
    fn lines(&mut self) -> Vec<String> {
        if let Some(which) = self.which.clone() {
            return self.attributes(&which).iter().map(|text| format!("| {}", text.trim())).collect();
        }
        let names = self.names;
        let shown = self.terminal().shown();
        // Its ledger follows at once, or above the prompt when the machine was busy for longer than the prompt waits.
        let mut lines: Vec<&str> = shown.trim_end().lines().filter(|line| !line.starts_with(LET_GO)).collect();
        if let Some(typed) = self.typed.as_ref().filter(|_| lines.first().is_some_and(|first| first.starts_with("> ")))
        {
            // It stands on one line or, folded, on several.
            let mut left = typed.chars().count() + 2;
            while left > 0 && !lines.is_empty() {
                left = left.saturating_sub(lines.remove(0).chars().count().max(1));
            }
            // The mark that waits for the next line.
            lines.pop_if(|line| line.trim_end() == ">");
        }
        let written =
            |line: &&str| names.iter().fold(steady(line), |line, (real, written)| line.replace(real, written));
        lines.iter().map(written).map(|line| format!("| {line}").trim_end().to_string()).collect()
    }

    /// The texts on the screen that look so.
    fn attributes(&mut self, which: &str) -> Vec<String> {
        let (rows, columns) = self.size;
        let has = |cell: &vt100::Cell| match which {
            "underlined" => cell.underline(),
            _ => cell.fgcolor() != vt100::Color::Default || cell.bold() || cell.dim(),
        };
        self.terminal().look(|parser| {
            let mut texts = Vec::new();
            for row in 0..rows {
                let mut text = String::new();
                for column in 0..=columns {
                    match parser.screen().cell(row, column).filter(|cell| has(cell)) {
                        Some(cell) => text += cell.contents(),
                        None => texts.extend(Some(std::mem::take(&mut text)).filter(|text| !text.trim().is_empty())),
                    }
                }
            }
            if texts.is_empty() { vec!["(nothing)".into()] } else { texts }
        })
    }
}

/// Keys as they are written down: `\t \r \e \\`, and `^C` for Ctrl-C.
fn keys(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        out.push(match c {
            '\\' => match rest.next().expect("a key stands behind a backslash") {
                't' => '\t',
                'r' => '\r',
                'e' => '\x1b',
                other => other,
            },
            '^' => char::from(rest.next().expect("a key stands behind ^") as u8 & 0x1f),
            plain => plain,
        });
    }
    out
}

/// The words of a command; in single quotes a word may hold blanks.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in command.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            plain => words.last_mut().expect("there is one").push(plain),
        }
    }
    words
}

/// What is said of a query that was stopped and came to its end behind the prompt.
const LET_GO: &str = "the query that was stopped has let go";

/// The lines with `…` in place of the words for which it stands in the lines that are expected.
fn blurred(lines: Vec<String>, expected: &[String]) -> Vec<String> {
    let blur = |(index, line): (usize, String)| {
        let words: Vec<&str> = line.split(' ').collect();
        match expected.get(index).map(|expected| expected.split(' ').collect::<Vec<&str>>()) {
            Some(wanted) if wanted.len() == words.len() => {
                let word = |(word, wanted): (&&str, &&str)| {
                    if *wanted == "…" { "…".to_string() } else { word.to_string() }
                };
                words.iter().zip(&wanted).map(word).collect::<Vec<_>>().join(" ")
            }
            _ => line,
        }
    };
    lines.into_iter().enumerate().map(blur).collect()
}

/// The line without what differs from run to run: how long something took, rates, how long somebody has been idle.
fn steady(line: &str) -> String {
    const UNITS: [&str; 7] = ["ms", "s", "min", "h", "d", "rows/s", "in"];
    let words: Vec<&str> = line.split(' ').collect();
    let is_number = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let mut out = Vec::with_capacity(words.len());
    for (index, word) in words.iter().enumerate() {
        let unit = words.get(index + 1).copied().unwrap_or_default().trim_end_matches([',', ';', '.']);
        let before = index.checked_sub(1).map_or("", |before| words[before]);
        let measured =
            unit == "ms" && !matches!(before, "-" | "of" | "│") || matches!(unit, "rows/s" | "kB/s" | "MB/s");
        let elapsed = UNITS.contains(&unit) && matches!(before, "in" | "for" | "ready" | "·" | "");
        let status = unit == "in" && line.contains("rows/s");
        out.push(if is_number(word) && (measured || elapsed || status) { "…" } else { word });
    }
    out.join(" ")
}
