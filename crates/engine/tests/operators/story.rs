//! Stories: text files that say what goes into an operator and what must come out.
//!
//! ```text
//! ## A row behind the watermark still counts in windows that are open
//! input t: k text, v int, ts time
//! step: hop 10 every 5 on ts by k: count(*)
//! t | a | 1 | 3        a row of input t; `t -D | …` with its kind; `_` is null
//! t ~ 12               the watermark of input t
//! t end                input t ends
//! > +I | a | 1 | 0 | 5 | 4     must have come out since the last check
//! > ~ 12               and so must this watermark
//! late | a | 1 | 3     must have been given up as late
//! ```

use millstream_record::Kind;

/// One story: a graph, and what happens.
#[derive(Clone, Debug, Default)]
pub struct Story {
    pub title: String,
    pub inputs: Vec<Input>,
    pub step: String,
    pub events: Vec<Event>,
    pub checks: Vec<Check>,
    pub late: Vec<String>,
}

/// An input with its columns.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: String,
    pub columns: Vec<(String, String)>,
    pub changes: bool,
}

/// What happens to an input.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Row { input: usize, kind: Kind, values: Vec<Option<String>> },
    Watermark { input: usize, watermark: i64 },
    End { input: usize },
}

impl Event {
    pub fn input(&self) -> usize {
        match self {
            Event::Row { input, .. } | Event::Watermark { input, .. } | Event::End { input } => *input,
        }
    }
}

/// What must have come out when `after` events have happened.
#[derive(Clone, Debug)]
pub struct Check {
    pub after: usize,
    pub lines: Vec<String>,
}

/// All stories of a file.
pub fn parse(text: &str) -> Vec<Story> {
    let mut stories: Vec<Story> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
        if let Some(title) = line.strip_prefix("## ") {
            stories.push(Story { title: title.into(), ..Story::default() });
        } else {
            stories.last_mut().expect("a story begins with ##").line(line);
        }
    }
    stories
}

fn cells(text: &str) -> Vec<String> {
    text.split('|').map(|cell| cell.trim().to_string()).collect()
}

impl Story {
    fn line(&mut self, line: &str) {
        if let Some(input) = line.strip_prefix("input ") {
            self.inputs.push(parse_input(input));
        } else if let Some(step) = line.strip_prefix("step: ") {
            self.step = step.into();
        } else if let Some(expected) = line.strip_prefix('>') {
            let after = self.events.len();
            if self.checks.last().is_none_or(|check| check.after != after) {
                self.checks.push(Check { after, lines: Vec::new() });
            }
            let lines = &mut self.checks.last_mut().expect("it has just been put there").lines;
            if expected.trim() != "nothing" {
                lines.push(cells(expected).join(" | "));
            }
        } else if let Some(row) = line.strip_prefix("late |") {
            self.late.push(cells(row).join(" | "));
        } else {
            let event = self.event(line);
            self.events.push(event);
        }
    }

    fn event(&self, line: &str) -> Event {
        let name = line.split_whitespace().next().expect("the line is not empty");
        let input = self.inputs.iter().position(|input| input.name == name);
        let input = input.unwrap_or_else(|| panic!("no input is called {name}, in {line:?}"));
        let rest = line[name.len()..].trim();
        if rest == "end" {
            return Event::End { input };
        }
        if let Some(watermark) = rest.strip_prefix('~') {
            return Event::Watermark { input, watermark: watermark.trim().parse().expect("a watermark") };
        }
        let (kind, values) = rest.split_once('|').expect("a row");
        let kind = if kind.trim().is_empty() { Kind::Insert } else { Kind::from_mark(kind.trim()).expect("a kind") };
        let values = cells(values).into_iter().map(|cell| (cell != "_").then_some(cell)).collect();
        Event::Row { input, kind, values }
    }
}

fn parse_input(text: &str) -> Input {
    let (name, columns) = text.split_once(':').expect("input NAME: columns");
    let (name, changes) = name.strip_suffix(" changes").map_or((name, false), |name| (name, true));
    let column = |column: &str| {
        let (name, data_type) = column.trim().split_once(' ').expect("NAME type");
        (name.to_string(), data_type.to_string())
    };
    Input { name: name.trim().into(), columns: columns.split(',').map(column).collect(), changes }
}
