//! Patterns over random rows, against a search by definition: of every row all ways are tried in which a match could
//! begin there, row by row, without an automaton and without a queue.

use std::collections::{BTreeMap, BTreeSet};

use millstream_record::Kind;
use proptest::prelude::*;

use crate::drive::{Manner, PLAIN, drive};
use crate::graph::graph;
use crate::properties::setting;
use crate::story::Event;

/// A variable: how often, whether greedy, and which letters it takes.
#[derive(Clone, Debug)]
struct Variable {
    least: u32,
    most: Option<u32>,
    greedy: bool,
    letters: BTreeSet<char>,
}

#[derive(Clone, Copy, Debug)]
enum Skip {
    Past,
    Next,
    First(usize),
    Last(usize),
}

#[derive(Clone, Debug)]
struct Pattern {
    variables: Vec<Variable>,
    skip: Skip,
    within: Option<i64>,
}

/// A row in order of time: its letter, its time, its number.
type Row = (char, i64, i64);

/// How many rows each variable has.
type Counts = Vec<u32>;

/// What becomes of a match that begins at a row.
enum Fate {
    /// It ends with a row of this place, in one of these ways.
    Ends(usize, BTreeSet<Counts>),
    Fails,
    /// It has not ended when the rows end.
    Hangs,
}

impl Variable {
    fn takes(&self, letter: char) -> bool {
        self.letters.contains(&letter)
    }

    /// Whether what follows it must be what it cannot take.
    fn hoards(&self) -> bool {
        self.greedy && self.most != Some(self.least) && (self.least, self.most) != (0, Some(1))
    }

    fn text(&self, name: char) -> String {
        let most = self.most.map(|most| most.to_string()).unwrap_or_default();
        let times = match (self.least, self.most) {
            (1, Some(1)) => String::new(),
            (0, Some(1)) => "?".into(),
            (0, None) => "*".into(),
            (1, None) => "+".into(),
            (least, _) => format!("{{{least},{most}}}"),
        };
        format!("{name}{times}{}", if self.greedy { "" } else { "?" })
    }
}

impl Pattern {
    fn step(&self) -> String {
        let named = || ('A'..).zip(&self.variables);
        let variables: Vec<String> = named().map(|(name, variable)| variable.text(name)).collect();
        let skip = match self.skip {
            Skip::Past => "past".to_string(),
            Skip::Next => "next".to_string(),
            Skip::First(at) => format!("first={}", (b'A' + at as u8) as char),
            Skip::Last(at) => format!("last={}", (b'A' + at as u8) as char),
        };
        let within = self.within.map(|within| format!(" within {within}")).unwrap_or_default();
        let condition = |(name, variable): (char, &Variable)| {
            let letters: Vec<String> = variable.letters.iter().map(|letter| format!("t='{letter}'")).collect();
            format!("{name}: {}", letters.join(" | "))
        };
        let conditions: Vec<String> = named().map(condition).collect();
        let counts: Vec<String> = named().map(|(name, _)| format!("count({name}.v)")).collect();
        format!(
            "match {} skip {skip}{within} by k where {} measures first(*.v), last(*.v), {}",
            variables.join(" "),
            conditions.join("; "),
            counts.join(", ")
        )
    }

    /// The ways to go on with a row.
    fn next(&self, counts: &Counts, letter: char) -> Vec<(usize, Counts)> {
        let present = counts.iter().rposition(|&count| count > 0);
        let mut ways = Vec::new();
        for (to, variable) in self.variables.iter().enumerate() {
            let fits = match present {
                Some(from) if to < from => false,
                Some(from) if to == from => variable.most.is_none_or(|most| counts[to] < most),
                _ => {
                    let from = present.unwrap_or(0);
                    let left = from..to;
                    let enough = left.clone().all(|at| counts[at] >= self.variables[at].least);
                    enough && left.clone().all(|at| !self.variables[at].hoards() || !self.variables[at].takes(letter))
                }
            };
            if fits && variable.takes(letter) {
                let mut counts = counts.clone();
                counts[to] += 1;
                ways.push((to, counts));
            }
        }
        ways
    }

    /// Whether a match is complete behind this row of this variable.
    fn is_complete(&self, last: usize, counts: &Counts, letter: char) -> bool {
        let enough = (last..self.variables.len()).all(|at| counts[at] >= self.variables[at].least);
        let ends = self.variables.len() - 1;
        enough && (last..ends).all(|at| !self.variables[at].hoards() || !self.variables[at].takes(letter))
    }

    fn fate(&self, rows: &[Row], start: usize) -> Fate {
        let mut live: BTreeSet<Counts> = [vec![0; self.variables.len()]].into();
        for (place, &(letter, time, _)) in rows.iter().enumerate().skip(start) {
            if self.within.is_some_and(|within| time - rows[start].1 >= within) {
                return Fate::Fails;
            }
            let ways: Vec<_> = live.iter().flat_map(|counts| self.next(counts, letter)).collect();
            let complete = ways.iter().filter(|(last, counts)| self.is_complete(*last, counts, letter));
            let complete: BTreeSet<Counts> = complete.map(|(_, counts)| counts.clone()).collect();
            if !complete.is_empty() {
                return Fate::Ends(place, complete);
            }
            live = ways.into_iter().map(|(_, counts)| counts).collect();
            if live.is_empty() {
                return Fate::Fails;
            }
        }
        if self.within.is_some() { Fate::Fails } else { Fate::Hangs }
    }

