//! Windows by their definition: every row is tried against every window there is. Slow, and plainly right.

use std::collections::BTreeMap;

/// A window function for the model; sizes as in the stories.
#[derive(Clone, Copy, Debug)]
pub enum Model {
    Tumble { size: i64, offset: i64 },
    Hop { size: i64, slide: i64, offset: i64 },
    Cumulate { size: i64, step: i64, offset: i64 },
    Session { gap: i64 },
}

/// What happens: a row of a key with a value and a time, or a watermark.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Row { key: u8, value: i64, time: i64 },
    Watermark(i64),
}

/// Count and sum per key and window, as lines of a story; and how many rows were late.
pub fn answer(model: Model, steps: &[Step]) -> (Vec<String>, usize) {
    match model {
        Model::Session { gap } => sessions(gap, steps),
        _ => windows(model, steps),
    }
}

/// All windows near a time, found by trying every border.
fn windows_of(model: Model, time: i64) -> Vec<(i64, i64)> {
    let near = |reach: i64| (time - reach - 1)..=(time + reach + 1);
    let all: Vec<(i64, i64)> = match model {
        Model::Tumble { size, offset } => {
            near(size).filter(|start| (start - offset) % size == 0).map(|start| (start, start + size)).collect()
        }
        Model::Hop { size, slide, offset } => {
            near(size).filter(|start| (start - offset) % slide == 0).map(|start| (start, start + size)).collect()
        }
        Model::Cumulate { size, step, offset } => near(size)
            .filter(|start| (start - offset) % size == 0)
            .flat_map(|start| (1..=size / step).map(move |n| (start, start + n * step)))
            .collect(),
        Model::Session { .. } => Vec::new(),
    };
    all.into_iter().filter(|&(start, end)| start <= time && time < end).collect()
}

fn line(key: u8, count: i64, sum: i64, start: i64, end: i64) -> String {
    format!("+I | k{key} | {count} | {sum} | {start} | {end} | {}", end - 1)
}

fn windows(model: Model, steps: &[Step]) -> (Vec<String>, usize) {
    let mut sums: BTreeMap<(u8, i64, i64), (i64, i64)> = BTreeMap::new();
    let (mut watermark, mut late) = (i64::MIN, 0);
    for step in steps {
        match *step {
            Step::Watermark(reached) => watermark = watermark.max(reached),
            Step::Row { key, value, time } => {
                let open: Vec<_> =
                    windows_of(model, time).into_iter().filter(|&(_, end)| watermark < end - 1).collect();
                late += usize::from(open.is_empty());
                for (start, end) in open {
                    let sum = sums.entry((key, start, end)).or_default();
                    *sum = (sum.0 + 1, sum.1 + value);
                }
            }
        }
    }
    let mut lines: Vec<String> =
        sums.into_iter().map(|((key, start, end), (count, sum))| line(key, count, sum, start, end)).collect();
    lines.sort();
    (lines, late)
}

/// A session of the model.
#[derive(Clone, Copy)]
struct Open {
    key: u8,
    start: i64,
    end: i64,
    count: i64,
    sum: i64,
}

fn sessions(gap: i64, steps: &[Step]) -> (Vec<String>, usize) {
    let (mut open, mut lines, mut watermark, mut late): (Vec<Open>, Vec<String>, _, _) =
        (Vec::new(), Vec::new(), i64::MIN, 0);
    for step in steps.iter().copied().chain([Step::Watermark(i64::MAX)]) {
        match step {
            Step::Watermark(reached) => {
                watermark = watermark.max(reached);
                let (over, still): (Vec<Open>, Vec<Open>) = open.into_iter().partition(|s| s.end - 1 <= watermark);
                lines.extend(over.iter().map(|s| line(s.key, s.count, s.sum, s.start, s.end)));
                open = still;
            }
            Step::Row { key, value, time } => {
                let mut all = Open { key, start: time, end: time + gap, count: 1, sum: value };
                while let Some(met) = open.iter().position(|s| s.key == key && s.start <= all.end && all.start <= s.end)
                {
                    let s = open.swap_remove(met);
                    all = Open {
                        key,
                        start: all.start.min(s.start),
                        end: all.end.max(s.end),
                        count: all.count + s.count,
                        sum: all.sum + s.sum,
                    };
                }
                // What met no open session is judged by its own window.
                if all.count == 1 && all.end - 1 <= watermark { late += 1 } else { open.push(all) }
            }
        }
    }
    lines.sort();
    (lines, late)
}
