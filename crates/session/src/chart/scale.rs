//! Axes: steps that people count in, and places as short text.

use arrow::datatypes::TimeUnit;

use crate::render::clock_text;

const SECOND: f64 = 1_000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// Steps of time that clocks and calendars have.
const STEPS: [f64; 20] = [
    SECOND,
    2.0 * SECOND,
    5.0 * SECOND,
    10.0 * SECOND,
    15.0 * SECOND,
    30.0 * SECOND,
    MINUTE,
    2.0 * MINUTE,
    5.0 * MINUTE,
    10.0 * MINUTE,
    15.0 * MINUTE,
    30.0 * MINUTE,
    HOUR,
    2.0 * HOUR,
    3.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    DAY,
    2.0 * DAY,
    7.0 * DAY,
];

/// Round numbers from `low` to `high`, about `count` of them (Heckbert, "Nice numbers for graph labels", 1990).
pub fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    steps(low, high, nice((high - low) / count.max(1) as f64))
}

/// Round times from `low` to `high`, in milliseconds, about `count` of them.
pub fn time_ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let wanted = (high - low) / count.max(1) as f64;
    let longer = || nice(wanted / DAY) * DAY;
    let step = if wanted < SECOND { nice(wanted).max(1.0) } else { 0.0 };
    let known = || STEPS.iter().copied().find(|step| *step >= wanted).unwrap_or_else(longer);
    steps(low, high, if step > 0.0 { step } else { known() })
}

fn nice(step: f64) -> f64 {
    if !step.is_finite() || step <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(step.log10().floor());
    let digit = step / power;
    let round = [1.0, 2.0, 5.0].into_iter().find(|round| digit <= *round).unwrap_or(10.0);
    round * power
}

fn steps(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step).ceil();
    // Numbers so large that a step does not move them have one tick.
    let count = ((high / step).floor() - first).clamp(0.0, 50.0) as usize;
    let ticks = (0..=count).map(|number| (first + number as f64) * step);
    let inside: Vec<f64> = ticks.filter(|tick| *tick >= low && *tick <= high && tick.is_finite()).collect();
    if inside.is_empty() { vec![low] } else { inside }
}

/// A number as short text: `1.5`, `20 000`, `3.2e9`.
pub fn number_text(number: f64) -> String {
    let size = number.abs();
    if size >= 1e7 || (size > 0.0 && size < 1e-3) {
        return format!("{number:.2e}").replace(".00e", "e");
    }
    // Seven digits are more than an axis has room for and fewer than a step of one needs to vanish.
    let digits = if size >= 1.0 { 6 - size.log10() as usize } else { 6 };
    let text = format!("{number:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.to_string() }
}

/// A time as short text: the time of day, with the date at midnight and its milliseconds where it has some.
pub fn time_text(millis: f64) -> String {
    let mut text = String::new();
    clock_text::timestamp(&mut text, millis as i64, TimeUnit::Millisecond);
    let (date, time) = text.split_once(' ').unwrap_or((&text, ""));
    match time.trim_end_matches(".000") {
        "00:00:00" => date.to_string(),
        time => time.strip_suffix(":00").filter(|time| time.len() == 5).unwrap_or(time).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(-3.0, 120.0, 4), [0.0, 50.0, 100.0]);
        assert_eq!(time_ticks(0.0, 60_000.0, 4), [0.0, 15_000.0, 30_000.0, 45_000.0, 60_000.0]);
        assert_eq!(time_ticks(500.0, 700.0, 4), [500.0, 550.0, 600.0, 650.0, 700.0]);
        assert_eq!(time_ticks(0.0, 40.0 * DAY, 5).len(), 5);
    }

    #[test]
    fn any_range_has_a_few_ticks() {
        let ends = [-1e300, -1e18, -5.0, 0.0, 1e-300, 1e-9, 3.0, 1e15, 1.7e308, f64::MAX];
        for low in ends {
            for high in ends.into_iter().filter(|high| *high >= low) {
                for count in [1, 5, 9] {
                    for made in [ticks(low, high, count), time_ticks(low, high, count)] {
                        assert!((1..=51).contains(&made.len()), "{low} {high} {count}: {made:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn places_are_short_text() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.5, "1.5"),
            (-20_000.0, "-20000"),
            (0.25, "0.25"),
            (1_234_567.0, "1234567"),
            (3.2e9, "3.20e9"),
            (1e9, "1e9"),
            (1e-6, "1e-6"),
        ] {
            assert_eq!(number_text(number), text);
        }
        assert_eq!(time_text(0.0), "1970-01-01");
        assert_eq!(time_text(3_600_000.0), "01:00");
        assert_eq!(time_text(3_601_000.0), "01:00:01");
        assert_eq!(time_text(3_601_250.0), "01:00:01.250");
    }
}