    /// Whether these matches are those of the rows. Which way a match has gone is left open where there are several.
    fn check(&self, rows: &[Row], found: &[Vec<i64>]) -> Result<(), String> {
        let mut found = found.iter();
        let mut start = 0;
        while start < rows.len() {
            match self.fate(rows, start) {
                Fate::Hangs => break,
                Fate::Fails => start += 1,
                Fate::Ends(end, ways) => {
                    let Some(matched) = found.next() else { return Err(format!("no match from {:?}", rows[start])) };
                    let counts: Counts = matched[2..].iter().map(|&count| count as u32).collect();
                    if matched[..2] != [rows[start].2, rows[end].2] || !ways.contains(&counts) {
                        return Err(format!("{matched:?} instead of {:?} to {:?}, {ways:?}", rows[start], rows[end]));
                    }
                    let before = |at: usize| counts[..at].iter().sum::<u32>() as usize;
                    start = match self.skip {
                        Skip::Past => end + 1,
                        Skip::Next => start + 1,
                        Skip::First(at) => start + before(at),
                        Skip::Last(at) => start + before(at) + counts[at] as usize - 1,
                    };
                }
            }
        }
        found.next().map_or(Ok(()), |more| Err(format!("{more:?} is no match")))
    }
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let letters = prop::collection::btree_set(prop::sample::select(vec!['a', 'b', 'c']), 1..3);
    let times = prop_oneof![
        4 => Just((1, Some(1))),
        1 => Just((0, Some(1))),
        2 => Just((0, None)),
        2 => Just((1, None)),
        1 => Just((2, None)),
        2 => (0u32..3, 1u32..3).prop_map(|(least, more)| (least, Some(least + more))),
        1 => Just((2, Some(2))),
    ];
    let variable = (times, any::<bool>(), letters).prop_map(|((least, most), greedy, letters)| {
        // A single variable cannot be reluctant, nor can an optional one.
        let greedy = greedy || matches!((least, most), (_, Some(1)));
        Variable { least, most, greedy, letters }
    });
    let within = prop::option::of(1i64..12);
    (prop::collection::vec(variable, 1..5), 0usize..8, within).prop_map(|(mut variables, skip, within)| {
        if variables.iter().all(|variable| variable.least == 0) {
            variables[0] = Variable { least: 1, most: Some(1), greedy: true, ..variables[0].clone() };
        }
        let last = variables.last_mut().expect("there is one");
        last.greedy = last.greedy && !last.hoards();
        let mandatory: Vec<usize> = (1..variables.len())
            .filter(|&at| variables[at].least > 0 && variables[..at].iter().any(|before| before.least > 0))
            .collect();
        let skip = match (skip, mandatory.as_slice()) {
            (0..=2, _) | (_, []) => Skip::Past,
            (3..=4, _) => Skip::Next,
            (5..=6, some) => Skip::First(some[0]),
            (_, some) => Skip::Last(some[some.len() - 1]),
        };
        Pattern { variables, skip, within }
    })
}

/// Rows that come out of order, and watermarks between them: letter, key, time.
fn arrivals() -> impl Strategy<Value = Vec<(char, u8, i64, bool)>> {
    let letters = prop::sample::select(vec!['a', 'a', 'b', 'b', 'c', 'd']);
    prop::collection::vec((letters, 0u8..2, -3i64..3, prop::bool::weighted(0.4)), 0..50)
}

/// The events, and the rows that are not late by key and time.
fn play(arrivals: &[(char, u8, i64, bool)]) -> (Vec<Event>, BTreeMap<u8, Vec<Row>>) {
    let (mut events, mut rows, mut reached) = (Vec::new(), BTreeMap::<u8, Vec<Row>>::new(), i64::MIN);
    for (at, &(letter, key, shift, mark)) in (0i64..).zip(arrivals) {
        let time = 20 + at + shift;
        let cells = [format!("k{key}"), letter.to_string(), at.to_string(), time.to_string()];
        events.push(Event::Row { input: 0, kind: Kind::Insert, values: cells.into_iter().map(Some).collect() });
        if time > reached {
            rows.entry(key).or_default().push((letter, time, at));
        }
        if mark && 18 + at > reached {
            reached = 18 + at;
            events.push(Event::Watermark { input: 0, watermark: reached });
        }
    }
    events.push(Event::End { input: 0 });
    rows.values_mut().for_each(|rows| rows.sort_by_key(|&(_, time, at)| (time, at)));
    (events, rows)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn matches_are_those_of_a_search_by_definition(
        pattern in patterns(),
        arrivals in arrivals(),
        batch_rows in prop_oneof![Just(None), (1usize..20).prop_map(Some), Just(Some(8192))],
        recover in prop::option::of((0usize..30, 1usize..30)),
    ) {
        let story = setting(&["t: k text, t text, v int, ts time"], &pattern.step());
        let (events, rows) = play(&arrivals);
        let outcome = drive(&graph(&story), &events, Manner { batch_rows, recover, ..PLAIN });
        let mut found: BTreeMap<u8, Vec<Vec<i64>>> = BTreeMap::new();
        for (_, line) in outcome.lines.iter().filter(|(_, line)| line.starts_with("+I")) {
            let cells: Vec<&str> = line.split(" | ").collect();
            let key = cells[1][1..].parse::<u8>().expect("a key");
            found.entry(key).or_default().push(cells[2..].iter().map(|cell| cell.parse().expect("a number")).collect());
        }
        for key in 0..2 {
            let rows = rows.get(&key).map_or(&[][..], Vec::as_slice);
            let found = found.get(&key).map_or(&[][..], Vec::as_slice);
            let checked = pattern.check(rows, found);
            prop_assert!(checked.is_ok(), "{}\n{rows:?}\n{found:?}\n{}", pattern.step(), checked.unwrap_err());
        }
    }
}
